-- socket:sendfd and socket:recvfd: descriptors that go over UNIX sockets.

local curl = require "curlsock"
local fails = require("spec.support.errors").matches
local left = require "spec.support.left"
local luasocket = require "socket"
local native = require "spec.support.native"
local process = require "spec.support.process"
local sockets = require "spec.support.sockets"

-- Device and inode of what a descriptor is of.
local function identity(fd)
  local stat = process.output(("stat -L -c %%d:%%i /proc/$PPID/fd/%d"):format(fd))
  return assert(stat)
end

-- That no more than these are open in what f does, and none after it.
local function counted(f)
  left.gc()
  local before = left.descriptors()
  f()
  left.gc()
  assert.same(before, left.descriptors())
end

describe("socket:sendfd and socket:recvfd", function()
  for _, kind in ipairs { "stream", "dgram", "seqpacket" } do
    it("pass a Socket, which stays the sender's: " .. kind, function()
      local a, b = curl.socketpair(kind)
      local sent <close> = assert(curl.socket("inet", "dgram"))
      assert.equal(5, a:sendfd(sent, "hello"))
      assert.equal("owned", sent:state())
      local s <close>, data = b:recvfd()
      assert.same({ "hello", "owned" }, { data, s:state() })
      assert.not_equal(sent:fd(), s:fd())
      assert.equal(identity(sent:fd()), identity(s:fd()))
      assert.is_true(sockets.is_cloexec(s:fd()))
    end)
  end

  it("pass a descriptor that is an integer, with a NUL if no data is named", function()
    local a, b = curl.socketpair()
    local file = assert(luasocket.udp4())
    finally(function() file:close() end)
    assert.equal(1, a:sendfd(file:getfd()))
    local s <close>, data = b:recvfd(1)
    assert.equal("\0", data)
    assert.equal(identity(file:getfd()), identity(s:fd()))
    assert.equal(1, a:sendfd(file:getfd(), nil, 1))
    local again <close>, more = b:recvfd(nil, 1)
    assert.equal("\0", more)
    assert.equal(identity(file:getfd()), identity(again:fd()))
  end)

  it("pass a connection, which the other process goes on with", function()
    local a, b = curl.socketpair()
    local listener <close> = sockets.listener()
    do
      local s <close> = assert(curl.socket())
      assert(s:connect(listener:localaddress(), 5))
      assert(a:sendfd(s))
    end
    local peer <close> = assert(listener:accept(5))
    local s <close> = assert(b:recvfd())
    assert.equal(5, s:send "hello")
    assert.equal("hello", peer:recv(100, 5))
  end)

  it("keep one message apart from the next", function()
    local a, b = curl.socketpair()
    local one, two = curl.socketpair()
    assert(a:sendfd(one, "1"))
    assert(a:sendfd(two, "2"))
    for i, sent in ipairs { one, two } do
      local s <close>, data = b:recvfd()
      assert.equal(tostring(i), data)
      assert.equal(identity(sent:fd()), identity(s:fd()))
    end
  end)

  it("leave the rest of the data to recv", function()
    local a, b = curl.socketpair()
    assert.equal(5, a:sendfd(a, "hello"))
    local s <close>, data = b:recvfd(1)
    assert.truthy(s)
    assert.equal("h", data)
    assert.equal("ello", b:recv(100))
  end)
end)

describe("socket:recvfd", function()
  it("is nil and the data, where no descriptor came with it", function()
    local a, b = curl.socketpair()
    assert(a:send "no")
    assert.same({ nil, "no", n = 2 }, table.pack(b:recvfd()))
    a:close()
    assert.same({ nil, "", n = 2 }, table.pack(b:recvfd()))
  end)

  it("waits as long as it is told", function()
    local a, b = curl.socketpair()
    local start = curl.now()
    assert.same({ nil, "recvfd: Resource temporarily unavailable", "EAGAIN" }, { b:recvfd(1, 0.1) })
    assert.truthy(curl.now() - start >= 0.1)
    assert(a:sendfd(a))
    local s <close> = assert(b:recvfd(1, 5))
    assert.equal("owned", s:state())
  end)

  it("closes all of several descriptors", function()
    counted(function()
      local a, b = curl.socketpair()
      for count = 2, 100, 7 do
        native.sendfds(a:fd(), count)
        assert.same({ nil, "recvfd: Bad message", "EBADMSG" }, { b:recvfd() })
      end
      assert(a:sendfd(a, "still"))
      local s <close>, data = b:recvfd()
      assert.same({ "owned", "still" }, { s:state(), data })
    end)
  end)

  it("closes what is no socket", function()
    counted(function()
      local a, b = curl.socketpair()
      assert(a:sendfd(0, "stdin"))
      assert.same({ nil, "recvfd: Socket operation on non-socket", "ENOTSOCK" }, { b:recvfd() })
    end)
  end)

  it("says when there is no descriptor left, and goes on after that", function()
    local script = os.tmpname()
    finally(function() os.remove(script) end)
    process.write(script, [[
      local curl = require "curlsock"
      local a, b = curl.socketpair()
      assert(a:sendfd(a, "lost") and a:sendfd(a, "found"))
      local held, s = {}
      for _ = 1, 100 do
        s = curl.socket()
        if not s then break end
        held[#held + 1] = s
      end
      assert(not s)
      local none, message, name = b:recvfd(100, 1)
      assert(not none and name == "EMFILE", message)
      held[#held]:close()
      local s, data = b:recvfd(100, 1)
      assert(s and data == "found", data)
    ]])
    local command = "(ulimit -n 40; timeout 20 %s %s 2>&1) || echo failed"
    assert.equal("", process.output(command:format(process.lua(), script)))
  end)

  it("is not confused by what else the kernel sends along", function()
    local a, b = curl.socketpair()
    assert(b:setsockopt(1, 16, 1)) -- SO_PASSCRED
    assert(a:send "plain")
    assert.same({ nil, "plain" }, { b:recvfd() })
    assert(a:sendfd(a, "one"))
    local s <close>, data = b:recvfd()
    assert.same({ "owned", "one" }, { s:state(), data })
  end)

  it("receives nothing of a socket that has no such messages", function()
    local connection <close>, peer = sockets.connection()
    peer:send "x"
    assert.same({ nil, "x" }, { connection:recvfd(10, 5) })
    peer:close()
  end)

  it("leaves no descriptor where nobody receives", function()
    counted(function()
      local a, b = curl.socketpair()
      assert(a:sendfd(a))
      assert(a:sendfd(b))
      assert.truthy(b)
    end)
  end)
end)

describe("socket:sendfd", function()
  it("waits as long as it is told", function()
    local a, b = curl.socketpair()
    local sent, message, name
    for _ = 1, 10000 do
      sent, message, name = a:sendfd(a, ("x"):rep(10000), 0)
      if not sent then break end
    end
    assert.same({ "sendfd: Resource temporarily unavailable", "EAGAIN" }, { message, name })
    b:close()
  end)

  it("fails for a descriptor that is not open", function()
    local a, b = curl.socketpair()
    assert.same({ nil, "sendfd: Bad file descriptor", "EBADF" }, { a:sendfd(123456) })
    b:close()
  end)

  it("fails where nobody is, without SIGPIPE", function()
    local a, b = curl.socketpair()
    b:close()
    assert.same({ nil, "sendfd: Broken pipe", "EPIPE" }, { a:sendfd(a) })
  end)

  it("fails over what is no UNIX socket, and sends nothing", function()
    local connection <close>, peer = sockets.connection()
    assert.same({ nil, "sendfd: Operation not supported", "EOPNOTSUPP" },
      { connection:sendfd(connection) })
    connection:close()
    assert.equal("", peer:recv(1, 5))
    peer:close()
  end)

  it("sends only what is open, and the script's", function()
    local a, b = curl.socketpair()
    local closed = curl.socket()
    closed:close()
    fails("argument #1 to 'sendfd' %(the socket is closed%)", function() a:sendfd(closed) end)
    sockets.lent(function(lent)
      fails("argument #1 to 'sendfd' %(the socket is not yours%)", function() a:sendfd(lent) end)
    end)
    assert.same({ nil, "recv: Resource temporarily unavailable", "EAGAIN" }, { b:recv(1, 0) })
  end)

  it("refuses other things", function()
    local a, b = curl.socketpair()
    for _, value in ipairs { "1", true, {}, io.stdout, curl.address "::1" } do
      fails("argument #1 to 'sendfd' %(Socket or descriptor expected, got",
        function() a:sendfd(value) end)
    end
    fails("integer from 0 to", function() a:sendfd(-1) end)
    fails("integer from 0 to", function() a:sendfd(0.5) end)
    fails('argument #2 to \'sendfd\' %(data expected, got ""', function() a:sendfd(a, "") end)
    fails("argument #2 to 'sendfd' %(string expected", function() a:sendfd(a, {}) end)
    fails("argument #3 to 'sendfd' %(seconds expected", function() a:sendfd(a, "x", -1) end)
    fails("argument #1 to 'recvfd' %(integer from 1", function() b:recvfd(0) end)
    fails("argument #2 to 'recvfd' %(seconds expected", function() b:recvfd(1, -1) end)
  end)
end)
