-- Proxies that nobody here wrote: HTTP (tinyproxy, and squid, which keeps connections), plain and
-- by CONNECT, and SOCKS of versions 4 and 5 (ssh, microsocks). What the callbacks see, what the
-- pool keeps, passwords, a proxy that dies. Policies: 115; loops: 118.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local lives = require "spec.support.lives"
local process = require "spec.support.process"
local proxies = require "spec.support.proxies"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local web, tiny, socks, micro

setup(function()
  web, tiny = servers.nginx(), servers.tinyproxy()
  socks, micro = servers.socks(), servers.microsocks()
end)

local fetch = transfers.fetch

local function new_easy(log, way, path, options)
  local easy = lives.new_easy(log, "A", proxies.options(way, path))
  return assert(easy:setopt(options or {}))
end

for name, way in pairs(proxies.ways) do
  describe("Through " .. name, function()
    it("the callbacks see the proxy's address, and its Socket once", function()
      local log, seen = lives.new_log(true), {}
      local open = log.open "A"
      local easy = new_easy(log, way, "/hello", {
        opensocketfunction = function(purpose, address, ...)
          seen[#seen + 1] = purpose .. " " .. tostring(address)
          return open(purpose, address, ...)
        end,
        sockoptfunction = function(socket, purpose)
          seen[#seen + 1] = purpose .. " " .. socket:state()
        end,
        prereqfunction = function(ip, _, port, _, socket)
          seen[#seen + 1] = ("request %s:%d %s"):format(ip, port, socket and socket:peeraddress())
          return true
        end,
      })
      assert.equal("hello\n", fetch(easy))
      local where = proxies.address(way)
      local peer = curl.version_info().version_num >= 0x080200 and where or seen[3]:match "%S+$"
      assert.same({ "ipcxn " .. where, "ipcxn lent", ("request %s %s"):format(where, peer) }, seen)
      assert.equal(where, tostring(transfers.held():peeraddress()))
      assert.equal(where, easy:getinfo "primary_ip" .. ":" .. easy:getinfo "primary_port")
      easy:close()
      assert.same({ "A ipcxn, closing for A" }, log.lives())
    end)

    it("a connection is kept, or closed, as without one", function()
      local log = lives.new_log()
      local easy = new_easy(log, way, "/connection")
      local first = fetch(easy)
      -- A proxy keeps connections to origins for everybody.
      local number, asked = first:match "^(%d+) (%d+)\n$"
      if way.tunnel then assert.equal("1", asked) end
      if way.kept then
        assert.equal(("%s %d\n"):format(number, asked + 1), fetch(easy))
        assert.equal(0, easy:getinfo "num_connects")
        assert.same({ "A" }, log.lives())
      end
      -- Without the proxy, or with another, it is another connection.
      easy:setopt("proxy", "")
      assert.not_equal(number, fetch(easy):match "^%d+")
      assert.equal(1, easy:getinfo "num_connects")
      easy:setopt("forbid_reuse", true)
      assert(fetch(easy))
      easy:close()
      for _, life in ipairs(log.lives()) do assert.equal("A, closing for A", life) end
    end)

    it("many at once, in a multi of few connections, each is closed once", function()
      local log, multi = lives.new_log(), curl.multi { max_total_connections = 4 }
      local list = {}
      for i = 1, 12 do
        list[i] = new_easy(log, way, "/hello", { writefunction = {} })
        multi:add(list[i])
      end
      assert.equal(12, transfers.drive_well(multi))
      if way.kept then assert.truthy(#log.records <= 4, #log.records) end
      multi:close()
      for _, easy in ipairs(list) do easy:close() end
      for _, life in ipairs(log.lives()) do assert.equal("A, closing for A", life) end
    end)

    it("an origin that cannot be reached is the transfer's failure", function()
      local log = lives.new_log()
      local easy = new_easy(log, way, "/hello", {
        url = ("%s://127.0.0.1:%d/"):format(way.url or "http", servers.free_port()),
      })
      local body, message = fetch(easy)
      if way.tunnel then
        assert.is_nil(body)
        assert.truthy(message ~= "")
      else
        assert.truthy(easy:getinfo "response_code" >= 500)
      end
      easy:close()
      assert.same({ "A, closing for A" }, log.lives())
    end)

    it("a refusal of the proxy's address is a refusal", function()
      local easy <close> = new_easy(lives.new_log(), way, "/hello", {
        opensocketfunction = function(_, address) return nil, "not " .. tostring(address) end,
      })
      local body, message, why = fetch(easy)
      assert.same({ nil, "COULDNT_CONNECT" }, { body, why })
      assert.truthy(message:find("not " .. proxies.address(way), 1, true), message)
    end)
  end)
end

describe("A proxy's kept connection", function()
  local way = proxies.ways["HTTP that is kept"]

  it("serves any origin, and stays that of the easy that opened it", function()
    local log, multi = lives.new_log(), curl.multi()
    local first = new_easy(log, way, "/hello")
    assert.equal("hello\n", transfers.fetch_in(multi, first))
    first:close()
    local second = lives.new_easy(log, "B", proxies.options(way, "/hello"))
    assert(second:setopt("url", web.url4 .. "/hello"))
    assert.equal("hello\n", transfers.fetch_in(multi, second))
    assert.equal(0, second:getinfo "num_connects")
    assert.same({ "A" }, log.lives())
    multi:close()
    second:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("is not that of a tunnel, nor a tunnel's of plain requests", function()
    local log, multi <close> = lives.new_log(), curl.multi()
    for i, tunnel in ipairs { false, true, false, true } do
      local easy <close> = new_easy(log, way, "/hello", { httpproxytunnel = tunnel })
      assert.equal("hello\n", transfers.fetch_in(multi, easy))
      assert.equal(i < 3 and 1 or 0, easy:getinfo "num_connects")
    end
    assert.same({ "A", "A" }, log.lives())
  end)

  it("is closed by close_idle, by forbid_reuse, and by a proxy that ends", function()
    local log, multi <close> = lives.new_log(), curl.multi()
    local function once(options)
      local easy <close> = new_easy(log, way, "/hello", options)
      assert.equal("hello\n", transfers.fetch_in(multi, easy))
    end
    once()
    assert.equal(1, multi:close_idle())
    once { forbid_reuse = true }
    once()
    servers.restart(servers.squid())
    once()
    local gone = "A, closing for A"
    assert.same({ gone, gone, gone, "A" }, log.lives())
  end)
end)

describe("A proxy", function()
  it("resolves the name itself (socks5h, socks4a), or gets an address (socks5, socks4)", function()
    local schemes = { socks5h = true, socks4a = true, socks5 = false, socks4 = false }
    for scheme, itself in pairs(schemes) do
      local easy <close> = curl.easy {
        url = ("http://nowhere.invalid:%d/hello"):format(web.port), timeout = 20,
        proxy = ("%s://127.0.0.1:%d"):format(scheme, socks.port),
        resolve = { ("nowhere.invalid:%d:127.0.0.1"):format(web.port) },
      }
      local body, message = fetch(easy)
      assert.equal(not itself and "hello\n" or nil, body, message)
    end
  end)

  it("wants a password: the right one, a wrong one, none", function()
    local socks5 = "socks5://%s127.0.0.1:" .. micro.port
    local http = "http://%s127.0.0.1:" .. tiny.auth_port
    local function try(proxy, user, options)
      local easy <close> = curl.easy { url = web.url .. "/hello", proxy = proxy:format(user),
        timeout = 20, cainfo = web.ca }
      local body, message, name = fetch(assert(easy:setopt(options or {})))
      return body == "hello\n" or name or easy:getinfo "response_code", message
    end
    assert.is_true(try(socks5, "me:secret@"))
    assert.is_true(try(socks5, "", { proxyuserpwd = "me:secret" }))
    assert.equal("PROXY", (try(socks5, "me:wrong@")))
    assert.equal("PROXY", (try(socks5, "")))
    assert.is_true(try(http, "me:secret@"))
    assert.is_true(try(http, "", { proxyusername = "me", proxypassword = "secret" }))
    for _, user in ipairs { "me:wrong@", "" } do
      local code = try(http, user)
      assert.truthy(code == 407 or code == 401, code) -- tinyproxy 1.11.1 says 401 to a wrong one
    end
    local tls = { url = web.https_url .. "/hello" }
    assert.is_true(try(http, "me:secret@", tls))
    local name, message = try(http, "me:wrong@", tls)
    assert.truthy((name == "RECV_ERROR" or name == "COULDNT_CONNECT")
      and message:find "40[17]", message)
  end)

  it("of the environment is used, but where proxy or noproxy says otherwise", function()
    local left = require "spec.support.left"
    local script = [[
      local curl = require "curlsock"
      local function opened(options)
        local list = {}
        local easy <close> = curl.easy { url = %q, writefunction = {}, timeout = 20,
          opensocketfunction = function(_, address)
            list[#list + 1] = address.port
            return true
          end }
        assert(assert(easy:setopt(options)):perform())
        return table.concat(list, " ")
      end
      print(opened {}, opened { proxy = "" }, opened { noproxy = "127.0.0.1" })
    ]]
    local out = left.pass(script:format(web.url .. "/hello"), {
      http_proxy = tiny.url, no_proxy = "",
    })
    assert.equal(("%d\t%d\t%d\n"):format(tiny.port, web.port, web.port), out)
  end)

  it("may stand before another (pre_proxy)", function()
    local log = lives.new_log()
    local easy = lives.new_easy(log, "A", {
      url = web.https_url .. "/hello", cainfo = web.ca, proxy = tiny.url,
      pre_proxy = ("socks5h://127.0.0.1:%d"):format(socks.port),
    })
    assert.equal("hello\n", fetch(easy))
    assert.equal(socks.port, transfers.held():peeraddress().port)
    easy:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("that dies ends the transfer under way, and each socket is closed once", function()
    local log, multi = lives.new_log(), curl.multi()
    local way = proxies.ways["SOCKS5"]
    local kept = new_easy(log, way, "/hello", { writefunction = {} })
    local slow = new_easy(log, way, "/slow?rate=64k", { writefunction = {} })
    multi:add(kept)
    assert.equal(1, transfers.drive_well(multi))
    multi:add(slow)
    transfers.drive(multi, function() return slow:getinfo "size_download_t" > 0 end)
    servers.restart(socks)
    transfers.drive(multi)
    local ok, _, name = transfers.only_result(multi)
    assert.is_nil(ok)
    assert.truthy(name == "PARTIAL_FILE" or name == "RECV_ERROR", name)
    -- What had been kept is not used again.
    multi:remove(kept)
    multi:add(kept)
    assert.equal(1, transfers.drive_well(multi))
    servers.stop(socks)
    multi:remove(kept)
    multi:add(kept:setopt("fresh_connect", true))
    transfers.drive(multi)
    errors.failed("COULDNT_CONNECT", "", transfers.only_result(multi))
    multi:close()
    kept:close()
    slow:close()
    for _, life in ipairs(log.lives()) do
      assert.truthy(life == "A, closing for A" or life == "A, closed for A", life)
    end
    socks = servers.socks()
  end)

  it("is asked for nothing but what it is for", function()
    local before = #process.read(tiny.log)
    local easy <close> = curl.easy { url = web.url .. "/hello", proxy = tiny.url,
      noproxy = "127.0.0.1", timeout = 20 }
    assert.equal("hello\n", fetch(easy))
    assert.equal(before, #process.read(tiny.log))
  end)
end)
