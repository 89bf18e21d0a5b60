-- The mail server of the specs (servers.dovecot()), of IMAP: host, port, url; tls_port, tls_url,
-- and ca; log, a file. It lets in everybody whose password is "secret", each with mailboxes of his
-- own; without TLS, too. On port it takes STARTTLS.

local process = require "spec.support.process"

local dovecot = {}

local common = [[
protocols = imap
listen = 127.0.0.1
base_dir = @folder@/dovecot/run
state_dir = @folder@/dovecot/state
log_path = @log@
first_valid_uid = 1
auth_failure_delay = 0
default_login_user = @login@
default_internal_user = @internal@
service imap-login {
  inet_listener imap {
    port = @port@
  }
  inet_listener imaps {
    port = @tls_port@
  }
  chroot =
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
]]

-- By the version's first two numbers.
local configs = {
  ["2.3"] = [[
ssl_cert = <@ca@
ssl_key = <@key@
disable_plaintext_auth = no
mail_location = maildir:@folder@/dovecot/mail/%u
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=@mail@ gid=@group@ home=@folder@/dovecot/mail/%u
}
]],
  ["2.4"] = [[
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
ssl_server_cert_file = @ca@
ssl_server_key_file = @key@
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = @folder@/dovecot/mail/%{user}
passdb static {
  password = secret
}
userdb static {
  fields {
    uid = @mail@
    gid = @group@
    home = @folder@/dovecot/mail/%{user}
  }
}
]],
}

-- Who does what: an ordinary user can serve as himself.
local function set_users(self)
  local own = process.output "id -un"
  local root = own == "root"
  self.login, self.internal = root and "dovenull" or own, root and "dovecot" or own
  self.mail = root and "nobody" or own
  self.group = process.output("id -gn " .. self.mail)
end

-- Returns the server's description and the command that runs it.
function dovecot.configure(folder, servers, certificate)
  local self = { host = "127.0.0.1", port = servers.free_port(), tls_port = servers.free_port() }
  self.folder, self.log = folder, folder .. "/dovecot.log"
  self.url, self.tls_url = "imap://127.0.0.1:" .. self.port, "imaps://127.0.0.1:" .. self.tls_port
  self.ca, self.key = certificate()
  set_users(self)
  assert(os.execute(("mkdir -p '%s/dovecot/mail' && chown %s '%s/dovecot/mail'"):format(folder,
    self.mail, folder)))
  local version = process.output("PATH=$PATH:/usr/sbin dovecot --version"):match "^%d+%.%d+"
  local text = assert(configs[version], "no configuration for dovecot " .. version) .. common
  process.write(folder .. "/dovecot.conf", (text:gsub("@([%w_]+)@", self)))
  return self, ("env PATH=$PATH:/usr/sbin dovecot -F -c '%s/dovecot.conf'"):format(folder)
end

return dovecot
