---@meta curlsock.luv
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

local module = {}

---a loop in that of luv; options are those of its multi. It keeps uv.run() running while it has transfers. Inside a callback of libuv, a perform that is in no coroutine waits for transfers alone.
---@param options? curlsock.MultiOptions
---@return curlsock.Loop
function module.new(options) end

return module
