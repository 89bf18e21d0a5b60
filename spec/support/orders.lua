-- Every order in which the objects of transfers can go, for 30-orders_spec.lua. The orders run in
-- processes of their own (orders.run), where collecting garbage is cheap and lua_close can come
-- after any step.
--
-- A step is "close NAME" (the method) or "drop NAME" (the last reference goes, and garbage is
-- collected); an order is steps with commas between. After each step a model of who keeps whom
-- alive says what must be torn down by now, and all of it is compared: the close events (each
-- once, with the same Socket), the descriptors, curl.sockets() and curl.live(). Numbers that
-- became free are taken at once: who closes one a second time closes a stranger, and is caught.

local lfs = require "lfs"
local surface = require "spec.support.surface"
local curl -- loaded by orders.run: the check for the end of the state must be made before

local orders = {}

-- What there is: the objects of each kind, by the pool that the connections live in.
orders.kinds = {
  own = { "easy", "second", "socket" },
  multi = { "easy", "second", "multi", "socket" },
  share = { "easy", "multi", "share", "socket" },
  shared = { "easy", "second", "multi", "share" },
}

-- ---- the orders ---------------------------------------------------------------------------

local function without(list, i)
  local rest = { table.unpack(list) }
  table.remove(rest, i)
  return rest
end

local function with(list, item)
  local more = { table.unpack(list) }
  more[#more + 1] = item
  return more
end

-- Calls take(steps, rest) for all lists of steps on some of the names, with the names left.
local function each(names, steps, take)
  take(steps, names)
  for i, name in ipairs(names) do
    for _, way in ipairs { "close ", "drop " } do
      each(without(names, i), with(steps, way .. name), take)
    end
  end
end

-- The orders in which every object goes.
function orders.complete(names)
  local list = {}
  each(names, {}, function(steps, rest)
    if #rest == 0 then list[#list + 1] = table.concat(steps, ", ") end
  end)
  return list
end

-- The orders that the end of the state cuts short: something is always left for it.
function orders.cut(names)
  local list = {}
  each(names, {}, function(steps, rest)
    if #rest > 0 then list[#list + 1] = table.concat(steps, ", ") end
  end)
  return list
end

-- Where everything is slow only each so many-th of those orders is run (valgrind: an odd number,
-- for neighbours differ in their last step). The others are run elsewhere.
orders.sample = tonumber(os.getenv("CURLSOCK_SAMPLE") or 1)

local function sampled(list)
  local some = {}
  for i = 1, #list, orders.sample do some[#some + 1] = list[i] end
  return some
end

-- The orders in which the handles can be made, which decides in which they are finalized.
function orders.made(names)
  local list = {}
  local function permute(rest, done)
    if #rest == 0 then list[#list + 1] = done end
    for i, name in ipairs(rest) do
      permute(without(rest, i), with(done, name))
    end
  end
  local handles = {}
  for _, name in ipairs(names) do
    if name ~= "socket" then handles[#handles + 1] = name end
  end
  permute(handles, {})
  return list
end

-- ---- the world ----------------------------------------------------------------------------

local function target(fd)
  return lfs.symlinkattributes("/proc/self/fd/" .. fd, "target")
end

local function descriptors()
  local open = {}
  for name in lfs.dir("/proc/self/fd") do
    local fd = math.tointeger(tonumber(name))
    local what = fd and target(fd)
    -- Not the descriptor that reads this folder.
    if what and not what:find("^/proc/%d+/fd$") then open[fd] = what end
  end
  return open
end

local function expect(wanted, got, ...)
  if wanted ~= got then
    local what = string.format(...)
    error(("%s: expected %s, got %s"):format(what, tostring(wanted), tostring(got)), 0)
  end
end

-- The Socket says by its data which record is its own; the record must not keep it alive.
local function record_of(w, easy, socket)
  local record = { easy = easy, fd = socket:fd(), events = 0, is = ("%p"):format(socket) }
  record.target = target(record.fd)
  socket.data = record
  w.records[#w.records + 1] = record
end

-- Takes every free number up to the highest that the sockets had.
local function take_numbers(w)
  local top, fd = 0, -1
  for _, record in ipairs(w.records) do
    top = math.max(top, record.fd)
  end
  while fd < top do
    fd = curl.socket("unix"):detach()
    w.strangers[fd] = target(fd)
  end
end

local function on_close(w, socket)
  take_numbers(w)
  local record = socket.data
  record.events = record.events + 1
  record.state = socket:state()
  record.same = ("%p"):format(socket) == record.is
  if record.state == "closing" then
    record.same = record.same and socket:fd() == record.fd and target(record.fd) == record.target
  end
end

-- Where the transfers go: to a server that never answers a connect; by TLS, QUIC; else to nginx's
-- UNIX socket. Each easy has a host of its own, and so a connection of its own.
local function set_url(w, name, easy)
  local path = w.phase == "transferring" and "/slow?rate=1k" or "/hello"
  local port = os.getenv(w.quic and "ORDERS_QUIC" or "ORDERS_TLS")
  if w.phase == "connecting" then
    easy:setopt("url", "http://" .. os.getenv "ORDERS_DEAD")
  elseif w.tls then
    local host = name == "easy" and "127.0.0.1:" or "localhost:"
    easy:setopt {
      url = "https://" .. host .. port .. path, cainfo = os.getenv "ORDERS_CA",
      resolve = { "localhost:" .. port .. ":127.0.0.1" }, http_version = w.quic and "3only" or nil,
    }
  else
    easy:setopt("url", (name == "easy" and "http://192.0.2.1" or "http://192.0.2.2") .. path)
  end
end

-- easy returns a Socket that the script made and goes on holding; second returns true, so its
-- Socket is first seen by sockoptfunction.
local function new_easy(w, name)
  local easy = curl.easy {
    proxy = "",
    closesocketfunction = function(socket) on_close(w, socket) end,
    writefunction = function() w.answered[name] = true end,
  }
  set_url(w, name, easy)
  local function route(address)
    if w.phase ~= "connecting" and not w.tls then address.path = os.getenv "ORDERS_UNIX" end
  end
  if name == "easy" then
    return easy:setopt("opensocketfunction", function(_, address)
      route(address)
      w.held.socket = assert(address:socket())
      record_of(w, name, w.held.socket)
      return w.held.socket
    end)
  end
  return easy:setopt {
    opensocketfunction = function(_, address)
      route(address)
      return true
    end,
    sockoptfunction = function(socket) record_of(w, name, socket) end,
  }
end

local function drive(multi, done)
  local limit = curl.now() + 10
  while true do
    multi:perform()
    if done() then return end
    if curl.now() > limit then error "the transfers do not get there" end
    multi:poll(1)
  end
end

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

-- Brings the transfers of a multi to where the phase has them.
local function advance(w)
  local multi, n = w.held.multi, w.easies
  if w.phase == "connecting" then
    drive(multi, function() return #w.records == n end)
  elseif w.phase == "transferring" then
    drive(multi, function() return count(w.answered) == n end)
  elseif w.phase == "cached" then
    local results = 0
    drive(multi, function()
      for _, ok, message in multi:results() do
        assert(ok, message)
        results = results + 1
      end
      return results == n
    end)
  end
end

-- In phase cached easy stays in its multi, and second has left it.
local function start(w)
  local held = w.held
  for _, name in ipairs { "easy", "second" } do
    local easy = held[name]
    if easy and held.share then easy:setopt("share", held.share) end
    if easy and held.multi then held.multi:add(easy) end
    w.inside[name] = held.multi ~= nil
    if easy and not held.multi and w.phase == "cached" then assert(easy:perform()) end
  end
  if held.multi then advance(w) end
  if held.multi and held.second and w.phase == "cached" then
    held.multi:remove(held.second)
    w.inside.second = false
  end
  -- What an idle easy would open is not there yet: a Socket of the script's stands for it.
  if w.phase == "idle" and w.has.socket then held.socket = curl.socket("unix") end
  expect(w.phase == "idle" and 0 or w.easies, #w.records, "opened")
end

-- held is all that the script holds on to.
local function new_world(kind, phase, made)
  local w = {
    kind = kind, phase = phase:match("^%a+"), tls = phase:find(" over ", 1, true),
    quic = phase:find(" over QUIC", 1, true),
    before = descriptors(), strangers = {},
    has = {}, held = {}, records = {}, answered = {}, inside = {}, torn = {}, easies = 0,
  }
  for _, name in ipairs(orders.kinds[kind]) do
    w.has[name] = true
  end
  for _, name in ipairs(made) do
    if name == "multi" then
      w.held.multi = curl.multi()
    elseif name == "share" then
      w.held.share = curl.share { share = "connect" }
    else
      w.held[name] = new_easy(w, name)
      w.easies = w.easies + 1
    end
  end
  start(w)
  if not w.has.socket then w.held.socket = nil end
  return w
end

-- ---- the model: who is torn down by now ---------------------------------------------------

local function reach(w, name, seen)
  if not name or not w.has[name] or w.torn[name] or seen[name] then return end
  seen[name] = true
  if name == "easy" or name == "second" then
    reach(w, w.inside[name] and "multi", seen)
    reach(w, "share", seen)
  elseif name == "multi" then
    reach(w, w.inside.easy and "easy", seen)
    reach(w, w.inside.second and "second", seen)
  end
end

-- Garbage was collected: what the script reaches no more is torn down.
local function model_collect(w)
  local seen = {}
  for name in pairs(w.held) do
    reach(w, name, seen)
  end
  for name in pairs(w.has) do
    w.torn[name] = w.torn[name] or not seen[name] or nil
  end
end

local function is_torn(w, name)
  return not w.has[name] or w.torn[name] or false
end

-- A share goes with the last easy that uses it.
local function share_is_gone(w)
  return is_torn(w, "share") and is_torn(w, "easy") and is_torn(w, "second")
end

local function is_ended(w, record)
  local kept = w.phase == "cached" or w.quic -- others might go on with it
  if not kept then return is_torn(w, record.easy) or is_torn(w, "multi") end
  if w.kind == "own" then return is_torn(w, record.easy) end
  if w.kind == "multi" then return is_torn(w, "multi") end
  return share_is_gone(w)
end

-- ---- what must hold -----------------------------------------------------------------------

-- Before 8.2 libcurl tells nobody that it closed a socket that never got connected, so its
-- event comes afterwards.
local function final_state(w)
  local untold = curl.version_info().version_num < 0x080200
  return w.phase == "connecting" and untold and "closed" or "closing"
end

local function check_record(w, record, ended)
  expect(ended and 1 or 0, record.events, "close events of the socket of %s", record.easy)
  expect(not ended, target(record.fd) == record.target, "descriptor of %s is open", record.easy)
  if ended then
    expect(final_state(w), record.state, "state in the close event of %s", record.easy)
    expect(true, record.same, "the close event of %s has the Socket that was opened", record.easy)
  end
end

local function check_strangers(w)
  for fd, what in pairs(w.strangers) do
    expect(what, target(fd), "descriptor %d, a stranger's", fd)
  end
end

local function check_live(w, lent)
  local live, easies = curl.live(), 0
  for _, name in ipairs { "easy", "second" } do
    easies = easies + (is_torn(w, name) and 0 or 1)
  end
  local owned = w.phase == "idle" and not is_torn(w, "socket") and 1 or 0
  expect(easies, live.easy, "live easies")
  expect(is_torn(w, "multi") and 0 or 1, live.multi, "live multis")
  expect((not w.has.share or share_is_gone(w)) and 0 or 1, live.share, "live shares")
  expect(lent + owned, live.socket, "live sockets")
end

local pool_names = { own = "easy", multi = "multi", share = "share", shared = "share" }

local function check_lent(w, lent)
  local list = curl.sockets()
  expect(lent, #list, "sockets that libcurl holds")
  for _, entry in ipairs(list) do
    expect("lent", entry.state, "state in curl.sockets()")
    expect(entry.socket:fd(), entry.socket.data.fd, "Socket in curl.sockets()")
    expect(pool_names[w.kind], tostring(entry.pool):match("^%a+"), "pool in curl.sockets()")
  end
end

local function check(w)
  local lent = 0
  for _, record in ipairs(w.records) do
    local ended = is_ended(w, record)
    check_record(w, record, ended)
    lent = lent + (ended and 0 or 1)
  end
  check_live(w, lent)
  check_lent(w, lent)
  check_strangers(w)
end

local function check_descriptors(w)
  check_strangers(w)
  for fd, what in pairs(descriptors()) do
    expect(w.before[fd] or w.strangers[fd], what, "descriptor %d", fd)
  end
  for fd, what in pairs(w.before) do
    expect(what, target(fd), "descriptor %d of before", fd)
  end
end

-- ---- the steps ----------------------------------------------------------------------------

-- A Socket that libcurl has cannot be closed, and the attempt changes nothing.
local function close_socket(w)
  local socket = w.held.socket
  if socket:state() ~= "lent" then
    socket:close()
    w.torn.socket = true
    return
  end
  local ok, message = pcall(socket.close, socket)
  expect(false, ok, "closing a lent socket succeeds")
  expect("lent to libcurl", message:match("lent to libcurl"), "the refusal says")
end

-- In make gcstress garbage does not wait for a step that collects it.
local eager = os.getenv("CURLSOCK_GC")

local function step(w, way, name)
  if way == "drop" then
    w.held[name] = nil
  elseif name == "socket" then
    close_socket(w)
  else
    w.held[name]:close()
    w.torn[name] = true
  end
  if way == "drop" or eager then
    collectgarbage()
    model_collect(w)
  end
  check(w)
  take_numbers(w)
end

local function take_steps(w, order)
  check(w)
  take_numbers(w)
  for way, name in order:gmatch("(%a+) (%a+)") do
    step(w, way, name)
  end
end

local function drop_all(w)
  w.held = {}
  collectgarbage()
  model_collect(w)
  check(w)
end

local function finish(w)
  drop_all(w)
  for kind, n in pairs(curl.live()) do
    expect(0, n, "%s alive at the end", kind)
  end
  check_descriptors(w)
  for fd in pairs(w.strangers) do
    curl.adopt(fd):close()
  end
end

-- ---- coroutines ---------------------------------------------------------------------------

-- Ways in which the coroutine ends that made and drove everything.
orders.coroutine_ends = { "finishes", "dies", "is closed", "is collected", "lives" }

-- A world that a coroutine made, which has ended that way; or that still runs, and is kept.
local function world_of_coroutine(kind, phase, how)
  local w
  local co = coroutine.create(function()
    w = new_world(kind, phase, orders.made(orders.kinds[kind])[1])
    if how == "dies" then error "dies" end
    if how ~= "finishes" then coroutine.yield() end
  end)
  expect(how ~= "dies", coroutine.resume(co), "the coroutine ran")
  if how == "is closed" then coroutine.close(co) end
  if how == "lives" then w.coroutine = co end
  local goes_on = how == "lives" or how == "is collected"
  expect(goes_on and "suspended" or "dead", coroutine.status(co), "the coroutine")
  co = nil -- luacheck: ignore 311
  collectgarbage()
  return w
end

-- ---- batches, in the process that orders.run starts ---------------------------------------

local function attempt(what, f, ...)
  local ok, message = xpcall(f, function(e) return debug.traceback(e, 2) end, ...)
  if not ok then error(("%s\n%s"):format(what, message), 0) end
end

-- Says, after all else is finalized, whether all is well.
local final

local fork, wait
local forks = {}

-- Waits until at most so many forks run; an error if one did not exit with its status.
local function reap(limit)
  while #forks > limit do
    local first = table.remove(forks, 1)
    expect(first.status << 8, wait(first.pid), "%s, then lua_close: status", first.what)
  end
end

-- Runs f in a fork of this process, which then ends with lua_close.
local function in_fork(what, status, f)
  reap(3)
  io.stdout:flush()
  local pid = fork()
  if pid == 0 then
    local ok, message = pcall(attempt, what, f)
    if not ok then
      io.stderr:write(message, "\n")
      os.exit(1)
    end
    os.exit(0, true)
  end
  forks[#forks + 1] = { what = what, status = status, pid = pid }
end

-- Made before curlsock is loaded, so finalized after all of it.
local function watch_the_end()
  orders.sentinel = setmetatable({}, { __gc = function()
    if not final then return end
    local ok, message = pcall(final)
    if not ok then
      io.stderr:write(tostring(message), "\n")
      os.exit(1)
    end
  end })
end

local function leave_to_lua_close(w)
  local state = final_state(w)
  final = function()
    for _, record in ipairs(w.records) do
      expect(1, record.events, "close events of the socket of %s in the end", record.easy)
      expect(state, record.state, "state in the close event of %s", record.easy)
      expect(true, record.same, "the close event of %s has its Socket", record.easy)
    end
    check_descriptors(w)
  end
end

local function made_in(made)
  return "made " .. table.concat(made, ", ")
end

local batches = {}

function batches.complete(kind, phase)
  local names, n = orders.kinds[kind], 0
  for _, order in ipairs(sampled(orders.complete(names))) do
    attempt(order, function()
      local w = new_world(kind, phase, orders.made(names)[1])
      take_steps(w, order)
      finish(w)
    end)
    n = n + 1
  end
  return n
end

function batches.at_once(kind, phase)
  local n = 0
  for _, made in ipairs(orders.made(orders.kinds[kind])) do
    attempt(made_in(made), function()
      finish(new_world(kind, phase, made))
    end)
    n = n + 1
  end
  return n
end

function batches.cut(kind, phase)
  local names, n = orders.kinds[kind], 0
  for _, order in ipairs(sampled(orders.cut(names))) do
    in_fork(order, 0, function()
      local w = new_world(kind, phase, orders.made(names)[1])
      take_steps(w, order)
      leave_to_lua_close(w)
    end)
    n = n + 1
  end
  return n
end

function batches.swept(kind, phase)
  local n = 0
  for _, made in ipairs(orders.made(orders.kinds[kind])) do
    in_fork(made_in(made), 0, function()
      leave_to_lua_close(new_world(kind, phase, made))
    end)
    n = n + 1
  end
  return n
end

-- For each way a coroutine ends: everything closed, one by one and in reverse; dropped at once;
-- swept up.
function batches.coroutines(kind, phase)
  local n, forward, backward = 0, {}, {}
  for _, name in ipairs(orders.kinds[kind]) do
    forward[#forward + 1] = "close " .. name
    table.insert(backward, 1, "close " .. name)
  end
  for _, how in ipairs(orders.coroutine_ends) do
    for _, order in ipairs { table.concat(forward, ", "), table.concat(backward, ", "), "" } do
      attempt("the coroutine " .. how .. ", " .. order, function()
        local w = world_of_coroutine(kind, phase, how)
        take_steps(w, order)
        finish(w)
      end)
      n = n + 1
    end
    in_fork("the coroutine " .. how, 0, function()
      leave_to_lua_close(world_of_coroutine(kind, phase, how))
    end)
    n = n + 1
  end
  return n
end

-- What comes before all of it, in the process: the module.
function orders.begin()
  warn "@on"
  watch_the_end()
  fork = assert(package.loadlib(os.getenv "ORDERS_FORK", "orders_fork"))
  wait = assert(package.loadlib(os.getenv "ORDERS_FORK", "orders_wait"))
  curl = require "curlsock"
  return curl
end

-- For spec/support/endings.lua, which has other objects: f is called after all is finalized.
function orders.at_the_end(f)
  final = f
end

orders.attempt, orders.in_fork, orders.reap, orders.sampled = attempt, in_fork, reap, sampled
orders.descriptors, orders.expect = descriptors, expect

-- Runs a batch; prints how many orders that were.
function orders.run(batch, kind, phase)
  orders.begin()
  local n = batches[batch](kind, phase)
  reap(0)
  io.write(n, "\n")
end

-- ---- a transfer that runs every callback ---------------------------------------------------

-- Callbacks that one upload to nginx's /moved-upload runs, in two connections that are not kept.
orders.callbacks = surface.names "elsewhere"

local answers = {
  opensocketfunction = function(seen)
    seen.opened = seen.opened + 1
    return true
  end,
  closesocketfunction = function(seen, socket)
    seen.closed = seen.closed + 1
    seen.state = socket:state()
  end,
  prereqfunction = function() return true end,
  writefunction = function(seen, data) seen.body = seen.body .. data end,
  readfunction = function(seen)
    local body = seen.text
    seen.text = nil
    return body
  end,
  seekfunction = function(seen)
    seen.text = "cde"
    return true
  end,
}

-- An easy that runs them all, and act(seen, ...) in the first call of the one called name.
local function upload(module, url, seen, name, act)
  local easy = module.easy {
    url = url .. "/moved-upload", proxy = "", upload = true, infilesize = 3,
    followlocation = true,
    httpheader = { "Expect:" }, verbose = true, forbid_reuse = true,
  }
  for _, each_name in ipairs(orders.callbacks) do
    local answer = answers[each_name]
    easy:setopt(each_name, function(...)
      if each_name == name and not seen.acted then
        seen.acted = true
        act(seen, ...)
      end
      if answer then return answer(seen, ...) end
    end)
  end
  return easy
end

local scene = {}
scene.__index = scene

-- The upload in a pool (its own, a multi's, a share's), with what else belongs there: handles
-- has all that the script holds, seen counts what happened.
orders.pools = { "own", "multi", "share" }

function orders.scene(module, pool, url, name, act)
  local handles = {}
  local seen = { handles = handles, opened = 0, closed = 0, body = "" }
  handles.easy = upload(module, url, seen, name, act)
  if pool == "own" then return setmetatable({ handles = handles, seen = seen }, scene) end
  handles.multi = module.multi()
  handles.second = module.easy { url = url .. "/hello", proxy = "", forbid_reuse = true }
  if pool == "share" then
    handles.share = module.share { share = "connect" }
    handles.easy:setopt("share", handles.share)
    handles.second:setopt("share", handles.share)
  end
  return setmetatable({ handles = handles, seen = seen }, scene)
end

local function is_open(handle)
  return not tostring(handle):find("closed", 1, true)
end

function scene:start()
  local handles = self.handles
  self.seen.text, self.result, self.goes_on = "cde", nil, true
  if handles.multi then handles.multi:add(handles.easy):add(handles.second) end
end

-- One call into libcurl. An easy leaves the multi when all are done.
function scene:call()
  local easy, second, multi = self.handles.easy, self.handles.second, self.handles.multi
  if not multi then
    self.result, self.goes_on = { easy:perform() }, false
    return
  end
  self.goes_on = multi:perform() > 0
  if not is_open(multi) then
    self.goes_on = false
    return
  end
  for done, ok, message, code in multi:results() do
    if done == easy then self.result = { ok, message, code } end
  end
  if self.goes_on then
    multi:poll(0.1)
  else
    if is_open(easy) then multi:remove(easy) end
    if is_open(second) then multi:remove(second) end
  end
end

-- Calls until the callback has acted, and no further.
function scene:act()
  self:start()
  while not self.seen.acted do
    if not self.goes_on then error "the callback is never called" end
    self:call()
  end
end

function scene:finish()
  while self.goes_on do
    self:call()
  end
end

function scene:run()
  self:start()
  self:finish()
end

-- The state is closed by os.exit inside each callback. The status tells that it was there.
function batches.exits(pool)
  local n = 0
  for _, name in ipairs(orders.callbacks) do
    in_fork("os.exit in " .. name, 7, function()
      orders.scene(curl, pool, os.getenv "ORDERS_WEB", name, function()
        os.exit(7, true)
      end):run()
    end)
    n = n + 1
  end
  return n
end

-- ---- forking: Lua has none, and thousands of processes would be slow to start --------------

local fork_c = [[
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct lua_State lua_State;
void lua_pushinteger(lua_State *L, long long n);
long long luaL_checkinteger(lua_State *L, int index);

int orders_fork(lua_State *L) {
  lua_pushinteger(L, fork());
  return 1;
}

int orders_wait(lua_State *L) {
  int status = -1;
  waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
  lua_pushinteger(L, status);
  return 1;
}
]]

local fork_module

-- In the spec's process: the module that forks, for ORDERS_FORK.
function orders.fork_module()
  if fork_module then return fork_module end
  local folder = require("spec.support.servers").dir()
  local file, module = folder .. "/orders.c", folder .. "/orders.so"
  require("spec.support.process").write(file, fork_c)
  local cc = os.getenv("CC") or "cc"
  assert(os.execute(("%s -shared -fPIC -o %s %s"):format(cc, module, file)))
  fork_module = module
  return module
end

return orders
