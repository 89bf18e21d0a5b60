-- The ledger, where something else in the program closes a descriptor that libcurl holds.

local curl = require "curlsock"
local lives = require "spec.support.lives"
local luasocket = require "socket"
local servers = require "spec.support.servers"
local steal = require "spec.support.steal"
local transfers = require "spec.support.transfers"

local transfer = transfers.run
local new_log, new_easy = lives.new_log, lives.new_easy

local function error_name(_, _, name)
  return name
end

-- Something else in the program closes the descriptor that libcurl holds.
describe("A descriptor that was closed behind libcurl's back", function()
  -- An idle connection of A on the multi, whose descriptor is closed: its number.
  local function leave_stolen(log, multi)
    local A <close> = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    assert.is_true(transfer(multi, A))
    local fd = curl.sockets()[1].socket:fd()
    steal(fd)
    return fd
  end

  -- What may take the number, and whether it can still be used.
  local takers = {
    { "nothing", function() return nil end, function() return true end },
    { "a socket of another library", function()
      local udp = luasocket.udp()
      udp:setsockname("127.0.0.1", 0)
      return udp, udp:getfd()
    end, function(udp)
      local _, port = udp:getsockname()
      udp:sendto("x", "127.0.0.1", port)
      local read = udp:receive()
      udp:close()
      return read == "x"
    end },
    { "a Socket of the script", function()
      local socket = curl.socket("inet", "dgram"):bind("127.0.0.1:0")
      return socket, socket:fd()
    end, function(socket)
      local good = socket:state() == "owned" and socket:localaddress().ip == "127.0.0.1"
      return socket:close() and good
    end },
    { "what was a Socket of the script", function()
      local fd = curl.socket("inet", "dgram"):bind("127.0.0.1:0"):detach()
      return fd, fd
    end, function(fd)
      local ok, socket = pcall(curl.adopt, fd)
      return ok and socket:localaddress().ip == "127.0.0.1" and socket:close()
    end },
    { "a file", function()
      local file = io.open(servers.dir() .. "/taker", "w+")
      return file, nil
    end, function(file)
      file:write("x")
      file:seek("set")
      local read = file:read("a")
      return file:close() and read == "x"
    end },
  }
  for _, taker in ipairs(takers) do
    local what, take, works = table.unpack(taker)
    it("and whose number " .. what .. " took has its event, and nothing is closed", function()
      local log = new_log()
      local multi = curl.multi()
      local number = leave_stolen(log, multi)
      local object, fd = take()
      assert.is_true(fd == nil or fd == number)
      multi:close()
      assert.same({ "A, closed for A" }, log.lives())
      assert.is_true(works(object))
    end)
  end

  it("and whose number another connection of the multi took has its event at once", function()
    local log = new_log()
    local multi = curl.multi()
    local number = leave_stolen(log, multi)
    local fd
    local B <close> = new_easy(log, "B", {
      url = servers.nginx().url4 .. "/hello",
      sockoptfunction = function(socket)
        fd = socket:fd()
      end,
    })
    assert.is_true(transfer(multi, B))
    assert.equal(number, fd)
    assert.equal("A, closed for A", log.lives()[1])
    multi:close()
    assert.same({ "A, closed for A", "B, closing for B" }, log.lives())
  end)

  it("and whose number a connection of another pool took leaves that one open", function()
    local log = new_log()
    local multi, other = curl.multi(), curl.multi()
    local number = leave_stolen(log, multi)
    local fd
    local body = {}
    local B = new_easy(log, "B", {
      url = servers.nginx().url4 .. "/connection",
      writefunction = body,
      sockoptfunction = function(socket) fd = socket:fd() end,
    })
    assert.is_true(transfer(other, B))
    assert.equal(number, fd)
    multi:close()
    assert.same({ "A, closed for A", "B" }, log.lives())
    assert.is_true(transfer(other, B))
    assert.matches("^(%d+) 1\n%1 2\n$", table.concat(body))
    B:close()
    other:close()
    assert.same({ "A, closed for A", "B, closing for B" }, log.lives())
  end)

  it("in mid-transfer has its event when that ends", function()
    local log = new_log()
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/slow?rate=64k" })
    A:setopt("writefunction", function()
      steal(curl.sockets()[1].socket:fd())
      return false
    end)
    assert.equal("WRITE_ERROR", error_name(A:perform()))
    assert.same({ "A, closed for A" }, log.lives())
    A:close()
    assert.equal(1, #log.records)
  end)

  it("leaves alone what took its number also after the transfer has ended", function()
    local log = new_log()
    local A = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
    local taker
    A:setopt("writefunction", function()
      local number = curl.sockets()[1].socket:fd()
      steal(number)
      taker = luasocket.udp4()
      assert.equal(number, taker:getfd())
    end)
    assert.is_true(A:perform())
    assert.same({ "A, closed for A" }, log.lives())
    A:close()
    assert.truthy(taker:setsockname("127.0.0.1", 0))
    taker:close()
  end)

  it("before libcurl has it does not cost a Socket that took its number", function()
    local log = new_log()
    local multi = curl.multi()
    local first = leave_stolen(log, multi)
    local taken = { curl.socket() }
    assert.equal(first, taken[1]:fd())
    local B <close> = new_easy(log, "B", {
      url = servers.nginx().url4 .. "/hello",
      sockoptfunction = function() end,
    })
    -- A's event comes when B's socket was opened.
    log.records[1].on_event = function()
      local second = curl.sockets()[1].socket:fd()
      steal(second)
      taken[2] = curl.socket()
      assert.equal(second, taken[2]:fd())
    end
    assert.is_nil((transfer(multi, B)))
    assert.equal("owned", taken[1]:state())
    assert.equal("owned", taken[2]:state())
    multi:close()
    assert.same({ "A, closed for A", "B, closed for B" }, log.lives())
    assert.is_true(taken[1]:close() and taken[2]:close())
  end)

  for _, stranger in ipairs { "a Socket of the script", "a socket of another library" } do
    it("leaves a Socket that does not reach " .. stranger, function()
      local log = new_log()
      local multi = curl.multi()
      local A <close> = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
      assert.is_true(transfer(multi, A))
      local lost = curl.sockets()[1].socket
      local number = lost:fd()
      steal(number)
      local taker = stranger == "a Socket of the script" and curl.socket() or luasocket.tcp4()
      assert.equal(number, taker:getfd())
      assert.is_nil(lost:fd())
      local ok, message = pcall(lost.setsockopt, lost, "tcp", "nodelay", true)
      assert.is_false(ok)
      assert.matches("closed", message, 1, true)
      taker:close()
      multi:close()
      assert.same({ "A, closed for A" }, log.lives())
      assert.equal("closed", lost:state())
    end)
  end
end)
