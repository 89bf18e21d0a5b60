-- Ways through the proxies of the specs: options for an easy by way. tunnel: the connection leads
-- to the origin; kept: it serves the next request; url: the scheme of the origin.

local servers = require "spec.support.servers"

local proxies = {}

local function http() return servers.tinyproxy().url end

local function squid() return servers.squid().url end

local function socks(scheme)
  return function() return ("%s://127.0.0.1:%d"):format(scheme, servers.socks().port) end
end

proxies.ways = {
  ["HTTP"] = { proxy = http },
  ["HTTP that is kept"] = { proxy = squid, kept = true },
  ["CONNECT"] = { proxy = http, tunnel = true, kept = true, more = { httpproxytunnel = true } },
  ["CONNECT with TLS"] = { proxy = http, tunnel = true, kept = true, url = "https" },
  ["SOCKS4"] = { proxy = socks "socks4", tunnel = true, kept = true },
  ["SOCKS4a"] = { proxy = socks "socks4a", tunnel = true, kept = true },
  ["SOCKS5"] = { proxy = socks "socks5", tunnel = true, kept = true },
  ["SOCKS5h"] = { proxy = socks "socks5h", tunnel = true, kept = true },
  ["SOCKS5h with TLS"] = { proxy = socks "socks5h", tunnel = true, kept = true, url = "https" },
}

-- The proxy's address, as a text.
function proxies.address(way)
  return way.proxy():match "//(.*)$"
end

-- The options of an easy for a path of the web server.
function proxies.options(way, path)
  local web = servers.nginx()
  local base = way.url == "https" and web.https_url or web.url
  local options = {
    url = base .. path, proxy = way.proxy(), cainfo = web.ca, timeout = 20,
  }
  for name, value in pairs(way.more or {}) do options[name] = value end
  return options
end

return proxies
