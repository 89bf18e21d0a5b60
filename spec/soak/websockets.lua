-- Operations with WebSockets of a loop (loops.lua), each from its beginning to its end. The server
-- echoes, and does what it is told (spec/support/websocket.py).

local call = require "spec.soak.call"
local loops = require "spec.soak.loops"
local streams = require "spec.soak.streams"
local sure = require "spec.soak.sure"

local ops = {}

-- What is sent, and what comes then: messages, or a code.
local talks = {
  [0] = { "hello", { "echo hello" } }, { "fragments", { "one two three" } },
  { "count 3", { "0 ", "1 ", "2 " } }, { "ping", { "pong has come" } },
  { "close 3000", {}, 3000 }, { "die", {} }, { "hello", {} },
}

-- A method of the WebSocket; raised says that nothing is known from here on.
local function method(s, name, ...)
  local results = table.pack(loops.call(s.w, s.l, s.task, {
    what = "ws:" .. name, conditions = {},
  }, s.ws[name], s.ws, ...))
  s.raised = s.raised or results.n == 0
  return table.unpack(results, 1, results.n)
end

local function is_known(s)
  return not s.raised and not s.ws.closed and s.l.loop.multi and sure.is(s.w, s.h)
end

local function talk(s, what, answers, code)
  if not method(s, "send", what) then return end
  for _, expected in ipairs(answers) do
    local got = method(s, "recv")
    local right = got and got:sub(1, #expected) == expected
    if not right and is_known(s) then
      return s.w:fail("'%s' is answered by %s", what, tostring(got))
    end
  end
  if not code then return end
  local _, _, name, number = method(s, "recv")
  local known = not s.raised and s.l.loop.multi and sure.is(s.w, s.h)
  if known and number ~= code then s.w:fail("closed by %s %s", name, tostring(number)) end
end

-- The easy goes where it went before.
local Place = {}

function Place:__close()
  local e = self.w.object[self.h]
  if e and not self.h.closed then e:setopt("url", self.url) end
end

-- op: "ws", slot, what is said. Of an easy that is sure.
function ops.ws(w, op, context)
  local l, task = loops.here(w, context)
  local e, h = call.get(w, "easy", op[2])
  local can = w.places.ws and l and e and streams.refusal(w, l, h) == false
  if not (can and h.version.sure and not h.version.uploads and h.version.url) then return end
  local _ <close> = streams.use(w, l, task, op[2], h)
  local _ <close> = setmetatable({ w = w, h = h, url = h.version.url }, Place)
  l.sockets = true
  e:setopt("url", w.places.ws)
  local ws <close> = loops.call(w, l, task, { what = "loop:websocket", conditions = {} },
    l.loop.websocket, l.loop, e)
  if not ws then return end
  local s = { w = w, l = l, task = task, h = h, ws = ws }
  talk(s, table.unpack(talks[op[3] % 7]))
  method(s, "close")
end

return ops
