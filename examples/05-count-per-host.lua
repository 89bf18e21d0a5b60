-- Counts the sockets of each host: opened, reused, closed. Each Socket carries its own record
-- in socket.data, and the kernel's record of the connection (TCP_INFO) is read at its end.
--
-- Run:      lua5.4 examples/05-count-per-host.lua
-- Expected (round trip times differ; bytes and times are told by Linux alone, else they are "?"):
--   closed 127.0.0.1: 3 requests, 225 bytes received, round trip 0.03 ms
--   closed 127.0.0.2: 3 requests, 225 bytes received, round trip 0.03 ms
--   127.0.0.1  opened 1  reused 2  closed 1
--   127.0.0.2  opened 1  reused 2  closed 1
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local origin = require("origin").new("0.0.0.0:0", function() return ("hello "):rep(6) end)
local port = origin.address.port

local hosts = {}
local multi = curl.multi()

local function host_of(address)
  local ip = address.ip
  hosts[ip] = hosts[ip] or { opened = 0, reused = 0, closed = 0 }
  return hosts[ip]
end

local function opened(_, address)
  local socket = assert(address:socket())
  local host = host_of(address)
  host.opened = host.opened + 1
  socket.data = { ip = address.ip, host = host, requests = 0 }
  return socket
end

local function closed(socket)
  local data, info = socket.data, socket:info() or {}
  data.host.closed = data.host.closed + 1
  local rtt = info.rtt and ("%.2f"):format(info.rtt * 1000)
  print(("closed %s: %d requests, %s bytes received, round trip %s ms"):format(
    data.ip, data.requests, info.bytes_received or "?", rtt or "?"))
end

-- The socket that the transfer used: prereqfunction is called for each request, on a new
-- connection and on a kept one, and its local port tells which.
local function used(_, _, _, local_port)
  for _, entry in ipairs(curl.sockets()) do
    local socket = entry.socket
    if socket:localaddress().port == local_port then
      local data = socket.data
      data.requests = data.requests + 1
      if data.requests > 1 then data.host.reused = data.host.reused + 1 end
    end
  end
  return true
end

for _ = 1, 3 do
  for _, ip in ipairs { "127.0.0.1", "127.0.0.2" } do
    local easy <close> = curl.easy {
      url = ("http://%s:%d/"):format(ip, port),
      proxy = "",
      opensocketfunction = opened,
      closesocketfunction = closed,
      prereqfunction = used,
    }
    assert(origin:run(multi, easy))
  end
end
multi:close()
origin:close()
for _, ip in ipairs { "127.0.0.1", "127.0.0.2" } do
  local host = hosts[ip]
  print(("%s  opened %d  reused %d  closed %d"):format(ip, host.opened, host.reused, host.closed))
end
