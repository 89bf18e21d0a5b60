-- What every loop of curlsock must do, for 42-loops_spec.lua. A scenario runs in a process of its
-- own, under one of the loops (scenarios.run), so that all that the loop's library holds goes
-- with it. When it has run nothing may be left: no descriptor, object, watcher or timer, and
-- every socket has had its close event, once.

local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"

local scenarios = {}

-- ---- the hosts: the library that each loop is a guest of --------------------------------------

-- new(options)    a loop
-- run(loop)       runs it by the library's own means, not by loop:run
-- sleep(seconds)  waits by the library's own means, in a coroutine
-- left()          a text about what the library still has of ours, or nil
local hosts = {}

function hosts.loop()
  local host = {}
  host.new = require("curlsock.loop").new
  function host.run(loop)
    while loop.active > 0 do loop:step() end
  end
  function host.left() end
  return host
end

function hosts.select()
  local host = hosts.loop()
  host.new = require("curlsock.select").new
  function host.run(loop)
    while loop.active > 0 do loop:select() end
  end
  return host
end

function hosts.luv()
  local uv = require "luv"
  local host = {}
  host.new = require("curlsock.luv").new
  function host.run()
    assert(not uv.run())
  end
  function host.sleep(seconds)
    local co, timer = coroutine.running(), uv.new_timer()
    timer:start(math.ceil(seconds * 1000), 0, function()
      timer:close()
      assert(coroutine.resume(co))
    end)
    coroutine.yield()
  end
  function host.left()
    uv.run("nowait") -- libuv closes handles in its loop
    local handles = {}
    uv.walk(function(handle) handles[#handles + 1] = tostring(handle) end)
    return handles[1] and table.concat(handles, ", ")
  end
  return host
end

function hosts.cqueues()
  local cqueues = require "cqueues"
  local host = {}
  function host.new(options)
    host.controller = cqueues.new()
    return require("curlsock.cqueues").new(options, host.controller)
  end
  function host.run()
    assert(host.controller:loop())
  end
  host.sleep = cqueues.sleep
  function host.left()
    local cq = host.controller
    host.controller = nil
    if not cq then return end
    assert(cq:step(0)) -- what was told to end ends
    return not cq:empty() and ("%d coroutines in the controller"):format(cq:count()) or nil
  end
  return host
end

-- ---- a run ------------------------------------------------------------------------------------

-- What a scenario gets: the loop, its host, and easies whose sockets are counted.
local Run = {}
Run.__index = Run

local web = {}
for _, name in ipairs { "url", "https_url", "h2_url", "ca", "pid", "big_size", "dead", "silent",
  "dying", "refused", "ftp", "ftps" } do
  web[name] = os.getenv("SCENARIO_" .. name:upper())
end
web.big_size = tonumber(web.big_size)

-- An easy for a path of the web server, or a URL, which adds what it gets to list.
function Run:easy(path, list, options)
  local easy = curl.easy {
    url = path:find("^%a+://") and path or web.url .. path,
    proxy = "",
    timeout = 20 * process.patience,
    cainfo = web.ca,
    writefunction = list or {},
    opensocketfunction = function(_, address)
      local socket = address:socket()
      socket.data = { closed = 0 }
      table.insert(self.sockets, socket.data)
      return socket
    end,
    closesocketfunction = function(socket)
      socket.data.closed = socket.data.closed + 1
    end,
  }
  return assert(easy:setopt(options or {}))
end

-- Performs such an easy, which is closed then: the results.
function Run:perform(path, options, seconds)
  local easy <close> = self:easy(path, nil, options)
  return self.loop:perform(easy, seconds)
end

local function describe(value)
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for i = 1, value.n or #value do parts[i] = describe(value[i]) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function equal(expected, got)
  expected, got = describe(expected), describe(got)
  if expected ~= got then error(("expected %s, got %s"):format(expected, got), 2) end
end

function Run:check_sockets()
  for i, socket in ipairs(self.sockets) do
    if socket.closed ~= 1 then
      error(("socket %d of %d has had %d close events"):format(i, #self.sockets, socket.closed))
    end
  end
end

local list, by_title = {}, {}

-- A scenario: for all loops, or those named in only; in all modes, or (once) in the first one, for
-- what does not depend on that, or (pollfd) for what is about pollfd. group: of another file.
local function scenario(title, f, options)
  local entry = { title = title, f = f, only = "loop luv cqueues select" }
  for name, value in pairs(options or {}) do entry[name] = value end
  list[#list + 1] = entry
  by_title[title] = entry
end

scenarios.add, scenarios.equal, scenarios.web = scenario, equal, web

-- Their titles for that loop, in order.
function scenarios.titles(name, raw, group)
  local titles = {}
  for _, entry in ipairs(list) do
    local fits = entry.only:find(name, 1, true) and not (raw and entry.pollfd)
      and entry.group == group
    if entry.once and raw ~= loops.modes[1] then fits = false end
    titles[#titles + 1] = fits and entry.title or nil
  end
  return titles
end

local function new_run(name, raw)
  local host = hosts[name]()
  local before = left.snapshot()
  local run = setmetatable({ host = host, raw = raw, sockets = {} }, Run)
  function run.new(options)
    if raw then return loops.raw(host.new, options) end
    return host.new(options)
  end
  return run, before
end

function scenarios.run(name, raw, title)
  warn "@on"
  local run, before = new_run(name, raw)
  run.loop = run.new()
  by_title[title].f(run)
  if run.loop then run.loop:close() end
  run:check_sockets()
  run.loop, run.new = nil, nil
  local what = run.host.left()
  if what then error("left over: " .. what) end
  left.check(before)
end

-- ---- the scenarios ----------------------------------------------------------------------------

scenario("fetches 1,000 pages, 100 at a time", function(run)
  local todo, done = 1000, 0
  for _ = 1, 100 do
    run.loop:spawn(function()
      while todo > 0 do
        todo = todo - 1
        local body = {}
        local easy <close> = run:easy("/hello", body, { forbid_reuse = todo % 3 == 0 })
        equal(true, run.loop:perform(easy))
        equal("hello\n", table.concat(body))
        done = done + 1
      end
    end)
  end
  run.loop:run()
  equal(1000, done)
  assert(#run.sockets > 333, #run.sockets)
end)

scenario("fetches large files over TLS, several at a time", function(run)
  local sizes = {}
  for i = 1, 8 do
    run.loop:spawn(function()
      local body = {}
      assert(run.loop:perform(run:easy(web.https_url .. "/big", body)))
      sizes[i] = #table.concat(body)
    end)
  end
  run.loop:run()
  for i = 1, 8 do equal(web.big_size, sizes[i]) end
end)

scenario("fetches many pages at once on one connection of HTTP/2", function(run)
  local done = 0
  for i = 1, 60 do
    run.loop:spawn(function()
      local body = {}
      assert(run.loop:perform(run:easy(web.h2_url .. (i % 10 == 0 and "/big" or "/hello"), body, {
        http_version = "2",
        pipewait = true,
      })))
      equal(i % 10 == 0 and web.big_size or 6, #table.concat(body))
      done = done + 1
    end)
  end
  run.loop:run()
  equal({ 60, 1 }, { done, #run.sockets })
end)

scenario("resolves names in libcurl's threads", function(run)
  local port, done = web.url:match("%d+$"), 0
  for i = 1, 10 do
    run.loop:spawn(function()
      -- What is no address is given to the resolver, which needs no network for this.
      assert(run:perform(("http://host%d.test:%s/hello"):format(i, port), {
        connect_to = { "::127.1:" },
      }))
      done = done + 1
    end)
  end
  run.loop:run()
  equal(10, done)
end)

scenario("survives a server that refuses", function(run)
  local names = {}
  for i = 1, 20 do
    run.loop:spawn(function() names[i] = select(3, run:perform(web.refused)) end)
  end
  run.loop:spawn(function() names[21] = run:perform("/hello") end)
  run.loop:run()
  for i = 1, 20 do equal("COULDNT_CONNECT", names[i]) end
  equal(true, names[21])
end)

-- Three addresses, none of which takes the connection: how it failed, and what it took.
local function try_three(run, options)
  local start = curl.now()
  local port = web.refused:match("%d+$")
  options.resolve = { ("several.test:%s:127.0.0.1,127.0.0.2,127.0.0.3"):format(port) }
  local _, message, name = run:perform("http://several.test:" .. port, options)
  equal("COULDNT_CONNECT", name)
  return curl.now() - start, message
end

scenario("tries the next address at once when one is refused", function(run)
  run.loop:spawn(function()
    local time = try_three(run, {})
    assert(time < 0.15 * process.patience, time)
    equal(3, #run.sockets)
    local asked = 0
    local guarded, message = try_three(run, {
      opensocketfunction = function()
        asked = asked + 1
        return nil, "guard"
      end,
    })
    assert(guarded < 0.15 * process.patience, guarded)
    equal(3, asked)
    assert(message:find("127.0.0.3:%d+ refused: guard"), message)
  end)
  run.loop:run()
end)

scenario("gets files by passive FTP, on one control connection", function(run)
  -- Where the server is faster than the program libcurl 7.88 forgets to go on, until anything
  -- wakes the loop. This does, and has one connection.
  run.loop:spawn(function() run:perform("/slow?rate=64k") end)
  run.loop:spawn(function()
    local start = curl.now()
    for i = 1, 5 do
      local body = {}
      local easy <close> = run:easy(web.ftp .. "/hello.txt", body)
      assert(run.loop:perform(easy))
      equal("hello\n", table.concat(body))
      equal(1 + i + 1, #run.sockets)
    end
    local time = curl.now() - start
    assert(time < 5 * process.patience, time) -- vsftpd takes its time
    run.loop:close()
  end)
  run.loop:run()
end)

-- libcurl 7.87 to 8.6 forgets that it waits for the control connection while TLS begins on the
-- other: only a time limit ended that.
scenario("gets files by passive FTP over TLS, on one control connection", function(run)
  run.loop:spawn(function()
    for i = 1, 3 do
      local body, start = {}, curl.now()
      local easy <close> = run:easy(web.ftps .. "/hello.txt", body, { use_ssl = "all" })
      assert(run.loop:perform(easy))
      local time = curl.now() - start
      equal("hello\n", table.concat(body))
      equal(1 + i, #run.sockets)
      assert(time < 5 * process.patience, time)
    end
  end)
  run.loop:run()
end)

scenario("survives a server that dies in the middle", function(run)
  local names = {}
  for i = 1, 20 do
    run.loop:spawn(function()
      names[i] = select(3, run:perform(web.dying .. (i % 2 == 0 and "/close" or "/reset")))
    end)
  end
  run.loop:run()
  for i = 1, 20 do equal(i % 2 == 0 and "PARTIAL_FILE" or "RECV_ERROR", names[i]) end
end)

scenario("gives up on servers that never answer, and others go on meanwhile", function(run)
  local names, pages = {}, 0
  for i, url in ipairs { web.silent, web.dead } do
    for j = 1, 5 do
      run.loop:spawn(function()
        names[i * 10 + j] = select(3, run:perform(url, nil, (0.5 + j / 100) * process.patience))
      end)
    end
  end
  run.loop:spawn(function()
    while not next(names) do
      assert(run:perform("/hello"))
      pages = pages + 1
    end
  end)
  run.loop:run()
  for i = 1, 2 do
    for j = 1, 5 do equal("OPERATION_TIMEDOUT", names[i * 10 + j]) end
  end
  assert(pages > 1, "others waited, too")
end)

scenario("closes a connection that is parked in TLS shutdown", function(run)
  run.loop:spawn(function()
    assert(run:perform(web.https_url .. "/hello", {
      forbid_reuse = true,
      -- The server is not there to answer the end of TLS.
      writefunction = function() os.execute("kill -s STOP " .. web.pid) end,
    }))
  end)
  local ok, err = pcall(run.loop.run, run.loop)
  -- Libcurl before 8.9 does not wait for that.
  equal(curl.version_info().version_num >= 0x080900 and 0 or 1, run.sockets[1].closed)
  run.loop:close()
  os.execute("kill -s CONT " .. web.pid)
  assert(ok, err)
end)

scenario("closed with transfers in every state, ends them", function(run)
  local results = {}
  local urls = {
    web.url .. "/slow", web.https_url .. "/slow", web.h2_url .. "/slow", web.silent,
    web.silent:gsub("http", "https", 1), web.dead,
  }
  for i, url in ipairs(urls) do
    run.loop:spawn(function() results[i] = table.pack(run:perform(url)) end)
  end
  equal(true, run:perform("/slow?rate=20m"))
  run.loop:close()
  run.host.run(run.loop)
  for i = 1, #urls do equal({ nil, "the loop was closed", "CLOSED", n = 3 }, results[i]) end
  assert(#run.sockets >= #urls)
end)

scenario("is run by its host's own means, which end when no transfer is left", function(run)
  local done = 0
  for _ = 1, 20 do
    run.loop:spawn(function()
      for _ = 1, 5 do
        assert(run:perform("/hello"))
        done = done + 1
      end
    end)
  end
  run.host.run(run.loop)
  equal(100, done)
  -- And once more.
  run.loop:spawn(function() equal(true, run:perform("/hello")) end)
  run.host.run(run.loop)
  equal(0, run.loop.spawned)
end)

scenario("outside a coroutine waits, and runs what else there is", function(run)
  local done = 0
  for _ = 1, 5 do
    run.loop:spawn(function()
      assert(run:perform("/hello"))
      done = done + 1
    end)
  end
  equal(true, run:perform(("/slow?rate=%dk"):format(4096 // process.patience)))
  equal(5, done)
end, { once = true })

scenario("raises what a coroutine threw by run, unchanged, and goes on", function(run)
  local failure, done = {}, 0
  for i = 1, 10 do
    run.loop:spawn(function()
      assert(run:perform("/hello"))
      if i == 3 then error(failure) end
      assert(run:perform("/hello"))
      done = done + 1
    end)
  end
  local ok, err = pcall(run.loop.run, run.loop)
  equal({ false, true }, { ok, rawequal(err, failure) })
  run.loop:run()
  equal(9, done)
end, { once = true })

scenario("raises what a coroutine threw at once by run, too", function(run)
  local failure = {}
  run.loop:spawn(function() error(failure) end)
  local ok, err = pcall(run.loop.run, run.loop)
  equal({ false, true }, { ok, rawequal(err, failure) })
  run.loop:run()
end, { once = true })

scenario("raises what a close callback threw by run", function(run)
  local failure, ok = {}, nil
  run.loop:spawn(function()
    local easy = curl.easy { url = web.url .. "/close", proxy = "", writefunction = {} }
    easy:setopt("closesocketfunction", function() error(failure) end)
    ok = run.loop:perform(easy)
  end)
  local ran, err = pcall(run.loop.run, run.loop)
  equal({ false, true }, { ran, rawequal(err, failure) })
  run.loop:run()
  equal(true, ok)
end, { once = true })

scenario("goes on when its watch hook has failed once", function(run)
  -- (The own loop without pollfd performs: libcurl 8.13 tells it of no descriptors then.)
  local hooks, failed, called = run.loop.hooks, 0, 0
  local watch = hooks.watch
  function hooks.watch()
    hooks.watch, called = watch, 1
    error("EMFILE", 0)
  end
  local function check(ok, err)
    if ok then return end
    equal("EMFILE", err)
    failed = failed + 1
  end
  local done = 0
  for _ = 1, 3 do
    run.loop:spawn(function()
      check(pcall(run.perform, run, "/hello"))
      equal(true, run:perform("/hello", nil, 20))
      done = done + 1
    end)
  end
  for _ = 1, 3 do check(pcall(run.loop.run, run.loop)) end
  equal({ 3, called }, { done, failed })
  equal(true, run:perform("/hello"))
end)

scenario("gives a callback's error to the coroutine of its transfer alone", function(run)
  local failure, caught = {}, nil
  run.loop:spawn(function()
    local ok, err = pcall(run.perform, run, "/hello", {
      writefunction = function() error(failure) end,
    })
    caught = { ok, rawequal(err, failure) }
  end)
  local other
  run.loop:spawn(function() other = run:perform("/slow?rate=20m") end)
  run.loop:run()
  equal({ { false, true }, true }, { caught, other })
end, { once = true })

scenario("is closed by one of its coroutines", function(run)
  local result
  run.loop:spawn(function() result = table.pack(run:perform("/slow")) end)
  run.loop:spawn(function()
    assert(run:perform("/hello"))
    run.loop:close()
  end)
  run.loop:run()
  equal({ nil, "the loop was closed", "CLOSED", n = 3 }, result)
end, { once = true })

scenario("cancels the transfer of a coroutine that is closed", function(run)
  local co, begun, done
  run.loop:spawn(function()
    co = coroutine.running()
    run:perform("/slow", { headerfunction = function() begun = true end })
  end)
  run.loop:spawn(function()
    repeat assert(run:perform("/hello")) until begun
    equal(true, coroutine.close(co))
    co = nil
    collectgarbage()
    collectgarbage()
    local open = 0
    for _, socket in ipairs(run.sockets) do open = open + 1 - socket.closed end
    equal(1, open)
    assert(run:perform("/hello"))
    done = true
  end)
  run.loop:run()
  equal({ true, 0 }, { done, run.loop.spawned })
  -- The coroutine is the controller's, which learns nothing of its end.
  if run.host.controller then run.host.controller = nil end
end, { once = true })

scenario("waits for what was spawned, whatever it waits for", function(run)
  local done
  run.loop:spawn(function()
    assert(run:perform("/hello"))
    run.host.sleep(0.05)
    assert(run:perform("/hello"))
    run.host.sleep(0.05)
    done = true
  end)
  run.loop:run()
  equal({ true, 0 }, { done, run.loop.spawned })
end, { only = "luv cqueues", once = true })

scenario("lets its host's timers go on beside", function(run)
  local ticks, going = 0, true
  run.loop:spawn(function()
    while going do
      run.host.sleep(0.01)
      ticks = ticks + 1
    end
  end)
  local co
  run.loop:spawn(function()
    co = coroutine.running()
    equal(true, run:perform(("/slow?rate=%dk"):format(4096 // process.patience)))
    going = false
  end)
  run.loop:run()
  equal("dead", coroutine.status(co))
  assert(ticks >= 5, ticks)
end, { only = "luv cqueues" })

scenario("stays awake between the transfers of what was spawned", function(run)
  local watch, told = run.loop.hooks.watch, {}
  function run.loop.hooks.watch(fd, events)
    told[#told + 1] = events or "no longer"
    watch(fd, events)
  end
  run.loop:spawn(function()
    for _ = 1, 5 do assert(run:perform("/hello")) end
  end)
  run.loop:run()
  equal({ "r", "no longer" }, told)
end, { pollfd = true })

-- ---- dropped ----------------------------------------------------------------------------------

scenario("is collected when it rests, with its connections", function(run)
  run.loop = nil
  local weak = setmetatable({}, { __mode = "v" })
  do
    local loop = run.new()
    weak.loop = loop
    local easy = run:easy("/hello")
    loop:spawn(function() equal(true, loop:perform(easy)) end)
    loop:run()
  end
  run.host.left()
  left.gc()
  equal(nil, weak.loop)
  equal(1, #run.sockets)
end)

scenario("is collected with transfers that run, and its watchers", function(run)
  run.loop = nil
  local weak = setmetatable({}, { __mode = "v" })
  do
    local loop = run.new()
    weak.loop = loop
    local easy, other = run:easy("/slow"), run:easy("/hello")
    loop:spawn(function() loop:perform(easy) end)
    loop:spawn(function() equal(true, loop:perform(other)) end)
    local begun
    easy:setopt("headerfunction", function() begun = true end)
    while not begun do loop.hooks.turn() end
  end
  run.host.controller = nil
  left.gc()
  equal(nil, weak.loop)
  equal(2, #run.sockets)
end, { only = "loop select cqueues" })

scenario("is kept by its host while transfers run, and collected then", function(run)
  run.loop = nil
  local weak = setmetatable({}, { __mode = "v" })
  local done
  do
    local loop = run.new()
    weak.loop = loop
    loop:spawn(function() done = loop:perform(run:easy("/slow?rate=8m")) end)
  end
  left.gc()
  run.host.run()
  equal(true, done)
  run.host.left()
  left.gc()
  equal(nil, weak.loop)
end, { only = "luv" })

-- ---- luv --------------------------------------------------------------------------------------

scenario("leaves no active handle in libuv while it rests", function(run)
  local uv = require "luv"
  equal(true, run:perform("/hello"))
  uv.run("nowait")
  equal(false, uv.loop_alive())
end, { only = "luv" })

-- A state that ends while a handle is being closed crashes in luv.
scenario("has closed its handles when it was closed, or its last coroutine was", function(run)
  local uv = require "luv"
  local function handles()
    local found = {}
    uv.walk(function(handle) found[#found + 1] = tostring(handle) end)
    return table.concat(found, ", ")
  end
  local co = coroutine.create(function() run:perform("/slow") end)
  assert(coroutine.resume(co))
  assert(run:perform("/hello"))
  assert(handles() ~= "")
  equal(true, coroutine.close(co))
  equal("", handles())
  run.loop:spawn(function() run:perform("/slow") end)
  assert(run:perform("/hello"))
  run.loop:close()
  equal("", handles())
end, { only = "luv" })

scenario("stops uv.run for an error, which run raises", function(run)
  local uv = require "luv"
  local failure, done = {}, nil
  run.loop:spawn(function()
    assert(run:perform("/hello"))
    error(failure)
  end)
  run.loop:spawn(function() done = run:perform("/slow?rate=8m") end)
  equal(true, uv.run())
  local ok, err = pcall(run.loop.run, run.loop)
  equal({ false, true }, { ok, rawequal(err, failure) })
  uv.run()
  equal(true, done)
end, { only = "luv", once = true })

scenario("waits in a callback of libuv that is no coroutine, for transfers alone", function(run)
  local uv = require "luv"
  local results, page = {}, nil
  local timer, other = uv.new_timer(), uv.new_timer()
  run.loop:spawn(function() page = run:perform("/hello") end)
  timer:start(1, 0, function()
    timer:close()
    other:start(1, 0, function() other:close() results[#results + 1] = "other" end)
    results[#results + 1] = run:perform("/slow?rate=10m") and page and "done"
  end)
  uv.run()
  equal({ "done", "other" }, results)
end, { only = "luv", once = true })

scenario("can be run inside a callback of libuv", function(run)
  local uv = require "luv"
  local timer, page = uv.new_timer(), nil
  timer:start(1, 0, function()
    timer:close()
    run.loop:spawn(function() page = run:perform("/hello") end)
    run.loop:run()
    equal(true, page)
  end)
  uv.run()
  equal(true, page)
end, { only = "luv", once = true })

-- ---- cqueues ----------------------------------------------------------------------------------

scenario("waits in coroutines of its controller, whoever made them", function(run)
  local cqueues = require "cqueues"
  local pages, ticks, going = 0, 0, 3
  for _ = 1, 3 do
    run.host.controller:wrap(function()
      for _ = 1, 5 do
        equal(true, run:perform("/hello"))
        pages = pages + 1
      end
      equal(true, run:perform("/slow?rate=10m"))
      going = going - 1
    end)
  end
  run.host.controller:wrap(function()
    while going > 0 do
      cqueues.sleep(0.01)
      ticks = ticks + 1
    end
  end)
  assert(run.host.controller:loop())
  equal(15, pages)
  assert(ticks >= 3, ticks)
end, { only = "cqueues", once = true })

scenario("steps its controller in a coroutine of another, which goes on", function(run)
  local cqueues = require "cqueues"
  local outer, ticks, result = cqueues.new(), 0, nil
  outer:wrap(function() result = run:perform("/slow?rate=8m") end)
  outer:wrap(function()
    while result == nil do
      cqueues.sleep(0.01)
      ticks = ticks + 1
    end
  end)
  assert(outer:loop())
  equal(true, result)
  assert(ticks >= 3, ticks)
end, { only = "cqueues", once = true })

scenario("has its controller's loop return an error, and go on", function(run)
  local failure, done = {}, nil
  run.loop:spawn(function()
    assert(run:perform("/hello"))
    error(failure)
  end)
  run.loop:spawn(function() done = run:perform("/slow?rate=8m") end)
  local ok, err = run.host.controller:loop()
  equal({ false, true }, { ok, rawequal(err, failure) })
  assert(run.host.controller:loop())
  equal(true, done)
end, { only = "cqueues", once = true })

scenario("goes on when a close callback's error has come out of its controller", function(run)
  local failure, results = {}, {}
  for i = 1, 5 do
    run.loop:spawn(function()
      local easy = curl.easy { url = web.url .. "/close", proxy = "", writefunction = {} }
      if i == 3 then easy:setopt("closesocketfunction", function() error(failure) end) end
      results[i] = run.loop:perform(easy)
    end)
  end
  local ok, err = run.host.controller:loop()
  equal({ false, true }, { ok, rawequal(err, failure) })
  assert(run.host.controller:loop())
  equal({ true, true, true, true, true }, results)
end, { only = "cqueues" })

-- ---- select -----------------------------------------------------------------------------------

scenario("passes on the program's own sockets by loop:select, as socket.select does", function(run)
  local socket = require "socket"
  local server = assert(socket.bind("127.0.0.1", 0))
  local host, port = server:getsockname()
  local client = assert(socket.connect(host, port))
  local peer = assert(server:accept())
  local done, lines = nil, 0
  run.loop:spawn(function() done = run:perform("/slow?rate=8m") end)
  local calls, meanwhile = 0, 0
  while not done or lines <= 100 do
    calls = calls + 1
    local readable, writable = run.loop:select({ peer, server }, { client })
    for _, object in ipairs(writable) do
      equal({ client, 1 }, { object, writable[client] })
      assert(client:send("line\n"))
    end
    for _, object in ipairs(readable) do
      equal({ peer, 1 }, { object, readable[peer] })
      equal("line", peer:receive())
      lines = lines + 1
    end
    if not done then meanwhile = lines end
  end
  equal(true, done)
  assert(meanwhile > 0 and calls > 100, calls)
  equal({ {}, {}, "timeout" }, { run.loop:select({ server }, nil, 0.01) })
  local second = assert(socket.connect(host, port))
  equal({ { server }, {} }, { run.loop:select({ server }, nil, 5) })
  for _, object in ipairs { server, client, peer, second } do object:close() end
end, { only = "select", once = true })

-- As scenarios.add, for scenarios of that group.
function scenarios.group(name)
  return function(title, f, options)
    options = options or {}
    options.group = name
    scenarios.add(title, f, options)
  end
end

-- That f(...) raises an error with that text in it, which is returned.
function scenarios.raises(text, f, ...)
  local ok, err = pcall(f, ...)
  if ok or not tostring(err):find(text, 1, true) then
    error(("expected an error '%s', got %s"):format(text, tostring(err)), 2)
  end
  return err
end

return scenarios
