-- HTTP/3 under a policy: its hooks see datagrams, and the guard lets them pass only if it was told
-- to (spec 67 and those of the policies say the rest).

local curl = require "curlsock"
local http3 = require "spec.support.http3"
local policy = require "curlsock.policy"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local it = http3.it(it, pending)
local web

-- A transfer in a multi under that policy: the body, or nil, message, name.
local function fetch_under(rules, path, options)
  local multi <close> = curl.multi { policy = rules }
  local easy <close> = http3.new_easy(path, options)
  local body = {}
  local ok, message, name = transfers.run(multi, easy:setopt("writefunction", body))
  return ok and table.concat(body), message, name
end

local function noting(list, answer)
  return function(purpose, address, easy, socket)
    list[#list + 1] = { purpose, address.socktype, curl.type(easy), socket and socket:state() }
    if answer == address.socktype then return false, "no " .. answer end
    return true
  end
end

describe("HTTP/3 under a policy:", function()
  setup(function()
    web = http3.here and servers.http3()
  end)

  it("open is asked about the datagram socket, after the easy's own callback", function()
    local seen, told = {}, {}
    assert.equal("HTTP/3.0\n", fetch_under({
      open = noting(seen),
      sockopt = function(socket) told[#told + 1] = socket:state() return true end,
      request = function(socket, _, kept) told[#told + 1] = { socket:state(), kept } end,
      close = function(socket) told[#told + 1] = socket:state() end,
    }, "/protocol", {
      opensocketfunction = function(_, address) return address:socket() end,
    }))
    assert.same({ { "ipcxn", "dgram", "easy", "owned" } }, seen)
    assert.same({ "lent", { "lent", false }, "closing" }, told)
  end)

  it("open may change where it goes, and give a Socket of its own", function()
    for _, own in ipairs { false, true } do
      assert.matches("^127%.0%.0%.1 %d+\n$", (fetch_under({
        open = function(_, address)
          address.ip, address.port = "127.0.0.1", web.quic_port
          return not own or address:socket()
        end,
      }, "https://192.0.2.1:1/peer")))
    end
  end)

  it("open refuses, as REFUSED", function()
    local seen = {}
    local body, message, name = fetch_under({ name = "p", open = noting(seen, "dgram") }, "/hello")
    assert.same({ false, "REFUSED" }, { body or false, name })
    assert.matches("refused: p: no dgram$", message)
    assert.equal(1, #seen)
  end)

  it("where datagrams are refused libcurl goes on by TCP, which is asked about, too", function()
    local seen = {}
    assert.equal("HTTP/2.0\n", fetch_under({ open = noting(seen, "dgram") }, "/protocol",
      { http_version = "3" }))
    assert.same({ "dgram", "stream" }, { seen[1][2], seen[2][2] })
    local _, _, name = fetch_under({ open = function() return false end }, "/protocol",
      { http_version = "3" })
    assert.equal("REFUSED", name)
  end)

  it("a Socket that is connected already is refused, not led elsewhere", function()
    local asked = {}
    local body, message = fetch_under({
      open = function(_, address) asked[#asked + 1] = tostring(address) return true end,
    }, "/hello", {
      opensocketfunction = function(_, address)
        local socket = address:socket()
        assert(socket:connect("127.0.0.1:" .. web.quic_port))
        return socket
      end,
    })
    assert.is_false(body or false)
    assert.matches("libcurl cannot take a connected datagram socket$", message)
    assert.same({ "127.0.0.1:" .. web.quic_port }, asked) -- by its peer
  end)

  it("a kept connection is not asked about again", function()
    local seen = {}
    local multi <close> = curl.multi { policy = { open = noting(seen) } }
    for _ = 1, 3 do
      local easy <close> = http3.new_easy "/hello"
      assert(transfers.run(multi, easy))
    end
    assert.equal(1, #seen)
  end)

  it("a fence that forbids reuse holds, and ends with its pool", function()
    local opened = 0
    local function count() opened = opened + 1 return true end
    local multi <close> = curl.multi {
      policy = { open = count, fence = { forbid_reuse = true } },
    }
    local easy <close> = http3.new_easy "/hello"
    for _ = 1, 2 do assert(transfers.run(multi, easy)) end
    assert.equal(2, opened)
    local plain <close> = curl.multi()
    easy:setopt("opensocketfunction", count)
    for _ = 1, 2 do assert(transfers.run(plain, easy)) end
    assert.equal(3, opened)
  end)

  local function new_counted(counts)
    return http3.new_easy("/hello", {
      timeout = 5,
      opensocketfunction = function() counts.opened = counts.opened + 1 return true end,
      closesocketfunction = function() counts.closed = counts.closed + 1 end,
    })
  end

  -- From 8.22 on libcurl looks whether a kept connection is alive once a second, no more.
  it("close_idle ends a connection, and a request after that has a new one", function()
    local multi <close> = curl.multi()
    local counts = { opened = 0, closed = 0 }
    for i = 1, 3 do
      if i > 1 then os.execute "sleep 1.1" end
      local easy <close> = new_counted(counts)
      assert(transfers.run(multi, easy))
      assert.equal(i, counts.opened)
      assert.equal(1, multi:close_idle())
    end
    multi:close()
    assert.equal(3, counts.closed)
  end)

  it("close_idle costs a request that comes at once no more than that it fails", function()
    local looks_seldom = curl.version_info().version_num >= 0x081600
    local multi <close> = curl.multi()
    local counts = { opened = 0, closed = 0 }
    for i = 1, 3 do
      local easy <close> = new_counted(counts)
      local ok, message, name = transfers.run(multi, easy)
      if not ok then
        assert.same({ true, true, "SEND_ERROR" }, { looks_seldom, i > 1, name }, message)
        assert(transfers.run(multi, easy))
      end
      assert.equal(i, counts.opened)
      assert.equal(1, multi:close_idle())
    end
    multi:close()
    assert.equal(3, counts.closed)
  end)

  describe("The guard", function()
    local function guarded(options)
      options.ports, options.allow = { web.port, web.quic_port, web.tls_port }, { "127.0.0.0/8" }
      return policy.compose { policy.guard(options) }
    end

    it("refuses datagrams, and libcurl goes on by TCP", function()
      local body, message = fetch_under(guarded {}, "/protocol", { http_version = "3" })
      assert.equal("HTTP/2.0\n", body, message)
      local _, reason, name = fetch_under(guarded {}, "/protocol")
      assert.equal("REFUSED", name)
      assert.matches("it is not TCP$", reason)
    end)

    it("lets them pass to its ports if told to", function()
      local body, message = fetch_under(guarded { quic = true }, "/protocol")
      assert.equal("HTTP/3.0\n", body, message)
      local _, reason, name = fetch_under(guarded { quic = true }, web.five_url .. "/hello")
      assert.equal("REFUSED", name, reason)
    end)
  end)
end)
