-- The frames of a WebSocket's server, from its bytes: whole messages of them (RFC 6455).
local frames = {}

local CONT <const>, TEXT <const>, BINARY <const> = 0, 1, 2
local names = { [TEXT] = "text", [BINARY] = "binary", [8] = "close", [9] = "ping", [10] = "pong" }

-- What follows the short length that says so.
local LONG <const> = { [126] = ">I2", [127] = ">I8" }

--- Whether a close may have that code: others are for the program itself (1005, 1006, 1015), or
-- nobody's yet.
function frames.is_code(code)
  return code >= 1000 and code <= 1014 and code ~= 1004 and code ~= 1005 and code ~= 1006
    or code >= 3000 and code <= 4999
end

--- Fields: max, the size of a message; take, called with each message, its kind ("text", "binary",
-- "close", "ping", "pong"); head, of a header what has come; frame, of which there is more to
-- come; kind, parts and size of the message whose fragments come; failed, when nothing more does.
local Reader = {}
Reader.__index = Reader

--- frames.reader(max, take)
function frames.reader(max, take)
  return setmetatable({ max = max, take = take, head = "", parts = {}, size = 0 }, Reader)
end

-- A frame, and the size of its header; nil: not all of that is there.
local function parse(head)
  if #head < 2 then return nil end
  local first, second = head:byte(1, 2)
  local length, size, format = second & 127, 2, LONG[second & 127]
  if format then
    size = 2 + string.packsize(format)
    if #head < size then return nil end
    length = string.unpack(format, head, 3)
  end
  local frame = { code = first & 15, last = first & 128 ~= 0, left = length, parts = {} }
  frame.strange = first & 112 ~= 0 or second & 128 ~= 0
  return frame, size
end

-- Why the frame is wrong: the code to close with, and a reason.
local function fault(self, frame)
  local name, length = names[frame.code], frame.left
  if frame.strange or not name and frame.code ~= CONT then
    return 1002, "a frame of no known kind"
  end
  if frame.code > 7 then
    if not frame.last or length > 125 then return 1002, "a control frame that is too long" end
  elseif (frame.code == CONT) ~= (self.kind ~= nil) then
    return 1002, "a fragment out of its order"
  elseif length < 0 or length > self.max - self.size then -- (negative: of 8 EiB and more)
    return 1009, ("a message of more than %d bytes"):format(self.max)
  end
end

local function begin(self, data, at)
  local head = self.head .. data:sub(at, at + 9 - #self.head)
  local frame, size = parse(head)
  if not frame then
    self.head = head
    return #data + 1
  end
  local before = #self.head
  self.head = ""
  local code, reason = fault(self, frame)
  if code then self.failed = { code, reason } end
  if frame.code < 8 then frame.parts, self.kind = self.parts, self.kind or names[frame.code] end
  self.frame = frame
  return at + size - before
end

-- What is wrong with the data of a close: the code to close with, and a reason.
local function close_fault(data)
  if #data == 1 or #data > 1 and not frames.is_code((string.unpack(">I2", data))) then
    return 1002, "a close whose code may not be sent"
  elseif not utf8.len(data:sub(3)) then
    return 1007, "a close whose reason is no UTF-8"
  end
end

local function end_control(self, frame)
  local data = table.concat(frame.parts)
  local code, reason
  if names[frame.code] == "close" then code, reason = close_fault(data) end
  if code then
    self.failed = { code, reason }
  else
    self.take(data, names[frame.code])
  end
end

-- The last fragment is there.
local function end_message(self)
  local message, kind = table.concat(self.parts), self.kind
  self.parts, self.size, self.kind = {}, 0, nil
  if kind == "text" and not utf8.len(message) then
    self.failed = { 1007, "a text that is no UTF-8" }
  else
    self.take(message, kind)
  end
end

local function fill(self, data, at)
  local frame = self.frame
  local piece = data:sub(at, at + frame.left - 1)
  frame.left = frame.left - #piece
  if piece ~= "" then frame.parts[#frame.parts + 1] = piece end
  if frame.code < 8 then self.size = self.size + #piece end
  if frame.left > 0 then return at + #piece end
  self.frame = nil
  if frame.code > 7 then
    end_control(self, frame)
  elseif frame.last then
    end_message(self)
  end
  return at + #piece
end

--- Takes bytes. Returns true, or nil, code, reason when they are no such frames.
function Reader:feed(data)
  local at = 1
  while at <= #data and not self.failed do
    if not self.frame then at = begin(self, data, at) end
    if self.frame and not self.failed then at = fill(self, data, at) end
  end
  if self.failed then return nil, self.failed[1], self.failed[2] end
  return true
end

return frames
