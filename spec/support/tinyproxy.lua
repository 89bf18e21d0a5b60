-- The HTTP proxy of the specs (servers.tinyproxy()): host, port, url; auth_port and auth_url of a
-- second one, which wants the user "me" with the password "secret"; log, a file, of the first. It
-- keeps no connection but tunnels.

local process = require "spec.support.process"

local tinyproxy = {}

local config = [[
Port %d
Listen 127.0.0.1
Timeout 30
MaxClients 100
Allow 127.0.0.0/8
LogFile "%s"
LogLevel Connect
DisableViaHeader Yes
%s
]]

local function write(folder, name, port, more)
  local path = ("%s/%s.conf"):format(folder, name)
  process.write(path, config:format(port, path .. ".log", more))
  process.write(path .. ".log", "")
  return path
end

-- Returns the server's description and the command that runs both.
function tinyproxy.configure(folder, servers)
  local self = { host = "127.0.0.1", port = servers.free_port(), auth_port = servers.free_port() }
  self.url, self.auth_url = "http://127.0.0.1:" .. self.port, "http://127.0.0.1:" .. self.auth_port
  local open = write(folder, "tinyproxy", self.port, "")
  local closed = write(folder, "tinyproxy-auth", self.auth_port, "BasicAuth me secret")
  self.log = open .. ".log"
  local command = "env PATH=$PATH:/usr/sbin sh -c 'tinyproxy -d -c %s & exec tinyproxy -d -c %s'"
  return self, command:format(open, closed)
end

return tinyproxy
