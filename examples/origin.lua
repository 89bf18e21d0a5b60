-- A web server of one page, in the process of the example: with it, the examples need no
-- network. It is made of curlsock's own sockets and never waits.
local curl = require "curlsock"

local Origin = {}
Origin.__index = Origin

-- Listens on the address; answer(request, peer) makes the body of each answer: a string, or
-- a list of strings of which each step sends one. The request is its head as text, peer the
-- Socket that it came from.
local function new(address, answer)
  local listener = assert(curl.address(address):socket())
  assert(listener:setsockopt("socket", "reuseaddr", true):bind(address))
  assert(listener:listen())
  return setmetatable({
    listener = listener,
    address = assert(listener:localaddress()),
    answer = answer,
    requests = {}, -- what has arrived of the next request, by peer
    pieces = {}, -- what is still to be sent, by peer
  }, Origin)
end

function Origin:hang_up(peer)
  peer:close()
  self.requests[peer], self.pieces[peer] = nil, nil
end

function Origin:receive(peer)
  local data = peer:recv(4096, 0)
  if data == "" then return self:hang_up(peer) end
  local request = self.requests[peer] .. (data or "")
  self.requests[peer] = request
  if not request:find("\r\n\r\n", 1, true) then return end
  local body = self.answer(request, peer)
  local pieces = type(body) == "table" and body or { body }
  local head = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
  pieces[1] = head:format(#table.concat(pieces)) .. pieces[1]
  self.requests[peer], self.pieces[peer] = "", pieces
end

-- Does what can be done now.
function Origin:step()
  local new_peer = self.listener:accept(0)
  if new_peer then self.requests[new_peer] = "" end
  for peer in pairs(self.requests) do self:receive(peer) end
  for peer, pieces in pairs(self.pieces) do
    local piece = table.remove(pieces, 1)
    if piece and not peer:send(piece) then self:hang_up(peer) end
  end
end

function Origin:close()
  for peer in pairs(self.requests) do peer:close() end
  self.listener:close()
  if self.address.family == "unix" then os.remove(self.address.path) end
end

-- Runs the easy to its end on the multi, and this server beside it: what easy:perform()
-- returns, were the server somewhere else.
function Origin:run(multi, easy)
  local result
  assert(multi:add(easy))
  repeat
    local running = assert(multi:perform())
    self:step()
    multi:poll(0.001)
  until running == 0
  for _, ok, message, name in multi:results() do result = { ok, message, name } end
  multi:remove(easy)
  return table.unpack(result, 1, 3)
end

return { new = new }
