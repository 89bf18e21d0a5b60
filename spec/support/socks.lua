-- The SOCKS proxy of the specs (servers.socks()), of versions 4, 4a and 5, which lets in everybody:
-- host, port; asked(), how many connections it has taken. It is ssh, which forwards to sshd.

local process = require "spec.support.process"

local socks = {}

-- Returns the server's description and the command that runs it.
function socks.configure(_, servers)
  local sshd = servers.sshd()
  local self = { host = "127.0.0.1", port = servers.free_port() }
  function self.asked()
    return select(2, process.read(self.out):gsub("forwarding to socks", ""))
  end
  local command = "ssh -v -N -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no "
    .. "-o UserKnownHostsFile=/dev/null -o ExitOnForwardFailure=yes -i '%s' -p %d -D 127.0.0.1:%d "
    .. "%s@127.0.0.1"
  return self, command:format(sshd.options.ssh_private_keyfile, sshd.port, self.port,
    sshd.options.username)
end

return socks
