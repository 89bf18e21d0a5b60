-- Network namespaces for specs: each is held by a process that waits in it.
--
--   local netns = require "spec.support.netns"
--   netns.allowed             whether this machine lets these specs make and enter some
--   local there <close> = netns.new "192.0.2.1/32"    with lo up, and these addresses on it
--   there.path                of the namespace, for curl.socket
--   there:run(command)        what the command prints there

local process = require "spec.support.process"

local netns = {}
netns.__index = netns

-- To enter one, root is needed, or to be root of the user namespace that made it.
netns.allowed = process.output "id -u" == "0"
  and process.output "unshare -n ip link set lo up 2>&1" == ""

function netns.new(...)
  local commands = { "ip link set lo up" }
  for _, address in ipairs { ... } do
    commands[#commands + 1] = "ip addr add " .. process.quote(address) .. " dev lo"
  end
  commands[#commands + 1] = "echo $$; exec sleep 60 <&- >&- 2>&-"
  local script = table.concat(commands, " && ")
  local pipe = assert(io.popen("exec unshare -n sh -c " .. process.quote(script)))
  local pid = assert(pipe:read "n", "no network namespace")
  return setmetatable({ pipe = pipe, pid = pid, path = ("/proc/%d/ns/net"):format(pid) }, netns)
end

function netns:run(command)
  return process.output(("nsenter --net=%s sh -c %s"):format(self.path, process.quote(command)))
end

function netns:__close()
  os.execute("kill " .. self.pid)
  self.pipe:close()
end

return netns
