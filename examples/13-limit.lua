-- Keeps a program polite: at most two connections to a host, ten transfers a second, and no body
-- over 1 KB. In a loop the transfers wait for their turn.
--
-- Run:      lua5.4 examples/13-limit.lua
-- Expected (times differ):
--   20 fetched over 2 connections, in 1.9 s
--   /long: the body is over 1024 bytes
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"
local origin = require("origin").new("127.0.0.1:0", function(request)
  return request:find("/long", 1, true) and ("x"):rep(5000) or "hello"
end)

local rules = policy.compose { policy.limit { per_host = 2, rate = 10, burst = 2, body = 1024 } }
local loop <close> = require("curlsock.loop").new { policy = rules }
local fetched, start, serving = 0, curl.now(), true

local function fetch(path)
  local easy <close> = curl.easy {
    url = ("http://%s%s"):format(origin.address, path), proxy = "", writefunction = {},
  }
  local ok, message = loop:perform(easy, 20)
  if ok then fetched = fetched + 1 end
  return ok, message
end

loop:spawn(function() -- the origin runs beside
  while serving do
    origin:step()
    loop:sleep(0.005)
  end
end)
local group = loop:group()
for i = 1, 20 do group:spawn(fetch, "/" .. i) end
group:wait()
print(("%d fetched over %d connections, in %.1f s"):format(fetched, rules:stats().opened,
  curl.now() - start))
local _, message = fetch("/long")
print("/long: " .. message:match("the body is over.*"))
serving = false
loop:run()
origin:close()
