-- handle:connections() and handle:close_idle(): what is open in a pool, who uses it, and the end of
-- what nobody uses; on real servers.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local socket = require "socket"
local transfers = require "spec.support.transfers"

local web
local new = easies.quiet

-- Adds a slow download, and drives the multi until its body comes.
local function start_slow(multi, path, options)
  local started
  local easy = new(path, options):setopt("writefunction", function() started = true end)
  multi:add(easy)
  transfers.drive(multi, function() return started end)
  assert.is_true(started)
  return easy
end

-- The connections by the port that they lead to.
local function by_port(handle)
  local found = {}
  for _, c in ipairs(handle:connections()) do found[c.address.port or c.address.path] = c end
  return found
end

-- That the next transfer of the easy opens a connection, or does not.
local function assert_new(expected, easy)
  assert(easy:perform())
  assert.equal(expected, easy:getinfo "num_connects")
end

describe("connections()", function()
  setup(function() web = servers.nginx() end)

  it("has each with its Socket, address, age and idle time", function()
    local easy <close> = new("/hello")
    assert.same({}, easy:connections())
    local began = curl.now()
    assert(easy:perform())
    socket.sleep(0.05)
    local list = easy:connections()
    assert.equal(1, #list)
    assert.equal(transfers.held(), list[1].socket)
    assert.equal(easy:socket(), list[1].socket)
    assert.equal("127.0.0.1:" .. web.port, tostring(list[1].address))
    assert.truthy(list[1].idle >= 0.04 and list[1].idle <= list[1].age)
    assert.truthy(list[1].age <= curl.now() - began)
  end)

  it("says that one in use is not idle, in a multi, from outside and inside", function()
    local multi <close> = curl.multi()
    local kept <close> = new(web.url4 .. "/hello")
    multi:add(kept)
    transfers.drive_well(multi)
    local inside
    local slow <close> = start_slow(multi, "/slow")
    slow:setopt("writefunction", function() inside = inside or by_port(multi) end)
    transfers.drive(multi, function() return inside end)
    for _, found in ipairs { by_port(multi), by_port(slow), by_port(kept), inside } do
      assert.is_nil(found[web.port].idle)
      assert.is_number(found[web.port4].idle)
    end
  end)

  it("are those of the share, by whomever one asks", function()
    local share <close> = curl.share { share = "connect" }
    local easy <close> = new("/hello", { share = share })
    local other <close> = new("/hello", { share = share })
    assert(easy:perform())
    for _, handle in ipairs { share, easy, other } do
      assert.equal(easy:socket(), handle:connections()[1].socket)
    end
    local during
    easy:setopt("writefunction", function() during = share:connections() end)
    assert(easy:perform())
    assert.equal(1, #during)
    assert.is_nil(during[1].idle)
  end)

  it("of a UNIX socket have an idle time from the first call on", function()
    local easy <close> = new("/hello", { unix_socket_path = web.unix })
    assert(easy:perform())
    local first = easy:connections()[1]
    assert.equal(web.unix, first.address.path)
    assert.truthy(first.idle < 0.04)
    socket.sleep(0.05)
    assert.truthy(easy:connections()[1].idle >= 0.04)
    assert(easy:perform())
    assert.truthy(easy:connections()[1].idle < 0.04)
  end)

  it("have no attempt to connect", function()
    local dead = servers.dead()
    local multi <close> = curl.multi()
    local easy <close> = new(dead.url)
    multi:add(easy)
    multi:perform()
    assert.equal(1, #curl.sockets())
    assert.same({}, multi:connections())
  end)

  it("survives finalizers that close the handle", function()
    local easy = new("/hello")
    assert(easy:perform())
    collectgarbage "stop"
    setmetatable({}, { __gc = function() easy:close() end })
    collectgarbage "restart"
    for _ = 1, 200 do
      local ok, list = pcall(easy.connections, easy)
      assert.truthy(not ok or #list <= 1)
      collectgarbage "step"
    end
    easy:close()
  end)
end)

describe("close_idle()", function()
  setup(function() web = servers.nginx() end)

  local kinds = {
    { name = "plain", path = "/hello" },
    { name = "TLS", path = function() return web.https_url .. "/hello" end },
    { name = "HTTP/2", path = function() return web.h2_url .. "/hello" end },
    { name = "UNIX", path = "/hello", options = function()
      return { unix_socket_path = web.unix }
    end },
  }

  for _, kind in ipairs(kinds) do
    it("ends a kept connection, which the next transfer does not use: " .. kind.name, function()
      local options = type(kind.options) == "function" and kind.options() or kind.options
      local path = type(kind.path) == "function" and kind.path() or kind.path
      local closed = 0
      local easy <close> = new(path, options):setopt { cainfo = web.ca,
        closesocketfunction = function() closed = closed + 1 end }
      assert_new(1, easy)
      assert_new(0, easy)
      assert.equal(1, easy:close_idle())
      assert.same({}, easy:connections())
      assert.equal(0, easy:close_idle())
      assert_new(1, easy)
      assert.equal(1, closed)
      assert.equal(1, #easy:connections())
    end)
  end

  it("is seen by the peer at once", function()
    local server = servers.script [[
      local server = ...
      local client = server:accept()
      repeat local line = client:receive() until line == ""
      client:send "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      print(select(2, client:receive()))
      io.stdout:flush()
    ]]
    local easy <close> = new(server.url)
    assert(easy:perform())
    assert.equal(1, easy:close_idle())
    assert.truthy(servers.wait(function() return server:output():find "closed" end))
  end)

  it("ends those alone that are idle for that long", function()
    local multi <close> = curl.multi()
    local old <close> = new("/hello")
    local young <close> = new(web.url4 .. "/hello")
    multi:add(old)
    transfers.drive_well(multi)
    socket.sleep(0.3)
    multi:add(young)
    transfers.drive_well(multi)
    assert.equal(0, multi:close_idle(10))
    assert.equal(1, multi:close_idle(0.2))
    assert.is_nil(by_port(multi)[web.port])
    assert.truthy(by_port(multi)[web.port4])
  end)

  local in_use = {
    { name = "plain", path = "/slow?rate=512k" },
    { name = "TLS", path = function() return web.https_url .. "/slow?rate=512k" end },
    { name = "HTTP/2, with one stream of three left",
      path = function() return web.h2_url .. "/slow?rate=512k" end, streams = true },
    { name = "UNIX", path = "/slow?rate=512k", unix = true },
  }

  for _, kind in ipairs(in_use) do
    it("never touches one in use: " .. kind.name, function()
      local multi <close> = curl.multi()
      local path = type(kind.path) == "function" and kind.path() or kind.path
      local options = { cainfo = web.ca, unix_socket_path = kind.unix and web.unix or nil }
      local kept <close> = new(web.url4 .. "/hello")
      multi:add(kept)
      transfers.drive_well(multi)
      local bytes = 0
      local slow <close> = new(path, options):setopt("writefunction", function(data)
        bytes = bytes + #data
      end)
      multi:add(slow)
      transfers.drive(multi, function() return bytes > 0 end)
      local others = {}
      for i = 1, kind.streams and 2 or 0 do
        others[i] = new(web.h2_url .. "/hello", options)
        multi:add(others[i])
        transfers.drive(multi, function() return others[i]:getinfo "response_code" == 200 end)
      end
      assert.equal(1, multi:close_idle()) -- the other server's
      assert.equal(0, multi:close_idle())
      transfers.drive_well(multi)
      assert.equal(2 ^ 20, bytes)
      assert.equal(1, multi:close_idle())
      for _, easy in ipairs(others) do easy:close() end
    end)
  end

  it("does not touch a connection that is being made, nor one with connect_only", function()
    local dead = servers.dead()
    local multi <close> = curl.multi()
    local easy <close> = new(dead.url)
    local only <close> = new("/hello", { connect_only = 1 })
    multi:add(easy)
    multi:add(only)
    transfers.drive(multi, function() return only:getinfo "activesocket" ~= nil end)
    assert.equal(0, multi:close_idle())
    assert.equal("lent", only:socket():state())
    local alone <close> = new("/hello", { connect_only = 1 })
    assert(alone:perform())
    assert.equal(0, alone:close_idle())
  end)

  it("does not touch FTP's two connections in use, but the control one afterwards", function()
    local ftp = servers.vsftpd()
    local multi <close> = curl.multi()
    local easy <close> = new(ftp.url .. "/hello.txt")
    multi:add(easy)
    transfers.drive_well(multi)
    multi:remove(easy)
    local paused
    easy:setopt { url = ftp.url .. "/big.bin", writefunction = function()
      paused = true
      return curl.PAUSE
    end }
    multi:add(easy)
    transfers.drive(multi, function() return paused end)
    assert.equal(2, #multi:connections())
    assert.equal(0, multi:close_idle())
    multi:remove(easy) -- which closes both
    multi:add(easy:setopt { url = ftp.url .. "/hello.txt", writefunction = {} })
    transfers.drive_well(multi)
    assert.equal(1, multi:close_idle())
  end)

  it("works for a share, and counts what others use of it", function()
    local share <close> = curl.share { share = "connect" }
    local multi <close> = curl.multi()
    local slow <close> = start_slow(multi, "/slow", { share = share })
    local kept <close> = new(web.url4 .. "/hello", { share = share })
    assert(kept:perform())
    assert.equal(1, share:close_idle())
    assert.is_nil(slow:connections()[1].idle)
    assert.equal(0, multi:close_idle())
  end)

  it("is refused inside a callback of the pool, and for a wrong time", function()
    local easy <close> = new("/hello")
    local ok, message
    easy:setopt("writefunction", function() ok, message = pcall(easy.close_idle, easy) end)
    assert(easy:perform())
    assert.is_false(ok)
    assert.truthy(message:find("^easy:close_idle is not allowed inside a callback"))
    for _, wrong in ipairs { -1, 0 / 0 } do
      errors.matches("seconds out of range", easy.close_idle, easy, wrong)
    end
    errors.matches("number expected", easy.close_idle, easy, "x")
  end)
end)
