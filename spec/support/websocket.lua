-- The WebSocket server of the specs (servers.websocket()): host, port, url; what it understands
-- stands in websocket.py.

local websocket = {}

function websocket.configure(_, servers)
  local self = { host = "127.0.0.1", port = servers.free_port() }
  self.url = "ws://127.0.0.1:" .. self.port
  -- The system's Python has the system's module.
  return self, ("env PATH=/usr/bin:$PATH python3 spec/support/websocket.py %d"):format(self.port)
end

return websocket
