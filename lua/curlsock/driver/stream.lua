-- A transfer whose bodies a coroutine reads and writes, as they come. It waits for the coroutine,
-- and this for it: what is under way in here is limited.
local buffer = require "curlsock.driver.buffer"
local changes = require "curlsock.driver.changes"
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"
local reading = require "curlsock.driver.reading"
local tasks = require "curlsock.driver.tasks"
local transfers = require "curlsock.driver.transfer"
local waiting = require "curlsock.driver.waiting"

local pack, unpack = table.pack, table.unpack

local streams = {}

--- Fields: driver, easy, limit; input and output, the bytes between; paused, by direction;
-- answered, when all headers are there; finished, when the body to be sent has its end; read, when
-- somebody has read; result, that of perform, or what that has thrown, when it has ended, and told,
-- if somebody knows that.
local Stream = {}
Stream.__index = Stream

local LIMIT <const> = 65536

--- Waits until ready() is true: returns that, or nil, message, name when the loop was closed.
Stream.wait = changes.wait

-- ---- what the transfer calls ------------------------------------------------------------------

-- A callback may have closed the easy: the transfer goes on until that call of libcurl ends.
local function is_open(stream)
  return curl.type(stream.easy) == "easy"
end

-- What comes over no network comes all at once.
local function can_pause(stream)
  return is_open(stream) and stream.easy:getinfo("scheme"):lower() ~= "file"
end

-- libcurl keeps the piece that is not taken, until the stream is read.
local function on_write(stream, data)
  if stream.input.size >= stream.limit and can_pause(stream) then
    stream.paused.recv = true
    return curl.PAUSE
  end
  stream.answered = true
  stream.input:push(data)
  changes.tell(stream)
end

local function on_read(stream)
  local piece = stream.output:take()
  if piece then
    changes.tell(stream)
    return piece
  end
  if stream.finished then return nil end
  stream.paused.send = true
  return curl.PAUSE
end

-- After these another answer may come: of the next hop, or when libcurl has authenticated.
local function is_last(code)
  return code >= 200 and code ~= 401 and code ~= 407 and code // 100 ~= 3
end

local function on_header(stream, line)
  if line ~= "\r\n" and line ~= "\n" or not is_open(stream) then return end
  if not is_last(stream.easy:getinfo("response_code")) then return end
  stream.answered = true
  changes.tell(stream)
end

local function install(stream, upload)
  local function call(f)
    return function(...) return f(stream, ...) end
  end
  stream.easy:setopt { writefunction = call(on_write), headerfunction = call(on_header) }
  if upload then stream.easy:setopt("readfunction", call(on_read)) end
end

-- Lets the transfer go on where it waits for the coroutine.
local function go_on(stream, what)
  if not stream.paused[what] then return end
  stream.paused[what] = nil
  if is_open(stream) then stream.easy:unpause(what) end
end

-- ---- its end ----------------------------------------------------------------------------------

local function finish(stream, ...)
  if stream.result then return end
  stream.result = pack(...)
  stream.driver.promised[stream.easy] = nil
  if is_open(stream) then
    for _, name in ipairs { "writefunction", "headerfunction", "readfunction" } do
      stream.easy:unset(name)
    end
  end
  changes.tell(stream)
end

--- Whether it has failed, or was closed.
function Stream:failed()
  return self.result and not (self.result[1] and self.result[2])
end

--- How it has ended: nil, or nil, message, name; raises what a callback threw.
function Stream:ending()
  local result = self.result or { true, nil, "stream: the loop was closed", "CLOSED" }
  if not result[1] then
    self.told = true
    error(result[2], 0)
  end
  if not result[2] then return nil, unpack(result, 3, 4) end
  return nil
end

-- ---- for the coroutine ------------------------------------------------------------------------

--- The stream was read: the transfer may go on.
function Stream:taken()
  if self.input.size < self.limit then go_on(self, "recv") end
end

--- stream:headers(): waits until the headers of the last answer are there. Returns the response
-- code and a list of the headers, as easy:headers() does, or nil, message, name.
-- -> status: integer, headers: string[][] | nil, message, name
function Stream:headers()
  local ok = self:wait("headers", function() return self.answered or self.result end)
  if not ok or not self.answered and self:failed() then return self:ending() end
  if curl.type(self.easy) ~= "easy" then
    return nil, "headers: the easy is closed", "CLOSED"
  end
  return self.easy:getinfo("response_code"), self.easy:headers()
end

--- stream:read([format]): what has come, at least a byte; n bytes, fewer only at the end; a line
-- without ("l") or with its end ("L"); or all that comes ("a"). Waits for it. Returns nil at the
-- end, as files do, or nil, message, name; raises what a callback threw.
-- -> string | nil | nil, message, name
function Stream:read(format)
  local read = reading.reader(format)
  if self.reader then error("read: another coroutine reads from this stream", 2) end
  local guard <close> = setmetatable({ self }, streams.Reader)
  self.reader, self.has_reader = guard, true
  return read(self)
end

local Reader = {}
streams.Reader = Reader

function Reader:__close()
  self[1].reader = nil
end

-- Iterates over what read(format) returns. Raises an error where that fails.
local function each(stream, format)
  return function()
    local piece, message = stream:read(format)
    if message then error(message, 0) end
    return piece
  end
end

--- stream:lines([format]): iterates over the lines, or what else read would return. Raises an error
-- when the transfer fails.
-- -> (fun(): string?)
function Stream:lines(format)
  return each(self, format or "l")
end

--- stream:pieces(): the same over what has come each time.
-- -> (fun(): string?)
function Stream:pieces()
  return each(self)
end

--- stream:write(data): sends it, as a part of the body. Waits while more than the limit has not
-- been sent. Returns true, or nil, message, name when the transfer has ended before; raises what a
-- callback threw.
-- -> true | nil, message, name
function Stream:write(data)
  if type(data) ~= "string" then error("write: string expected, got " .. type(data), 2) end
  if self.finished then error("write: the body was finished", 2) end
  local ok
  if not self.result then
    self.output:push(data)
    go_on(self, "send")
    ok = self:wait("write", function() return self.output.size <= self.limit or self.result end)
  end
  if ok and not self.result then return true end
  local _, message, name = self:ending()
  return nil, message or "write: the transfer has ended", name or "SEND_ERROR"
end

--- stream:finish(): the body to be sent ends here. Waits for the end of the transfer, and returns
-- what perform does. What has come meanwhile can be read then. (The limit holds for a stream that
-- somebody reads: it is read to its end by that.)
-- -> true | nil, message, name
function Stream:finish()
  self.finished = true
  if not self.has_reader then self.limit = math.huge end
  go_on(self, "send")
  go_on(self, "recv")
  self:wait("finish", function() return self.result end)
  if self.result and not self:failed() then return true end
  return self:ending()
end

local function close(stream)
  if not stream.result then
    if stream.task then stream.task:cancel() end -- not if it was interrupted at its beginning
    transfers.cancel(stream.driver, stream.easy)
    finish(stream, true, nil, "the stream was closed", "CLOSED")
  end
  if not (stream.result[1] or stream.told) then failure.keep(stream.driver, stream.result[2]) end
  stream.told = true
  stream.input = buffer.new()
  if stream.owned then stream.easy:close() end
end

--- stream:close(): ends the transfer if it has not ended. What was read nobody gets any more.
-- (What a callback threw, and nobody was told, comes out of run().)
-- -> nothing
function Stream:close()
  local ok, err = pcall(close, self)
  if ok then return end
  close(self) -- what was interrupted is done all the same
  error(err, 0)
end

Stream.__close = Stream.close

function Stream:__tostring()
  return ("stream of %s"):format(self.easy)
end

-- ---- its beginning ----------------------------------------------------------------------------

local KNOWN = { limit = true, seconds = true, upload = true }

local function check(options)
  if type(options) ~= "table" then error("stream: table expected, got " .. type(options), 3) end
  for name in pairs(options) do
    if not KNOWN[name] then error(("stream: unknown option '%s'"):format(name), 3) end
  end
  local limit = options.limit or LIMIT
  if math.type(limit) ~= "integer" or limit < 1 then
    error("stream: option 'limit': an integer of at least 1 expected", 3)
  end
  if options.seconds then waiting.check_seconds("stream", options.seconds, 3) end
  return limit
end

local function start(stream, options)
  local driver, easy = stream.driver, stream.easy
  driver.promised[easy] = stream
  install(stream, options.upload ~= false)
  stream.task = tasks.spawn(driver, nil, function()
    finish(stream, transfers.try(driver, easy, options.seconds))
  end)
end

--- loop:stream(easy [, options]): starts the transfer of an easy, or of the options of one, which
-- is closed with the stream. Its writefunction, headerfunction and readfunction are the stream's
-- from now on. Options:
--   limit     how many bytes may wait in here in each direction (65536; there may be one piece
--             more; of a file: URL, which libcurl cannot pause, all)
--   seconds   as loop:perform takes it
--   upload    false: the easy has a body of its own, and stream:write is not used
-- -> Stream | nil, message, name
function streams.new(driver, easy, options)
  if not driver.multi then error("stream: the loop is closed", 2) end
  options = options or {}
  local limit, owned = check(options), type(easy) == "table"
  if not owned then transfers.check_easy(driver, "stream", easy, 2) end
  if owned then
    local message, name
    easy, message, name = curl.easy(easy)
    if not easy then return nil, message, name end
  end
  local stream = setmetatable({ driver = driver, easy = easy, limit = limit }, Stream)
  stream.owned, stream.input, stream.output = owned, buffer.new(), buffer.new()
  stream.paused = {}
  changes.begin(stream)
  local ok, err = pcall(start, stream, options)
  if ok then return stream end
  stream:close()
  error(err, 0)
end

return streams
