-- Operations with streams of a loop (loops.lua), each from its beginning to its end; and what those
-- with WebSockets have in common with them.

local call = require "spec.soak.call"
local curl = require "curlsock"
local loops = require "spec.soak.loops"
local tasks = require "spec.soak.tasks"
local sure = require "spec.soak.sure"
local get, here = call.get, loops.here

local streams, ops = {}, {}

local PIECE <const> = 16384 -- what libcurl gives at once

-- ---- a use of an easy -------------------------------------------------------------------------

-- Its callbacks are the stream's until the end, whatever ends it; then they are its own again.
local Use = {}

function Use:__close()
  local h, w = self.h, self.w
  self.ended, h.streams = true, nil
  if h.user == self then h.user = nil end
  if self.of.task then self.of.task.mentions = nil else table.remove(w.held) end
  local e = w.object[h]
  if curl.type(e) == "easy" then e:setopt(h.version.data or {}) end
  local slots = w.slots.easy
  if not slots[self.slot] and self.hidden then slots[self.slot] = e end
end

-- In a loop with coroutines of its own it is not in the multi at once: nobody else has it then.
local function use(w, l, task, slot, h)
  call.begin(h)
  h.version.shared = nil
  -- (The handle has it, and may outlive the loop.)
  local of = setmetatable({ task = task }, { __mode = "v" })
  local token = setmetatable({ w = w, h = h, of = of, slot = slot }, Use)
  token.hidden = l.later and task ~= nil
  if token.hidden then w.slots.easy[slot] = nil end
  if task then task.mentions = h else w.held[#w.held + 1] = h end
  h.user, h.streams = token, true
  if not l.later then h.multi = l.h end
  return token
end

-- What refuses it, by a name of call.lua's; false: nothing; nil: nobody knows.
local function refusal(w, l, h)
  if not l.loop.multi or h.closed then return "closed" end
  if h.multi == l.h and w:is_in(h) == true then return "used" end
  local free = not (h.multi or h.talks or h.streams)
  if free and w:running(h) == false and w:running(l.h) == false then return false end
end

-- Its end, also where the task is cancelled.
local Closer = {}

function Closer:__close()
  loops.call(self.w, self.l, self.task, { what = "close", conditions = {} }, self.f)
end

local function closer(w, l, task, f)
  return setmetatable({ w = w, l = l, task = task, f = f }, Closer)
end

-- ---- streams ----------------------------------------------------------------------------------

-- A method of the stream; no more waits in it than may.
local function method(w, l, task, s, name, ...)
  local results = table.pack(loops.call(w, l, task, {
    what = "stream:" .. name, conditions = {},
  }, s.stream[name], s.stream, ...))
  local size = math.max(s.stream.input.size, s.stream.output.size)
  if size > s.stream.limit + PIECE then
    w:fail("%d bytes wait in a stream with the limit %d", size, s.stream.limit)
  end
  s.raised = s.raised or results.n == 0 -- what a task threw, maybe, while the loop was run
  return table.unpack(results, 1, results.n)
end

local function read(w, l, task, s, ...)
  local piece, message, name = method(w, l, task, s, "read", ...)
  s.got[#s.got + 1] = piece
  s.message = s.message or message
  return piece, name
end

local function read_all(w, l, task, s)
  return read(w, l, task, s, "a") ~= nil
end

-- What is done with it; each returns whether it has come to the end of the answer.
local ways = {
  [0] = read_all,
  function(w, l, task, s)
    repeat local piece = read(w, l, task, s, 5000) until not piece
    return s.message == nil
  end,
  function(w, l, task, s)
    repeat local piece = read(w, l, task, s) until not piece
    return s.message == nil
  end,
  -- Left early.
  function(w, l, task, s)
    for _ = 1, 3 do read(w, l, task, s, "L") end
  end,
  function(w, l, task, s)
    method(w, l, task, s, "headers")
    method(w, l, task, s, "close")
  end,
  function(w, l, task, s)
    local ok, message = method(w, l, task, s, "finish")
    s.message = not ok and message or nil
    return read_all(w, l, task, s) and ok
  end,
}

-- What is sent, in pieces, before the answer is read.
local function write(w, l, task, s)
  local size = 0
  for _ = 1, 3 do
    local ok = method(w, l, task, s, "write", ("x"):rep(9000))
    if not ok then return end
    size = size + 9000
  end
  local ok, message = method(w, l, task, s, "finish")
  s.message = not ok and message or nil
  return size .. "\n"
end

local function check_answer(w, l, h, s, whole, expected)
  local closed = s.stream.result and s.stream.result[4] == "CLOSED"
  if closed or s.raised or not l.loop.multi or not sure.is(w, h) then return end
  if s.message then return w:fail("the stream of %s fails: %s", h.id, s.message) end
  local got = table.concat(s.got)
  if whole and got ~= expected then
    w:fail("%d bytes have come of the %d of %s", #got, #expected, h.id)
  end
end

local function run(w, l, task, h, stream, way)
  local s = { got = {}, stream = stream }
  local expected = h.version.uploads and write(w, l, task, s) or h.version.body
  local whole = ways[way % 6](w, l, task, s)
  check_answer(w, l, h, s, whole, expected)
end

-- op: "stream", slot, way, limit.
function ops.stream(w, op, context)
  local l, task = here(w, context)
  local e, h = get(w, "easy", op[2])
  local refused = l and e and refusal(w, l, h)
  if refused == nil then return end
  local _ <close> = not refused and use(w, l, task, op[2], h) or nil
  local stream = loops.call(w, l, task, {
    what = "loop:stream", conditions = { { refused, refused and true } },
  }, l.loop.stream, l.loop, e, { limit = 1 + op[4] * 7000, upload = h.version.uploads })
  if not stream then return end
  do
    local _ <close> = closer(w, l, task, function() stream:close() end)
    run(w, l, task, h, stream, op[3])
  end
  if l.later then tasks.nap(w, { "nap", 0 }, context) end -- its coroutine ends in the next turn
end

streams.ops, streams.use, streams.refusal = ops, use, refusal
return streams
