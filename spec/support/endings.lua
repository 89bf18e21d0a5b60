-- What 30-orders_spec.lua does, for what has come later: callbacks that few easies have, parts,
-- policies, traces, loops. A scene makes named objects in the middle of what they do; then they
-- end in every order (endings.run, in a process of its own: prints how many orders that were).
--
-- A step is "close NAME" (what ends that kind of object: close, cancel, revoke) or "drop NAME", as
-- in spec/support/orders.lua. Each socket has one close event, when its pool goes at the latest;
-- no callback is called again; nothing is alive in the end, and no descriptor left.

local orders = require "spec.support.orders"
local curl -- loaded by endings.run

local endings, expect = {}, orders.expect

-- ---- the world --------------------------------------------------------------------------------

local function new_world(scene)
  local w = { scene = scene, before = orders.descriptors(), held = {}, opened = 0, closed = 0,
    calls = 0 }
  scene.build(w)
  w.built = w.calls
  return w
end

-- What a scene's callback does first: in it comes what the order does inside (w.act).
local function called(w)
  w.calls = w.calls + 1
  if w.act and not w.acted then
    w.acted = true
    w.act()
  end
end

-- Options that count the sockets.
local function counting(w)
  return {
    proxy = "",
    opensocketfunction = function(_, address)
      w.opened = w.opened + 1
      return address:socket()
    end,
    closesocketfunction = function() w.closed = w.closed + 1 end,
  }
end

local function new_easy(w, path, options)
  local easy = assert(curl.easy(options)):setopt(counting(w))
  if path then easy:setopt { url = os.getenv "ENDINGS_WEB" .. path } end
  return easy
end

-- Drives the multi until its callbacks were called, or have acted. It is held by w alone.
local function drive(w)
  local deadline = curl.now() + 30
  while w.held.multi and (w.acting and not w.acted or not w.acting and w.calls == 0) do
    if w.held.multi:perform() == 0 and w.calls == 0 then
      for _, _, why in w.held.multi:results() do error("it has ended: " .. tostring(why)) end
    end
    if w.held.multi then w.held.multi:poll(0.02) end
    if curl.now() > deadline then error "nothing is called" end
  end
end

-- The easy in a multi, in the middle of its transfer.
local function begin(w, easy, multi)
  w.held.easy, w.held.multi = easy, multi or curl.multi()
  w.held.multi:add(easy)
  if not w.later then drive(w) end
end

-- ---- the scenes -------------------------------------------------------------------------------

local scenes = {}
endings.names = {}

local function scene(name, objects, build, more)
  local new = { objects = objects, build = build }
  for field, value in pairs(more or {}) do new[field] = value end
  scenes[name] = new
  endings.names[#endings.names + 1] = name
end

local transfer = { "easy", "multi" }

scene("a paused easy beside another", { "easy", "other", "multi" }, function(w)
  w.held.other = new_easy(w, "/slow?rate=64k", { writefunction = {} })
  local easy = new_easy(w, "/big", { writefunction = function(_, easy)
    called(w)
    if not w.acting then easy:pause "recv" end
  end })
  w.held.multi = curl.multi():add(w.held.other)
  w.held.easy = easy
  w.held.multi:add(easy)
  if not w.later then drive(w) end
end)

scene("a part that is read", transfer, function(w)
  begin(w, new_easy(w, "/upload", { mimepost = { { name = "f", read = function()
    called(w)
    return ("x"):rep(1000)
  end } } }))
end)

scene("trailers", transfer, function(w)
  local sent
  local easy = new_easy(w, "/upload", { upload = true, writefunction = {},
    readfunction = function()
      sent = not sent
      return sent and "body" or nil
    end })
  if curl.version_info().version_num < 0x080700 then -- has none: the end of the body it is
    easy:setopt("readfunction", function() called(w) end)
  else
    easy:setopt("trailerfunction", function()
      called(w)
      return { "X-One: 1" }
    end)
  end
  begin(w, easy)
end)

scene("RTP", transfer, function(w)
  local url = os.getenv "ENDINGS_RTSP"
  local easy = new_easy(w, nil, { url = url, rtsp_stream_uri = url,
    rtsp_transport = "RTP/AVP/TCP;interleaved=0-1", rtsp_request = "setup", writefunction = {},
    interleavefunction = function() called(w) end })
  local multi = curl.multi():add(easy)
  while multi:perform() > 0 do multi:poll(0.02) end
  multi:remove(easy):add(easy:setopt("rtsp_request", "play"))
  w.held.easy, w.held.multi = easy, multi
  multi = nil -- luacheck: ignore 311
  if not w.later then drive(w) end
end)

-- The folder, and how often those of its files that have begun were told.
local function folder(name)
  return function(w)
    w.begun = 0
    local easy = new_easy(w, nil, { url = os.getenv "ENDINGS_FOLDER" .. "*.txt",
      wildcardmatch = true, writefunction = {},
      chunk_bgn_function = function() w.begun = w.begun + 1 end })
    easy:setopt(name, function()
      called(w)
      return name == "fnmatch_function" or nil
    end)
    begin(w, easy)
  end
end

scene("a folder in fnmatch_function", transfer, folder "fnmatch_function")
scene("a folder in chunk_bgn_function", transfer, folder "chunk_bgn_function")

-- A file that has begun has its end, also when the transfer is ended.
scene("a folder in chunk_end_function", transfer, folder "chunk_end_function", {
  check = function(w) expect(w.begun, w.calls, "ends of files") end, ends = true,
})

-- hstswritefunction is told the one host when the easy goes, whatever that does.
scene("HSTS", transfer, function(w)
  local told
  w.written = 0
  begin(w, new_easy(w, "/slow?rate=64k", { hsts_ctrl = 1, writefunction = {},
    hstsreadfunction = function()
      if told then return end
      told = true
      called(w)
      return { host = "a.test" }
    end,
    hstswritefunction = function() w.written = w.written + 1 end }))
end, { check = function(w) expect(1, w.written, "hosts told") end })

-- The trace is closed by nil; dropped it goes on until then.
scene("a trace", { "easy", "multi", "trace" }, function(w)
  w.events = { open = 0, close = 0 }
  curl.trace(function(event)
    w.events[event.event] = (w.events[event.event] or 0) + 1
  end)
  w.held.trace = { close = function()
    curl.trace()
    w.silent = true
  end }
  begin(w, new_easy(w, "/slow?rate=64k", { writefunction = function() called(w) end }))
end, {
  allowed = { trace = true },
  probe = function(w)
    if w.silent then return end
    expect(w.opened, w.events.open, "traced open")
    expect(w.closed, w.events.close, "traced close")
  end,
  finish = function() curl.trace() end,
})

-- Rules that mention the pool that they are the rules of.
scene("a policy that mentions its multi", { "easy", "multi", "policy" }, function(w)
  local multi
  w.told = 0
  w.held.policy = curl.policy { name = "p",
    start = function() return multi ~= nil end,
    open = function() return multi ~= nil end,
    close = function() w.told = w.told + (multi and 1 or 0) end }
  multi = curl.multi { policy = w.held.policy }
  begin(w, new_easy(w, "/slow?rate=64k", { writefunction = function() called(w) end }), multi)
end, {
  check = function(w) expect(w.opened, w.told, "closes told to the policy") end,
})

-- What the easy says that speaks itself, after each step.
local function speak(w)
  local easy = w.held.easy
  if not easy or tostring(easy):find "closed" then return end
  for _, call in ipairs { { "send", "G" }, { "recv" } } do
    local ok, value, _, name = pcall(easy[call[1]], easy, call[2])
    local what = not ok and value or name or math.type(value) or type(value)
    local fine = w.gone and "BAD_FUNCTION_ARGUMENT" or call[1] == "send" and "integer" or "AGAIN"
    expect(fine, what, "%s", call[1])
  end
end

scene("a connection of the script", transfer, function(w)
  begin(w, new_easy(w, "/hello", { connect_only = true, prereqfunction = function()
    called(w)
    return true
  end }))
  while not w.later and w.held.multi:perform() > 0 do w.held.multi:poll(0.02) end
end, { probe = speak })

-- ---- loops ------------------------------------------------------------------------------------

-- What a task has to close.
local function guard(w)
  w.begun = (w.begun or 0) + 1
  return setmetatable({}, { __close = function() w.unwound = (w.unwound or 0) + 1 end })
end

local function spawn(w, by, f)
  return by:spawn(function()
    local _ <close> = guard(w)
    f()
  end)
end

local function fetch(w, loop)
  local url = os.getenv "ENDINGS_WEB" .. "/slow?rate=64k"
  require "curlsock.fetch"(url, { loop = loop, curl = counting(w) })
end

local parts = {}

function parts.stream(w, loop)
  local stream = loop:stream(new_easy(w, "/slow?rate=64k"))
  spawn(w, loop, function()
    local data, _, name = stream:read "a"
    if data or name ~= "CLOSED" then error("the stream reads " .. tostring(name)) end
  end)
  return stream
end

function parts.easy(w, loop)
  local easy = new_easy(w, "/slow?rate=64k", { writefunction = function() called(w) end })
  spawn(w, loop, function()
    local ok, _, name = loop:perform(easy)
    if ok or name ~= "CLOSED" then error("perform is " .. tostring(name)) end
  end)
  return easy
end

function parts.task(w, loop)
  return spawn(w, loop, function() loop:sleep(1000) end)
end

function parts.group(w, loop)
  local group = loop:group()
  local one = spawn(w, group, function()
    fetch(w, loop)
  end)
  spawn(w, group, function() one:wait() end)
  return group
end

function parts.socket(w, loop)
  local socket, peer = curl.socketpair "stream"
  spawn(w, loop, function() loop:wait(socket, "r") end)
  spawn(w, loop, function() loop:wait(peer, "r") end)
  return { close = function()
    socket:close()
    peer:close()
  end }
end

-- fetch in a coroutine that is no task.
function parts.coroutine(w, loop)
  local co = coroutine.create(function()
    local _ <close> = guard(w)
    fetch(w, loop)
  end)
  assert(coroutine.resume(co))
  return { close = function() assert(coroutine.close(co)) end }
end

-- What is done inside is done in a task.
local function later(w, loop)
  loop:spawn(function()
    loop:sleep(0.01)
    called(w)
  end)
end

local function in_loop(objects, more)
  local act = more.all_allowed and later
  scene(table.concat(objects, ", "), objects, function(w)
    local loop = require "curlsock.loop".new()
    w.held.loop = loop
    for i = 2, #objects do w.held[objects[i]] = parts[objects[i]](w, loop) end
    w.go = function()
      while not w.acted do w.held.loop:sleep(0.01) end
    end
    if not w.later then
      loop:sleep(0.01)
    elseif act then
      act(w, loop)
    end
  end, more)
end

in_loop({ "loop", "stream", "easy" }, { allowed = { stream = true } }) -- in a callback
local anything = { all_allowed = true }
in_loop({ "loop", "task", "group" }, anything)
in_loop({ "loop", "socket", "coroutine" }, anything)
in_loop({ "loop", "group", "coroutine" }, anything)
in_loop({ "loop", "stream", "task", "socket" }, anything)

-- ---- the steps --------------------------------------------------------------------------------

local function close(object)
  return (object.close or object.cancel or object.revoke)(object)
end

local function check(w)
  expect(w.opened - w.closed, #curl.sockets(), "sockets that libcurl holds")
  if w.gone then expect(w.opened, w.closed, "close events when the pool has gone") end
  if w.scene.probe then w.scene.probe(w) end
end

local function step(w, way, name)
  if way == "drop" then
    w.held[name] = nil
    collectgarbage()
  else
    close(w.held[name])
    w.gone = w.gone or name == "multi" or name == "loop"
    if name == "loop" then expect(w.begun, w.unwound, "tasks that have ended") end
  end
  check(w)
end

local function take_steps(w, order)
  for way, name in order:gmatch "(%a+) (%a+)" do step(w, way, name) end
end

local function check_descriptors(w)
  local now = orders.descriptors()
  for fd, what in pairs(now) do expect(w.before[fd], what, "descriptor %d", fd) end
  for fd, what in pairs(w.before) do expect(what, now[fd], "descriptor %d of before", fd) end
end

local function check_end(w)
  expect(w.opened, w.closed, "close events")
  if not (w.inside or w.scene.ends) then expect(w.built, w.calls, "calls of the callback") end
  if w.scene.check then w.scene.check(w) end
  check_descriptors(w)
end

local function finish(w)
  w.held = {}
  w.go = nil
  if w.scene.finish then w.scene.finish() end
  collectgarbage()
  collectgarbage()
  for kind, n in pairs(curl.live()) do expect(0, n, "%s alive at the end", kind) end
  expect(0, #curl.sockets(), "sockets that libcurl holds at the end")
  check_end(w)
end

local batches = {}

-- The last of them has no steps: all is dropped at once.
function batches.complete(chosen)
  local list = orders.sampled(orders.complete(chosen.objects))
  list[#list + 1] = ""
  for _, order in ipairs(list) do
    orders.attempt(order, function()
      local w = new_world(chosen)
      take_steps(w, order)
      finish(w)
    end)
  end
  return #list
end

function batches.cut(chosen)
  local list = orders.sampled(orders.cut(chosen.objects))
  for _, order in ipairs(list) do
    orders.in_fork(order, 0, function()
      local w = new_world(chosen)
      take_steps(w, order)
      endings.kept = w
      orders.at_the_end(function() check_end(w) end)
    end)
  end
  orders.reap(0)
  return #list
end

-- ---- inside the callback, or a task -----------------------------------------------------------

local refusal = "is not allowed inside a callback of this %a+ or of its pool"

local function act_inside(chosen, act)
  local w = { scene = chosen, before = orders.descriptors(), held = {}, opened = 0, closed = 0,
    calls = 0, acting = true, later = true, inside = true }
  w.act = function() act(w) end
  chosen.build(w)
  if w.go then w.go() else drive(w) end
  expect(true, w.acted, "it was called")
  return w
end

local function close_inside(chosen, name)
  local ok, message
  local w = act_inside(chosen, function(w) ok, message = pcall(close, w.held[name]) end)
  local allowed = chosen.all_allowed or (chosen.allowed or {})[name]
  expect(allowed or false, ok, "%s: close of %s inside succeeds", message, name)
  if not allowed then expect(true, message:find(refusal) ~= nil, "%s", message) end
  finish(w)
end

function batches.inside(chosen)
  for _, name in ipairs(chosen.objects) do
    orders.attempt("close " .. name, close_inside, chosen, name)
  end
  orders.attempt("drop all", function()
    finish(act_inside(chosen, function(w)
      w.held = {}
      collectgarbage()
    end))
  end)
  orders.in_fork("os.exit inside", 7, function()
    act_inside(chosen, function() os.exit(7, true) end)
  end)
  orders.reap(0)
  return #chosen.objects + 2
end

function endings.run(batch, name)
  curl = orders.begin()
  io.write(batches[batch](scenes[name]), "\n")
end

-- How many orders a batch has.
function endings.count(batch, name)
  local objects = scenes[name].objects
  if batch == "inside" then return #objects + 2 end
  return #orders.sampled(orders[batch](objects)) + (batch == "complete" and 1 or 0)
end

return endings
