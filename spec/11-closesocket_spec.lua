-- closesocketfunction (CURLOPT_CLOSESOCKETFUNCTION) on real servers: what it is told, what it
-- may do, and which easy's it is. When it runs, and what it throws, is in the two specs that come
-- next.

local callback_option = require "spec.support.callback_option"
local closers = require "spec.support.closers"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local left = require "spec.support.left"
local openers = require "spec.support.openers"
local servers = require "spec.support.servers"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

local fetch, run = transfers.fetch, transfers.fetch_in
local held, target = transfers.held, transfers.target
local new_easy, noting = easies.at, closers.noting
local opening, noted = closers.opening, closers.noted
local assert_closed = closers.assert_closed

local version = curl.version_info().version_num
local web

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

    for _, way in ipairs(openers.all_ways) do
      it("once for one connection by " .. way[1], function()
        local url, _, options = way[2]()
        local easy <close>, opened, closed = noted(url .. "/hello", options)
        assert.equal("hello\n", fetch(easy))
        -- 7.88 cannot use such a connection again.
        if version >= 0x080000 or options.http_version ~= "2-prior-knowledge" then
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
    callback_option.takes_functions_only(easy, "closesocketfunction")
    assert.equal("hello\n", fetch(easy))
    easy:close()
    assert_closed(opened, closed)
  end)

  it("has no data pointer to set, and no other name", function()
    callback_option.has_one_name "closesocket"
  end)
end)
