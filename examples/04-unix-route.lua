-- Routes a host to a UNIX socket: "app" is served by a local program, every other host goes
-- its usual way.
--
-- Run:      lua5.4 examples/04-unix-route.lua [URL]
-- Expected, without a URL (the path differs):
--   192.0.2.80:80 goes to unix:/tmp/lua_s0LsdM
--   hello from behind the UNIX socket, you asked for /status
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"

local path = os.tmpname()
os.remove(path)
local origin = require("origin").new("unix:" .. path, function(request)
  return "hello from behind the UNIX socket, you asked for " .. request:match("^GET (%S+)")
end)

-- "app" resolves to an address that nobody has (RFC 5737), and what is dialled decides. The
-- text of the URL does not: in "http://app:x@example.com/" the host is example.com.
local name = "app:80:192.0.2.80"
local routes = { ["192.0.2.80"] = path }

local function route(_, address)
  local to = routes[address.ip]
  if to then
    local from = tostring(address)
    address.path = to
    print(from .. " goes to " .. tostring(address))
  end
  return true
end

local answer = {}
local multi <close> = curl.multi()
local easy <close> = curl.easy {
  url = arg[1] or "http://app/status",
  proxy = "", -- the address would be the proxy's
  resolve = { name },
  opensocketfunction = route,
  writefunction = answer,
}
assert(origin:run(multi, easy))
print(table.concat(answer))
origin:close()
