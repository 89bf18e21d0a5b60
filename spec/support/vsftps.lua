-- vsftpd.lua's server over TLS (servers.vsftps()): it wants it for logins and for data.

local process = require "spec.support.process"
local vsftpd = require "spec.support.vsftpd"

local vsftps = {}

-- What stands last counts.
local config = [[
one_process_model=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=NO
rsa_cert_file=%s
rsa_private_key_file=%s
]]

function vsftps.configure(folder, servers, certificate)
  local self, command = vsftpd.configure(folder, servers)
  local file = folder .. "/vsftps.conf"
  process.write(file, process.read(folder .. "/vsftpd.conf") .. config:format(certificate()))
  return self, (command:gsub("vsftpd%.conf$", "vsftps.conf"))
end

return vsftps
