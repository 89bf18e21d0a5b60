-- Where other bindings of libcurl crash, leak or go silent: R11 to R14 of the numbers in the spec
-- before this, and other things that their callbacks do.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local lfs = require "lfs"
local lives = require "spec.support.lives"
local luasocket = require "socket"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local drive, only_result = transfers.drive, transfers.only_result
local new_easy, refusal, try = lives.new_easy, errors.refusal, errors.try

local function new_log() return lives.new_log(true) end

local once = { "A ipcxn, closing for A" }

local function fetch(...) assert(transfers.run(...)) end

describe("R11: an address that the open callback rewrote", function()
  it("is where libcurl connects to", function()
    local nginx = servers.nginx()
    local asked
    local body = {}
    local easy = curl.easy {
      url = "http://192.0.2.1:666/hello",
      proxy = "",
      timeout = 20,
      writefunction = body,
      opensocketfunction = function(_, address)
        asked = tostring(address)
        address.ip, address.port = nginx.host, nginx.port
        return true
      end,
    }
    assert.is_true(easy:perform())
    assert.equal("192.0.2.1:666", asked)
    assert.equal("hello\n", table.concat(body))
    easy:close()
  end)

  it("may be of another family: a UNIX socket", function()
    local log = new_log()
    local easy = new_easy(log, "A", { url = "http://192.0.2.1:666/hello" })
    local body = {}
    local open = log.open("A")
    easy:setopt {
      writefunction = body,
      opensocketfunction = function(purpose, address)
        address.path = servers.nginx().unix
        assert.equal("unix", address.family)
        return open(purpose, address)
      end,
    }
    assert.is_true(easy:perform())
    assert.equal("hello\n", table.concat(body))
    easy:close()
    assert.same(once, log.lives())
  end)
end)

describe("R12: the socket type of an address", function()
  it("is \"stream\" on every libcurl, and a socket can be made of the fields", function()
    local seen
    local easy = curl.easy {
      url = servers.nginx().url .. "/hello",
      proxy = "",
      timeout = 20,
      opensocketfunction = function(_, address)
        seen = { address.family, address.socktype, address.protocol }
        return curl.socket(address.family, address.socktype, address.protocol)
      end,
    }
    assert.is_true(easy:perform())
    assert.same({ "inet", "stream", 6 }, seen)
    easy:close()
  end)
end)

describe("R13: what a callback throws", function()
  local thrown = { { "a table", { "thrown" } }, { "a string", "thrown" }, { "a number", 42 },
    { "false", false }, { "nil", nil } }

  -- An easy whose callback of that name throws the value, and whose connection is not kept.
  local function thrower(log, name, value)
    local easy = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    local usual = name == "closesocketfunction" and log.close("A")
    return easy:setopt {
      forbid_reuse = true,
      [name] = function(...)
        if usual then usual(...) end
        error(value, 0)
      end,
    }
  end

  local events = {
    opensocketfunction = {},
    sockoptfunction = once,
    closesocketfunction = once,
  }
  for _, name in ipairs { "opensocketfunction", "sockoptfunction", "closesocketfunction" } do
    for _, value in ipairs(thrown) do
      it(("in %s, %s, is rethrown unchanged by perform"):format(name, value[1]), function()
        local log = new_log()
        local easy = thrower(log, name, value[2])
        local _, expected = pcall(error, value[2], 0) -- since Lua 5.5 a string for nil
        assert.same({ false, expected, n = 2 }, table.pack(pcall(easy.perform, easy)))
        local _, err = pcall(easy.perform, easy)
        assert.is_true(rawequal(expected, err))
        easy:close()
        for _, life in ipairs(log.lives()) do
          assert.equal(events[name][1], life)
        end
      end)
    end
  end

  for _, name in ipairs { "opensocketfunction", "sockoptfunction" } do
    it(("in %s is that transfer's result in a multi, and no other's"):format(name), function()
      local log = new_log()
      local value = {}
      local A = thrower(log, name, value)
      local B = new_easy(log, "B", { url = servers.nginx().url .. "/hello" })
      local multi = curl.multi():add(A):add(B)
      drive(multi)
      local results = {}
      for easy, ok, err, what in multi:results() do
        results[easy == A and "A" or "B"] = { ok, rawequal(err, value), what }
      end
      assert.same({ A = { nil, true, "CALLBACK" }, B = { true, false } }, results)
      multi:close()
      local expected = { "B ipcxn, closing for B" }
      table.move(events[name], 1, #events[name], 2, expected)
      local seen = log.lives()
      table.sort(seen, function(a, b) return a > b end)
      assert.same(expected, seen)
    end)
  end

  it("in closesocketfunction is rethrown by the multi call that ran it, the work done", function()
    local log = new_log()
    local value = {}
    local A = thrower(log, "closesocketfunction", value)
    local multi = curl.multi():add(A)
    local ok, err = pcall(drive, multi)
    assert.is_false(ok)
    assert.is_true(rawequal(value, err))
    assert.same(once, log.lives())
    assert.equal(0, multi:perform())
    assert.is_true(only_result(multi))
    multi:close()
  end)

  it("in closesocketfunction is rethrown by the close of the pool, all closed", function()
    local log = new_log()
    local value = {}
    local multi = curl.multi()
    for _, name in ipairs { "A", "B" } do
      local path = "/hello?" .. name
      local easy = new_easy(log, name, { url = servers.nginx().url .. path })
      if name == "A" then
        local close = log.close("A")
        easy:setopt("closesocketfunction", function(socket)
          close(socket)
          error(value)
        end)
      end
      multi:add(easy)
    end
    drive(multi)
    local ok, err = pcall(multi.close, multi)
    assert.is_false(ok)
    assert.is_true(rawequal(value, err))
    assert.same({ once[1], "B ipcxn, closing for B" }, log.lives())
    assert.matches("^multi %(closed%)", tostring(multi))
  end)

  it("in a finalizer becomes a warning, and all is closed", function()
    local out, err = left.pass([[
      warn("@on")
      local curl = require "curlsock"
      local function new(name)
        local easy = curl.easy {
          url = os.getenv("URL"), proxy = "",
          closesocketfunction = function() error(name, 0) end,
        }
        assert(easy:perform())
        return easy
      end
      new("collected")
      collectgarbage()
      print(curl.live().socket)
      kept = new("left to lua_close")
    ]], { URL = servers.nginx().url .. "/hello" })
    assert.equal("0\n", out)
    assert.equal("Lua warning: curlsock: collected\n" ..
      "Lua warning: curlsock: left to lua_close\n", err)
  end)

  it("is not printed", function()
    local out, err = left.pass([[
      local curl = require "curlsock"
      local object = setmetatable({}, { __tostring = function() return "boom" end })
      local function boom() error(object) end
      for _, name in ipairs { "opensocketfunction", "sockoptfunction", "closesocketfunction" } do
        local easy = curl.easy { url = os.getenv("URL"), proxy = "", forbid_reuse = true }
        easy:setopt(name, boom)
        assert(not pcall(easy.perform, easy))
        easy:close()
      end
    ]], { URL = servers.nginx().url .. "/hello" })
    assert.same({ "", "" }, { out, err })
  end)
end)

describe("R14: inside an open callback", function()
  -- Runs a transfer of A in the pool (a multi, a share, or none), which calls call(A) when it
  -- opens; closes all and returns what the call gave.
  local function during(call, pool)
    local log = new_log()
    local easy = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    local open, seen = log.open("A"), nil
    easy:setopt("opensocketfunction", function(...)
      seen = try(call, easy)
      return open(...)
    end)
    if pool and pool.add then
      fetch(pool, easy)
    else
      easy:setopt("share", pool)
      assert.is_true(easy:perform())
    end
    easy:close()
    if pool then pool:close() end
    assert.same(once, log.lives())
    return seen
  end

  local function refused(call, kind)
    return { false, refusal(call, kind), n = 2 }
  end

  for _, name in ipairs { "perform", "reset", "close" } do
    it("easy:" .. name .. " of the easy that runs is refused", function()
      local seen = during(function(easy) return easy[name](easy) end)
      assert.same(refused(name == "close" and name or "easy:" .. name, "easy"), seen)
    end)
  end

  -- What takes an easy has tests of its own.
  local takes_easy = { add = true, remove = true }

  for _, name in ipairs(surface.methods_with("multi", "inside", "refused")) do
    if not takes_easy[name] then
      it("multi:" .. name .. " of the multi that runs is refused", function()
        local multi = curl.multi()
        local seen = during(function() return surface.call("multi", name, multi) end, multi)
        assert.same(refused(name == "close" and name or "multi:" .. name, "multi"), seen)
      end)
    end
  end

  it("multi:add to the multi that runs is refused", function()
    local multi = curl.multi()
    local other <close> = curl.easy()
    assert.same(refused("multi:add", "multi"), during(function()
      return multi:add(other)
    end, multi))
  end)

  it("multi:remove from the multi that runs is refused", function()
    local multi = curl.multi()
    assert.same(refused("multi:remove", "multi"), during(function(easy)
      return multi:remove(easy)
    end, multi))
  end)

  it("closing another easy of the multi that runs is refused, and that one goes on", function()
    local log = new_log()
    local multi = curl.multi()
    local B = new_easy(log, "B", { url = servers.nginx().url .. "/hello" })
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    local open, seen = log.open("A"), nil
    A:setopt("opensocketfunction", function(...)
      seen = try(B.close, B)
      return open(...)
    end)
    multi:add(B):add(A)
    drive(multi)
    assert.same(refused("close", "easy"), seen)
    local ended = {}
    for easy, ok in multi:results() do
      ended[easy == A and "A" or "B"] = ok
    end
    assert.same({ A = true, B = true }, ended)
    multi:close()
    assert.same({ "B ipcxn, closing for B", once[1] }, log.lives())
  end)

  it("closing the share that runs is refused", function()
    local share = curl.share { share = "connect" }
    assert.same(refused("close", "share"), during(function() return share:close() end, share))
  end)

  it("changing the share that runs is refused", function()
    local share = curl.share { share = "connect" }
    assert.same(refused("share:setopt", "share"), during(function()
      return share:setopt("share", "dns")
    end, share))
  end)

  it("a whole transfer of an easy that shares nothing with it is allowed", function()
    local log = new_log()
    assert.same({ true, true, n = 2 }, during(function()
      local B = new_easy(log, "B", { url = servers.nginx().url4 .. "/hello" })
      local ok = B:perform()
      B:close()
      return ok
    end))
    assert.same({ "B ipcxn, closing for B" }, log.lives())
  end)

  it("a handle that goes out of scope is closed when the transfer has ended", function()
    local log = new_log()
    local B
    assert.same({ true, "B ipcxn", n = 2 }, during(function()
      do
        local scoped <close> = new_easy(log, "B", { url = servers.nginx().url4 .. "/hello" })
        assert(scoped:perform())
        B = scoped
      end
      assert.matches("^easy %(closed%)", tostring(B))
      return log.lives()[1]
    end))
    assert.same({ "B ipcxn, closing for B" }, log.lives())
  end)
end)

describe("Inside a close callback", function()
  -- An easy whose close callback also calls call(), and what that gave.
  local function new_closer(log, options, call)
    local seen = {}
    local easy = new_easy(log, "A", options)
    local close = log.close("A")
    easy:setopt("closesocketfunction", function(socket)
      close(socket)
      table.insert(seen, try(call, easy))
    end)
    return easy, seen
  end

  local function hello()
    return { url = servers.nginx().url .. "/hello" }
  end

  it("that easy:close runs, closing it again does nothing, and it is closed", function()
    local log = new_log()
    local easy, seen = new_closer(log, hello(), function(easy)
      easy:close()
      return pcall(easy.getinfo, easy, "response_code")
    end)
    assert.is_true(easy:perform())
    easy:close()
    assert.same({ { true, false, seen[1][3], n = 3 } }, seen)
    assert.matches("(easy is closed)", seen[1][3], 1, true)
    assert.same(once, log.lives())
  end)

  it("that multi:close runs, closing it again does nothing, and it is closed", function()
    local log = new_log()
    local multi = curl.multi()
    local easy, seen = new_closer(log, hello(), function()
      multi:close()
      return pcall(multi.perform, multi)
    end)
    fetch(multi, easy)
    multi:close()
    assert.same({ { true, false, seen[1][3], n = 3 } }, seen)
    assert.matches("(multi is closed)", seen[1][3], 1, true)
    assert.same(once, log.lives())
  end)

  it("that share:close runs, no easy can begin to use it", function()
    local log = new_log()
    local share = curl.share { share = "connect" }
    local other <close> = curl.easy()
    local easy, seen = new_closer(log, hello(), function()
      share:close()
      return other:setopt("share", share)
    end)
    easy:setopt("share", share)
    assert.is_true(easy:perform())
    easy:close()
    share:close()
    assert.same({ { false, seen[1][2], n = 2 } }, seen)
    assert.matches("^option 'share': open share expected", seen[1][2])
    assert.same(once, log.lives())
  end)

  it("no other transfer can run in the share whose transfer runs it", function()
    local log = new_log()
    local share = curl.share { share = "connect" }
    local other <close> = new_easy(log, "B", hello()):setopt("share", share)
    local easy, seen = new_closer(log, hello(), function() return other:perform() end)
    easy:setopt { share = share, forbid_reuse = true }
    assert.is_true(easy:perform())
    assert.same({ { false, refusal("easy:perform", "easy"), n = 2 } }, seen)
    easy:close()
    other:close()
    share:close()
    assert.same(once, log.lives())
  end)

  it("a whole transfer of an easy that shares nothing with it is allowed", function()
    local log, other = new_log(), new_log()
    local easy, seen = new_closer(log, hello(), function()
      local B = new_easy(other, "B", hello())
      local ok = B:perform()
      B:close()
      return ok
    end)
    easy:setopt("forbid_reuse", true)
    assert.is_true(easy:perform())
    assert.same({ { true, true, n = 2 } }, seen)
    easy:close()
    assert.same(once, log.lives())
    assert.same({ "B ipcxn, closing for B" }, other.lives())
  end)
end)

describe("A descriptor number that comes back", function()
  it("is a new socket each time, with its own Socket in its close event", function()
    local log = new_log()
    local easy = new_easy(log, "A", { url = servers.nginx().url .. "/close" })
    local numbers = {}
    easy:setopt("sockoptfunction", function(socket) numbers[socket:fd()] = true end)
    for _ = 1, 20 do
      assert.is_true(easy:perform())
    end
    easy:close()
    local count = 0
    for _ in pairs(numbers) do
      count = count + 1
    end
    assert.equal(1, count)
    assert.equal(20, #log.records)
    for _, life in ipairs(log.lives()) do
      assert.equal(once[1], life)
    end
  end)
end)

describe("An open callback that returns", function()
  -- The outcome of a transfer whose open callback is this function.
  local function outcome(open)
    local events = {}
    local easy <close> = curl.easy {
      url = servers.nginx().url .. "/hello",
      proxy = "",
      timeout = 20,
      opensocketfunction = open,
      closesocketfunction = function(socket) events[#events + 1] = socket:state() end,
    }
    local results = try(easy.perform, easy)
    easy:close()
    return results, events
  end

  local function failure(text, ...)
    return { false, ("opensocketfunction: " .. text):format(...), n = 2 }
  end

  -- The number of a file's descriptor.
  local function descriptor_of(path)
    for name in lfs.dir("/proc/self/fd") do
      if lfs.symlinkattributes("/proc/self/fd/" .. name, "target") == path then
        return math.tointeger(tonumber(name))
      end
    end
  end

  it("a Socket that it closed itself fails the transfer", function()
    local results, events = outcome(function(_, address)
      local socket = address:socket()
      socket:close()
      return socket
    end)
    assert.same(failure("returned a Socket that is not the script's"), results)
    assert.same({}, events)
  end)

  it("the number of a descriptor that it closed itself fails the transfer", function()
    local number
    local results, events = outcome(function(_, address)
      local socket = address:socket()
      number = socket:fd()
      socket:close()
      return number
    end)
    assert.same(failure("descriptor %d is no open socket (Bad file descriptor)", number), results)
    assert.same({}, events)
  end)

  it("a Socket whose descriptor something else closed fails the transfer", function()
    local socket
    local results, events = outcome(function(_, address)
      socket = address:socket()
      local foreign = luasocket.tcp()
      foreign:close()
      foreign:setfd(socket:fd())
      foreign:close()
      return socket
    end)
    assert.same(failure("returned a Socket that is not the script's"), results)
    assert.same({}, events)
    assert.is_nil(socket:fd())
  end)

  it("a file's descriptor fails the transfer and leaves the file open", function()
    local path = servers.dir() .. "/a-file"
    local file = assert(io.open(path, "w+"))
    local number = descriptor_of(path)
    local results, events = outcome(function() return number end)
    local why = "is no open socket (Socket operation on non-socket)"
    assert.same(failure("descriptor %d " .. why, number), results)
    assert.same({}, events)
    assert(file:write("still open"))
    file:seek("set")
    assert.equal("still open", file:read("a"))
    file:close()
  end)

  it("the number of its own Socket fails the transfer: the Socket is to be returned", function()
    local socket = curl.socket()
    local number = socket:fd()
    local results, events = outcome(function() return number end)
    assert.same(failure("descriptor %d belongs to a Socket: return that", number), results)
    assert.same({}, events)
    assert.equal("owned", socket:state())
    socket:close()
  end)

  for _, what in ipairs { "Socket", "number" } do
    it("the " .. what .. " of another connection fails, and that one goes on", function()
      local log = new_log()
      local owner = new_easy(log, "A", { url = servers.nginx().url .. "/connection" })
      local body, lent = {}, nil
      owner:setopt {
        writefunction = body,
        sockoptfunction = function(socket) lent = socket end,
      }
      assert.is_true(owner:perform())
      local number = lent:fd()
      local results, events = outcome(function() return what == "Socket" and lent or number end)
      local expected = what == "Socket" and failure("returned a Socket that is not the script's")
        or failure("descriptor %d is lent to libcurl already", number)
      assert.same(expected, results)
      assert.same({}, events)
      assert.equal("lent", lent:state())
      -- The next request goes over the same connection.
      assert.is_true(owner:perform())
      local first, second = table.concat(body):match("^(%d+) 1\n(%d+) 2\n$")
      assert.equal(first, second)
      assert.is_not_nil(first)
      owner:close()
      assert.same(once, log.lives())
    end)
  end
end)

describe("A close callback", function()
  -- Runs a transfer with that close callback, and closes its connection: the Socket, what
  -- easy:close gave, and what its peer then reads: "" if the connection was ended.
  local function close_with(callback)
    local mine, theirs
    local listener = assert(curl.socket():bind("127.0.0.1:0")):listen()
    local easy = curl.easy {
      url = ("http://%s/"):format(listener:localaddress()),
      proxy = "",
      timeout = 20,
      connect_only = true,
      sockoptfunction = function(socket) mine = socket end,
      closesocketfunction = callback,
    }
    assert(easy:perform())
    theirs = assert(listener:accept(5))
    listener:close()
    local closed = try(easy.close, easy)
    local read, _, name = theirs:recv(1, 0)
    theirs:close()
    return mine, closed, read or name
  end

  it("that throws does not keep the descriptor open", function()
    local value = {}
    local socket, closed, read = close_with(function() error(value) end)
    assert.is_false(closed[1])
    assert.is_true(rawequal(value, closed[2]))
    assert.equal("closed", socket:state())
    assert.equal("", read)
  end)

  it("that returns false does not keep the descriptor open", function()
    local socket, closed, read = close_with(function() return false end)
    assert.same({ true, n = 1 }, closed)
    assert.equal("closed", socket:state())
    assert.equal("", read)
  end)

  it("may close the Socket itself", function()
    local socket, closed, read = close_with(function(socket) assert(socket:close()) end)
    assert.same({ true, n = 1 }, closed)
    assert.equal("closed", socket:state())
    assert.equal("", read)
  end)

  it("that detaches the descriptor and then throws has taken it", function()
    local taken
    local socket, closed, read = close_with(function(socket)
      taken = socket:detach()
      error("thrown", 0)
    end)
    assert.same({ false, "thrown", n = 2 }, closed)
    assert.equal("detached", socket:state())
    assert.equal("EAGAIN", read)
    curl.adopt(taken):close()
  end)
end)
