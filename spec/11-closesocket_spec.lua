-- closesocketfunction (CURLOPT_CLOSESOCKETFUNCTION) on real servers: what it is told, what it
-- may do, which easy's it is, and each way in which a connection that outlived its transfer
-- comes to its end.

local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local luasocket = require "socket"
local servers = require "spec.support.servers"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

local fetch, drive = transfers.fetch, transfers.drive
local held, target = transfers.held, transfers.target

local version = curl.version_info().version_num
local web

-- What error(nil) throws: since Lua 5.5 a string.
local _, thrown_nil = pcall(error, nil)

local function nothing() end

local function new_easy(url, options)
  local easy = curl.easy { url = url, proxy = "", timeout = 20 }
  return assert(easy:setopt(options or {}))
end

-- Runs the transfer in the multi, to which it does not belong afterwards: its body.
local function run(multi, easy)
  local body = {}
  multi:add(easy:setopt("writefunction", body))
  drive(multi)
  for _, ok, message in multi:results() do
    assert(ok, message)
  end
  multi:remove(easy)
  return table.concat(body)
end

-- Adds the easy to the multi and drives that until the server has begun to answer.
local function begin(multi, easy)
  local begun = false
  multi:add(easy:setopt("headerfunction", function()
    begun = true
  end))
  repeat
    assert.equal(1, multi:perform())
    assert(multi:poll(begun and 0 or 1))
  until begun
end

-- A close callback that notes each event: the Socket, how it was then, how many arguments.
local function noting(events, answer)
  return function(...)
    local socket = ...
    local fd = socket:fd()
    events[#events + 1] = {
      socket = socket,
      state = socket:state(),
      fd = fd,
      open = fd and target(fd) ~= nil,
      arguments = select("#", ...),
    }
    return answer
  end
end

-- An open callback that notes the Sockets that it makes.
local function opening(sockets)
  return function(_, address)
    sockets[#sockets + 1] = address:socket()
    return sockets[#sockets]
  end
end

-- An easy whose sockets and close events are noted in two lists: easy, opened, closed.
local function noted(url, options)
  local opened, closed = {}, {}
  local easy = new_easy(url, options)
  easy:setopt { opensocketfunction = opening(opened), closesocketfunction = noting(closed) }
  return easy, opened, closed
end

-- The first of the opened sockets, and no other, had its event, and is closed.
local function assert_closed(opened, closed)
  assert.equal(1, #closed)
  local event = closed[1]
  assert.is_true(rawequal(opened[1], event.socket))
  assert.same({ "closing", true, 1 }, { event.state, event.open, event.arguments })
  assert.equal("closed", event.socket:state())
  assert.is_nil(event.socket:fd())
end

-- Answers one request on a connection, and closes that without having said so.
local dropping = [[
  local server = ...
  while true do
    local peer = server:accept()
    repeat local line = peer:receive() until line == "" or not line
    peer:send "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndrops\n"
    peer:close()
  end
]]

-- The server's end of the Socket's connection has been closed.
local function wait_for_end(socket)
  assert(#loops.wait({ [socket:fd()] = "r" }, 10) > 0)
end

-- Lets all idle connections become older than one that is new: libcurl, which evicts the
-- oldest, compares whole milliseconds.
local function grow_older()
  luasocket.sleep(0.005)
end

-- The script in a process of its own, where new(...) makes an easy that prints its close
-- events: what it prints, and what it is warned of.
local function run_script(text)
  local prelude = ([[
    warn "@on"
    local curl = require "curlsock"
    local url, url4 = %q, %q
    local function new(close, path)
      local opened
      return curl.easy {
        url = url .. (path or "/hello"), proxy = "",
        opensocketfunction = function(_, address)
          opened = address:socket()
          opened.data = "kept"
          return opened
        end,
        closesocketfunction = close or function(socket)
          print("closes", socket:state(), socket.data, rawequal(socket, opened))
        end,
      }
    end
    local function run(multi, easy)
      multi:add(easy)
      while multi:perform() > 0 do multi:poll(1) end
      for _, ok, message in multi:results() do assert(ok, message) end
    end
  ]]):format(web.url, web.url4)
  return left.pass(prelude .. text)
end

local one_event = "closes\tclosing\tkept\ttrue\n"

describe("closesocketfunction", function()
  setup(function()
    web = servers.nginx()
  end)

  describe("is told", function()
    it("the Socket that was opened, which is about to be closed, and nothing else", function()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      assert.same({}, closed)
      local fd = opened[1]:fd()
      easy:close()
      assert_closed(opened, closed)
      assert.equal(fd, closed[1].fd)
      assert.is_nil(target(fd))
      assert.same({}, curl.sockets())
    end)

    for _, way in ipairs {
      { "plain HTTP", function()
        return web.url, {}
      end },
      { "HTTPS", function()
        return web.https_url, { cainfo = web.ca }
      end },
      { "HTTP/2 with TLS", function()
        return web.h2_url, { cainfo = web.ca, http_version = "2tls" }
      end },
      { "HTTP/2 without TLS", function()
        return web.h2c_url, { http_version = "2-prior-knowledge" }
      end, reuse = function()
        return version >= 0x080000 -- 7.88 cannot use such a connection again
      end },
      { "a UNIX socket", function()
        return "http://any.test", { unix_socket_path = web.unix }
      end },
    } do
      it("once for one connection by " .. way[1], function()
        local url, options = way[2]()
        local easy <close>, opened, closed = noted(url .. "/hello", options)
        assert.equal("hello\n", fetch(easy))
        if way.reuse == nil or way.reuse() then
          assert.equal("hello\n", fetch(easy))
        end
        assert.equal(1, #opened)
        assert.same({}, closed)
        easy:close()
        assert_closed(opened, closed)
      end)
    end

    it("the Socket that sockoptfunction saw, with its data, where libcurl's default was opened",
      function()
        local seen, at_close
        local easy <close> = new_easy(web.url .. "/hello", {
          sockoptfunction = function(socket)
            seen = socket
            socket.data = { "kept" }
          end,
          closesocketfunction = function(socket)
            at_close = { socket, socket.data }
          end,
        })
        assert.equal("hello\n", fetch(easy))
        local data = seen.data
        easy:close()
        assert.is_true(rawequal(seen, at_close[1]))
        assert.is_true(rawequal(data, at_close[2]))
        assert.same({ "kept" }, data)
        assert.is_true(rawequal(data, seen.data))
      end)

    it("one Socket throughout where the open callback gave a descriptor", function()
      local closed = {}
      local easy <close> = new_easy(web.url .. "/hello", {
        opensocketfunction = function(_, address)
          return address:socket():detach()
        end,
        closesocketfunction = noting(closed),
      })
      assert.equal("hello\n", fetch(easy))
      local socket = held()
      easy:close()
      assert_closed({ socket }, closed)
    end)

    it("data that nothing else keeps alive", function()
      local data
      local easy <close> = new_easy(web.url .. "/hello", {
        opensocketfunction = function(_, address)
          local socket = address:socket()
          socket.data = { "kept" }
          return socket
        end,
        closesocketfunction = function(socket)
          data = socket.data
        end,
      })
      assert.equal("hello\n", fetch(easy))
      left.gc()
      easy:close()
      assert.same({ "kept" }, data)
    end)

    it("each socket of a transfer that opens several, in their order", function()
      local easy <close>, opened, closed = noted("http://any.test/", { forbid_reuse = true })
      easy:setopt {
        url = web.url .. "/redirect?to=" .. web.url4 .. "/hello", followlocation = true,
      }
      assert.equal("hello\n", fetch(easy))
      assert.equal(2, #opened)
      assert.equal(2, #closed)
      assert.is_true(rawequal(opened[1], closed[1].socket))
      assert.is_true(rawequal(opened[2], closed[2].socket))
    end)

    it("of sockets only: no file, no pipe of libcurl's own", function()
      local path = os.tmpname()
      local closed = {}
      local log <close> = assert(io.open(path, "w"))
      local multi <close> = curl.multi()
      local easy <close> = new_easy("file://" .. path, {
        closesocketfunction = noting(closed), stderr = log, verbose = true,
      })
      multi:wakeup():poll(1)
      run(multi, easy)
      easy:close()
      multi:close()
      os.remove(path)
      assert.same({}, closed)
    end)
  end)

  describe("inside", function()
    -- What f returns when the close callback calls it with the Socket.
    local function inside(f)
      local result
      local easy <close> = new_easy(web.url .. "/connection", {
        closesocketfunction = function(socket)
          result = table.pack(f(socket))
        end,
      })
      assert.truthy(fetch(easy))
      easy:close()
      return table.unpack(result, 1, result.n)
    end

    it("the Socket still tells its addresses, options and counters", function()
      local peer, keepalive, info, _, name = inside(function(socket)
        return tostring(socket:peeraddress()), socket:getsockopt("socket", "keepalive"),
          socket:info()
      end)
      assert.equal("127.0.0.1:" .. web.port, peer)
      assert.equal("boolean", type(keepalive))
      assert.equal(system.linux and "established" or "ENOSYS", info and info.state or name)
    end)

    it("last words can be sent and heard", function()
      local words = inside(function(socket)
        assert(socket:send("GET /connection HTTP/1.0\r\n\r\n"))
        return socket:recv(4096, 5)
      end)
      assert.truthy(words:find("\r\n\r\n%d+ 2\n$"))
    end)

    it("the Socket is not listed as libcurl's any more", function()
      assert.equal(0, inside(function()
        return #curl.sockets()
      end))
    end)

    it("another transfer can be run, with handles of its own", function()
      assert.equal("hello\n", inside(function()
        local easy <close> = new_easy(web.url .. "/hello")
        return fetch(easy)
      end))
    end)

    it("close() closes it, at once and only once: its number may be used again", function()
      local ok, state, before, number, new = inside(function(socket)
        local fd = socket:fd()
        local answer = socket:close()
        local new = curl.socket()
        return answer, socket:state(), fd, new:fd(), new
      end)
      assert.is_true(ok)
      assert.equal("closed", state)
      assert.equal(before, number)
      assert.equal(number, new:fd()) -- still open, after the callback has returned
      new:close()
    end)

    it("detach() takes the connection: open afterwards, and the script's to speak on", function()
      local fd, state
      local easy <close> = new_easy(web.url .. "/connection", {
        closesocketfunction = function(socket)
          fd = socket:detach()
          state = socket:state()
        end,
      })
      local number = fetch(easy):match("^(%d+) 1\n$")
      local socket = held()
      easy:close()
      assert.equal("detached", state)
      assert.equal("detached", socket:state())
      local mine <close> = curl.adopt(fd)
      assert(mine:send("GET /connection HTTP/1.0\r\n\r\n"))
      assert.truthy(mine:recv(4096, 5):find("\r\n\r\n" .. number .. " 2\n$"))
    end)

    it("what detach() took stays the script's when the callback throws then", function()
      local fd
      local easy <close> = new_easy(web.url .. "/hello", {
        closesocketfunction = function(socket)
          fd = socket:detach()
          error("too late", 0)
        end,
      })
      assert.equal("hello\n", fetch(easy))
      assert.same({ false, "too late" }, { pcall(easy.close, easy) })
      local mine <close> = curl.adopt(fd)
      assert.equal("127.0.0.1:" .. web.port, tostring(mine:peeraddress()))
    end)
  end)

  describe("whatever it answers,", function()
    for name, value in pairs {
      ["true"] = true, ["false"] = false, ["a number"] = 1, ["a string"] = "no",
      ["a table"] = {}, ["a function"] = print,
    } do
      it("the descriptor is closed and the transfer unharmed: " .. name, function()
        local closed = {}
        local easy <close> = new_easy(web.url .. "/hello", {
          forbid_reuse = true, closesocketfunction = noting(closed, value),
        })
        assert.equal("hello\n", fetch(easy))
        assert.equal(1, #closed)
        assert.is_nil(target(closed[1].fd))
        assert.equal("closed", closed[1].socket:state())
      end)
    end

    it("the descriptor is closed: an error", function()
      local event
      local easy <close> = new_easy(web.url .. "/hello", {
        closesocketfunction = function(socket)
          event = { socket, socket:fd() }
          error("stop")
        end,
      })
      assert.equal("hello\n", fetch(easy))
      assert.is_false(pcall(easy.close, easy))
      assert.is_nil(target(event[2]))
      assert.equal("closed", event[1]:state())
    end)

    it("the descriptor is closed: the Socket itself", function()
      local socket
      local easy <close> = new_easy(web.url .. "/hello", {
        closesocketfunction = function(s)
          socket = s
          return s
        end,
      })
      assert.equal("hello\n", fetch(easy))
      easy:close()
      assert.equal("closed", socket:state())
    end)
  end)

  describe("belongs to the connection:", function()
    it("a second easy that uses the connection changes nothing", function()
      local multi <close> = curl.multi()
      local first <close>, opened, closed = noted(web.url .. "/connection")
      local second <close>, opened2, closed2 = noted(web.url .. "/connection")
      local number = run(multi, first):match("^(%d+) 1\n$")
      assert.equal(number .. " 2\n", run(multi, second))
      first:close()
      second:close()
      assert.same({}, closed)
      multi:close()
      assert_closed(opened, closed)
      assert.same({}, opened2)
      assert.same({}, closed2)
    end)

    it("a second easy without callbacks changes nothing", function()
      local multi <close> = curl.multi()
      local first <close>, opened, closed = noted(web.url .. "/connection")
      local second <close> = new_easy(web.url .. "/connection")
      local number = run(multi, first):match("^(%d+) 1\n$")
      assert.equal(number .. " 2\n", run(multi, second))
      multi:close()
      assert_closed(opened, closed)
    end)

    it("a second easy's is not called for a connection that was opened without one", function()
      local multi <close> = curl.multi()
      local first <close> = new_easy(web.url .. "/connection")
      local second <close>, opened2, closed2 = noted(web.url .. "/connection")
      local number = run(multi, first):match("^(%d+) 1\n$")
      assert.equal(number .. " 2\n", run(multi, second))
      local socket = held()
      multi:close()
      assert.same({}, opened2)
      assert.same({}, closed2)
      assert.equal("closed", socket:state())
    end)

    for name, change in pairs {
      ["another one that is set"] = function(easy, closed)
        easy:setopt("closesocketfunction", noting(closed))
      end,
      ["unset"] = function(easy)
        easy:unset("closesocketfunction")
      end,
      ["reset"] = function(easy)
        easy:reset()
      end,
    } do
      it(name .. " later changes nothing in a multi", function()
        local multi <close> = curl.multi()
        local easy <close>, opened, closed = noted(web.url .. "/hello")
        local later = {}
        assert.equal("hello\n", run(multi, easy))
        change(easy, later)
        multi:close()
        assert_closed(opened, closed)
        assert.same({}, later)
      end)

      it(name .. " later changes nothing in the easy's own connections", function()
        local easy <close>, opened, closed = noted(web.url .. "/hello")
        local later = {}
        assert.equal("hello\n", fetch(easy))
        change(easy, later)
        easy:close()
        assert_closed(opened, closed)
        assert.same({}, later)
      end)
    end

    it("one that is set during the transfer is for the next connection", function()
      local later = {}
      local easy <close>, opened, closed = noted(web.url .. "/hello", { forbid_reuse = true })
      easy:setopt("headerfunction", function()
        easy:setopt("closesocketfunction", noting(later))
      end)
      assert.equal("hello\n", fetch(easy))
      assert_closed(opened, closed)
      assert.same({}, later)
      assert.equal("hello\n", fetch(easy))
      assert.equal(1, #closed)
      assert_closed({ opened[2] }, later)
    end)

    it("one that is set later is not for the connection that was opened without", function()
      local closed = {}
      local easy <close> = new_easy(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      local socket = held()
      easy:setopt("closesocketfunction", noting(closed))
      easy:close()
      assert.same({}, closed)
      assert.equal("closed", socket:state())
    end)

    it("a data socket of FTP gets that of the easy which opened it", function()
      local ftp = servers.vsftpd()
      local multi <close> = curl.multi()
      local first <close>, opened, closed = noted(ftp.url .. "/hello.txt")
      local second <close>, opened2, closed2 = noted(ftp.url .. "/hello.txt")
      assert.equal("hello\n", run(multi, first))
      assert.equal("hello\n", run(multi, second))
      assert.equal(2, #opened) -- control, data
      assert_closed({ opened[2] }, closed)
      assert_closed(opened2, closed2)
      multi:close()
      assert.equal(2, #closed)
      assert.is_true(rawequal(opened[1], closed[2].socket))
      assert.equal(1, #closed2)
    end)
  end)

  describe("runs", function()
    it("in the perform that closes the connection", function()
      local easy <close>, opened, closed = noted(web.url .. "/hello", { forbid_reuse = true })
      assert.equal("hello\n", fetch(easy))
      assert_closed(opened, closed)
    end)

    it("in the perform in which the server closes the connection", function()
      local easy <close>, opened, closed = noted(web.url .. "/close")
      assert.equal("close\n", fetch(easy))
      assert_closed(opened, closed)
    end)

    it("in the perform whose connection is refused, once for each address", function()
      local host = "many.test:" .. servers.free_port()
      local easy <close>, opened, closed = noted("http://" .. host, {
        resolve = { host .. ":127.0.0.1,127.0.0.2" },
      })
      local _, _, name = fetch(easy)
      assert.equal("COULDNT_CONNECT", name)
      assert.equal(2, #opened)
      assert.equal(2, #closed)
      for i = 1, 2 do
        assert.is_true(rawequal(opened[i], closed[i].socket))
        assert.equal("closed", opened[i]:state())
      end
    end)

    it("in multi:remove that ends a transfer", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/slow")
      begin(multi, easy)
      assert.same({}, closed)
      multi:remove(easy)
      assert_closed(opened, closed)
    end)

    it("in easy:close() that ends a transfer in a multi", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/slow")
      begin(multi, easy)
      easy:close()
      assert_closed(opened, closed)
    end)

    it("in easy:close(), for the connections that are its own", function()
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      assert.same({}, closed)
      easy:close()
      assert_closed(opened, closed)
      easy:close()
      assert.equal(1, #closed)
    end)

    it("at the end of the block of an easy <close>", function()
      local opened, closed
      do
        local easy <close>, o, c = noted(web.url .. "/hello")
        opened, closed = o, c
        assert.equal("hello\n", fetch(easy))
        assert.same({}, closed)
      end
      assert_closed(opened, closed)
    end)

    it("in the collection of an easy", function()
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      collectgarbage()
      assert.same({}, closed)
      easy = nil -- luacheck: ignore
      collectgarbage()
      assert_closed(opened, closed)
    end)

    it("in multi:close(), after its easy was closed", function()
      local multi = curl.multi()
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      easy:close()
      assert.same({}, closed)
      assert.equal("lent", opened[1]:state())
      multi:close()
      assert_closed(opened, closed)
    end)

    it("in multi:close(), after its easy was collected", function()
      local multi = curl.multi()
      local before = curl.live().easy
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      easy = nil -- luacheck: ignore
      collectgarbage()
      assert.equal(before, curl.live().easy)
      assert.same({}, closed)
      assert.equal("lent", opened[1]:state())
      multi:close()
      assert_closed(opened, closed)
    end)

    it("in multi:close() that ends a transfer", function()
      local multi = curl.multi()
      local easy, opened, closed = noted(web.url .. "/slow")
      begin(multi, easy)
      multi:close()
      assert_closed(opened, closed)
    end)

    it("at the end of the block of a multi <close>", function()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      do
        local multi <close> = curl.multi()
        assert.equal("hello\n", run(multi, easy))
        assert.same({}, closed)
      end
      assert_closed(opened, closed)
    end)

    it("in the collection of a multi", function()
      local multi = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      collectgarbage()
      assert.same({}, closed)
      multi = nil -- luacheck: ignore
      collectgarbage()
      assert_closed(opened, closed)
    end)

    it("in share:close(), after its easies were closed", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      easy:close()
      assert.same({}, closed)
      share:close()
      assert_closed(opened, closed)
    end)

    it("in share:close(), after its easies were collected", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      easy = nil -- luacheck: ignore
      collectgarbage()
      assert.same({}, closed)
      share:close()
      assert_closed(opened, closed)
    end)

    it("when the last easy leaves a share that was closed while in use", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      local other = new_easy(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      share:close()
      easy:close()
      assert.same({}, closed)
      assert.equal("lent", opened[1]:state())
      other:close()
      assert_closed(opened, closed)
    end)

    it("at the end of the block of a share <close>", function()
      local opened, closed
      do
        local share <close> = curl.share { share = "connect" }
        local easy <close>, o, c = noted(web.url .. "/hello", { share = share })
        opened, closed = o, c
        assert.equal("hello\n", fetch(easy))
        easy:close()
        assert.same({}, closed)
      end
      assert_closed(opened, closed)
    end)

    it("in the collection of a share", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      easy:close()
      collectgarbage()
      assert.same({}, closed)
      share = nil -- luacheck: ignore
      collectgarbage()
      assert_closed(opened, closed)
    end)

    it("by eviction, when an easy may keep only one connection (maxconnects)", function()
      local easy <close>, opened, closed = noted(web.url .. "/hello", { maxconnects = 1 })
      assert.equal("hello\n", fetch(easy))
      easy:setopt("url", web.url4 .. "/hello")
      grow_older()
      assert.same({}, closed)
      assert.equal("hello\n", fetch(easy))
      assert_closed(opened, closed)
      assert.equal("lent", opened[2]:state())
    end)

    it("by eviction, in another easy's transfer, when its own easy is closed", function()
      local multi <close> = curl.multi { maxconnects = 1 }
      local first, opened, closed = noted(web.url .. "/hello")
      local second <close>, opened2, closed2 = noted(web.url4 .. "/hello")
      assert.equal("hello\n", run(multi, first))
      first:close()
      grow_older()
      assert.same({}, closed)
      assert.equal("hello\n", run(multi, second))
      assert_closed(opened, closed)
      assert.same({}, closed2)
      assert.equal("lent", opened2[1]:state())
    end)

    it("in another easy's transfer that finds the connection dead", function()
      local server = servers.script(dropping)
      local multi <close> = curl.multi()
      local first, opened, closed = noted(server.url)
      local second <close>, opened2, closed2 = noted(server.url)
      assert.equal("drops\n", run(multi, first))
      first = nil -- luacheck: ignore
      collectgarbage()
      wait_for_end(opened[1])
      assert.same({}, closed)
      assert.equal("drops\n", run(multi, second))
      assert_closed(opened, closed)
      assert.equal(1, #opened2)
      assert.same({}, closed2)
      multi:close()
      assert_closed(opened2, closed2)
      servers.stop(server)
    end)

    it("once, when an easy with connections of its own goes into a multi", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      multi:add(easy)
      -- Since 8.7.0 libcurl closes them then; before, with the easy.
      assert.equal(version >= 0x080700 and 1 or 0, #closed)
      multi:remove(easy)
      easy:close()
      assert_closed(opened, closed)
    end)

    it("once, for an idle connection that a multi is told an error of", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      assert(multi:socket_action(opened[1]:fd(), "e"))
      multi:close()
      assert_closed(opened, closed)
    end)

    it("not for an idle connection that a multi is told the readiness of", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/connection")
      local number = run(multi, easy):match("^(%d+) 1\n$")
      assert(multi:socket_action(opened[1]:fd(), "rw"))
      assert.equal(number .. " 2\n", run(multi, easy))
      assert.same({}, closed)
      local fd = opened[1]:fd()
      easy:close()
      multi:setopt("maxconnects", 1)
      grow_older()
      local other <close> = new_easy(web.url4 .. "/hello")
      assert.equal("hello\n", run(multi, other))
      assert_closed(opened, closed)
      assert(multi:socket_action(fd, "rw")) -- late: nobody's descriptor by now
    end)
  end)

  describe("runs when the Lua state is closed,", function()
    for name, script in pairs {
      ["for an easy's own connection"] = [[
        easy = new()
        easy:perform()
      ]],
      ["for an easy that nothing mentions any more"] = [[
        new():perform()
      ]],
      ["for a multi, and its easy"] = [[
        multi, easy = curl.multi(), new()
        run(multi, easy)
      ]],
      ["for a multi, whose easy was closed"] = [[
        multi = curl.multi()
        local easy <close> = new()
        run(multi, easy)
      ]],
      ["for a multi, whose easy was collected"] = [[
        multi = curl.multi()
        do
          local easy = new()
          run(multi, easy)
          multi:remove(easy)
        end
        collectgarbage()
      ]],
      ["for a multi, in the middle of a transfer"] = [[
        multi = curl.multi()
        easy = new(nil, "/slow")
        local begun
        multi:add(easy:setopt("headerfunction", function() begun = true end))
        repeat multi:perform() multi:poll(begun and 0 or 1) until begun
      ]],
      ["for a share"] = [[
        share = curl.share { share = "connect" }
        local easy <close> = new():setopt("share", share)
        easy:perform()
      ]],
      ["for a share, and the easy that uses it"] = [[
        easy = new():setopt("share", curl.share { share = "connect" })
        easy:perform()
      ]],
      ["for an easy that a finalizer made then"] = [[
        setmetatable({}, { __gc = function()
          easy = new()
          easy:perform()
        end })
      ]],
      ["by os.exit"] = [[
        easy = new()
        easy:perform()
        os.exit(0, true)
      ]],
    } do
      it(name, function()
        local out, err = run_script(script)
        assert.equal(one_event, out)
        assert.equal("", err)
      end)
    end

    it("and what it throws then is a warning", function()
      local out, err = run_script [[
        easy = new(function(socket)
          print(socket:state())
          error("at the end", 0)
        end)
        easy:perform()
      ]]
      assert.equal("closing\n", out)
      assert.equal("Lua warning: curlsock: at the end\n", err)
    end)
  end)

  describe("that throws", function()
    local failure = setmetatable({}, {
      __tostring = function()
        return "a failure"
      end,
    })

    -- An easy whose close callback notes the event and throws the value.
    local function throwing(url, value, options)
      local easy, opened, closed = noted(url, options)
      local note = noting(closed)
      easy:setopt("closesocketfunction", function(...)
        note(...)
        error(value, 0)
      end)
      return easy, opened, closed
    end

    local function assert_thrown(expected, f, ...)
      local result = table.pack(pcall(f, ...))
      assert.equal(2, result.n)
      assert.is_false(result[1])
      assert.is_true(rawequal(expected, result[2]))
    end

    for name, value in pairs {
      string = "a message", number = 42, boolean = false, table = {},
      ["object with a metatable"] = failure,
    } do
      it("has the call throw it unchanged: a " .. name, function()
        local easy <close>, opened, closed = throwing(web.url .. "/hello", value)
        assert.equal("hello\n", fetch(easy))
        assert_thrown(value, easy.close, easy)
        assert_closed(opened, closed)
      end)
    end

    it("has the call throw it unchanged: nil", function()
      local easy <close>, opened, closed = throwing(web.url .. "/hello", nil)
      assert.equal("hello\n", fetch(easy))
      assert_thrown(thrown_nil, easy.close, easy)
      assert_closed(opened, closed)
    end)

    it("has easy:perform throw it after the transfer", function()
      local options = { forbid_reuse = true }
      local easy <close>, opened, closed = throwing(web.url .. "/hello", failure, options)
      local body = {}
      easy:setopt("writefunction", body)
      assert_thrown(failure, easy.perform, easy)
      assert_closed(opened, closed)
      assert.same({ "hello\n" }, body)
      assert.equal(200, easy:getinfo("response_code"))
      easy:unset("closesocketfunction")
      assert.equal("hello\n", fetch(easy))
    end)

    it("has easy:close throw it after all is closed", function()
      local easy, opened, closed = throwing(web.url .. "/hello", failure)
      local before = curl.live().easy
      assert.equal("hello\n", fetch(easy))
      assert_thrown(failure, easy.close, easy)
      assert_closed(opened, closed)
      assert.equal(before - 1, curl.live().easy)
      assert.is_nil(easy:close())
      assert.has_error(function()
        easy:perform()
      end, "calling 'perform' on bad self (easy is closed)")
    end)

    it("has multi:perform throw it after its work: the result is there", function()
      local multi <close> = curl.multi()
      local options = { forbid_reuse = true }
      local easy <close>, opened, closed = throwing(web.url .. "/hello", failure, options)
      multi:add(easy)
      assert_thrown(failure, drive, multi)
      assert_closed(opened, closed)
      assert.equal(0, multi:perform())
      local results = {}
      for e, ok in multi:results() do
        results[#results + 1] = { e, ok }
      end
      assert.same({ { easy, true } }, results)
    end)

    it("has multi:socket_action throw it", function()
      local multi <close> = curl.multi()
      local options = { timeout = 0.2 }
      local easy <close>, opened, closed = throwing(web.url .. "/slow", failure, options)
      begin(multi, easy)
      assert_thrown(failure, function()
        while assert(multi:socket_action()) > 0 do
          assert(multi:poll(1))
        end
      end)
      assert_closed(opened, closed)
      for e, ok, _, name in multi:results() do
        assert.same({ easy, nil, "OPERATION_TIMEDOUT" }, { e, ok, name })
      end
    end)

    it("has multi:remove throw it after the easy is out", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = throwing(web.url .. "/slow", failure)
      begin(multi, easy)
      assert_thrown(failure, multi.remove, multi, easy)
      assert_closed(opened, closed)
      assert.equal(0, multi:perform())
      easy:setopt { url = web.url .. "/hello", closesocketfunction = nothing }
      assert.equal("hello\n", run(multi, easy))
    end)

    it("has multi:close throw it after all is closed", function()
      local multi = curl.multi()
      local before = curl.live().multi
      local easy, opened, closed = throwing(web.url .. "/hello", failure)
      local other, opened2, closed2 = noted(web.url4 .. "/hello")
      run(multi, easy)
      run(multi, other)
      assert_thrown(failure, multi.close, multi)
      assert_closed(opened, closed)
      assert_closed(opened2, closed2)
      assert.equal(before - 1, curl.live().multi)
      assert.is_nil(multi:close())
    end)

    it("has share:close throw it after all is closed", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = throwing(web.url .. "/hello", failure, { share = share })
      local before = curl.live().share
      assert.equal("hello\n", fetch(easy))
      easy:close()
      assert_thrown(failure, share.close, share)
      assert_closed(opened, closed)
      assert.equal(before - 1, curl.live().share)
    end)

    it("has the last easy's close throw it, for a share that was closed before", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = throwing(web.url .. "/hello", failure, { share = share })
      local before = curl.live().share
      assert.equal("hello\n", fetch(easy))
      share:close()
      assert_thrown(failure, easy.close, easy)
      assert_closed(opened, closed)
      assert.equal(before - 1, curl.live().share)
    end)

    it("has the end of the block throw it, for a handle <close>", function()
      local opened, closed
      assert_thrown(failure, function()
        local easy <close>, o, c = throwing(web.url .. "/hello", failure)
        opened, closed = o, c
        assert.equal("hello\n", fetch(easy))
      end)
      assert_closed(opened, closed)
    end)

    it("in another easy's transfer has that call throw it, and harms no result", function()
      local multi <close> = curl.multi { maxconnects = 1 }
      local first <close>, opened, closed = throwing(web.url .. "/hello", failure)
      local second <close> = new_easy(web.url4 .. "/hello")
      run(multi, first)
      grow_older()
      multi:add(second)
      assert_thrown(failure, drive, multi)
      assert_closed(opened, closed)
      drive(multi)
      local results = {}
      for e, ok in multi:results() do
        results[#results + 1] = { e, ok }
      end
      assert.same({ { second, true } }, results)
    end)

    it("in a finalizer is a warning", function()
      local out, err = run_script [[
        local easy = new(function(socket)
          print(socket:state())
          error("collected", 0)
        end)
        easy:perform()
        easy = nil
        collectgarbage()
        print(#curl.sockets(), curl.live().socket)
      ]]
      assert.equal("closing\n0\t0\n", out)
      assert.equal("Lua warning: curlsock: collected\n", err)
    end)

    it("in a finalizer is a warning, also when it is no string", function()
      local _, err = run_script [[
        new(function()
          error(setmetatable({}, { __tostring = function() return "an object" end }))
        end):perform()
        new(function() error(nil) end):perform()
        collectgarbage()
      ]]
      local lines = {}
      for line in err:gmatch("[^\n]+") do
        lines[#lines + 1] = line
      end
      table.sort(lines)
      local expected = { "an object", tostring(thrown_nil) }
      for i, text in ipairs(expected) do
        expected[i] = "Lua warning: curlsock: " .. text
      end
      table.sort(expected)
      assert.same(expected, lines)
    end)

    it("twice in one call has that throw the first, and warn of the second", function()
      local out, err = run_script [[
        local multi = curl.multi()
        local count = 0
        local function close()
          count = count + 1
          error("number " .. count, 0)
        end
        local first, second = new(close), new(close):setopt("url", url4 .. "/hello")
        run(multi, first)
        run(multi, second)
        print(pcall(multi.close, multi))
        print(count, #curl.sockets())
      ]]
      assert.equal("false\tnumber 1\n2\t0\n", out)
      assert.equal("Lua warning: curlsock: number 2\n", err)
    end)

    it("does not replace what another callback of the transfer threw", function()
      local out, err = run_script [[
        local easy = new(function() error("close", 0) end)
        easy:setopt { forbid_reuse = true, writefunction = function() error("write", 0) end }
        print(pcall(easy.perform, easy))
      ]]
      assert.equal("false\twrite\n", out)
      assert.equal("Lua warning: curlsock: close\n", err)
    end)

    it("does not replace an error that ends the block of a handle <close>", function()
      local out, err = run_script [[
        print(pcall(function()
          local easy <close> = new(function() error("close", 0) end)
          easy:perform()
          error("block", 0)
        end))
      ]]
      assert.equal("false\tblock\n", out)
      assert.equal("Lua warning: curlsock: close\n", err)
    end)
  end)

  it("is gone after reset, for the next connection", function()
    local easy <close>, opened, closed = noted(web.url .. "/hello")
    easy:reset():setopt {
      url = web.url .. "/hello", proxy = "", opensocketfunction = opening(opened),
    }
    assert.equal("hello\n", fetch(easy))
    easy:close()
    assert.same({}, closed)
    assert.equal("closed", opened[1]:state())
  end)

  it("can be unset: the descriptor is closed all the same", function()
    local easy <close>, opened, closed = noted(web.url .. "/hello")
    assert.is_true(rawequal(easy, easy:unset("closesocketfunction")))
    assert.equal("hello\n", fetch(easy))
    easy:close()
    assert.same({}, closed)
    assert.equal("closed", opened[1]:state())
  end)

  it("must be a function, or setopt throws and keeps the one that was set", function()
    local easy <close>, opened, closed = noted(web.url .. "/hello")
    for name, value in pairs { number = 1, string = "print", table = {}, boolean = true } do
      assert.has_error(function()
        easy:setopt("closesocketfunction", value)
      end, "option 'closesocketfunction': function expected, got " .. name)
    end
    assert.equal("hello\n", fetch(easy))
    easy:close()
    assert_closed(opened, closed)
  end)

  it("has no data pointer to set, and no other name", function()
    local easy <close> = curl.easy()
    assert.has_error(function()
      easy:setopt("closesocketdata", 1)
    end, "option 'closesocketdata' cannot be set from Lua")
    for _, name in ipairs { "closesocketfuncton", "CLOSESOCKETFUNCTION", "closesocket" } do
      assert.error_matches(function()
        easy:setopt(name, print)
      end, ("unknown option '%s'"):format(name))
    end
  end)
end)
