-- A multi as a guest in an event loop: socketfunction and timerfunction, multi:socket_action,
-- and the one descriptor of multi:pollfd. The host here is written by hand, on socket.select.

local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local luasocket = require "socket"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local steal = require "spec.support.steal"
local system = require "spec.support.system"
local target = require("spec.support.transfers").target

local version = curl.version_info().version_num
local wait = loops.wait
local web

-- Libcurl before 8.2 closes an attempt that is given up natively, without a word, and says
-- afterwards that it is no longer to be watched.
local natively = version < 0x080200

local function nothing() end

-- A multi in a loop of its own, which keeps what it was told:
--   watched     descriptor -> events, now             due      when the timer runs out, or nil
--   log         each call, in order: "watch 6 w", "unwatch 6", "timer"; and what tests add
--   easies      descriptor -> the easy that was told with the last watch, or false for nil
--   faults      what must never happen
local Host = {}
Host.__index = Host

local function new_host(options)
  local host = setmetatable({
    watched = {}, log = {}, easies = {}, faults = {}, targets = {}, results = {},
  }, Host)
  host.multi = curl.multi(options)
  host.multi:setopt {
    socketfunction = function(fd, events, easy) host:watch(fd, events, easy) end,
    timerfunction = function(seconds)
      host.due = seconds and curl.now() + seconds
      host.log[#host.log + 1] = "timer"
    end,
  }
  return host
end

function Host:fault(...)
  self.faults[#self.faults + 1] = string.format(...)
end

function Host:watch(fd, events, easy)
  if self.watched[fd] == events then
    self:fault("%d was told %s twice", fd, events)
  elseif not events and target(fd) ~= self.targets[fd] then
    self:fault("%d was closed before it was unwatched", fd)
  end
  self.watched[fd], self.targets[fd] = events, target(fd)
  self.easies[fd] = events and (easy or false)
  self.log[#self.log + 1] = events and ("watch %d %s"):format(fd, events) or "unwatch " .. fd
end

-- Waits until something is due, at most that long, and does it.
function Host:step(seconds)
  local left_over = self.due and math.max(0, self.due - curl.now()) or seconds
  for _, event in ipairs(wait(self.watched, math.min(left_over, seconds))) do
    local fd, events = table.unpack(event)
    if self.watched[fd] then assert(self.multi:socket_action(fd, events)) end
  end
  if self.due and self.due <= curl.now() then
    self.due = nil
    assert(self.multi:socket_action())
  end
  self:take_results()
end

function Host:take_results()
  for easy, ok, message, name in self.multi:results() do
    self.results[#self.results + 1] = { easy = easy, ok = ok, message = message, name = name }
    self.multi:remove(easy)
  end
end

-- Steps until done() is true.
function Host:drive(done)
  local deadline = curl.now() + 20
  while not done() do
    assert(curl.now() < deadline, "nothing happens any more")
    self:step(0.02)
  end
end

-- Runs the transfers to their end: the result of the last.
function Host:run(...)
  local before, easies = #self.results, table.pack(...)
  for _, easy in ipairs(easies) do self.multi:add(easy) end
  self:drive(function() return #self.results == before + easies.n end)
  return self.results[#self.results]
end

-- An easy whose sockets are in the host's log ("open 6", "close 6"), and checked when they
-- are closed. Its body is in easy_body(easy).
local bodies = setmetatable({}, { __mode = "k" })

local function body_of(easy)
  return table.concat(bodies[easy])
end

function Host:easy(url, options)
  local body = {}
  local easy = curl.easy { url = url, proxy = "", timeout = 20, writefunction = body }
  bodies[easy] = body
  easy:setopt {
    opensocketfunction = function(_, address)
      local socket = assert(address:socket())
      socket.data = socket:fd()
      self.log[#self.log + 1] = "open " .. socket.data
      return socket
    end,
    closesocketfunction = function(socket)
      local fd = socket.data
      if socket:state() == "closing" and self.watched[fd] then
        self:fault("%d is being closed while it is watched", fd)
      end
      self.log[#self.log + 1] = "close " .. fd
    end,
  }
  assert(easy:setopt(options or {}))
  return easy
end

-- How many lines of the log begin with that word.
function Host:count(word)
  local count = 0
  for _, line in ipairs(self.log) do
    if line:match("^%a+") == word then count = count + 1 end
  end
  return count
end

-- The descriptors that were opened, in order.
function Host:opened()
  local list = {}
  for _, line in ipairs(self.log) do
    list[#list + 1] = tonumber(line:match("^open (%d+)"))
  end
  return list
end

-- The lines about that descriptor: "open", "watch w", ...
function Host:life(fd)
  local lines = {}
  for _, line in ipairs(self.log) do
    local word, number, rest = line:match("^(%a+) (%d+)(.*)$")
    if word and tonumber(number) == fd then lines[#lines + 1] = word .. rest end
  end
  return lines
end

-- Everything was told as it must be, and so many sockets were opened, watched and closed.
function Host:assert_clean(sockets)
  assert.same({}, self.faults)
  assert.same({}, self.watched)
  assert.equal(sockets, self:count("open"))
  assert.equal(sockets, self:count("close"))
end

-- An easy of the host whose transfer has begun to get the slow body, and goes on.
function Host:begin(url, options)
  local easy = self:easy(url or web.url .. "/slow", options)
  self.multi:add(easy)
  self:drive(function() return #bodies[easy] > 0 end)
  return easy
end

-- The descriptor of the one socket that libcurl holds.
local function held()
  local sockets = curl.sockets()
  assert.equal(1, #sockets)
  return sockets[1].socket:fd()
end

local function several(addresses, port)
  return { ("several.test:%d:%s"):format(port, addresses) }
end

local dead = {}

-- An address that never answers, at the port where only 127.0.0.1 has a web server.
local function dead_host(host)
  dead[host] = dead[host] or servers.dead(host, web.port4)
  return dead[host]
end

-- A transfer whose name stands for these addresses at the port where 127.0.0.1 alone serves.
function Host:easy_at(addresses, options)
  local easy = self:easy(("http://several.test:%d/hello"):format(web.port4), options)
  return easy:setopt("resolve", several(addresses, web.port4))
end

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
    for _, name in ipairs { "socketfunction", "timerfunction" } do
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
    for _, events in ipairs { "", "wr", "x", "rwe" } do
      assert.error_matches(function() multi:socket_action(1, events) end, "invalid option")
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
    finally(function() os.execute("kill -s CONT " .. web.pid) end)
    local easy = host:easy(web.https_url .. "/hello", {
      cainfo = web.ca,
      forbid_reuse = true,
      -- It is not there to answer the end of TLS.
      writefunction = function() os.execute("kill -s STOP " .. web.pid) end,
    })
    assert.is_true(host:run(easy).ok)
    -- Libcurl before 8.9 does not wait for that answer.
    assert.equal(version >= 0x080900 and 1 or 0, #curl.sockets())
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
      resolve = several("127.0.0.1,127.0.0.2,127.0.0.3", port),
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
      Host.watch(self, number, events, easy)
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
  local calls = {
    { "multi:add", function(host) host.multi:add(curl.easy()) end },
    { "multi:remove", function(host, easy) host.multi:remove(easy) end },
    { "multi:perform", function(host) host.multi:perform() end },
    { "multi:poll", function(host) host.multi:poll(0) end },
    { "multi:socket_action", function(host) host.multi:socket_action() end },
    { "multi:timeout", function(host) host.multi:timeout() end },
    { "multi:results", function(host) host.multi:results() end },
    { "multi:setopt", function(host) host.multi:setopt("maxconnects", 1) end },
    { "multi:pollfd", function(host) host.multi:pollfd() end },
    { "close", function(host) host.multi:close() end },
    { "close", function(_, easy) easy:close() end },
    { "easy:perform", function(_, easy) easy:perform() end },
    { "easy:reset", function(_, easy) easy:reset() end },
  }

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

if not system.linux then
  it("multi:pollfd says that only Linux has it, and the multi can be used without it", function()
    local host = new_host()
    local result = table.pack(host.multi:pollfd())
    assert.same({ nil, "pollfd: Function not implemented", "ENOSYS", n = 3 }, result)
    assert.equal("r", host.multi:events())
    assert.is_true(host:run(host:easy(web.url .. "/hello")).ok)
    host.multi:close()
    host:assert_clean(1)
    assert.truthy(host:count("watch") > 0 and host:count("timer") > 0)
  end)
end

local describe_pollfd = system.linux and describe or nothing

describe_pollfd("multi:pollfd", function()
  it("is one descriptor, the same each time, and the only one that is told", function()
    local host = new_host()
    local fd = host.multi:pollfd()
    assert.equal("anon_inode:[eventpoll]", target(fd))
    assert.equal(fd, host.multi:pollfd())
    host:run(host:easy(web.url .. "/big"), host:easy(web.https_url .. "/hello", {
      cainfo = web.ca,
    }))
    assert.same({ [fd] = "r" }, host.watched)
    host.multi:close()
    assert.same({ "watch r", "unwatch" }, host:life(fd))
    assert.same({ 1, 0 }, { host:count("watch"), host:count("timer") })
    host:assert_clean(2)
    assert.is_nil(target(fd))
  end)

  it("is to be watched for what multi:events says", function()
    local multi <close> = curl.multi()
    assert.equal("r", multi:events())
  end)

  it("is ready only while something is to be done, its timer included", function()
    dead_host("127.0.0.2")
    local host = new_host()
    local fd = host.multi:pollfd()
    host.multi:add(host:easy_at("127.0.0.2", { timeout = 0.4 }))
    local steps, start = 0, curl.now()
    while #host.results == 0 do
      assert.same({ { fd, "r" } }, wait({ [fd] = "r" }, 5))
      steps = steps + 1
      host.multi:socket_action(fd, "r")
      host:take_results()
    end
    local time = curl.now() - start
    assert.equal("OPERATION_TIMEDOUT", host.results[1].name)
    assert.truthy(time >= 0.39 and time < 2, time)
    assert.truthy(steps < 20, steps)
    host.multi:close()
  end)

  it("is not ready while there are only idle connections", function()
    local host = new_host()
    local fd = host.multi:pollfd()
    local easies = {}
    for i = 1, 20 do easies[i] = host:easy(web.url .. "/hello") end
    host:run(table.unpack(easies))
    assert.truthy(#curl.sockets() > 1)
    -- Its timer may still run for something that has ended: once.
    local steps = 0
    while #wait({ [fd] = "r" }, 0.3) > 0 do
      steps = steps + 1
      host.multi:socket_action(fd, "r")
    end
    assert.truthy(steps <= 1, steps)
    host.multi:close()
  end)

  it("is ready once for an idle connection that the server closes", function()
    local server = servers.script [[
      local server = ...
      while true do
        local client = server:accept()
        client:receive("*l")
        require("socket").sleep(0.05) -- else libcurl may never have to wait for the answer
        client:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        require("socket").sleep(0.2)
        client:close()
      end
    ]]
    local host = new_host()
    local fd = host.multi:pollfd()
    for _ = 1, 2 do
      assert.is_true(host:run(host:easy(server.url .. "/")).ok)
      local steps, deadline = 0, curl.now() + 5 * process.patience
      while curl.now() < deadline do
        if #wait({ [fd] = "r" }, 0.05) > 0 then
          steps = steps + 1
          deadline = curl.now() + 0.3
          host.multi:socket_action(fd, "r")
        end
      end
      assert.truthy(steps >= 1 and steps <= 2, steps) -- its timer may run out, too
    end
    host.multi:close()
    host:assert_clean(2)
    servers.stop(server)
  end)

  it("lets a connection go to another multi, by a share, and be closed after its own", function()
    local share <close> = curl.share { share = "connect" }
    local first, second = new_host(), new_host()
    first.multi:pollfd()
    second.multi:pollfd()
    local function run(host)
      local easy <close> = host:easy(web.url .. "/hello", { share = share })
      return host:run(easy).ok
    end
    assert.is_true(run(first) and run(second) and run(first) and run(second))
    assert.equal(1, #curl.sockets())
    second.multi:close()
    assert.is_true(run(first))
    first.multi:close()
    first.multi = nil
    collectgarbage()
    collectgarbage()
    share:close()
    first:assert_clean(1)
    second:assert_clean(0)
  end)

  it("is made only while no easy is in the multi", function()
    local multi <close> = curl.multi()
    local easy <close> = curl.easy { url = web.url }
    multi:add(easy)
    assert.error_matches(function() multi:pollfd() end,
      "multi:pollfd: there are easies in the multi already$")
    multi:remove(easy)
    local fd = multi:pollfd()
    multi:add(easy)
    assert.equal(fd, multi:pollfd())
  end)

  it("takes over what was watched before", function()
    local host = new_host()
    finally(function() os.execute("kill -s CONT " .. web.pid) end)
    local easy = host:easy(web.https_url .. "/hello", {
      cainfo = web.ca,
      forbid_reuse = true,
      writefunction = function() os.execute("kill -s STOP " .. web.pid) end,
    })
    host:run(easy)
    -- Libcurl before 8.9 parks no connection that ends.
    local parked = version >= 0x080900 and 1 or 0
    assert.equal(parked, #curl.sockets())
    assert.truthy(host.watched[host:opened()[1]] or parked == 0)
    local fd = host.multi:pollfd()
    assert.same({ [fd] = "r" }, host.watched)
    os.execute("kill -s CONT " .. web.pid)
    if parked > 0 then host:drive(function() return #curl.sockets() == 0 end) end
    host.multi:close()
    host:assert_clean(1)
  end)

  it("is not kept ready by a socket that a duplicate keeps open", function()
    local server = servers.dead("127.0.0.3", web.port4)
    local host = new_host()
    local fd = host.multi:pollfd()
    local objects = {}
    local easy = host:easy_at("127.0.0.3", {
      connecttimeout_ms = 50,
      -- Libcurl gets a duplicate of the object's descriptor.
      opensocketfunction = function()
        objects[1] = luasocket.tcp4()
        return objects[1]
      end,
      closesocketfunction = nothing,
    })
    assert.equal("OPERATION_TIMEDOUT", host:run(easy).name)
    servers.stop(server)
    -- The attempt is answered now: it is over.
    assert(servers.wait(function() return #wait({ [objects[1]:getfd()] = "w" }, 0) > 0 end))
    host.multi:socket_action(fd, "r")
    host.multi:socket_action(fd, "r")
    assert.same({}, wait({ [fd] = "r" }, 0.1))
    assert.same({ [fd] = "r" }, host.watched)
    objects[1]:close()
    -- It still tells what happens.
    assert.is_true(host:run(host:easy(web.url .. "/hello")).ok)
    host.multi:close()
  end)

  -- Until the next transfer the kernel still knows the socket, and not the one in its place.
  it("serves on when a script puts another connection under the number of an idle one", function()
    local host = new_host()
    host.multi:pollfd()
    local easy = host:easy(web.url .. "/connection", { writefunction = {} })
    assert.is_true(host:run(easy).ok)
    local fd = held()
    steal(fd)
    local other = luasocket.tcp4()
    assert.equal(fd, other:getfd())
    assert(other:connect("127.0.0.1", web.port))
    local body = {}
    easy:setopt("writefunction", body)
    assert.is_true(host:run(easy).ok)
    assert.matches("^%d+ 1\n$", table.concat(body))
    host.multi:close()
    assert.equal(fd, other:getfd())
    assert.truthy(target(fd)) -- a stranger's
    other:close()
    host:assert_clean(1)
  end)

  it("is refused when there are no descriptors left: the multi can be used without it", function()
    local script = servers.dir() .. "/pollfd.lua"
    process.write(script, ([[
      local curl = require "curlsock"
      local multi, pairs = curl.multi(), {}
      while true do
        local a, b = curl.socketpair()
        if not a then break end
        pairs[#pairs + 1] = { a, b }
      end
      local result = table.pack(multi:pollfd())
      assert(result.n == 3 and result[1] == nil)
      print(result[2], result[3])
      for _, pair in ipairs(pairs) do
        pair[1]:close()
        pair[2]:close()
      end
      print(multi:pollfd() ~= nil)
      local easy = curl.easy { url = %q, proxy = "", writefunction = {} }
      multi:add(easy)
      repeat local _ = multi:poll(1) until multi:socket_action(multi:pollfd(), "r") == 0
      for _, ok in multi:results() do print(ok) end
    ]]):format(web.url .. "/hello"))
    assert.equal("pollfd: Too many open files\tEMFILE\ntrue\ntrue",
      process.output("ulimit -n 30; " .. process.lua() .. " " .. script))
  end)
end)

describe_pollfd("multi:poll, after pollfd,", function()
  it("waits for that descriptor: 0 when nothing was to be done, 1 when something is", function()
    local multi <close> = curl.multi()
    local easy <close> = curl.easy { url = web.url .. "/hello", proxy = "", writefunction = {} }
    local fd = multi:pollfd()
    local start = curl.now()
    assert.equal(0, multi:poll(0.05))
    assert.truthy(curl.now() - start >= 0.049)
    multi:add(easy)
    assert.equal(1, multi:poll(5))
    local running
    repeat running = multi:socket_action(fd, "r") until running == 0 or multi:poll(5) == 0
    assert.equal(0, running)
    assert.equal(0, multi:poll(0))
  end)

  it("is ended by multi:wakeup, until socket_action", function()
    local multi <close> = curl.multi()
    local fd = multi:pollfd()
    multi:wakeup()
    local start = curl.now()
    assert.equal(1, multi:poll(5))
    assert.truthy(curl.now() - start < 1)
    assert.same({ { fd, "r" } }, wait({ [fd] = "r" }, 0))
    assert.equal(0, multi:socket_action(fd, "r"))
    assert.equal(0, multi:poll(0))
  end)
end)

describe("Readiness that is not true:", function()
  local all = { "r", "w", "rw", "e" }

  for _, pollable in ipairs { false, true } do
    local mode = pollable and ", after pollfd" or ""

    local function host_of_mode()
      local host = new_host()
      if pollable then host.multi:pollfd() end
      return host
    end

    it("spurious, for a transfer that runs, changes nothing" .. mode, function()
      local host = host_of_mode()
      local easy = host:begin(web.url .. "/slow?rate=2m")
      for _ = 1, 20 do
        for _, events in ipairs { "r", "w", "rw" } do
          host.multi:socket_action(held(), events)
        end
      end
      host:drive(function() return #host.results > 0 end)
      assert.is_true(host.results[1].ok)
      assert.equal(web.big, body_of(easy))
      host.multi:close()
      host:assert_clean(1)
    end)

    it("spurious, for a connection that is not there yet, changes nothing" .. mode, function()
      dead_host("127.0.0.2")
      local host = host_of_mode()
      local easy = host:easy_at("127.0.0.2")
      host.multi:add(easy)
      host:drive(function() return #curl.sockets() > 0 end)
      for _ = 1, 5 do
        for _, events in ipairs(all) do
          assert.equal(1, host.multi:socket_action(held(), events))
        end
      end
      host.multi:remove(easy)
      host.faults = {} -- an attempt that is given up: see above
      host.multi:close()
      host:assert_clean(1)
    end)

    it("an error, for a transfer that runs, is no second close event" .. mode, function()
      local host = host_of_mode()
      local easy = host:begin(web.url .. "/slow?rate=2m")
      local fd = held()
      for _ = 1, 5 do host.multi:socket_action(fd, "e") end
      host:drive(function() return #host.results > 0 end)
      -- Libcurl 7.88 believes it; later ones look at the socket, and find no error there.
      if host.results[1].ok then
        assert.equal(web.big, body_of(easy))
      else
        assert.equal("SEND_ERROR", host.results[1].name)
        assert.truthy(version < 0x080e01)
      end
      host.multi:close()
      host:assert_clean(1)
    end)

    it("late, for an idle connection, leaves it to the next transfer" .. mode, function()
      local host = host_of_mode()
      host:run(host:easy(web.url .. "/hello"))
      local fd = held()
      for _, events in ipairs(all) do host.multi:socket_action(fd, events) end
      assert.equal(fd, held())
      local second = host:easy(web.url .. "/hello")
      assert.is_true(host:run(second).ok)
      assert.equal(0, second:getinfo("num_connects"))
      host.multi:close()
      host:assert_clean(1)
    end)

    it("late, for a descriptor that was closed, and one that is not libcurl's" .. mode, function()
      local host = host_of_mode()
      host:begin()
      host:run(host:easy(web.url .. "/close"))
      local closed = host:opened()[2]
      assert.is_nil(target(closed))
      local mine, other = curl.socketpair()
      for _, fd in ipairs { closed, mine:fd(), 0, 12345 } do
        for _, events in ipairs(all) do
          assert.equal(1, host.multi:socket_action(fd, events))
        end
      end
      assert.equal("owned", mine:state())
      mine:close()
      other:close()
      host.multi:close()
      host:assert_clean(2)
    end)
  end
end)
