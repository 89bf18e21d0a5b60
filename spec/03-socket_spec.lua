-- Socket: making, states, bind to close, waiting, options, and who may touch a descriptor.

local curl = require "curlsock"
local left = require "spec.support.left"
local lfs = require "lfs"
local luasocket = require "socket"
local system = require "spec.support.system"
local target = require("spec.support.transfers").target

local huge = { -1, 2 ^ 31, math.maxinteger, math.mininteger, 1.5, math.huge, 0 / 0, 1e300 }

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok, "an error was expected")
  assert.truthy(tostring(message):find(pattern), ("%q lacks %q"):format(message, pattern))
end

-- That a call returned nil, a message that holds the pattern, and the name.
local function failed(name, pattern, ...)
  local value, message, got = ...
  assert.is_nil(value)
  assert.equal(name, got)
  assert.truthy(message:find(pattern), ("%q lacks %q"):format(message, pattern))
end

local function is_cloexec(fd)
  for line in io.lines("/proc/self/fdinfo/" .. fd) do
    local flags = line:match("^flags:%s*(%d+)")
    if flags then
      return tonumber(flags, 8) & tonumber("2000000", 8) ~= 0
    end
  end
end

-- Closes a descriptor behind the back of the Socket that has it.
local function close_natively(fd)
  local other = luasocket.tcp()
  other:setfd(fd)
  other:close()
end

local function listener(address)
  local a = curl.address(address or "127.0.0.1:0")
  return assert(assert(a:socket()):bind(a)):listen()
end

-- Both ends of a TCP connection, and the listener.
local function connection()
  local server = listener()
  local client = assert(curl.socket():connect(server:localaddress(), 1))
  return client, assert(server:accept(1)), server
end

local function path()
  local name = os.tmpname()
  os.remove(name)
  return name
end

-- Calls f with a Socket that is lent to libcurl, and then one(socket) in its close callback.
local function lent(f, one)
  local server = listener()
  local given
  local easy = curl.easy {
    url = "http://" .. tostring(server:localaddress()),
    connect_only = true,
    opensocketfunction = function(_, address)
      given = assert(address:socket())
      return given
    end,
    closesocketfunction = one,
  }
  assert(easy:perform())
  local ok, message = pcall(f or function() end, given)
  easy:close()
  assert(ok, message)
  return given
end

-- Calls f with a Socket in its close callback.
local function closing(f)
  local done
  local socket = lent(nil, function(s)
    f(s)
    done = true
  end)
  assert.is_true(done)
  return socket
end

describe("curl.socket", function()
  it("makes an owned TCP socket", function()
    local s = assert(curl.socket())
    assert.equal("owned", s:state())
    assert.same({ "inet", "stream" },
      { s:getsockopt("socket", "domain"), s:getsockopt("socket", "type") })
  end)

  it("takes names", function()
    for _, family in ipairs { "inet", "inet6", "unix" } do
      for _, socktype in ipairs { "stream", "dgram" } do
        local s = assert(curl.socket(family, socktype))
        assert.same({ family, socktype },
          { s:getsockopt("socket", "domain"), s:getsockopt("socket", "type") })
      end
    end
    assert.equal("seqpacket", curl.socket("unix", "seqpacket"):getsockopt("socket", "type"))
  end)

  it("takes the integers of the system", function()
    local s = assert(curl.socket(2, 1, 6))
    assert.equal(6, s:getsockopt("socket", "protocol"))
  end)

  it("takes floats with an integer value", function()
    assert.truthy(curl.socket(2.0, 1.0, 6.0))
  end)

  it("makes a descriptor that is closed on exec", function()
    local s = assert(curl.socket())
    assert.is_true(is_cloexec(s:fd()))
  end)

  it("returns what the system refuses", function()
    failed("EAFNOSUPPORT", "^socket: Address family not", curl.socket(12345))
    failed("EPROTONOSUPPORT", "^socket: ", curl.socket("inet", "stream", 17))
  end)

  it("refuses other families", function()
    for _, value in ipairs { "ipv4", "", "inet\0", true, {}, print } do
      fails('"inet", "inet6", "unix" or an integer expected', curl.socket, value)
    end
  end)

  it("refuses other types", function()
    for _, value in ipairs { "tcp", "", "stream\0", true, {}, print } do
      fails('"stream", "dgram", "seqpacket", "raw" or an integer', curl.socket, "inet", value)
    end
  end)

  it("refuses other protocols", function()
    for _, value in ipairs { "tcp", "6", true, {} } do
      fails("integer from 0 to 2147483647 expected", curl.socket, "inet", "stream", value)
    end
  end)

  it("refuses numbers out of range", function()
    for _, value in ipairs(huge) do
      fails("an integer expected", curl.socket, value)
      fails("an integer expected", curl.socket, "inet", value)
      fails("integer from 0 to 2147483647 expected", curl.socket, "inet", "stream", value)
    end
  end)
end)

describe("curl.socketpair", function()
  it("makes two Sockets that are connected", function()
    local a, b = assert(curl.socketpair())
    assert.equal(5, a:send("hello"))
    assert.equal("hello", b:recv(10))
    assert.equal(3, b:send("you"))
    assert.equal("you", a:recv(10))
  end)

  it("closes both on exec", function()
    local a, b = assert(curl.socketpair())
    assert.is_true(is_cloexec(a:fd()))
    assert.is_true(is_cloexec(b:fd()))
  end)

  it("takes a type", function()
    local a, b = assert(curl.socketpair("dgram"))
    a:send("one")
    a:send("two")
    assert.equal("one", b:recv(10))
  end)

  it("returns what the system refuses", function()
    failed("EINVAL", "^socketpair: ", curl.socketpair(77))
  end)

  it("refuses other types", function()
    fails('"stream", "dgram"', curl.socketpair, "pipe")
  end)
end)

describe("curl.adopt", function()
  it("makes an owned Socket of a descriptor", function()
    local fd = curl.socket():detach()
    local s = curl.adopt(fd)
    assert.same({ fd, "owned" }, { s:fd(), s:state() })
    s:close()
    assert.is_nil(target(fd))
  end)

  it("takes a float, as luasocket gives it", function()
    local fd = curl.socket():detach()
    assert.equal(fd, curl.adopt(fd + 0.0):fd())
  end)

  it("refuses what is no descriptor", function()
    for _, value in ipairs { -1, 2 ^ 31, math.maxinteger, 1.5, "3", true, {}, io.stdout } do
      fails("integer from 0 to 2147483647 expected, got", curl.adopt, value)
    end
    fails("expected, got no value", curl.adopt)
    fails("expected, got nil", curl.adopt, nil)
  end)

  it("refuses a descriptor that is not open", function()
    local s = curl.socket()
    local fd = s:fd()
    s:close()
    fails("descriptor " .. fd .. " is not an open socket", curl.adopt, fd)
    fails("descriptor 2147483647 is not an open socket", curl.adopt, 2147483647)
  end)

  it("refuses a descriptor that is a file", function()
    local before = curl.socket()
    local fd = before:fd()
    before:close()
    local file <close> = assert(io.open("/dev/null"))
    assert.equal("/dev/null", target(fd))
    fails("descriptor " .. fd .. " is not an open socket", curl.adopt, fd)
    assert.equal("/dev/null", target(fd))
    assert(file)
  end)

  it("refuses a descriptor that another Socket owns", function()
    local s = curl.socket()
    fails("descriptor " .. s:fd() .. " belongs to another Socket", curl.adopt, s:fd())
    assert.truthy(target(s:fd()))
  end)

  it("refuses a descriptor that libcurl holds", function()
    lent(function(s)
      fails("descriptor " .. s:fd() .. " is lent to libcurl", curl.adopt, s:fd())
    end)
  end)

  it("refuses a descriptor that is in its close callback", function()
    closing(function(s)
      fails("descriptor " .. s:fd() .. " is lent to libcurl", curl.adopt, s:fd())
    end)
  end)

  it("takes a number that its Socket lost", function()
    local old = curl.socket()
    local fd = old:fd()
    close_natively(fd)
    local new = curl.adopt(curl.socket():detach())
    assert.equal(fd, new:fd())
    assert.equal("closed", old:state())
    old:close()
    assert.truthy(target(fd))
  end)

  it("takes a number that its Socket lost to another library", function()
    local old = curl.socket()
    local fd = old:fd()
    close_natively(fd)
    local stranger = luasocket.tcp4()
    assert.equal(fd, stranger:getfd())
    stranger:setfd(-1)
    local new <close> = curl.adopt(fd)
    assert.same({ fd, "owned" }, { new:fd(), new:state() })
    assert.is_nil(old:fd())
    old:close()
    assert.truthy(target(fd))
  end)
end)

describe("a Socket's states", function()
  -- Calls method of s with arguments that would do.
  local function call(s, method)
    local arguments = {
      bind = { "127.0.0.1:0" }, connect = { "127.0.0.1:1" }, send = { "x" }, recv = { 1 },
      setsockopt = { "socket", "keepalive", true }, getsockopt = { "socket", "keepalive" },
      accept = { 0 },
    }
    return s[method](s, table.unpack(arguments[method] or {}))
  end

  local options = { "setsockopt", "getsockopt", "localaddress", "peeraddress", "info", "bind" }
  local io_methods = { "listen", "accept", "connect", "send", "recv" }

  it("owned: everything", function()
    local s = curl.socket()
    for _, list in ipairs { options, io_methods } do
      for _, method in ipairs(list) do
        call(s, method)
      end
    end
    assert.is_true(s:close())
  end)

  it("lent: options and addresses", function()
    lent(function(s)
      assert.equal("lent", s:state())
      for _, method in ipairs(options) do
        call(s, method)
      end
      assert.equal("integer", math.type(s:fd()))
    end)
  end)

  for _, method in ipairs { "close", "detach", table.unpack(io_methods) } do
    it("lent: refuses " .. method, function()
      lent(function(s)
        fails("socket:" .. method .. ": the socket is lent to libcurl", call, s, method)
        assert.truthy(target(s:fd()))
      end)
    end)
  end

  it("lent: is not closed by <close>", function()
    lent(function(s)
      do local _ <close> = s end
      assert.equal("lent", s:state())
      assert.truthy(target(s:fd()))
    end)
  end)

  it("closing: options, addresses, and last words", function()
    closing(function(s)
      assert.equal("closing", s:state())
      for _, method in ipairs(options) do
        call(s, method)
      end
      assert.equal(3, s:send("bye"))
      failed("EAGAIN", "^recv: ", s:recv(1, 0))
    end)
  end)

  for _, method in ipairs { "listen", "accept", "connect" } do
    it("closing: refuses " .. method, function()
      closing(function(s)
        fails("socket:" .. method .. ": the socket is being closed", call, s, method)
      end)
    end)
  end

  it("closing: can be closed", function()
    local fd
    local s = closing(function(s)
      fd = s:fd()
      assert.is_true(s:close())
      assert.equal("closed", s:state())
      assert.is_nil(target(fd))
    end)
    assert.equal("closed", s:state())
  end)

  it("closing: can be detached", function()
    local fd
    local s = closing(function(s)
      fd = s:detach()
      assert.equal("detached", s:state())
    end)
    assert.equal("detached", s:state())
    assert.truthy(target(fd))
    curl.adopt(fd):close()
  end)

  it("closing: is not closed by <close>", function()
    closing(function(s)
      do local _ <close> = s end
      assert.equal("closing", s:state())
    end)
  end)

  it("closed after the close callback", function()
    assert.equal("closed", closing(function() end):state())
  end)

  for state, make in pairs {
    closed = function()
      local s = curl.socket()
      s:close()
      return s
    end,
    detached = function()
      local s = curl.socket()
      close_natively(s:detach())
      return s
    end,
  } do
    it(state .. ": says so and has no descriptor", function()
      local s = make()
      assert.equal(state, s:state())
      assert.is_nil(s:fd())
      assert.equal("socket (" .. state .. ")", tostring(s))
    end)

    it(state .. ": can be closed again", function()
      local s = make()
      assert.is_true(s:close())
      assert.is_true(s:close())
      do local _ <close> = s end
      assert.equal(state, s:state())
    end)

    for _, list in ipairs { options, io_methods, { "detach" } } do
      for _, method in ipairs(list) do
        it(state .. ": refuses " .. method, function()
          fails("socket:" .. method .. ": the socket is " .. state, call, make(), method)
        end)
      end
    end
  end
end)

describe("socket.data", function()
  it("is nil at first", function()
    assert.is_nil(curl.socket().data)
  end)

  it("holds any value", function()
    local s = curl.socket()
    for _, value in ipairs { 1, "x", true, { 1 }, print } do
      s.data = value
      assert.equal(value, s.data)
    end
    s.data = nil
    assert.is_nil(s.data)
  end)

  it("works in every state", function()
    local s = lent(function(s)
      s.data = { n = 1 }
    end, function(s)
      s.data.n = s.data.n + 1
    end)
    assert.equal(2, s.data.n)
    s.data = "closed"
    assert.equal("closed", s.data)
  end)

  it("may mention the Socket", function()
    local fd
    do
      local s = curl.socket()
      fd = s:fd()
      s.data = { s }
    end
    left.gc()
    assert.is_nil(target(fd))
  end)

  it("is the only field to be set", function()
    local s = curl.socket()
    for _, key in ipairs { "fd", "dat", "data\0", "", 1, true, s } do
      fails("Socket has no field", function() s[key] = 1 end)
    end
  end)

  it("is not found in other objects", function()
    local mt = debug.getmetatable(curl.socket())
    for _, other in ipairs { io.stdout, {}, 1, curl.address("::1") } do
      fails("curlsock.socket expected", mt.__index, other, "data")
      fails("curlsock.socket expected", mt.__newindex, other, "data", 1)
    end
  end)
end)

describe("a Socket", function()
  it("has no other fields", function()
    assert.is_nil(curl.socket().nothing)
    assert.is_nil(curl.socket()["data\0"])
    assert.is_nil(curl.socket()[1])
  end)

  it("gives its descriptor to event loops", function()
    local s = curl.socket()
    for _, name in ipairs { "getfd", "pollfd", "fileno" } do
      assert.equal(s:fd(), s[name](s))
    end
    assert.same({}, (luasocket.select({ s }, nil, 0)) and {} or nil)
  end)

  it("is shown with descriptor and state", function()
    local s = curl.socket()
    assert.equal(("socket (%d, owned)"):format(s:fd()), tostring(s))
    lent(function(l)
      assert.equal(("socket (%d, lent)"):format(l:fd()), tostring(l))
    end)
  end)

  it("is not mistaken for something else", function()
    local mt = debug.getmetatable(curl.socket())
    local methods = {
      "accept", "bind", "close", "connect", "detach", "fd", "getsockopt", "info", "listen",
      "localaddress", "peeraddress", "recv", "send", "setsockopt", "state",
    }
    for _, other in ipairs { io.stdout, {}, 1, "x", curl.address("::1") } do
      for _, name in ipairs(methods) do
        assert.is_false(pcall(curl.socket()[name], other))
      end
      for _, name in ipairs { "__gc", "__close", "__tostring" } do
        fails("curlsock.socket expected", mt[name], other)
      end
    end
  end)

  it("names what it was called with instead", function()
    fails("curlsock.socket expected, got FILE", curl.socket().fd, io.stdout)
  end)
end)

describe("the descriptor of a Socket", function()
  it("is closed by close", function()
    local s = curl.socket()
    local fd = s:fd()
    assert.is_true(s:close())
    assert.is_nil(target(fd))
  end)

  it("is closed at the end of a block", function()
    local fd
    do
      local s <close> = curl.socket()
      fd = s:fd()
      assert.truthy(target(fd))
    end
    assert.is_nil(target(fd))
  end)

  it("is closed when the Socket is collected", function()
    local fd
    do
      local s = curl.socket()
      fd = s:fd()
    end
    left.gc()
    assert.is_nil(target(fd))
  end)

  it("is closed when the state is closed", function()
    local out = left.pass [[
      local lfs = require "lfs"
      -- Marked first, so finalized last.
      Last = setmetatable({}, { __gc = function(t)
        print(lfs.symlinkattributes("/proc/self/fd/" .. t.fd, "target"))
      end })
      Socket = require "curlsock".socket()
      Last.fd = Socket:fd()
      assert(lfs.symlinkattributes("/proc/self/fd/" .. Last.fd, "target"))
    ]]
    assert.truthy(out:find("^nil"))
  end)

  it("is left alone when it was detached", function()
    local fd
    do
      local s = curl.socket()
      fd = s:detach()
      s:close()
    end
    left.gc()
    assert.truthy(target(fd))
    close_natively(fd)
  end)

  it("is not there for a finalizer that comes later", function()
    local seen
    do
      -- Marked first, so finalized last.
      local last = setmetatable({}, {
        __gc = function(t)
          local s = t.socket
          seen = { s:state(), s:fd() or "none", tostring(s), s.data, s:close() }
        end,
      })
      last.socket = curl.socket()
      last.socket.data = "mine"
    end
    left.gc()
    assert.same({ "closed", "none", "socket (closed)", "mine", true }, seen)
  end)

  describe("that something else closed", function()
    -- Closes the descriptor of the Socket; its number is now that of the stranger returned.
    local function steal(socket)
      local fd = socket:fd()
      close_natively(fd)
      local stranger = luasocket.udp4()
      assert.equal(fd, stranger:getfd())
      return stranger
    end

    -- Runs f(socket, fd), which must leave the stranger at fd alone.
    local function stolen(f)
      local socket = curl.socket()
      local fd = socket:fd()
      local stranger = steal(socket)
      local before = target(fd)
      f(socket, fd)
      assert.equal(before, target(fd))
      stranger:close()
    end

    local methods = {
      accept = { 0 }, bind = { "127.0.0.1:0" }, close = {}, connect = { "127.0.0.1:1" },
      detach = {}, getsockopt = { "socket", "type" }, info = {}, listen = {}, localaddress = {},
      peeraddress = {}, recv = { 1, 0 }, send = { "x" },
      setsockopt = { "socket", "keepalive", true },
    }
    for method, arguments in pairs(methods) do
      it("is not reached by " .. method, function()
        stolen(function(s, fd)
          fails(("socket:%s: descriptor %d was closed by something else"):format(method, fd),
            s[method], s, table.unpack(arguments))
          assert.equal("closed", s:state())
        end)
      end)
    end

    it("is not shown to event loops", function()
      stolen(function(s)
        assert.is_nil(s:fd())
        assert.equal("closed", s:state())
      end)
    end)

    it("is not closed by the collector", function()
      local stranger
      do
        local s = curl.socket()
        stranger = steal(s)
      end
      local before = target(stranger:getfd())
      left.gc()
      assert.equal(before, target(stranger:getfd()))
      stranger:close()
    end)

    it("is not closed at the end of a block", function()
      stolen(function(s)
        do local _ <close> = s end
        assert.equal("closed", s:state())
      end)
    end)

    it("is not reached when it was lent", function()
      lent(function(s)
        local fd = s:fd()
        local stranger = steal(s)
        local before = target(fd)
        assert.is_nil(s:fd())
        fails(("socket:getsockopt: descriptor %d was closed by something else"):format(fd),
          s.getsockopt, s, "socket", "type")
        assert.equal("lent", s:state())
        assert.equal(before, target(fd))
        stranger:close()
      end)
    end)

    it("is not closed when a file took its number", function()
      local s = curl.socket()
      local fd = s:fd()
      close_natively(fd)
      local file <close> = assert(io.open("/dev/null"))
      fails("was closed by something else", s.close, s)
      assert.equal("/dev/null", target(fd))
      assert(file)
    end)

    it("is not there at all", function()
      local s = curl.socket()
      close_natively(s:fd())
      fails("was closed by something else", s.send, s, "x")
      assert.is_true(s:close())
    end)
  end)
end)

describe("the finalizer of a lent Socket", function()
  it("leaves it to the close callback of a handle that goes with it", function()
    local seen
    do
      local easy
      local server = listener()
      easy = curl.easy {
        url = "http://" .. tostring(server:localaddress()),
        connect_only = true,
        opensocketfunction = function(_, address)
          local s = assert(address:socket())
          s.data = { easy }
          return s
        end,
        closesocketfunction = function(s)
          seen = { s:state(), #s.data, s:getsockopt("socket", "type"), s:detach() }
        end,
      }
      assert(easy:perform())
    end
    left.gc()
    assert.same({ "closing", 1, "stream" }, { seen[1], seen[2], seen[3] })
    curl.adopt(seen[4]):close()
    left.gc()
  end)

  it("leaves it to the close callback when the state ends", function()
    local out = left.pass [[
      local curl = require "curlsock"
      local server = curl.socket():bind("127.0.0.1:0"):listen()
      Easy = curl.easy {
        url = "http://" .. tostring(server:localaddress()),
        connect_only = true,
        opensocketfunction = function(_, address)
          local s = address:socket()
          s.data = "mine"
          return s
        end,
        closesocketfunction = function(s)
          print(s:state(), s.data, s:getsockopt("socket", "type"))
        end,
      }
      assert(Easy:perform())
    ]]
    assert.equal("closing\tmine\tstream\n", out)
  end)

  it("leaves a closed Socket to finalizers that run when all of curlsock is gone", function()
    local out = left.pass [[
      Last = setmetatable({}, { __gc = function(t)
        for _, s in ipairs(t) do
          print(s:state(), s.data, s:fd(), tostring(s), s:close(), pcall(s.send, s, "x"))
        end
      end })
      local curl = require "curlsock"
      local server = curl.socket():bind("127.0.0.1:0"):listen()
      local easy = curl.easy {
        url = "http://" .. tostring(server:localaddress()),
        connect_only = true,
        opensocketfunction = function(_, address)
          Last[2] = address:socket()
          Last[2].data = "mine"
          return Last[2]
        end,
      }
      assert(easy:perform())
      Last[1] = server
      Easy = easy
    ]]
    local line = "closed\t%s\tnil\tsocket (closed)\ttrue\tfalse\t"
      .. "socket:send: the socket is closed\n"
    assert.equal(line:format("nil") .. line:format("mine"), out)
  end)
end)

describe("socket:bind", function()
  it("takes a text and returns the socket", function()
    local s = curl.socket()
    assert.equal(s, s:bind("127.0.0.1:0"))
    assert.equal("127.0.0.1", s:localaddress().ip)
  end)

  it("takes an Address", function()
    local s = curl.socket()
    local a = curl.address("127.0.0.1")
    assert.truthy(s:bind(a))
    assert.equal("127.0.0.1:0", tostring(a))
  end)

  it("binds to a path", function()
    local name = path()
    local s = assert(curl.socket("unix"):bind("unix:" .. name))
    assert.equal(name, s:localaddress().path)
    os.remove(name)
  end)

  it("binds to the longest path", function()
    local folder = path()
    lfs.mkdir(folder)
    local name = folder .. "/" .. ("x"):rep(107 - #folder - 1)
    local s = assert(curl.socket("unix"):bind("unix:" .. name))
    assert.equal(name, s:localaddress().path)
    os.remove(name)
    lfs.rmdir(folder)
  end)

  it("binds to an abstract name, on Linux", function()
    local name = "unix:@curlsock\0" .. path()
    if not system.linux then
      return fails("or, on Linux,", curl.socket("unix").bind, curl.socket("unix"), name)
    end
    local a = curl.address(name)
    local s = assert(a:socket():bind(a))
    assert.is_true(s:localaddress() == a)
  end)

  it("binds to a name that the kernel chooses, which only Linux tells", function()
    local s = assert(curl.socket("unix"):bind("unix:"))
    assert.matches(system.linux and "^@%x%x%x%x%x$" or "^$", s:localaddress().path)
  end)

  it("does not take a file for an abstract name", function()
    local folder = path()
    lfs.mkdir(folder)
    local old = lfs.currentdir()
    lfs.chdir(folder)
    local s = assert(curl.socket("unix"):bind("unix:./@x"))
    lfs.chdir(old)
    assert.equal("./@x", s:localaddress().path)
    os.remove(folder .. "/@x")
    lfs.rmdir(folder)
  end)

  it("returns what the system refuses", function()
    failed("EADDRNOTAVAIL", "^bind 192%.0%.2%.1:80: ", curl.socket():bind("192.0.2.1:80"))
    failed("EAFNOSUPPORT", "^bind %[::1%]:80: ", curl.socket():bind("[::1]:80"))
    failed("ENOENT", "^bind unix:/no/where: ", curl.socket("unix"):bind("unix:/no/where"))
  end)

  it("refuses what is no address", function()
    local s = curl.socket()
    fails("address .* expected, got \"localhost:80\"", s.bind, s, "localhost:80")
    for _, value in ipairs { 1, true, {}, s, io.stdout } do
      fails("Address, or its text, expected, got", s.bind, s, value)
    end
    fails("Address, or its text, expected, got no value", s.bind, s)
  end)
end)

describe("socket:listen", function()
  it("returns the socket", function()
    local s = curl.socket()
    assert.equal(s, s:listen())
    assert.is_true(s:getsockopt("socket", "acceptconn"))
  end)

  it("takes a backlog", function()
    assert.truthy(curl.socket():listen(1))
    assert.truthy(curl.socket():listen(0))
  end)

  it("returns what the system refuses", function()
    failed("EOPNOTSUPP", "^listen: ", curl.socket("inet", "dgram"):listen())
  end)

  it("refuses what is no backlog", function()
    local s = curl.socket()
    for _, value in ipairs { "1", true, {}, table.unpack(huge) } do
      fails("integer from 0 to 2147483647 expected", s.listen, s, value)
    end
  end)
end)

describe("socket:accept", function()
  it("returns the connection and its peer", function()
    local server = listener()
    local client = assert(curl.socket():connect(server:localaddress()))
    local s, peer = server:accept()
    assert.equal("owned", s:state())
    assert.is_true(peer == client:localaddress())
    assert.same({ "stream", 6 }, { peer.socktype, peer.protocol })
  end)

  it("makes a descriptor that is closed on exec, and blocking", function()
    local _, s = connection()
    assert.is_true(is_cloexec(s:fd()))
    s:setsockopt("socket", "rcvtimeo", 0.05)
    local start = luasocket.gettime()
    failed("EAGAIN", "^recv: ", s:recv(1))
    assert.is_true(luasocket.gettime() - start > 0.04)
  end)

  it("returns an unnamed peer", function()
    local a = curl.address("unix:" .. path())
    local server = assert(a:socket():bind(a)):listen()
    local client = assert(curl.socket("unix"):connect(a))
    os.remove(a.path)
    local _, peer = assert(server:accept(1))
    assert.same({ "unix", "", "unix:" }, { peer.family, peer.path, tostring(peer) })
    assert(client)
  end)

  it("waits no longer than it is told", function()
    local server = listener()
    local start = luasocket.gettime()
    failed("EAGAIN", "^accept: ", server:accept(0.05))
    local took = luasocket.gettime() - start
    assert.is_true(took >= 0.049 and took < 5)
    failed("EAGAIN", "^accept: ", server:accept(0))
  end)

  it("leaves the blocking mode as it was", function()
    local server = listener()
    server:accept(0)
    server:setsockopt("socket", "rcvtimeo", 0.05)
    local start = luasocket.gettime()
    failed("EAGAIN", "^accept: ", server:accept())
    assert.is_true(luasocket.gettime() - start > 0.04)
  end)

  it("returns what the system refuses", function()
    failed("EINVAL", "^accept: ", curl.socket():accept())
  end)

  it("refuses what are no seconds", function()
    local server = listener()
    for _, value in ipairs { -1, math.huge, -math.huge, 0 / 0 } do
      fails("seconds expected", server.accept, server, value)
    end
    for _, value in ipairs { "x", true, {} } do
      fails("number expected", server.accept, server, value)
    end
  end)
end)

describe("socket:connect", function()
  it("returns the socket", function()
    local server = listener()
    local s = curl.socket()
    assert.equal(s, s:connect(server:localaddress()))
    assert.is_true(s:peeraddress() == server:localaddress())
  end)

  it("takes a text, and seconds", function()
    local server = listener()
    assert.truthy(curl.socket():connect(tostring(server:localaddress()), 1))
    assert.truthy(curl.socket():connect(server:localaddress(), 1e300))
  end)

  it("connects over IPv6", function()
    local server = listener("[::1]:0")
    assert.truthy(curl.socket("inet6"):connect(server:localaddress(), 1))
  end)

  it("leaves the descriptor blocking", function()
    local client = connection()
    client:setsockopt("socket", "rcvtimeo", 0.05)
    local start = luasocket.gettime()
    failed("EAGAIN", "^recv: ", client:recv(1))
    assert.is_true(luasocket.gettime() - start > 0.04)
  end)

  it("returns what the system refuses", function()
    local server = listener()
    local a = server:localaddress()
    server:close()
    failed("ECONNREFUSED", "^connect 127%.0%.0%.1:%d+: ", curl.socket():connect(a))
    failed("ECONNREFUSED", "^connect 127%.0%.0%.1:%d+: ", curl.socket():connect(a, 1))
    failed("ENOENT", "^connect unix:/no: ", curl.socket("unix"):connect("unix:/no", 1))
  end)

  -- A backlog of 0 takes one connection; the next one is not answered, the one after waits.
  it("waits no longer than it is told", function()
    local server = assert(curl.socket():bind("127.0.0.1:0")):listen(0)
    local a = server:localaddress()
    local first = assert(curl.socket():connect(a, 1))
    local start = luasocket.gettime()
    failed("ETIMEDOUT", "^connect 127%.0%.0%.1:%d+: ", curl.socket():connect(a, 0.05))
    local took = luasocket.gettime() - start
    assert.is_true(took >= 0.049 and took < 5)
    assert(first)
  end)

  it("goes on with a connection that is being made", function()
    local server = assert(curl.socket():bind("127.0.0.1:0")):listen(0)
    local a = server:localaddress()
    local first = assert(curl.socket():connect(a, 1))
    local s = curl.socket()
    failed("ETIMEDOUT", "^connect ", s:connect(a, 0.01))
    assert(server:accept(1)):close()
    assert.equal(s, s:connect(a, 10))
    assert(first)
  end)

  it("waits no longer than it is told for a UNIX socket", function()
    local a = curl.address("unix:" .. path())
    local server = assert(a:socket():bind(a)):listen(0)
    local first = assert(a:socket():connect(a, 0))
    local start = luasocket.gettime()
    failed("ETIMEDOUT", "^connect unix:/", a:socket():connect(a, 0.05))
    local took = luasocket.gettime() - start
    os.remove(a.path)
    assert.is_true(took >= 0.049 and took < 5)
    assert(server)
    assert(first)
  end)

  it("refuses what is no address, or no seconds", function()
    local s = curl.socket()
    fails("address .* expected, got \"x\"", s.connect, s, "x")
    fails("Address, or its text, expected, got table", s.connect, s, {})
    for _, value in ipairs { -1, math.huge, 0 / 0 } do
      fails("seconds expected", s.connect, s, "127.0.0.1:1", value)
    end
  end)
end)

describe("socket:send", function()
  it("returns how many bytes were sent", function()
    local a, b = curl.socketpair()
    assert.equal(3, a:send("a\0b"))
    assert.equal("a\0b", b:recv(10))
    assert.equal(0, a:send(""))
  end)

  it("may send less than all", function()
    local a, b = curl.socketpair()
    local n = a:send(("x"):rep(10000000), 0.01)
    assert.is_true(n > 0 and n < 10000000)
    assert(b)
  end)

  it("waits no longer than it is told", function()
    local a, b = curl.socketpair()
    repeat until not a:send(("x"):rep(100000), 0)
    local start = luasocket.gettime()
    failed("EAGAIN", "^send: ", a:send("x", 0.05))
    local took = luasocket.gettime() - start
    assert.is_true(took >= 0.049 and took < 5)
    b:close()
  end)

  it("returns EPIPE, and raises no signal", function()
    local a, b = curl.socketpair()
    b:close()
    failed("EPIPE", "^send: ", a:send("x"))
  end)

  it("refuses what is no string, or no seconds", function()
    local a = curl.socketpair()
    for _, value in ipairs { true, {}, a } do
      fails("string expected", a.send, a, value)
    end
    fails("string expected, got no value", a.send, a)
    fails("seconds expected", a.send, a, "x", -1)
  end)
end)

describe("socket:recv", function()
  it("returns what is there", function()
    local a, b = curl.socketpair()
    a:send("hello")
    assert.equal("he", b:recv(2))
    assert.equal("llo", b:recv(100))
  end)

  it("returns large pieces", function()
    local a, b = curl.socketpair()
    local text = ("0123456789"):rep(5000)
    assert.equal(#text, a:send(text))
    assert.equal(text, b:recv(1000000))
  end)

  it("returns an empty string at the end", function()
    local a, b = curl.socketpair()
    a:close()
    assert.equal("", b:recv(10))
    assert.equal("", b:recv(10, 1))
  end)

  it("waits no longer than it is told", function()
    local a, b = curl.socketpair()
    local start = luasocket.gettime()
    failed("EAGAIN", "^recv: ", b:recv(10, 0.05))
    local took = luasocket.gettime() - start
    assert.is_true(took >= 0.049 and took < 5)
    failed("EAGAIN", "^recv: ", b:recv(10, 0))
    a:close()
  end)

  it("returns what the system refuses", function()
    failed("ENOTCONN", "^recv: ", curl.socket():recv(1))
    local client, server = connection()
    server:setsockopt("socket", "linger", 0)
    server:close()
    failed("ECONNRESET", "^recv: ", client:recv(1, 1))
  end)

  it("refuses what is no size, or no seconds", function()
    local a = curl.socketpair()
    for _, value in ipairs { 0, "1", true, {}, table.unpack(huge) } do
      fails("integer from 1 to 2147483647 expected", a.recv, a, value)
    end
    fails("expected, got no value", a.recv, a)
    fails("seconds expected", a.recv, a, 1, -1)
  end)
end)

describe("socket:localaddress and peeraddress", function()
  it("return both ends", function()
    local client, server = connection()
    assert.is_true(client:localaddress() == server:peeraddress())
    assert.is_true(client:peeraddress() == server:localaddress())
  end)

  it("return an unnamed UNIX address", function()
    local a = curl.socketpair("dgram")
    assert.same({ "unix", "", "dgram" },
      { a:localaddress().family, a:localaddress().path, a:peeraddress().socktype })
  end)

  it("return what the system refuses", function()
    failed("ENOTCONN", "^peeraddress: ", curl.socket():peeraddress())
  end)
end)

describe("socket:detach", function()
  it("returns the open descriptor", function()
    local a, b = curl.socketpair()
    local fd = b:fd()
    assert.equal(fd, b:detach())
    local c = curl.adopt(fd)
    a:send("x")
    assert.equal("x", c:recv(1))
  end)
end)

-- That both methods say that this system does not have the option.
local function absent(s, level, name, value)
  failed("ENOPROTOOPT", "^setsockopt " .. name .. ": Protocol not available$",
    s:setsockopt(level, name, value))
  failed("ENOPROTOOPT", "^getsockopt " .. name .. ": ", s:getsockopt(level, name))
end

describe("socket:setsockopt", function()
  local function roundtrip(level, name, value, s)
    s = s or curl.socket()
    assert.equal(s, s:setsockopt(level, name, value))
    return s:getsockopt(level, name)
  end

  -- An option that only Linux has is then what is expected, by default the value.
  local function on_linux(level, name, value, s, expected)
    s = s or curl.socket()
    if not system.linux then return absent(s, level, name, value) end
    assert.equal(expected or value, roundtrip(level, name, value, s))
  end

  it("sets booleans", function()
    for _, name in ipairs { "reuseaddr", "reuseport", "keepalive", "dontroute", "oobinline" } do
      assert.is_false(curl.socket():getsockopt("socket", name))
      assert.is_true(roundtrip("socket", name, true))
      assert.is_false(roundtrip("socket", name, false))
    end
    assert.is_true(roundtrip("tcp", "nodelay", true))
    assert.is_true(roundtrip("ipv6", "v6only", true, curl.socket("inet6")))
    assert.is_true(roundtrip("socket", "broadcast", true, curl.socket("inet", "dgram")))
    on_linux("tcp", "cork", true)
    on_linux("ip", "freebind", true)
    on_linux("ip", "bind_address_no_port", true)
    on_linux("udp", "cork", true, curl.socket("inet", "dgram"))
  end)

  it("sets integers", function()
    assert.equal(16384, roundtrip("socket", "sndbuf", 8192)) -- Linux doubles it
    assert.equal(16, roundtrip("ip", "tos", 16))
    assert.equal(9, roundtrip("ip", "ttl", 9))
    assert.equal(7, roundtrip("tcp", "keepcnt", 7.0))
    assert.equal(32, roundtrip("ipv6", "tclass", 32, curl.socket("inet6")))
    on_linux("socket", "priority", 3)
    on_linux("tcp", "keepidle", 77)
  end)

  it("sets times in seconds", function()
    assert.equal(1.5, roundtrip("socket", "rcvtimeo", 1.5))
    assert.equal(0.0, roundtrip("socket", "sndtimeo", 0))
    assert.is_true(roundtrip("socket", "sndtimeo", 1e-9) > 0)
    on_linux("tcp", "user_timeout", 1.25)
    on_linux("tcp", "user_timeout", 1e-9, nil, 0.001)
    on_linux("socket", "busy_poll", 0, nil, 0.0)
  end)

  it("sets linger to seconds, or off", function()
    assert.is_false(curl.socket():getsockopt("socket", "linger"))
    assert.equal(0, roundtrip("socket", "linger", 0))
    assert.equal(5, roundtrip("socket", "linger", 5))
    assert.is_false(roundtrip("socket", "linger", false))
    assert.is_false(roundtrip("socket", "linger", nil))
  end)

  it("sets strings", function()
    local s = curl.socket()
    if not system.linux then
      absent(s, "tcp", "congestion", "reno")
      return absent(s, "socket", "bindtodevice", "lo")
    end
    local name = s:getsockopt("tcp", "congestion")
    assert.truthy(name:find("^%l+$"))
    assert.equal(name, roundtrip("tcp", "congestion", name))
    assert.equal("", s:getsockopt("socket", "bindtodevice"))
  end)

  it("sets what root may", function()
    local s = curl.socket()
    if not system.linux then return absent(s, "socket", "mark", 7) end
    local ok, _, name = s:setsockopt("socket", "mark", 4294967295)
    if not ok then
      assert.equal("EPERM", name)
      return
    end
    assert.equal(4294967295, s:getsockopt("socket", "mark"))
    assert.equal(7, roundtrip("socket", "mark", 7))
    assert.equal(5e-05, roundtrip("socket", "busy_poll", 4.95e-05))
    assert.equal("lo", roundtrip("socket", "bindtodevice", "lo"))
  end)

  it("sets a rate, or none", function()
    on_linux("socket", "max_pacing_rate", 100000)
    on_linux("socket", "max_pacing_rate", -1)
  end)

  it("takes integers of the system", function()
    local s = curl.socket()
    assert.equal(s, s:setsockopt(1, 9, 1))
    assert.equal(1, s:getsockopt(1, 9))
    assert.is_true(s:getsockopt(1, "keepalive"))
    assert.equal(1, s:getsockopt("socket", 9))
    assert.equal(s, s:setsockopt(1, 9, "\0\0\0\0"))
    assert.equal("\0\0\0\0", s:getsockopt(1, 9, 4))
    assert.equal("\0", s:getsockopt(1, 9, 1))
    assert.equal(s, s:setsockopt(6.0, 1.0, 1.0))
  end)

  it("returns what the system refuses", function()
    failed("EINVAL", "^setsockopt ttl: ", curl.socket():setsockopt("ip", "ttl", 1000))
    failed(system.linux and "ENODEV" or "ENOPROTOOPT", "^setsockopt bindtodevice: ",
      curl.socket():setsockopt("socket", "bindtodevice", "nowhere0"))
    failed("ENOPROTOOPT", "^setsockopt: ", curl.socket():setsockopt(1, 12345, 1))
    failed("EOPNOTSUPP", "^setsockopt nodelay: ",
      curl.socket("unix"):setsockopt("tcp", "nodelay", true))
  end)

  it("refuses other levels", function()
    local s = curl.socket()
    for _, value in ipairs { "sol_socket", "", "tcp\0", true, {}, 1.5, 2 ^ 31 } do
      fails('"socket", "tcp", "udp", "ip", "ipv6" or an integer expected', s.setsockopt, s, value,
        "keepalive", true)
    end
    fails("or an integer expected, got nil", s.setsockopt, s)
  end)

  it("refuses other options, and names them", function()
    local s = curl.socket()
    fails('unknown option "nodelay" of level "socket"', s.setsockopt, s, "socket", "nodelay", true)
    fails('unknown option "x" of level 6', s.setsockopt, s, 6, "x", true)
    fails('unknown option "nodelay" of level 77', s.setsockopt, s, 77, "nodelay", true)
    for _, value in ipairs { "", "nodelay\0", true, {}, 1.5, 2 ^ 31 } do
      fails('unknown option .* of level "tcp"', s.setsockopt, s, "tcp", value, true)
    end
  end)

  local wrong = {
    { "socket", "keepalive", "boolean", { 1, "true", {} } },
    { "socket", "sndbuf", "integer of 32 bits", { "1", true, 1.5, 2 ^ 31, -2 ^ 31 - 1, 0 / 0 } },
    { "socket", "mark", "integer of 32 bits, not negative,", { -1, 2 ^ 32, "7" } },
    { "socket", "rcvtimeo", "seconds, not negative,", { -1, math.huge, 0 / 0, 1e300, "1", true } },
    { "tcp", "user_timeout", "f?e?w?e?r? ?seconds", { -1, math.huge, 0 / 0, 1e9, "1", true } },
    { "socket", "linger", "whole seconds", { -1, 1.5, 2 ^ 31, "1", true } },
    { "socket", "max_pacing_rate", "integer, %-1 or more,", { -2, 1.5, "1" } },
    { "socket", "bindtodevice", "string of at most 15 bytes without NUL",
      { ("x"):rep(16), "lo\0", "\0", 1, true, {} } },
  }
  for _, case in ipairs(wrong) do
    local level, name, expected, values = table.unpack(case)
    it("refuses other values for " .. name, function()
      local s = curl.socket()
      for _, value in ipairs(values) do
        fails("option '" .. name .. "': " .. expected .. ".* expected, got", s.setsockopt, s, level,
          name, value)
      end
    end)
  end

  it("refuses to set what can only be read", function()
    local s = curl.socket()
    for _, name in ipairs { "type", "domain", "protocol", "acceptconn", "error", "cookie" } do
      fails("option '" .. name .. "' can only be read", s.setsockopt, s, "socket", name, 1)
    end
  end)

  it("refuses other values for integers of the system", function()
    local s = curl.socket()
    for _, value in ipairs { true, {}, 1.5, 2 ^ 31 } do
      fails("integer of 32 bits, or string, expected", s.setsockopt, s, 1, 9, value)
    end
    fails("expected, got nil", s.setsockopt, s, 1, 9)
  end)
end)

describe("socket:getsockopt", function()
  it("names domain and type", function()
    local s = curl.socket("inet6", "dgram")
    assert.equal("inet6", s:getsockopt("socket", "domain"))
    assert.equal("dgram", s:getsockopt("socket", "type"))
    assert.equal(17, s:getsockopt("socket", "protocol"))
    assert.equal(16, curl.socket(16, "raw"):getsockopt("socket", "domain")) -- AF_NETLINK
  end)

  it("names the pending error", function()
    local client, server = connection()
    assert.is_false(client:getsockopt("socket", "error"))
    server:setsockopt("socket", "linger", 0)
    server:close()
    assert.equal("ECONNRESET", client:getsockopt("socket", "error"))
    assert.is_false(client:getsockopt("socket", "error"))
  end)

  it("tells the kernel's cookie", function()
    local a, b = curl.socket(), curl.socket()
    if not system.linux then
      return failed("ENOPROTOOPT", "^getsockopt cookie: ", a:getsockopt("socket", "cookie"))
    end
    assert.not_equal(a:getsockopt("socket", "cookie"), b:getsockopt("socket", "cookie"))
  end)

  it("tells who the peer is, on Linux", function()
    if not system.linux then
      return failed("ENOPROTOOPT", "^getsockopt peercred: Protocol not available$",
        curl.socketpair():getsockopt("socket", "peercred"))
    end
    local cred = curl.socketpair():getsockopt("socket", "peercred")
    assert.same({ "integer", "integer", "integer" },
      { math.type(cred.pid), math.type(cred.uid), math.type(cred.gid) })
    assert.truthy(lfs.attributes("/proc/" .. cred.pid))
  end)

  it("returns what the system refuses", function()
    failed(system.linux and "ENOTCONN" or "ENOPROTOOPT", "^getsockopt mtu: ",
      curl.socket():getsockopt("ip", "mtu"))
    failed("ENOPROTOOPT", "^getsockopt: ", curl.socket():getsockopt(1, 12345))
    failed("ENOPROTOOPT", "^getsockopt: ", curl.socket():getsockopt(1, 12345, 8))
  end)

  it("refuses other options", function()
    local s = curl.socket()
    fails('unknown option "x" of level "tcp"', s.getsockopt, s, "tcp", "x")
    fails('unknown option nil of level "tcp"', s.getsockopt, s, "tcp")
    fails("expected, got nil", s.getsockopt, s)
  end)

  it("refuses other sizes", function()
    local s = curl.socket()
    for _, value in ipairs { 0, -1, 65537, math.maxinteger } do
      fails("size from 1 to 65536 expected", s.getsockopt, s, 1, 9, value)
    end
    fails("number expected", s.getsockopt, s, 1, 9, {})
  end)
end)

describe("socket:info", function()
  if not system.linux then
    it("says that only Linux tells", function()
      failed("ENOSYS", "^info: Function not implemented$", connection():info())
    end)
    return
  end

  it("tells the state", function()
    assert.equal("close", curl.socket():info().state)
    assert.equal("listen", listener():info().state)
    assert.equal("established", connection():info().state)
  end)

  it("tells counts as integers", function()
    local client, server = connection()
    client:send("hello")
    server:recv(5, 1)
    local info = server:info()
    assert.equal(5, info.bytes_received)
    assert.equal("integer", math.type(info.snd_cwnd))
    assert.equal(0, info.total_retrans)
  end)

  it("tells times in seconds", function()
    local rtt = connection():info().rtt
    assert.equal("float", math.type(rtt))
    assert.is_true(rtt > 0 and rtt < 1)
  end)

  it("returns what the system refuses", function()
    failed("EOPNOTSUPP", "^info: ", curl.socket("unix"):info())
    failed("EOPNOTSUPP", "^info: ", curl.socket("inet", "dgram"):info())
  end)
end)
