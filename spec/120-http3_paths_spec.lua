-- HTTP/3 over a path that loses, doubles and delays datagrams, falls silent, or gives the client
-- another address (a NAT that forgot): a relay in a process of its own is that path. The socket
-- stays one, and the loops serve the timers by which QUIC sends again.

local http3 = require "spec.support.http3"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local it = http3.it(it, pending)
local fetch = transfers.fetch
local web

-- A relay to the port. The text is the body of fate(up, n, size), which says of the n-th datagram
-- in a direction how often it goes on, or "later" (after the next one), or "moved": from another
-- address from here on. It can call now().
local relay = [[
  local server, socket = ...
  local _, port = server:getsockname()
  local now, begun = socket.gettime, socket.gettime()
  local function fate(up, n, size) %s end
  local front, back = socket.udp4(), nil
  assert(front:setsockname("127.0.0.1", port))
  local function move()
    if back then back:close() end
    back = socket.udp4()
    assert(back:setpeername("127.0.0.1", %d))
  end
  move()
  print "relays"
  local client, count, kept = nil, { [true] = 0, [false] = 0 }, {}
  local function send(up, data)
    if up then back:send(data) else front:sendto(data, client[1], client[2]) end
  end
  local function pass(up, data)
    count[up] = count[up] + 1
    local what = fate(up, count[up], #data)
    local held = kept[up]
    kept[up] = what == "later" and data or nil
    if what == "moved" then move() end
    for _ = 1, what == "moved" and 1 or tonumber(what) or 0 do send(up, data) end
    if held then send(up, held) end
  end
  while true do
    local ready = socket.select({ front, back })
    for _, s in ipairs(ready) do
      if s == front then
        local data, host, from = front:receivefrom()
        client = { host, from }
        pass(true, data)
      elseif s == back then
        local data = back:receive()
        if data then pass(false, data) end
      end
    end
  end
]]

-- The URL of the server by such a path.
local function path(fate)
  local at = servers.script(relay:format(fate, web.port))
  finally(function() servers.stop(at) end)
  assert(servers.wait(function() return at:output():find "relays" end))
  return "https://127.0.0.1:" .. at.port
end

-- An easy, and how many sockets it has opened and closed.
local function new_easy(url, options)
  local counts = { opened = 0, closed = 0 }
  local easy = http3.new_easy(url, options)
  easy:setopt {
    opensocketfunction = function() counts.opened = counts.opened + 1 return true end,
    closesocketfunction = function() counts.closed = counts.closed + 1 end,
  }
  return easy, counts
end

-- One request after the other on one connection, down and up, less than OpenSSL's first window.
local function carry(url)
  local easy <close>, counts = new_easy(url .. "/big", { range = "0-399999" })
  assert.equal(web.big:sub(1, 400000), fetch(easy))
  easy:setopt { url = url .. "/upload", postfields = ("x"):rep(200000) }
  easy:unset "range"
  assert.equal("200000\n", fetch(easy))
  easy:close()
  assert.same({ opened = 1, closed = 1 }, counts)
end

-- In a process of its own: a loop's library may keep descriptors.
local upload = [[
  local curl = require "curlsock"
  local http3 = require "spec.support.http3"
  local loops = require "spec.support.loops"
  local name, raw, url = %q, %s, %q
  local function make() return require("curlsock." .. name).new() end
  local loop <close> = raw and loops.raw(make) or not raw and make()
  local body, opened, begun = {}, 0, curl.now()
  local easy <close> = http3.prompt(curl.easy {
    url = url .. "/upload", http_version = "3only", proxy = "", timeout = 20,
    ssl_verifypeer = false, ssl_verifyhost = 0, writefunction = body,
    postfields = ("x"):rep(200000),
    opensocketfunction = function() opened = opened + 1 return true end,
  })
  assert(loop:perform(easy))
  assert(table.concat(body) == "200000\n")
  assert(curl.now() - begun >= 0.5, "it was not silent")
  assert(opened == 1)
]]

local silence = [[
  if up and size > 600 then big = (big or 0) + 1 end
  if not silent and (big or 0) > 40 then silent = now() + 0.6 end
  return silent and now() < silent and 0 or 1
]]

describe("HTTP/3 over a path", function()
  setup(function()
    web = http3.here and servers.http3()
  end)

  it("that loses one datagram in fifteen carries bodies both ways", function()
    carry(path "return n % 15 == 14 and 0 or 1")
  end)

  it("that doubles and reorders them does, too", function()
    carry(path "return n % 5 == 4 and 2 or n % 7 == 6 and 'later' or 1")
  end)

  -- OpenSSL's QUIC gives the server no number by which to find the client at another address:
  -- the request is lost, and its connection ends with it.
  it("that changes the client's address stays on one socket", function()
    local url = path "return up and n == 25 and 'moved' or 1"
    local easy <close>, counts = new_easy(url .. "/peer")
    local before = assert(fetch(easy))
    easy:setopt { url = url .. "/upload", postfields = ("x"):rep(100000), timeout = 3 }
    local body, message, name = fetch(easy)
    assert.same(http3.openssl and { nil, "OPERATION_TIMEDOUT" } or { "100000\n" }, { body, name },
      message)
    easy:setopt { url = url .. "/peer", httpget = true }
    assert.not_equal(before, assert(fetch(easy)))
    assert.equal(http3.openssl and 2 or 1, counts.opened)
    easy:close()
    assert.equal(counts.opened, counts.closed)
  end)

  for _, name in ipairs(loops.names) do
    for _, raw in ipairs(loops.modes) do
      it(("that falls silent for a while is waited for by curlsock.%s%s"):format(name,
        raw and ", without pollfd" or ""), function()
        local out, err = left.pass(upload:format(name, raw, path(silence)))
        assert.same({ "", "" }, { out, err })
      end)
    end
  end
end)
