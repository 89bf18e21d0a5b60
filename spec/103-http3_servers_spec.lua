-- HTTP/3 and its servers: the race with TCP, Alt-Svc, servers that restart, say GOAWAY or take
-- early data. Each socket is still opened and closed once.

local assert = require "luassert"
local curl = require "curlsock"
local http3 = require "spec.support.http3"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local it = http3.it(it, pending)
local fetch = transfers.fetch
local web

-- An easy, the types of the sockets that it opened, in order, and how many have closed.
local function new_easy(path, options, refuse)
  local counts = { closed = 0 }
  local easy = http3.new_easy(path, options)
  easy:setopt {
    opensocketfunction = function(_, address)
      counts[#counts + 1] = address.socktype
      counts.last = tostring(address)
      if refuse == address.socktype then return false, "no " .. refuse end
      return true
    end,
    closesocketfunction = function() counts.closed = counts.closed + 1 end,
  }
  return easy, counts
end

-- A UDP port where nobody answers, and the Socket that has it.
local function silent_port()
  local socket = curl.socket("inet", "dgram")
  assert(socket:bind "127.0.0.1:0")
  return socket, socket:localaddress().port
end

describe("The race of HTTP/3 with TCP", function()
  setup(function()
    web = http3.here and servers.http3()
  end)

  it("asks about UDP first, and opens no other where that answers", function()
    local easy <close>, counts = new_easy("/protocol", { http_version = "3" })
    assert.equal("HTTP/3.0\n", fetch(easy))
    assert.equal("dgram", counts[1])
    easy:close()
    assert.equal(counts.closed, #counts)
  end)

  it("goes on by TCP to the same port when UDP is refused by the callback", function()
    local easy <close>, counts = new_easy("/protocol", { http_version = "3" }, "dgram")
    assert.equal("HTTP/2.0\n", fetch(easy))
    assert.same({ "dgram", "stream" }, { counts[1], counts[2] })
    assert.equal("127.0.0.1:" .. web.port, counts.last)
    easy:close()
    assert.equal(1, counts.closed)
  end)

  it("is won by TCP where nobody answers on UDP, whose socket ends", function()
    local silent <close>, port = silent_port()
    local easy <close>, counts = new_easy(web.tls_url .. "/protocol", {
      http_version = "3", opensocketfunction = nil,
    })
    easy:setopt("opensocketfunction", function(_, address)
      counts[#counts + 1] = address.socktype
      if address.socktype == "dgram" then address.port = port end
      return true
    end)
    assert.equal("HTTP/2.0\n", fetch(easy))
    assert.same({ "dgram", "stream" }, { counts[1], counts[2] })
    assert.equal(1, counts.closed)
    assert.equal("stream", transfers.held():getsockopt("socket", "type"))
    assert.equal("owned", silent:state())
    easy:close()
    assert.equal(2, counts.closed)
  end)

  it("is won by UDP where TCP is refused, and lost where both are", function()
    local quic <close>, counts = new_easy(web.quic_url .. "/protocol", { http_version = "3" })
    assert.equal("HTTP/3.0\n", fetch(quic))
    quic:close()
    assert.equal(#counts, counts.closed)
    local url = "https://127.0.0.1:" .. servers.free_port() .. "/"
    local none <close>, more = new_easy(url, { http_version = "3" })
    local _, _, name = fetch(none)
    assert.equal("COULDNT_CONNECT", name)
    none:close()
    assert.equal(#more, more.closed)
  end)

  it("is raced by no other version", function()
    for _, version in ipairs { "2", "1.1" } do
      local easy <close>, counts = new_easy("/hello", { http_version = version })
      assert.equal("hello\n", fetch(easy))
      assert.same({ "stream" }, { table.unpack(counts) })
    end
  end)

  it("is ended by a time limit, whose sockets end too", function()
    local silent <close>, port = silent_port()
    local easy <close>, counts = new_easy("https://127.0.0.1:" .. port, { timeout = 0.5 })
    local _, _, name = fetch(easy)
    assert.equal("OPERATION_TIMEDOUT", name)
    assert.same({ 1, 1 }, { #counts, counts.closed })
    assert.equal("owned", silent:state())
  end)
end)

describe("Alt-Svc", function()
  setup(function()
    web = http3.here and servers.http3()
  end)

  -- The results of two transfers, the first of which is told of HTTP/3 on that port.
  local function moved(port, refuse)
    local file = servers.dir() .. "/altsvc"
    os.remove(file)
    local easy <close>, counts = new_easy(web.tls_url .. "/moved?" .. port, {
      http_version = "2", altsvc = file, altsvc_ctrl = { "h1", "h2", "h3" },
    }, refuse)
    local first = fetch(easy)
    easy:setopt { url = web.tls_url .. "/protocol", http_version = "3" }
    local second, message, name = fetch(easy)
    easy:close()
    return counts, first, second, message, name
  end

  it("leads the next transfer to UDP on the port that the server chose: it is asked about",
    function()
      local counts, first, second, message = moved(web.port)
      assert.same({ "moved\n", "HTTP/3.0\n" }, { first, second }, message)
      assert.same({ "stream", "dgram" }, { table.unpack(counts, 1, 2) })
      assert.equal("127.0.0.1:" .. web.port, counts.last)
      assert.equal(#counts, counts.closed)
    end)

  it("can be refused there", function()
    local counts, first, second = moved(web.port, "dgram")
    assert.equal("moved\n", first)
    assert.not_equal("HTTP/3.0\n", second)
    assert.equal("dgram", counts[2])
  end)
end)

describe("A server of HTTP/3", function()
  setup(function()
    web = http3.here and servers.http3()
  end)

  -- How so many transfers of a pool end, before the second of which the server restarts.
  local function restarted(perform, options)
    local names, all = {}, { opened = 0, closed = 0 }
    for i = 1, 5 do
      local easy <close>, counts = new_easy("/hello", options)
      easy:setopt("timeout", 2)
      local ok, _, name = perform(easy)
      names[i] = ok and "ok" or name
      all.opened = all.opened + #counts
      if i == 1 then servers.restart(web) end
    end
    return names, all
  end

  -- Without a mend all but the first fail. (The second may be told that its connection is dead.)
  local function check(names, all)
    assert.matches("^ok %S+ ok ok ok$", table.concat(names, " "))
    assert(all.opened <= 3, all.opened)
  end

  it("that restarts costs a multi a request, and not those that follow", function()
    local multi <close> = curl.multi()
    check(restarted(function(easy) return transfers.run(multi, easy) end))
  end)

  it("that restarts costs a share a request, and not those that follow", function()
    local share <close> = curl.share { share = "connect" }
    check(restarted(function(easy) return easy:perform() end, { share = share }))
  end)

  it("that restarts costs a loop one request, also by the loop's clock", function()
    for _, seconds in ipairs { false, 1 } do
      local loop <close> = require("curlsock.loop").new()
      check(restarted(function(easy) return loop:perform(easy, seconds or nil) end))
    end
  end)

  it("that restarts costs the transfers that ran at once, and the next is well", function()
    local multi <close> = curl.multi()
    local first <close> = new_easy("/hello")
    assert(transfers.run(multi, first))
    servers.restart(web)
    local list = {}
    for i = 1, 5 do
      list[i] = new_easy("/hello", { timeout = 1.5 })
      multi:add(list[i])
    end
    transfers.drive(multi)
    for easy in multi:results() do easy:close() end
    local next_easy <close> = new_easy("/hello")
    assert(transfers.run(multi, next_easy))
  end)

  it("that answers keeps its connection, also with no body", function()
    local multi <close> = curl.multi()
    for i = 1, 3 do
      local easy <close>, counts = new_easy("/hello", { nobody = i == 2 })
      assert(transfers.run(multi, easy))
      assert.equal(i == 1 and 1 or 0, #counts)
    end
  end)

  it("whose answer has begun keeps its connection when the transfer ends early", function()
    local multi <close> = curl.multi()
    local easy <close>, counts = new_easy("/slow?rate=10k", {
      writefunction = function() return false, "enough" end,
    })
    local _, _, name = transfers.run(multi, easy)
    assert.equal("WRITE_ERROR", name)
    local other <close>, more = new_easy("/hello")
    assert(transfers.run(multi, other))
    assert.same({ 1, 0, 0 }, { #counts, #more, counts.closed })
  end)

  it("leaves the script's forbid_reuse and headerfunction as they are", function()
    local lines = {}
    local multi <close> = curl.multi()
    local easy <close>, counts = new_easy("/hello", { forbid_reuse = true, headerfunction = lines })
    for _ = 1, 2 do
      assert(transfers.run(multi, easy))
      transfers.drive(multi)
    end
    assert.equal(2, #counts)
    assert.matches("^HTTP/3 200", lines[1])
    easy:setopt("forbid_reuse", false):unset "headerfunction"
    local n = #lines
    for _ = 1, 2 do assert(transfers.run(multi, easy)) end
    assert.same({ 3, n }, { #counts, #lines })
  end)

  it("a dup made before the answer has begun is a plain one", function()
    local copy
    local easy <close> = new_easy("/hello", {
      prereqfunction = function(_, _, _, _, _, this)
        copy = this:dup()
        return true
      end,
    })
    assert(easy:perform())
    easy:close()
    for _ = 1, 2 do assert(copy:setopt("prereqfunction", nil):perform()) end
    assert.equal(0, copy:getinfo "num_connects")
    copy:close()
  end)

  -- libcurl may find out only with the next request that it is closed by now.
  it("that says GOAWAY gets what comes then on a new connection", function()
    local multi <close> = curl.multi()
    local opened, closed, names = 0, 0, { "" }
    for i = 1, 12 do
      local easy <close> = http3.new_easy(web.five_url .. "/hello", {
        opensocketfunction = function() opened = opened + 1 return true end,
        closesocketfunction = function() closed = closed + 1 end,
      })
      local ok, message, name = transfers.run(multi, easy)
      names[i] = ok and "ok" or name
      assert(ok or names[i - 1] == "ok", message)
    end
    assert(opened >= 2, table.concat(names, " "))
    multi:close()
    assert.equal(opened, closed)
  end)

  it("takes early data, where libcurl sends it, on a socket that was asked about", function()
    if not pcall(curl.easy, { ssl_options = "earlydata" }) then return end
    local share <close> = curl.share { share = "ssl_session" }
    local early = {}
    for i = 1, 2 do
      local easy <close>, counts = new_easy(web.early_url .. "/early", {
        share = share, ssl_options = "earlydata", fresh_connect = true,
      })
      early[i] = assert(fetch(easy))
      assert.equal(1, #counts)
      easy:close()
      assert.equal(1, counts.closed)
    end
    assert.equal("\n", early[1])
    -- Sent with the first flight, or not, if nobody has a session for it.
    assert(early[2] == "1\n" or early[2] == "\n", early[2])
  end)
end)
