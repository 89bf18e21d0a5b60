---@meta curlsock.loop
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

local module = {}

---a loop of curlsock's own; options are those of its multi. Raises an error where libcurl refuses one.
---@param options? curlsock.MultiOptions
---@return curlsock.Loop
function module.new(options) end

return module
