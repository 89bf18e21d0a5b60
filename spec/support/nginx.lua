-- The web server of the specs (servers.nginx()). It has
--
--   host, port, url      plain HTTP/1.1, on 127.0.0.1 and, if there is IPv6, on ::1
--   port4, url4          the same, on 127.0.0.1 alone: for an attempt on ::1 that must lose
--   https_port, https_url   TLS with HTTP/1.1        h2_port, h2_url   TLS with HTTP/2
--   h2c_port, h2c_url    HTTP/2 without TLS ("prior knowledge")
--   unix                 path of a UNIX socket with plain HTTP
--   ca                   file with the certificate, for cainfo
--   root, big            folder that is served; what /big has (1 MiB)
--   log, errors          files: a line "connection address:port request status" for each
--                        request; nginx's own messages
--
--   /hello               "hello\n"                   /peer      "ADDRESS PORT\n" of the client
--   /quiet               "quiet\n", and not in the log
--   /connection          "CONNECTION REQUEST\n": number of the connection, request on it
--   /big, /slow?rate=64k 1 MiB, and the same at so many bytes a second
--   /close, /brief       answers and closes; closes when idle for a second
--   /redirect?to=URL     302 to URL, which is taken as it stands (not unescaped, no "&")
--   /status/CODE         204 304 400 403 404 410 500 503
--   /method, /header     the method; the headers x-test, user-agent, referer, cookie
--   /cookie              sets cookie seen=yes        /private   basic user:secret
--   /large-header        header x-large of 16 KiB    /gzip      compresses if asked to
--   /upload              PUT or POST: number of bytes of the body
--   /moved-upload        reads all of the body, then 307 to /upload: libcurl seeks
--   /store/NAME          PUT and GET                 /post/NAME   POST: stored as /store/NAME
--   /clients             nginx's count of connections: "Active connections: N ..."

local process = require "spec.support.process"

local nginx = {}

local config = [[
daemon off;
master_process off;
pid @folder@/nginx.pid;
error_log @errors@ notice;
events {
  worker_connections 16000;
}
worker_rlimit_nofile 16384;
http {
  default_type text/plain;
  log_format requests '$connection $remote_addr:$remote_port "$request" $status';
  access_log @log@ requests;
  client_body_temp_path @folder@/body;
  proxy_temp_path @folder@/proxy;
  fastcgi_temp_path @folder@/fastcgi;
  uwsgi_temp_path @folder@/uwsgi;
  scgi_temp_path @folder@/scgi;
  client_max_body_size 1g;
  keepalive_requests 100000000;
  keepalive_timeout 1h;
  ssl_certificate @ca@;
  ssl_certificate_key @key@;
  map $arg_rate $rate {
    "" 64k;
    default $arg_rate;
  }
  server {
    @listen@
    root @root@;
    location = /hello { return 200 "hello\n"; }
    location = /quiet { access_log off; return 200 "quiet\n"; }
    location = /peer { return 200 "$remote_addr $remote_port\n"; }
    location = /connection { return 200 "$connection $connection_requests\n"; }
    location = /slow { limit_rate $rate; alias @root@/big; }
    location = /gzip { gzip on; gzip_types text/plain; alias @root@/big; }
    location = /close { keepalive_timeout 0; return 200 "close\n"; }
    location = /brief { keepalive_timeout 1s; return 200 "brief\n"; }
    location = /redirect { return 302 $arg_to; }
    location = /method { return 200 "$request_method\n"; }
    location = /header {
      return 200 "$http_x_test\n$http_user_agent\n$http_referer\n$http_cookie\n";
    }
    location = /cookie { add_header Set-Cookie "seen=yes"; return 200 "cookie\n"; }
    location = /private {
      auth_basic "private";
      auth_basic_user_file @folder@/users;
      alias @root@/private;
    }
    location = /large-header {
      set $x "@x@";
      add_header X-Large "$x$x$x$x$x$x$x$x$x$x$x$x$x$x$x$x";
      return 200 "large\n";
    }
    location = /moved-upload { proxy_pass http://unix:@unix@:/moved; }
    location = /moved { absolute_redirect off; return 307 /upload; }
    location = /upload { proxy_pass http://unix:@unix@:/length; }
    location = /length { return 200 "$content_length\n"; }
    location /store/ { dav_methods PUT DELETE; create_full_put_path on; }
    location /post/ { proxy_method PUT; proxy_pass http://unix:@unix@:/store/; }
    location = /clients { stub_status; }
    @statuses@
  }
}
]]

local function listen(self, servers)
  local lines = {}
  local function add(port, kind)
    lines[#lines + 1] = ("listen 127.0.0.1:%d %s;"):format(port, kind)
    if servers.has_ipv6 and port ~= self.port4 then
      lines[#lines + 1] = ("listen [::1]:%d %s;"):format(port, kind)
    end
  end
  add(self.port, "")
  add(self.port4, "")
  add(self.https_port, "ssl")
  add(self.h2_port, "ssl http2")
  add(self.h2c_port, "http2")
  lines[#lines + 1] = ("listen unix:%s;"):format(self.unix)
  return table.concat(lines, "\n    ")
end

local function statuses()
  local lines = {}
  for _, code in ipairs { 204, 304, 400, 403, 404, 410, 500, 503 } do
    lines[#lines + 1] = ("location = /status/%d { return %d; }"):format(code, code)
  end
  return table.concat(lines, "\n    ")
end

local function ports(self, servers)
  self.port, self.port4 = servers.free_port(), servers.free_port()
  self.https_port, self.h2_port = servers.free_port(), servers.free_port()
  self.h2c_port = servers.free_port()
  self.url = "http://127.0.0.1:" .. self.port
  self.url4 = "http://127.0.0.1:" .. self.port4
  self.https_url = "https://127.0.0.1:" .. self.https_port
  self.h2_url = "https://127.0.0.1:" .. self.h2_port
  self.h2c_url = "http://127.0.0.1:" .. self.h2c_port
end

local function files(self, folder)
  assert(os.execute(("mkdir -p '%s/store'"):format(self.root)))
  process.write(self.root .. "/big", self.big)
  process.write(self.root .. "/private", "private\n")
  process.write(folder .. "/users", "user:{PLAIN}secret\n")
end

-- Returns the server's description and the command that runs it.
function nginx.configure(folder, servers, certificate)
  local self = { host = "127.0.0.1", folder = folder, root = folder .. "/web" }
  self.big = ("0123456789abcde\n"):rep(65536)
  self.log, self.errors = folder .. "/web.log", folder .. "/web.errors"
  self.unix = folder .. "/web.sock"
  self.ca, self.key = certificate()
  ports(self, servers)
  files(self, folder)
  os.remove(self.unix)
  local values = setmetatable({
    listen = listen(self, servers),
    statuses = statuses(),
    x = ("x"):rep(1024),
  }, { __index = self })
  local file = folder .. "/nginx.conf"
  process.write(file, (config:gsub("@(%w+)@", function(name)
    return values[name]
  end)))
  return self, ("env PATH=$PATH:/usr/sbin nginx -e %s -c %s"):format(self.errors, file)
end

return nginx
