-- Real servers on loopback, for specs. Each starts when it is first asked for and serves all
-- specs; the keeper (keeper.sh) ends them with the run. Starting one leaves no descriptor in
-- this process but the keeper's pipe, which the busted helper opens before the first spec.
--
--   servers.nginx()     web server: plain, TLS, HTTP/2, UNIX socket     (nginx.lua says what)
--   servers.vsftpd()    FTP server, passive and active                  (vsftpd.lua)
--   servers.vsftps()    the same over TLS, control and data             (vsftps.lua)
--   servers.http3()     web server over QUIC and TLS                    (http3.lua)
--   servers.dovecot()   mail server: IMAP, with and without TLS         (dovecot.lua)
--   servers.tinyproxy() HTTP proxies, one with a password               (tinyproxy.lua)
--   servers.squid()     HTTP proxy that keeps its connections           (squid.lua)
--   servers.socks()     SOCKS proxy, versions 4, 4a and 5               (socks.lua)
--   servers.microsocks()   SOCKS5 proxy with a password                 (microsocks.lua)
--   servers.script(lua [, options])   a server that is scripted: a Lua text in a process of
--                       its own, run with (listening luasocket, module socket)
--   servers.silent()    a new server that takes connections and says nothing
--   servers.dead([host [, port]])     an address that never answers a connect
--   servers.stop(server)              ends one before the run does
--   servers.restart(server)           ends one of those with a module at once, and starts it again
--                       on the same ports
--   servers.has_ipv6    whether ::1 can be used
--   servers.dir()       the temporary folder of the run, for sockets and files
--   servers.free_port() a port that is free on every loopback address

local process = require "spec.support.process"
local socket = require "socket"

local servers = {}
local folder, keeper
local shared = {}
local useless = {} -- kind -> why it cannot serve
local started = 0

function servers.open()
  if not keeper then
    folder = assert(process.output('mktemp -d "${TMPDIR:-/tmp}/curlsock.XXXXXX"'))
    -- Servers that give up root must get at their files.
    assert(os.execute("chmod 755 " .. folder))
    keeper = assert(io.popen("exec setsid sh spec/support/keeper.sh " .. folder, "w"))
    keeper:setvbuf("line")
  end
end

function servers.close()
  if keeper then
    keeper:close()
    keeper, shared = nil, {}
  end
end

function servers.dir()
  servers.open()
  return folder
end

-- The port that could be bound, or nil.
local function can_bind(host, port)
  local s = host:find(":") and socket.tcp6() or socket.tcp4()
  local number
  if s:bind(host, port) then
    number = select(2, s:getsockname())
  end
  s:close()
  return math.tointeger(tonumber(number))
end

servers.has_ipv6 = can_bind("::1", 0) ~= nil

function servers.free_port()
  for _ = 1, 100 do
    local port = can_bind("127.0.0.1", 0)
    if not servers.has_ipv6 or can_bind("::1", port) then
      return port
    end
  end
  error("no free port on loopback")
end

-- Calls ready() until it returns a true value, which is returned; nil if the time is over.
function servers.wait(ready, seconds)
  local deadline = socket.gettime() + (seconds or 10)
  repeat
    local result = ready()
    if result then
      return result
    end
    socket.sleep(0.005)
  until socket.gettime() > deadline
end

local function answers(host, port)
  local s = socket.tcp()
  s:settimeout(1)
  local ok = s:connect(host, port)
  s:close()
  return ok
end

-- The same of all its ports but those in the set datagrams: it begins to listen on one after the
-- other.
local function answers_all(self)
  local silent = self.datagrams or {}
  for name, port in pairs(self) do
    if name:find "port" and not silent[name] and not answers(self.host, port) then return false end
  end
  return true
end

local function output(self)
  return process.read(self.out) or ""
end

-- Starts a command and waits until ready() says that it serves. nil if it ended instead.
local function spawn(name, command, ready)
  servers.open()
  started = started + 1
  local id = ("%s-%d"):format(name, started)
  local self = { name = id, out = folder .. "/" .. id .. ".out", output = output }
  keeper:write(id, " ", command, "\n")
  local pid = servers.wait(function()
    return process.read(folder .. "/" .. id .. ".pid")
  end)
  self.pid = assert(tonumber(pid), "the keeper did not start " .. name)
  local served = servers.wait(function()
    return ready(self) or not process.runs(self.pid)
  end)
  return served and process.runs(self.pid) and self or nil, self:output()
end

function servers.stop(self)
  os.execute(("kill -s KILL -- -%d 2>/dev/null"):format(self.pid))
  servers.wait(function()
    return not process.runs(self.pid)
  end)
  for kind, server in pairs(shared) do
    if server == self then
      shared[kind] = nil
    end
  end
end

-- A certificate that signs itself, for every name of loopback.
local function certificate()
  local cert, key = folder .. "/cert.pem", folder .. "/key.pem"
  if not process.read(cert) then
    assert(process.output(table.concat({
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2",
      "-subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'",
      "-keyout", key, "-out", cert, "2>&1",
    }, " ")))
  end
  return cert, key
end

-- Runs the server's command, and takes over what is new.
local function run(self, check)
  local running, why = spawn(self.kind, self.command, function()
    return answers_all(self) and (not check or check())
  end)
  for key, value in pairs(running or {}) do self[key] = value end
  shared[self.kind] = running and self
  return running, why
end

-- Starts kind ("nginx", "vsftpd") unless it runs: its module writes the configuration for
-- ports that were free a moment ago, so a clash is tried again with others. One that runs but
-- has a problem is the failure of whoever asks, and not started again.
local function serve(kind)
  if useless[kind] then
    error(useless[kind], 0)
  elseif shared[kind] then
    return shared[kind]
  end
  servers.open()
  local module = require("spec.support." .. kind)
  local why
  for _ = 1, 5 do
    local self, command = module.configure(folder, servers, certificate)
    self.kind, self.command = kind, command
    local running
    running, why = run(self, function()
      useless[kind] = module.problem and module.problem(self)
      return true
    end)
    if useless[kind] then error(useless[kind], 0) end
    if running then return self end
  end
  error(kind .. " does not start: " .. why)
end

function servers.nginx()
  return serve("nginx")
end

function servers.vsftpd()
  return serve("vsftpd")
end

function servers.vsftps()
  return serve("vsftps")
end

function servers.http3()
  return serve("http3")
end

function servers.restart(self)
  servers.stop(self)
  if self.unix then os.remove(self.unix) end
  assert(run(self))
end

function servers.sshd()
  return serve("sshd")
end

function servers.websocket()
  return serve("websocket")
end

function servers.parts()
  return serve("parts")
end

function servers.dovecot()
  return serve("dovecot")
end

function servers.tinyproxy()
  return serve("tinyproxy")
end

function servers.squid()
  return serve("squid")
end

function servers.socks()
  return serve("socks")
end

function servers.microsocks()
  return serve("microsocks")
end

-- Options: unix = true (a UNIX socket), or host and port; backlog.
-- The result has host and port, or unix (the path); and output(), what the script printed.
function servers.script(text, options)
  options = options or {}
  servers.open()
  local file = ("%s/script-%d"):format(folder, started + 1)
  process.write(file .. ".lua", text)
  local host = options.unix and "unix" or options.host or "127.0.0.1"
  local port = options.unix and file .. ".sock" or options.port or 0
  local command = table.concat({
    process.lua(), "spec/support/child.lua", file .. ".lua", options.backlog or 32, host, port,
  }, " ")
  local self, why = spawn("script", command, function(new)
    return new:output():match("^ready [^\n]*\n")
  end)
  local where = assert(self, why):output():match("^ready ([^\n]*)")
  if options.unix then
    self.unix = where
  else
    self.host, self.port = host, math.tointeger(tonumber(where))
    self.url = ("http://%s:%d"):format(host:find(":") and "[" .. host .. "]" or host, self.port)
  end
  return self
end

function servers.silent()
  return servers.script [[
    local server = ...
    local kept = {}
    while true do kept[#kept + 1] = server:accept() end
  ]]
end

-- Its queue of connections is full, and nobody accepts them: the kernel drops all others.
local fill = [[
local server, socket = ...
local host, port = server:getsockname()
local queued = {}
repeat
  local s = socket.tcp()
  s:settimeout(0.2)
  queued[#queued + 1] = s
until not s:connect(host, port)
print "full"
socket.sleep(1e6)
]]

-- One for each address that is asked for, for all specs.
function servers.dead(host, port)
  local kind = port and ("dead %s %d"):format(host, port)
  if kind and shared[kind] then return shared[kind] end
  local self = servers.script(fill, { host = host, port = port, backlog = 0 })
  if kind then shared[kind] = self end
  assert(servers.wait(function()
    return self:output():find("full", 1, true)
  end), "the queue does not fill")
  return self
end

return servers
