-- What curl.trace tells of a program: a socket is opened before all else of it, and ends once; a
-- transfer begins before it ends.

local curl = require "curlsock"

local methods = {}

local ends = { close = true, detach = true }
local of_connection = { connected = true, reused = true, idle = true }

local function socket_event(w, name, id)
  local is_open = w.traced.sockets[id]
  if name == "open" then
    if is_open then w:fail("trace: socket %d is opened twice", id) end
    w.traced.sockets[id] = true
  elseif ends[name] or of_connection[name] then
    if not is_open then w:fail("trace: %s of socket %d, which is not open", name, id) end
    if ends[name] then w.traced.sockets[id] = nil end
  end
end

local function transfer_event(w, name, id)
  local runs = w.traced.transfers[id]
  if name == "start" then
    if runs then w:fail("trace: easy %d starts twice", id) end
    w.traced.transfers[id] = true
  elseif name == "done" then
    if not runs then w:fail("trace: easy %d ends, and did not start", id) end
    w.traced.transfers[id] = nil
  end
end

-- From now on, if the program wants it.
function methods:trace(wanted)
  if not wanted then return curl.trace(nil) end
  self.traced = { sockets = {}, transfers = {} }
  curl.trace(function(event)
    if event.socket then socket_event(self, event.event, event.socket) end
    transfer_event(self, event.event, event.easy)
  end)
end

-- At the end nothing is open, and nothing runs.
function methods:check_traced()
  if not self.traced then return end
  local id = next(self.traced.sockets)
  if id then self:fail("trace: the end of socket %d is not told", id) end
  id = next(self.traced.transfers)
  if id then self:fail("trace: the end of easy %d's transfer is not told", id) end
end

return methods
