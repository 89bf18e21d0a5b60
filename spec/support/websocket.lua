-- The WebSocket server of the specs (servers.websocket()): host, port, url; the same over TLS:
-- tls_port, tls_url and ca; what it understands stands in websocket.py.

local websocket = {}

function websocket.configure(_, servers, certificate)
  local self = { host = "127.0.0.1", port = servers.free_port(), tls_port = servers.free_port() }
  self.url, self.tls_url = "ws://127.0.0.1:" .. self.port, "wss://127.0.0.1:" .. self.tls_port
  local cert, key = certificate()
  self.ca = cert
  -- The system's Python has the system's module.
  local command = "env PATH=/usr/bin:$PATH python3 spec/support/websocket.py %d %d '%s' '%s'"
  return self, command:format(self.port, self.tls_port, cert, key)
end

return websocket
