-- sockoptfunction (CURLOPT_SOCKOPTFUNCTION) on real servers: what it is told, what it may do
-- with the Socket, what each value that it may return means, and the socket that FTP accepts.

local callback_option = require "spec.support.callback_option"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local openers = require "spec.support.openers"
local servers = require "spec.support.servers"
local sockets = require "spec.support.sockets"
local steal = require "spec.support.steal"
local transfers = require "spec.support.transfers"

local new_easy, get, thrown_by = easies.of "sockoptfunction"
local fetch, held, returning = transfers.fetch, transfers.held, transfers.returning

-- libcurl 7.88.0 and 7.88.1 connect again what is connected already.
local version = curl.version_info().version_num
local takes_connected = version ~= 0x075800 and version ~= 0x075801

local web

-- A callback that counts its calls, and answers as the function does with the count.
local function counting(answer)
  local count = 0
  return function(...)
    count = count + 1
    return answer(count, ...)
  end, function()
    return count
  end
end

-- The message that f throws.
local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

-- What only the owner of a descriptor may do, each with an argument.
local owners_methods = {
  accept = 0, close = false, connect = "127.0.0.1:1", detach = false, listen = 1, recv = 1,
  send = "x",
}

-- What each of them throws.
local function refusals(socket)
  local messages = {}
  for method, argument in pairs(owners_methods) do
    messages[method] = message_of(socket[method], socket, argument or nil)
  end
  return messages
end

local function refused_because(why)
  local messages = {}
  for method in pairs(owners_methods) do
    messages[method] = ("socket:%s: the socket is %s"):format(method, why)
  end
  return messages
end

-- Active FTP, where the server connects to us: the options, and f as the callback for the
-- accepted socket; other sockets are let through.
local function active(f)
  return function(socket, purpose, easy)
    if purpose == "accept" then
      return f(socket, easy)
    end
  end, { ftpport = "127.0.0.1" }
end

describe("sockoptfunction", function()
  setup(function()
    web = servers.nginx()
  end)

  describe("is told", function()
    for _, way in ipairs(openers.all_ways) do
      it("the opened Socket, the purpose and the easy, once, by " .. way[1], function()
        local url, _, options = way[2]()
        local opened, calls = nil, {}
        local easy <close> = new_easy(url .. "/hello", function(...)
          calls[#calls + 1] = table.pack(...)
        end, options)
        easy:setopt("opensocketfunction", function(_, address)
          opened = address:socket()
          return opened
        end)
        assert.equal("hello\n", fetch(easy))
        assert.equal(1, #calls)
        assert.equal(3, calls[1].n)
        assert.is_true(rawequal(opened, calls[1][1]))
        assert.equal("ipcxn", calls[1][2])
        assert.is_true(rawequal(easy, calls[1][3]))
      end)
    end

    it("the Socket of the default, which libcurl keeps", function()
      local seen
      local easy <close> = new_easy(web.url .. "/hello", function(socket)
        seen = socket
      end)
      assert.equal("hello\n", fetch(easy))
      assert.is_true(rawequal(seen, held()))
    end)

    it("the Socket that stands for a descriptor", function()
      local fd, seen
      local easy <close> = new_easy(web.url .. "/hello", function(socket)
        seen = socket
      end, { opensocketfunction = function(_, address)
        fd = address:socket():detach()
        return fd
      end })
      assert.equal("hello\n", fetch(easy))
      assert.equal(fd, seen:fd())
      assert.is_true(rawequal(seen, held()))
    end)

    it("the easy also in a multi", function()
      local multi <close> = curl.multi()
      local seen
      local easy <close> = new_easy(web.url .. "/hello", function(_, _, easy)
        seen = easy
      end)
      multi:add(easy)
      while assert(multi:perform()) > 0 do
        assert(multi:poll(1))
      end
      assert.is_true(rawequal(easy, seen))
    end)

    it("of a socket before it is connected, after it was opened", function()
      local events = {}
      local failure
      assert.equal("hello\n", get(web.url .. "/hello", function(socket)
        events[#events + 1] = "sockopt"
        failure = select(3, socket:peeraddress())
      end, {
        forbid_reuse = true,
        opensocketfunction = function()
          events[#events + 1] = "open"
          return true
        end,
        closesocketfunction = function()
          events[#events + 1] = "close"
        end,
      }))
      assert.same({ "open", "sockopt", "close" }, events)
      assert.equal("ENOTCONN", failure)
    end)

    it("of each socket that is opened for one transfer", function()
      local sockopt, count = counting(returning(true))
      local host = "many.test:" .. servers.free_port()
      local _, _, name = get("http://" .. host, sockopt, {
        resolve = { host .. ":127.0.0.1,127.0.0.2,127.0.0.3" },
      })
      assert.equal("COULDNT_CONNECT", name)
      assert.equal(3, count())
    end)

    it("of no address that was refused", function()
      local sockopt, count = counting(returning(true))
      local _, _, name = get(web.url, sockopt, { opensocketfunction = returning(nil, "no") })
      assert.equal("COULDNT_CONNECT", name)
      assert.equal(0, count())
    end)

    it("nothing when a connection is used again", function()
      local sockopt, count = counting(returning(true))
      local easy <close> = new_easy(web.url .. "/hello", sockopt)
      assert.equal("hello\n", fetch(easy))
      assert.equal("hello\n", fetch(easy))
      assert.equal(1, count())
    end)

    it("of the connections of passive FTP: both have the purpose ipcxn", function()
      local ftp = servers.vsftpd()
      local purposes = {}
      assert.equal("hello\n", get(ftp.url .. "/hello.txt", function(_, purpose)
        purposes[#purposes + 1] = purpose
      end))
      assert.same({ "ipcxn", "ipcxn" }, purposes)
    end)

    it("of active FTP's accepted socket with the purpose accept, of the listening one not",
      function()
        local ftp = servers.vsftpd()
        local purposes = {}
        local open, opened = counting(returning(true))
        assert.equal("hello\n", get(ftp.url .. "/hello.txt", function(_, purpose)
          purposes[#purposes + 1] = purpose
        end, { ftpport = "127.0.0.1", opensocketfunction = open }))
        assert.same({ "ipcxn", "accept" }, purposes)
        assert.equal(2, opened()) -- the control connection, and the listening socket
      end)
  end)

  describe("has a Socket", function()
    it("that is lent: options and addresses only", function()
      local state, messages, results
      assert.equal("hello\n", get(web.url .. "/hello", function(socket)
        state, messages = socket:state(), refusals(socket)
        results = {
          socket:setsockopt("tcp", "nodelay", false), socket:getsockopt("tcp", "nodelay"),
          tostring(socket:localaddress()),
        }
        results[1] = rawequal(results[1], socket)
      end))
      assert.equal("lent", state)
      assert.same(refused_because("lent to libcurl"), messages)
      assert.same({ true, false, "0.0.0.0:0" }, results)
    end)

    it("whose options stay as they are set, as the lent Socket shows", function()
      local easy <close> = new_easy(web.url .. "/hello", function(socket)
        sockets.set_some(socket)
      end)
      assert.equal("hello\n", fetch(easy))
      local socket = held()
      assert.equal("127.0.0.1:" .. web.port, tostring(socket:peeraddress()))
      sockets.assert_some(socket)
    end)

    it("that can be bound: the server sees the address and the port", function()
      local port = servers.free_port()
      assert.equal(("127.0.0.6 %d\n"):format(port), get(web.url .. "/peer", function(socket)
        assert(socket:bind("127.0.0.6:" .. port))
      end))
    end)

    it("whose data is kept for the close callback", function()
      local data
      assert.equal("hello\n", get(web.url .. "/hello", function(socket)
        socket.data = { "kept" }
      end, { forbid_reuse = true, closesocketfunction = function(socket)
        data = socket.data
      end }))
      assert.same({ "kept" }, data)
    end)
  end)

  describe("lets the transfer go on", function()
    it("when it returns nothing, nil or true", function()
      for _, sockopt in ipairs { returning(), returning(nil), returning(true) } do
        assert.equal("hello\n", get(web.url .. "/hello", sockopt))
      end
    end)

  end)

  describe("that refuses", function()
    it("fails the transfer, with its reason in the message", function()
      local body, message, name = get(web.url, returning(false, "not marked"))
      assert.is_nil(body)
      assert.equal("ABORTED_BY_CALLBACK", name)
      local expected = ": refused by sockoptfunction: not marked"
      assert.equal(expected, message:sub(-#expected))
    end)

    it("fails the transfer without a reason, too", function()
      local body, message, name = get(web.url, returning(false))
      assert.is_nil(body)
      assert.equal("ABORTED_BY_CALLBACK", name)
      local expected = ": refused by sockoptfunction"
      assert.equal(expected, message:sub(-#expected))
    end)

    it("closes the Socket, with its one close event", function()
      local seen
      local close, closed = counting(function(_, socket)
        return socket == seen or error "another Socket"
      end)
      local _, _, name = get(web.url, function(socket)
        seen = socket
        return false
      end, { closesocketfunction = close })
      assert.equal("ABORTED_BY_CALLBACK", name)
      assert.equal(1, closed())
      assert.equal("closed", seen:state())
    end)

    it("one socket lets libcurl try the next address", function()
      local host = "many.test:" .. web.port
      local sockopt, count = counting(function(n)
        return n == 3, "not this one"
      end)
      assert.equal("hello\n", get("http://" .. host .. "/hello", sockopt, {
        resolve = { host .. ":127.0.0.2,127.0.0.3,127.0.0.1" },
      }))
      assert.equal(3, count())
    end)

    it("has its reason only in the message of that transfer", function()
      local easy <close> = new_easy(web.url .. "/hello", returning(false, "the first time"))
      assert.truthy(select(2, fetch(easy)):find("the first time", 1, true))
      easy:setopt {
        sockoptfunction = returning(true), url = "http://127.0.0.2:" .. servers.free_port(),
      }
      local _, message, name = fetch(easy)
      assert.equal("COULDNT_CONNECT", name)
      assert.is_nil(message:find("the first time", 1, true))
    end)
  end)

  describe("that returns a wrong value", function()
    local failure = "sockoptfunction: must return nothing, true, \"connected\", or false and a "
      .. "reason, got "

    for _, value in ipairs { 0, 1, 2, -1, 1 << 32, 0.5, "ok", "CONNECTED", "" } do
      it(("throws, and names it: %s %q"):format(math.type(value) or "string", value), function()
        local shown = type(value) == "string" and '"' .. value .. '"' or value
        assert.equal(failure .. shown, thrown_by(web.url, returning(value)))
      end)
    end

    for kind, value in pairs { table = {}, ["function"] = print, userdata = curl.address "::1" } do
      it("throws for a " .. kind, function()
        assert.equal(failure .. type(value), thrown_by(web.url, returning(value)))
      end)
    end

    it("aborts the transfer: no further address is tried", function()
      local sockopt, count = counting(returning(0))
      assert.equal(failure .. 0, thrown_by("http://many.test/", sockopt, {
        resolve = { "many.test:80:127.0.0.2,127.0.0.3" },
      }))
      assert.equal(1, count())
    end)
  end)

  describe("that throws", function()
    it("has perform throw it unchanged", function()
      callback_option.throws_unchanged "sockoptfunction"
    end)

    it("aborts the transfer: no further address is tried, none is offered", function()
      local open, offered = counting(returning(true))
      local sockopt, count = counting(function()
        error("stop", 0)
      end)
      assert.equal("stop", thrown_by("http://many.test/", sockopt, {
        opensocketfunction = open,
        resolve = { "many.test:80:127.0.0.2,127.0.0.3,127.0.0.4" },
      }))
      assert.equal(1, count())
      assert.equal(1, offered())
    end)

    it("connects nothing", function()
      local listener <close> = assert(curl.socket():bind("127.0.0.1:0")):listen()
      assert.equal("stop", thrown_by("http://" .. tostring(listener:localaddress()), function()
        error("stop", 0)
      end))
      assert.equal("EAGAIN", select(3, listener:accept(0)))
    end)

    it("closes the Socket, with its one close event", function()
      local seen
      local close, closed = counting(returning())
      assert.equal("stop", thrown_by(web.url, function(socket)
        seen = socket
        error("stop", 0)
      end, { closesocketfunction = close }))
      assert.equal(1, closed())
      assert.equal("closed", seen:state())
    end)

    it("ends its own transfer in a multi, with the error as its result, and no other", function()
      local object = setmetatable({}, { __tostring = returning("a failure") })
      local multi <close> = curl.multi()
      local bad <close> = new_easy(web.url .. "/hello", function()
        error(object)
      end)
      local good <close> = new_easy(web.url .. "/hello", returning(true))
      multi:add(bad):add(good)
      while assert(multi:perform()) > 0 do
        assert(multi:poll(1))
      end
      local results = {}
      for easy, ok, err, name in multi:results() do
        results[easy] = { ok or "failed", err, name }
      end
      assert.is_true(rawequal(object, results[bad][2]))
      assert.same({ "failed", object, "CALLBACK" }, results[bad])
      assert.same({ true }, results[good])
    end)
  end)

  describe("that returns \"connected\"", function()
    -- An easy whose socket is a duplicate of the Socket, which connects only when libcurl asks
    -- for options.
    local function new_late(socket, seen, options)
      local easy = new_easy("http://192.0.2.1/hello", function(duplicate)
        seen[1] = duplicate
        assert(socket:connect("127.0.0.1:" .. web.port))
        return "connected"
      end, options)
      return easy:setopt("opensocketfunction", returning {
        fileno = function()
          return socket:fd()
        end,
      })
    end

    it("has libcurl use the connection that was made meanwhile", function()
      local socket <close> = curl.socket()
      local easy <close> = new_late(socket, {})
      local body, message, name = fetch(easy)
      if takes_connected then
        assert.equal("hello\n", body)
      else
        assert.is_nil(body)
        assert.equal("NOT_SUPPORTED", name)
        assert.truthy(message:find(
          "this libcurl (7.88.0, 7.88.1) cannot take a connected socket", 1, true))
      end
    end)

    it("closes the Socket in the end, with its one close event", function()
      local socket <close> = curl.socket()
      local seen = {}
      local close, closed = counting(returning())
      local easy <close> = new_late(socket, seen, { closesocketfunction = close })
      assert.equal(takes_connected, fetch(easy) ~= nil)
      assert.equal(takes_connected and "lent" or "closed", seen[1]:state())
      easy:close()
      assert.equal("closed", seen[1]:state())
      assert.equal(1, closed())
    end)
  end)

  describe("for the socket that FTP accepted", function()
    local ftp

    setup(function()
      ftp = servers.vsftpd()
    end)

    local function get_actively(f, options)
      local sockopt, how = active(f)
      for name, value in pairs(options or {}) do
        how[name] = value
      end
      return get(ftp.url .. "/hello.txt", sockopt, how)
    end

    it("has a borrowed one: connected, and libcurl's", function()
      local state, fd, peer, options
      assert.equal("hello\n", get_actively(function(socket)
        state, fd = socket:state(), socket:fd()
        peer = socket:peeraddress()
        options = {
          socket:getsockopt("socket", "domain"), socket:getsockopt("socket", "type"),
          assert(socket:setsockopt("tcp", "keepcnt", 5)):getsockopt("tcp", "keepcnt"),
        }
      end))
      assert.equal("borrowed", state)
      assert.equal("integer", math.type(fd))
      assert.equal("127.0.0.1", peer.ip)
      assert.same({ "inet", "stream", 5 }, options)
    end)

    it("has none that it could close, take, or read from", function()
      local messages
      assert.equal("hello\n", get_actively(function(socket)
        messages = refusals(socket)
      end))
      assert.same(refused_because("borrowed from libcurl"), messages)
    end)

    it("has one that is dead when the callback has returned", function()
      local kept, during
      assert.equal("hello\n", get_actively(function(socket)
        kept = socket
        socket.data = "kept"
      end, { xferinfofunction = function()
        during = during or kept and kept:state()
      end }))
      assert.equal("closed", during) -- while libcurl uses the descriptor
      assert.equal("closed", kept:state())
      assert.is_nil(kept:fd())
      assert.equal("socket:getsockopt: the socket is closed",
        message_of(kept.getsockopt, kept, "socket", "type"))
      assert.equal("kept", kept.data)
    end)

    it("has one also where a Socket of the script has lost the number", function()
      local lost = curl.socket()
      local number = lost:fd()
      local fd, state
      assert.equal("hello\n", get_actively(function(socket)
        fd, state = socket:fd(), socket:state()
      end, { headerfunction = function(line)
        if line:find("PRT command") or line:find("PORT command") then
          steal(number)
        end
      end }))
      assert.same({ number, "borrowed" }, { fd, state })
      assert.equal("closed", lost:state())
    end)

    it("has one of which no close callback is told, nor curl.sockets", function()
      local borrowed, listed
      local events = {}
      assert.equal("hello\n", get_actively(function(socket)
        borrowed = socket
        listed = false
        for _, entry in ipairs(curl.sockets()) do
          listed = listed or rawequal(entry.socket, socket)
        end
      end, { closesocketfunction = function(socket)
        events[#events + 1] = rawequal(socket, borrowed)
      end }))
      assert.is_false(listed)
      assert.same({ false, false }, events) -- the listening socket, the control connection
    end)

    -- The message that perform throws for another transfer, begun inside, whose open callback
    -- returns the value.
    local function nested(value)
      return message_of(get, web.url, nil, { opensocketfunction = returning(value) })
    end

    it("has one that cannot be adopted", function()
      local adopted, fd
      assert.equal("hello\n", get_actively(function(socket)
        fd = socket:fd()
        adopted = message_of(curl.adopt, fd)
      end))
      local expected = ("(descriptor %d is lent to libcurl)"):format(fd)
      assert.equal(expected, adopted:sub(-#expected))
    end)

    it("has one that no open callback can return", function()
      local message
      assert.equal("hello\n", get_actively(function(socket)
        message = nested(socket)
      end))
      assert.equal("opensocketfunction: returned a Socket that is not the script's", message)
    end)

    it("has one whose descriptor no open callback can return", function()
      local message, fd
      local body = get_actively(function(socket)
        fd = socket:fd()
        message = nested(fd)
      end)
      assert.equal(("opensocketfunction: descriptor %d is lent to libcurl already"):format(fd),
        message)
      assert.equal("hello\n", body)
    end)

    it("throws for \"connected\", which it is anyway", function()
      local ok, err = pcall(get_actively, returning("connected"))
      assert.is_false(ok)
      assert.equal("sockoptfunction: \"connected\" has no meaning for \"accept\"", err)
    end)

    it("goes on with true", function()
      assert.equal("hello\n", get_actively(returning(true)))
    end)

    it("may refuse it", function()
      local body, message, name = get_actively(returning(false, "not from there"))
      assert.is_nil(body)
      assert.equal("ABORTED_BY_CALLBACK", name)
      assert.truthy(message:find("refused by sockoptfunction: not from there", 1, true))
    end)

    it("may throw, unchanged", function()
      local failure = {}
      local ok, err = pcall(get_actively, function()
        error(failure)
      end)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
    end)
  end)

  it("may set another one, which the next connection gets", function()
    local later, count = counting(returning(true))
    local easy <close> = new_easy(web.url .. "/hello", function(_, _, easy)
      easy:setopt("sockoptfunction", later)
    end, { forbid_reuse = true })
    assert.equal("hello\n", fetch(easy))
    assert.equal(0, count())
    assert.equal("hello\n", fetch(easy))
    assert.equal(1, count())
  end)

  it("is gone after reset", function()
    local easy <close> = new_easy(web.url .. "/hello", returning(false, "never"))
    easy:reset():setopt { url = web.url .. "/hello", proxy = "" }
    assert.equal("hello\n", fetch(easy))
  end)

  it("can be unset", function()
    local easy <close> = new_easy(web.url .. "/hello", returning(false, "never"))
    assert.equal("ABORTED_BY_CALLBACK", select(3, fetch(easy)))
    assert.is_true(rawequal(easy, easy:unset("sockoptfunction")))
    assert.equal("hello\n", fetch(easy))
  end)

  it("must be a function, or setopt throws and keeps the one that was set", function()
    local easy <close> = new_easy(web.url .. "/hello", returning(false, "kept"))
    callback_option.takes_functions_only(easy, "sockoptfunction")
    assert.truthy(select(2, fetch(easy)):find("refused by sockoptfunction: kept", 1, true))
  end)

  it("has no data pointer to set, and no other name", function()
    callback_option.has_one_name "sockopt"
  end)
end)
