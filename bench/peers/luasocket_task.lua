-- Requests with LuaSocket's HTTP, which makes a connection for each.
--
--   lua5.4 bench/peers/luasocket_task.lua new URL N
local http = require "socket.http"

local url, n = arg[2], tonumber(arg[3])

local function request()
  assert(http.request { url = url, sink = function() return 1 end })
end

request()
local start = os.clock()
for _ = 1, n do request() end
print(("cpu %.6f"):format(os.clock() - start))
