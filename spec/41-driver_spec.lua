-- The driver that all loops have in common (curlsock.driver), with hooks that are made by hand
-- (spec/support/drivers.lua): as it is where multi:pollfd exists, and where each of libcurl's
-- descriptors is watched by itself ("raw").

local curl = require "curlsock"
local drivers = require "spec.support.drivers"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

local version = curl.version_info().version_num
local web, never

-- The URL of a server that accepts connections, and never answers.
local function silent()
  never = never or servers.silent()
  return never.url
end

setup(function()
  web = servers.nginx()
end)

-- What must hold in both ways.
local function describe_driver(raw)
  describe("perform", function()
    it("waits in its coroutine, and returns what easy:perform returns", function()
      local loop = drivers.new(raw)
      local body, results = {}, {}
      loop:spawn(function()
        results[1] = table.pack(loop:perform(drivers.easy("/hello", body)))
        local port = servers.free_port()
        results[2] = table.pack(loop:perform(drivers.easy(("http://127.0.0.1:%d/"):format(port))))
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
      local loop = drivers.new(raw)
      local slow, order = {}, {}
      loop:spawn(function()
        assert(loop:perform(drivers.easy("/hello")))
        order[1] = "hello"
      end)
      assert.same({ true, n = 1 }, table.pack(loop:perform(drivers.easy("/slow?rate=4m", slow))))
      order[2] = "slow"
      assert.same({ "hello", "slow" }, order)
      assert.equal(web.big, table.concat(slow))
      loop:close()
    end)

    it("gives each of many coroutines its own body", function()
      local loop, counts = drivers.new(raw), {}
      local bodies = {}
      for i = 1, 60 do
        loop:spawn(function()
          local body = {}
          assert(loop:perform(drivers.easy(i % 3 == 0 and "/big" or "/hello", body, counts)))
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
      local loop, counts = drivers.new(raw), {}
      local easy = drivers.easy("/hello", {}, counts)
      for _ = 1, 3 do assert.is_true(loop:perform(easy)) end
      assert.equal(1, counts.opened)
      loop:close()
      assert.equal(1, counts.closed)
      assert.is_true(easy:perform())
      easy:close()
    end)

    it("raises what a callback of its transfer threw, in its coroutine", function()
      local loop = drivers.new(raw)
      local failure, caught, other = {}, nil, nil
      loop:spawn(function()
        local easy = drivers.easy("/hello"):setopt("writefunction", function() error(failure) end)
        caught = table.pack(pcall(loop.perform, loop, easy))
      end)
      loop:spawn(function() other = loop:perform(drivers.easy("/hello")) end)
      loop:run()
      assert.same({ false, 2 }, { caught[1], caught.n })
      assert.is_true(rawequal(failure, caught[2]))
      assert.is_true(other)
      loop:close()
    end)

    it("throws for what cannot be performed, and nothing is left of it", function()
      local loop, host = drivers.new(raw)
      local closed, busy = drivers.easy("/hello"), drivers.easy("/slow")
      closed:close()
      assert.error_matches(function() loop:perform(closed) end, "easy is closed")
      assert.error_matches(function() loop:perform(nil) end, "curlsock.easy expected")
      loop:spawn(loop.perform, loop, busy)
      assert.error_matches(function() loop:perform(busy) end, "in a multi already")
      assert.is_true(loop:perform(drivers.easy("/hello")))
      loop:close()
      assert.same({}, host.watched)
    end)

    it("takes a time limit in seconds, each time anew", function()
      local loop, counts = drivers.new(raw), {}
      local easy = drivers.easy(silent(), {}, counts)
      for _ = 1, 2 do
        local start = curl.now()
        local ok, _, name = loop:perform(easy, 0.15)
        local time = curl.now() - start
        assert.same({ nil, "OPERATION_TIMEDOUT" }, { ok, name })
        assert.truthy(time >= 0.149 and time < 1.5, time)
      end
      assert.same({ opened = 2, closed = 2 }, counts)
      loop:close()
    end)

    it("keeps its time also while libcurl waits for a free connection", function()
      local loop, counts = drivers.new(raw, { max_total_connections = 1 }), {}
      local results, start = {}, curl.now()
      loop:spawn(function()
        results[1] = loop:perform(drivers.easy("/slow?rate=512k", nil, counts))
      end)
      for i = 2, 4 do
        loop:spawn(function()
          local ok, message, name = loop:perform(drivers.easy("/hello", nil, counts), 0.1 * i)
          results[i] = { ok, message, name, curl.now() - start < 1.5 * process.patience }
        end)
      end
      loop:run()
      for i = 2, 4 do
        local ok, message, name, soon = table.unpack(results[i], 1, 4)
        assert.same({ nil, "OPERATION_TIMEDOUT", true }, { ok, name, soon })
        -- Later libcurls notice by themselves, and say more.
        assert.truthy(message:find("^Operation timed out after %d+ milliseconds"))
      end
      assert.is_true(results[1])
      assert.same({ opened = 1, closed = 0 }, counts)
      assert.is_true(loop:perform(drivers.easy("/hello"), 20))
      loop:close()
    end)

    it("keeps its time while another loop has the connection of a share", function()
      local share = curl.share { share = "connect" }
      local first = drivers.new(raw, { max_host_connections = 1 })
      local second = drivers.new(raw, { max_host_connections = 1 })
      local busy, start, name = {}, curl.now(), nil
      first:spawn(function()
        busy.result = first:perform(drivers.easy("/slow?rate=512k", busy):setopt("share", share))
      end)
      while not busy[1] do first.hooks.turn() end
      second:spawn(function()
        name = select(3, second:perform(drivers.easy("/hello"):setopt("share", share), 0.2))
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
      local loop, counts = drivers.new(raw), {}
      local own, result = drivers.easy(silent(), {}, counts), nil
      assert(loop.multi:add(own))
      loop:spawn(function() result = table.pack(loop:perform(drivers.easy(silent()))) end)
      loop:close()
      assert.same({ n = 3, nil, "the loop was closed", "CLOSED" }, result)
      own:close()
      assert.equal(counts.opened, counts.closed)
    end)

    it("keeps no easy alive whose transfer has ended", function()
      local loop = drivers.new(raw)
      local easies = setmetatable({}, { __mode = "k" })
      for _ = 1, 3 do
        local easy = drivers.easy("/hello")
        easies[easy] = true
        assert.is_true(loop:perform(easy))
      end
      left.gc()
      assert.is_nil(next(easies))
      loop:close()
    end)

    it("has a result for each, when coroutines take turns on what succeeded and failed", function()
      local loop, seen = drivers.new(raw), {}
      for i = 1, 6 do
        loop:spawn(function()
          for k = 1, 6 do
            local path = (i + k) % 3 == 0 and "/hello" or (i + k) % 3 == 1 and silent() or "/slow"
            local easy = drivers.easy(path)
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
      local loop = drivers.new(raw)
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
      local loop = drivers.new(raw)
      local text
      loop:spawn(function()
        text = ("x"):gsub("x", function() return tostring(loop:perform(drivers.easy("/hello"))) end)
      end)
      assert.equal("true", text)
      loop:close()
    end)

    it("goes on waiting when somebody else resumes its coroutine", function()
      local loop = drivers.new(raw)
      local result
      local co = coroutine.create(function() result = loop:perform(drivers.easy("/hello")) end)
      for _ = 1, 3 do assert.is_true(coroutine.resume(co)) end
      assert.is_nil(result)
      loop:run()
      assert.is_true(result)
      assert.equal("dead", coroutine.status(co))
      loop:close()
    end)

    it("is refused inside a callback of the same loop, whose transfer that ends", function()
      local loop = drivers.new(raw)
      local other = drivers.easy("/hello")
      local easy = drivers.easy("/hello")
      easy:setopt("writefunction", function() loop:perform(other) end)
      local ok, err = pcall(loop.perform, loop, easy)
      assert.is_false(ok)
      assert.matches("perform is not allowed inside a callback", err, 1, true)
      assert.is_true(loop:perform(other))
      loop:close()
    end)

    it("is a whole transfer inside a callback of another loop", function()
      local loop, inner = drivers.new(raw), drivers.new(raw)
      local results = {}
      loop:spawn(function()
        local easy = drivers.easy("/hello"):setopt("writefunction", function()
          results[#results + 1] = inner:perform(drivers.easy("/hello"))
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
      local loop = drivers.new(raw)
      loop:close()
      assert.error_matches(function() loop:perform(drivers.easy("/hello")) end,
        "perform: the loop is closed$")
    end)
  end)

  describe("spawn", function()
    it("takes what can be called, and nothing else", function()
      local loop, called = drivers.new(raw), nil
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
      local loop = drivers.new(raw)
      local got
      loop:spawn(function(...) got = table.pack(...) end, 1, nil, 3, nil)
      loop:run()
      assert.same({ 1, nil, 3, nil, n = 4 }, got)
      loop:close()
    end)

    it("works inside spawned coroutines, before and after transfers", function()
      local loop = drivers.new(raw)
      local done = 0
      local function work(depth)
        assert(loop:perform(drivers.easy("/hello")))
        done = done + 1
        if depth > 0 then
          loop:spawn(work, depth - 1)
          loop:spawn(work, depth - 1)
        end
        assert(loop:perform(drivers.easy("/hello")))
        done = done + 1
      end
      loop:spawn(work, 4)
      loop:run()
      assert.equal(2 * 31, done)
      loop:close()
    end)

    it("does not keep run waiting for what its host lets go on", function()
      local loop = drivers.new(raw, nil, { busy = function() return false end })
      local co
      loop:spawn(function()
        co = coroutine.running()
        assert(loop:perform(drivers.easy("/hello")))
        assert.equal("something else", coroutine.yield())
      end)
      loop:run()
      assert.equal("suspended", coroutine.status(co))
      assert.is_true(coroutine.resume(co, "something else"))
      assert.equal(0, loop.spawned)
      loop:close()
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
      local loop = drivers.new(raw)
      local fds = {}
      local easy = drivers.easy("/close"):setopt("opensocketfunction", function(_, address)
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
      local loop, host = drivers.new(raw)
      loop:spawn(function() loop:perform(drivers.easy("/slow")) end)
      assert.is_true(loop:perform(drivers.easy("/hello")))
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
      local loop, host = drivers.new(raw)
      local counts, body, result = {}, {}, nil
      loop:spawn(function()
        result = table.pack(loop:perform(drivers.easy("/slow?rate=4m", body, counts)))
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
      loop:spawn(function() loop:perform(drivers.easy("/slow", nil, counts)) end)
      loop:on_timer()
      for fd in pairs(host.watched) do loop:on_event(fd, "e") end
      loop:close()
      assert.equal(counts.opened, counts.closed)
    end)

    it("inside a hook is refused, and ends no transfer", function()
      local loop, host = drivers.new(raw)
      local errors = {}
      for _, name in ipairs { "watch", "timer" } do
        local real = host.hooks[name]
        host.hooks[name] = function(...)
          real(...)
          if not curl.inside(loop.multi) then return end
          errors[#errors + 1] = select(2, pcall(loop.on_timer, loop))
        end
      end
      assert.is_true(loop:perform(drivers.easy("/hello")))
      -- The one descriptor of pollfd is not told inside libcurl.
      assert.equal(raw, #errors > 0)
      for _, err in ipairs(errors) do
        assert.equal("on_timer: the loop cannot go on inside a callback of a transfer", err)
      end
      loop:close()
    end)
  end)

  it("A loop can be run by events alone", function()
    local loop, host = drivers.new(raw)
    local done = 0
    for _ = 1, 10 do
      loop:spawn(function()
        assert(loop:perform(drivers.easy("/hello")))
        done = done + 1
      end)
    end
    while next(host.watched) or done < 10 do host.hooks.turn() end
    assert.equal(10, done)
    loop:close()
  end)

  it("A step that has no transfer to wait for does not wait", function()
    local loop, start = drivers.new(raw), curl.now()
    loop:step()
    assert.is_true(loop:perform(drivers.easy("/hello")))
    loop:step()
    assert.is_true(curl.now() - start < 10)
    loop:close()
  end)

  it("Options are the multi's", function()
    local loop, counts = drivers.new(raw, { max_total_connections = 1 }), {}
    for _ = 1, 5 do
      loop:spawn(function() assert(loop:perform(drivers.easy("/hello", nil, counts))) end)
    end
    loop:run()
    assert.equal(1, counts.opened)
    loop:close()
    assert.error_matches(function() drivers.new(raw, { no_such_option = 1 }) end,
      "unknown multi option")
  end)
end

local describe_pollfd = system.linux and describe or function() end

describe_pollfd(drivers.title(false), function()
  describe_driver(false)

  it("one descriptor is watched, while transfers run, and no timer", function()
    local loop, host = drivers.new(false)
    assert.same({}, host.log)
    for round = 1, 2 do
      assert.is_true(loop:perform(drivers.easy("/hello")))
      assert.is_true(loop:perform(drivers.easy(web.https_url .. "/hello"):setopt("cainfo", web.ca)))
      assert.equal(4 * round, #host.log)
    end
    loop:spawn(function() loop:perform(drivers.easy("/slow")) end)
    loop:spawn(function() loop:perform(drivers.easy("/slow")) end)
    assert.is_true(loop:perform(drivers.easy("/hello")))
    loop:close()
    assert.same({
      "watch r", "unwatch", "watch r", "unwatch", "watch r", "unwatch", "watch r", "unwatch",
      "watch r", "unwatch",
    }, host.log)
  end)
end)

describe(drivers.title(true), function()
  describe_driver(true)

  it("sockets and the timer are watched, while transfers run", function()
    local loop, host = drivers.new(true)
    assert.is_true(loop:perform(drivers.easy("/hello")))
    local count = {}
    for _, text in ipairs(host.log) do count[text] = (count[text] or 0) + 1 end
    assert.same({ 1, "timer" }, { count["watch w"], host.log[1] })
    assert.matches("^watch", host.log[2])
    -- Since 8.20 libcurl's own wakeup descriptor is watched, too.
    assert.equal(version >= 0x081400 and 2 or 1, count["unwatch"])
    assert.equal("no timer", host.log[#host.log])
    loop:close()
  end)

  it("what libcurl has not closed yet when no transfer runs is watched until it has", function()
    local loop, host = drivers.new(true)
    finally(function() os.execute("kill -s CONT " .. web.pid) end)
    local easy = drivers.easy(web.https_url .. "/hello"):setopt {
      cainfo = web.ca,
      forbid_reuse = true,
      writefunction = function() os.execute("kill -s STOP " .. web.pid) end,
    }
    assert.is_true(loop:perform(easy))
    -- Libcurl before 8.9 does not wait for the end of TLS.
    local parked = version >= 0x080900 and 1 or 0
    assert.equal(parked, #curl.sockets())
    assert.equal(parked == 1, next(host.watched) ~= nil)
    local deadline = curl.now() + 10
    while next(host.watched) and curl.now() < deadline do host.hooks.turn() end
    assert.same({}, host.watched)
    assert.same({}, curl.sockets())
    loop:close()
  end)
end)
