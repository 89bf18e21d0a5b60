-- Chooses where connections come from: binds every socket of a pool to a source address and gives
-- it a firewall mark, before it is connected. What the system refuses is refused.
--
-- Run:      lua5.4 examples/03-bind-and-mark.lua      (as root for the mark)
-- Expected (the ports differ):
--   origin   listens on 127.0.0.1:38411
--   origin   was asked by 127.0.0.9:46121
--   marked   was asked by 127.0.0.9:46122
-- Who may not set a mark reads "marked   refused: bind: setsockopt mark: Operation not permitted".
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"
local origin = require("origin").new("127.0.0.1:0", function(_, peer)
  return "was asked by " .. tostring(peer:peeraddress())
end)
print("origin   listens on " .. tostring(origin.address))

local function ask(rules)
  local answer = {}
  local multi <close> = curl.multi { policy = rules }
  local easy <close> = curl.easy {
    url = "http://" .. tostring(origin.address), proxy = "", writefunction = answer,
  }
  local ok, message = origin:run(multi, easy)
  return ok and table.concat(answer) or "refused: " .. message:match("bind: .*")
end

print("origin   " .. ask(policy.compose { policy.bind { inet = "127.0.0.9" } }))
print("marked   " .. ask(policy.compose { policy.bind { inet = "127.0.0.9", mark = 7 } }))
origin:close()
