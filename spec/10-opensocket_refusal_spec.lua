-- opensocketfunction: when it refuses, answers nonsense, or throws.

local callback_option = require "spec.support.callback_option"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local openers = require "spec.support.openers"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local fetch = transfers.fetch
local returning = transfers.returning
local new_easy, get, thrown_by = easies.of "opensocketfunction"
local noting, resolving, listening = openers.noting, openers.resolving, openers.listening
local run = openers.run
local ways = openers.ways

local web

describe("opensocketfunction", function()
  setup(function()
    web = servers.nginx()
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
    it("has perform throw it unchanged", function()
      callback_option.throws_unchanged "opensocketfunction"
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
      local failure = setmetatable({}, { __tostring = returning("a failure") })
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
end)
