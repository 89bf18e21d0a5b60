-- The ledger: exactly one close event for every socket that was opened, on every libcurl, also
-- where libcurl closes it without telling.

local curl = require "curlsock"
local left = require "spec.support.left"
local lives = require "spec.support.lives"
local luasocket = require "socket"
local servers = require "spec.support.servers"
local several = require "spec.support.several"
local transfers = require "spec.support.transfers"

local drive, only_result = transfers.drive, transfers.only_result
local transfer, dead_host = transfers.run, several.dead
local new_log, new_easy = lives.new_log, lives.new_easy

local version = curl.version_info().version_num

-- Libcurl before 8.2 closes a socket that is not connected yet without the callback: the event
-- comes when the transfer has ended, and the descriptor is gone by then.
local unconnected = version < 0x080200 and "closed" or "closing"

local function error_name(_, _, name)
  return name
end

describe("A connection attempt", function()
  if servers.has_ipv6 then
    it("that lost to the other family has its event when the transfer has ended", function()
      local log = new_log()
      dead_host("::1")
      local A = new_easy(log, "A", several.options(servers.nginx().port4, "[::1],127.0.0.1", {
        happy_eyeballs_timeout_ms = 50,
      }))
      assert.is_true(A:perform())
      assert.equal("127.0.0.1", A:getinfo("primary_ip"))
      assert.same({ ("A, %s for A"):format(unconnected), "A" }, log.lives())
      A:close()
      assert.same({ ("A, %s for A"):format(unconnected), "A, closing for A" }, log.lives())
    end)
  end

  it("that took too long has its event, and the next address is tried", function()
    local log = new_log()
    dead_host("127.0.0.2")
    local A = new_easy(log, "A", several.options(servers.nginx().port4, "127.0.0.2,127.0.0.1", {
      connecttimeout_ms = 800, -- half of it for the first one
    }))
    local multi = curl.multi()
    assert.is_true(transfer(multi, A))
    assert.equal("127.0.0.1", A:getinfo("primary_ip"))
    assert.same({ ("A, %s for A"):format(unconnected), "A" }, log.lives())
    multi:close()
    assert.same({ ("A, %s for A"):format(unconnected), "A, closing for A" }, log.lives())
  end)

  it("that ends with the connect timeout has its event before perform returns", function()
    local log = new_log()
    dead_host("127.0.0.2")
    local A = new_easy(log, "A", several.options(servers.nginx().port4, "127.0.0.2", {
      connecttimeout_ms = 100,
    }))
    assert.equal("OPERATION_TIMEDOUT", error_name(A:perform()))
    assert.same({ ("A, %s for A"):format(unconnected) }, log.lives())
    assert.same({}, curl.sockets())
    A:close()
  end)

  it("that times out in a multi has its event in the perform that ends it", function()
    local log = new_log()
    dead_host("127.0.0.2")
    local A = new_easy(log, "A", several.options(servers.nginx().port4, "127.0.0.2", {
      connecttimeout_ms = 50,
    }))
    local multi = curl.multi():add(A)
    drive(multi)
    assert.same({ ("A, %s for A"):format(unconnected) }, log.lives())
    assert.equal("OPERATION_TIMEDOUT", error_name(only_result(multi)))
    multi:close()
    assert.equal(1, #log.records)
  end)

  it("that is refused has its event for each address", function()
    local log = new_log()
    local addresses = "127.0.0.1,127.0.0.2,127.0.0.3"
    local A = new_easy(log, "A", several.options(servers.free_port(), addresses))
    local multi = curl.multi()
    assert.equal("COULDNT_CONNECT", error_name(transfer(multi, A)))
    assert.same({ "A, closing for A", "A, closing for A", "A, closing for A" }, log.lives())
    multi:close()
    assert.equal(3, #log.records)
  end)

  it("that sockoptfunction refuses has its event for each address", function()
    local log = new_log()
    local A = new_easy(log, "A", several.options(servers.free_port(), "127.0.0.1,127.0.0.2", {
      sockoptfunction = function() return false, "not today" end,
    }))
    local multi = curl.multi()
    local _, message, name = transfer(multi, A)
    assert.equal("ABORTED_BY_CALLBACK", name)
    assert.matches("refused by sockoptfunction: not today", message, 1, true)
    assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
    multi:close()
  end)

  -- Each begins with a multi whose easy connects to nowhere.
  local ways = {
    { "multi:remove", function(multi, easy) multi:remove(easy) end },
    { "the easy's close", function(_, easy) easy:close() end },
    { "the multi's close", function(multi) multi:close() end },
  }
  for _, way in ipairs(ways) do
    local what, finish = table.unpack(way)
    it("that is ended by " .. what .. " has its event in it", function()
      local log = new_log()
      dead_host("127.0.0.2")
      local A = new_easy(log, "A", several.options(servers.nginx().port4, "127.0.0.2"))
      local multi = curl.multi():add(A)
      assert.equal(1, multi:perform())
      assert.same({ "A" }, log.lives())
      finish(multi, A)
      assert.same({ ("A, %s for A"):format(unconnected) }, log.lives())
      A:close()
      multi:close()
      assert.equal(1, #log.records)
    end)
  end

  it("whose easy and multi are collected has its event", function()
    local log = new_log()
    dead_host("127.0.0.2")
    local function begin()
      local A = new_easy(log, "A", several.options(servers.nginx().port4, "127.0.0.2"))
      assert.equal(1, curl.multi():add(A):perform())
    end
    begin()
    left.gc()
    assert.same({ ("A, %s for A"):format(unconnected) }, log.lives())
  end)
end)

-- With two easies, one after the other on the same control connection.
for _, ftpport in ipairs { false, "-" } do
  describe(("FTP, %s:"):format(ftpport and "active" or "passive"), function()
    local function ftp_easy(log, name, path)
      return new_easy(log, name, {
        url = servers.vsftpd().url .. path,
        ftpport = ftpport or nil,
      })
    end

    it("a data socket's event is for the easy that opened it, not for the connection's", function()
      local log = new_log()
      local multi = curl.multi()
      local function first()
        local A = ftp_easy(log, "A", "/hello.txt")
        assert.is_true(transfer(multi, A))
      end
      first()
      left.gc()
      assert.equal(0, curl.live().easy)
      assert.same({ "A", "A, closing for A" }, log.lives())
      local B = ftp_easy(log, "B", "/hello.txt")
      local body = {}
      B:setopt("writefunction", body)
      assert.is_true(transfer(multi, B))
      assert.equal("hello\n", table.concat(body))
      assert.same({ "A", "A, closing for A", "B, closing for B" }, log.lives())
      B:close()
      multi:close()
      assert.same({ "A, closing for A", "A, closing for A", "B, closing for B" }, log.lives())
    end)

    it("a data socket has its event on a connection that was made without callbacks", function()
      local log = new_log()
      local multi = curl.multi()
      local A <close> = curl.easy {
        url = servers.vsftpd().url .. "/hello.txt",
        proxy = "",
        ftpport = ftpport or nil,
      }
      assert.is_true(transfer(multi, A))
      local control = curl.sockets()[1].socket
      local B <close> = ftp_easy(log, "B", "/hello.txt")
      assert.is_true(transfer(multi, B))
      assert.same({ "B, closing for B" }, log.lives())
      assert.equal("lent", control:state())
      multi:close()
      assert.equal("closed", control:state())
      assert.same({ "B, closing for B" }, log.lives())
    end)

    it("a data socket on a shared connection has its event for the easy that opened it", function()
      local log = new_log()
      local share = curl.share { share = "connect" }
      for _, name in ipairs { "A", "B" } do
        local easy = ftp_easy(log, name, "/hello.txt")
        assert.is_true(easy:setopt("share", share):perform())
        easy:close()
      end
      assert.same({ "A", "A, closing for A", "B, closing for B" }, log.lives())
      share:close()
      assert.same({ "A, closing for A", "A, closing for A", "B, closing for B" }, log.lives())
    end)

    it("both sockets have their event when the transfer is removed", function()
      local log = new_log()
      local multi = curl.multi()
      local A <close> = ftp_easy(log, "A", "/big.bin")
      local started = false
      A:setopt("writefunction", function()
        started = true
        return curl.PAUSE
      end)
      multi:add(A)
      drive(multi, function() return started end)
      multi:remove(A)
      assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
      multi:close()
      assert.equal(2, #log.records)
    end)
  end)
end

describe("FTP, active:", function()
  it("an accepted socket is shown to sockoptfunction, and has no open or close event", function()
    local log = new_log()
    local accepted, during, counts
    local A = new_easy(log, "A", {
      url = servers.vsftpd().url .. "/hello.txt",
      ftpport = "-",
      sockoptfunction = function(socket, purpose)
        if purpose == "accept" then
          accepted = socket
          during = { socket:state(), tostring(socket:peeraddress().ip), socket.data }
          counts = { #curl.sockets(), curl.live().socket }
        end
      end,
    })
    assert.is_true(A:perform())
    assert.same({ "borrowed", "127.0.0.1" }, during)
    -- Libcurl holds the control connection; the accepted socket counts while it is shown.
    assert.same({ 1, 2 }, counts)
    assert.equal(1, curl.live().socket)
    assert.equal("closed", accepted:state())
    assert.is_nil(accepted:fd())
    assert.same({ "A", "A, closing for A" }, log.lives())
    A:close()
    assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
  end)

  it("a listening socket that cannot be bound has its event when the transfer ends", function()
    local log = new_log()
    local taken = luasocket.bind("127.0.0.1", 0)
    local _, port = taken:getsockname()
    local A = new_easy(log, "A", {
      url = servers.vsftpd().url .. "/hello.txt",
      ftpport = ("127.0.0.1:%d-%d"):format(port, port),
    })
    local ok, message = A:perform()
    assert.is_nil(ok)
    assert.matches("ran out of ports", message, 1, true)
    -- No libcurl calls the close callback here.
    assert.same({ "A", "A, closed for A" }, log.lives())
    A:close()
    taken:close()
    assert.same({ "A, closing for A", "A, closed for A" }, log.lives())
  end)

  it("a listening socket that the server refuses has its event", function()
    local log = new_log()
    local A = new_easy(log, "A", {
      url = servers.vsftpd().url .. "/hello.txt",
      ftpport = "127.0.0.2", -- not where the client's control connection comes from
    })
    assert.equal("FTP_PORT_FAILED", error_name(A:perform()))
    -- First for EPRT, then for PORT.
    assert.same({ "A", "A, closing for A", "A, closing for A" }, log.lives())
    A:close()
    assert.same({ "A, closing for A", "A, closing for A", "A, closing for A" }, log.lives())
  end)

  it("a listening socket that nobody connects to has its event", function()
    local log = new_log()
    local server = servers.script [[
      local server = ...
      local replies = { USER = "230 in", PWD = '257 "/"', EPRT = "200 ok", TYPE = "200 ok",
        SIZE = "213 6", RETR = "150 soon" }
      local client = server:accept()
      client:send("220 hello\r\n")
      for line in function() return client:receive() end do
        client:send((replies[line:match("^%u+")] or "500 what") .. "\r\n")
      end
    ]]
    local A = new_easy(log, "A", {
      url = ("ftp://127.0.0.1:%d/hello.txt"):format(server.port),
      ftpport = "-",
      accepttimeout_ms = 100,
    })
    assert.equal("FTP_ACCEPT_TIMEOUT", error_name(A:perform()))
    A:close()
    servers.stop(server)
    assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
  end)
end)

describe("A TLS connection that left its share for the shutdown list of a multi", function()
  -- A makes a connection in the share and is collected; then B, on the multi or alone, has it
  -- closed after its transfer. The server is stopped, so that the closing takes its time.
  local function migrate(log, share, multi)
    local nginx = servers.nginx()
    local options = { url = nginx.https_url .. "/hello", cainfo = nginx.ca, share = share }
    local function first()
      local A = new_easy(log, "A", options)
      assert.is_true(A:perform())
      A:close()
    end
    first()
    left.gc()
    assert.equal(0, curl.live().easy)
    local B = new_easy(log, "B", options)
    B:setopt {
      forbid_reuse = true,
      writefunction = function() assert(os.execute("kill -s STOP " .. nginx.pid)) end,
    }
    if multi then
      assert.is_true(transfer(multi, B))
    else
      assert.is_true(B:perform())
    end
    return B
  end

  local function resume()
    os.execute("kill -s CONT " .. servers.nginx().pid)
  end

  -- Libcurl before 8.9 does not wait for the peer: the event is in B's transfer.
  local waits = version >= 0x080900
  local after_transfer = { waits and "A" or "A, closing for A" }
  local in_the_end = { "A, closing for A" }

  it("has its event when that multi is closed, after the share", function()
    finally(resume)
    local log = new_log()
    local share = curl.share { share = "connect" }
    local multi = curl.multi()
    migrate(log, share, multi):close()
    share:close()
    assert.same(after_transfer, log.lives())
    assert.equal(waits and 1 or 0, #curl.sockets())
    if waits then
      local entry = curl.sockets()[1]
      assert.equal(log.records[1], entry.socket.data)
      assert.equal("lent", entry.state)
      assert.equal(share, entry.pool)
    end
    multi:close()
    assert.same(in_the_end, log.lives())
    assert.same({}, curl.sockets())
  end)

  it("has its event when that multi is closed, before the share", function()
    finally(resume)
    local log = new_log()
    local share = curl.share { share = "connect" }
    local multi = curl.multi()
    migrate(log, share, multi):close()
    multi:close()
    assert.same(in_the_end, log.lives())
    share:close()
    assert.equal(1, #log.records)
  end)

  it("has its event when that multi is closed, and nobody has the share any more", function()
    finally(resume)
    local log = new_log()
    local multi = curl.multi()
    migrate(log, curl.share { share = "connect" }, multi):close()
    left.gc()
    assert.same(after_transfer, log.lives())
    multi:close()
    assert.same(in_the_end, log.lives())
  end)

  it("has its event when the multi, the share and the easy are collected", function()
    finally(resume)
    local log = new_log()
    local function all()
      migrate(log, curl.share { share = "connect" }, curl.multi())
    end
    all()
    left.gc()
    assert.same(in_the_end, log.lives())
  end)

  it("has its event when an easy that ran alone is closed, after the share", function()
    finally(resume)
    local log = new_log()
    local share = curl.share { share = "connect" }
    local B = migrate(log, share)
    B:unset("share")
    share:close()
    assert.same(after_transfer, log.lives())
    B:close()
    assert.same(in_the_end, log.lives())
  end)

  it("has its event when the easy that ran alone enters another multi, without share", function()
    finally(resume)
    local log = new_log()
    local share, multi = curl.share { share = "connect" }, curl.multi()
    local B = migrate(log, share)
    B:unset("share")
    assert.same(after_transfer, log.lives())
    multi:add(B)
    assert.same(in_the_end, log.lives())
    assert.same({}, curl.sockets())
    share:close()
    multi:close()
    B:close()
    assert.equal(1, #log.records)
  end)

  it("has its event in lua_close", function()
    finally(resume)
    local nginx = servers.nginx()
    local out, err = left.pass([[
      local curl = require "curlsock"
      local share, id = curl.share { share = "connect" }
      local function fetch(name, on_data)
        local easy = curl.easy {
          url = os.getenv("URL"), cainfo = os.getenv("CA"), proxy = "", timeout = 20,
          share = share, writefunction = on_data, forbid_reuse = on_data and true or nil,
          sockoptfunction = function(socket) id = ("%p"):format(socket) end,
          closesocketfunction = function(socket)
            print(name, socket:state(), id == ("%p"):format(socket))
          end,
        }
        multi = curl.multi():add(easy)
        while multi:perform() > 0 do multi:poll(0.1) end
        easy:close()
      end
      fetch("A")
      fetch("B", function() os.execute("kill -s STOP " .. os.getenv("PID")) end)
      share:close()
    ]], { URL = nginx.https_url .. "/hello", CA = nginx.ca, PID = nginx.pid })
    assert.equal("A\tclosing\ttrue\n", out)
    assert.equal("", err)
  end)
end)

describe("A connection of an easy", function()
  -- Libcurl 8.7 and later end what the easy made alone when it enters a multi.
  local ends_own = version >= 0x080700

  it("that was alone and then enters a multi has its event in add, or with the easy", function()
    local log = new_log()
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    assert.is_true(A:perform())
    local multi = curl.multi():add(A)
    assert.same({ ends_own and "A, closing for A" or "A" }, log.lives())
    drive(multi)
    assert.is_true(only_result(multi))
    assert.equal(2, #log.records)
    multi:close()
    assert.equal("A, closing for A", log.lives()[2])
    A:close()
    assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
  end)

  it("that ran on a multi, alone and in a share has its event with each pool", function()
    local log = new_log()
    local multi, share = curl.multi(), curl.share { share = "connect" }
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    assert.is_true(transfer(multi, A))
    assert.is_true(A:perform())
    A:setopt("share", share)
    assert.is_true(A:perform())
    -- Now that it is in the share, the multi uses that connection.
    assert.is_true(transfer(multi, A))
    assert.equal(3, #log.records)
    multi:close()
    assert.equal("A, closing for A", log.lives()[1])
    assert.equal("A", log.lives()[3])
    A:close()
    assert.equal("A, closing for A", log.lives()[2])
    share:close()
    assert.same({ "A, closing for A", "A, closing for A", "A, closing for A" }, log.lives())
  end)

  it("that was duplicated has the event that the duplicate's callback is for", function()
    local log = new_log()
    local function original()
      local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
      local B = A:dup():setopt {
        opensocketfunction = log.open("B"),
        closesocketfunction = log.close("B"),
      }
      local C = A:dup()
      assert.is_true(A:perform())
      A:close()
      return B, C
    end
    local B, C = original()
    left.gc()
    assert.is_true(B:perform())
    assert.is_true(C:perform())
    assert.same({ "A, closing for A", "B", "A" }, log.lives())
    B:close()
    C:close()
    assert.same({ "A, closing for A", "B, closing for B", "A, closing for A" }, log.lives())
  end)

  it("that was reset has the event of the callback from before", function()
    local log = new_log()
    local nginx = servers.nginx()
    local A = new_easy(log, "A", { url = nginx.url .. "/hello" })
    assert.is_true(A:perform())
    A:reset()
    assert.same({ "A" }, log.lives())
    -- Reuses the connection, and then makes one that has no callbacks.
    A:setopt { url = nginx.url .. "/hello", proxy = "" }
    assert.is_true(A:perform())
    assert.equal(1, #curl.sockets())
    A:setopt("url", nginx.url4 .. "/hello")
    assert.is_true(A:perform())
    assert.equal(2, #curl.sockets())
    A:close()
    assert.same({ "A, closing for A" }, log.lives())
    assert.same({}, curl.sockets())
  end)

  it("whose callback was changed or removed has the event of the one that opened it", function()
    local log = new_log()
    local nginx = servers.nginx()
    local A = new_easy(log, "A", { url = nginx.url .. "/hello" })
    assert.is_true(A:perform())
    A:setopt { url = nginx.url4 .. "/hello", closesocketfunction = log.close("later") }
    assert.is_true(A:perform())
    A:unset("closesocketfunction")
    A:close()
    assert.same({ "A, closing for A", "A, closing for later" }, log.lives())
  end)

  it("that only connects, twice, and then enters a multi has one event for each", function()
    local log = new_log()
    local A = new_easy(log, "A", { url = servers.nginx().url, connect_only = true })
    assert.is_true(A:perform())
    assert.is_true(A:perform())
    assert.same({ "A", "A" }, log.lives())
    local multi = curl.multi():add(A)
    local own = ends_own and "A, closing for A" or "A"
    assert.same({ own, own }, log.lives())
    drive(multi)
    assert.is_true(only_result(multi))
    multi:remove(A)
    multi:close()
    assert.same({ own, own, "A, closing for A" }, log.lives())
    A:close()
    assert.same({ "A, closing for A", "A, closing for A", "A, closing for A" }, log.lives())
  end)

  it("that is ended by its server has its event in the transfer that finds it dead", function()
    local log = new_log()
    local server = servers.script [[
      local server = ...
      while true do
        local client = server:accept()
        repeat local line = client:receive() until not line or line == ""
        client:send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
        client:close()
      end
    ]]
    local multi = curl.multi()
    local A = new_easy(log, "A", { url = server.url })
    assert.is_true(transfer(multi, A))
    A:close()
    assert.same({ "A" }, log.lives())
    local B = new_easy(log, "B", { url = server.url })
    assert.is_true(transfer(multi, B))
    assert.same({ "A, closing for A", "B" }, log.lives())
    multi:close()
    B:close()
    servers.stop(server)
    assert.same({ "A, closing for A", "B, closing for B" }, log.lives())
  end)

  it("that a proxy makes do again has one event for each socket", function()
    local log = new_log()
    local server = servers.script [[
      local server = ...
      local function request(client)
        repeat local line = client:receive() until not line or line == ""
      end
      local client = server:accept()
      request(client)
      client:send("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n" ..
        "Content-Length: 0\r\nConnection: close\r\n\r\n")
      client:close()
      client = server:accept()
      request(client)
      client:send("HTTP/1.1 200 Yes\r\n\r\n")
      request(client)
      client:send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
      client:receive()
    ]]
    local body = {}
    local A = new_easy(log, "A", {
      url = "http://192.0.2.1/",
      proxy = server.url,
      httpproxytunnel = true,
      proxyauth = { "basic", "digest" }, -- so that it asks first
      proxyuserpwd = "user:secret",
      writefunction = body,
    })
    assert.is_true(A:perform())
    assert.equal("hello\n", table.concat(body))
    assert.same({ "A, closing for A", "A" }, log.lives())
    A:close()
    servers.stop(server)
    assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
  end)

  it("that others multiplex on has one event", function()
    local log = new_log()
    local nginx = servers.nginx()
    local multi = curl.multi()
    for _, name in ipairs { "A", "B", "C" } do
      multi:add(new_easy(log, name, {
        url = nginx.h2_url .. "/hello",
        cainfo = nginx.ca,
        http_version = "2tls",
        pipewait = true,
      }))
    end
    drive(multi)
    local names = {}
    for easy, ok in multi:results() do
      names[#names + 1] = { ok, easy:getinfo("num_connects") }
    end
    assert.equal(3, #names)
    assert.same({ "A" }, log.lives())
    multi:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("that is UDP has its event, and its address says so", function()
    local log = new_log()
    local server = servers.script [[
      local _, socket = ...
      local udp = socket.udp()
      udp:setsockname("127.0.0.1", 0)
      print("udp " .. select(2, udp:getsockname()))
      while true do
        local request, host, port = udp:receivefrom()
        if request:byte(2) == 1 then udp:sendto("\0\3\0\1hello\n", host, port) end
      end
    ]]
    local port = servers.wait(function() return server:output():match("udp (%d+)\n") end)
    local body, kind = {}, nil
    local open = log.open("A")
    local A = new_easy(log, "A", {
      url = ("tftp://127.0.0.1:%d/x"):format(port),
      writefunction = body,
      opensocketfunction = function(purpose, address)
        kind = { purpose, address.family, address.socktype, address.protocol }
        return open(purpose, address)
      end,
    })
    assert.is_true(A:perform())
    assert.equal("hello\n", table.concat(body))
    assert.same({ "ipcxn", "inet", "dgram", 17 }, kind)
    assert.same({ "A, closing for A" }, log.lives())
    A:close()
    servers.stop(server)
  end)
end)

-- A libcurl that has no such protocol says so, and opens nothing.
describe("A connection that a library closed itself", function()
  local function has(protocol)
    for _, name in ipairs(curl.version_info().protocols) do
      if name == protocol then return true end
    end
    return false
  end

  it("has its event: LDAP", function()
    local log = new_log()
    local server = servers.script [[
      local server = ...
      local answers = { [0x60] = "\x61", [0x63] = "\x65" } -- bind, search
      while true do
        local client = server:accept()
        while client:receive(1) do
          local message = client:receive(client:receive(1):byte())
          local id, answer = message:sub(3, 3), answers[message:byte(4)]
          if not answer then break end
          client:send("\x30\x0c\x02\x01" .. id .. answer .. "\x07\x0a\x01\x00\x04\x00\x04\x00")
        end
        client:close()
      end
    ]]
    local A = new_easy(log, "A", { url = ("ldap://127.0.0.1:%d/dc=x?cn?sub"):format(server.port) })
    local ok, _, name = A:perform()
    A:close()
    servers.stop(server)
    if has("ldap") then
      assert.is_true(ok)
      -- libcurl 8.23 closes the connection itself.
      local own = curl.version_info().version_num >= 0x081700
      assert.same({ own and "A, closing for A" or "A, closed for A" }, log.lives())
    else
      assert.equal("UNSUPPORTED_PROTOCOL", name)
      assert.same({}, log.lives())
    end
  end)

  it("has its event: RTMP", function()
    local server = servers.script [[
      local server = ...
      while true do server:accept():close() end
    ]]
    local out = left.pass([[ -- for the library prints an error
      local curl = require "curlsock"
      local easy = curl.easy {
        url = os.getenv("URL"), proxy = "", timeout = 20,
        closesocketfunction = function(socket) print(socket:state()) end,
      }
      print(select(3, easy:perform()))
      easy:close()
    ]], { URL = ("rtmp://127.0.0.1:%d/x/y"):format(server.port) })
    servers.stop(server)
    assert.equal(has("rtmp") and "closed\nFAILED_INIT\n" or "UNSUPPORTED_PROTOCOL\n", out)
  end)
end)

describe("A share of connections", function()
  it("keeps its connections when it is told to share them again", function()
    local log = new_log()
    local share = curl.share { share = "connect" }
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello", share = share })
    assert.is_true(A:perform())
    A:close()
    assert.equal(share, share:setopt("share", "connect"))
    assert.same({ "A" }, log.lives())
    share:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("is not mistaken for an earlier one in the same memory", function()
    local log = new_log()
    local options = { share = "connect" }
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    for i = 1, 5 do
      local earlier = curl.share(options)
      A:setopt("share", earlier):unset("share")
      earlier:close()
      local share = curl.share(options)
      A:setopt("share", share)
      assert.is_true(A:perform())
      assert.equal(share, curl.sockets()[1].pool)
      A:unset("share")
      share:close()
      assert.equal(i, #log.records)
      assert.equal("A, closing for A", log.lives()[i])
    end
    A:close()
  end)

  it("cannot stop to share them", function()
    local log = new_log()
    local share = curl.share { share = "connect" }
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello", share = share })
    assert.is_true(A:perform())
    A:close()
    local ok, message = pcall(share.setopt, share, "unshare", "connect")
    assert.same({ false, "option 'unshare': connections cannot be unshared" }, { ok, message })
    share:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)
end)
