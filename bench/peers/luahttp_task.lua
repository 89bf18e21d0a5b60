-- Requests with lua-http, which makes a connection for each.
--
--   lua5.1 bench/peers/luahttp_task.lua new URL N
local request = require "http.request"

local url, n = arg[2], tonumber(arg[3])

local function get()
  local _, stream = assert(request.new_from_uri(url):go())
  assert(stream:get_body_as_string())
  stream:shutdown()
end

get()
local start = os.clock()
for _ = 1, n do get() end
print(("cpu %.6f"):format(os.clock() - start))
