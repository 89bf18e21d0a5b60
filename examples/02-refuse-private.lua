-- Refuses private addresses where the connection is really made: after DNS, after every
-- redirect, whatever an easy's own options say. What checks the URL before the request misses
-- all of these. The guard belongs to the pool, here a multi: nothing in it has gone round it.
--
-- Run:      lua5.4 examples/02-refuse-private.lua [--allow=NETWORK] [URL...]
-- Expected, without a URL:
--   http://127.0.0.1/           refused: it is loopback (RFC 1122), 127.0.0.0/8
--   http://[::ffff:10.0.0.1]/   refused: it is IPv4-mapped (RFC 4291), ::ffff:0:0/96
--   http://metadata.test/       refused: it is link-local and metadata (RFC 3927), 169.254.0.0/16
--   http://93.184.216.34:22/    refused: port 22 is not allowed
local curl = require "curlsock"
local policy = require "curlsock.policy"

local allowed, urls = {}, {}
for _, word in ipairs(arg) do
  local network = word:match("^%-%-allow=(.*)")
  table.insert(network and allowed or urls, network or word)
end
if #urls == 0 then
  urls = {
    "http://127.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://metadata.test/",
    "http://93.184.216.34:22/",
  }
end

-- What is allowed may be on any port, so that the example can be tried with a server of one's own.
local rules = policy.compose {
  policy.guard { ports = allowed[1] and "any" }, policy.allow(allowed),
}

for _, url in ipairs(urls) do
  local easy <close> = curl.easy {
    policy = rules, -- a pool of its own
    url = url,
    followlocation = true,
    resolve = { "metadata.test:80:169.254.169.254" }, -- as a hostile name server would say
  }
  local ok, message, name = easy:perform()
  local refusal = rules:why(easy)[1]
  if name == "REFUSED" and refusal then message = "refused: " .. refusal.reason end
  print(("%-27s %s"):format(url, ok and "status " .. easy:getinfo("response_code") or message))
end
