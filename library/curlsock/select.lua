---@meta curlsock.select
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

local module = {}

---a loop on LuaSocket's select; options are those of its multi.
---@param options? curlsock.MultiOptions
---@return curlsock.Loop
function module.new(options) end

return module
