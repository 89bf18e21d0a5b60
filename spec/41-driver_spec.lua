-- The driver that all loops have in common (curlsock.driver), with hooks that are made by hand
-- on socket.select: as it is where multi:pollfd exists, and where each of libcurl's descriptors
-- is watched by itself ("raw").

local curl = require "curlsock"
local driver = require "curlsock.driver"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

local version = curl.version_info().version_num
local web

-- The loop of a test: a driver, and what its hooks were told.
--   watched   descriptor -> events       log     "watch r", "unwatch", "timer", "no timer"
local function new_loop(raw, options)
  local host, due = { watched = {}, log = {} }, nil
  local hooks = {}

  local function told(text)
    host.log[#host.log + 1] = text
  end

  function hooks.watch(fd, events)
    assert(events or host.watched[fd] or host.failed, "what is not watched is unwatched")
    host.watched[fd] = events
    told(events and "watch " .. events or "unwatch")
  end

  function hooks.timer(seconds)
    due = seconds and curl.now() + seconds
    told(seconds and "timer" or "no timer")
  end

  function hooks.turn()
    local seconds = due and math.max(0, due - curl.now()) or 5
    local ready = loops.wait(host.watched, seconds)
    assert(due or #ready > 0, "nothing happens any more")
    for _, event in ipairs(ready) do host.driver:on_event(table.unpack(event)) end
    if due and due <= curl.now() then
      due = nil
      host.driver:on_timer()
    end
  end

  host.hooks = hooks
  local function new() return driver.new(hooks, options) end
  host.driver = raw and loops.raw(new) or not raw and new()
  return host.driver, host
end

local function url_of(path)
  return path:find("^%a+://") and path or web.url .. path
end

-- An easy for a path of the web server, or a URL; its body is in list, if there is one. Its
-- sockets are counted in counts, if there is one: opened, closed.
local function new_easy(path, list, counts)
  local easy = curl.easy { url = url_of(path), proxy = "", timeout = 20 }
  easy:setopt("writefunction", list or {})
  if counts then
    counts.opened, counts.closed = counts.opened or 0, counts.closed or 0
    easy:setopt {
      opensocketfunction = function()
        counts.opened = counts.opened + 1
        return true
      end,
      closesocketfunction = function()
        counts.closed = counts.closed + 1
      end,
    }
  end
  return easy
end

local function times(n, value)
  local list = {}
  for i = 1, n do list[i] = value end
  return list
end

local never

-- The URL of a server that accepts connections, and never answers.
local function silent()
  never = never or servers.script [[
    local server, socket = ...
    local kept = {}
    while true do kept[#kept + 1] = server:accept() end
  ]]
  return never.url
end

-- Runs the loop until n transfers have ended, whose results it gets all in one step.
local function end_together(loop, n)
  local kept = 0
  local real = debug.getmetatable(loop.multi).__index.results
  local all = {}
  loops.with_method("results", function(multi, list)
    local now = {}
    local more = real(multi, now)
    for i = 1, 3 * more do all[3 * kept + i] = now[i] end
    kept = kept + more
    if kept < n then return 0 end
    table.move(all, 1, 3 * n + 1, 1, list)
    return n
  end, function()
    while kept < n do loop.hooks.turn() end
  end)
end

setup(function()
  web = servers.nginx()
end)

-- What must hold in both ways.
local function describe_driver(raw)
  describe("perform", function()
    it("waits in its coroutine, and returns what easy:perform returns", function()
      local loop = new_loop(raw)
      local body, results = {}, {}
      loop:spawn(function()
        results[1] = table.pack(loop:perform(new_easy("/hello", body)))
        local port = servers.free_port()
        results[2] = table.pack(loop:perform(new_easy(("http://127.0.0.1:%d/"):format(port))))
      end)
      assert.same({}, results)
      loop:run()
      assert.same({ true, n = 1 }, results[1])
      assert.equal("hello\n", table.concat(body))
      assert.same({ 3, nil, "COULDNT_CONNECT" }, { results[2].n, results[2][1], results[2][3] })
      assert.matches("^Failed to connect to 127.0.0.1", results[2][2])
      loop:close()
    end)

    it("outside a coroutine runs the loop meanwhile", function()
      local loop = new_loop(raw)
      local slow, order = {}, {}
      loop:spawn(function()
        assert(loop:perform(new_easy("/hello")))
        order[1] = "hello"
      end)
      assert.same({ true, n = 1 }, table.pack(loop:perform(new_easy("/slow?rate=4m", slow))))
      order[2] = "slow"
      assert.same({ "hello", "slow" }, order)
      assert.equal(web.big, table.concat(slow))
      loop:close()
    end)

    it("gives each of many coroutines its own body", function()
      local loop, counts = new_loop(raw), {}
      local bodies = {}
      for i = 1, 60 do
        loop:spawn(function()
          local body = {}
          assert(loop:perform(new_easy(i % 3 == 0 and "/big" or "/hello", body, counts)))
          bodies[i] = table.concat(body)
        end)
      end
      loop:run()
      for i = 1, 60 do assert.equal(i % 3 == 0 and web.big or "hello\n", bodies[i]) end
      loop:close()
      assert.truthy(counts.opened > 1)
      assert.equal(counts.opened, counts.closed)
    end)

    it("can be repeated with the same easy, whose connection is kept", function()
      local loop, counts = new_loop(raw), {}
      local easy = new_easy("/hello", {}, counts)
      for _ = 1, 3 do assert.is_true(loop:perform(easy)) end
      assert.equal(1, counts.opened)
      loop:close()
      assert.equal(1, counts.closed)
      assert.is_true(easy:perform())
      easy:close()
    end)

    it("raises what a callback of its transfer threw, in its coroutine", function()
      local loop = new_loop(raw)
      local failure, caught, other = {}, nil, nil
      loop:spawn(function()
        local easy = new_easy("/hello"):setopt("writefunction", function() error(failure) end)
        caught = table.pack(pcall(loop.perform, loop, easy))
      end)
      loop:spawn(function() other = loop:perform(new_easy("/hello")) end)
      loop:run()
      assert.same({ false, 2 }, { caught[1], caught.n })
      assert.is_true(rawequal(failure, caught[2]))
      assert.is_true(other)
      loop:close()
    end)

    it("throws for what cannot be performed, and nothing is left of it", function()
      local loop, host = new_loop(raw)
      local closed, busy = new_easy("/hello"), new_easy("/slow")
      closed:close()
      assert.error_matches(function() loop:perform(closed) end, "easy is closed")
      assert.error_matches(function() loop:perform(nil) end, "curlsock.easy expected")
      loop:spawn(loop.perform, loop, busy)
      assert.error_matches(function() loop:perform(busy) end, "in a multi already")
      assert.is_true(loop:perform(new_easy("/hello")))
      loop:close()
      assert.same({}, host.watched)
    end)

    it("takes a time limit in seconds, which becomes the easy's", function()
      local loop, counts = new_loop(raw), {}
      local easy = new_easy(silent(), {}, counts)
      for _ = 1, 2 do
        local start = curl.now()
        local ok, _, name = loop:perform(easy, 0.15)
        local time = curl.now() - start
        assert.same({ nil, "OPERATION_TIMEDOUT" }, { ok, name })
        assert.truthy(time >= 0.149 and time < 1.5, time)
      end
      assert.same({ opened = 2, closed = 2 }, counts)
      local ok, _, name = easy:perform()
      assert.same({ nil, "OPERATION_TIMEDOUT" }, { ok, name })
      loop:close()
    end)

    it("keeps its time also while libcurl waits for a free connection", function()
      local loop, counts = new_loop(raw, { max_total_connections = 1 }), {}
      local results, start = {}, curl.now()
      loop:spawn(function() results[1] = loop:perform(new_easy("/slow?rate=512k", nil, counts)) end)
      for i = 2, 4 do
        loop:spawn(function()
          local ok, message, name = loop:perform(new_easy("/hello", nil, counts), 0.1 * i)
          results[i] = { ok, message, name, curl.now() - start < 1.5 * process.patience }
        end)
      end
      loop:run()
      for i = 2, 4 do
        local message = ("Operation timed out after %d milliseconds"):format(100 * i)
        assert.same({ nil, message, "OPERATION_TIMEDOUT", true }, results[i])
      end
      assert.is_true(results[1])
      assert.same({ opened = 1, closed = 0 }, counts)
      assert.is_true(loop:perform(new_easy("/hello"), 20))
      loop:close()
    end)

    it("keeps its time while another loop has the connection of a share", function()
      local share = curl.share { share = "connect" }
      local first = new_loop(raw, { max_host_connections = 1 })
      local second = new_loop(raw, { max_host_connections = 1 })
      local busy, start, name = {}, curl.now(), nil
      first:spawn(function()
        busy.result = first:perform(new_easy("/slow?rate=512k", busy):setopt("share", share))
      end)
      while not busy[1] do first.hooks.turn() end
      second:spawn(function()
        name = select(3, second:perform(new_easy("/hello"):setopt("share", share), 0.2))
      end)
      second:run()
      -- Where the limit is not one of the share's pool the transfer has its own connection.
      assert.truthy(name == "OPERATION_TIMEDOUT" or name == nil, name)
      assert.truthy(curl.now() - start < 2 * process.patience)
      first:run()
      assert.is_true(busy.result)
      first:close()
      second:close()
      share:close()
    end)

    it("closes also when the program has added easies of its own to the multi", function()
      local loop, counts = new_loop(raw), {}
      local own, result = new_easy(silent(), {}, counts), nil
      assert(loop.multi:add(own))
      loop:spawn(function() result = table.pack(loop:perform(new_easy(silent()))) end)
      loop:close()
      assert.same({ n = 3, nil, "the loop was closed", "CLOSED" }, result)
      own:close()
      assert.equal(counts.opened, counts.closed)
    end)

    it("keeps no easy alive whose transfer has ended", function()
      local loop = new_loop(raw)
      local easies = setmetatable({}, { __mode = "k" })
      for _ = 1, 3 do
        local easy = new_easy("/hello")
        easies[easy] = true
        assert.is_true(loop:perform(easy))
      end
      left.gc()
      assert.is_nil(next(easies))
      loop:close()
    end)

    it("has a result for each, when coroutines take turns on what succeeded and failed", function()
      local loop, seen = new_loop(raw), {}
      for i = 1, 6 do
        loop:spawn(function()
          for k = 1, 6 do
            local path = (i + k) % 3 == 0 and "/hello" or (i + k) % 3 == 1 and silent() or "/slow"
            local easy = new_easy(path)
            local seconds = path ~= "/hello" and 0.05 or nil
            local ok, _, name = loop:perform(easy, seconds)
            seen[#seen + 1] = (ok and "ok" or name) == (seconds and "OPERATION_TIMEDOUT" or "ok")
          end
        end)
      end
      loop:run()
      assert.equal(36, #seen)
      for _, right in ipairs(seen) do assert.is_true(right) end
      loop:close()
    end)

    it("names itself in what it refuses", function()
      local loop = new_loop(raw)
      local closed = curl.easy()
      closed:close()
      for text, easy in pairs {
        ["perform: curlsock.easy expected, got number"] = 5,
        ["perform: curlsock.easy expected, got userdata"] = curl.share(),
        ["perform: the easy is closed"] = closed,
      } do
        assert.error_matches(function() loop:perform(easy) end, text .. "$")
      end
      loop:close()
    end)

    it("blocks in a coroutine that cannot yield there", function()
      local loop = new_loop(raw)
      local text
      loop:spawn(function()
        text = ("x"):gsub("x", function() return tostring(loop:perform(new_easy("/hello"))) end)
      end)
      assert.equal("true", text)
      loop:close()
    end)

    it("goes on waiting when somebody else resumes its coroutine", function()
      local loop = new_loop(raw)
      local result
      local co = coroutine.create(function() result = loop:perform(new_easy("/hello")) end)
      for _ = 1, 3 do assert.is_true(coroutine.resume(co)) end
      assert.is_nil(result)
      loop:run()
      assert.is_true(result)
      assert.equal("dead", coroutine.status(co))
      loop:close()
    end)

    it("is refused inside a callback of the same loop, whose transfer that ends", function()
      local loop = new_loop(raw)
      local other = new_easy("/hello")
      local easy = new_easy("/hello"):setopt("writefunction", function() loop:perform(other) end)
      local ok, err = pcall(loop.perform, loop, easy)
      assert.is_false(ok)
      assert.matches("perform is not allowed inside a callback", err, 1, true)
      assert.is_true(loop:perform(other))
      loop:close()
    end)

    it("is a whole transfer inside a callback of another loop", function()
      local loop, inner = new_loop(raw), new_loop(raw)
      local results = {}
      loop:spawn(function()
        local easy = new_easy("/hello"):setopt("writefunction", function()
          results[#results + 1] = inner:perform(new_easy("/hello"))
        end)
        local ok = loop:perform(easy)
        results[#results + 1] = ok
      end)
      loop:run()
      assert.same({ true, true }, results)
      inner:close()
      loop:close()
    end)

    it("cannot be used on a closed loop", function()
      local loop = new_loop(raw)
      loop:close()
      assert.error_matches(function() loop:perform(new_easy("/hello")) end,
        "perform: the loop is closed$")
    end)
  end)

  describe("spawn", function()
    it("takes what can be called, and nothing else", function()
      local loop, called = new_loop(raw), nil
      for _, wrong in pairs { 5, "print", {}, setmetatable({}, {}), coroutine.create(print) } do
        assert.error_matches(function() loop:spawn(wrong) end, "spawn: function expected, got ")
      end
      assert.error_matches(function() loop:spawn() end, "spawn: function expected, got nil$")
      loop:spawn(setmetatable({}, { __call = function(_, x) called = x end }), 3)
      loop:run()
      assert.same({ 3, 0 }, { called, loop.spawned })
      loop:close()
    end)

    it("passes arguments on", function()
      local loop = new_loop(raw)
      local got
      loop:spawn(function(...) got = table.pack(...) end, 1, nil, 3, nil)
      loop:run()
      assert.same({ 1, nil, 3, nil, n = 4 }, got)
      loop:close()
    end)

    it("works inside spawned coroutines, before and after transfers", function()
      local loop = new_loop(raw)
      local done = 0
      local function work(depth)
        assert(loop:perform(new_easy("/hello")))
        done = done + 1
        if depth > 0 then
          loop:spawn(work, depth - 1)
          loop:spawn(work, depth - 1)
        end
        assert(loop:perform(new_easy("/hello")))
        done = done + 1
      end
      loop:spawn(work, 4)
      loop:run()
      assert.equal(2 * 31, done)
      loop:close()
    end)

    it("does not keep run waiting for what waits for something else", function()
      local loop = new_loop(raw)
      local co
      loop:spawn(function()
        co = coroutine.running()
        assert(loop:perform(new_easy("/hello")))
        assert.equal("something else", coroutine.yield())
      end)
      loop:run()
      assert.equal("suspended", coroutine.status(co))
      assert.is_true(coroutine.resume(co, "something else"))
      assert.equal(0, loop.spawned)
      loop:close()
    end)
  end)

  describe("Closing a coroutine that waits", function()
    -- Coroutines that wait for transfers that have begun.
    local function begin(loop, counts, paths)
      local coroutines, begun, results = {}, 0, {}
      for i, path in ipairs(paths) do
        local easy = new_easy(path, nil, counts)
        easy:setopt("headerfunction", function(line)
          if line == "\r\n" then begun = begun + 1 end
        end)
        coroutines[i] = coroutine.create(function() results[i] = loop:perform(easy) end)
        assert(coroutine.resume(coroutines[i]))
      end
      while begun < #paths do loop.hooks.turn() end
      return coroutines, results
    end

    it("ends its transfer and closes its connection, at once, and no other", function()
      local loop, host = new_loop(raw)
      local counts = {}
      local coroutines, results = begin(loop, counts, times(3, "/slow?rate=1m"))
      assert.is_true(coroutine.close(coroutines[2]))
      assert.same({ opened = 3, closed = 1 }, counts)
      loop:run()
      assert.same({ [1] = true, [3] = true }, results)
      assert.same({}, host.watched)
      loop:close()
      assert.same({ opened = 3, closed = 3 }, counts)
    end)

    it("returns a connection that others use: a stream of HTTP/2", function()
      local loop, counts = new_loop(raw), {}
      local bodies, coroutines, begun = {}, {}, 0
      for i = 1, 3 do
        local rate = i == 1 and "64k" or "8m" -- the first, which is closed, is far from its end
        local easy = new_easy(web.h2_url .. "/slow?rate=" .. rate, nil, counts)
        easy:setopt { cainfo = web.ca, pipewait = true, writefunction = function(data)
          if not bodies[i] then begun = begun + 1 end
          bodies[i] = (bodies[i] or "") .. data
        end }
        coroutines[i] = coroutine.create(function() assert(loop:perform(easy)) end)
        assert(coroutine.resume(coroutines[i]))
      end
      while begun < 3 do loop.hooks.turn() end
      assert.is_true(coroutine.close(coroutines[1]))
      assert.same({ opened = 1, closed = 0 }, counts)
      loop:run()
      assert.truthy(#bodies[1] < #web.big)
      assert.same({ web.big, web.big }, { bodies[2], bodies[3] })
      loop:close()
      assert.same({ opened = 1, closed = 1 }, counts)
    end)

    it("lets the loop rest when it was the last", function()
      local loop, host = new_loop(raw)
      local coroutines = begin(loop, {}, { "/slow" })
      assert.truthy(next(host.watched))
      assert.is_true(coroutine.close(coroutines[1]))
      assert.same({}, host.watched)
      loop:run()
      loop:close()
    end)

    it("inside a callback ends its transfer when the step has ended", function()
      local loop, counts = new_loop(raw), {}
      local coroutines = begin(loop, counts, { "/slow" })
      local easy = new_easy("/hello"):setopt("writefunction", function()
        assert.is_true(coroutine.close(coroutines[1]))
        counts.at_once = counts.closed
      end)
      assert.is_true(loop:perform(easy))
      loop:run()
      assert.same({ opened = 1, closed = 1, at_once = 0 }, counts)
      loop:close()
    end)

    it("inside its own callback ends its own transfer", function()
      local loop, counts = new_loop(raw), {}
      local easy, pieces = new_easy("/slow?rate=1m", nil, counts), 0
      local co = coroutine.create(function() loop:perform(easy) end)
      easy:setopt("writefunction", function()
        pieces = pieces + 1
        assert.is_true(coroutine.close(co))
      end)
      assert(coroutine.resume(co))
      loop:run()
      assert.equal("dead", coroutine.status(co))
      assert.same({ opened = 1, closed = 1 }, counts)
      assert.truthy(pieces >= 1)
      loop:close()
    end)

    it("is nothing when its transfer has just ended, too", function()
      local loop = new_loop(raw)
      local coroutines, went_on = {}, 0
      for i = 1, 3 do
        coroutines[i] = coroutine.create(function()
          assert(loop:perform(new_easy("/hello")))
          went_on = went_on + 1
          for j = 1, 3 do
            if j ~= i then assert.is_true(coroutine.close(coroutines[j])) end
          end
        end)
        assert(coroutine.resume(coroutines[i]))
      end
      end_together(loop, 3)
      loop:run()
      assert.equal(1, went_on)
      loop:close()
    end)

    it("returns what a close callback throws", function()
      local loop = new_loop(raw)
      local failure, begun = {}, false
      local easy = new_easy("/slow"):setopt {
        closesocketfunction = function() error(failure) end,
        headerfunction = function() begun = true end,
      }
      local co = coroutine.create(function() loop:perform(easy) end)
      assert(coroutine.resume(co))
      while not begun do loop.hooks.turn() end
      local ok, err = coroutine.close(co)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      loop:close()
    end)
  end)

  describe("An error", function()
    it("of a coroutine comes out of run, unchanged, and ends nothing else", function()
      local loop = new_loop(raw)
      local failure, done = {}, 0
      for i = 1, 6 do
        loop:spawn(function()
          assert(loop:perform(new_easy("/hello")))
          if i == 2 then error(failure) end
          assert(loop:perform(new_easy("/hello")))
          done = done + 1
        end)
      end
      local ok, err = pcall(loop.run, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      assert.equal(5, done)
      loop:close()
    end)

    it("of a coroutine does not keep others from going on that have ended with it", function()
      local loop = new_loop(raw)
      local went_on = 0
      for _ = 1, 3 do
        loop:spawn(function()
          assert(loop:perform(new_easy("/hello")))
          went_on = went_on + 1
          if went_on == 1 then error("first", 0) end
        end)
      end
      local ok, err = pcall(end_together, loop, 3)
      assert.same({ false, "first", 3 }, { ok, err, went_on })
      loop:close()
    end)

    it("of a coroutine that has not waited comes out of run before others end", function()
      local loop = new_loop(raw)
      local result
      loop:spawn(function() result = loop:perform(new_easy("/slow?rate=8m")) end)
      loop:spawn(function() error("at once", 0) end)
      local ok, err = pcall(loop.run, loop)
      assert.same({ false, "at once" }, { ok, err })
      assert.is_nil(result)
      loop:run()
      assert.is_true(result)
      loop:close()
    end)

    it("of a coroutine comes out of run, also when it has not waited", function()
      local loop = new_loop(raw)
      local failure = {}
      loop:spawn(function() error(failure) end)
      local ok, err = pcall(loop.run, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      assert.equal(0, loop.spawned)
      loop:close()
    end)

    it("of a coroutine comes out of close if nobody ran the loop", function()
      local loop = new_loop(raw)
      local failure = {}
      loop:spawn(function() error(failure) end)
      local ok, err = pcall(loop.close, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      assert.is_nil(loop.multi)
    end)

    it("of a coroutine closes what that has to close", function()
      local loop = new_loop(raw)
      local closed = {}
      local function closing(name)
        return setmetatable({}, { __close = function() closed[#closed + 1] = name end })
      end
      loop:spawn(function()
        local _ <close> = closing "spawned"
        assert(loop:perform(new_easy("/hello")))
        error("first", 0)
      end)
      assert(coroutine.resume(coroutine.create(function()
        local _ <close> = closing "made by hand"
        assert(loop:perform(new_easy("/hello")))
        error("second", 0)
      end)))
      local errors = {}
      while #errors < 2 do
        local ok, err = pcall(loop.run, loop)
        if ok then break end
        errors[#errors + 1] = err
      end
      table.sort(closed)
      assert.same({ "made by hand", "spawned" }, closed)
      assert.truthy(#errors >= 1)
      loop:close()
    end)

    it("of a close callback comes out of run; the transfer has its result", function()
      local loop = new_loop(raw)
      local failure, result = {}, nil
      loop:spawn(function()
        result = loop:perform(new_easy("/hello"):setopt {
          forbid_reuse = true,
          closesocketfunction = function() error(failure) end,
        })
      end)
      local ok, err = pcall(loop.run, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      assert.is_true(result)
      loop:close()
    end)

    it("of a close callback in the removal of an ended transfer loses no other", function()
      local loop = new_loop(raw)
      local results, failures = {}, 0
      for i = 1, 4 do
        loop:spawn(function()
          -- A connection that the script asked for is closed when its easy is removed.
          results[i] = loop:perform(new_easy("/hello"):setopt {
            connect_only = true,
            closesocketfunction = function() error("closing", 0) end,
          })
        end)
      end
      for _ = 1, 5 do
        local ok, err = pcall(loop.run, loop)
        if ok then break end
        assert.equal("closing", err)
        failures = failures + 1
      end
      assert.same(times(4, true), results)
      assert.truthy(failures >= 1)
      loop:close()
    end)

    it("after the first of a step is a warning", function()
      local out, err = left.pass(([[
        warn "@on"
        local curl = require "curlsock"
        %s
        local loop = require("curlsock.loop").new()
        for _, text in ipairs { "first", "second" } do
          loop:spawn(function() error(text, 0) end)
        end
        print(pcall(loop.run, loop))
        print(pcall(loop.run, loop))
        loop:close()
      ]]):format(raw and "debug.getmetatable(curl.multi()).__index.pollfd = function() end" or ""))
      assert.equal("false\tfirst\ntrue\n", out)
      assert.equal("Lua warning: curlsock: second\n", err)
    end)

    it("of a hook that fails once, before it has done anything, does not stop the loop", function()
      for _, name in ipairs { "watch", "timer" } do
        for nth = 1, 4 do
          local loop, host = new_loop(raw)
          local real, calls, results = host.hooks[name], 0, {}
          host.hooks[name] = function(...)
            calls = calls + 1
            if calls == nth then
              host.failed = true
              error("EMFILE", 0)
            end
            real(...)
          end
          local failures = 0
          for i = 1, 3 do
            loop:spawn(function()
              for _ = 1, 2 do
                local ok, err = pcall(loop.perform, loop, new_easy("/hello"), 20)
                if not ok then assert.equal("EMFILE", err) failures = failures + 1 end
              end
              results[i] = true
            end)
          end
          for _ = 1, 3 do
            local ok, err = pcall(loop.run, loop)
            if ok then break end
            assert.equal("EMFILE", err)
            failures = failures + 1
          end
          host.hooks[name] = real
          assert.same({ true, true, true }, results)
          assert.equal(calls >= nth and 1 or 0, failures)
          assert.is_true(loop:perform(new_easy("/hello")))
          loop:close()
          assert.same({}, host.watched)
        end
      end
    end)

    it("of the wait itself comes out of step", function()
      local loop = new_loop(raw)
      loop:spawn(function() loop:perform(new_easy("/slow")) end)
      loops.with_method("poll", function() return nil, "poll: Invalid argument", "EINVAL" end,
        function()
          local ok, err = pcall(loop.step, loop)
          assert.same({ false, "poll: Invalid argument" }, { ok, err })
        end)
      loop:close()
    end)

    it("of the watch hook comes out of perform, and nothing is left of the transfer", function()
      local loop, host = new_loop(raw)
      local watch = host.hooks.watch
      local failure = {}
      host.hooks.watch = function(...)
        watch(...)
        host.hooks.watch = watch
        error(failure)
      end
      local ok, err = pcall(loop.perform, loop, new_easy("/hello"))
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      assert.is_true(loop:perform(new_easy("/hello")))
      assert.same({}, host.watched)
      loop:close()
    end)
  end)

  describe("close", function()
    it("gives transfers that run nil, a message and CLOSED, and closes all", function()
      local loop, host = new_loop(raw)
      local counts, results = {}, {}
      for i = 1, 3 do
        loop:spawn(function()
          results[i] = table.pack(loop:perform(new_easy("/slow", nil, counts)))
        end)
      end
      assert.is_true(loop:perform(new_easy("/hello", nil, counts)))
      assert.same({}, results)
      loop:close()
      for i = 1, 3 do
        assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, results[i])
      end
      assert.same({ opened = 4, closed = 4 }, counts)
      assert.same({}, host.watched)
      assert.is_nil(host.log[#host.log]:match("^timer"))
      assert.equal(0, loop.spawned)
    end)

    it("is possible in a coroutine, and ends run", function()
      local loop = new_loop(raw)
      local result
      loop:spawn(function() result = table.pack(loop:perform(new_easy("/slow"))) end)
      loop:spawn(function()
        assert(loop:perform(new_easy("/hello")))
        loop:close()
      end)
      loop:run()
      assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, result)
    end)

    it("ends a perform that blocks", function()
      local loop = new_loop(raw)
      loop:spawn(function()
        assert(loop:perform(new_easy("/hello")))
        loop:close()
      end)
      assert.same({ nil, "the loop was closed", "CLOSED", n = 3 },
        table.pack(loop:perform(new_easy("/slow"))))
    end)

    it("can be repeated; run, events and time do nothing afterwards", function()
      local loop = new_loop(raw)
      loop:close()
      loop:close()
      loop:run()
      loop:on_event(7, "r")
      loop:on_timer()
    end)

    it("is refused inside a callback, and changes nothing there", function()
      local loop, host = new_loop(raw)
      local errors, body = {}, {}
      local easy = new_easy("/hello"):setopt("writefunction", function(data)
        body[#body + 1] = data
        errors[#errors + 1] = select(2, pcall(loop.close, loop))
      end)
      assert.is_true(loop:perform(easy))
      assert.equal("hello\n", table.concat(body))
      assert.matches("close is not allowed inside a callback", errors[1], 1, true)
      assert.is_true(loop:perform(new_easy("/hello")))
      loop:close()
      assert.same({}, host.watched)
    end)

    it("raises what a close callback throws, after all is done", function()
      local loop, host = new_loop(raw)
      local failure, result = {}, nil
      loop:spawn(function() result = table.pack(loop:perform(new_easy("/slow"))) end)
      assert.is_true(loop:perform(new_easy("/hello"):setopt("closesocketfunction", function()
        error(failure)
      end)))
      local ok, err = pcall(loop.close, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, result)
      assert.same({}, host.watched)
      assert.is_nil(loop.multi)
    end)

    it("runs close callbacks that find the loop closed", function()
      for name, expected in pairs {
        close = { true },
        run = { true },
        step = { true },
        perform = { false, "perform: the loop is closed" },
      } do
        local loop, host = new_loop(raw)
        local seen, result
        loop:spawn(function() result = table.pack(loop:perform(new_easy("/slow"))) end)
        assert.is_true(loop:perform(new_easy("/hello"):setopt("closesocketfunction", function()
          seen = table.pack(pcall(loop[name], loop, new_easy("/hello")))
          assert.is_nil(result)
        end)))
        loop:close()
        assert.equal(expected[1], seen[1])
        assert.matches((expected[2] or "") .. "$", seen[2] or "")
        assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, result)
        assert.same({}, host.watched)
      end
    end)

    it("resumes all that wait, whatever they throw", function()
      local loop = new_loop(raw)
      local resumed = 0
      for _ = 1, 3 do
        loop:spawn(function()
          loop:perform(new_easy("/slow"))
          resumed = resumed + 1
          error("resumed", 0)
        end)
      end
      local ok, err = pcall(loop.close, loop)
      assert.same({ false, "resumed", 3 }, { ok, err, resumed })
    end)

    it("is what the end of a variable's scope does", function()
      local kept
      do
        local loop <close> = new_loop(raw)
        kept = loop
      end
      assert.is_nil(kept.multi)
      -- An error that is under way stays.
      local ok, err = pcall(function()
        local loop <close> = new_loop(raw)
        loop:spawn(function() error("spawned", 0) end)
        error("under way", 0)
      end)
      assert.same({ false, "under way" }, { ok, err })
      -- Without one its own comes out.
      ok, err = pcall(function()
        local loop <close> = new_loop(raw)
        loop:spawn(function() error("spawned", 0) end)
      end)
      assert.same({ false, "spawned" }, { ok, err })
    end)
  end)

  describe("A loop that is dropped", function()
    it("while transfers run is collected: nothing stays watched or open", function()
      local counts = {}
      local watched, log
      do
        local loop, host = new_loop(raw)
        watched, log = host.watched, host.log
        loop:spawn(function() loop:perform(new_easy("/slow", nil, counts)) end)
        assert.is_true(loop:perform(new_easy("/hello")))
      end
      assert.truthy(next(watched))
      left.gc()
      assert.same({}, watched)
      assert.same({ opened = 1, closed = 1 }, counts)
      assert.is_nil(log[#log]:match("^timer"))
    end)

    it("while it rests is collected, and its hooks are told nothing", function()
      local counts = {}
      local log
      do
        local loop, host = new_loop(raw)
        log = host.log
        assert.is_true(loop:perform(new_easy("/hello", nil, counts)))
      end
      local told = #log
      left.gc()
      assert.same({ opened = 1, closed = 1 }, counts)
      assert.equal(told, #log)
    end)
  end)

  describe("An event", function()
    -- The descriptors for which libcurl is called while f runs.
    local function seen_by_libcurl(f)
      local seen = {}
      local real
      do
        local multi <close> = curl.multi()
        real = debug.getmetatable(multi).__index.socket_action
      end
      loops.with_method("socket_action", function(multi, fd, ...)
        seen[#seen + 1] = fd or "timer"
        return real(multi, fd, ...)
      end, f)
      return seen
    end

    it("for what is not watched, or not any more, is dropped before libcurl", function()
      local loop = new_loop(raw)
      local fds = {}
      local easy = new_easy("/close"):setopt("opensocketfunction", function(_, address)
        local socket = address:socket()
        fds[#fds + 1] = socket:fd()
        return socket
      end)
      assert.is_true(loop:perform(easy))
      assert.is_true(loop:perform(easy:setopt("url", web.url .. "/hello")))
      assert.equal(2, #fds)
      for _, fd in ipairs { fds[1], fds[2], 0, 123456 } do
        for _, events in ipairs { "r", "w", "rw", "e" } do
          assert.same({}, seen_by_libcurl(function() loop:on_event(fd, events) end))
        end
      end
      loop:close()
    end)

    it("that is late, after the loop was closed, is dropped", function()
      local loop, host = new_loop(raw)
      loop:spawn(function() loop:perform(new_easy("/slow")) end)
      assert.is_true(loop:perform(new_easy("/hello")))
      local fds = {}
      for fd in pairs(host.watched) do fds[#fds + 1] = fd end
      assert.truthy(#fds >= 1)
      loop:close()
      assert.same({}, seen_by_libcurl(function()
        for _, fd in ipairs(fds) do loop:on_event(fd, "r") end
        loop:on_timer()
      end))
    end)

    it("that is spurious, or an error, is harmless", function()
      local loop, host = new_loop(raw)
      local counts, body, result = {}, {}, nil
      loop:spawn(function()
        result = table.pack(loop:perform(new_easy("/slow?rate=4m", body, counts)))
      end)
      for _ = 1, 20 do
        for fd in pairs(host.watched) do
          for _, events in ipairs { "r", "w", "rw" } do loop:on_event(fd, events) end
        end
        loop:on_timer()
      end
      loop:run()
      assert.same({ true, n = 1 }, result)
      assert.equal(web.big, table.concat(body))
      loop:spawn(function() loop:perform(new_easy("/slow", nil, counts)) end)
      loop:on_timer()
      for fd in pairs(host.watched) do loop:on_event(fd, "e") end
      loop:close()
      assert.equal(counts.opened, counts.closed)
    end)

    it("inside a hook is refused, and ends no transfer", function()
      local loop, host = new_loop(raw)
      local errors = {}
      for _, name in ipairs { "watch", "timer" } do
        local real = host.hooks[name]
        host.hooks[name] = function(...)
          real(...)
          if not curl.inside(loop.multi) then return end
          errors[#errors + 1] = select(2, pcall(loop.on_timer, loop))
        end
      end
      assert.is_true(loop:perform(new_easy("/hello")))
      -- The one descriptor of pollfd is not told inside libcurl.
      assert.equal(raw, #errors > 0)
      for _, err in ipairs(errors) do
        assert.equal("on_timer: the loop cannot go on inside a callback of a transfer", err)
      end
      loop:close()
    end)
  end)

  it("A loop can be run by events alone", function()
    local loop, host = new_loop(raw)
    local done = 0
    for _ = 1, 10 do
      loop:spawn(function()
        assert(loop:perform(new_easy("/hello")))
        done = done + 1
      end)
    end
    while next(host.watched) or done < 10 do host.hooks.turn() end
    assert.equal(10, done)
    loop:close()
  end)

  it("A step that has no transfer to wait for does not wait", function()
    local loop, start = new_loop(raw), curl.now()
    loop:step()
    assert.is_true(loop:perform(new_easy("/hello")))
    loop:step()
    assert.is_true(curl.now() - start < 10)
    loop:close()
  end)

  it("Options are the multi's", function()
    local loop, counts = new_loop(raw, { max_total_connections = 1 }), {}
    for _ = 1, 5 do
      loop:spawn(function() assert(loop:perform(new_easy("/hello", nil, counts))) end)
    end
    loop:run()
    assert.equal(1, counts.opened)
    loop:close()
    assert.error_matches(function() new_loop(raw, { no_such_option = 1 }) end,
      "unknown multi option")
  end)
end

local describe_pollfd = system.linux and describe or function() end

describe_pollfd("With pollfd:", function()
  describe_driver(false)

  it("one descriptor is watched, while transfers run, and no timer", function()
    local loop, host = new_loop(false)
    assert.same({}, host.log)
    for round = 1, 2 do
      assert.is_true(loop:perform(new_easy("/hello")))
      assert.is_true(loop:perform(new_easy(web.https_url .. "/hello"):setopt("cainfo", web.ca)))
      assert.equal(4 * round, #host.log)
    end
    loop:spawn(function() loop:perform(new_easy("/slow")) end)
    loop:spawn(function() loop:perform(new_easy("/slow")) end)
    assert.is_true(loop:perform(new_easy("/hello")))
    loop:close()
    assert.same({
      "watch r", "unwatch", "watch r", "unwatch", "watch r", "unwatch", "watch r", "unwatch",
      "watch r", "unwatch",
    }, host.log)
  end)
end)

describe("Without pollfd:", function()
  describe_driver(true)

  it("sockets and the timer are watched, while transfers run", function()
    local loop, host = new_loop(true)
    assert.is_true(loop:perform(new_easy("/hello")))
    local count = {}
    for _, text in ipairs(host.log) do count[text] = (count[text] or 0) + 1 end
    assert.same({ 1, "timer" }, { count["watch w"], host.log[1] })
    assert.matches("^watch", host.log[2])
    -- Since 8.20 libcurl's own wakeup descriptor is watched, too.
    assert.equal(version >= 0x081400 and 2 or 1, count["unwatch"])
    assert.equal("no timer", host.log[#host.log])
    loop:close()
  end)

  it("an error of the timer hook comes out of perform, whose transfer is let go", function()
    local loop, host = new_loop(true)
    local failure, result = {}, nil
    loop:spawn(function() result = loop:perform(new_easy("/slow?rate=8m")) end)
    local timer = host.hooks.timer
    host.hooks.timer = function(...)
      timer(...)
      host.hooks.timer = timer
      error(failure)
    end
    local easy = new_easy("/hello")
    local ok, err = pcall(loop.perform, loop, easy)
    assert.is_false(ok)
    assert.is_true(rawequal(failure, err))
    loop:run()
    assert.is_true(result)
    assert.is_true(loop:perform(easy))
    loop:close()
  end)

  it("what libcurl still watches when no transfer runs is watched with the next", function()
    local loop, host = new_loop(true)
    finally(function() os.execute("kill -s CONT " .. web.pid) end)
    local easy = new_easy(web.https_url .. "/hello"):setopt {
      cainfo = web.ca,
      forbid_reuse = true,
      writefunction = function() os.execute("kill -s STOP " .. web.pid) end,
    }
    assert.is_true(loop:perform(easy))
    -- Libcurl before 8.9 does not wait for the end of TLS.
    local parked = version >= 0x080900 and 1 or 0
    assert.equal(parked, #curl.sockets())
    assert.same({}, host.watched)
    os.execute("kill -s CONT " .. web.pid)
    assert.is_true(loop:perform(new_easy("/slow?rate=8m")))
    assert.same({ "http" }, { #curl.sockets() == 1 and "http" or #curl.sockets() })
    loop:close()
  end)
end)
