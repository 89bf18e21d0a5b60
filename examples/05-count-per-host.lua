-- Counts the connections of each host, opened, reused, closed, and what came over each, from the
-- events of a pool.
--
-- Run:      lua5.4 examples/05-count-per-host.lua
-- Expected (bytes are told by Linux alone, else they are "?"):
--   closed 127.0.0.1: 3 requests, 225 bytes received
--   closed 127.0.0.2: 3 requests, 225 bytes received
--   127.0.0.1  opened 1  reused 2  closed 1
--   127.0.0.2  opened 1  reused 2  closed 1
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"
local origin = require("origin").new("0.0.0.0:0", function() return ("hello "):rep(6) end)
local port = origin.address.port

local hosts, connections = {}, {}

local told = {}

function told.open(event)
  local ip = event.address.ip
  hosts[ip] = hosts[ip] or { opened = 0, reused = 0, closed = 0 }
  hosts[ip].opened = hosts[ip].opened + 1
  connections[event.id] = { ip = ip, requests = 0 }
end

function told.request(event)
  local connection = connections[event.id]
  connection.requests = connection.requests + 1
  if event.kept then hosts[connection.ip].reused = hosts[connection.ip].reused + 1 end
end

function told.close(event)
  local connection = connections[event.id]
  hosts[connection.ip].closed = hosts[connection.ip].closed + 1
  local info = event.socket:info() or {} -- the kernel's record of the connection
  print(("closed %s: %d requests, %s bytes received"):format(connection.ip, connection.requests,
    info.bytes_received or "?"))
end

local multi = curl.multi {
  policy = policy.compose {
    policy.trace(function(event)
      if told[event.kind] then told[event.kind](event) end
    end),
  },
}
for _ = 1, 3 do
  for _, ip in ipairs { "127.0.0.1", "127.0.0.2" } do
    local easy <close> = curl.easy { url = ("http://%s:%d/"):format(ip, port), proxy = "" }
    assert(origin:run(multi, easy))
  end
end
multi:close()
origin:close()
for _, ip in ipairs { "127.0.0.1", "127.0.0.2" } do
  local host = hosts[ip]
  print(("%s  opened %d  reused %d  closed %d"):format(ip, host.opened, host.reused, host.closed))
end
