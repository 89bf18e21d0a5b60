-- Lets another process open the sockets: one that may do what this one may not. Here the broker
-- is started by the example, and gives sockets to one address only.
--
-- Run:      lua5.4 examples/17-broker.lua
-- Expected (the port differs):
--   http://127.0.0.1:41515/   hello, 127.0.0.77
--   http://127.0.0.2:41515/   broker: not there: 127.0.0.2
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"

-- The other process: for each question a Socket, or nil and a reason.
local function broker(path)
  local listener = assert(assert(curl.socket("unix")):bind("unix:" .. path))
  assert(listener:listen())
  print "ready"
  io.stdout:flush()
  local channel <close> = assert(listener:accept(20))
  policy.broker.serve(channel, function(address)
    if address.ip ~= "127.0.0.1" then return nil, "not there: " .. address.ip end
    return assert(address:socket()):bind("127.0.0.77:0")
  end)
end

if arg[1] == "broker" then return broker(arg[2]) end

local first = 0
while arg[first - 1] do first = first - 1 end
local path = os.tmpname()
os.remove(path)
local process = assert(io.popen(("exec '%s' '%s' broker %s"):format(arg[first], arg[0], path)))
assert(process:read() == "ready")

local origin = require("origin").new("0.0.0.0:0", function(_, peer)
  return "hello, " .. peer:peeraddress().ip
end)
local rules = policy.compose { policy.broker("unix:" .. path) }
local multi = curl.multi { policy = rules }
for _, ip in ipairs { "127.0.0.1", "127.0.0.2" } do
  local answer, url = {}, ("http://%s:%d/"):format(ip, origin.address.port)
  local easy <close> = curl.easy { url = url, proxy = "", writefunction = answer }
  local ok, message = origin:run(multi, easy)
  print(url .. "   " .. (ok and table.concat(answer) or message:match("broker: .*")))
end
multi:close()
origin:close()
os.remove(path)
os.exit(true, true) -- closes the channel, by which the broker ends
