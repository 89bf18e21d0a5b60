-- Chooses where a connection comes from: binds the socket to a source address and gives it a
-- firewall mark, before it is connected.
--
-- Run:      lua5.4 examples/03-bind-and-mark.lua      (as root for the mark)
-- Expected (the ports differ):
--   origin   listens on 127.0.0.1:38411
--   socket   bound to 127.0.0.9:46121, mark 7
--   origin   was asked by 127.0.0.9:46121
-- Who may not set a mark reads "mark refused (EPERM)" instead; where there are none, as on any
-- system but Linux, "mark refused (ENOPROTOOPT)".
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local origin = require("origin").new("127.0.0.1:0", function(_, peer)
  return "was asked by " .. tostring(peer:peeraddress())
end)
print("origin   listens on " .. tostring(origin.address))

local answer = {}
local multi <close> = curl.multi()
local easy <close> = curl.easy {
  url = "http://" .. tostring(origin.address),
  proxy = "",
  writefunction = answer,
  opensocketfunction = function(_, address)
    local socket = assert(address:socket())
    assert(socket:bind("127.0.0.9:0"))
    local marked, _, name = socket:setsockopt("socket", "mark", 7)
    local mark = marked and socket:getsockopt("socket", "mark") or "refused (" .. name .. ")"
    print(("socket   bound to %s, mark %s"):format(socket:localaddress(), mark))
    return socket
  end,
}
assert(origin:run(multi, easy))
print("origin   " .. table.concat(answer))
origin:close()
