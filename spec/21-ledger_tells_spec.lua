-- The ledger: what curl.sockets() and curl.live() tell.

local curl = require "curlsock"
local left = require "spec.support.left"
local lives = require "spec.support.lives"
local servers = require "spec.support.servers"
local several = require "spec.support.several"
local transfers = require "spec.support.transfers"

local transfer, dead_host = transfers.run, several.dead
local new_log, new_easy = lives.new_log, lives.new_easy

describe("curl.sockets", function()
  it("is empty when libcurl holds nothing", function()
    assert.same({}, curl.sockets())
    local socket <close> = curl.socket()
    assert.same({}, curl.sockets())
    assert.equal("owned", socket:state())
  end)

  it("lists a connection that is being made", function()
    local log = new_log()
    dead_host("127.0.0.2")
    local A = new_easy(log, "A", several.options(servers.nginx().port4, "127.0.0.2"))
    local multi = curl.multi():add(A)
    multi:perform()
    local list = curl.sockets()
    assert.equal(1, #list)
    assert.equal(log.records[1], list[1].socket.data)
    assert.same({ socket = list[1].socket, state = "lent", pool = multi }, list[1])
    assert.equal("lent", list[1].socket:state())
    multi:close()
    assert.same({}, curl.sockets())
    assert.equal("closed", list[1].socket:state())
  end)

  it("tells the pool of an idle connection: the easy, the multi or the share", function()
    local log = new_log()
    local url = servers.nginx().url .. "/hello"
    local alone = new_easy(log, "A", { url = url })
    assert.is_true(alone:perform())
    local multi = curl.multi()
    assert.is_true(transfer(multi, new_easy(log, "B", { url = url })))
    local share = curl.share { share = "connect" }
    local sharing = new_easy(log, "C", { url = url, share = share })
    assert.is_true(transfer(multi, sharing))
    local pools = {}
    for _, entry in ipairs(curl.sockets()) do
      pools[entry.socket.data[1]] = entry.pool
    end
    assert.equal(alone, pools.A)
    assert.equal(multi, pools.B)
    assert.equal(share, pools.C)
    alone:close()
    multi:close()
    assert.equal(1, #curl.sockets())
    sharing:close()
    share:close()
    assert.same({}, curl.sockets())
    assert.same({ "A, closing for A", "B, closing for B", "C, closing for C" }, log.lives())
  end)

  it("does not count a share without connections as a pool", function()
    local log = new_log()
    local share = curl.share { share = "dns" }
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello", share = share })
    assert.is_true(A:perform())
    assert.equal(A, curl.sockets()[1].pool)
    share:close()
    A:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("is in the order of the descriptors", function()
    local log = new_log()
    local easies = {}
    for i = 1, 5 do
      easies[i] = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
      assert.is_true(easies[i]:perform())
    end
    -- The third one's number comes back for a later socket.
    easies[3]:close()
    easies[6] = new_easy(log, "B", { url = servers.nginx().url .. "/hello" })
    assert.is_true(easies[6]:perform())
    local numbers, names = {}, {}
    for i, entry in ipairs(curl.sockets()) do
      numbers[i], names[i] = entry.socket:fd(), entry.socket.data[1]
    end
    local sorted = table.move(numbers, 1, #numbers, 1, {})
    table.sort(sorted)
    assert.same(sorted, numbers)
    assert.equal(5, #numbers)
    assert.equal("AABAA", table.concat(names))
    for _, easy in ipairs(easies) do
      easy:close()
    end
    assert.same({}, curl.sockets())
  end)

  it("has the socket in sockoptfunction, but neither in the open nor the close callback", function()
    local counts = {}
    local function count(name)
      return function(...)
        local list = curl.sockets()
        counts[#counts + 1] = ("%s %d"):format(name, #list)
        if name == "sockopt" then
          assert.equal((...), list[1].socket)
        end
        return name == "open" or nil
      end
    end
    local easy = curl.easy {
      url = servers.nginx().url .. "/hello",
      proxy = "",
      timeout = 20,
      opensocketfunction = count("open"),
      sockoptfunction = count("sockopt"),
      writefunction = count("write"),
      closesocketfunction = count("close"),
    }
    assert.is_true(easy:perform())
    easy:close()
    assert.same({ "open 0", "sockopt 1", "write 1", "close 0" }, counts)
  end)

  it("has neither Socket nor pool while the pool is being finalized", function()
    local seen = {}
    local function see()
      table.move(curl.sockets(), 1, 9, #seen + 1, seen)
    end
    local function run()
      local multi = curl.multi()
      for _ = 1, 2 do
        assert.is_true(transfer(multi, curl.easy {
          url = servers.nginx().url .. "/hello",
          proxy = "",
          timeout = 20,
          fresh_connect = true,
          closesocketfunction = see,
        }))
      end
    end
    run()
    left.gc()
    assert.same({ { state = "lent" } }, seen)
  end)

  -- To make an entry takes memory: the collector may run there.
  it("has the Socket of a connection that a finalizer closes while it is listed", function()
    finally(function() collectgarbage("incremental", 200, 100, 13) end)
    -- Runs f in the collection that comes after so many others.
    local function later(collections, f)
      setmetatable({}, { __gc = function()
        if collections > 0 then return later(collections - 1, f) end
        f()
      end })
    end
    local listed = 0
    for collections = 0, 5 do
      local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
      easy:setopt("writefunction", {})
      assert.is_true(easy:perform())
      collectgarbage()
      collectgarbage("stop")
      later(collections, function() easy:close() end)
      collectgarbage("incremental", 10, 1000, 30) -- a collection at each step
      collectgarbage("restart")
      local list = curl.sockets()
      local closed = tostring(easy):find("closed", 1, true)
      collectgarbage("incremental", 200, 100, 13)
      easy:close()
      if list[1] and closed then
        listed = listed + 1
        assert.equal("closed", list[1].socket:state())
      end
    end
    assert.truthy(listed > 0 or _VERSION ~= "Lua 5.4") -- others have other parameters
  end)

  it("has the Socket of an easy that was collected", function()
    local log = new_log()
    local multi = curl.multi()
    local function run()
      assert.is_true(transfer(multi, new_easy(log, "A", { url = servers.nginx().url .. "/hello" })))
    end
    run()
    left.gc()
    local list = curl.sockets()
    assert.equal(log.records[1], list[1].socket.data)
    assert.equal(multi, list[1].pool)
    multi:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)
end)

describe("curl.live", function()
  local function live()
    local counts = curl.live()
    return { counts.easy, counts.multi, counts.share, counts.socket }
  end

  it("counts what is not torn down, and the descriptors that a Socket or libcurl has", function()
    assert.same({ 0, 0, 0, 0 }, live())
    local log = new_log()
    local share = curl.share { share = "connect" }
    local multi = curl.multi()
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    local B = new_easy(log, "B", { url = servers.nginx().url .. "/hello", share = share })
    assert.same({ 2, 1, 1, 0 }, live())
    assert.is_true(transfer(multi, A))
    assert.is_true(transfer(multi, B))
    assert.same({ 2, 1, 1, 2 }, live())
    local socket = curl.socket()
    assert.same({ 2, 1, 1, 3 }, live())
    curl.adopt(socket:detach()):close()
    assert.same({ 2, 1, 1, 2 }, live())
    A:close()
    assert.same({ 1, 1, 1, 2 }, live())
    multi:close()
    assert.same({ 1, 0, 1, 1 }, live())
    -- A share in use goes with its last easy.
    share:close()
    assert.same({ 1, 0, 1, 1 }, live())
    B:close()
    assert.same({ 0, 0, 0, 0 }, live())
    assert.same({ "A, closing for A", "B, closing for B" }, log.lives())
  end)

  it("counts a socket that its close callback detached no more", function()
    local taken, during
    local easy = curl.easy {
      url = servers.nginx().url .. "/hello",
      proxy = "",
      timeout = 20,
      closesocketfunction = function(socket)
        during = curl.live().socket
        taken = socket:detach()
      end,
    }
    assert.is_true(easy:perform())
    easy:close()
    assert.equal(1, during)
    assert.equal(0, curl.live().socket)
    curl.adopt(taken):close()
  end)
end)
