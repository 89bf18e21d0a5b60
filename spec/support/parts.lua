-- The servers of spec/support/parts.py (servers.parts()), which read bodies of parts: host, port,
-- url of the web server, mail ("smtp://127.0.0.1:PORT") of the other.

local process = require "spec.support.process"

local parts = {}

-- Returns the servers' description and the command that runs both.
function parts.configure(_, servers)
  local self = { host = "127.0.0.1", port = servers.free_port() }
  local mail = servers.free_port()
  self.url, self.mail = "http://127.0.0.1:" .. self.port, "smtp://127.0.0.1:" .. mail
  -- The Python that has aiosmtpd.
  local python = process.output [[sed -n '1s/^#! *//p' "$(command -v aiosmtpd)"]]
  return self, ("%s spec/support/parts.py %d %d"):format(python, self.port, mail)
end

return parts
