-- The SOCKS proxy of the specs (servers.danted()), of versions 4 and 5, which lets in everybody:
-- host, port; log, a file.

local process = require "spec.support.process"

local danted = {}

local config = [[
logoutput: %s
internal: 127.0.0.1 port = %d
external: lo
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect }
]]

-- Returns the server's description and the command that runs it.
function danted.configure(folder, servers)
  local self = { host = "127.0.0.1", port = servers.free_port(), log = folder .. "/danted.log" }
  process.write(folder .. "/danted.conf", config:format(self.log, self.port))
  return self, ("env PATH=$PATH:/usr/sbin danted -N 1 -p %s/danted.pid -f %s/danted.conf")
    :format(folder, folder)
end

return danted
