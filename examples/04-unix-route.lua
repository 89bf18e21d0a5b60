-- Routes a host to a UNIX socket, by name: "app" is served by a local program, every other
-- host goes its usual way.
--
-- Run:      lua5.4 examples/04-unix-route.lua
-- Expected (the path differs):
--   http://app/status goes to unix:/tmp/lua_s0LsdM
--   hello from behind the UNIX socket, you asked for /status
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"

local path = os.tmpname()
os.remove(path)
local origin = require("origin").new("unix:" .. path, function(request)
  return "hello from behind the UNIX socket, you asked for " .. request:match("^GET (%S+)")
end)

local routes = { app = path }

-- The easy tells which host the socket is for; the address is what the name resolved to.
local function route(_, address, easy)
  local url = easy:getinfo("effective_url")
  local to = routes[url:match("^%w+://([^/:]+)")]
  if to then
    address.path = to
    print(url .. " goes to " .. tostring(address))
  end
  return true
end

local answer = {}
local multi <close> = curl.multi()
local easy <close> = curl.easy {
  url = "http://app/status",
  proxy = "",
  resolve = { "app:80:192.0.2.1" }, -- a name needs an address, whichever
  opensocketfunction = route,
  writefunction = answer,
}
assert(origin:run(multi, easy))
print(table.concat(answer))
origin:close()
