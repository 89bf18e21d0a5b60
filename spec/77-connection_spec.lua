-- Which Socket a transfer is on: what prereqfunction is given, and easy:socket(), for new and kept
-- connections of every kind of pool, on real servers.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

-- Before, libcurl has no numbers for connections.
local numbered = curl.version_info().version_num >= 0x080200

local web

-- A prereqfunction that allows, and notes what it was given: the Socket, and the easy.
local function noting()
  local sockets, given = {}, {}
  return function(_, _, _, _, socket, easy)
    sockets[#sockets + 1] = socket or false
    given[#given + 1] = easy or false
    return true
  end, sockets, given
end

-- An opensocketfunction, and what it has opened.
local function opening()
  local opened = {}
  return function(_, address)
    local socket = assert(address:socket())
    opened[#opened + 1] = socket
    return socket
  end, opened
end

local function new(path, options)
  local all = { writefunction = function() end, timeout = 20 }
  for name, value in pairs(options or {}) do all[name] = value end
  return easies.plain(path, all)
end

-- Without writefunction, curl would print.
local function run(multi, easy)
  assert(transfers.run(multi, easy))
end

describe("prereqfunction's socket", function()
  setup(function() web = servers.nginx() end)

  it("is the one that was opened, and the kept one afterwards", function()
    local open, opened = opening()
    local prereq, sockets, given = noting()
    local easy <close> = new("/hello", { opensocketfunction = open, prereqfunction = prereq })
    for _ = 1, 3 do assert(easy:perform()) end
    assert.equal(1, #opened)
    assert.same({ opened[1], opened[1], opened[1] }, sockets)
    assert.same({ easy, easy, easy }, given)
  end)

  it("is that of the default opener, too", function()
    local prereq, sockets = noting()
    local easy <close> = new("/hello", { prereqfunction = prereq })
    assert(easy:perform())
    assert.equal(transfers.held(), sockets[1])
  end)

  it("may be looked at, and has the addresses that libcurl tells", function()
    local peer, own, state
    local easy <close> = new("/hello", { prereqfunction = function(_, _, _, _, socket)
      peer, own, state = socket:peeraddress(), socket:localaddress(), socket:state()
      return true
    end })
    assert(easy:perform())
    assert.equal("lent", state)
    assert.equal(curl.address("127.0.0.1:" .. web.port), peer)
    assert.equal(easy:getinfo "local_port", own.port)
  end)

  it("is another one when the connection was closed", function()
    local open, opened = opening()
    local prereq, sockets = noting()
    local easy <close> = new("/close", { opensocketfunction = open, prereqfunction = prereq })
    for _ = 1, 3 do assert(easy:perform()) end
    assert.equal(3, #opened)
    assert.same(opened, sockets)
  end)

  it("is one for each host that a redirect leads to", function()
    local open, opened = opening()
    local prereq, sockets = noting()
    local easy <close> = new("/redirect?to=" .. web.url4 .. "/hello", {
      opensocketfunction = open, prereqfunction = prereq, followlocation = true,
    })
    for _ = 1, 2 do assert(easy:perform()) end
    assert.equal(2, #opened)
    assert.same({ opened[1], opened[2], opened[1], opened[2] }, sockets)
  end)

  it("is the kept one that another easy has opened, in a multi and by a share", function()
    local share <close> = curl.share { share = "connect" }
    local multi <close> = curl.multi()
    for _, way in ipairs { "multi", "share" } do
      local options = { share = way == "share" and share or nil }
      local open, opened = opening()
      options.opensocketfunction = open
      local opener <close> = new("/hello", options)
      local prereq, sockets = noting()
      options.opensocketfunction, options.prereqfunction = nil, prereq
      local user <close> = new("/hello", options)
      if way == "multi" then
        run(multi, opener)
        opener:close()
        run(multi, user)
      else
        assert(opener:perform())
        opener:close()
        assert(user:perform())
      end
      assert.equal(1, #opened)
      assert.same(opened, sockets)
    end
  end)

  it("is the right one of many that are kept", function()
    local multi <close> = curl.multi { maxconnects = 200 }
    local prereq, sockets = noting()
    local open, opened = opening()
    local count <const> = 60
    local all = {}
    for i = 1, count do
      all[i] = new("/hello", { opensocketfunction = open })
      multi:add(all[i])
    end
    assert.equal(count, transfers.drive_well(multi))
    for _, easy in ipairs(all) do easy:close() end
    assert.equal(count, #opened)
    local ports, seen = {}, {}
    for i = 1, count do
      all[i] = new("/hello", { prereqfunction = prereq })
      multi:add(all[i])
    end
    assert.equal(count, transfers.drive_well(multi))
    for i, easy in ipairs(all) do
      ports[easy:getinfo "local_port"] = true
      seen[sockets[i]:localaddress().port] = true
      easy:close()
    end
    assert.same(ports, seen)
  end)

  it("is that of the attempt that won", function()
    if not servers.has_ipv6 then return pending "no IPv6" end
    servers.dead("::1", web.port4)
    local open, opened = opening()
    local prereq, sockets = noting()
    local easy <close> = new(("http://localhost:%d/hello"):format(web.port4), {
      opensocketfunction = open, prereqfunction = prereq, happy_eyeballs_timeout_ms = 20,
      resolve = { ("localhost:%d:::1,127.0.0.1"):format(web.port4) },
    })
    assert(easy:perform())
    assert.equal(2, #opened)
    assert.same({ opened[2] }, sockets)
    assert.equal(opened[2], easy:socket())
  end)

  it("is one for the streams of HTTP/2", function()
    local multi <close> = curl.multi()
    local prereq, sockets = noting()
    local all = {}
    for i = 1, 3 do
      all[i] = new(web.h2_url .. "/hello", { cainfo = web.ca, pipewait = true,
        http_version = "2tls", prereqfunction = prereq })
      multi:add(all[i])
    end
    transfers.drive(multi)
    local last
    for easy, ok, message in multi:results() do
      assert(ok, message)
      last = easy
    end
    local held = transfers.held()
    assert.same({ held, held, held }, sockets)
    -- Not the newest libcurl knows it of the stream that ended last alone.
    for _, easy in ipairs(all) do
      assert.truthy(easy:socket() == held or easy ~= last and easy:socket() == nil)
    end
    for _, easy in ipairs(all) do easy:close() end
  end)

  it("is FTP's control connection", function()
    local ftp = servers.vsftpd()
    local prereq, sockets = noting()
    local during = {}
    local easy <close> = new(ftp.url .. "/", { prereqfunction = prereq,
      writefunction = function() end })
    easy:setopt("writefunction", function() during[#during + 1] = easy:socket() or false end)
    for _ = 1, 2 do assert(easy:perform()) end
    local control = transfers.held()
    assert.same({ control, control }, sockets)
    assert.equal(control, during[1])
    assert.equal(control, easy:socket())
  end)

  it("of a UNIX socket is known where connections have numbers", function()
    local prereq, sockets = noting()
    local easy <close> = new("/hello", { prereqfunction = prereq, unix_socket_path = web.unix })
    for _ = 1, 2 do assert(easy:perform()) end
    local held = numbered and transfers.held() or false
    assert.same({ held, held }, sockets)
  end)

  it("is that of an address that the callback has changed", function()
    local open, opened = opening()
    local prereq, sockets = noting()
    local easy <close> = new("http://192.0.2.1/hello", { prereqfunction = prereq,
      opensocketfunction = function(purpose, address)
        address.ip, address.port = "127.0.0.1", web.port
        return open(purpose, address)
      end })
    for _ = 1, 2 do assert(easy:perform()) end
    assert.same({ opened[1], opened[1] }, sockets)
  end)

  it("is none for a file", function()
    local prereq, sockets, given = noting()
    local easy <close> = new("file:///dev/null", { prereqfunction = prereq })
    assert(easy:perform())
    assert.same({ false }, sockets)
    assert.same({ easy }, given)
    assert.is_nil(easy:socket())
  end)
end)

describe("a policy's request", function()
  setup(function() web = servers.nginx() end)

  it("is told the Socket, and whether the connection is kept", function()
    local told = {}
    local multi <close> = curl.multi { policy = { request = function(socket, easy, kept)
      told[#told + 1] = { socket, easy, kept }
    end } }
    local open, opened = opening()
    local first <close> = new("/redirect?to=/hello", { opensocketfunction = open,
      followlocation = true, prereqfunction = noting() })
    run(multi, first)
    local second <close> = new("/hello")
    run(multi, second)
    assert.equal(1, #opened)
    assert.same({
      { opened[1], first, false }, { opened[1], first, true }, { opened[1], second, true },
    }, told)
  end)
end)

describe("easy:socket()", function()
  setup(function() web = servers.nginx() end)

  it("is known from the pre-request step on, and until the connection is closed", function()
    local seen, easy = {}, nil
    local function look(name) seen[name] = easy:socket() or false end
    easy = new("/hello", {
      opensocketfunction = function() look "open" return true end,
      sockoptfunction = function() look "sockopt" end,
      prereqfunction = function() look "prereq" return true end,
      headerfunction = function() look "header" end,
      writefunction = function() look "write" end,
    })
    assert.is_nil(easy:socket())
    assert(easy:perform())
    local held = transfers.held()
    assert.same({ open = false, sockopt = false, prereq = held, header = held, write = held }, seen)
    assert.equal(held, easy:socket())
    easy:setopt { url = web.url .. "/close" }
    assert(easy:perform())
    assert.is_nil(easy:socket())
    easy:close()
  end)

  it("is none for a transfer that had no connection", function()
    local easy <close> = new("/hello")
    assert(easy:perform())
    assert.truthy(easy:socket())
    easy:setopt("url", "http://127.0.0.1:1/")
    assert.is_nil(easy:perform())
    assert.is_nil(easy:socket())
  end)

  it("is none after reset, of a duplicate, and after the multi was left", function()
    local multi <close> = curl.multi()
    local easy <close> = new("/hello")
    multi:add(easy)
    transfers.drive_well(multi)
    assert.equal(transfers.held(), easy:socket())
    local copy <close> = easy:dup()
    assert.is_nil(copy:socket())
    multi:remove(easy)
    assert.is_nil(easy:socket())
    assert(easy:perform())
    assert.truthy(easy:socket())
    easy:reset()
    assert.is_nil(easy:socket())
  end)

  it("is no stranger's in another pool", function()
    local share <close> = curl.share { share = "connect" }
    local stranger <close> = new("/hello", { share = share })
    assert(stranger:perform())
    local easy <close> = new("/hello")
    assert(easy:perform())
    easy:setopt("share", share)
    errors.matches("^easy:socket: the last transfer was in another pool", easy.socket, easy)
    local multi <close> = curl.multi()
    easy:unset "share"
    multi:add(easy)
    assert.is_nil(easy:socket()) -- its next transfer has none yet
  end)

  it("is no stranger's that has got the descriptor's number", function()
    local easy <close> = new("/hello")
    assert(easy:perform())
    local fd = easy:socket():fd()
    require "spec.support.steal"(fd)
    local stranger <close> = curl.socket("inet", "dgram")
    assert.equal(fd, stranger:fd())
    local ok, found = pcall(easy.socket, easy)
    assert.truthy(found == nil or not ok and found:find("of somebody else", 1, true))
  end)

  it("inside another transfer's callback is told, or refused by an old libcurl", function()
    local multi <close> = curl.multi()
    local ended <close> = new("/hello")
    multi:add(ended)
    transfers.drive_well(multi)
    local held, ok, found = transfers.held(), nil, nil
    local other <close> = new("/hello", { headerfunction = function()
      ok, found = pcall(ended.socket, ended)
    end })
    multi:add(other)
    transfers.drive_well(multi)
    if numbered then
      assert.is_true(ok)
      assert.equal(held, found)
    else
      assert.is_false(ok)
      assert.truthy(found:find("^easy:socket is not allowed inside a callback"))
    end
  end)

  it("costs its pool nothing: nobody keeps the easy or the Socket", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local easy <close> = new("/hello")
      assert(easy:perform())
      weak[1], weak[2] = easy, easy:socket()
    end
    collectgarbage()
    collectgarbage()
    assert.same({}, weak)
  end)
end)
