-- Speaks from another network namespace, while the program stays in its own. Here the namespace is
-- a new one, made for the example, with an address of its own.
--
-- Run:      lua5.4 examples/16-namespace.lua      (as root, on Linux)
-- Expected:
--   from here:   COULDNT_CONNECT
--   from there:  hello from 192.0.2.1
-- Who may not make a namespace reads "no namespace can be made here" instead.
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"

-- A process that waits in a namespace of its own, with lo and an address; its number.
local holder = io.popen([[exec unshare -n sh -c 'ip link set lo up &&
  ip addr add 192.0.2.1/32 dev lo && echo $$ && exec sleep 60 <&- >&- 2>&-' 2>&-]])
local pid = holder:read("n")
local path = pid and ("/proc/%d/ns/net"):format(pid)
local listener = path and curl.socket("inet", "stream", 0, { netns = path })
if not listener then
  print("no namespace can be made here")
  os.exit()
end
assert(listener:bind("192.0.2.1:0"):listen())
local url = "http://" .. tostring(listener:localaddress())

-- What a request to it gives, under the rules; the server, which is in there, answers beside.
local function fetch(rules)
  local multi <close> = curl.multi { policy = rules }
  local body = {}
  local easy <close> = curl.easy { url = url, proxy = "", writefunction = body, connecttimeout = 2 }
  assert(multi:add(easy))
  while assert(multi:perform()) > 0 do
    multi:poll(0.01)
    local peer <close> = listener:accept(0)
    if peer then
      peer:recv(4096, 1)
      peer:send("HTTP/1.0 200 OK\r\n\r\nhello from " .. peer:localaddress().ip)
    end
  end
  local next_result, state = multi:results()
  local _, ok, _, name = next_result(state)
  return ok and table.concat(body) or name
end

local here = fetch(policy.compose {})
print("from here:   " .. (here == "OPERATION_TIMEDOUT" and "COULDNT_CONNECT" or here))
print("from there:  " .. fetch(policy.compose { policy.netns(path) }))
listener:close()
os.execute("kill " .. pid)
holder:close()
