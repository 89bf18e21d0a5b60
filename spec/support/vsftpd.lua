-- The FTP server of the specs (servers.vsftpd()): host, port, url ("ftp://127.0.0.1:PORT") and
-- root, its folder with hello.txt ("hello\n") and big.bin (big: 1 MiB). Anybody may log in, as
-- "anonymous" with any password; both kinds of data connections are allowed.

local process = require "spec.support.process"
local socket = require "socket"

local vsftpd = {}

local config = [[
listen=YES
background=NO
listen_address=127.0.0.1
listen_port=@port@
anonymous_enable=YES
local_enable=NO
anon_root=@root@
pasv_enable=YES
port_enable=YES
connect_from_port_20=NO
one_process_model=YES
secure_chroot_dir=@folder@/ftp.empty
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
xferlog_enable=YES
vsftpd_log_file=@log@
]]

-- An ordinary user can serve anonymous logins, too, as himself.
local function needs_root()
  return process.output("id -u") ~= "0"
end

-- Returns the server's description and the command that runs it.
function vsftpd.configure(folder, servers)
  local self = { host = "127.0.0.1", port = servers.free_port(), folder = folder }
  self.url = "ftp://127.0.0.1:" .. self.port
  self.root, self.log = folder .. "/ftp", folder .. "/ftp.log"
  self.big = ("0123456789abcde\n"):rep(65536)
  assert(os.execute(("mkdir -p '%s' '%s/ftp.empty'"):format(self.root, folder)))
  process.write(self.root .. "/hello.txt", "hello\n")
  process.write(self.root .. "/big.bin", self.big)
  -- The user "ftp" must be able to read it all, and not to write the folder.
  assert(os.execute(("chmod -R u=rwX,go=rX '%s'"):format(self.root)))
  local file = folder .. "/vsftpd.conf"
  local text = config:gsub("@(%w+)@", self)
  process.write(file, text .. (needs_root() and "run_as_launching_user=YES\n" or ""))
  return self, ("env PATH=$PATH:/usr/sbin vsftpd %s"):format(file)
end

-- Why it cannot serve: what it greets with, if that is no welcome; else nil. A mistake in the
-- configuration, or in the system, is told to each client: "500 OOPS: vsftpd: cannot ...".
function vsftpd.problem(self)
  local s = socket.tcp()
  s:settimeout(10 * process.patience)
  local banner, why = s:connect(self.host, self.port)
  if banner then banner, why = s:receive() end
  s:close()
  if not (banner or ""):find("^220") then return "vsftpd cannot serve: " .. (banner or why) end
end

return vsftpd
