-- opensocketfunction (CURLOPT_OPENSOCKETFUNCTION) on real servers: what it is told, what it may
-- change, and when it is asked. What it may answer is in the two specs that come next.

local callback_option = require "spec.support.callback_option"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local openers = require "spec.support.openers"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

local fetch, held = transfers.fetch, transfers.held
local returning = transfers.returning
local new_easy, get = easies.of "opensocketfunction"
local noting = openers.noting
local run, accepting = openers.run, openers.accepting
local abstract_listener, ways = openers.abstract_listener, openers.ways

local web

local function kind_of(socket)
  return {
    socket:getsockopt("socket", "domain"),
    socket:getsockopt("socket", "type"),
    socket:getsockopt("socket", "protocol"),
  }
end

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
    callback_option.takes_functions_only(easy, "opensocketfunction")
    assert.truthy(select(2, fetch(easy)):find("refused: kept", 1, true))
  end)

  it("has no data pointer to set, and no other name", function()
    callback_option.has_one_name "opensocket"
  end)
end)
