-- Socket: making, states, fields, and who may touch a descriptor.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local luasocket = require "socket"
local sockets = require "spec.support.sockets"
local steal = require "spec.support.steal"
local surface = require "spec.support.surface"
local target = require("spec.support.transfers").target

local fails, failed, huge = errors.matches, errors.failed, sockets.huge
local listener = sockets.listener
local lent, closing, is_cloexec = sockets.lent, sockets.closing, sockets.is_cloexec

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
    steal(fd)
    local new = curl.adopt(curl.socket():detach())
    assert.equal(fd, new:fd())
    assert.equal("closed", old:state())
    old:close()
    assert.truthy(target(fd))
  end)

  it("takes a number that its Socket lost to another library", function()
    local old = curl.socket()
    local fd = old:fd()
    steal(fd)
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
  local function call(s, method)
    return surface.call("socket", method, s, { address = curl.address("127.0.0.1:0") })
  end

  local options = surface.methods_with("socket", "state", "options")
  local io_methods = surface.methods_with("socket", "state", "io")

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
      steal(s:detach())
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
    steal(fd)
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
    local function lose(socket)
      local fd = socket:fd()
      steal(fd)
      local stranger = luasocket.udp4()
      assert.equal(fd, stranger:getfd())
      return stranger
    end

    -- Runs f(socket, fd), which must leave the stranger at fd alone.
    local function stolen(f)
      local socket = curl.socket()
      local fd = socket:fd()
      local stranger = lose(socket)
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
        stranger = lose(s)
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
        local stranger = lose(s)
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
      steal(fd)
      local file <close> = assert(io.open("/dev/null"))
      fails("was closed by something else", s.close, s)
      assert.equal("/dev/null", target(fd))
      assert(file)
    end)

    it("is not there at all", function()
      local s = curl.socket()
      steal(s:fd())
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
