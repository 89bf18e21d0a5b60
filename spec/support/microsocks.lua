-- A SOCKS5 proxy of the specs (servers.microsocks()) that wants the user "me" with the password
-- "secret": host, port.

local microsocks = {}

-- Returns the server's description and the command that runs it.
function microsocks.configure(_, servers)
  local self = { host = "127.0.0.1", port = servers.free_port() }
  return self, ("microsocks -i 127.0.0.1 -p %d -u me -P secret"):format(self.port)
end

return microsocks
