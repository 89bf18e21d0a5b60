-- A multi as a guest in an event loop: socketfunction and timerfunction and multi:socket_action.
-- The host here is written by hand, on socket.select.

local curl = require "curlsock"
local event_host = require "spec.support.event_host"
local left = require "spec.support.left"
local servers = require "spec.support.servers"
local several = require "spec.support.several"
local steal = require "spec.support.steal"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local new_host, body_of, dead_host = event_host.new, event_host.body_of, several.dead

local version = curl.version_info().version_num
local web

-- Libcurl before 8.2 closes an attempt that is given up natively, without a word, and says
-- afterwards that it is no longer to be watched.
local natively = version < 0x080200

-- The descriptor of the one socket that libcurl holds.
local function held() return transfers.held():fd() end

setup(function()
  web = servers.nginx()
end)

describe("socketfunction and timerfunction", function()
  it("tell what to wait for: the time first, then the socket, and nothing in the end", function()
    local host = new_host()
    local result = host:run(host:easy(web.url .. "/slow?rate=2m"))
    assert.is_true(result.ok)
    assert.equal(web.big, body_of(result.easy))
    local fd = held()
    assert.equal("timer", host.log[1])
    -- What has come already is read without waiting.
    assert.matches("^open, watch w, [watchr, ]*unwatch$", table.concat(host:life(fd), ", "))
    assert.is_nil(host.due)
    host.multi:close()
    host:assert_clean(1)
  end)

  it("tell the easy whose socket it is", function()
    local host = new_host()
    local a, b = host:begin(), host:begin()
    local found = {}
    for _, entry in ipairs(curl.sockets()) do found[host.easies[entry.socket:fd()]] = true end
    assert.same({ [a] = true, [b] = true }, found)
    host.multi:close()
    host:assert_clean(2)
  end)

  it("tell nil for a descriptor of libcurl's own", function()
    local host = new_host()
    host:begin()
    local mine = held()
    local own = {}
    for fd, easy in pairs(host.easies) do
      if fd ~= mine then own[#own + 1] = easy end
    end
    -- Since 8.20 every transfer has libcurl's wakeup descriptor beside it.
    assert.same(version >= 0x081400 and { false } or {}, own)
    host.multi:close()
    host:assert_clean(1)
  end)

  it("tell seconds as a float, 0.0 when something is to be done now", function()
    local times = {}
    local multi <close> = curl.multi {
      timerfunction = function(seconds) times[#times + 1] = seconds end,
    }
    multi:add(curl.easy { url = web.url .. "/hello", proxy = "" })
    assert.same({ 0.0 }, times)
    assert.equal("float", math.type(times[1]))
  end)

  it("tell the time that is left of a transfer's timeout", function()
    local host = new_host()
    dead_host("127.0.0.2")
    local start = curl.now()
    assert.equal("OPERATION_TIMEDOUT", host:run(host:easy_at("127.0.0.2", {
      timeout = 0.3,
    })).name)
    local time = curl.now() - start
    assert.truthy(time >= 0.29 and time < 2, time)
    host.multi:close()
  end)

  it("are told no time any more when the multi is closed", function()
    local host = new_host()
    host.multi:add(host:easy(web.url .. "/hello"))
    assert.is_number(host.due)
    host.multi:close()
    assert.is_nil(host.due)
  end)

  it("can be set again, and unset", function()
    local one, two = 0, 0
    local multi <close> = curl.multi {
      timerfunction = function() one = one + 1 end,
    }
    local a <close> = curl.easy { url = web.url }
    local b <close> = curl.easy { url = web.url }
    multi:add(a):remove(a)
    local first = one
    assert.truthy(first > 0)
    multi:setopt("timerfunction", function() two = two + 1 end):add(b):remove(b)
    assert.same({ first, first }, { one, two })
    multi:setopt("timerfunction", nil):add(a)
    assert.same({ first, first }, { one, two })
  end)

  it("throw for what is neither function nor nil", function()
    local multi <close> = curl.multi()
    for _, name in ipairs(surface.multi_callbacks) do
      for _, value in ipairs { 1, "x", true, {} } do
        assert.error_matches(function() multi:setopt(name, value) end,
          "^option '" .. name .. "': function expected, got " .. type(value) .. "$")
      end
    end
  end)

  it("tell of the threaded resolver's descriptor, too", function()
    local host = new_host()
    -- No address, so the resolver is asked, which needs no network for it.
    local easy = host:easy(("http://resolved.test:%d/hello"):format(web.port), {
      connect_to = { "::127.1:" },
    })
    assert.is_true(host:run(easy).ok)
    assert.equal("127.0.0.1", easy:getinfo("primary_ip"))
    host.multi:close()
    host:assert_clean(1)
  end)

  it("tell all that is left when the multi is closed while a name is resolved", function()
    local host
    for _ = 1, 50 do -- the resolver's thread may be the faster one
      host = new_host()
      host.multi:add(host:easy("http://resolved.test/", { connect_to = { "::127.1:1" } }))
      host.multi:socket_action()
      if host:count("open") == 0 then break end
      host.multi:close()
    end
    assert.equal(1, host:count("watch"))
    assert.truthy(next(host.watched))
    host.multi:close()
    host.faults = {} -- the resolver's thread may close its descriptor when it likes
    host:assert_clean(0)
  end)
end)

describe("multi:socket_action", function()
  it("throws for other events, and for descriptors out of range", function()
    local multi <close> = curl.multi()
    for events, shown in pairs { [""] = '""', wr = '"wr"', ["e\0"] = '"e%?"', [1] = "1" } do
      assert.error_matches(function() multi:socket_action(1, events) end,
        '"r", "w", "rw" or "e" expected, got ' .. shown)
    end
    assert.has_error(function() multi:socket_action(1) end)
    -- As pollfd's, where there is none.
    assert.error_matches(function() multi:socket_action(nil, "r") end, "number expected, got nil")
    for _, fd in ipairs { -1, 1 << 31, math.mininteger } do
      assert.error_matches(function() multi:socket_action(fd, "r") end,
        "descriptor out of range")
    end
    assert.has_error(function() multi:socket_action("x", "r") end)
  end)

  it("returns how many transfers run", function()
    local host = new_host()
    host:begin()
    assert.equal(1, host.multi:socket_action())
    host:begin()
    assert.equal(2, host.multi:socket_action(1000, "r"))
    host.multi:close()
  end)
end)

describe("What is watched is unwatched before it is closed:", function()
  -- Each leaves nothing open, and returns how many sockets there were.
  local ways = {}

  local function way(what, f)
    ways[#ways + 1] = { what, f }
  end

  way("by the end of a transfer that forbids reuse", function(host)
    assert.is_true(host:run(host:easy(web.url .. "/hello", { forbid_reuse = true })).ok)
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end)

  way("by a server that closes", function(host)
    assert.is_true(host:run(host:easy(web.url .. "/close")).ok)
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end)

  way("by multi:remove", function(host)
    host.multi:remove(host:begin())
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end)

  way("by the easy's close", function(host)
    host:begin():close()
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end)

  way("by multi:close, with transfers that run", function(host)
    host:begin()
    host:begin()
    host:begin(web.https_url .. "/slow", { cainfo = web.ca })
    host.multi:close()
    return 3
  end)

  way("by multi:close, with idle connections", function(host)
    host:run(host:easy(web.url .. "/hello"), host:easy(web.https_url .. "/hello", {
      cainfo = web.ca,
    }))
    assert.equal(2, #curl.sockets())
    host.multi:close()
    return 2
  end)

  way("by eviction", function(host)
    host.multi:setopt("maxconnects", 1)
    host:run(host:easy(web.url .. "/hello"))
    host:run(host:easy(web.url4 .. "/hello"))
    assert.equal(1, #curl.sockets())
    host.multi:close()
    return 2
  end)

  way("by a share that is closed", function(host)
    local share = curl.share { share = "connect" }
    local easy = host:easy(web.https_url .. "/hello", { share = share, cainfo = web.ca })
    assert.is_true(host:run(easy).ok)
    easy:close()
    share:close()
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end)

  way("by multi:remove, in a share", function(host)
    local share <close> = curl.share { share = "connect" }
    local easy <close> = host:begin(nil, { share = share })
    host.multi:remove(easy)
    host.multi:close()
    assert.same({}, curl.sockets())
    return 1
  end)

  way("by a second request after CONNECT_ONLY", function(host)
    local easy = host:easy(web.url .. "/hello", { connect_only = true })
    assert.is_true(host:run(easy).ok)
    easy:close()
    host.multi:close()
    return 1
  end)

  way("FTP, active, in the middle of the data", function(host)
    host:begin(servers.vsftpd().url .. "/big.bin", { ftpport = "-" })
    host.multi:close()
    return 2
  end)

  for _, entry in ipairs(ways) do
    local what, run = table.unpack(entry)
    it(what, function()
      local host = new_host()
      local sockets = run(host)
      host:assert_clean(sockets)
      assert.truthy(host:count("watch") >= sockets)
    end)
  end

  it("FTP, passive", function()
    local host, url = new_host(), servers.vsftpd().url
    assert.is_true(host:run(host:easy(url .. "/hello.txt")).ok)
    assert.is_true(host:run(host:easy(url .. "/big.bin")).ok)
    host.multi:close()
    host:assert_clean(3)
    assert.truthy(host:count("watch") >= 3)
  end)

  it("by collection", function()
    local host = new_host()
    host:begin()
    host.multi, host.easies = nil, {}
    left.gc()
    host:assert_clean(1)
  end)

  it("parked in TLS shutdown, by multi:close", function()
    local host = new_host()
    finally(event_host.continue)
    host:park()
    host.multi:close()
    host:assert_clean(1)
  end)

  it("an attempt that was given up", function()
    dead_host("127.0.0.2")
    local host = new_host()
    local easy = host:easy_at("127.0.0.2", { connecttimeout_ms = 100 })
    assert.equal("OPERATION_TIMEDOUT", host:run(easy).name)
    local fd = host:opened()[1]
    assert.same({ "open", "watch w", "unwatch", "close" }, host:life(fd))
    assert.same(natively and { fd .. " was closed before it was unwatched" } or {}, host.faults)
    assert.same({}, host.watched)
    host.multi:close()
  end)

  if servers.has_ipv6 then
    it("an attempt that lost to the other family", function()
      dead_host("::1")
      local host = new_host()
      local easy = host:easy_at("[::1],127.0.0.1", { happy_eyeballs_timeout_ms = 50 })
      assert.is_true(host:run(easy).ok)
      assert.equal("127.0.0.1", easy:getinfo("primary_ip"))
      assert.equal(natively and 1 or 0, #host.faults)
      assert.same({}, host.watched)
      host.faults = {}
      host.multi:close()
      host:assert_clean(2)
    end)
  end
end)

describe("A transfer that is paused", function()
  for _, mode in ipairs { "", ", after pollfd" } do
    it("is not driven on" .. mode, function()
      local host = new_host()
      if mode ~= "" then host.multi:pollfd() end
      local calls = 0
      host.multi:add(host:easy(web.url .. "/big", {
        writefunction = function()
          calls = calls + 1
          return curl.PAUSE
        end,
      }))
      local stop = curl.now() + 0.3
      while curl.now() < stop do host:step(0.02) end
      assert.equal(1, calls)
      host.multi:close()
      host:assert_clean(1)
    end)
  end
end)

describe("A descriptor number that returns", function()
  it("is a new watch for each address that is refused", function()
    local host = new_host()
    local port = servers.free_port()
    local result = host:run(host:easy(("http://several.test:%d/"):format(port), {
      resolve = several.options(port, "127.0.0.1,127.0.0.2,127.0.0.3").resolve,
    }))
    assert.equal("COULDNT_CONNECT", result.name)
    local opened = host:opened()
    assert.same({ opened[1], opened[1], opened[1] }, opened)
    host.multi:close()
    host:assert_clean(3)
  end)

  for _, mode in ipairs { "", ", after pollfd" } do
    it("is a new watch for the address after one that was given up" .. mode, function()
      dead_host("127.0.0.2")
      local host = new_host()
      if mode ~= "" then host.multi:pollfd() end
      local easy = host:easy_at("127.0.0.2,127.0.0.1", { connecttimeout_ms = 800 })
      assert.is_true(host:run(easy).ok)
      assert.equal("127.0.0.1", easy:getinfo("primary_ip"))
      if natively then host.faults = {} end
      host.multi:close()
      host:assert_clean(2)
    end)
  end

  it("is a new watch, with its easy, when somebody else has closed the old one", function()
    local host = new_host()
    host:begin()
    local fd = held()
    steal(fd)
    local second = host:easy(web.url .. "/hello")
    host.multi:add(second)
    host.log = {}
    local told = {}
    function host.watch(self, number, events, easy)
      if events then told[#told + 1] = easy == second and number end
      event_host.watch(self, number, events, easy)
    end
    repeat host.multi:socket_action() until host:count("open") == 1
    assert.same({ "open", "close", "unwatch", "watch r" }, { table.unpack(host:life(fd), 1, 4) })
    for _, number in ipairs(told) do assert.equal(fd, number) end
    host.multi:close()
    assert.same({}, host.watched)
    assert.same({ fd .. " was closed before it was unwatched" }, host.faults)
    assert.equal(2, host:count("close"))
  end)
end)

describe("An error in", function()
  local failure = setmetatable({}, { __tostring = function() return "failure" end })

  -- A host in which that function throws the failure on its n-th call.
  local function failing_host(name, n)
    local host = new_host()
    local calls, due = 0, nil
    local function told(...)
      if name == "socketfunction" then host:watch(...) else due(...) end
      calls = calls + 1
      if calls == n then error(failure) end
    end
    function due(seconds)
      host.due = seconds and curl.now() + seconds
    end
    host.multi:setopt(name, told)
    return host
  end

  -- Drives, and counts the errors on the way, which must be the failure itself.
  local function errors_of(host, done)
    local errors, deadline = 0, curl.now() + 20
    while not done() do
      assert(curl.now() < deadline, "nothing happens any more")
      local ok, err = pcall(host.step, host, 0.02)
      if not ok then
        assert.is_true(rawequal(failure, err))
        errors = errors + 1
      end
    end
    return errors
  end

  for n = 1, 3 do
    it(("socketfunction, call %d, comes out unchanged, and ends no transfer"):format(n), function()
      local host = failing_host("socketfunction", n)
      local a, b = host:easy(web.url .. "/big"), host:easy(web.url .. "/hello")
      host.multi:add(a):add(b)
      assert.equal(1, errors_of(host, function() return #host.results == 2 end))
      assert.same({ true, true }, { host.results[1].ok, host.results[2].ok })
      assert.same({ web.big, "hello\n" }, { body_of(a), body_of(b) })
      host.multi:close()
      host:assert_clean(2)
    end)
  end

  it("timerfunction comes out of multi:add, which has added the easy", function()
    local host = failing_host("timerfunction", 1)
    local easy = host:easy(web.url .. "/hello")
    local ok, err = pcall(host.multi.add, host.multi, easy)
    assert.is_false(ok)
    assert.is_true(rawequal(failure, err))
    assert.equal(0, errors_of(host, function() return #host.results == 1 end))
    assert.equal("hello\n", body_of(easy))
    host.multi:close()
    host:assert_clean(1)
  end)

  for name, close in pairs {
    ["multi:remove"] = function(host, easy) host.multi:remove(easy) end,
    ["easy:close"] = function(_, easy) easy:close() end,
    ["multi:close"] = function(host) host.multi:close() end,
  } do
    it("socketfunction comes out of " .. name .. ", which has done its work", function()
      local host = new_host()
      local easy = host:begin()
      host.multi:setopt("socketfunction", function(...)
        host:watch(...)
        if not host.thrown then
          host.thrown = true
          error(failure)
        end
      end)
      local ok, err = pcall(close, host, easy)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      assert.same({}, curl.sockets())
      host.multi:close()
      host:assert_clean(1)
    end)
  end

  it("socketfunction is a warning when the multi is collected", function()
    local out, err = left.pass(([[
      warn "@on"
      local curl = require "curlsock"
      local multi = curl.multi { socketfunction = function(fd, events)
        if not events then error("late", 0) end
      end }
      local easy = curl.easy { url = %q, proxy = "", closesocketfunction = function()
        print "closed"
      end }
      multi:add(easy)
      repeat multi:socket_action() until #curl.sockets() > 0
      multi, easy = nil, nil
      collectgarbage()
      print(#curl.sockets())
    ]]):format(web.url .. "/slow"))
    -- Since 8.20 libcurl's own wakeup descriptor is watched, too.
    local times = version >= 0x081400 and 2 or 1
    assert.same({ "closed\n0\n", ("Lua warning: curlsock: late\n"):rep(times) }, { out, err })
  end)
end)

describe("Inside socketfunction and timerfunction", function()
  -- What no callback may call: name, function(host, easy).
  local calls = {}
  for _, class in ipairs { "easy", "multi" } do
    for _, method in ipairs(surface.methods_with(class, "inside", "refused")) do
      calls[#calls + 1] = { method == "close" and method or class .. ":" .. method,
        function(host, easy)
          local object = class == "multi" and host.multi or easy
          surface.call(class, method, object, { easy = curl.easy(), peer = easy })
        end }
    end
  end

  -- Runs a transfer, with a call in each of them: what that threw.
  local function errors_of(call)
    local host = new_host()
    local easy = host:easy(web.url .. "/hello")
    local errors = {}
    local function try()
      local ok, err = pcall(call, host, easy)
      errors[#errors + 1] = ok and "no error" or tostring(err)
    end
    host.multi:setopt {
      socketfunction = function(...) host:watch(...) try() end,
      timerfunction = function(seconds)
        host.due = seconds and curl.now() + seconds
        try()
      end,
    }
    assert.is_true(host:run(easy).ok)
    host.multi:close()
    host:assert_clean(1)
    return errors
  end

  for _, entry in ipairs(calls) do
    local name, call = table.unpack(entry)
    it(name .. " is refused, and nothing suffers from it", function()
      local errors = errors_of(call)
      assert.truthy(#errors >= 4)
      for _, err in ipairs(errors) do
        assert.matches(name .. " is not allowed inside a callback of this", err, 1, true)
      end
    end)
  end

  it("what does not enter libcurl's transfers is allowed", function()
    for _, err in ipairs(errors_of(function(host, easy)
      assert.equal(host.multi, host.multi:wakeup())
      assert.equal("r", host.multi:events())
      easy:setopt("useragent", "x")
      easy:getinfo("response_code")
    end)) do
      assert.equal("no error", err)
    end
  end)

  it("a whole transfer of another easy is allowed", function()
    for _, err in ipairs(errors_of(function()
      local other <close> = curl.easy { url = web.url .. "/hello", proxy = "" }
      assert(other:perform())
    end)) do
      assert.equal("no error", err)
    end
  end)

  it("a coroutine cannot yield: an error says so, and the transfer goes on", function()
    local host = new_host()
    local easy = host:easy(web.url .. "/hello")
    local function watch(...)
      host:watch(...)
      coroutine.yield()
    end
    host.multi:setopt("socketfunction", watch)
    host.multi:add(easy)
    local errors = 0
    while #host.results == 0 do
      local co = coroutine.create(function() host:step(0.02) end)
      local ok, err = coroutine.resume(co)
      assert.equal("dead", coroutine.status(co))
      if not ok then
        assert.equal("attempt to yield across a C-call boundary", err)
        errors = errors + 1
      end
    end
    assert.is_true(host.results[1].ok)
    assert.truthy(errors >= 1)
    host.multi:setopt("socketfunction", function(...) host:watch(...) end)
    host.multi:close()
    host:assert_clean(1)
  end)
end)
