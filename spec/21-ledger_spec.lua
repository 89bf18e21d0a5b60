-- The ledger: exactly one close event for every socket that was opened, on every libcurl, also
-- where libcurl closes it without telling; and what curl.sockets() and curl.live() tell.

local curl = require "curlsock"
local left = require "spec.support.left"
local luasocket = require "socket"
local servers = require "spec.support.servers"

local version = curl.version_info().version_num

-- Libcurl before 8.2 closes a socket that is not connected yet without the callback: the event
-- comes when the transfer has ended, and the descriptor is gone by then.
local unconnected = version < 0x080200 and "closed" or "closing"

-- Tells the life of every socket in a line: which easy opened it, and each close event with the
-- Socket's state in it, and whose callback that was. A Socket is known by its address: the log
-- must not keep it alive.
local function new_log()
  local log = { records = {} }

  function log.open(name)
    return function(_, address)
      local socket = assert(address:socket())
      socket.data = { name, id = ("%p"):format(socket) }
      table.insert(log.records, socket.data)
      return socket
    end
  end

  function log.close(name)
    return function(socket)
      assert.equal(socket.data.id, ("%p"):format(socket))
      table.insert(socket.data, ("%s for %s"):format(socket:state(), name))
    end
  end

  function log.lives()
    local lives = {}
    for i, record in ipairs(log.records) do
      lives[i] = table.concat(record, ", ")
    end
    return lives
  end

  return log
end

-- An easy whose sockets are in the log under that name.
local function new_easy(log, name, options)
  local all = {
    proxy = "",
    timeout = 20,
    opensocketfunction = log.open(name),
    closesocketfunction = log.close(name),
  }
  for key, value in pairs(options) do
    all[key] = value
  end
  return assert(curl.easy(all))
end

-- Drives the multi until ready() is true, or no transfer runs.
local function drive(multi, ready)
  local deadline = curl.now() + 20
  while assert(multi:perform()) > 0 and not (ready and ready()) do
    assert(curl.now() < deadline, "the transfers do not end")
    multi:poll(0.1)
  end
end

-- The result of the only transfer that has ended: true, or nil, message, name.
local function only_result(multi)
  local next_result, state = multi:results()
  local first = table.pack(next_result(state))
  assert.is_nil(next_result(state))
  return table.unpack(first, 2, first.n)
end

-- A whole transfer of the easy on the multi, whose result it returns.
local function transfer(multi, easy)
  multi:add(easy)
  drive(multi)
  local result = table.pack(only_result(multi))
  multi:remove(easy)
  return table.unpack(result, 1, result.n)
end

local function error_name(_, _, name)
  return name
end

-- An address that never answers, at the port where only 127.0.0.1 has a web server.
local dead = {}
local function dead_host(host)
  dead[host] = dead[host] or servers.dead(host, servers.nginx().port4)
  return dead[host]
end

-- Options of a URL whose name stands for these addresses.
local function several(port, addresses, options)
  options = options or {}
  options.url = ("http://several.test:%d/hello"):format(port)
  options.resolve = { ("several.test:%d:%s"):format(port, addresses) }
  return options
end

describe("A connection attempt", function()
  if servers.has_ipv6 then
    it("that lost to the other family has its event when the transfer has ended", function()
      local log = new_log()
      dead_host("::1")
      local A = new_easy(log, "A", several(servers.nginx().port4, "[::1],127.0.0.1", {
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
    local A = new_easy(log, "A", several(servers.nginx().port4, "127.0.0.2,127.0.0.1", {
      connecttimeout_ms = 800, -- half of it for the first one
    }))
    assert.is_true(A:perform())
    assert.equal("127.0.0.1", A:getinfo("primary_ip"))
    A:close()
    assert.same({ ("A, %s for A"):format(unconnected), "A, closing for A" }, log.lives())
  end)

  it("that ends with the connect timeout has its event before perform returns", function()
    local log = new_log()
    dead_host("127.0.0.2")
    local A = new_easy(log, "A", several(servers.nginx().port4, "127.0.0.2", {
      connecttimeout_ms = 100,
    }))
    assert.equal("OPERATION_TIMEDOUT", error_name(A:perform()))
    assert.same({ ("A, %s for A"):format(unconnected) }, log.lives())
    assert.same({}, curl.sockets())
    A:close()
  end)

  it("that is refused has its event for each address", function()
    local log = new_log()
    local A = new_easy(log, "A", several(servers.free_port(), "127.0.0.1,127.0.0.2,127.0.0.3"))
    assert.equal("COULDNT_CONNECT", error_name(A:perform()))
    assert.same({ "A, closing for A", "A, closing for A", "A, closing for A" }, log.lives())
    A:close()
    assert.equal(3, #log.records)
  end)

  it("that sockoptfunction refuses has its event for each address", function()
    local log = new_log()
    local A = new_easy(log, "A", several(servers.free_port(), "127.0.0.1,127.0.0.2", {
      sockoptfunction = function() return false, "not today" end,
    }))
    local _, message, name = A:perform()
    assert.equal("ABORTED_BY_CALLBACK", name)
    assert.matches("refused by sockoptfunction: not today", message, 1, true)
    assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
    A:close()
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
      local A = new_easy(log, "A", several(servers.nginx().port4, "127.0.0.2"))
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
      local A = new_easy(log, "A", several(servers.nginx().port4, "127.0.0.2"))
      assert.equal(1, curl.multi():add(A):perform())
    end
    begin()
    left.gc()
    assert.same({ ("A, %s for A"):format(unconnected) }, log.lives())
  end)
end)
