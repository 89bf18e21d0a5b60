-- Where other bindings of libcurl crash, leak or go silent. R1 to R14 are the numbers of the
-- failures that were reproduced in them; none may happen here, on any libcurl.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local lives = require "spec.support.lives"
local luasocket = require "socket"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local drive, only_result = transfers.drive, transfers.only_result
local new_easy, refusal, try = lives.new_easy, errors.refusal, errors.try

local function new_log() return lives.new_log(true) end

local opened = "A ipcxn"
local once = { "A ipcxn, closing for A" }

local function fetch(...) assert(transfers.run(...)) end

-- A multi, a function that drives it until ready() is true or no transfer runs, and a count of
-- the descriptors that libcurl watched for itself: with perform and poll, or with
-- socketfunction, timerfunction and socket_action.
local function new_multi(how)
  if how == "perform" then
    local multi = curl.multi()
    return multi, function(ready) drive(multi, ready) end
  end
  local watched, due, seen = {}, nil, { internal = 0 }
  local multi = curl.multi {
    socketfunction = function(fd, events, easy)
      watched[fd] = events
      if not easy then seen.internal = seen.internal + 1 end
    end,
    timerfunction = function(seconds)
      due = seconds and curl.now() + seconds
    end,
  }
  local function wait()
    local lists = { r = {}, w = {} }
    for fd, events in pairs(watched) do
      for event in events:gmatch(".") do
        table.insert(lists[event], { fd = fd, event = event, getfd = function() return fd end })
      end
    end
    local seconds = due and math.min(math.max(due - curl.now(), 0), 0.1) or 0.1
    local readable, writable = luasocket.select(lists.r, lists.w, seconds)
    return table.move(writable, 1, #writable, #readable + 1, readable)
  end
  return multi, function(ready)
    local deadline = curl.now() + 20
    local running = multi:socket_action()
    while running > 0 and not (ready and ready()) do
      assert(curl.now() < deadline, "the transfers do not end")
      for _, object in ipairs(wait()) do
        if (watched[object.fd] or ""):find(object.event) then
          running = assert(multi:socket_action(object.fd, object.event))
        end
      end
      if due and due <= curl.now() then
        due = nil
        running = assert(multi:socket_action())
      end
    end
  end, seen
end

local manners = { "perform", "socket_action" }

local function collected(weak)
  left.gc()
  return next(weak) == nil
end

local function weakly(...)
  local weak = setmetatable({}, { __mode = "k" })
  for _, object in ipairs { ... } do
    weak[object] = true
  end
  return weak
end

describe("R1: socket_action", function()
  it("drives a transfer in an event loop, libcurl's own descriptors told as nobody's", function()
    local log = new_log()
    local body = {}
    local multi, run, seen = new_multi("socket_action")
    local easy = new_easy(log, "A", { url = servers.nginx().url .. "/big", writefunction = body })
    fetch(multi, easy, run)
    assert.equal(servers.nginx().big, table.concat(body))
    -- From 8.20 on libcurl watches a descriptor for itself.
    assert.equal(curl.version_info().version_num >= 0x081400, seen.internal > 0)
    multi:close()
    assert.same(once, log.lives())
  end)

  -- Without a socketfunction libcurl 8.13 and later watch no descriptor for socket_action, so
  -- perform must do what a descriptor is ready for.
  it("starts a transfer, and is harmless while perform drives it", function()
    local log = new_log()
    local body = {}
    local easy = new_easy(log, "A", { url = servers.nginx().url .. "/big", writefunction = body })
    local multi = curl.multi():add(easy)
    assert.equal(0, multi:timeout())
    assert.equal(1, multi:socket_action())
    assert.same({ opened }, log.lives())
    local deadline = curl.now() + 20
    repeat
      assert(curl.now() < deadline, "the transfer does not end")
      multi:poll(math.min(multi:timeout() or 0.1, 0.1))
      multi:socket_action()
      for _, entry in ipairs(curl.sockets()) do
        multi:socket_action(entry.socket:fd(), "rw")
      end
    until multi:perform() == 0
    assert.is_true(only_result(multi))
    assert.equal(servers.nginx().big, table.concat(body))
    multi:close()
    assert.same(once, log.lives())
  end)

  for _, how in ipairs(manners) do
    it("is not disturbed by descriptors that libcurl does not know; driven by " .. how, function()
      local log = new_log()
      local easy = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
      local multi, run = new_multi(how)
      local stranger, other = curl.socketpair()
      multi:add(easy):socket_action()
      for _, events in ipairs { "r", "w", "rw" } do
        assert.equal(1, multi:socket_action(stranger:fd(), events))
        assert.equal(1, multi:socket_action(4321, events))
        assert.equal(1, multi:socket_action(2 ^ 31 - 1, events))
      end
      run()
      assert.is_true(only_result(multi))
      assert.equal(1, other:send("x"))
      assert.equal("x", stranger:recv(1))
      multi:close()
      assert.same(once, log.lives())
    end)
  end
end)

for _, how in ipairs(manners) do
  describe("R2: a pooled TLS connection of a multi driven by " .. how, function()
    it("is closed by multi:close with its event, after its easy was collected", function()
      local log = new_log()
      local multi, run = new_multi(how)
      local function transfer()
        local nginx = servers.nginx()
        local easy = new_easy(log, "A", { url = nginx.https_url .. "/hello", cainfo = nginx.ca })
        fetch(multi, easy, run)
        return weakly(easy)
      end
      assert.is_true(collected(transfer()))
      assert.same({ opened }, log.lives())
      multi:close()
      assert.same(once, log.lives())
    end)
  end)

  describe("R3: an easy that was dropped in mid-transfer, driven by " .. how .. ",", function()
    -- A transfer that has begun to read its body, in a multi; both know each other.
    local function begin(log, easy_first)
      local easy, multi, run
      local function make_easy()
        easy = new_easy(log, "A", { url = servers.nginx().url .. "/slow?rate=1m" })
      end
      if easy_first then make_easy() end
      multi, run = new_multi(how)
      if not easy_first then make_easy() end
      local bytes = 0
      easy:setopt("writefunction", function(data)
        assert(easy and multi)
        bytes = bytes + #data
      end)
      multi:add(easy)
      run(function() return bytes > 0 end)
      assert.is_true(bytes > 0 and bytes < 2 ^ 20)
      return multi, run, weakly(easy, multi)
    end

    it("is kept by the multi, which ends its transfer and tells its result", function()
      local log = new_log()
      local multi, run = begin(log)
      left.gc()
      run()
      for easy, ok in multi:results() do
        assert.is_true(ok)
        assert.equal(2 ^ 20, easy:getinfo("size_download_t"))
        multi:remove(easy)
      end
      left.gc()
      assert.equal(0, curl.live().easy)
      multi:close()
      assert.same(once, log.lives())
    end)

    for _, easy_first in ipairs { true, false } do
      local order = easy_first and "made before it" or "made after it"
      it("goes with its multi when both are collected, it being " .. order, function()
        local log = new_log()
        local function drop()
          local _, _, weak = begin(log, easy_first)
          return weak
        end
        assert.is_true(collected(drop()))
        assert.same(once, log.lives())
      end)
    end
  end)

  describe("R4: a multi that was driven, by " .. how .. ", by a coroutine", function()
    local function https(log, path)
      local nginx = servers.nginx()
      return new_easy(log, "A", { url = nginx.https_url .. path, cainfo = nginx.ca })
    end

    -- Runs body in a coroutine that is garbage afterwards.
    local function in_coroutine(body)
      local function start()
        local thread = coroutine.create(body)
        coroutine.resume(thread)
        return weakly(thread)
      end
      assert.is_true(collected(start()))
    end

    local endings = {
      { "ended", function() end },
      { "died of an error", function() error("on purpose") end },
      { "was dropped, suspended,", coroutine.yield },
    }
    for _, ending in ipairs(endings) do
      local fate, finish = table.unpack(ending)
      it("that " .. fate .. " closes its pooled TLS connection with its event", function()
        local log = new_log()
        local multi, run = new_multi(how)
        in_coroutine(function()
          fetch(multi, https(log, "/hello"), run)
          finish()
        end)
        assert.same({ opened }, log.lives())
        multi:close()
        assert.same(once, log.lives())
      end)

      it("that " .. fate .. " in mid-transfer is closed with one event", function()
        local log = new_log()
        local multi, run = new_multi(how)
        in_coroutine(function()
          local easy, started = https(log, "/slow?rate=8m"), false
          easy:setopt("writefunction", function() started = true end)
          multi:add(easy)
          run(function() return started end)
          finish()
        end)
        assert.same({ opened }, log.lives())
        multi:close()
        assert.same(once, log.lives())
      end)
    end

    it("runs the close callback on the thread that closes it", function()
      local ran_on
      local multi, run = new_multi(how)
      in_coroutine(function()
        local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
        easy:setopt("closesocketfunction", function() ran_on = coroutine.running() end)
        fetch(multi, easy, run)
      end)
      local closer = coroutine.create(function() multi:close() end)
      assert(coroutine.resume(closer))
      assert.equal(closer, ran_on)
    end)

    it("cannot be left by a callback that yields: that is the transfer's error", function()
      local log = new_log()
      local easy = new_easy(log, "A", { url = servers.nginx().url .. "/hello" })
      easy:setopt("writefunction", coroutine.yield)
      local multi, run = new_multi(how)
      local result
      multi:add(easy)
      local thread = coroutine.create(function()
        run()
        result = table.pack(only_result(multi))
      end)
      assert(coroutine.resume(thread))
      assert.equal("dead", coroutine.status(thread))
      assert.same({ nil, "attempt to yield across a C-call boundary", "CALLBACK", n = 3 }, result)
      multi:close()
      assert.same(once, log.lives())
    end)
  end)
end

describe("R5: easy:close inside its own", function()
  for _, callback in ipairs(surface.callbacks) do
    local name, path = callback.name, callback.path or "/hello"
    it(name .. " is refused and changes nothing", function()
      local log = new_log()
      local easy = new_easy(log, "A", callback.options or {})
      local usual = {
        opensocketfunction = log.open("A"),
        closesocketfunction = log.close("A"),
      }
      local refusals = {}
      easy:setopt("url", servers.nginx().url .. path)
      easy:setopt(name, function(...)
        refusals[#refusals + 1] = try(easy.close, easy)
        if usual[name] then return usual[name](...) end
        return callback.answer
      end)
      assert.is_true(easy:perform())
      assert.is_true(#refusals > 0)
      for _, refused in ipairs(refusals) do
        assert.same({ false, refusal("close", "easy"), n = 2 }, refused)
      end
      -- It is as good as before.
      assert.equal(200, easy:getinfo("response_code"))
      assert.matches("^easy: ", tostring(easy))
      assert.is_true(easy:perform())
      easy:close()
      for _, life in ipairs(log.lives()) do
        assert.equal(once[1], life)
      end
    end)
  end
end)

-- The close callback of easy A, whose connection is idle in a cache when something else ends
-- it. R6: A is open, R7: A is closed, R8 and R9: A is collected.
for _, fate in ipairs { "open", "closed", "collected" } do
  describe("R6 to R9: a connection whose easy is " .. fate, function()
    -- Makes A, has run() make its connection, and then lets A meet its fate. The result keeps
    -- A where it is not to be collected.
    local function leave_idle(log, options, run)
      local weak
      local function live()
        local easy = new_easy(log, "A", options)
        weak = weakly(easy)
        run(easy)
        if fate ~= "open" then easy:close() end
        return fate ~= "collected" and easy or nil
      end
      local easy = live()
      left.gc()
      assert.equal(fate ~= "collected", next(weak) ~= nil)
      assert.same({ opened }, log.lives())
      return easy
    end

    it("has its close event in multi:close", function()
      local log = new_log()
      local multi = curl.multi()
      local A = leave_idle(log, { url = servers.nginx().url .. "/hello" }, function(easy)
        fetch(multi, easy)
      end)
      multi:close()
      assert.same(once, log.lives())
      assert.equal(fate == "collected", A == nil)
    end)

    it("has its close event in share:close", function()
      local log = new_log()
      local share = curl.share { share = "connect" }
      local options = { url = servers.nginx().url .. "/hello", share = share }
      local A = leave_idle(log, options, function(easy)
        assert(easy:perform())
        if fate == "open" then easy:unset("share") end
      end)
      share:close()
      assert.same(once, log.lives())
      assert.equal(fate == "collected", A == nil)
    end)

    it("has its close event in the transfer that evicts it", function()
      local log = new_log()
      local multi = curl.multi { maxconnects = 1 }
      local nginx = servers.nginx()
      local A = leave_idle(log, { url = nginx.url .. "/hello" }, function(easy)
        fetch(multi, easy)
      end)
      local B = new_easy(log, "B", { url = nginx.url4 .. "/hello" })
      multi:add(B)
      drive(multi)
      assert.same({ once[1], "B ipcxn" }, log.lives())
      multi:close()
      assert.same({ once[1], "B ipcxn, closing for B" }, log.lives())
      assert.equal(fate == "collected", A == nil)
    end)

    it("has its close event when its pool is collected", function()
      local log = new_log()
      local function live()
        local multi = curl.multi()
        local A = leave_idle(log, { url = servers.nginx().url .. "/hello" }, function(easy)
          fetch(multi, easy)
        end)
        return A
      end
      local A = live()
      left.gc()
      assert.same(once, log.lives())
      assert.equal(fate == "collected", A == nil)
    end)

    for _, pool in ipairs { "multi", "share" } do
      it("has its close event in lua_close, its pool being a " .. pool, function()
        local out, err = left.pass([[
          local curl = require "curlsock"
          local fate, kind = os.getenv("FATE"), os.getenv("POOL")
          pool = kind == "multi" and curl.multi() or curl.share { share = "connect" }
          local id
          easy = curl.easy {
            url = os.getenv("URL"), proxy = "", timeout = 20,
            share = kind == "share" and pool or nil,
            sockoptfunction = function(socket) id = ("%p"):format(socket) end,
            closesocketfunction = function(socket)
              print(id == ("%p"):format(socket), socket:state())
            end,
          }
          if kind == "multi" then
            pool:add(easy)
            while pool:perform() > 0 do pool:poll(0.1) end
            pool:remove(easy)
          else
            assert(easy:perform())
          end
          if fate ~= "open" then easy:close() end
          if fate == "collected" then easy = nil collectgarbage() end
          print(curl.live().easy, curl.live().socket)
        ]], { FATE = fate, POOL = pool, URL = servers.nginx().url .. "/hello" })
        local easies = fate == "open" and 1 or 0
        assert.equal(easies .. "\t1\ntrue\tclosing\n", out)
        assert.equal("", err)
      end)
    end
  end)
end

describe("R10: a plain loop over multi:perform", function()
  it("runs all transfers and closes every connection once", function()
    local log = new_log()
    local multi = curl.multi()
    local results = {}
    for i = 1, 5 do
      multi:add(new_easy(log, "A", { url = servers.nginx().url .. "/connection?" .. i }))
    end
    drive(multi)
    for easy, ok, message in multi:results() do
      assert.is_nil(message)
      results[#results + 1] = { ok, easy:getinfo("response_code") }
      multi:remove(easy)
    end
    assert.same({ { true, 200 }, { true, 200 }, { true, 200 }, { true, 200 }, { true, 200 } },
      results)
    multi:close()
    assert.same({ once[1], once[1], once[1], once[1], once[1] }, log.lives())
  end)
end)
