-- Operations of the tasks of a loop (loops.lua), and on tasks. Each may also be called where no
-- task runs: the loop runs meanwhile.

local call = require "spec.soak.call"
local curl = require "curlsock"
local loops = require "spec.soak.loops"
local process = require "spec.support.process"
local sure = require "spec.soak.sure"
local get, here = call.get, loops.here

local ops = {}

-- ---- beginning and end ------------------------------------------------------------------------

-- A task has ended, however that came.
local Guard = {}

function Guard:__close()
  local t = self.t
  t.ended, t.mentions = true, nil
  if t.token then t.token.ended = true end
  self.w:suspended()
end

local function body(w, t, list)
  return function()
    local _ <close> = setmetatable({ w = w, t = t }, Guard)
    t.co, t.begun = coroutine.running(), true
    w:resumed()
    w.run(w, list, { task = t })
    t.value = {}
    return t.value
  end
end

-- op: "spawn", whether in the group; what the task does in cb.
function ops.spawn(w, op, context)
  local l, task = here(w, context)
  if not l then return end
  local g = op[2] == 1 and l.group or nil
  local t = { loop = l, n = #l.tasks + 1, joined = 0, group = g }
  l.tasks[t.n] = t
  local where, failed = g and g.object or l.loop, g and g.failed
  t.task = loops.call(w, l, task, {
    what = "spawn", conditions = { { "over", g and g.over and not failed } },
  }, where.spawn, where, body(w, t, op.cb or {}))
  if not t.task then
    t.ended = true
  elseif failed then
    w:fail "spawn does not raise what a task of the group has thrown"
  end
end

-- A number of a task of the loop: one of those before the task that runs, which do not wait for it.
local function other(l, task, n, before)
  local count = before and task and task.n - 1 or #l.tasks
  return count > 0 and l.tasks[1 + n % count] or nil
end

local function mark(t)
  t.cancels = true
  -- One that has not begun does not.
  if t.loop.later and not t.begun then t.ended = true end
end

local function check_cancelled(w, l, t, suspended)
  if suspended and not l.later and not t.ended then w:fail("task %d survives its end", t.n) end
end

local function is_suspended(t)
  return t.co and coroutine.status(t.co) == "suspended"
end

-- op: "cancel", which.
function ops.cancel(w, op, context)
  local l, task = here(w, context)
  local t = l and other(l, task, op[2])
  if not t or not t.task then return end
  local suspended = is_suspended(t)
  mark(t)
  loops.call(w, l, task, { what = "task:cancel", conditions = {} }, t.task.cancel, t.task)
  check_cancelled(w, l, t, suspended)
end

-- op: "fail": the task throws. Somebody must be told: who waits for it, or who runs the loop.
function ops.fail(w, _, context)
  local l, task = here(w, context)
  if not task then return end
  w.throws = w.throws + 1
  local text = ("what task %d has thrown"):format(task.n)
  local err = setmetatable({}, { __tostring = function() return text end })
  w.thrown[err], task.failed = w.throws, err
  local g = task.group
  if g and not g.failed then
    g.failed, g.over, l.owed[text] = err, true, true
    for _, t in ipairs(l.tasks) do
      if t.group == g and not t.ended and t ~= task then mark(t) end
    end
  elseif not g and task.joined == 0 then
    l.owed[text] = true
  end
  error(err, 0)
end

-- ---- waiting for tasks ------------------------------------------------------------------------

-- Why waiting has ended otherwise than by what was waited for: whether that may be.
local function check_left(w, l, what, name, seconds, start)
  if name == "CLOSED" then
    if l.loop.multi then w:fail("%s: CLOSED, and the loop is not", what) end
  elseif name == "TIMEDOUT" and seconds then
    if curl.now() - start < seconds - 0.001 then w:fail("%s: TIMEDOUT too early", what) end
  else
    w:fail("%s: %s", what, tostring(name))
  end
end

-- How a task has ended that was waited for.
local function check_joined(w, l, t, result, seconds, start)
  local name = result[3]
  if name == "CANCELLED" then
    if not t.cancels or t.value or t.failed then w:fail("task %d was not cancelled", t.n) end
  elseif name then
    check_left(w, l, "task:wait", name, seconds, start)
  elseif result[1] == nil or result[1] ~= t.value then
    w:fail("task %d returned %s, which is not its own", t.n, tostring(result[1]))
  end
end

local times = { [0] = 0, 0.002, 0.02 }

local Waiter = {}

function Waiter:__close()
  self.t.joined = self.t.joined - 1
end

-- What it raises is what that task threw; where the loop runs meanwhile, maybe another.
local function wait_for(w, t, task, seconds)
  local result = table.pack(pcall(t.task.wait, t.task, seconds))
  if result[1] then return table.pack(table.unpack(result, 2, result.n)) end
  local err = result[2]
  if task and w.thrown[err] and err ~= t.failed then
    w:fail("task %d is said to have thrown %s", t.n, tostring(err))
  end
  error(err, 0)
end

-- op: "join", which, how long.
function ops.join(w, op, context)
  local l, task = here(w, context)
  local t = l and other(l, task, op[2], true)
  if not t or not t.task then return end
  local seconds, start = times[op[3]], curl.now()
  t.joined = t.joined + 1
  local _ <close> = setmetatable({ t = t }, Waiter)
  local result = loops.call(w, l, task, {
    what = "task:wait", conditions = {},
  }, wait_for, w, t, task, seconds)
  if result then check_joined(w, l, t, result, seconds, start) end
end

-- ---- groups -----------------------------------------------------------------------------------

-- op: "group": the tasks that are spawned in it come together. The one before it ends.
function ops.group(w, op, context)
  local l = here(w, context)
  if not l then return end
  ops.ungroup(w, op, context)
  l.group = { object = l.loop:group() }
end

function ops.ungroup(w, _, context)
  local l, task = here(w, context)
  local g = l and l.group
  if not g then return end
  l.group, g.over = nil, true
  local were = {}
  for _, t in ipairs(l.tasks) do
    if t.group == g and not t.ended then
      were[t] = is_suspended(t) or false
      mark(t)
    end
  end
  loops.call(w, l, task, { what = "group:cancel", conditions = {} }, g.object.cancel, g.object)
  for t, suspended in pairs(were) do check_cancelled(w, l, t, suspended) end
end

-- op: "gather", how long: waits for the group.
function ops.gather(w, op, context)
  local l, task = here(w, context)
  local g = l and l.group
  if not g then return end
  local seconds, start = times[op[2] % 2] or 0, curl.now()
  local ok, _, name = loops.call(w, l, task, {
    what = "group:wait", conditions = {},
  }, g.object.wait, g.object, seconds)
  if name then return check_left(w, l, "group:wait", name, seconds, start) end
  if not ok then return end
  if g.failed then w:fail "group:wait does not raise what its task has thrown" end
  for _, t in ipairs(l.tasks) do
    if t.group == g and not t.ended then w:fail("task %d goes on after its group", t.n) end
  end
end

-- ---- transfers --------------------------------------------------------------------------------

-- What tells whether the task still waits for its easy.
local function begin(h, l, task)
  local token = {}
  h.user, h.multi = token, l.h
  if task then task.token, task.mentions = token, h end
  call.begin(h)
  return token
end

local function check_result(w, l, h, ok, message, name)
  if ok then return call.check_success(w, h) end
  if not name then return end -- it has raised an error
  if name == "CLOSED" then
    if l.loop.multi and not h.closed then w:fail("%s: CLOSED, and nothing is", h.id) end
  else
    call.check_message(w, h, message)
  end
end

local limits = { [0] = nil, nil, 0, 0.003 }

-- op: "await", slot, how long at most.
function ops.await(w, op, context)
  local l, task = here(w, context)
  local e, h = get(w, "easy", op[2])
  if not l or not e then return end
  local multi, user, token = h.multi, h.user, nil
  local ok, message, name = loops.call(w, l, task, {
    what = "loop:perform " .. h.id, handle = h,
    conditions = {
      { "closed", not l.loop.multi }, { "inside", w:running(l.h) },
      { "closed", h.closed }, { "inside", w:running(h) }, { "added", w:is_in(h) },
      { "talks", h.talks },
    },
    before = function() token = begin(h, l, task) end,
    undo = function(refusal)
      if refusal then h.multi, h.user = multi, user end
    end,
    after = function()
      if h.user == token and h.multi == l.h then loops.left(h) end
    end,
  }, l.loop.perform, l.loop, e, limits[op[3]])
  if token then token.ended = true end
  if task then task.mentions = nil end
  w:look_at_loop()
  check_result(w, l, h, ok, message, name)
  if not ok and name == "OPERATION_TIMEDOUT" then return end
  if name then sure.check(w, l, h, ok, message) end
end

-- ---- other things to wait for -----------------------------------------------------------------

-- op: "nap", how long.
function ops.nap(w, op, context)
  local l, task = here(w, context)
  if not l then return end
  local seconds, start = times[op[2] % 2], curl.now()
  local ok, _, name = loops.call(w, l, task, {
    what = "loop:sleep", conditions = { { "closed", not l.loop.multi } },
  }, l.loop.sleep, l.loop, seconds)
  if name then return check_left(w, l, "loop:sleep", name) end
  if ok and curl.now() - start < seconds - 0.001 then w:fail "loop:sleep is too short" end
end

-- op: "rest": a coroutine that yields by itself. (In libuv nothing lets it go on, nor in a closed
-- loop.)
function ops.rest(w, _, context)
  local l, task = here(w, context)
  if not task or l.name == "luv" or not l.loop.multi then
    return ops.nap(w, { "nap", 0 }, context)
  end
  local yield = l.later and require("cqueues").sleep or coroutine.yield
  loops.call(w, l, task, { what = "yield", conditions = {} }, yield, l.later and 0 or nil)
end

-- Whether there is something to be read at one end of a pair, and what is waited for.
local waits = {
  [0] = { "r", nil, false }, { "r", "data", "r" }, { "w", nil, "w" }, { "rw", nil, "w" },
  { "rw", "data", "rw" }, { "r", "hangup", "r" },
}

local stale = curl.version_info().version_num < 0x080200

-- op: "ready", which: waits for a descriptor.
function ops.ready(w, op, context)
  local l, task = here(w, context)
  if not l then return end
  local events, what, expected = table.unpack(waits[op[2] % 6], 1, 3)
  local a, b = w:pair()
  local _ <close> = a
  local _ <close> = b
  if what == "data" then b:send("x", 0) elseif what then b:close() end
  local start, seconds = curl.now(), expected and 2 * process.patience or 0.004
  local ready, _, name = loops.call(w, l, task, {
    what = "loop:wait",
    conditions = { { "closed", not l.loop.multi }, { "watched", stale and "maybe" } },
  }, l.loop.wait, l.loop, a, events, seconds)
  if name == "TIMEDOUT" and not expected or name == "CLOSED" then
    check_left(w, l, "loop:wait", name, seconds, start)
  elseif (ready or name) and (ready or false) ~= expected then
    w:fail("loop:wait: %s for %s, and %s is there", tostring(ready or name), events, tostring(what))
  end
end

return ops
