-- Operations on a loop, of which a program has one at a time: curlsock's own, select, luv or
-- cqueues. Its multi is a handle of the model's, in a slot that no other operation uses.
-- While the loop is called there is a frame of its multi; a task that goes on takes that off, and
-- puts it back where it waits: what a task does is done outside libcurl (resumed, suspended).

local call = require "spec.soak.call"
local curl = require "curlsock"
local found = require "spec.support.loops"
local target = require("spec.soak.lent").target

local loops, ops, SLOT = {}, {}, 3

-- The loop of libuv has descriptors as long as the process runs: they are there before a program.
local names = found.names
for _, name in ipairs(names) do
  if name == "luv" then require("luv").run "nowait" end
end

-- ---- the model's part -----------------------------------------------------------------------

local World = {}
loops.methods = World

-- The task that runs now goes on, or waits: the frame of the loop that has let it.
function World:resumed()
  self.frames[#self.frames].off = true
  self:look_at_loop()
end

function World:suspended()
  self.frames[#self.frames].off = nil
end

-- Whether libcurl may be at work below.
function World:is_entered()
  for _, frame in ipairs(self.frames) do
    if not frame.off then return true end
  end
  return self.calls > 0
end

-- Whether it is the loop's own multi.
function World:is_of_loop(h)
  return self.loop and self.loop.h == h
end

-- A loop with coroutines of its own, or with those of a WebSocket: what has ended in one is let go
-- in a later turn.
function World:may_linger()
  local l = self.loop
  return l and (l.later and #l.tasks > 0 or l.sockets)
end

-- The two ends of a pair of Sockets, which the program has as long as it mentions them.
function World:pair()
  local a, b = curl.socketpair()
  self.pairs[a], self.pairs[b] = true, true
  return a, b
end

function World:ends_of_pairs()
  local n = 0
  for socket in pairs(self.pairs) do
    if socket:state() == "owned" then n = n + 1 end
  end
  return n
end

-- What tasks mention that wait.
function World:each_mentioned(f)
  for _, t in ipairs(self.loop and self.loop.tasks or {}) do
    if t.mentions then f(t.mentions) end
  end
end

-- What tasks of loops mention that the program has dropped, but whose multis something keeps.
function World:kept_by_dropped(lost)
  local kept = {}
  for _, dropped in ipairs(self.dropped) do
    local multi = dropped.multi
    for _, h in ipairs(not (multi.torn or lost[multi]) and dropped or {}) do kept[h] = true end
  end
  return kept
end

local function is_at_work(w, hm)
  for _, frame in ipairs(w.frames) do
    if frame.handle == hm and not frame.off then return true end
  end
end

-- A result may have been taken of which its task has not heard. When libcurl is at work on the
-- loop this may also be one that is just being removed.
function loops.left(h, at_work)
  if at_work then
    h.parting = true
  else
    h.multi, h.last, h.parting = nil, nil, nil
  end
end

-- That of a stream comes into the multi without the model's doing.
local function look_at_easy(w, l, h, at_work)
  local user = h.user
  if h.multi ~= l.h and user and not user.ended then h.multi = l.h end
  w:expect(l.h, h.multi, "the multi of %s, which is in the loop's", h.id)
  if (not user or user.ended) and not at_work then
    w:fail("%s is in the loop's multi, and nobody waits for it", h.id)
  end
end

local function look_at_easies(w, l, at_work)
  local multi, n = l.loop.multi, 0
  for _, h in ipairs(w.handles) do
    local e = h.kind == "easy" and not h.closed and w.object[h]
    if e and multi:easies(e) ~= nil then
      n = n + 1
      look_at_easy(w, l, h, at_work)
    elseif h.multi == l.h and not h.deferred then
      loops.left(h, at_work)
    end
  end
  if not at_work then w:expect(n, #multi:easies(), "easies in the loop's multi") end
end

-- Which easies its multi has is asked: it lets them go before their tasks go on.
function World:look_at_loop()
  local l = self.loop
  if not l or l.h.torn then return end
  local at_work = is_at_work(self, l.h)
  if l.loop.multi then return look_at_easies(self, l, self:is_entered()) end
  if not at_work then self:close(l.h) end -- tasks go on before close() returns
end

-- What tasks have thrown, and nobody was told; an error, or its text in a warning.
function World:told(err)
  if self.loop then self.loop.owed[tostring(err)] = nil end
end

local world -- of the loop, for warnings

rawset(_G, "warn", function(_, text)
  if world then world:told(text) end
end)

-- ---- calling it -------------------------------------------------------------------------------

-- The loop, and the task that runs, if there is one; nothing where it is not to be used: in a
-- coroutine that is no task of it, and where one with coroutines of its own is inside a callback:
-- they cannot go on in there, and a stream that one of them reads waits for that.
function loops.here(w, context)
  local l, task = w.loop, context.task
  local runs = task and task.loop == l and coroutine.running() == task.co
  local apart = l and l.later and w.calls > 0
  if not l or not runs and (coroutine.isyieldable() or apart) then return end
  return l, runs and task or nil
end

local function enter(w, l, task, unsure, f, ...)
  if task then
    w:suspended()
  else
    w.frames[#w.frames + 1], w.held[#w.held + 1] = { handle = l.h }, l.h
    l.depth = l.depth + 1
  end
  w.frames[#w.frames].unsure = unsure
  local result = table.pack(pcall(f, ...))
  if task then
    w:resumed()
  else
    w.frames[#w.frames], w.held[#w.held] = nil, nil
    l.depth = l.depth - 1
    w:look_at_loop()
  end
  if not result[1] then w:told(result[2]) end
  return result
end

local function is_cancelled(task, err)
  return task and task.cancels and tostring(err) == "the task was cancelled"
end

-- Calls f(...), which may wait, or run the loop, as attempt does. In a loop with coroutines of its
-- own a task that was cancelled ends by an error.
function loops.call(w, l, task, what, f, ...)
  local over
  what.held, what.since = not task and what.handle and { what.handle } or {}, 0
  table.insert(what.conditions, { "goes", w:running(l.h) and "maybe" })
  local results = table.pack(call.attempt(w, what, function(...)
    local result = enter(w, l, task, what.unsure, f, ...)
    if result[1] then return table.unpack(result, 2, result.n) end
    if not is_cancelled(task, result[2]) then error(result[2], 0) end
    over = result[2]
  end, ...))
  if over then error(over, 0) end
  return table.unpack(results, 1, results.n)
end

-- ---- its beginning and end --------------------------------------------------------------------

-- What it watches is what the model says, as of a multi (multis.lua).
local function watch(l)
  local hooks, h = l.loop.hooks, l.h
  local real = hooks.watch
  h.watched, h.watches = {}, {}
  function hooks.watch(fd, events)
    if h.watched then h.watched[fd], h.watches[fd] = events, events and target(fd) end
    return real(fd, events)
  end
end

local function new(w, name)
  local options = { policy = w:police() }
  if name ~= "cqueues" then return require("curlsock." .. name).new(options) end
  local controller = require("cqueues").new()
  return require("curlsock.cqueues").new(options, controller), controller
end

-- op: "loop", which, whether it has no pollfd. The one before it is closed, if it can be.
function ops.loop(w, op, context)
  if w.loop then ops.unloop(w, { "unloop", 0 }, context) end
  local name = names[1 + op[2] % #names]
  if w.loop or w.stolen and name ~= "loop" then return end
  local loop, controller
  if op[3] == 1 then
    loop, controller = found.raw(new, w, name)
  else
    loop, controller = new(w, name)
  end
  local l = { loop = loop, name = name, controller = controller, tasks = {}, owed = {}, depth = 0 }
  l.h, l.later = w:put("multi", SLOT, loop.multi), name == "cqueues"
  w.loop, world = l, w
  watch(l)
end

-- Nothing is said to its tasks.
local function drop(w, l)
  l.h.watched, l.h.watches = nil, nil
  w.loop, w.slots.multi[SLOT] = nil, nil
  local dropped = { multi = l.h }
  for _, t in ipairs(l.tasks) do dropped[#dropped + 1] = t.mentions end
  table.insert(w.dropped, dropped)
end

local function close(w, l, task)
  loops.call(w, l, task, {
    what = "loop:close", unsure = true,
    conditions = { { "inside", l.loop.multi and w:running(l.h) } },
  }, l.loop.close, l.loop)
end

-- Nothing that a task was to do is left, nor to be told.
local function check_ended(w, l)
  for i, t in ipairs(l.tasks) do
    if not t.ended then w:fail("task %d waits for ever", i) end
  end
  local text = next(l.owed)
  if text then w:fail("%s is lost", text) end
end

-- op: "unloop", way: 0 closes it and lets all end, 1 forgets it, 2 closes it. What libuv watches
-- keeps its loop alive.
function ops.unloop(w, op, context)
  local l, task = loops.here(w, context)
  if not l then return end
  if op[2] == 1 and l.name ~= "luv" then
    if not w:is_entered() then drop(w, l) end
    return
  end
  close(w, l, task)
  if op[2] == 2 or l.depth > 0 or l.loop.multi then return end
  ops.run(w, op, context)
  drop(w, l)
end

-- ---- running it -------------------------------------------------------------------------------

-- By the library's own means, where that can be. (What is refused inside luv's comes out later.)
local turns = {}

function turns.luv(l)
  local uv = require "luv"
  if uv.loop_mode() or curl.inside() then l.loop:step() else uv.run "nowait" end
end

function turns.cqueues(l)
  if require("cqueues").running() then return l.loop:step() end
  local ok, err = l.controller:step(0)
  if not ok then error(err, 0) end
end

function turns.select(l)
  if l.loop.active > 0 then l.loop:select(nil, nil, 0.01) else l.loop:step() end
end

function turns.loop(l)
  l.loop:step()
end

-- op: "turn", how many. Where a loop has coroutines of its own they do not go on while one of them
-- waits in here, for their doing maybe.
function ops.turn(w, op, context)
  local l, task = loops.here(w, context)
  for _ = 1, l and not (l.later and task) and op[2] or 0 do
    loops.call(w, l, task, { what = "loop:step", conditions = {} }, turns[l.name], l)
  end
end

-- Until nothing is left; each of the errors that come out ends it once.
function ops.run(w, _, context)
  local l, task = loops.here(w, context)
  if not l then return end
  local ended
  for _ = 1, 50 do
    ended = false
    loops.call(w, l, task, { what = "loop:run", conditions = {} }, function()
      l.loop:run()
      ended = true
    end)
    if ended or w.failure or w.calls > 0 then break end
  end
  if ended and l.depth == 0 and w.calls == 0 and not task then check_ended(w, l) end
end

loops.ops = ops
return loops
