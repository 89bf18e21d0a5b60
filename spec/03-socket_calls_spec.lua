-- Socket: bind to detach, and waiting.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local lfs = require "lfs"
local luasocket = require "socket"
local sockets = require "spec.support.sockets"
local system = require "spec.support.system"

local fails, failed, huge = errors.matches, errors.failed, sockets.huge
local listener, connection, path = sockets.listener, sockets.connection, sockets.path
local is_cloexec = sockets.is_cloexec

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
