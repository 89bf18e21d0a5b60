-- A scripted server in a process of its own (servers.script): listens, says where, and runs
-- the script with the listening socket and the module socket as arguments.
-- Arguments: the script's file, the backlog, and "unix" and a path, or a host and a port.

local socket = require "socket"
local file, backlog, host, port = table.unpack(arg)
io.stdout:setvbuf("line")

local function listen_unix()
  local server = require "socket.unix"()
  assert(server:bind(port))
  return server, port
end

local function listen_tcp()
  local server = assert(host:find(":") and socket.tcp6() or socket.tcp4())
  server:setoption("reuseaddr", true)
  assert(server:bind(host, tonumber(port)))
  local _, number = server:getsockname()
  return server, number
end

local server, where = (host == "unix" and listen_unix or listen_tcp)()
assert(server:listen(tonumber(backlog)))
print("ready " .. where)
assert(loadfile(file))(server, socket)
