-- What every loop of curlsock must do for coroutines that wait, for 80-waiting_spec.lua, as
-- scenarios (spec/support/scenarios.lua) of the group "waits".

local curl = require "curlsock"
local process = require "spec.support.process"
local scenarios = require "spec.support.scenarios"

local equal, web = scenarios.equal, scenarios.web

local scenario, raises = scenarios.group "waits", scenarios.raises

local function close_both(a, b)
  a:close()
  b:close()
end

-- A variable to be closed which adds the name to the list.
local function noted(list, name)
  return setmetatable({}, { __close = function() list[#list + 1] = name end })
end

-- Lets the loop of cqueues begin what was spawned.
local function begin(run)
  run.loop:sleep(0.005)
end

-- ---- sleep ------------------------------------------------------------------------------------

scenario("sleeps as long as it is told, and many do at once, in order", function(run)
  local loop, order, start = run.loop, {}, curl.now()
  for i = 20, 1, -1 do
    loop:spawn(function()
      local due = curl.now() + i * 0.01 -- on a busy machine not all begin at once
      equal(true, loop:sleep(i * 0.01))
      assert(curl.now() >= due)
      order[#order + 1] = due
    end)
  end
  loop:run()
  local time = curl.now() - start
  for i = 2, 20 do assert(order[i] > order[i - 1] - 0.002, i) end
  assert(time >= 0.2 and time < 1.5 * process.patience, time)
end)

scenario("sleeps while transfers run, and these while others sleep", function(run)
  local loop, pages, naps = run.loop, 0, 0
  for _ = 1, 5 do
    loop:spawn(function()
      for _ = 1, 5 do
        equal(true, run:perform("/hello"))
        pages = pages + 1
        loop:sleep(0.01)
        naps = naps + 1
      end
    end)
  end
  equal(true, loop:sleep(0.02))
  loop:run()
  equal({ 25, 25 }, { pages, naps })
end)

scenario("sleeps outside a coroutine and runs the loop meanwhile", function(run)
  local done
  run.loop:spawn(function() done = run:perform("/hello") end)
  equal(true, run.loop:sleep(0.5 * process.patience))
  equal(true, done)
end)

scenario("takes no other time than a number that is not negative", function(run)
  for _, wrong in ipairs { -1, 0 / 0, "x", {} } do
    raises("sleep: seconds expected, 0 or more, got ", run.loop.sleep, run.loop, wrong)
  end
  raises("sleep: seconds expected, 0 or more, got nil", run.loop.sleep, run.loop)
  equal(true, run.loop:sleep(0))
end, { once = true })

scenario("does not spin while it sleeps", function(run)
  local turns, turn = 0, run.loop.hooks.turn
  run.loop.hooks.turn = function()
    turns = turns + 1
    return turn()
  end
  run.loop:sleep(0.2)
  assert(turns < 20, turns)
end)

scenario("is left by its host when the last sleeper is cancelled", function(run)
  local task = run.loop:spawn(function() run.loop:sleep(1000) end)
  begin(run)
  task:cancel()
  local start = curl.now()
  run.loop:run()
  assert(curl.now() - start < 5 * process.patience)
end)

-- ---- descriptors ------------------------------------------------------------------------------

scenario("waits for a descriptor, for what happens and no longer than it is told", function(run)
  local loop, a, b = run.loop, curl.socketpair("stream")
  equal("w", loop:wait(a, "w"))
  equal("w", loop:wait(a, "rw", 5))
  equal({ nil, "wait: timed out", "TIMEDOUT", n = 3 }, table.pack(loop:wait(a, "r", 0.02)))
  loop:spawn(function()
    loop:sleep(0.02)
    b:send("x", 0)
  end)
  equal("r", loop:wait(a:fd(), "r", 5 * process.patience))
  equal("x", a:recv(10, 0))
  b:close()
  equal("r", loop:wait(a, "r", 5))
  assert(("rw"):find(loop:wait(a, "rw"), 1, true)) -- select tells one after the other
  a:close()
end)

scenario("tells a hangup and an error, whatever is waited for", function(run)
  local loop, a, b = run.loop, curl.socketpair("stream")
  while a:send(("x"):rep(65536), 0) do end
  b:close()
  equal("w", loop:wait(a, "w", 5 * process.patience))
  a:close()
end)

scenario("waits for many descriptors at once, and for transfers", function(run)
  local loop, got, pages = run.loop, 0, 0
  for i = 1, 30 do
    local a, b = curl.socketpair("stream")
    loop:spawn(function()
      for _ = 1, 5 do
        assert(loop:wait(a, "r"))
        assert(a:recv(1, 0))
        got = got + 1
      end
      close_both(a, b)
    end)
    loop:spawn(function()
      for _ = 1, 5 do
        loop:sleep(i % 3 * 0.002)
        b:send("x", 0)
        if i % 5 == 0 then
          equal(true, run:perform("/hello"))
          pages = pages + 1
        end
      end
    end)
  end
  loop:run()
  equal({ 150, 30 }, { got, pages })
end)

scenario("takes objects of other libraries, and refuses what is none", function(run)
  local loop, socket = run.loop, require "socket"
  local server = assert(socket.bind("127.0.0.1", 0))
  local host, port = server:getsockname()
  local client = assert(socket.connect(host, port))
  equal("r", loop:wait(server, "r", 5))
  client:close()
  server:close()
  local a, b = curl.socketpair("stream")
  close_both(a, b)
  raises("wait: descriptor or Socket expected, got a closed one", loop.wait, loop, a, "r")
  for _, wrong in ipairs { -1, 1.5, "x", {} } do
    raises("wait: descriptor or Socket expected, got ", loop.wait, loop, wrong, "r")
  end
  raises("wait: events 'r', 'w' or 'rw' expected, got nil", loop.wait, loop, 0)
  raises("wait: events 'r', 'w' or 'rw' expected, got x", loop.wait, loop, 0, "x")
  raises("wait: seconds expected, 0 or more, got -1", loop.wait, loop, 0, "r", -1)
end, { once = true })

scenario("raises for a descriptor that is watched already", function(run)
  local loop, a, b = run.loop, curl.socketpair("stream")
  local first = loop:spawn(function() return loop:wait(a, "r") end)
  begin(run)
  local text = ("wait: descriptor %d is watched already"):format(a:fd())
  raises(text, loop.wait, loop, a, "r")
  raises(text, loop.wait, loop, a:fd(), "w", 1)
  b:send("x", 0)
  equal("r", first:wait())
  equal("w", loop:wait(a, "w"))
  loop:spawn(function() equal(true, run:perform "/slow?rate=20m") end)
  begin(run)
  for fd in pairs(loop.multi:watches()) do
    raises(("wait: descriptor %d is watched already"):format(fd), loop.wait, loop, fd, "r")
  end
  loop:run()
  close_both(a, b)
end)

scenario("can wait for a descriptor number that comes back", function(run)
  local loop = run.loop
  for _ = 1, 5 do
    local a, b = curl.socketpair("stream")
    local task = loop:spawn(function() return loop:wait(a, "r") end)
    begin(run)
    task:cancel()
    local other = loop:spawn(function() return loop:wait(a, "r") end)
    b:send("x", 0)
    equal("r", other:wait())
    close_both(a, b)
  end
end)

-- ---- tasks ------------------------------------------------------------------------------------

scenario("gives what a task returned to all who wait for it, then and later", function(run)
  local loop, got = run.loop, {}
  local task = loop:spawn(function(...)
    loop:sleep(0.02)
    return ...
  end, 1, nil, 3, nil)
  for i = 1, 3 do
    loop:spawn(function() got[i] = table.pack(task:wait()) end)
  end
  equal({ 1, nil, 3, nil, n = 4 }, table.pack(task:wait(10)))
  loop:run()
  for i = 1, 3 do equal({ 1, nil, 3, nil, n = 4 }, got[i]) end
  equal({ 1, nil, 3, nil, n = 4 }, table.pack(task:wait()))
  equal({ n = 0 }, table.pack(loop:spawn(function() end):wait()))
end)

scenario("waits for a task no longer than it is told, and may wait again", function(run)
  local loop = run.loop
  local task = loop:spawn(function()
    loop:sleep(0.1)
    return "done"
  end)
  for _ = 1, 2 do
    equal({ nil, "wait: timed out", "TIMEDOUT", n = 3 }, table.pack(task:wait(0.01)))
  end
  equal("done", task:wait())
  raises("wait: seconds expected, 0 or more, got -1", task.wait, task, -1)
end)

scenario("raises what a task threw where it is waited for, with its traceback", function(run)
  local loop, failure = run.loop, {}
  local function deep()
    loop:sleep(0.01)
    error("in the deep")
  end
  local task = loop:spawn(function() deep() end)
  local other = loop:spawn(function()
    loop:sleep(0.02)
    error(failure)
  end)
  local waiter = loop:spawn(function() raises("in the deep", task.wait, task) end)
  local text = raises("in the deep\nstack traceback:", task.wait, task)
  assert(text:find("in upvalue 'deep'", 1, true) or text:find("in local 'deep'", 1, true), text)
  local ok, err = pcall(other.wait, other)
  equal({ false, true }, { ok, rawequal(failure, err) })
  waiter:wait()
  loop:run()
end)

scenario("raises nothing by run of tasks whose errors somebody comes to", function(run)
  local loop, seen = run.loop, {}
  loop:spawn(function()
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = loop:spawn(function()
        loop:sleep(0.01 * (6 - i))
        error("task " .. i, 0)
      end)
    end
    for i = 1, 5 do seen[i] = raises("task " .. i, tasks[i].wait, tasks[i]):match("^[^\n]+") end
  end)
  loop:run()
  equal({ "task 1", "task 2", "task 3", "task 4", "task 5" }, seen)
end)

scenario("refuses that a task waits for itself", function(run)
  local loop, task = run.loop, nil
  task = loop:spawn(function()
    loop:sleep(0.01)
    raises("wait: a task cannot wait for itself", task.wait, task)
  end)
  task:wait()
end, { once = true, only = "loop select" })

scenario("says so when nothing is left that a task could wait for", function(run)
  local loop = run.loop
  local a, b
  a = loop:spawn(function()
    loop:sleep(0.01)
    b:wait()
  end)
  b = loop:spawn(function()
    loop:sleep(0.01)
    a:wait()
  end)
  raises("wait: nothing is left to wait for", a.wait, a)
  a:cancel()
  equal({ nil, "CANCELLED" }, { b:wait(), select(3, a:wait()) })
end, { only = "loop select luv" })

-- ---- cancelling -------------------------------------------------------------------------------

-- Every place where a task can wait: f(run, closed) in a task.
local places = {
  sleep = function(run) run.loop:sleep(1000) end,
  descriptor = function(run)
    local a, b = curl.socketpair("stream")
    local _ <close> = a
    local _ <close> = b
    run.loop:wait(a, "r", 1000)
  end,
  transfer = function(run) run:perform("/slow?rate=1k") end,
  limited = function(run) run:perform("/slow?rate=1k", nil, 100) end,
  options = function(run)
    run.loop:perform { url = web.silent, proxy = "" }
  end,
  task = function(run)
    local inner <close> = setmetatable({ run.loop:spawn(function() run.loop:sleep(1000) end) }, {
      __close = function(self) self[1]:cancel() end,
    })
    inner[1]:wait()
  end,
  group = function(run)
    local group <close> = run.loop:group()
    group:spawn(function() run.loop:sleep(1000) end)
    group:spawn(function() run:perform("/slow?rate=1k") end)
    group:wait(1000)
  end,
}

local names = {}
for name in pairs(places) do names[#names + 1] = name end
table.sort(names)

for _, name in ipairs(names) do
  scenario("cancels a task that waits for: " .. name, function(run)
    local loop, closed, went_on = run.loop, {}, false
    local task = loop:spawn(function()
      local _ <close> = noted(closed, "outer")
      local _ <close> = noted(closed, "inner")
      places[name](run)
      went_on = true
    end)
    loop:sleep(0.05)
    equal({}, closed)
    task:cancel()
    task:cancel()
    equal({ nil, "wait: the task was cancelled", "CANCELLED", n = 3 }, table.pack(task:wait()))
    equal({ { "inner", "outer" }, false }, { closed, went_on })
    loop:run()
    equal(0, loop.spawned)
    equal(true, run:perform("/hello"))
  end)
end

scenario("cancels a task before it has begun, and one that has ended", function(run)
  local loop, begun = run.loop, 0
  local task = loop:spawn(function()
    begun = begun + 1
    loop:sleep(1000)
  end)
  task:cancel()
  equal("CANCELLED", select(3, task:wait()))
  assert(begun <= 1)
  local done = loop:spawn(function() return "done" end)
  equal("done", done:wait())
  done:cancel()
  equal("done", done:wait())
  loop:run()
end)

scenario("ends a task that cancels itself where it waits next", function(run)
  local loop, closed, task = run.loop, {}, nil
  local steps = {}
  task = loop:spawn(function()
    local _ <close> = noted(closed, "closed")
    loop:sleep(0.01)
    task:cancel()
    steps[1] = "after cancel"
    loop:sleep(0.01)
    steps[2] = "after sleep"
  end)
  equal("CANCELLED", select(3, task:wait()))
  equal({ { "after cancel" }, { "closed" } }, { steps, closed })
  loop:run()
end)

scenario("ends a task that its child cancels, at once or where it waits next", function(run)
  local loop, closed, task = run.loop, {}, nil
  task = loop:spawn(function()
    local _ <close> = noted(closed, "closed")
    loop:sleep(0.01)
    loop:spawn(function() task:cancel() end)
    loop:sleep(1000)
  end)
  equal("CANCELLED", select(3, task:wait()))
  equal({ "closed" }, closed)
  loop:run()
end)

scenario("cancels inside a callback of a transfer", function(run)
  local loop, closed = run.loop, {}
  local task = loop:spawn(function()
    local _ <close> = noted(closed, "closed")
    run:perform("/slow?rate=1k")
  end)
  loop:sleep(0.05)
  equal(true, run:perform("/hello", { writefunction = function() task:cancel() end }))
  equal("CANCELLED", select(3, task:wait()))
  equal({ "closed" }, closed)
  loop:run()
end)

-- ---- groups -----------------------------------------------------------------------------------

scenario("waits for all tasks of a group", function(run)
  local loop, done = run.loop, 0
  local group = loop:group()
  for i = 1, 5 do
    group:spawn(function(n)
      loop:sleep(0.01 * n)
      equal(true, run:perform("/hello"))
      done = done + 1
    end, i)
  end
  equal({ nil, "wait: timed out", "TIMEDOUT", n = 3 }, table.pack(group:wait(0.001)))
  equal(true, group:wait())
  equal(5, done)
  equal(true, group:wait())
end)

scenario("cancels the tasks of a group when one fails, whose error wins", function(run)
  local loop, closed = run.loop, {}
  local group = loop:group()
  for i = 1, 3 do
    group:spawn(function()
      local _ <close> = noted(closed, i)
      loop:sleep(1000)
    end)
  end
  group:spawn(function()
    loop:sleep(0.02)
    error("first", 0)
  end)
  group:spawn(function()
    local _ <close> = setmetatable({}, { __close = function() error("second", 0) end })
    loop:sleep(1000)
  end)
  raises("first", group.wait, group)
  table.sort(closed)
  equal({ 1, 2, 3 }, closed)
  raises("first", group.spawn, group, print)
  raises("first", group.wait, group)
  loop:run()
end)

scenario("tells a group's first error where the next task is spawned", function(run)
  local loop, failure = run.loop, setmetatable({}, { __tostring = error })
  local function scope(value)
    local group <close> = loop:group()
    group:spawn(function()
      loop:sleep(0)
      error(value, 0)
    end)
    loop:sleep(0.02)
    group:spawn(print)
  end
  equal(true, rawequal(failure, select(2, pcall(scope, failure))))
  raises("at first", scope, "at first")
  loop:run() -- was told
  local group = loop:group()
  group:cancel()
  raises("spawn: the group was cancelled", group.spawn, group, print)
end)

scenario("has the error of a group come out of run at its end, if nobody waits", function(run)
  local loop, done = run.loop, false
  local group = loop:group()
  group:spawn(function() error("nobody waits", 0) end)
  loop:spawn(function()
    loop:sleep(0.05)
    done = true
  end)
  equal({ false, "nobody waits" }, table.pack(pcall(loop.run, loop)))
  equal(true, done)
  loop:run()
end, { only = "loop select luv" })

scenario("cancels a group at the end of its scope, and raises its error there", function(run)
  local loop, closed = run.loop, {}
  local function scope(fails)
    local group <close> = loop:group()
    group:spawn(function()
      local _ <close> = noted(closed, "closed")
      loop:sleep(1000)
    end)
    if fails then group:spawn(function() error("in the group", 0) end) end
    loop:sleep(0.02)
  end
  scope(false)
  begin(run)
  equal({ "closed" }, closed)
  raises("in the group", scope, true)
  begin(run)
  loop:run()
end)

-- ---- what yields by itself --------------------------------------------------------------------

scenario("lets a task that yields by itself go on with the next turn", function(run)
  local loop, turns, order = run.loop, 0, {}
  for i = 1, 2 do
    loop:spawn(function()
      for _ = 1, 3 do
        order[#order + 1] = i
        equal({ n = 0 }, table.pack(coroutine.yield("ignored")))
        turns = turns + 1
      end
    end)
  end
  loop:spawn(function() equal(true, run:perform("/hello")) end)
  loop:run()
  equal({ 6, { 1, 2, 1, 2, 1, 2 }, 0 }, { turns, order, loop.spawned })
end, { only = "loop select" })

scenario("cancels a task that yields by itself", function(run)
  local loop, closed = run.loop, {}
  local task = loop:spawn(function()
    local _ <close> = noted(closed, "closed")
    while true do coroutine.yield() end
  end)
  loop:sleep(0.01)
  task:cancel()
  equal({ "closed" }, closed)
  loop:run()
end, { only = "loop select luv" })

-- ---- another loop -----------------------------------------------------------------------------

-- Has the loop fail if it spins.
local function count_turns(loop)
  local turns, turn = 0, loop.hooks.turn
  loop.hooks.turn = function(...)
    turns = turns + 1
    assert(turns < 100, "it spins")
    return turn(...)
  end
end

-- What a task of this loop can wait for in the other one.
local elsewhere = {
  task = function(_, other) other:spawn(other.sleep, other, 0.05):wait() end,
  group = function(_, other)
    local group = other:group()
    group:spawn(other.sleep, other, 0.05)
    group:wait()
  end,
  sleep = function(_, other) other:sleep(0.05) end,
  transfer = function(run, other) other:perform(run:easy("/hello")) end,
}

for what, wait in pairs(elsewhere) do
  scenario(("has a task that waits for another loop's %s go on with that"):format(what),
    function(run)
      local loop, other, order = run.loop, run.new(), {}
      count_turns(loop)
      loop:spawn(function()
        wait(run, other)
        loop:sleep(0.001)
        order[#order + 1] = "waited"
      end)
      loop:run()
      order[#order + 1] = "left"
      other:run()
      loop:run()
      equal({ "left", "waited" }, order)
      equal(0, loop.spawned)
      other:close()
    end, { only = "loop select" })
end

scenario("has a task that waited for another loop yield by itself", function(run)
  local loop, other, done = run.loop, run.new(), nil
  count_turns(loop)
  loop:spawn(function()
    other:sleep(0.01)
    coroutine.yield()
    other:sleep(0.01)
    coroutine.yield()
    done = true
  end)
  for _ = 1, 3 do
    loop:run()
    other:run()
  end
  equal({ true, 0 }, { done, loop.spawned })
end, { only = "loop select" })

scenario("ends a task that waits for another loop, at once or where it does next", function(run)
  local loop, other, closed = run.loop, run.new(), {}
  local task = loop:spawn(function()
    local _ <close> = noted(closed, "at once")
    other:sleep(1000)
  end)
  task:cancel()
  task = loop:spawn(function()
    local _ <close> = noted(closed, "next")
    other:sleep(0.01)
    task:cancel()
    other:sleep(1000)
  end)
  loop:run()
  other:run()
  equal({ "at once", "next" }, closed)
  equal(0, loop.spawned)
end, { only = "loop select" })

-- ---- the end ----------------------------------------------------------------------------------

scenario("ends all that waits when it is closed", function(run)
  local loop, names_of = run.loop, {}
  local a, b = curl.socketpair("stream")
  local sleeper = loop:spawn(function() names_of[1] = select(3, loop:sleep(1000)) end)
  loop:spawn(function() names_of[2] = select(3, loop:wait(a, "r")) end)
  loop:spawn(function() names_of[3] = select(3, loop:wait(b, "r", 1000)) end)
  loop:spawn(function() names_of[4] = select(3, sleeper:wait()) end)
  loop:spawn(function() names_of[5] = select(3, run:perform(web.silent)) end)
  begin(run)
  loop:close()
  run.host.run(loop)
  equal({ "CLOSED", "CLOSED", "CLOSED", "CLOSED", "CLOSED" }, names_of)
  raises("sleep: the loop is closed", loop.sleep, loop, 1)
  raises("wait: the loop is closed", loop.wait, loop, a, "r")
  close_both(a, b)
end)

scenario("may be collected while its coroutines wait", function(run)
  run.loop = nil
  local weak = setmetatable({}, { __mode = "v" })
  local a, b = curl.socketpair("stream")
  do
    local loop = run.new()
    weak.loop = loop
    loop:spawn(function() loop:sleep(1000) end)
    loop:spawn(function() loop:wait(a, "r") end)
    if run.host.controller then loop:sleep(0.005) end
  end
  run.host.controller = nil
  collectgarbage()
  collectgarbage()
  equal(nil, weak.loop)
  close_both(a, b)
end, { only = "loop select cqueues" })

-- ---- perform ----------------------------------------------------------------------------------

scenario("performs a table of options", function(run)
  local body = {}
  equal(true, run.loop:perform({ url = web.url .. "/hello", proxy = "", writefunction = body }, 20))
  equal("hello\n", table.concat(body))
  run.loop:spawn(function()
    body = {}
    assert(run.loop:perform { url = web.url .. "/hello", proxy = "", writefunction = body })
  end)
  run.loop:run()
  equal("hello\n", table.concat(body))
  equal("OPERATION_TIMEDOUT",
    select(3, run.loop:perform({ url = web.silent, proxy = "" }, 0.05 * process.patience)))
  raises("perform: unknown option 'urll'", run.loop.perform, run.loop, { urll = "x" })
  raises("perform: seconds expected, 0 or more, got string", run.loop.perform, run.loop, {}, "x")
end)

-- ---- admission --------------------------------------------------------------------------------

scenario("lets transfers in as the policy admits them, first come first served", function(run)
  local came, order, asked, loop, free = {}, {}, 0, nil, curl.now()
  loop = run.new { policy = {
    admit = function(easy, its_loop)
      equal(loop, its_loop)
      equal("easy", curl.type(easy))
      asked = asked + 1
      local left = free - curl.now()
      if left > 0 then return left end
      free = curl.now() + 0.02
      order[#order + 1] = easy
      return true
    end,
  } }
  for _ = 1, 10 do
    loop:spawn(function()
      local easy <close> = run:easy("/hello")
      came[#came + 1] = easy
      equal(true, loop:perform(easy, 20))
    end)
  end
  local start = curl.now()
  loop:run()
  local time = curl.now() - start
  assert(time >= 0.18, time)
  assert(asked >= 19 and asked < 40, asked)
  loop:close()
  equal(10, #order)
  for i = 1, 10 do assert(rawequal(came[i], order[i])) end
end)

scenario("refuses what the policy does not admit, closed by default", function(run)
  local answer
  local function admit() return table.unpack(answer, 1, 2) end
  local loop <close> = run.new { policy = { admit = admit } }
  for text, values in pairs {
    ["no more today"] = { nil, "no more today" },
    refused = {},
    ["must return true, seconds"] = { "yes" },
    ["admit must return true"] = { -1 },
  } do
    answer = values
    local ok, message, name = loop:perform(run:easy("/hello"))
    equal({ nil, "REFUSED" }, { ok, name })
    assert(message:find(text, 1, true), message)
  end
  answer = { true }
  equal(true, loop:perform(run:easy("/hello")))
end, { once = true })

scenario("waits for admission in perform's own time; who is cancelled leaves", function(run)
  local open = false
  local asked = 0
  local loop = run.new { policy = { admit = function()
    asked = asked + 1
    return open or 1000
  end } }
  local first = loop:spawn(function() return loop:perform(run:easy("/hello")) end)
  loop:sleep(0.005) -- cqueues begins the last first
  local second = loop:spawn(function() return loop:perform(run:easy("/hello"), 0.05) end)
  local third = loop:spawn(function() return loop:perform(run:easy("/hello")) end)
  equal("OPERATION_TIMEDOUT", select(3, second:wait()))
  equal(1, asked)
  open = true
  first:cancel()
  equal(true, third:wait())
  open = false
  equal({ nil, "Operation timed out after 20 milliseconds", "OPERATION_TIMEDOUT", n = 3 },
    table.pack(loop:perform(run:easy("/hello"), 0.02)))
  local last = loop:spawn(function() return loop:perform(run:easy("/hello")) end)
  loop:sleep(0.005)
  loop:close()
  if not run.host.controller then equal("CLOSED", select(3, last:wait())) end
end)

return scenarios
