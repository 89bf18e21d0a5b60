-- Operations that end handles, on Sockets of the script's, in coroutines, and those that say what
-- a callback answers.

local call = require "spec.soak.call"
local curl = require "curlsock"
local attempt, class, get = call.attempt, call.class, call.get

local ops = {}

-- ---- ends --------------------------------------------------------------------------------------

-- One that a loop has keeps what it is to give to that until that is told: it is forgotten here.
local function close(w, h, slot)
  local of_loop = h.user ~= nil
  w:close(h)
  if of_loop then w.slots.easy[slot] = nil end
end

-- op: "close", class, slot.
function ops.close(w, op)
  local object, h = get(w, class(op[2]), op[3])
  if not object or w:is_of_loop(h) then return end
  local closed = h.closed
  if closed then return object:close() end
  attempt(w, {
    what = h.id .. ":close", held = { h }, frame = { handle = h, unsure = true },
    conditions = { { "inside", w:running(h) } },
    before = function() h.closed = true end,
    undo = function() h.closed = false end,
    after = function() close(w, h, op[3]) end,
  }, object.close, object)
end

-- The end of a scope: inside a callback it waits for the outermost call to end.
function ops.scope(w, op)
  local object, h = get(w, class(op[2]), op[3])
  if not object or h.closed then return end
  local inside = w.calls > 0
  attempt(w, {
    what = h.id .. ":<close>", held = { h }, frame = { handle = h, unsure = true }, conditions = {},
    before = function() h.closed, h.deferred = true, inside or nil end,
    after = function()
      if not inside then close(w, h, op[3]) end
    end,
  }, function() local _ <close> = object end)
end

-- Forgets a handle; op: "drop", class, slot, whether garbage is collected then.
function ops.drop(w, op)
  w.slots[class(op[2])][op[3]] = nil
  if op[4] == 1 then ops.collect(w) end
end

local function same(list, other)
  for i, h in ipairs(other) do
    if list[i] ~= h then return false end
  end
  return #list == #other
end

-- What has a finalizer takes a cycle, and what that mentions the next.
local function collect_all()
  local before
  repeat
    local live = curl.live()
    before = live.easy + live.multi + live.share + live.socket
    collectgarbage()
    live = curl.live()
  until live.easy + live.multi + live.share + live.socket == before
end

function ops.collect(w)
  local live = curl.live()
  collectgarbage()
  if w.calls > 0 then
    -- What a callback drops waits for the outermost call to end.
    for _, kind in ipairs { "easy", "multi", "share" } do
      w:expect(live[kind], curl.live()[kind], "live %s after collecting in a callback", kind)
    end
    return
  end
  if w:may_linger() then return end
  -- Again as long as finalizers, which run callbacks, make new garbage.
  local before
  repeat
    before = w:limbo()
    collectgarbage()
    w:sweep()
  until #w:limbo() == 0 or same(before, w:limbo())
  collect_all() -- Sockets that those callbacks forgot, and what the tasks of a dropped loop mention
  w:collected()
  w:check()
  local owned = 0
  for _, socket in pairs(w.slots.socket) do
    if socket:state() == "owned" then owned = owned + 1 end
  end
  owned = owned + w:strange_sockets() + w:ends_of_pairs()
  w:expect(#w.records + owned, curl.live().socket, "live sockets")
end

-- ---- Sockets of the script's -------------------------------------------------------------------

-- op: "socket", slot, kind: a new one, one end of a pair, or one that was detached from libcurl.
function ops.socket(w, op)
  local kind, slot = op[3] % 3, op[2]
  local fd = next(w.own)
  if kind == 0 then
    w.slots.socket[slot] = curl.socket("inet", "stream")
  elseif kind == 1 then
    w.slots.socket[slot] = curl.socketpair()
  elseif fd then
    w.own[fd] = nil
    w.slots.socket[slot] = curl.adopt(fd)
  end
end

-- op: "shut", slot, way: close or forget.
function ops.shut(w, op)
  local socket = w.slots.socket[op[2]]
  if not socket then return end
  local lent = socket:state() == "lent"
  if op[3] == 0 then
    attempt(w, { what = "socket:close", held = {}, conditions = { { "lent", lent } } },
      socket.close, socket)
  end
  w.slots.socket[op[2]] = nil
end

-- ---- what callbacks do -------------------------------------------------------------------------

function ops.throw(w, _, context)
  if not context.verdict then return end
  w.throws = w.throws + 1
  context.verdict.throw = {}
  w.thrown[context.verdict.throw] = w.throws
end

-- op: "refuse", how: false and a reason, or nil and a reason.
function ops.refuse(_, op, context)
  if context.verdict then context.verdict.refuse = op[2] end
end

for _, name in ipairs { "pause", "detach", "shut_it" } do
  ops[name] = function(_, _, context)
    if context.verdict then context.verdict[name == "shut_it" and "shut" or name] = true end
  end
end

-- What libcurl holds cannot be taken, neither by the Socket nor by its number.
function ops.steal(w)
  for _, entry in ipairs(curl.sockets()) do
    local socket = entry.socket
    local fd = socket and socket:fd()
    if fd and (pcall(socket.detach, socket) or pcall(curl.adopt, fd)) then
      w:fail("a lent socket was taken: %s", socket)
    end
  end
end

-- ---- coroutines --------------------------------------------------------------------------------

-- The operations run in a coroutine, which stops after each.
function ops.co(w, op, context)
  local verdict = context.verdict -- the context would keep its easy alive
  w.coroutine = coroutine.create(function()
    for _, inner in ipairs(op.cb or {}) do
      w.run(w, { inner }, { verdict = verdict })
      coroutine.yield()
    end
  end)
  ops.resume(w)
end

function ops.resume(w)
  local co = w.coroutine
  if co and coroutine.status(co) == "suspended" then
    local ok, message = coroutine.resume(co)
    if not ok then w:fail("the coroutine: %s", tostring(message)) end
  end
end

function ops.kill(w)
  local co = w.coroutine
  if co and coroutine.status(co) == "suspended" then coroutine.close(co) end
end

return ops
