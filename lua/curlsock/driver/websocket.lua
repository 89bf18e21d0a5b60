-- A WebSocket: a transfer whose messages coroutines receive and send. libcurl does the handshake
-- and makes the frames that are sent; those of the server are read here, from its bytes: libcurl
-- 8.14 does not tell of empty ones, which often end a message of fragments, and no libcurl answers
-- a close.
local changes = require "curlsock.driver.changes"
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"
local frames = require "curlsock.driver.frames"
local tasks = require "curlsock.driver.tasks"
local transfers = require "curlsock.driver.transfer"
local waiting = require "curlsock.driver.waiting"

local now = curl.now

local websockets = {}

--- Fields: driver, easy, owned; reader; messages, a queue, in which size bytes wait; paused, when
-- the server is held back; pong and closing, what it is to be answered; sending, who sends a frame;
-- said, when a close was sent; closed, { reason, code }, when one side has; answered, when the
-- handshake is over; result, that of perform, or what that has thrown, when it has ended; told,
-- when somebody has been told of that; free, when the easy is not the WebSocket's any more.
local WebSocket = {}
WebSocket.__index = WebSocket

local LIMIT <const> = 65536 -- bytes that wait before the server is held back
local ENTRY <const> = 64 -- what a message costs besides
local MAX <const> = 16777216
local RETRY <const> = 0.005 -- seconds until a full socket is tried again
local PATIENCE <const> = 5 -- seconds that the other side has to close

-- ---- receiving --------------------------------------------------------------------------------

local function push(ws, message, kind)
  local queue = ws.messages
  queue.last = queue.last + 1
  queue[queue.last] = { message, kind }
  ws.size = ws.size + #message + ENTRY
  if ws.size < LIMIT or ws.paused then return end
  ws.paused = true
  ws.easy:pause("recv")
end

local function take(ws)
  local queue = ws.messages
  local entry = queue[queue.first]
  if not entry then return nil end
  queue[queue.first], queue.first = nil, queue.first + 1
  ws.size = ws.size - #entry[1] - ENTRY
  return entry
end

-- The server may send again.
local function go_on(ws)
  if not ws.paused or ws.size >= LIMIT then return end
  ws.paused = false
  if not ws.result and curl.type(ws.easy) == "easy" then ws.easy:unpause("recv") end
end

-- A close has come: its data go back.
local function on_close(ws, data)
  local code = #data >= 2 and string.unpack(">I2", data) or 1005
  ws.closed = ws.closed or { data:sub(3), code }
  ws.closing, ws.heard = code ~= 1005 and data:sub(1, 2) or "", true
end

local function on_message(ws, message, kind)
  if kind == "ping" then
    ws.pong = message
  elseif kind == "close" then
    on_close(ws, message)
  elseif kind ~= "pong" and not ws.closed then
    push(ws, message, kind)
  end
end

local function on_write(ws, data)
  if not ws.answered then return false, "the server does not speak WebSocket" end
  if ws.heard or ws.result then return end -- nothing follows a close
  local ok, code, reason = ws.reader:feed(data)
  if not ok then
    ws.closed = ws.closed or { reason, code }
    ws.closing, ws.heard = string.pack(">I2", code) .. reason, true
  end
  changes.tell(ws)
end

-- (A callback may have closed the easy.)
local function on_header(ws, line)
  if line ~= "\r\n" or curl.type(ws.easy) ~= "easy" then return end
  if ws.easy:getinfo("response_code") ~= 101 then return end
  ws.answered = true
  changes.tell(ws)
end

-- ---- its end ----------------------------------------------------------------------------------

-- The easy is its owner's again, and those who wait look.
local function let_go(ws)
  if ws.free then return end
  local easy = ws.easy
  if curl.type(easy) == "easy" then
    easy:unset("writefunction")
    easy:unset("headerfunction")
    easy:setopt("ws_options", {})
  end
  changes.tell(ws)
  ws.free = true
end

-- (What is interrupted in here is done by a second call.)
local function finish(ws, ...)
  ws.result = ws.result or table.pack(...)
  ws.driver.promised[ws.easy] = nil
  let_go(ws)
end

-- Ends the transfer, whatever the server thinks of it.
local function drop(ws, message, name)
  if not ws.result then
    if ws.task then ws.task:cancel() end -- not if it was interrupted at its beginning
    transfers.cancel(ws.driver, ws.easy)
  end
  finish(ws, true, nil, message, name)
end

-- How it has ended: nil, reason, "CLOSED", code, or nil, message, name; raises what a callback
-- threw.
local function ending(ws, name)
  local result = ws.result
  if result and not result[1] then
    ws.told = true
    error(result[2], 0)
  end
  if ws.closed then return nil, ws.closed[1], "CLOSED", ws.closed[2] end
  if not result then return nil, name .. ": the loop was closed", "CLOSED" end
  if result[2] then return nil, name .. ": the server has not closed, but gone", "RECV_ERROR" end
  return nil, result[3], result[4]
end

-- ---- sending ----------------------------------------------------------------------------------

-- libcurl makes a frame only where it would also read them.
local function call(ws, bytes, kind)
  local easy = ws.easy
  easy:setopt("ws_options", {})
  local ok, n, message, name = pcall(easy.ws_send, easy, bytes, kind)
  easy:setopt("ws_options", "raw_mode")
  if not ok then error(n, 0) end
  return n, message, name
end

-- Who sends a frame: one that is not sent whole ends all.
local Turn = {}
Turn.__index = Turn

function Turn:__close()
  local ws = self.ws
  ws.sending = nil
  if not self.done then drop(ws, "send: was interrupted in a frame", "SEND_ERROR") end
  changes.tell(ws)
end

local function send_frame(ws, bytes, kind)
  local turn <close> = setmetatable({ ws = ws }, Turn)
  ws.sending = turn
  while not ws.result do
    local n, message, name = call(ws, bytes, kind)
    if n and n > 0 then bytes = bytes:sub(n + 1) end
    turn.done = n and bytes == "" or not n and name ~= "AGAIN"
    if turn.done and n then return true end
    ws:wait("send", function() return ws.result end, now() + RETRY)
    if turn.done and not ws.result then return nil, message, name end -- why may come with its end
  end
  return ending(ws, "send")
end

-- After what others send.
local function send(ws, bytes, kind)
  ws:wait("send", function() return not ws.sending or ws.result end)
  if ws.result or ws.said or ws.closed or not ws.driver.multi then return ending(ws, "send") end
  return send_frame(ws, bytes, kind)
end

-- A close goes once.
local function send_close(ws, data)
  ws:wait("close", function() return not ws.sending or ws.result end)
  if ws.said or ws.result then return end
  ws.said = true
  send_frame(ws, data, "close")
end

-- Answers what has come, until both sides have closed. Then the server ends the connection; if it
-- does not, this does.
local function answer(ws)
  while not (ws.result or ws.heard) do
    if ws.pong then
      local data = ws.pong
      ws.pong = nil
      send(ws, data, "pong")
    end
    local function ready() return ws.pong or ws.heard or ws.result end
    if not ws:wait("websocket", ready) then return end
  end
  if ws.heard then send_close(ws, ws.closing) end
  ws:wait("websocket", function() return ws.result end, now() + PATIENCE)
  drop(ws, "the WebSocket was closed", "CLOSED")
end

-- ---- for the coroutine ------------------------------------------------------------------------

--- Waits until ready() is true, at most until the deadline: true, or nil, message, name.
WebSocket.wait = changes.wait

local function deadline_of(name, seconds)
  if not seconds then return nil end
  waiting.check_seconds(name, seconds, 3)
  return now() + seconds
end

--- ws:recv([seconds]): waits for a message, at most so long. Returns it, whole, and its kind:
-- "text" or "binary"; or nil, reason, "CLOSED", code when one side has closed (1005: without a
-- code); or nil, message, name: "TIMEDOUT", or why the connection has ended. What came before its
-- end comes first. Raises what a callback threw.
-- -> message: string, kind: string | nil, reason: string, "CLOSED", code: integer
--    | nil, message, name
function WebSocket:recv(seconds)
  local deadline = deadline_of("recv", seconds)
  local queue = self.messages
  local function ready() return queue[queue.first] or self.closed or self.result end
  local ok, message, name = self:wait("recv", ready, deadline)
  local entry = take(self)
  if not entry and not ok then return nil, message, name end
  if not entry then return ending(self, "recv") end
  go_on(self)
  return entry[1], entry[2]
end

--- ws:each(): iterates over messages and their kinds, until one side has closed. Raises an error
-- when the connection ends otherwise.
-- -> (fun(): string?, string?)
function WebSocket:each()
  return function()
    local message, kind, name, code = self:recv()
    if not message and not code then error(kind .. " (" .. name .. ")", 0) end
    if message then return message, kind end
    return nil
  end
end

-- libcurl would block there.
local function refuse_inside(ws, name)
  local multi = ws.driver.multi
  if not (multi and curl.inside(multi)) then return end
  error(name .. " is not allowed inside a callback of this loop", 3)
end

local KINDS <const> = { text = true, binary = true }

local function check_text(name, text)
  if type(text) ~= "string" then error(name .. ": string expected, got " .. type(text), 3) end
  return text
end

--- ws:send(message [, kind]): sends a "text" (the default) or "binary" one, whole; waits while the
-- socket is full. Returns true, or what recv does at the end. A coroutine that is closed while it
-- waits with half a message ends the connection.
-- -> true | nil, reason: string, "CLOSED", code: integer | nil, message, name
function WebSocket:send(message, kind)
  check_text("send", message)
  kind = kind or "text"
  if not KINDS[kind] then
    error("send: 'text' or 'binary' expected, got " .. tostring(kind), 2)
  end
  refuse_inside(self, "send")
  return send(self, message, kind)
end

--- ws:ping([data]): sends a ping, of at most 125 bytes. The answer is nobody's.
-- -> true | nil, reason: string, "CLOSED", code: integer | nil, message, name
function WebSocket:ping(data)
  if #check_text("ping", data or "") > 125 then error("ping: at most 125 bytes expected", 2) end
  refuse_inside(self, "ping")
  return send(self, data or "", "ping")
end

local function close_data(code, reason)
  code = code or 1000
  if math.type(code) ~= "integer" or not frames.is_code(code) then
    local expected = "close: a code of 1000 to 1003, 1007 to 1014 or 3000 to 4999 expected, got "
    error(expected .. tostring(code), 3)
  end
  if #check_text("close", reason or "") > 123 then
    error("close: a reason of at most 123 bytes expected", 3)
  end
  return string.pack(">I2", code) .. (reason or ""), code
end

-- What is held goes with it. What a callback threw, and nobody was told, comes out of run().
local function release(ws)
  drop(ws, "the WebSocket was closed", "CLOSED")
  if not (ws.result[1] or ws.told) then failure.keep(ws.driver, ws.result[2]) end
  ws.told = true
  ws.messages, ws.size = { first = 1, last = 0 }, 0
  if ws.owned then ws.easy:close() end
end

--- ws:close([code [, reason]]): closes (1000: a normal end), waits until the server has too, but
-- not long (5 seconds), and ends the connection. What was not received nobody gets any more. A
-- code that may not be sent raises an error.
-- -> true
function WebSocket:close(code, reason)
  local data, number = close_data(code, reason)
  refuse_inside(self, "close")
  self.closed = self.closed or { reason or "", number }
  self.messages, self.size = { first = 1, last = 0 }, 0
  if not self.result and self.driver.multi then
    go_on(self)
    changes.tell(self)
    send_close(self, data)
    self:wait("close", function() return self.heard or self.result end, now() + PATIENCE)
    -- The server ends the connection now; or a callback was interrupted, which is its result.
    self:wait("close", function() return self.result end, now() + RETRY)
  end
  release(self)
  return true
end

--- close(), at the end of a variable's scope, where nothing can be waited for: the server is told
-- as far as that can be done at once.
function WebSocket:__close()
  if not (self.result or self.said or self.sending or curl.inside()) then
    pcall(call, self, string.pack(">I2", 1000), "close")
  end
  self.closed = self.closed or { "", 1000 }
  release(self)
end

function WebSocket:__tostring()
  return ("WebSocket of %s"):format(self.easy)
end

-- ---- its beginning ----------------------------------------------------------------------------

local KNOWN <const> = { max = true, seconds = true }

local function check(options)
  if type(options) ~= "table" then
    error("websocket: table expected, got " .. type(options), 3)
  end
  for name in pairs(options) do
    if not KNOWN[name] then error(("websocket: unknown option '%s'"):format(name), 3) end
  end
  local max = options.max or MAX
  if math.type(max) ~= "integer" or max < 1 then
    error("websocket: option 'max': an integer of at least 1 expected", 3)
  end
  return max, deadline_of("websocket", options.seconds)
end

-- As easy:ws_send says it.
local function is_there()
  local version = curl.version_info()
  for _, name in ipairs(version.protocols) do
    if name == "ws" then return version.version_num >= 0x080b00 end
  end
  return false
end

local function new(driver, easy, owned, max)
  local ws = setmetatable({ driver = driver, easy = easy, owned = owned, size = 0 }, WebSocket)
  ws.messages = { first = 1, last = 0 }
  ws.reader = frames.reader(max, function(...) on_message(ws, ...) end)
  changes.begin(ws)
  easy:setopt {
    ws_options = "raw_mode",
    writefunction = function(data) return on_write(ws, data) end,
    headerfunction = function(line) on_header(ws, line) end,
  }
  return ws
end

-- What its coroutine throws besides; if that is closed, drop tells its end.
local Ended = {}

function Ended:__close(err)
  if err ~= nil then finish(self.ws, false, err) end
end

local function start(ws)
  ws.driver.promised[ws.easy] = ws
  ws.task = tasks.spawn(ws.driver, nil, function()
    local _ <close> = setmetatable({ ws = ws }, Ended)
    finish(ws, transfers.try(ws.driver, ws.easy))
  end)
end

-- What has not begun when it is left goes, or is interrupted then.
local Handshake = {}

function Handshake:__close(err)
  if err ~= nil or not self.over then release(self.ws) end
end

-- Waits for the handshake; what has come of that.
local function shake_hands(ws, deadline)
  local handshake <close> = setmetatable({ ws = ws }, Handshake)
  start(ws)
  local function ready() return ws.answered or ws.result end
  local ok, message, name = ws:wait("websocket", ready, deadline)
  if not ok then return nil, message, name end
  if not ws.answered then return ending(ws, "websocket") end
  tasks.spawn(ws.driver, nil, answer, ws)
  handshake.over = true
  return ws
end

--- loop:websocket(easy [, options]): performs the transfer, of a URL ws:// or wss://, of an easy,
-- or of the options of one, which is closed at the end. Its writefunction, headerfunction and
-- ws_options are the WebSocket's from now on. Returns that when the handshake is over, or nil,
-- message, name: as loop:perform, "TIMEDOUT", or "NOT_SUPPORTED" before libcurl 8.11 and where that
-- was built without it. Options:
--   max       size of a message (16777216); for a longer one it closes, with code 1009
--   seconds   how long the handshake may take
-- -> WebSocket | nil, message, name
function websockets.new(driver, easy, options)
  if not driver.multi then error("websocket: the loop is closed", 2) end
  local max, deadline = check(options or {})
  local owned = type(easy) == "table"
  if not owned then transfers.check_easy(driver, "websocket", easy, 2) end
  if not is_there() then
    return nil, "websocket: libcurl " .. curl.version_info().version .. " has none", "NOT_SUPPORTED"
  end
  if owned then
    local message, name
    easy, message, name = curl.easy(easy)
    if not easy then return nil, message, name end
  end
  return shake_hands(new(driver, easy, owned, max), deadline)
end

return websockets
