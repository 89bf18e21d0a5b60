-- Refuses private addresses where the connection is really made: after DNS, after every
-- redirect, for a proxy too. What checks the URL before the request misses all of these.
--
-- Run:      lua5.4 examples/02-refuse-private.lua [--allow=NETWORK] [URL...]
-- Expected, without a URL:
--   http://127.0.0.1/           refused: 127.0.0.1:80 is in 127.0.0.0/8
--   http://[::ffff:10.0.0.1]/   refused: [::ffff:10.0.0.1]:80 is in 10.0.0.0/8
--   http://metadata.test/       refused: 169.254.169.254:80 is in 169.254.0.0/16
local curl = require "curlsock"

local private = {
  "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
  "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
  -- Of IPv6 only what is given out to the public (2000::/3) is let through, and of that not
  -- what carries an IPv4 address inside (Teredo, 6to4).
  "::/3", "4000::/2", "8000::/1", "2001::/32", "2002::/16",
}
local allowed, urls = {}, {}
for _, word in ipairs(arg) do
  local network = word:match("^%-%-allow=(.*)")
  table.insert(network and allowed or urls, network or word)
end
if #urls == 0 then
  urls = { "http://127.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://metadata.test/" }
end

-- The network of the list that the address is in.
local function find(networks, address)
  for _, network in ipairs(networks) do
    if address:within(network) then return network end
  end
end

-- Returning nothing but true opens a socket: a guard that fails refuses.
local function guard(_, address)
  if address.family ~= "inet" and address.family ~= "inet6" then
    return nil, "only the Internet is allowed"
  end
  local network = not find(allowed, address) and find(private, address)
  if network then return nil, "it is in " .. network end
  return true
end

for _, url in ipairs(urls) do
  local easy <close> = curl.easy {
    url = url,
    followlocation = true,
    proxy = "", -- the guard would see the proxy's address, not the target's
    resolve = { "metadata.test:80:169.254.169.254" }, -- as a hostile name server would say
    opensocketfunction = guard,
  }
  local ok, message = easy:perform()
  local address, network = (message or ""):match(": ([^ ]+) refused: it is in (.*)")
  local refusal = address and ("refused: %s is in %s"):format(address, network)
  print(("%-27s %s"):format(url, ok and "status " .. easy:getinfo("response_code")
    or refusal or message))
end
