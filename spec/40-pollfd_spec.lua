-- A multi as a guest in an event loop that watches one descriptor (multi:pollfd); and readiness
-- that is not true.

local curl = require "curlsock"
local event_host = require "spec.support.event_host"
local loops = require "spec.support.loops"
local luasocket = require "socket"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local several = require "spec.support.several"
local steal = require "spec.support.steal"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

local new_host, body_of, dead_host = event_host.new, event_host.body_of, several.dead
local target, wait = transfers.target, loops.wait

local version = curl.version_info().version_num
local web

local function nothing() end

-- The descriptor of the one socket that libcurl holds.
local function held() return transfers.held():fd() end

setup(function()
  web = servers.nginx()
end)

if not system.linux then
  it("multi:pollfd says that only Linux has it, and the multi can be used without it", function()
    local host = new_host()
    local result = table.pack(host.multi:pollfd())
    assert.same({ nil, "pollfd: Function not implemented", "ENOSYS", n = 3 }, result)
    assert.equal("r", host.multi:events())
    assert.is_true(host:run(host:easy(web.url .. "/hello")).ok)
    host.multi:close()
    host:assert_clean(1)
    assert.truthy(host:count("watch") > 0 and host:count("timer") > 0)
  end)
end

local describe_pollfd = system.linux and describe or nothing

describe_pollfd("multi:pollfd", function()
  it("is one descriptor, the same each time, and the only one that is told", function()
    local host = new_host()
    local fd = host.multi:pollfd()
    assert.equal("anon_inode:[eventpoll]", target(fd))
    assert.equal(fd, host.multi:pollfd())
    host:run(host:easy(web.url .. "/big"), host:easy(web.https_url .. "/hello", {
      cainfo = web.ca,
    }))
    assert.same({ [fd] = "r" }, host.watched)
    host.multi:close()
    assert.same({ "watch r", "unwatch" }, host:life(fd))
    assert.same({ 1, 0 }, { host:count("watch"), host:count("timer") })
    host:assert_clean(2)
    assert.is_nil(target(fd))
  end)

  it("is to be watched for what multi:events says", function()
    local multi <close> = curl.multi()
    assert.equal("r", multi:events())
  end)

  it("is ready only while something is to be done, its timer included", function()
    dead_host("127.0.0.2")
    local host = new_host()
    local fd = host.multi:pollfd()
    host.multi:add(host:easy_at("127.0.0.2", { timeout = 0.4 }))
    local steps, start = 0, curl.now()
    while #host.results == 0 do
      assert.same({ { fd, "r" } }, wait({ [fd] = "r" }, 5))
      steps = steps + 1
      host.multi:socket_action(fd, "r")
      host:take_results()
    end
    local time = curl.now() - start
    assert.equal("OPERATION_TIMEDOUT", host.results[1].name)
    assert.truthy(time >= 0.39 and time < 2, time)
    assert.truthy(steps < 20, steps)
    host.multi:close()
  end)

  it("is not ready while there are only idle connections", function()
    local host = new_host()
    local fd = host.multi:pollfd()
    local easies = {}
    for i = 1, 20 do easies[i] = host:easy(web.url .. "/hello") end
    host:run(table.unpack(easies))
    assert.truthy(#curl.sockets() > 1)
    -- Its timer may still run for something that has ended: once.
    local steps = 0
    while #wait({ [fd] = "r" }, 0.3) > 0 do
      steps = steps + 1
      host.multi:socket_action(fd, "r")
    end
    assert.truthy(steps <= 1, steps)
    host.multi:close()
  end)

  it("is ready once for an idle connection that the server closes", function()
    local server = servers.script [[
      local server = ...
      while true do
        local client = server:accept()
        client:receive("*l")
        require("socket").sleep(0.05) -- else libcurl may never have to wait for the answer
        client:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        require("socket").sleep(0.2)
        client:close()
      end
    ]]
    local host = new_host()
    local fd = host.multi:pollfd()
    for _ = 1, 2 do
      assert.is_true(host:run(host:easy(server.url .. "/")).ok)
      local steps, deadline = 0, curl.now() + 5 * process.patience
      while curl.now() < deadline do
        if #wait({ [fd] = "r" }, 0.05) > 0 then
          steps = steps + 1
          deadline = curl.now() + 0.3
          host.multi:socket_action(fd, "r")
        end
      end
      assert.truthy(steps >= 1 and steps <= 2, steps) -- its timer may run out, too
    end
    host.multi:close()
    host:assert_clean(2)
    servers.stop(server)
  end)

  it("lets a connection go to another multi, by a share, and be closed after its own", function()
    local share <close> = curl.share { share = "connect" }
    local first, second = new_host(), new_host()
    first.multi:pollfd()
    second.multi:pollfd()
    local function run(host)
      local easy <close> = host:easy(web.url .. "/hello", { share = share })
      return host:run(easy).ok
    end
    assert.is_true(run(first) and run(second) and run(first) and run(second))
    assert.equal(1, #curl.sockets())
    second.multi:close()
    assert.is_true(run(first))
    first.multi:close()
    first.multi = nil
    collectgarbage()
    collectgarbage()
    share:close()
    first:assert_clean(1)
    second:assert_clean(0)
  end)

  it("is made only while no easy is in the multi", function()
    local multi <close> = curl.multi()
    local easy <close> = curl.easy { url = web.url }
    multi:add(easy)
    assert.error_matches(function() multi:pollfd() end,
      "multi:pollfd: there are easies in the multi already$")
    multi:remove(easy)
    local fd = multi:pollfd()
    multi:add(easy)
    assert.equal(fd, multi:pollfd())
  end)

  it("takes over what was watched before", function()
    local host = new_host()
    finally(event_host.continue)
    local parked = host:park()
    assert.truthy(host.watched[host:opened()[1]] or parked == 0)
    local fd = host.multi:pollfd()
    assert.same({ [fd] = "r" }, host.watched)
    event_host.continue()
    if parked > 0 then host:drive(function() return #curl.sockets() == 0 end) end
    host.multi:close()
    host:assert_clean(1)
  end)

  it("is not kept ready by a socket that a duplicate keeps open", function()
    local server = servers.dead("127.0.0.3", web.port4)
    local host = new_host()
    local fd = host.multi:pollfd()
    local objects = {}
    local easy = host:easy_at("127.0.0.3", {
      connecttimeout_ms = 50,
      -- Libcurl gets a duplicate of the object's descriptor.
      opensocketfunction = function()
        objects[1] = luasocket.tcp4()
        return objects[1]
      end,
      closesocketfunction = nothing,
    })
    assert.equal("OPERATION_TIMEDOUT", host:run(easy).name)
    servers.stop(server)
    -- The attempt is answered now: it is over.
    assert(servers.wait(function() return #wait({ [objects[1]:getfd()] = "w" }, 0) > 0 end))
    host.multi:socket_action(fd, "r")
    host.multi:socket_action(fd, "r")
    assert.same({}, wait({ [fd] = "r" }, 0.1))
    assert.same({ [fd] = "r" }, host.watched)
    objects[1]:close()
    -- It still tells what happens.
    assert.is_true(host:run(host:easy(web.url .. "/hello")).ok)
    host.multi:close()
  end)

  -- Until the next transfer the kernel still knows the socket, and not the one in its place.
  it("serves on when a script puts another connection under the number of an idle one", function()
    local host = new_host()
    host.multi:pollfd()
    local easy = host:easy(web.url .. "/connection", { writefunction = {} })
    assert.is_true(host:run(easy).ok)
    local fd = held()
    steal(fd)
    local other = luasocket.tcp4()
    assert.equal(fd, other:getfd())
    assert(other:connect("127.0.0.1", web.port))
    local body = {}
    easy:setopt("writefunction", body)
    assert.is_true(host:run(easy).ok)
    assert.matches("^%d+ 1\n$", table.concat(body))
    host.multi:close()
    assert.equal(fd, other:getfd())
    assert.truthy(target(fd)) -- a stranger's
    other:close()
    host:assert_clean(1)
  end)

  it("is refused when there are no descriptors left: the multi can be used without it", function()
    local script = servers.dir() .. "/pollfd.lua"
    process.write(script, ([[
      local curl = require "curlsock"
      local multi, pairs = curl.multi(), {}
      while true do
        local a, b = curl.socketpair()
        if not a then break end
        pairs[#pairs + 1] = { a, b }
      end
      local result = table.pack(multi:pollfd())
      assert(result.n == 3 and result[1] == nil)
      print(result[2], result[3])
      for _, pair in ipairs(pairs) do
        pair[1]:close()
        pair[2]:close()
      end
      print(multi:pollfd() ~= nil)
      local easy = curl.easy { url = %q, proxy = "", writefunction = {} }
      multi:add(easy)
      repeat local _ = multi:poll(1) until multi:socket_action(multi:pollfd(), "r") == 0
      for _, ok in multi:results() do print(ok) end
    ]]):format(web.url .. "/hello"))
    assert.equal("pollfd: Too many open files\tEMFILE\ntrue\ntrue",
      process.output("ulimit -n 30; " .. process.lua() .. " " .. script))
  end)
end)

describe_pollfd("multi:poll, after pollfd,", function()
  it("waits for that descriptor: 0 when nothing was to be done, 1 when something is", function()
    local multi <close> = curl.multi()
    local easy <close> = curl.easy { url = web.url .. "/hello", proxy = "", writefunction = {} }
    local fd = multi:pollfd()
    local start = curl.now()
    assert.equal(0, multi:poll(0.05))
    assert.truthy(curl.now() - start >= 0.049)
    multi:add(easy)
    assert.equal(1, multi:poll(5))
    local running
    repeat running = multi:socket_action(fd, "r") until running == 0 or multi:poll(5) == 0
    assert.equal(0, running)
    assert.equal(0, multi:poll(0))
  end)

  it("is ended by multi:wakeup, until socket_action", function()
    local multi <close> = curl.multi()
    local fd = multi:pollfd()
    multi:wakeup()
    local start = curl.now()
    assert.equal(1, multi:poll(5))
    assert.truthy(curl.now() - start < 1)
    assert.same({ { fd, "r" } }, wait({ [fd] = "r" }, 0))
    assert.equal(0, multi:socket_action(fd, "r"))
    assert.equal(0, multi:poll(0))
  end)
end)

describe("Readiness that is not true:", function()
  local all = { "r", "w", "rw", "e" }

  for _, pollable in ipairs { false, true } do
    local mode = pollable and ", after pollfd" or ""

    local function host_of_mode()
      local host = new_host()
      if pollable then host.multi:pollfd() end
      return host
    end

    it("spurious, for a transfer that runs, changes nothing" .. mode, function()
      local host = host_of_mode()
      local easy = host:begin(web.url .. "/slow?rate=2m")
      for _ = 1, 20 do
        for _, events in ipairs { "r", "w", "rw" } do
          host.multi:socket_action(held(), events)
        end
      end
      host:drive(function() return #host.results > 0 end)
      assert.is_true(host.results[1].ok)
      assert.equal(web.big, body_of(easy))
      host.multi:close()
      host:assert_clean(1)
    end)

    it("spurious, for a connection that is not there yet, changes nothing" .. mode, function()
      dead_host("127.0.0.2")
      local host = host_of_mode()
      local easy = host:easy_at("127.0.0.2")
      host.multi:add(easy)
      host:drive(function() return #curl.sockets() > 0 end)
      for _ = 1, 5 do
        for _, events in ipairs(all) do
          assert.equal(1, host.multi:socket_action(held(), events))
        end
      end
      host.multi:remove(easy)
      host.faults = {} -- an attempt that is given up: see above
      host.multi:close()
      host:assert_clean(1)
    end)

    it("an error, for a transfer that runs, is no second close event" .. mode, function()
      local host = host_of_mode()
      local easy = host:begin(web.url .. "/slow?rate=2m")
      local fd = held()
      for _ = 1, 5 do host.multi:socket_action(fd, "e") end
      host:drive(function() return #host.results > 0 end)
      -- Libcurl 7.88 believes it; later ones look at the socket, and find no error there.
      if host.results[1].ok then
        assert.equal(web.big, body_of(easy))
      else
        assert.equal("SEND_ERROR", host.results[1].name)
        assert.truthy(version < 0x080e01)
      end
      host.multi:close()
      host:assert_clean(1)
    end)

    it("late, for an idle connection, leaves it to the next transfer" .. mode, function()
      local host = host_of_mode()
      host:run(host:easy(web.url .. "/hello"))
      local fd = held()
      for _, events in ipairs(all) do host.multi:socket_action(fd, events) end
      assert.equal(fd, held())
      local second = host:easy(web.url .. "/hello")
      assert.is_true(host:run(second).ok)
      assert.equal(0, second:getinfo("num_connects"))
      host.multi:close()
      host:assert_clean(1)
    end)

    it("late, for a descriptor that was closed, and one that is not libcurl's" .. mode, function()
      local host = host_of_mode()
      host:begin()
      host:run(host:easy(web.url .. "/close"))
      local closed = host:opened()[2]
      assert.is_nil(target(closed))
      local mine, other = curl.socketpair()
      for _, fd in ipairs { closed, mine:fd(), 0, 12345 } do
        for _, events in ipairs(all) do
          assert.equal(1, host.multi:socket_action(fd, events))
        end
      end
      assert.equal("owned", mine:state())
      mine:close()
      other:close()
      host.multi:close()
      host:assert_clean(2)
    end)
  end
end)
