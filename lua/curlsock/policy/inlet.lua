-- The near end of a connection whose far end is in this process: what transport and fault give to
-- libcurl. It goes over a UNIX socket with a path, for one connection: all versions of libcurl can
-- connect to one, and use the connection again.
local curl = require "curlsock"

local Inlet = {}
Inlet.__index = Inlet

local function remove(inlet)
  if inlet.path then os.remove(inlet.path) end
  inlet.path = nil
end

--- Listens; returns an inlet, or nil and a reason. inlet.address is where to connect to.
local function open()
  local path = os.tmpname()
  os.remove(path)
  local address = curl.address("unix:" .. path)
  local listener = curl.socket("unix", "stream")
  local inlet = setmetatable({ path = path, address = address, listener = listener }, Inlet)
  if not listener then return nil, "no socket" end
  local ok, message = listener:bind(address)
  if ok then ok, message = listener:listen() end
  if ok then return inlet end
  inlet:close()
  return nil, message
end

-- libcurl connects as soon as it has the socket, if at all.
local PATIENCE <const> = 1

--- Waits in the loop until libcurl has connected; whether it has.
function Inlet:wait(loop)
  return loop:wait(self.listener, "r", PATIENCE)
end

--- The same: the other end, or nil.
function Inlet:accept(loop)
  local peer = self:wait(loop) and self.listener:accept(0)
  self:close()
  return peer
end

--- Nobody can connect any more; who has, and was not accepted, gets a reset. Once is enough.
function Inlet:close()
  remove(self)
  self.listener:close()
end

Inlet.__close, Inlet.__gc = Inlet.close, Inlet.close

return { open = open }
