-- Takes a connected socket away from libcurl and goes on speaking on it. libcurl does what it
-- is good at (names, proxies, happy eyeballs); then detach in the close callback makes the
-- descriptor the script's, and libcurl closes nothing.
--
-- Run:      lua5.4 examples/06-take-the-socket.lua
-- Expected (ports and descriptor differ):
--   libcurl connected to 127.0.0.1:40517
--   easy closed, descriptor 6 is ours
--   echo: a protocol that libcurl does not know
local curl = require "curlsock"

local listener = assert(curl.socket("inet")):bind("127.0.0.1:0"):listen()
local target = listener:localaddress()

local taken
local easy = curl.easy {
  url = "http://" .. tostring(target),
  proxy = "",
  connect_only = true,
  closesocketfunction = function(socket)
    taken = socket:detach()
  end,
}
assert(easy:perform())
print(("libcurl connected to %s:%d"):format(easy:getinfo("primary_ip"), target.port))
easy:close()

local ours <close> = curl.adopt(taken)
print(("easy closed, descriptor %d is ours"):format(ours:fd()))
local peer <close> = assert(listener:accept(1))
listener:close()

assert(ours:send("a protocol that libcurl does not know"))
peer:send("echo: " .. peer:recv(1024, 1))
print(ours:recv(1024, 1))
