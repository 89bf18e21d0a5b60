-- Runs a random program, which is plain data, beside the model (model.lua). A program is a list
-- of operations; each is a list: its name, then numbers. Handles live in numbered slots, and an
-- operation on an empty slot does nothing, so that any part of a program is a program, too.
-- The field cb of an operation says what the callbacks do that it sets: a list of { event, n,
-- operations... } for the n-th call. An operation that runs others has them in cb, too.

local curl = require "curlsock"
local model = require "spec.soak.model"

local ops = {} -- by name: function(world, op, context)

-- What the module says when it refuses a call.
local refusals = {
  closed = "is closed", inside = "is not allowed inside a callback", added = "in a multi",
  absent = "is not in this multi", share = "open share expected",
  filled = "there are easies in the multi already", lent = "the socket is lent",
}

-- Errors that libcurl may never give: the module lets no misuse through.
local misuse = {
  RECURSIVE_API_CALL = true, BAD_HANDLE = true, BAD_EASY_HANDLE = true, ADDED_ALREADY = true,
  INVALID = true, UNKNOWN_OPTION = true, OUT_OF_MEMORY = true, FAILED_INIT = true,
  INTERNAL_ERROR = true, BAD_FUNCTION_ARGUMENT = true, NOMEM = true, UNKNOWN = true,
}

local function run(w, list, context, first)
  for i = first or 1, #list do
    if w.failure or w.steps <= 0 then return end
    local op = list[i]
    w.steps = w.steps - 1
    if os.getenv "SOAK_TRACE" then
      io.stderr:write(("  "):rep(w.calls), table.concat(op, " ", 1), "\n")
    end
    ops[op[1]](w, op, context)
    w:check()
  end
end

-- ---- calls ----------------------------------------------------------------------------------

-- The first of these { refusal, true | false | "maybe" } that is met is what must come.
local function predict(conditions)
  local allowed = {}
  for _, c in ipairs(conditions) do
    if c[2] then allowed[c[1]] = true end
    if c[2] == true then return allowed, true end
  end
  return allowed, false
end

local function refusal_of(message)
  for name, text in pairs(refusals) do
    if type(message) == "string" and message:find(text, 1, true) then return name end
  end
end

-- An error that is no refusal must be one that a callback threw in the meantime.
local function check_error(w, what, message, since)
  if w.thrown[message] and w.thrown[message] > since then return end
  if type(message) == "string" and w.expected and message:find(w.expected, 1, true) then return end
  w:fail("%s: an error that nobody threw: %s", what, tostring(message))
end

local function leave(w, frame, held)
  if frame then table.remove(w.frames) end
  for _ = 1, #held do
    table.remove(w.held)
  end
  w:sweep()
end

-- Calls f(...) as the model predicts. call: what (its name), held (its handles), conditions,
-- frame (if it enters libcurl: { handle, unsure }), before and undo (what it changes, known
-- before libcurl runs; and back if it was refused or failed). The results, or nothing.
local function attempt(w, call, f, ...)
  local allowed, must = predict(call.conditions)
  local since = w.throws
  for _, h in ipairs(call.held) do
    w.held[#w.held + 1] = h
  end
  if call.frame then w.frames[#w.frames + 1] = call.frame end
  if call.before and not must then call.before() end
  local result = table.pack(pcall(f, ...))
  local refusal = not result[1] and refusal_of(result[2])
  if refusal and not allowed[refusal] or must and not refusal then
    w:fail("%s: expected %s, got %s %s", call.what, next(allowed) or "no refusal",
      tostring(result[1]), tostring(result[2]))
  elseif not result[1] and not refusal then
    check_error(w, call.what, result[2], since)
  elseif result[1] and misuse[result[4]] then
    w:fail("%s: libcurl says %s, %s", call.what, tostring(result[3]), result[4])
  end
  local failed = result[1] and result.n > 2 and result[2] == nil
  if call.undo and not must and (refusal or failed) then call.undo() end
  leave(w, call.frame, call.held)
  if not refusal and call.after then call.after() end
  if result[1] then return table.unpack(result, 2, result.n) end
end

local function get(w, kind, slot)
  local object = w.slots[kind][slot]
  return object, object and w.of[object]
end

-- A method of one handle that libcurl must not be inside of.
local function method(w, h, object, name, more, ...)
  local call = {
    what = h.id .. ":" .. name, held = { h }, frame = { handle = h },
    conditions = { { "closed", h.closed }, { "inside", w:running(h) }, more },
  }
  return attempt(w, call, object[name], object, ...)
end

-- ---- callbacks ------------------------------------------------------------------------------

local function throw(w, context)
  w.throws = w.throws + 1
  local token = {}
  w.thrown[token] = w.throws
  context.verdict.throw = token
end

-- A callback runs: its operations, then what they made of its answer.
local function called(w, version, event, context)
  local n = (version.counts[event] or 0) + 1
  version.counts[event] = n
  context.verdict = {}
  if w.failure or w.calls >= 4 or w.ending then return context.verdict end
  w.calls = w.calls + 1
  local ok, message = pcall(function()
    w:check()
    -- A finalizer may run amidst any step of the program: then nothing is done in it.
    if collectgarbage "isrunning" and #w:limbo() > 0 then return end
    for _, entry in ipairs(version.cb) do
      if entry[1] == event and entry[2] == n then run(w, entry, context, 3) end
    end
  end)
  w.calls = w.calls - 1
  if not ok then w:fail("the interpreter: %s", tostring(message)) end
  return context.verdict
end

local function on(w, version, event, answer)
  return function(...)
    local verdict = called(w, version, event, { first = ... })
    if verdict.throw then error(verdict.throw, 0) end
    if verdict.refuse then return false, "no" end
    return answer
  end
end

local function is_connected(socket)
  local ok, peer = pcall(socket.peeraddress, socket)
  return ok and peer ~= nil
end

local function takes_connected()
  local version = curl.version_info().version_num
  return version ~= 0x075800 and version ~= 0x075801
end

-- Ways to answer opensocketfunction. Each returns the answer, and lends what will be lent.
local answers = {
  [0] = function(w, e)
    w:lend(e)
    return true
  end,
  function(w, e, address)
    local socket = assert(address:socket())
    w:lend(e, nil, socket)
    return socket
  end,
  function(w, e, address)
    local fd = assert(address:socket()):detach()
    w:lend(e, fd)
    return fd
  end,
  -- An object of another library: what is lent is a duplicate.
  function(w, e, address)
    local socket = assert(address:socket())
    w.slots.socket[3] = socket
    w:lend(e)
    return { getfd = function() return socket:fd() end }
  end,
  -- A Socket of the script's, whatever has become of it.
  function(w, e)
    local socket = w.slots.socket[1]
    if not socket then return false, "nothing there" end
    if socket:state() ~= "owned" then
      w.expected = "returned a Socket that is not the script's"
    elseif takes_connected() or not is_connected(socket) then
      w:lend(e, nil, socket)
    end
    return socket
  end,
}

local function on_open(w, version)
  return function(_, address, easy)
    local verdict = called(w, version, "open", { easy = easy })
    if verdict.throw then error(verdict.throw, 0) end
    if verdict.refuse then return nil, "no" end
    return answers[version.answer](w, w.of[easy], address)
  end
end

local function on_sockopt(w, version)
  return function(socket, _, easy)
    local h = w.of[easy]
    local r = socket and w:record_of(socket, function(r)
      return r.version == version and r.easy == h.id
    end)
    if not r then w:fail("sockoptfunction of %s gets %s, which was never lent", h.id, socket) end
    w:expect("lent", r and socket:state(), "state in sockoptfunction of %s", h.id)
    local verdict = called(w, version, "sockopt", { easy = easy, socket = socket })
    if verdict.throw then error(verdict.throw, 0) end
    return not verdict.refuse, "no"
  end
end

local function take(w, socket, verdict)
  if verdict.detach and socket:state() == "closing" then
    local fd = socket:detach()
    w.own[fd] = model.target(fd)
  elseif verdict.shut then
    socket:close()
  end
end

local function on_close(w, version)
  return function(socket)
    if w.failure then return end
    local r = w:close_event(version, socket)
    local verdict = called(w, version, "close", { socket = socket })
    if r and not w.failure then
      take(w, socket, verdict)
      w:expect(1, r.events, "close events of a socket of %s", r.easy)
    end
    if verdict.throw then error(verdict.throw, 0) end
    return not verdict.refuse
  end
end

-- ---- easies ---------------------------------------------------------------------------------

local flags = { reuse = 1, silent = 2, unseen = 4, verbose = 8, upload = 16, fresh = 32 }

local function has(number, flag)
  return number & flags[flag] ~= 0
end

-- op: name, slot, place, answer, flags. What the callbacks of these options do stays with them
-- when the easy is given others: that is a version.
local function options(w, op, easy)
  local version = { cb = op.cb or {}, counts = {}, answer = op[4], tells = not has(op[5], "silent") }
  local o = {
    opensocketfunction = on_open(w, version),
    writefunction = on(w, version, "write"),
    headerfunction = on(w, version, "header"),
    xferinfofunction = on(w, version, "progress"), noprogress = false,
    prereqfunction = on(w, version, "prereq", true),
    debugfunction = on(w, version, "debug"), verbose = has(op[5], "verbose"),
    forbid_reuse = has(op[5], "reuse"), fresh_connect = has(op[5], "fresh"),
    timeout_ms = 25,
  }
  if version.tells then o.closesocketfunction = on_close(w, version) end
  if not has(op[5], "unseen") then o.sockoptfunction = on_sockopt(w, version) end
  if easy then
    for _, name in ipairs { "closesocketfunction", "sockoptfunction" } do
      if not o[name] then easy:unset(name) end
    end
  end
  return o, version
end

-- What cannot be changed while it runs.
local function place(w, op, o)
  o.url, o.proxy, o.cainfo = w.places[1 + op[3] % #w.places], "", w.places.ca
  o.resolve = w.places.resolve
  if has(op[5], "upload") then
    local left = 3
    local inner = o.writefunction
    o.upload = true
    o.readfunction = function()
      inner()
      left = left - 1
      return left >= 0 and ("x"):rep(9000) or nil
    end
  end
  return o
end

function ops.easy(w, op)
  local o, version = options(w, op)
  local easy = curl.easy(place(w, op, o))
  w:put("easy", op[2], easy).version = version
end

function ops.setopt(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  if h.closed then return method(w, h, e, "setopt", nil, {}) end
  local o, version = options(w, op, e)
  if w:running(h) == false and not h.multi then place(w, op, o) end
  e:setopt(o)
  h.version = version
end

function ops.perform(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  method(w, h, e, "perform", { "added", w:is_in(h) })
end

function ops.reset(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  if method(w, h, e, "reset", { "added", w:is_in(h) }) then
    h.version = { cb = {}, counts = {}, answer = 0 }
  end
end

function ops.dup(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  local copy = attempt(w, {
    what = h.id .. ":dup", held = { h }, conditions = { { "closed", h.closed } },
  }, e.dup, e)
  if copy then w:put("easy", op[3], copy).version = h.version end
end

function ops.info(w, op)
  local e, h = get(w, "easy", op[2])
  if e then method(w, h, e, "getinfo", nil, "activesocket") end
end

-- The easy uses the share, or none (slot 0).
function ops.use(w, op)
  local e, h = get(w, "easy", op[2])
  local s, hs = get(w, "share", op[3])
  if not e then return end
  local old = h.share
  attempt(w, {
    what = h.id .. ":setopt share", held = { h, hs }, frame = { handle = h, unsure = true },
    conditions = {
      { "closed", h.closed }, { "share", hs and hs.closed },
      { "inside", hs and w:running(hs) }, { "inside", w:running(h) }, { "added", w:is_in(h) },
    },
    before = function() h.share = hs end,
    undo = function() h.share = old end,
    after = function()
      if old and h.share ~= old then w:leave(old) end
    end,
  }, e.setopt, e, "share", s)
end

-- ---- multis and shares ----------------------------------------------------------------------

local function watch(w, h)
  h.watched = {}
  return {
    socketfunction = function(fd, events)
      h.watched[fd] = events
      called(w, h.version, "watch", {})
    end,
    timerfunction = function()
      local verdict = called(w, h.version, "timer", {})
      if verdict.throw then error(verdict.throw, 0) end
    end,
  }
end

-- op: "multi", slot, mode (bit 1: raw, bit 2: pollfd), maxconnects.
function ops.multi(w, op)
  local multi = curl.multi { maxconnects = op[4] }
  local h = w:put("multi", op[2], multi)
  h.version = { cb = op.cb or {}, counts = {} }
  h.raw, h.poll = op[3] & 1 ~= 0, op[3] & 2 ~= 0
  if h.raw then multi:setopt(watch(w, h)) end
  if h.poll then h.fd = method(w, h, multi, "pollfd") end
end

local kinds = { "connect", { "connect", "dns", "ssl_session", "cookie" }, "dns" }

function ops.share(w, op)
  local which = 1 + op[3] % #kinds
  w:put("share", op[2], curl.share { share = kinds[which] }).connect = which < 3
end

function ops.add(w, op)
  local m, hm = get(w, "multi", op[2])
  local e, h = get(w, "easy", op[3])
  if not m or not e then return end
  local already = h.multi
  attempt(w, {
    what = ("%s:add %s"):format(hm.id, h.id), held = { hm, h }, frame = { handle = hm },
    conditions = {
      { "closed", hm.closed }, { "inside", w:running(hm) },
      { "closed", h.closed }, { "inside", w:running(h) }, { "added", w:is_in(h) },
    },
    before = function() h.multi = hm end,
    undo = function() h.multi = already end,
  }, m.add, m, e)
end

local function absent(inside)
  return inside == "maybe" and inside or not inside
end

local function remove(w, m, hm, e)
  local h = w.of[e]
  attempt(w, {
    what = ("%s:remove %s"):format(hm.id, h.id), held = { hm, h }, frame = { handle = hm },
    conditions = {
      { "closed", hm.closed }, { "inside", w:running(hm) },
      { "closed", h.closed }, { "absent", absent(w:is_in(h, hm)) },
    },
    after = function() h.multi = nil end,
  }, m.remove, m, e)
end

function ops.remove(w, op)
  local m, hm = get(w, "multi", op[2])
  local e = get(w, "easy", op[3])
  if m and e then remove(w, m, hm, e) end
end

-- One round of driving; how many transfers run, or nil.
local function step(w, m, hm)
  if hm.poll then
    method(w, hm, m, "poll", nil, 0.002)
    return method(w, hm, m, "socket_action", nil, hm.fd, "r")
  elseif not hm.raw then
    method(w, hm, m, "poll", nil, 0.002)
    return method(w, hm, m, "perform")
  end
  local running = method(w, hm, m, "socket_action")
  for fd, events in pairs { table.unpack(hm.watched) } do
    running = method(w, hm, m, "socket_action", nil, fd, events)
  end
  for _, entry in ipairs(curl.sockets()) do
    local fd = entry.socket and entry.socket:fd()
    local events = hm.watched[fd]
    if events then running = method(w, hm, m, "socket_action", nil, fd, events) end
  end
  return running
end

-- The results so far: the easies; what a callback threw is what comes.
local function results(w, m, hm)
  local next_result, state = method(w, hm, m, "results")
  local list = {}
  if not next_result then return list end
  for e, ok, message, name in next_result, state do
    local h = w.of[e]
    w:expect(hm, h.multi, "the multi of a result of %s", h.id)
    if not ok and name == "CALLBACK" then check_error(w, h.id .. "'s result", message, 0) end
    if misuse[name] then w:fail("%s: %s, %s", h.id, message, name) end
    list[#list + 1] = e
  end
  return list
end

-- op: "drive", slot, rounds, whether easies that are done are removed.
function ops.drive(w, op)
  local m, hm = get(w, "multi", op[2])
  if not m then return end
  for _ = 1, op[3] do
    local running = step(w, m, hm)
    if not running or running == 0 or w.failure then break end
  end
  for _, e in ipairs(results(w, m, hm)) do
    if op[4] == 1 and w.of[e].multi == hm then remove(w, m, hm, e) end
  end
end

-- ---- ends -----------------------------------------------------------------------------------

local kinds_of_handle = { "easy", "multi", "share" }

local function class(number)
  return kinds_of_handle[1 + number % 3]
end

-- op: "close", class, slot.
function ops.close(w, op)
  local object, h = get(w, class(op[2]), op[3])
  if not object then return end
  local closed = h.closed
  if closed then return object:close() end
  attempt(w, {
    what = h.id .. ":close", held = { h }, frame = { handle = h, unsure = true },
    conditions = { { "inside", w:running(h) } },
    before = function() h.closed = true end,
    undo = function() h.closed = false end,
    after = function() w:close(h) end,
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
      if not inside then w:close(h) end
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

function ops.collect(w)
  collectgarbage()
  if w.calls > 0 or #w.frames > 0 then return end
  -- Again as long as finalizers, which run callbacks, make new garbage.
  local before
  repeat
    before = w:limbo()
    collectgarbage()
    w:sweep()
  until #w:limbo() == 0 or same(before, w:limbo())
  w:collected()
  w:check()
  local owned = 0
  for _, socket in pairs(w.slots.socket) do
    if socket:state() == "owned" then owned = owned + 1 end
  end
  w:expect(#w.records + owned, curl.live().socket, "live sockets")
end

-- ---- Sockets of the script's ----------------------------------------------------------------

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

-- ---- what callbacks do ----------------------------------------------------------------------

function ops.throw(w, _, context)
  if context.verdict then throw(w, context) end
end

for _, name in ipairs { "refuse", "detach", "shut_it" } do
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

-- ---- coroutines -----------------------------------------------------------------------------

-- The operations run in a coroutine, which stops after each.
function ops.co(w, op, context)
  local verdict = context.verdict -- the context would keep its easy alive
  w.coroutine = coroutine.create(function()
    for _, inner in ipairs(op.cb or {}) do
      run(w, { inner }, { verdict = verdict })
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

-- ---- a program ------------------------------------------------------------------------------

-- All that is left is closed in order, or dropped.
local function finish(w, way)
  for i = 0, way == "close" and 2 or -1 do
    for slot in pairs(w.slots[class(i)]) do
      run(w, { { "close", i, slot } }, {})
    end
  end
  -- From here on callbacks make nothing new.
  w.ending = true
  for _, slots in pairs(w.slots) do
    for slot in pairs(slots) do
      slots[slot] = nil
    end
  end
  w.coroutine = nil
  ops.collect(w)
  w:check()
  for fd in pairs(w.own) do
    curl.adopt(fd):close()
  end
  w:check_end()
end

-- Runs the program; the world, whose failure says what was not as the model predicts. ends is
-- "close", "drop", or "leave": then all is left to the end of the Lua state.
local function execute(program, places)
  local w = model.new()
  w.places, w.steps, w.throws = places, 300, 0
  collectgarbage "restart"
  collectgarbage(program.gc or "stop")
  local ok, message = xpcall(function()
    run(w, program, {})
    if not w.failure and program.ends ~= "leave" then finish(w, program.ends) end
  end, debug.traceback)
  if not ok then w:fail("the interpreter: %s", message) end
  return w
end

return { execute = execute }
