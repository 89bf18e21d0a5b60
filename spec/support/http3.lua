-- The web server of the specs of HTTP/3 (servers.http3()). It has
--
--   host, port, url      HTTP/3 and, over TLS, HTTP/2 on the same port, on 127.0.0.1 and, if there
--                        is IPv6, on ::1
--   quic_port, quic_url  HTTP/3 alone               tls_port, tls_url   HTTP/2 alone
--   five_port, five_url  HTTP/3 that says GOAWAY with the fifth request of a connection
--   early_port, early_url   HTTP/3 with 0-RTT, whose /early says "1\n" for a request that came so
--   root, big            folder that is served; what /big has (1 MiB)
--
--   /hello               "hello\n"                   /big, /slow?rate=200k   1 MiB
--   /connection          "CONNECTION REQUEST\n": number of the connection, request on it
--   /peer                "ADDRESS PORT\n" of the client
--   /protocol            "HTTP/3.0\n" or "HTTP/2.0\n"
--   /upload              PUT or POST: number of bytes of the body
--   /moved?PORT          Alt-Svc with HTTP/3 on that port
--
-- Both libcurl and nginx must have it: http3.it is busted's it where they do, else pending.

local assert = require "luassert"
local curl = require "curlsock"
local process = require "spec.support.process"

local http3 = {}

local function has_feature()
  for _, name in ipairs(curl.version_info().features or {}) do
    if name == "HTTP3" then return true end
  end
  return false
end

-- Whether the server has HTTP/3.
function http3.serves()
  local text = process.output("PATH=$PATH:/usr/sbin " .. http3.nginx .. " -V 2>&1") or ""
  return text:find("http_v3_module", 1, true) ~= nil
end

-- The command of the server; make upstream may name another.
http3.nginx = "nginx"

http3.here = has_feature() and http3.serves()

function http3.it(it, pending)
  return http3.here and it or pending
end

-- libcurl's QUIC is OpenSSL's (to 8.18; Debian 13).
local quic = curl.version_info().quic_version or ""
http3.openssl = http3.here and not quic:find "ngtcp2" and not quic:find "quiche"

-- With OpenSSL's QUIC a connection whose server is late in the handshake answers its first
-- request only (spec/upstream/quic-late-answer.c): on a loaded machine one in a hundred. None of
-- 400 did where the client's first message is one datagram, so that no part of it is acknowledged
-- before it is answered; for that the key of OpenSSL's default group is too big.
function http3.prompt(easy)
  if http3.openssl then easy:setopt("ssl_ec_curves", "X25519") end
  return easy
end

local config = [[
daemon off;
master_process off;
pid @folder@/http3.pid;
error_log @errors@ notice;
events {
  worker_connections 2000;
}
http {
  default_type text/plain;
  access_log off;
  client_body_temp_path @folder@/http3-body;
  proxy_temp_path @folder@/http3-proxy;
  fastcgi_temp_path @folder@/http3-fastcgi;
  uwsgi_temp_path @folder@/http3-uwsgi;
  scgi_temp_path @folder@/http3-scgi;
  client_max_body_size 1g;
  keepalive_requests 100000;
  keepalive_timeout 1h;
  ssl_certificate @ca@;
  ssl_certificate_key @key@;
  http2 on;
  map $arg_rate $rate {
    "" 200k;
    default $arg_rate;
  }
  server {
    @both@
    @quic@
    @tls@
    include @locations@;
  }
  server {
    @five@
    keepalive_requests 5;
    include @locations@;
  }
  server {
    @early@
    ssl_early_data on;
    include @locations@;
    location = /early { return 200 "$ssl_early_data\n"; }
  }
  server {
    listen unix:@unix@;
    location = /length { return 200 "$content_length\n"; }
  }
}
]]

local locations = [[
root @root@;
location = /hello { return 200 "hello\n"; }
location = /peer { return 200 "$remote_addr $remote_port\n"; }
location = /protocol { return 200 "$server_protocol\n"; }
location = /connection { return 200 "$connection $connection_requests\n"; }
location = /slow { limit_rate $rate; alias @root@/big; }
location = /upload { proxy_pass http://unix:@unix@:/length; }
location = /moved { add_header Alt-Svc 'h3=":$args"; ma=86400'; return 200 "moved\n"; }
]]

local function listen(port, servers, ...)
  local lines = {}
  for _, kind in ipairs { ... } do
    lines[#lines + 1] = ("listen 127.0.0.1:%d %s;"):format(port, kind)
    if servers.has_ipv6 then lines[#lines + 1] = ("listen [::1]:%d %s;"):format(port, kind) end
  end
  return table.concat(lines, "\n    ")
end

local function ports(self, servers)
  for _, name in ipairs { "", "quic_", "tls_", "five_", "early_" } do
    self[name .. "port"] = servers.free_port()
    self[name .. "url"] = "https://127.0.0.1:" .. self[name .. "port"]
  end
end

-- An easy for a path of the server, or a URL, by HTTP/3 alone if the options say nothing else.
function http3.new_easy(path, options)
  local web = require("spec.support.servers").http3()
  local easy = curl.easy {
    url = path:find "^%a+://" and path or web.url .. path, http_version = "3only", proxy = "",
    timeout = 20, ssl_verifypeer = false, ssl_verifyhost = 0, writefunction = function() end,
  }
  return assert(http3.prompt(easy):setopt(options or {}))
end

-- The same, whose sockets and close events are noted in two lists: easy, opened, closed.
function http3.noted(path, options)
  return require("spec.support.closers").note(http3.new_easy(path, options))
end

-- Returns the server's description and the command that runs it.
function http3.configure(folder, servers, certificate)
  local self = { host = "127.0.0.1", root = folder .. "/http3" }
  self.big = ("0123456789abcde\n"):rep(65536)
  self.errors, self.unix = folder .. "/http3.errors", folder .. "/http3.sock"
  self.ca, self.key = certificate()
  ports(self, servers)
  self.datagrams = { quic_port = true, five_port = true, early_port = true }
  assert(os.execute(("mkdir -p '%s'"):format(self.root)))
  process.write(self.root .. "/big", self.big)
  os.remove(self.unix)
  local values = setmetatable({
    folder = folder,
    locations = folder .. "/http3.locations",
    both = listen(self.port, servers, "ssl", "quic"),
    quic = listen(self.quic_port, servers, "quic"),
    tls = listen(self.tls_port, servers, "ssl"),
    five = listen(self.five_port, servers, "quic"),
    early = listen(self.early_port, servers, "quic"),
  }, { __index = self })
  local function fill(text)
    return (text:gsub("@(%w+)@", function(name) return values[name] end))
  end
  process.write(values.locations, fill(locations))
  process.write(folder .. "/http3.conf", fill(config))
  return self, ("env PATH=$PATH:/usr/sbin %s -e %s -c %s/http3.conf"):format(http3.nginx,
    self.errors, folder)
end

return http3
