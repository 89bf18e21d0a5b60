-- An HTTP proxy of the specs (servers.squid()) that keeps its connections, whatever origin the next
-- request is for: host, port, url; log, a file with a line for each request.

local process = require "spec.support.process"

local squid = {}

-- Nothing is cached: each request must reach its origin.
local config = [[
http_port 127.0.0.1:%d
http_access allow all
cache deny all
access_log stdio:%s
cache_log /dev/null
cache_store_log none
pid_filename none
pinger_enable off
visible_hostname localhost
netdb_filename none
coredump_dir %s
]]

-- Returns the server's description and the command that runs it.
function squid.configure(folder, servers)
  local self = { host = "127.0.0.1", port = servers.free_port() }
  local path = folder .. "/squid.conf"
  self.url, self.log = "http://127.0.0.1:" .. self.port, path .. ".log"
  process.write(path, config:format(self.port, self.log, folder))
  process.write(self.log, "")
  assert(os.execute("chmod 666 " .. self.log)) -- squid gives up root
  -- -d tells why it does not start; -n is the name of its shared memory, which outlives it.
  local command = "env PATH=$PATH:/usr/sbin squid -N -d 1 -n curlsock$(id -u) -f %s"
  return self, command:format(path)
end

return squid
