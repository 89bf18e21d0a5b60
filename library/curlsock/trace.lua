---@meta curlsock.trace
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

local module = {}

---notes what happens to transfers and connections in this Lua state from now on, by curl.trace, on a clock of its own (curl.now: libcurl's times mislead for a transfer that waited in a queue). It sets no callback, and keeps no easy and no Socket: the script's callbacks and socket.data are its own. Times are seconds since the recording began; done, used and close are nil until then.
---@return curlsock.Recording
function module.record() end

return module
