--- policy.netns(path): sockets are made in another network namespace ("/run/netns/blue", or
-- "/proc/PID/ns/net"), and reach what can be reached from there. Names are still resolved in this
-- process's own: give addresses, or the option resolve. A guard's check of own addresses asks this
-- process's namespace. Where the namespace is not there, or may not be entered (it needs a
-- privilege), it refuses. A second policy that opens every socket raises in compose; so does, here,
-- a path that is no text.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local curl = require "curlsock"
local fences = require "curlsock.policy.fences"

local function netns(path)
  if type(path) ~= "string" then check.fail("netns", "argument", "path", path) end
  local where = { netns = path }

  local function make(address)
    local socket, message =
      curl.socket(address.family, address.socktype, address.protocol, where)
    return socket, not socket and message or nil
  end

  return { name = "netns", fence = fences.own_address, make = make, opener = true,
    reads_only = true }
end

return netns
