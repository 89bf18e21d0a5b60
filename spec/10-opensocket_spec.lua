-- opensocketfunction (CURLOPT_OPENSOCKETFUNCTION) on real servers: what it is told, what it may
-- change, and what each value that it may return means.

local curl = require "curlsock"
local lfs = require "lfs"
local luasocket = require "socket"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local steal = require "spec.support.steal"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

local fetch, held = transfers.fetch, transfers.held
local target, returning = transfers.target, transfers.returning

-- libcurl 7.88.0 and 7.88.1 connect again what is connected already.
local version = curl.version_info().version_num
local takes_connected = version ~= 0x075800 and version ~= 0x075801

local web

local function new_easy(url, open, options)
  local easy = curl.easy { url = url, proxy = "", timeout = 20, opensocketfunction = open }
  return assert(easy:setopt(options or {}))
end

local function get(url, open, options)
  local easy <close> = new_easy(url, open, options)
  return fetch(easy)
end

-- What perform throws, which must be an error.
local function thrown_by(...)
  local ok, err = pcall(get, ...)
  assert.is_false(ok)
  return err
end

-- An open callback that notes each address that it is offered in list, and answers as answer
-- does, which may be a function of the address.
local function noting(list, answer)
  return function(_, address)
    list[#list + 1] = tostring(address)
    if type(answer) == "function" then
      return answer(address)
    end
    return answer
  end
end

-- The options for a URL http://many.test:80/ with these addresses.
local function resolving(...)
  return { resolve = { "many.test:80:" .. table.concat({ ... }, ",") } }
end

-- Options for active FTP, with two local addresses to listen on.
local listening = {
  ftpport = "many.test", resolve = { "many.test:0:127.0.0.2,127.0.0.3" },
}

-- The descriptor of an open Lua file.
local function descriptor_of(path)
  for name in lfs.dir("/proc/self/fd") do
    if tonumber(name) and target(tonumber(name)) == path then
      return tonumber(name)
    end
  end
end

-- A number that no descriptor has now.
local function closed_descriptor()
  local socket <close> = curl.socket()
  return socket:fd()
end

local function kind_of(socket)
  return {
    socket:getsockopt("socket", "domain"),
    socket:getsockopt("socket", "type"),
    socket:getsockopt("socket", "protocol"),
  }
end

-- A server in this process: answers each request that comes on a connected Socket, whenever
-- the function is called.
local function serving(peer)
  local request = ""
  return coroutine.wrap(function()
    while true do
      request = request .. (peer:recv(4096, 0) or "")
      if request:find("\r\n\r\n", 1, true) then
        request = ""
        assert(peer:send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nserved\n"))
      end
      coroutine.yield()
    end
  end)
end

-- Runs the transfer in the multi, with a server in this process: the body, or nil, message,
-- name.
local function run(multi, easy, server)
  local body, result = {}, {}
  multi:add(easy:setopt("writefunction", body))
  repeat
    local running = assert(multi:perform())
    server()
    if running > 0 then
      assert(multi:poll(1))
    end
  until running == 0
  for _, ok, message, name in multi:results() do
    result = { ok, message, name }
  end
  multi:remove(easy)
  if result[1] then
    return table.concat(body)
  end
  return nil, result[2], result[3]
end

-- A server on an abstract UNIX socket: a listening Socket, and its name.
local function abstract_listener()
  local name = "@curlsock-spec-" .. servers.free_port()
  local listener = assert(curl.socket("unix")):bind("unix:" .. name)
  return assert(listener:listen()), name
end

-- Serves the first connection that comes to the listener.
local function accepting(listener)
  local server
  return function()
    if not server then
      local peer = listener:accept(0)
      server = peer and serving(peer)
    end
    return server and server()
  end
end

-- The ways to the web server, each with the options that it needs.
local ways = {
  { "plain HTTP", function()
    return web.url, web.port, {}
  end },
  { "HTTPS", function()
    return web.https_url, web.https_port, { cainfo = web.ca }
  end },
  { "HTTP/2 with TLS", function()
    return web.h2_url, web.h2_port, { cainfo = web.ca, http_version = "2tls" }
  end },
  { "HTTP/2 without TLS", function()
    return web.h2c_url, web.h2c_port, { http_version = "2-prior-knowledge" }
  end },
}

describe("opensocketfunction", function()
  setup(function()
    web = servers.nginx()
  end)

  describe("is told", function()
    for _, way in ipairs(ways) do
      it("purpose, address and easy, once for a connection by " .. way[1], function()
        local url, port, options = way[2]()
        local calls = {}
        local easy <close> = new_easy(url .. "/hello", function(...)
          calls[#calls + 1] = table.pack(...)
          return true
        end, options)
        assert.equal("hello\n", fetch(easy))
        assert.equal(1, #calls)
        local purpose, address, third = table.unpack(calls[1])
        assert.equal(3, calls[1].n)
        assert.equal("ipcxn", purpose)
        assert.is_true(rawequal(easy, third))
        assert.same({ "inet", "127.0.0.1", port, "stream", 6 }, {
          address.family, address.ip, address.port, address.socktype, address.protocol,
        })
        assert.is_nil(address.path)
      end)
    end

    it("an IPv6 address", function()
      local seen
      local url = ("http://[::1]:%d/hello"):format(web.port)
      assert.equal("hello\n", get(url, function(_, address)
        seen = address
        return true
      end))
      assert.same({ "inet6", "::1", web.port, 0, "stream", 6 }, {
        seen.family, seen.ip, seen.port, seen.scope_id, seen.socktype, seen.protocol,
      })
    end)

    it("the path of a UNIX socket, with purpose ipcxn too", function()
      local purpose, address
      assert.equal("hello\n", get("http://any.test/hello", function(...)
        purpose, address = ...
        return true
      end, { unix_socket_path = web.unix }))
      assert.equal("ipcxn", purpose)
      assert.same({ "unix", web.unix, "stream", 0 }, {
        address.family, address.path, address.socktype, address.protocol,
      })
      assert.same({}, { address.ip, address.port })
      assert.equal("unix:" .. web.unix, tostring(address))
    end)

    it("the name of an abstract UNIX socket", function()
      if not system.linux then return assert.error_matches(abstract_listener, "or, on Linux,") end
      local listener <close>, name = abstract_listener()
      local multi <close> = curl.multi()
      local offered = {}
      local options = { abstract_unix_socket = name:sub(2) }
      local easy <close> = new_easy("http://any.test/", noting(offered, true), options)
      assert.equal("served\n", run(multi, easy, accepting(listener)))
      assert.same({ "unix:" .. name }, offered)
    end)

    it("a datagram socket as one", function()
      local seen
      local url = ("tftp://127.0.0.1:%d/file"):format(servers.free_port())
      local _, _, name = get(url, function(_, address)
        seen = address
      end)
      assert.equal("COULDNT_CONNECT", name)
      assert.same({ "inet", "dgram", 17 }, { seen.family, seen.socktype, seen.protocol })
    end)

    it("purpose ipcxn for all that FTP opens, and the local address of a listening one", function()
      local ftp = servers.vsftpd()
      local calls = {}
      assert.equal("hello\n", get(ftp.url .. "/hello.txt", function(purpose, address)
        calls[#calls + 1] = purpose .. " " .. tostring(address)
        return true
      end, { ftpport = "127.0.0.1" }))
      assert.same({ "ipcxn 127.0.0.1:" .. ftp.port, "ipcxn 127.0.0.1:0" }, calls)
    end)

    it("the proxy's address, for that is where the socket goes", function()
      local offered = {}
      local options = { proxy = web.url }
      assert.equal("hello\n", get("http://192.0.2.1/hello", noting(offered, true), options))
      assert.same({ "127.0.0.1:" .. web.port }, offered)
    end)

    it("what connect_to made of the URL", function()
      local offered = {}
      local options = { connect_to = { "a.test:80:127.0.0.1:" .. web.port } }
      assert.equal("hello\n", get("http://a.test/hello", noting(offered, true), options))
      assert.same({ "127.0.0.1:" .. web.port }, offered)
    end)

    it("where a redirect leads", function()
      local offered = {}
      local open = noting(offered, function(address)
        return address.ip == "127.0.0.1", "not there"
      end)
      local url = web.url .. "/redirect?to=http://127.0.0.2:81/"
      local _, message, name = get(url, open, { followlocation = true })
      assert.same({ "127.0.0.1:" .. web.port, "127.0.0.2:81" }, offered)
      assert.equal("COULDNT_CONNECT", name)
      assert.truthy(message:find(": 127.0.0.2:81 refused: not there", 1, true))
    end)

    it("nothing when a connection is used again", function()
      local offered = {}
      local easy <close> = new_easy(web.url .. "/connection", noting(offered, true))
      local first, second = fetch(easy), fetch(easy)
      assert.equal(first:gsub(" 1\n", " 2\n"), second)
      assert.equal(1, #offered)
      assert.truthy(easy:setopt("fresh_connect", true):perform())
      assert.equal(2, #offered)
    end)
  end)

  describe("may change the address:", function()
    for _, way in ipairs(ways) do
      it("the port, for " .. way[1], function()
        local url, port, options = way[2]()
        local other = url:gsub("%d+$", servers.free_port())
        assert.equal("hello\n", get(other .. "/hello", function(_, address)
          address.port = port
          return true
        end, options))
      end)
    end

    it("the IP address", function()
      local url = ("http://192.0.2.1:%d/hello"):format(web.port)
      assert.equal("hello\n", get(url, function(_, address)
        address.ip = "127.0.0.1"
        return true
      end))
    end)

    it("from IPv4 to IPv6", function()
      local easy <close> = new_easy(web.url .. "/peer", function(_, address)
        address.ip = "::1"
        return true
      end)
      assert.truthy(fetch(easy):match("^::1 %d+\n$"))
      assert.same({ "inet6", "stream", 6 }, kind_of(held()))
    end)

    it("from IPv6 to IPv4", function()
      local url = ("http://[2001:db8::1]:%d/peer"):format(web.port)
      local easy <close> = new_easy(url, function(_, address)
        address.ip = "127.0.0.1"
        return true
      end)
      assert.truthy(fetch(easy):match("^127%.0%.0%.1 %d+\n$"))
      assert.same({ "inet", "stream", 6 }, kind_of(held()))
    end)

    it("so that libcurl's own options are for the new family, too", function()
      local url = ("http://[2001:db8::1]:%d/peer"):format(web.port)
      local peer = get(url, function(_, address)
        address.ip = "127.0.0.1"
        return true
      end, { interface = "host!127.0.0.7" })
      assert.truthy(peer:match("^127%.0%.0%.7 %d+\n$"))
    end)

    it("the family alone, which keeps the port", function()
      local offered = {}
      assert.truthy(get(web.url .. "/peer", function(_, address)
        address.family = "inet6"
        offered[1] = tostring(address)
        return true
      end):match("^::1 %d+\n$"))
      assert.same({ ("[::]:%d"):format(web.port) }, offered)
    end)

    it("from IP to a UNIX socket", function()
      local easy <close> = new_easy("http://192.0.2.1/peer", function(_, address)
        address.path = web.unix
        return true
      end)
      assert.equal("unix: \n", fetch(easy))
      assert.same({ "unix", "stream", 0 }, kind_of(held()))
      assert.equal("unix:" .. web.unix, tostring(held():peeraddress()))
    end)

    it("from IP to an abstract UNIX socket", function()
      local function to(name)
        return function(_, address)
          address.path = name
          return true
        end
      end
      if not system.linux then
        local easy <close> = new_easy("http://192.0.2.1/", to "@x")
        return assert.error_matches(function() fetch(easy) end, "address.path: path or, on Linux, ")
      end
      local listener <close>, name = abstract_listener()
      local multi <close> = curl.multi()
      local easy <close> = new_easy("http://192.0.2.1/", to(name))
      assert.equal("served\n", run(multi, easy, accepting(listener)))
    end)

    it("from a UNIX socket to IP", function()
      local easy <close> = new_easy("http://any.test/peer", function(_, address)
        address.ip = "127.0.0.1"
        address.port = web.port
        return true
      end, { unix_socket_path = servers.dir() .. "/nobody" })
      assert.truthy(fetch(easy):match("^127%.0%.0%.1 %d+\n$"))
      assert.same({ "inet", "stream", 6 }, kind_of(held()))
    end)

    it("also when it returns a Socket itself", function()
      assert.equal("unix: \n", get("http://192.0.2.1/peer", function(_, address)
        address.path = web.unix
        return address:socket()
      end))
    end)

    it("only that of this attempt", function()
      local offered = {}
      local open = noting(offered, function(address)
        address.port = #offered == 1 and servers.free_port() or address.port
        return true
      end)
      local host = ("many.test:%d"):format(web.port)
      assert.equal("hello\n", get("http://" .. host .. "/hello", open, {
        resolve = { host .. ":127.0.0.2,127.0.0.1" },
      }))
      assert.same({ "127.0.0.2:" .. web.port, "127.0.0.1:" .. web.port }, offered)
    end)

    it("with no effect once it has returned, when the Address is still valid", function()
      local kept
      local easy <close> = new_easy(web.url .. "/hello", function(_, address)
        kept = address
        return true
      end, { sockoptfunction = function()
        kept.port = 1
      end })
      assert.equal("hello\n", fetch(easy))
      assert.equal("127.0.0.1:1", tostring(kept))
    end)
  end)

  describe("that returns true", function()
    it("gets the socket of that address", function()
      local easy <close> = new_easy(web.url .. "/hello", returning(true))
      assert.equal("hello\n", fetch(easy))
      assert.same({ "inet", "stream", 6 }, kind_of(held()))
      assert.equal("lent", held():state())
    end)

    it("gets one that is not inherited by other programs", function()
      local easy <close> = new_easy(web.url .. "/hello", returning(true))
      assert.equal("hello\n", fetch(easy))
      local info = process.read("/proc/self/fdinfo/" .. held():fd())
      local flags = tonumber(info:match("flags:%s*(%d+)"), 8)
      assert.equal(tonumber("2000000", 8), flags & tonumber("2000000", 8))
    end)

    it("refuses the address if the system has no such socket", function()
      local limit = table.concat({
        "local curl = require 'curlsock'",
        "local files = {}",
        "local easy = curl.easy { url = %q, proxy = '', opensocketfunction = function()",
        "  local file",
        "  repeat file = io.open('/dev/null') files[#files + 1] = file until not file",
        "  return true",
        "end }",
        "print(easy:perform())",
      }, "\n"):format(web.url)
      local file = servers.dir() .. "/limit.lua"
      process.write(file, limit)
      local out = process.output("ulimit -n 64; " .. process.lua() .. " " .. file)
      os.remove(file)
      local expected = (": 127.0.0.1:%d refused: socket: Too many open files\tCOULDNT_CONNECT")
        :format(web.port)
      assert.equal(expected, out:sub(-#expected))
    end)
  end)

  it("that is not set means the same default", function()
    local easy <close> = new_easy(web.url .. "/hello")
    assert.equal("hello\n", fetch(easy))
    assert.same({ "inet", "stream", 6 }, kind_of(held()))
    assert.equal("lent", held():state())
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
        assert(socket:setsockopt("ip", "tos", 0x10))
        assert(socket:setsockopt("tcp", "keepcnt", 5))
        assert(socket:setsockopt("socket", "linger", 7))
        assert(socket:setsockopt("socket", "rcvtimeo", 12.5))
        return socket
      end)
      assert.equal("hello\n", fetch(easy))
      local socket = held()
      assert.equal("127.0.0.1:" .. web.port, tostring(socket:peeraddress()))
      assert.equal(0x10, socket:getsockopt("ip", "tos"))
      assert.equal(5, socket:getsockopt("tcp", "keepcnt"))
      assert.equal(7, socket:getsockopt("socket", "linger"))
      assert.equal(12.5, socket:getsockopt("socket", "rcvtimeo"))
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

  describe("that refuses", function()
    it("fails the transfer, with its reason in the message", function()
      for _, no in ipairs { "nil", "false" } do
        local value = load("return " .. no)()
        local body, message, name = get(web.url, returning(value, "private network"))
        assert.is_nil(body)
        assert.equal("COULDNT_CONNECT", name)
        local expected = (": 127.0.0.1:%d refused: private network"):format(web.port)
        assert.equal(expected, message:sub(-#expected))
      end
    end)

    it("fails the transfer without a reason, too", function()
      local expected = (": 127.0.0.1:%d refused by opensocketfunction"):format(web.port)
      for _, open in ipairs { returning(), returning(nil), returning(false) } do
        local body, message, name = get(web.url, open)
        assert.is_nil(body)
        assert.equal("COULDNT_CONNECT", name)
        assert.equal(expected, message:sub(-#expected))
      end
    end)

    it("may do so by forgetting to return", function()
      local body, _, name = get("http://192.0.2.1/hello", function(_, address)
        address.ip, address.port = "127.0.0.1", web.port
      end)
      assert.is_nil(body)
      assert.equal("COULDNT_CONNECT", name)
    end)

    it("may give any value as the reason", function()
      local reason = setmetatable({}, { __tostring = returning("an object's reason") })
      assert.truthy(select(2, get(web.url, returning(false, reason))):find(
        "refused: an object's reason", 1, true))
      assert.truthy(select(2, get(web.url, returning(false, 42))):find(
        "refused: 42", 1, true))
    end)

    it("is told of by the address that libcurl offered, not by the changed one", function()
      local _, message = get(web.url, function(_, address)
        address.ip, address.port = "192.0.2.1", 1
        return nil, "no"
      end)
      assert.truthy(message:find((": 127.0.0.1:%d refused: no"):format(web.port), 1, true))
    end)

    for _, way in ipairs(ways) do
      it("fails " .. way[1], function()
        local url, _, options = way[2]()
        local _, message, name = get(url .. "/hello", returning(nil, "no way"), options)
        assert.equal("COULDNT_CONNECT", name)
        assert.truthy(message:find("refused: no way", 1, true))
      end)
    end

    it("fails a UNIX socket", function()
      local options = { unix_socket_path = web.unix }
      local _, message, name = get("http://any.test/", returning(nil, "no way"), options)
      assert.equal("COULDNT_CONNECT", name)
      local expected = (": unix:%s refused: no way"):format(web.unix)
      assert.equal(expected, message:sub(-#expected))
    end)

    it("is offered all addresses, in their order, before the transfer fails", function()
      local offered = {}
      local open = noting(offered, function(address)
        return nil, "not " .. address.ip
      end)
      local _, message, name = get("http://many.test/", open,
        resolving("127.0.0.2", "127.0.0.3", "127.0.0.4"))
      assert.same({ "127.0.0.2:80", "127.0.0.3:80", "127.0.0.4:80" }, offered)
      assert.equal("COULDNT_CONNECT", name)
      assert.truthy(message:find("refused: not 127.0.0.4", 1, true))
    end)

    it("is offered the addresses of both families", function()
      local offered = {}
      local _, _, name = get("http://many.test/", noting(offered),
        resolving("127.0.0.2", "[::1]", "127.0.0.3"))
      table.sort(offered)
      assert.same({ "127.0.0.2:80", "127.0.0.3:80", "[::1]:80" }, offered)
      assert.equal("COULDNT_CONNECT", name)
    end)

    it("is offered all local addresses that active FTP may listen on", function()
      local offered = {}
      local ftp = servers.vsftpd()
      local open = noting(offered, function(address)
        return #offered == 1, "not " .. address.ip
      end)
      local body, message = get(ftp.url .. "/hello.txt", open, listening)
      assert.is_nil(body)
      assert.same({ "127.0.0.1:" .. ftp.port, "127.0.0.2:0", "127.0.0.3:0" }, offered)
      assert.truthy(message:find(": 127.0.0.3:0 refused: not 127.0.0.3", 1, true))
    end)

    it("one address lets libcurl have the next", function()
      local offered = {}
      local host = "many.test:" .. web.port
      local open = noting(offered, function(address)
        return address.ip == "127.0.0.1", "not this one"
      end)
      assert.equal("hello\n", get("http://" .. host .. "/hello", open, {
        resolve = { host .. ":127.0.0.2,127.0.0.3,127.0.0.1" },
      }))
      assert.same({ "127.0.0.2:" .. web.port, "127.0.0.3:" .. web.port,
        "127.0.0.1:" .. web.port }, offered)
    end)

    it("has its reason only in the message of that transfer", function()
      local easy <close> = new_easy(web.url .. "/hello", returning(nil, "the first time"))
      assert.truthy(select(2, fetch(easy)):find("the first time", 1, true))
      easy:setopt { opensocketfunction = returning(true), url = "http://127.0.0.2:"
        .. servers.free_port() }
      local _, message, name = fetch(easy)
      assert.equal("COULDNT_CONNECT", name)
      assert.is_nil(message:find("the first time", 1, true))
    end)

    it("gives a multi the same result", function()
      local multi <close> = curl.multi()
      local easy <close> = new_easy(web.url, returning(false, "not here"))
      local body, message, name = run(multi, easy, returning())
      assert.is_nil(body)
      assert.equal("COULDNT_CONNECT", name)
      assert.truthy(message:find(("127.0.0.1:%d refused: not here"):format(web.port), 1, true))
    end)
  end)

  describe("that returns a wrong value", function()
    local function expecting(type_name)
      return "opensocketfunction: true, a Socket, a descriptor, an object with one, "
        .. "or nil/false and a reason expected, got " .. type_name
    end

    for name, value in pairs {
      string = "7",
      ["function"] = print,
      table = {},
      userdata = io.stdout,
      thread = coroutine.create(print),
    } do
      it("throws for a " .. name, function()
        assert.equal(expecting(name), thrown_by(web.url, returning(value)))
      end)
    end

    it("throws for a userdata without fields", function()
      local file = io.tmpfile()
      local class = debug.getmetatable(file)
      finally(function()
        debug.setmetatable(file, class)
        file:close()
      end)
      for _, other in ipairs { {}, false } do
        debug.setmetatable(file, other or nil)
        assert.equal(expecting("userdata"), thrown_by(web.url, returning(file)))
      end
    end)

    it("throws for a table whose descriptor is no number of one", function()
      for _, value in ipairs { -1, 1.5, 1 << 31, "x", {} } do
        assert.equal(expecting("table"), thrown_by(web.url, returning { getfd = value }))
      end
    end)

    it("aborts the transfer: no further address is offered", function()
      local offered = {}
      assert.equal(expecting("string"), thrown_by("http://many.test/", noting(offered, "true"),
        resolving("127.0.0.2", "127.0.0.3")))
      assert.same({ "127.0.0.2:80" }, offered)
    end)
  end)

  describe("that throws", function()
    local failure = setmetatable({}, { __tostring = returning("a failure") })

    for name, value in pairs {
      string = "a plain message",
      number = 42,
      boolean = false,
      table = {},
      ["object with a metatable"] = failure,
      ["function"] = print,
    } do
      it("has perform throw it unchanged: a " .. name, function()
        local err = thrown_by(web.url, function()
          error(value, 0)
        end)
        assert.is_true(rawequal(value, err))
      end)
    end

    it("has perform throw it unchanged: nil", function()
      local result = table.pack(pcall(get, web.url, function()
        error(nil)
      end))
      assert.same(table.pack(pcall(error, nil)), result) -- since Lua 5.5 that is a string
    end)

    it("aborts the transfer: no further address is offered", function()
      local offered = {}
      assert.equal("stop", thrown_by("http://many.test/", noting(offered, function()
        error("stop", 0)
      end), resolving("127.0.0.2", "127.0.0.3", "127.0.0.4")))
      assert.same({ "127.0.0.2:80" }, offered)
    end)

    it("aborts the transfer also where libcurl tries several addresses in one go", function()
      local offered = {}
      local ftp = servers.vsftpd()
      local open = noting(offered, function()
        return #offered == 1 or error("stop", 0)
      end)
      assert.equal("stop", thrown_by(ftp.url .. "/hello.txt", open, listening))
      assert.same({ "127.0.0.1:" .. ftp.port, "127.0.0.2:0" }, offered)
    end)

    it("leaves the Socket that it made to the script", function()
      local socket
      assert.equal("stop", thrown_by(web.url, function(_, address)
        socket = address:socket()
        error("stop", 0)
      end))
      assert.equal("owned", socket:state())
    end)

    it("leaves an easy that can be used again", function()
      local easy <close> = new_easy(web.url .. "/hello", function()
        error("once")
      end)
      assert.is_false(pcall(fetch, easy))
      easy:setopt("opensocketfunction", returning(true))
      assert.equal("hello\n", fetch(easy))
    end)

    it("ends its own transfer in a multi, with the error as its result, and no other", function()
      local multi <close> = curl.multi()
      local bad <close> = new_easy(web.url .. "/hello", function()
        error(failure)
      end)
      local good <close> = new_easy(web.url .. "/hello", returning(true))
      multi:add(bad):add(good)
      repeat
        local running = assert(multi:perform())
        assert(multi:poll(running > 0 and 1 or 0))
      until running == 0
      local results = {}
      for easy, ok, err, name in multi:results() do
        results[easy] = { ok or "failed", err, name }
      end
      assert.same({ "failed", failure, "CALLBACK" }, results[bad])
      assert.is_true(rawequal(failure, results[bad][2]))
      assert.same({ true }, results[good])
    end)

    it("throws, too, when it yields, for libcurl cannot be left", function()
      local ok, err = coroutine.resume(coroutine.create(function()
        return get(web.url, function()
          coroutine.yield()
        end)
      end))
      assert.is_false(ok)
      assert.equal("attempt to yield across a C-call boundary", err)
    end)
  end)

  it("runs in the coroutine that performs", function()
    local inside
    local thread = coroutine.create(function()
      return get(web.url .. "/hello", function()
        inside = coroutine.running()
        return true
      end)
    end)
    assert.same({ true, "hello\n" }, { coroutine.resume(thread) })
    assert.equal(thread, inside)
  end)

  it("may set another one, which the next connection gets", function()
    local second = {}
    local easy <close> = new_easy(web.url .. "/hello", function(_, _, easy)
      easy:setopt("opensocketfunction", noting(second, true))
      return true
    end, { forbid_reuse = true })
    assert.equal("hello\n", fetch(easy))
    assert.same({}, second)
    assert.equal("hello\n", fetch(easy))
    assert.same({ "127.0.0.1:" .. web.port }, second)
  end)

  it("is gone after reset: the default is back", function()
    local easy <close> = new_easy(web.url .. "/hello", returning(nil, "never"))
    easy:reset():setopt { url = web.url .. "/hello", proxy = "" }
    assert.equal("hello\n", fetch(easy))
  end)

  it("can be unset: the default is back", function()
    local easy <close> = new_easy(web.url .. "/hello", returning(nil, "never"))
    assert.equal("COULDNT_CONNECT", select(3, fetch(easy)))
    assert.is_true(rawequal(easy, easy:unset("opensocketfunction")))
    assert.equal("hello\n", fetch(easy))
    easy:setopt { opensocketfunction = returning(nil, "never"), fresh_connect = true }
    assert.equal("COULDNT_CONNECT", select(3, fetch(easy)))
    easy:setopt("opensocketfunction", nil)
    assert.equal("hello\n", fetch(easy))
  end)

  it("must be a function, or setopt throws and keeps the one that was set", function()
    local easy <close> = new_easy(web.url .. "/hello", returning(nil, "kept"))
    for name, value in pairs { number = 1, string = "print", table = {}, boolean = true } do
      assert.has_error(function()
        easy:setopt("opensocketfunction", value)
      end, "option 'opensocketfunction': function expected, got " .. name)
    end
    assert.truthy(select(2, fetch(easy)):find("refused: kept", 1, true))
  end)

  it("has no data pointer to set, and no other name", function()
    local easy <close> = curl.easy()
    assert.has_error(function()
      easy:setopt("opensocketdata", 1)
    end, "option 'opensocketdata' cannot be set from Lua")
    for _, name in ipairs { "opensocketfuncton", "OPENSOCKETFUNCTION", "opensocket" } do
      assert.error_matches(function()
        easy:setopt(name, print)
      end, ("unknown option '%s'"):format(name))
    end
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
