-- The socket callbacks on HTTP/3: what specs 10, 11 and 12 say of TCP, on the UDP sockets that
-- libcurl makes for QUIC. Where libcurl or nginx lacks it all of this is skipped.

local closers = require "spec.support.closers"
local curl = require "curlsock"
local errors = require "spec.support.errors"
local http3 = require "spec.support.http3"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local it = http3.it(it, pending)
local fetch, new_easy, noted = transfers.fetch, http3.new_easy, http3.noted
local web

-- What a transfer with this open callback gives, and the addresses that it was offered.
local function opening(open, path, options)
  local offered = {}
  local easy <close> = new_easy(path or "/protocol", options)
  easy:setopt("opensocketfunction", function(purpose, address, ...)
    offered[#offered + 1] = address.socktype
    return open(address, purpose, ...)
  end)
  local result = table.pack(fetch(easy))
  return offered, table.unpack(result, 1, result.n)
end

local function address_of(port)
  return function(address)
    address.ip, address.port = "127.0.0.1", port
    return true
  end
end

describe("HTTP/3:", function()
  setup(function()
    web = http3.here and servers.http3()
  end)

  describe("opensocketfunction", function()
    it("gets the address of a datagram socket, to connect", function()
      local seen
      local easy <close> = new_easy("/protocol")
      easy:setopt("opensocketfunction", function(purpose, address, which)
        seen = { purpose, tostring(address), address.family, address.socktype, address.protocol,
          rawequal(easy, which) }
        return true
      end)
      assert.equal("HTTP/3.0\n", fetch(easy))
      assert.same({ "ipcxn", "127.0.0.1:" .. web.port, "inet", "dgram", 17, true }, seen)
      assert.equal("3", easy:getinfo "http_version")
      assert.equal(1, #curl.sockets())
      assert.equal("dgram", curl.sockets()[1].socket:getsockopt("socket", "type"))
    end)

    it("is called once for each new connection, and not for a kept one", function()
      local easy <close>, opened, closed = noted("/hello")
      for _ = 1, 3 do assert.equal("hello\n", fetch(easy)) end
      assert.equal(1, #opened)
      assert.equal("hello\n", fetch(easy:setopt("fresh_connect", true)))
      assert.equal(2, #opened)
      easy:close()
      assert.equal(2, #closed)
    end)

    it("gives its Socket, whose options it has set, or a descriptor", function()
      for _, give in ipairs { function(s) return s end, function(s) return s:detach() end } do
        local size
        local easy <close> = new_easy("/hello", {
          opensocketfunction = function(_, address)
            local s = assert(address:socket())
            assert(s:setsockopt("socket", "rcvbuf", 65536))
            return give(s)
          end,
          closesocketfunction = function(s) size = s:getsockopt("socket", "rcvbuf") end,
        })
        assert.equal("hello\n", fetch(easy))
        easy:close()
        assert(size >= 65536)
      end
    end)

    it("binds the source address", function()
      local offered, body = opening(function(address)
        local s = assert(address:socket())
        assert(s:bind "127.0.0.9:0")
        return s
      end, "/peer")
      assert.same({ "dgram" }, offered)
      assert.matches("^127%.0%.0%.9 %d+\n$", body)
    end)

    it("changes the port, and the host", function()
      for _, port in ipairs { "port", "quic_port" } do
        local url = ("https://nobody.test:1/connection"):format()
        local offered, body = opening(address_of(web[port]), url,
          { resolve = { "nobody.test:1:192.0.2.1" } })
        assert.same({ "dgram" }, offered)
        assert.matches("^%d+ 1\n$", body)
      end
    end)

    if servers.has_ipv6 then
      it("changes the family", function()
        local offered, body = opening(function(address)
          address.family, address.ip, address.port = "inet6", "::1", web.port
          return true
        end, "/peer")
        assert.same({ "dgram" }, offered)
        assert.matches("^::1 %d+\n$", body)
      end)
    end

    it("refuses, with its reason", function()
      for _, answer in ipairs { false, 0 } do
        local offered, body, message, name = opening(function()
          if answer then return end
          return false, "no UDP"
        end)
        assert.same({ "dgram" }, offered)
        assert.same({ nil, "COULDNT_CONNECT" }, { body, name })
        assert.matches(answer and "refused by opensocketfunction$"
          or "127%.0%.0%.1:%d+ refused: no UDP$", message)
      end
      assert.same({}, curl.sockets())
    end)

    it("ends the transfer with what it throws, and falls back to nothing", function()
      local thrown, offered = {}, 0
      local easy <close> = new_easy("/hello", {
        http_version = "3",
        opensocketfunction = function()
          offered = offered + 1
          error(thrown)
        end,
      })
      assert.equal(thrown, errors.thrown(easy.perform, easy))
      assert.equal(1, offered)
    end)

    it("cannot give a datagram socket that is connected", function()
      for _, give in ipairs { function(s) return s end, function(s) return s:detach() end } do
        local given
        local offered, body, message, name = opening(function(address)
          local socket = assert(address:socket())
          assert(socket:connect("127.0.0.1:" .. web.quic_port))
          given = give(socket)
          return given
        end)
        assert.same({ { "dgram" }, nil, "NOT_SUPPORTED" }, { offered, body, name })
        assert.matches("libcurl cannot take a connected datagram socket$", message)
        local socket <close> = math.type(given) and curl.adopt(given) or given
        assert.equal("127.0.0.1:" .. web.quic_port, tostring(socket:peeraddress()))
      end
    end)
  end)

  describe("sockoptfunction", function()
    it("gets the Socket that was opened, before it is connected, once", function()
      local seen = {}
      local easy <close>, opened = noted("/hello", {
        sockoptfunction = function(socket, purpose, which)
          seen[#seen + 1] = { socket, purpose, which, socket:state(), (socket:peeraddress()) }
        end,
      })
      for _ = 1, 2 do assert.equal("hello\n", fetch(easy)) end
      assert.same({ { opened[1], "ipcxn", easy, "lent", nil } }, seen)
    end)

    it("refuses, with its reason", function()
      local easy <close>, opened, closed = noted("/hello", {
        sockoptfunction = function() return false, "not this one" end,
      })
      local body, message = fetch(easy)
      assert.is_nil(body)
      assert.matches("refused by sockoptfunction: not this one$", message)
      assert.same({ 1, 1 }, { #opened, #closed })
    end)

    it("cannot say that it is connected", function()
      local easy <close>, opened, closed = noted("/hello", {
        sockoptfunction = function() return "connected" end,
      })
      local body, message, name = fetch(easy)
      assert.same({ nil, "NOT_SUPPORTED" }, { body, name })
      assert.matches("libcurl cannot take a connected datagram socket$", message)
      assert.same({ 1, 1 }, { #opened, #closed })
    end)
  end)

  describe("closesocketfunction", function()
    it("gets the Socket that was opened, which is about to be closed, once", function()
      local easy <close>, opened, closed = noted("/hello")
      assert.equal("hello\n", fetch(easy))
      assert.same({}, closed)
      easy:close()
      closers.assert_closed(opened, closed)
    end)

    it("may keep the descriptor", function()
      local kept
      local easy <close> = new_easy("/hello", {
        closesocketfunction = function(socket) kept = socket:detach() end,
      })
      assert.equal("hello\n", fetch(easy))
      easy:close()
      local socket <close> = curl.adopt(kept)
      assert.equal("127.0.0.1:" .. web.port, tostring(socket:peeraddress()))
    end)

    it("is that of the easy that opened it, whatever that is set to later", function()
      local by = {}
      local easy <close> = new_easy("/hello", {
        closesocketfunction = function() by[#by + 1] = "first" end,
      })
      assert.equal("hello\n", fetch(easy))
      easy:setopt("closesocketfunction", function() by[#by + 1] = "second" end)
      assert.equal("hello\n", fetch(easy))
      easy:reset()
      easy:close()
      assert.same({ "first" }, by)
    end)

    for _, ended in ipairs { "forbid_reuse", "a refusal of writefunction", "a time limit" } do
      it("comes once after " .. ended, function()
        local easy <close>, opened, closed = noted("/slow?rate=10k")
        if ended == "forbid_reuse" then
          easy:setopt { url = web.url .. "/hello", forbid_reuse = true }
        elseif ended == "a time limit" then
          easy:setopt { timeout = 0.3 }
        end
        local refuse = ended:find "refusal"
        local ok = easy:setopt("writefunction", function() return not refuse end):perform()
        assert.equal(ended == "forbid_reuse" or nil, ok)
        easy:close()
        assert.same({ 1, 1 }, { #opened, #closed })
      end)
    end
  end)

  describe("A Socket that libcurl has", function()
    it("is told by prereqfunction, easy:socket and getinfo", function()
      local told
      local easy <close>, opened = noted("/hello", {
        prereqfunction = function(peer, own, peer_port, own_port, socket)
          told = { peer, own, peer_port, own_port, socket }
          return true
        end,
      })
      assert.equal("hello\n", fetch(easy))
      local here = opened[1]:localaddress()
      assert.same({ "127.0.0.1", "127.0.0.1", web.port, here.port, opened[1] }, told)
      assert.is_true(rawequal(opened[1], easy:socket()))
      assert.same({ "127.0.0.1", web.port, here.port }, { easy:getinfo "primary_ip",
        easy:getinfo "primary_port", easy:getinfo "local_port" })
    end)

    it("has no TCP about it", function()
      local easy <close>, opened = noted("/hello")
      assert.equal("hello\n", fetch(easy))
      assert.is_nil((opened[1]:info()))
      assert.is_nil((opened[1]:getsockopt("tcp", "nodelay")))
      assert.equal("lent", opened[1]:state())
    end)

    it("refuses what would harm libcurl", function()
      local easy <close>, opened = noted("/hello")
      assert.equal("hello\n", fetch(easy))
      for _, call in ipairs { "close", "detach", "recv", "send" } do
        assert.is_false(pcall(opened[1][call], opened[1], "x"))
      end
      assert.equal("hello\n", fetch(easy))
    end)
  end)

  it("carries bodies both ways", function()
    local easy <close>, opened, closed = noted("/big")
    assert.equal(web.big, fetch(easy))
    easy:setopt { url = web.url .. "/upload", postfields = ("x"):rep(300000) }
    assert.equal("300000\n", fetch(easy))
    easy:close()
    assert.same({ 1, 1 }, { #opened, #closed })
  end)

  it("needs UDP: a proxy, or a UNIX socket, and 3only fail without asking", function()
    for name, value in pairs { proxy = "http://127.0.0.1:1", unix_socket_path = web.unix } do
      local easy <close>, opened = noted("/hello", { [name] = value })
      assert.is_nil((fetch(easy)))
      for _, socket in ipairs(opened) do
        assert.not_equal("dgram", socket.data)
      end
    end
  end)
end)
