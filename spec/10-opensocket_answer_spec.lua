-- opensocketfunction: the sockets that it may answer with: a Socket, a descriptor, an object of
-- another library; and one that is connected already.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local lfs = require "lfs"
local luasocket = require "socket"
local openers = require "spec.support.openers"
local servers = require "spec.support.servers"
local sockets = require "spec.support.sockets"
local steal = require "spec.support.steal"
local transfers = require "spec.support.transfers"

local fetch, held = transfers.fetch, transfers.held
local target, returning = transfers.target, transfers.returning
local new_easy, get, thrown_by = easies.of "opensocketfunction"
local noting = openers.noting
local closed_descriptor = openers.closed_descriptor
local run, serving = openers.run, openers.serving

local web

-- The descriptor of an open Lua file.
local function descriptor_of(path)
  for name in lfs.dir("/proc/self/fd") do
    if tonumber(name) and target(tonumber(name)) == path then
      return tonumber(name)
    end
  end
end

-- libcurl 7.88.0 and 7.88.1 connect again what is connected already.
local version = curl.version_info().version_num
local takes_connected = version ~= 0x075800 and version ~= 0x075801

describe("opensocketfunction", function()
  setup(function()
    web = servers.nginx()
  end)

  describe("that returns a Socket", function()
    it("lends it to libcurl until the connection is closed", function()
      local socket
      local easy <close> = new_easy(web.url .. "/hello", function(_, address)
        socket = address:socket()
        assert.equal("owned", socket:state())
        return socket
      end)
      assert.equal("hello\n", fetch(easy))
      assert.is_true(rawequal(socket, held()))
      assert.equal("lent", socket:state())
      local fd = socket:fd()
      assert.truthy(target(fd))
      easy:close()
      assert.equal("closed", socket:state())
      assert.is_nil(target(fd))
    end)

    it("may do with it before whatever it likes: bind it to an address and a port", function()
      local port = servers.free_port()
      local peer = get(web.url .. "/peer", function(_, address)
        return assert(address:socket():bind("127.0.0.5:" .. port))
      end)
      assert.equal(("127.0.0.5 %d\n"):format(port), peer)
    end)

    it("keeps what it set on it, as the lent Socket shows", function()
      local easy <close> = new_easy(web.url .. "/hello", function(_, address)
        local socket = address:socket()
        sockets.set_some(socket)
        return socket
      end)
      assert.equal("hello\n", fetch(easy))
      local socket = held()
      assert.equal("127.0.0.1:" .. web.port, tostring(socket:peeraddress()))
      sockets.assert_some(socket)
    end)

    it("has what it set on the wire, as the server's end shows", function()
      local listener <close> = assert(curl.socket():bind("127.0.0.1:0")):listen()
      local multi <close> = curl.multi()
      local url = "http://" .. tostring(listener:localaddress())
      local easy <close> = new_easy(url, function(_, address)
        return assert(address:socket():setsockopt("tcp", "maxseg", 600))
      end)
      local peer
      assert.equal("served\n", run(multi, easy, (function()
        local server
        return function()
          peer = peer or listener:accept(0)
          server = server or peer and serving(peer)
          return server and server()
        end
      end)()))
      local largest <const> = peer:getsockopt("tcp", "maxseg")
      peer:close()
      assert.is_true(largest <= 600, largest)
    end)

    it("fails to connect with it if it is of another family, and closes it", function()
      local socket = curl.socket("unix")
      local body, _, name = get(web.url .. "/hello", returning(socket))
      assert.is_nil(body)
      assert.equal("COULDNT_CONNECT", name)
      assert.equal("closed", socket:state())
    end)

    it("throws if it is lent already, and the other connection goes on", function()
      local socket
      local first <close> = new_easy(web.url .. "/connection", function(_, address)
        socket = address:socket()
        return socket
      end)
      local before = fetch(first)
      assert.equal("opensocketfunction: returned a Socket that is not the script's",
        thrown_by(web.url .. "/hello", function()
          return socket
        end))
      assert.equal("lent", socket:state())
      assert.equal(before:gsub(" 1\n", " 2\n"), fetch(first))
    end)

    it("throws if it is closed", function()
      local socket = curl.socket()
      socket:close()
      assert.equal("opensocketfunction: returned a Socket that is not the script's",
        thrown_by(web.url .. "/hello", returning(socket)))
      assert.equal("closed", socket:state())
    end)

    it("throws if it is detached, and leaves the descriptor alone", function()
      local socket = curl.socket()
      local fd = socket:detach()
      assert.equal("opensocketfunction: returned a Socket that is not the script's",
        thrown_by(web.url .. "/hello", returning(socket)))
      assert.equal("owned", curl.adopt(fd):state())
    end)

    it("throws if it is the one that failed for the address before", function()
      local socket = curl.socket()
      local offered = {}
      local host = "many.test:" .. servers.free_port()
      assert.equal("opensocketfunction: returned a Socket that is not the script's",
        thrown_by("http://" .. host, noting(offered, socket),
          { resolve = { host .. ":127.0.0.2,127.0.0.3,127.0.0.4" } }))
      assert.equal(2, #offered)
      assert.equal("closed", socket:state())
    end)
  end)

  describe("that returns an integer", function()
    it("gives that descriptor to libcurl, which owns it", function()
      local fd
      local easy <close> = new_easy(web.url .. "/hello", function(_, address)
        fd = address:socket():detach()
        return fd
      end)
      assert.equal("hello\n", fetch(easy))
      assert.equal(fd, held():fd())
      assert.equal("lent", held():state())
      easy:close()
      assert.is_nil(target(fd))
    end)

    it("throws if the descriptor is a file, and leaves it alone", function()
      local path = os.tmpname()
      local file <close> = assert(io.open(path, "w"))
      local fd = descriptor_of(path)
      assert.equal(("opensocketfunction: descriptor %d is no open socket (%s)")
        :format(fd, "Socket operation on non-socket"),
        thrown_by(web.url .. "/hello", returning(fd)))
      assert.equal(path, target(fd))
      assert.truthy(file:write("still open"))
      os.remove(path)
    end)

    it("throws if the descriptor is not open", function()
      local fd
      local err = thrown_by(web.url .. "/hello", function()
        fd = closed_descriptor()
        return fd
      end)
      assert.equal(("opensocketfunction: descriptor %d is no open socket (%s)")
        :format(fd, "Bad file descriptor"), err)
    end)

    it("throws if libcurl holds it already, and the other connection goes on", function()
      local first <close> = new_easy(web.url .. "/connection")
      local before = fetch(first)
      local fd = held():fd()
      assert.equal(("opensocketfunction: descriptor %d is lent to libcurl already"):format(fd),
        thrown_by(web.url .. "/hello", returning(fd)))
      assert.equal("lent", held():state())
      assert.equal(before:gsub(" 1\n", " 2\n"), fetch(first))
    end)

    it("throws if a Socket of the script owns it, which it stays", function()
      local socket <close> = curl.socket()
      assert.equal(("opensocketfunction: descriptor %d belongs to a Socket: return that")
        :format(socket:fd()),
        thrown_by(web.url .. "/hello", returning(socket:fd())))
      assert.equal("owned", socket:state())
      assert.truthy(target(socket:fd()))
    end)

    it("gives one whose number a Socket of the script has lost", function()
      local lost = curl.socket()
      local fd = lost:fd()
      local easy <close> = new_easy(web.url .. "/hello", function()
        steal(fd)
        local stranger = luasocket.tcp4()
        assert(stranger:getfd() == fd)
        stranger:setfd(-1)
        return fd
      end)
      assert.equal("hello\n", fetch(easy))
      assert.same({ fd, "closed" }, { held():fd(), lost:state() })
      easy:close()
      assert.is_nil(target(fd))
    end)

    it("throws if it can be no descriptor", function()
      for _, number in ipairs { -1, 1.5, 1 << 31, math.mininteger, math.huge } do
        assert.equal(("opensocketfunction: %s is no descriptor"):format(number),
          thrown_by(web.url .. "/hello", returning(number)))
      end
    end)
  end)

  describe("that returns an object of another library", function()
    it("gives libcurl a duplicate; the object stays the script's", function()
      local object, socket_of_object
      local easy <close> = new_easy(web.url .. "/hello", function()
        object = assert(luasocket.tcp4())
        socket_of_object = target(object:getfd())
        return object
      end)
      assert.equal("hello\n", fetch(easy))
      assert.not_equal(object:getfd(), held():fd())
      assert.equal(socket_of_object, target(held():fd()))
      easy:close()
      assert.equal(socket_of_object, target(object:getfd()))
      object:close()
    end)

    for _, case in ipairs {
      { "a field pollfd", function(fd)
        return { pollfd = fd }
      end },
      { "a method pollfd", function(fd)
        return { pollfd = returning(fd) }
      end },
      { "a method fileno", function(fd)
        return { fileno = returning(fd) }
      end },
      { "a method getfd of its metatable", function(fd)
        return setmetatable({ number = fd }, { __index = {
          getfd = function(self)
            return self.number
          end,
        } })
      end },
      { "getfd that has none, and fileno that has", function(fd)
        return { getfd = returning(nil), fileno = returning(fd) }
      end },
    } do
      it("takes the descriptor that it finds in " .. case[1], function()
        local socket <close> = curl.socket()
        local easy <close> = new_easy(web.url .. "/hello", returning(case[2](socket:fd())))
        assert.equal("hello\n", fetch(easy))
        assert.not_equal(socket:fd(), held():fd())
        assert.equal(target(socket:fd()), target(held():fd()))
        easy:close()
        assert.equal("owned", socket:state())
        assert.truthy(target(socket:fd()))
      end)
    end

    it("throws if its descriptor is a file", function()
      local path = os.tmpname()
      local file <close> = assert(io.open(path, "w"))
      local fd = descriptor_of(path)
      assert.equal(("opensocketfunction: descriptor %d is no open socket (%s)")
        :format(fd, "Socket operation on non-socket"),
        thrown_by(web.url .. "/hello", returning { fileno = returning(fd) }))
      assert.truthy(file:write("still open"))
      os.remove(path)
    end)

    it("throws if its descriptor is not open", function()
      local fd
      local err = thrown_by(web.url .. "/hello", function()
        fd = closed_descriptor()
        return { pollfd = fd }
      end)
      assert.equal(("opensocketfunction: descriptor %d is no open socket (%s)")
        :format(fd, "Bad file descriptor"), err)
    end)

    it("throws what its method throws", function()
      local err = {}
      assert.is_true(rawequal(err, thrown_by(web.url .. "/hello", returning {
        getfd = function()
          error(err)
        end,
      })))
    end)
  end)

  describe("that returns what is connected already", function()
    local answer = "GET /hello HTTP/1.0\r\n\r\n"

    -- A libcurl that cannot says so, and the connection is still the script's.
    local function refused(socket, body, message, name)
      assert.is_nil(body)
      assert.equal("NOT_SUPPORTED", name)
      assert.truthy(message:find(
        "this libcurl (7.88.0, 7.88.1) cannot take a connected socket", 1, true))
      assert.same({}, curl.sockets())
      assert.equal(#answer, socket:send(answer))
    end

    -- The body of a transfer over the Socket to the web server, which answers then.
    local function check(socket, url, options)
      local seen
      local easy <close> = new_easy(url, returning(socket), options)
      easy:setopt("closesocketfunction", function(...)
        seen = table.pack(...)
      end)
      if takes_connected then
        assert.equal("hello\n", fetch(easy))
        assert.equal("lent", socket:state())
        easy:close()
        assert.equal("closed", socket:state())
        assert.equal(1, seen.n)
        assert.is_true(rawequal(socket, seen[1]))
      else
        refused(socket, fetch(easy))
        assert.equal("owned", socket:state())
        assert.is_nil(seen)
      end
    end

    it("uses a Socket that the script connected, without a second callback", function()
      local socket <close> = assert(curl.socket():connect("127.0.0.1:" .. web.port))
      check(socket, "http://192.0.2.1/hello")
      if not takes_connected then
        assert.truthy(socket:recv(4096, 5):find("hello\n", 1, true))
      end
    end)

    it("uses one whose connection was made after connect had given up waiting", function()
      local socket <close> = curl.socket()
      assert.equal("ETIMEDOUT", select(3, socket:connect("127.0.0.1:" .. web.port, 0)))
      assert(servers.wait(function()
        return socket:peeraddress()
      end))
      check(socket, "http://192.0.2.1/hello")
    end)

    it("uses it for HTTPS", function()
      local socket <close> = assert(curl.socket():connect("127.0.0.1:" .. web.https_port))
      check(socket, "https://localhost/hello", {
        cainfo = web.ca, resolve = { "localhost:443:192.0.2.1" },
      })
    end)

    it("uses it for HTTP/2", function()
      local socket <close> = assert(curl.socket():connect("127.0.0.1:" .. web.h2c_port))
      check(socket, "http://192.0.2.1/hello", { http_version = "2-prior-knowledge" })
    end)

    it("uses one of family unix", function()
      local socket <close> = assert(curl.socket("unix"):connect("unix:" .. web.unix))
      check(socket, "http://192.0.2.1/hello")
    end)

    it("uses one end of a socketpair, with a server in a coroutine at the other", function()
      local socket, other = curl.socketpair()
      local multi <close> = curl.multi()
      local easy <close> = new_easy("http://192.0.2.1/", returning(socket))
      local server = serving(other)
      if takes_connected then
        assert.equal("served\n", run(multi, easy, server))
        assert.is_true(rawequal(socket, held()))
        assert.equal("served\n", run(multi, easy, server)) -- over the same connection
        assert.equal("lent", socket:state())
      else
        refused(socket, run(multi, easy, server))
        assert.equal("owned", socket:state())
        assert.equal(answer, other:recv(4096, 5))
        socket:close()
      end
      other:close()
    end)

    it("uses a Socket that was accepted", function()
      local listener <close> = assert(curl.socket():bind("127.0.0.1:0")):listen()
      local other <close> = assert(curl.socket():connect(listener:localaddress()))
      local socket <close> = assert(listener:accept())
      local multi <close> = curl.multi()
      local easy <close> = new_easy("http://192.0.2.1/", returning(socket))
      if takes_connected then
        assert.equal("served\n", run(multi, easy, serving(other)))
        assert.equal("lent", socket:state())
      else
        refused(socket, run(multi, easy, returning()))
        assert.equal("owned", socket:state())
        assert.equal(answer, other:recv(4096, 5))
      end
    end)

    it("uses a descriptor, which libcurl then owns", function()
      local fd = assert(curl.socket():connect("127.0.0.1:" .. web.port)):detach()
      local easy <close> = new_easy("http://192.0.2.1/hello", returning(fd))
      if takes_connected then
        assert.equal("hello\n", fetch(easy))
        assert.equal(fd, held():fd())
        easy:close()
        assert.is_nil(target(fd))
      else
        local body, message, name = fetch(easy)
        local socket <close> = curl.adopt(fd)
        refused(socket, body, message, name)
      end
    end)

    it("uses a duplicate of another library's", function()
      local object = assert(luasocket.connect("127.0.0.1", web.port))
      local easy <close> = new_easy("http://192.0.2.1/hello", returning(object))
      if takes_connected then
        assert.equal("hello\n", fetch(easy))
        easy:close()
      else
        refused(object, fetch(easy))
      end
      assert.truthy(target(object:getfd()))
      assert.equal("127.0.0.1", (object:getpeername()))
      object:close()
    end)

    it("has no bearing on the easy's next transfer, of another socket", function()
      local socket <close> = assert(curl.socket():connect("127.0.0.1:" .. web.port))
      local easy <close> = new_easy("http://192.0.2.1/hello", returning(socket))
      assert.equal(takes_connected, fetch(easy) ~= nil)
      easy:setopt { opensocketfunction = returning(nil, "no"), fresh_connect = true }
      local _, message, name = fetch(easy)
      assert.equal("COULDNT_CONNECT", name)
      assert.truthy(message:find(": 192.0.2.1:80 refused: no", 1, true))
      easy:setopt { opensocketfunction = returning(true), url = web.url .. "/hello" }
      assert.equal("hello\n", fetch(easy))
    end)

    it("uses it, too, where a sockoptfunction says nothing of it", function()
      local socket <close> = assert(curl.socket():connect("127.0.0.1:" .. web.port))
      check(socket, "http://192.0.2.1/hello", { sockoptfunction = returning() })
    end)
  end)
end)
