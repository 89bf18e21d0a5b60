-- A multi as a guest in an event loop: socketfunction and timerfunction, multi:socket_action,
-- and the one descriptor of multi:pollfd. The host here is written by hand, on socket.select.

local curl = require "curlsock"
local left = require "spec.support.left"
local lfs = require "lfs"
local luasocket = require "socket"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local version = curl.version_info().version_num
local web

local function nothing() end

-- What the descriptor is, "socket:[123]"; nil if it is not open.
local function target(fd)
  return (lfs.symlinkattributes(("/proc/self/fd/%d"):format(fd), "target"))
end

local function getfd(object)
  return object.fd
end

-- Waits at most that long: list of { fd, "r" or "w" } that are ready of watched, fd -> events.
local function wait(watched, seconds)
  local lists, ready = { r = {}, w = {} }, {}
  for fd, events in pairs(watched) do
    for letter in events:gmatch "." do
      table.insert(lists[letter], { fd = fd, getfd = getfd })
    end
  end
  local readable, writable = luasocket.select(lists.r, lists.w, seconds)
  for _, object in ipairs(readable) do ready[#ready + 1] = { object.fd, "r" } end
  for _, object in ipairs(writable) do ready[#ready + 1] = { object.fd, "w" } end
  return ready
end

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
  return assert(easy:setopt {
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
  }:setopt(options or {}))
end

-- How many lines of the log begin with that word.
function Host:count(word)
  local count = 0
  for _, line in ipairs(self.log) do
    if line:match("^%a+") == word then count = count + 1 end
  end
  return count
end

-- The lines about that descriptor: "open", "watch w", ...
function Host:life(fd)
  local lines = {}
  for _, line in ipairs(self.log) do
    local word, number, rest = line:match("^(%a+) (%d+)(.*)$")
    if tonumber(number) == fd then lines[#lines + 1] = word .. rest end
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

local function only(map)
  local key = next(map)
  assert.is_nil(next(map, key))
  return key
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
    local result = host:run(host:easy(web.url .. "/hello"))
    assert.is_true(result.ok)
    assert.equal("hello\n", body_of(result.easy))
    local fd = held()
    assert.equal("timer", host.log[1])
    assert.same({ "open", "watch w", "watch r", "unwatch" }, host:life(fd))
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
    host.multi:add(host:easy_at("127.0.0.2", { timeout = 0.3 }))
    local start = curl.now()
    host:drive(function() return #host.results > 0 end)
    assert.equal("OPERATION_TIMEDOUT", host.results[1].name)
    local time = curl.now() - start
    assert.truthy(time >= 0.29 and time < 2, time)
    host.multi:close()
    host:assert_clean(1)
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
    local host = new_host()
    host.multi:add(host:easy("http://resolved.test/", { connect_to = { "::127.1:1" } }))
    host.multi:socket_action()
    assert.equal(1, host:count("watch"))
    assert.truthy(next(host.watched))
    host.multi:close()
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
    assert.equal(2, host.multi:socket_action(held and 1000, "r"))
    host.multi:close()
  end)
end)

describe("What is watched is unwatched before it is closed:", function()
  -- Each leaves nothing open: how many sockets were opened?
  local ways = {}

  ways["by the end of a transfer that forbids reuse"] = function(host)
    assert.is_true(host:run(host:easy(web.url .. "/hello", { forbid_reuse = true })).ok)
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end

  ways["by a server that closes"] = function(host)
    assert.is_true(host:run(host:easy(web.url .. "/close")).ok)
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end

  ways["by multi:remove"] = function(host)
    host.multi:remove(host:begin())
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end

  ways["by the easy's close"] = function(host)
    host:begin():close()
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end

  ways["by multi:close, with transfers that run"] = function(host)
    host:begin()
    host:begin()
    host:begin(web.https_url .. "/slow", { cainfo = web.ca })
    host.multi:close()
    return 3
  end

  ways["by multi:close, with idle connections"] = function(host)
    host:run(host:easy(web.url .. "/hello"), host:easy(web.https_url .. "/hello", {
      cainfo = web.ca,
    }))
    assert.equal(2, #curl.sockets())
    host.multi:close()
    return 2
  end

  ways["by eviction"] = function(host)
    host.multi:setopt("maxconnects", 1)
    host:run(host:easy(web.url .. "/hello"))
    host:run(host:easy(web.url4 .. "/hello"))
    assert.equal(1, #curl.sockets())
    host.multi:close()
    return 2
  end

  ways["by a share that is closed"] = function(host)
    local share = curl.share { share = "connect" }
    local easy = host:easy(web.https_url .. "/hello", { share = share, cainfo = web.ca })
    assert.is_true(host:run(easy).ok)
    easy:close()
    share:close()
    assert.same({}, curl.sockets())
    host.multi:close()
    return 1
  end

  ways["by multi:remove, in a share"] = function(host)
    local share <close> = curl.share { share = "connect" }
    local easy <close> = host:begin(nil, { share = share })
    host.multi:remove(easy)
    host.multi:close()
    assert.same({}, curl.sockets())
    return 1
  end

  ways["by a second request after CONNECT_ONLY"] = function(host)
    local easy = host:easy(web.url .. "/hello", { connect_only = true })
    assert.is_true(host:run(easy).ok)
    easy:close()
    host.multi:close()
    return 1
  end

  ways["FTP, passive"] = function(host)
    local url = servers.vsftpd().url
    assert.is_true(host:run(host:easy(url .. "/hello.txt")).ok)
    assert.is_true(host:run(host:easy(url .. "/big.bin")).ok)
    host.multi:close()
    return 3
  end

  ways["FTP, active, in the middle of the data"] = function(host)
    host:begin(servers.vsftpd().url .. "/big.bin", { ftpport = "-" })
    host.multi:close()
    return 2
  end

  for what, way in pairs(ways) do
    it(what, function()
      local host = new_host()
      local sockets = way(host)
      host:assert_clean(sockets)
      assert.truthy(host:count("watch") >= sockets)
    end)
  end

  it("by collection", function()
    local host = new_host()
    local log, faults, watched = host.log, host.faults, host.watched
    host:begin()
    host = nil -- luacheck: ignore
    left.gc()
    assert.same({ {}, {} }, { faults, watched })
    assert.matches("^close", log[#log - 1] .. log[#log])
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

  -- Libcurl before 8.2 closes an attempt that is given up natively, without a word, and says
  -- that it is no longer to be watched when it is closed.
  local natively = version < 0x080200

  it("an attempt that was given up", function()
    dead_host("127.0.0.2")
    local host = new_host()
    local easy = host:easy_at("127.0.0.2", { connecttimeout_ms = 100 })
    assert.equal("OPERATION_TIMEDOUT", host:run(easy).name)
    local fd = only(host.targets)
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
