-- The SSH server of the specs (servers.sshd()): host, port, url ("sftp://127.0.0.1:PORT" and the
-- folder that is served), with hello.txt ("hello\n") in it. options has what a transfer logs in
-- with; hostkey the server's key in base 64; known a file for ssh_knownhosts.

local process = require "spec.support.process"

local sshd = {}

local config = [[
ListenAddress 127.0.0.1:@port@
HostKey @folder@/ssh/host
PidFile none
AuthorizedKeysFile @folder@/ssh/user.pub
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
Subsystem sftp internal-sftp
]]

local function key(file)
  assert(os.execute(("test -f '%s' || ssh-keygen -q -t ecdsa -N '' -m PEM -f '%s'"):format(file,
    file)))
end

-- From 9.8 on it refuses those who were refused, for a while.
local function without_penalties(path)
  local known = process.output(path .. " -t -o PerSourcePenalties=no -f /dev/null 2>&1; true")
  return known:find("Bad configuration option", 1, true) and "" or "PerSourcePenalties no\n"
end

-- Returns the server's description and the command that runs it.
function sshd.configure(folder, servers)
  local self = { host = "127.0.0.1", port = servers.free_port(), folder = folder }
  local root = folder .. "/ssh"
  assert(os.execute(("mkdir -p '%s'"):format(root)))
  -- As root it wants a folder that start scripts make.
  os.execute "test -d /run/sshd || mkdir /run/sshd 2>/dev/null"
  key(root .. "/host")
  key(root .. "/user")
  self.hostkey = process.read(root .. "/host.pub"):match("^%S+ (%S+)")
  process.write(root .. "/hello.txt", "hello\n")
  local path = process.output "PATH=$PATH:/usr/sbin:/sbin command -v sshd" -- it wants all of it
  process.write(root .. "/sshd_config",
    (config:gsub("@(%w+)@", self)) .. without_penalties(path))
  self.url = ("sftp://127.0.0.1:%d%s"):format(self.port, root)
  self.options = {
    username = process.output("id -un"), ssh_private_keyfile = root .. "/user",
    ssh_public_keyfile = root .. "/user.pub", ssh_auth_types = 1, proxy = "", timeout = 20,
  }
  self.known = root .. "/known_hosts"
  return self, ("%s -D -e -f '%s/sshd_config'"):format(path, root)
end

return sshd
