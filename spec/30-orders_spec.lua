-- In whatever order easies, multis, shares and Sockets are closed, dropped or swept up by the end
-- of the state: the result is the same. spec/support/orders.lua says how that is checked.

local curl = require "curlsock"
local http3 = require "spec.support.http3"
local left = require "spec.support.left"
local orders = require "spec.support.orders"
local servers = require "spec.support.servers"
local drive_well = require("spec.support.transfers").drive_well

-- ---- every order, in processes of their own -------------------------------------------------

-- An easy by itself can only be interrupted by its callbacks.
local all = { "idle", "connecting", "transferring", "cached" }
local phases = { own = { "idle", "cached" }, multi = all, share = all, shared = all }

-- TLS connections, and QUIC's, are shut down before they are closed. They take their time: not
-- every order.
local function secure(layer)
  local both = { "transferring over " .. layer, "cached over " .. layer }
  return { own = { both[2] }, multi = both, share = both, shared = both }
end
local secure_phases = { { it, secure "TLS" }, { http3.it(it, pending), secure "QUIC" } }

-- Permutations of 3 and 4 objects, each of which goes in two ways; the same cut short; the
-- permutations of the handles among them.
local counts = {
  own = { complete = 6 * 8, cut = 1 + 6 + 24, made = 2 },
  multi = { complete = 24 * 16, cut = 1 + 8 + 48 + 192, made = 6 },
  share = { complete = 24 * 16, cut = 1 + 8 + 48 + 192, made = 6 },
  shared = { complete = 24 * 16, cut = 1 + 8 + 48 + 192, made = 24 },
}

local dead

local function batch(name, kind, phase)
  local web = servers.nginx()
  dead = dead or servers.dead()
  return left.pass(
    ("require 'spec.support.orders'.run(%q, %q, %q)"):format(name, kind, phase or ""),
    {
      ORDERS_UNIX = web.unix,
      ORDERS_TLS = web.https_port,
      ORDERS_QUIC = http3.here and servers.http3().port or nil,
      ORDERS_CA = web.ca,
      ORDERS_WEB = web.url,
      ORDERS_DEAD = dead.host .. ":" .. dead.port,
      ORDERS_FORK = orders.fork_module(),
    }, 300)
end

-- All of its orders were run, all was right after each step, and there was no warning.
local function assert_batch(count, ...)
  local out, err = batch(...)
  assert.same({ count .. "\n", "" }, { out, err })
end

describe("The generated orders", function()
  it("are all there are", function()
    assert.same({
      "close a, close b", "close a, drop b", "drop a, close b", "drop a, drop b",
      "close b, close a", "close b, drop a", "drop b, close a", "drop b, drop a",
    }, orders.complete { "a", "b" })
    assert.same({ "", "close a", "drop a", "close b", "drop b" }, orders.cut { "a", "b" })
    assert.same({ { "a", "b" }, { "b", "a" } }, orders.made { "a", "b", "socket" })
  end)

  it("differ", function()
    for kind, count in pairs(counts) do
      for _, which in ipairs { "complete", "cut", "made" } do
        local set, n = {}, 0
        for _, order in ipairs(orders[which](orders.kinds[kind])) do
          local key = type(order) == "table" and table.concat(order, " ") or order
          n = n + (set[key] and 0 or 1)
          set[key] = true
        end
        assert.equal(count[which], n, kind .. " " .. which)
      end
    end
  end)
end)

local some = orders.sample > 1 and (" (one of %d)"):format(orders.sample) or ""

-- How many of so many orders a sample has.
local function sampled(count)
  return (count - 1) // orders.sample + 1
end

for _, kind in ipairs { "own", "multi", "share", "shared" } do
  local names = table.concat(orders.kinds[kind], ", ")
  describe(("With %s (pool: %s),"):format(names, kind), function()
    local function every_order(phase)
      it("every order of close and drop ends each socket once, just when its pool goes" .. some,
        function() assert_batch(sampled(counts[kind].complete), "complete", kind, phase) end)

      it("the end of the state after any steps ends what is left, once" .. some,
        function() assert_batch(sampled(counts[kind].cut), "cut", kind, phase) end)
    end

    local function at_once(phase, it)
      it("dropping everything at once ends each socket once, whichever was made first",
        function() assert_batch(counts[kind].made, "at_once", kind, phase) end)

      it("the end of the state ends everything once, whichever was made first",
        function() assert_batch(counts[kind].made, "swept", kind, phase) end)

      it("a coroutine that made and drove all of it may end in any way",
        function() assert_batch(4 * #orders.coroutine_ends, "coroutines", kind, phase) end)
    end

    for _, phase in ipairs(phases[kind]) do
      describe(phase .. ",", function()
        every_order(phase)
        at_once(phase, it)
      end)
    end

    for _, entry in ipairs(secure_phases) do
      for _, phase in ipairs(entry[2][kind]) do
        describe(phase .. ",", function() at_once(phase, entry[1]) end)
      end
    end
  end)
end

-- ---- inside callbacks -----------------------------------------------------------------------

local function live()
  local l = curl.live()
  return { easy = l.easy, multi = l.multi, share = l.share }
end

-- The upload of orders.scene ended well, each time in two sockets, opened and closed.
local function assert_undisturbed(s, times)
  local seen = s.seen
  assert.same({ true }, s.result)
  assert.same({ ("3\n"):rep(times), 2 * times, 2 * times, "closing" },
    { seen.body, seen.opened, seen.closed, seen.state })
end

local function close_all(s)
  for _, handle in pairs(s.handles) do
    handle:close()
  end
  assert.equal(s.seen.opened, s.seen.closed)
end

local function kind_of(name)
  return name == "second" and "easy" or name
end

-- What calling the method of the object throws.
local function thrown_by(object, method)
  local ok, message = pcall(object[method], object)
  return ok and "nothing" or message
end

-- Handles with a kept connection that have nothing to do with the others. The states in their
-- close events are added to the list.
local bystanders = {}

local function new_easy(events)
  return curl.easy {
    url = servers.nginx().url .. "/hello",
    proxy = "",
    closesocketfunction = function(socket)
      events[#events + 1] = socket:state()
    end,
  }
end

function bystanders.easy(events)
  local easy = new_easy(events)
  assert(easy:perform())
  return easy
end

function bystanders.multi(events)
  local multi, easy <close> = curl.multi(), new_easy(events)
  multi:add(easy)
  drive_well(multi)
  return multi
end

function bystanders.share(events)
  local share, easy <close> = curl.share { share = "connect" }, new_easy(events)
  assert(easy:setopt("share", share):perform())
  return share
end

local members = {
  own = { "easy" },
  multi = { "easy", "second", "multi" },
  share = { "easy", "second", "multi", "share" },
}

local places = { own = "by itself", multi = "in a multi", share = "in a multi, with a share" }

-- The callbacks that are only called when there is a connection. (seekfunction may be called
-- between the two of the upload.)
local connected = {
  sockoptfunction = true, writefunction = true, headerfunction = true, readfunction = true,
  prereqfunction = true,
}

local nothing = { easy = 0, multi = 0, share = 0 }

local function inside(name, pool)
  local function scene(act)
    return orders.scene(curl, pool, servers.nginx().url, name, act)
  end

  it("close of all that runs or shares its pool throws, and changes nothing", function()
    local expected, thrown = {}, {}
    local s = scene(function(seen)
      for which, handle in pairs(seen.handles) do
        expected[which] = ("close is not allowed inside a callback of this %s or of its pool")
          :format(kind_of(which))
        thrown[which] = thrown_by(handle, "close")
      end
    end)
    s:run()
    assert.same(expected, thrown)
    assert_undisturbed(s, 1)
    s:run() -- all is as good as new
    assert_undisturbed(s, 2)
    close_all(s)
  end)

  it("close and detach of a lent Socket throw, and change nothing", function()
    local thrown = {}
    local s = scene(function()
      for _, entry in ipairs(curl.sockets()) do
        for _, method in ipairs { "close", "detach" } do
          thrown[#thrown + 1] = thrown_by(entry.socket, method)
        end
      end
    end)
    s:run()
    for _, message in ipairs(thrown) do
      assert.matches("^socket:%a+: the socket is lent to libcurl$", message)
    end
    assert.truthy(#thrown >= (connected[name] and 2 or 0))
    assert_undisturbed(s, 1)
    close_all(s)
  end)

  it("close of a handle that is not involved works at once", function()
    local events, at_once = {}, nil
    local other = bystanders.multi(events)
    local s = scene(function()
      local before = curl.live().multi
      other:close()
      at_once = { #events, before - curl.live().multi }
    end)
    s:run()
    assert.same({ 1, 1 }, at_once)
    assert.same({ "closing" }, events)
    assert_undisturbed(s, 1)
    close_all(s)
  end)

  for _, kind in ipairs { "easy", "multi", "share" } do
    it(("the finalizer of another %s waits until the outermost call ends"):format(kind), function()
      local events, before, during = {}, nil, nil
      local others = { bystanders[kind](events) }
      local s = scene(function()
        before = live()
        others[1] = nil
        collectgarbage()
        during = { #events, live() }
      end)
      s:act()
      assert.same({}, others)
      assert.same({ 0, before }, during)
      -- No garbage was collected since: the end of the call did it.
      assert.equal(before[kind] - 1, live()[kind])
      assert.same({ "closing" }, events)
      s:finish()
      assert_undisturbed(s, 1)
      close_all(s)
    end)
  end

  it("the last references may go, and garbage be collected", function()
    local before, during
    local s = scene(function(seen)
      before = live()
      for which in pairs(seen.handles) do
        seen.handles[which] = nil
      end
      collectgarbage()
      during = live()
    end)
    s:start()
    -- Not s:act(): the method that runs must be the last that holds on to its handle.
    while not s.seen.acted do
      if pool == "own" then
        s.result = { s.handles.easy:perform() }
      else
        s.handles.multi:perform()
      end
    end
    assert.same(before, during)
    if pool == "own" then assert_undisturbed(s, 1) end
    collectgarbage()
    assert.same(nothing, live())
    assert.equal(s.seen.opened, s.seen.closed)
  end)

  for _, which in ipairs(members[pool]) do
    it(("<close> of the %s waits until the outermost call ends"):format(which), function()
      local kind, before, during = kind_of(which), nil, nil
      local s = scene(function(seen)
        before = { seen.closed, live() }
        do
          local handle <close> = seen.handles[which]
          assert.truthy(handle)
        end
        during = { seen.closed, live() }
        during.handle = tostring(seen.handles[which]):match("^[^:]*")
      end)
      s:act()
      assert.equal(kind .. " (closed)", during.handle)
      assert.same(before, { during[1], during[2] })
      -- A share stays until the last easy has left it.
      assert.equal(which == "share" and 1 or before[2][kind] - 1, live()[kind])
      if pool == "own" or which == "second" or which == "share" then
        s:finish()
        assert_undisturbed(s, 1)
      end
      close_all(s)
      assert.same(nothing, live())
    end)
  end
end

for _, name in ipairs(orders.callbacks) do
  for _, pool in ipairs(orders.pools) do
    describe(("Inside %s, %s,"):format(name, places[pool]), function() inside(name, pool) end)
  end
end

describe("Deferred teardown", function()
  it("waits for the outermost call, not for the one that runs inside its callback", function()
    local events, during = {}, {}
    local url = servers.nginx().url .. "/hello"
    local others = { bystanders.multi(events) }
    local inner <close> = curl.easy {
      url = url,
      writefunction = function()
        others[1] = nil
        collectgarbage()
        during[1] = #events
      end,
    }
    local outer <close> = curl.easy {
      url = url,
      writefunction = function()
        assert(inner:perform())
        during[2] = #events
      end,
    }
    assert.is_true(outer:perform())
    assert.same({}, others)
    assert.same({ 0, 0 }, during)
    assert.same({ "closing" }, events)
  end)

  it("goes on to handles that its own close callbacks drop", function()
    local url, order, chain = servers.nginx().url .. "/hello", {}, {}
    for i = 1, 5 do
      chain[i] = curl.easy {
        url = url,
        closesocketfunction = function()
          order[#order + 1] = i
          chain[i + 1] = nil
          collectgarbage()
        end,
      }
      assert(chain[i]:perform())
    end
    local easy <close> = curl.easy {
      url = url,
      writefunction = function()
        chain[1] = nil
        collectgarbage()
        order[#order + 1] = 0
      end,
    }
    assert.is_true(easy:perform())
    assert.same({ 0, 1, 2, 3, 4, 5 }, order)
    assert.equal(1, curl.live().easy)
  end)

  it("is done once for a handle that is both closed by <close> and dropped", function()
    local events = {}
    local others = { bystanders.easy(events) }
    local easy <close> = curl.easy {
      url = servers.nginx().url .. "/hello",
      writefunction = function()
        do
          local other <close> = others[1]
          others[1] = other and nil
        end
        collectgarbage()
        collectgarbage()
      end,
    }
    assert.is_true(easy:perform())
    collectgarbage()
    assert.same({ "closing" }, events)
  end)
end)

-- ---- the end of the state in the middle of a call -------------------------------------------

-- Makes easy, multi and share with a connection kept in the pool that is named; the close
-- callback is close(socket).
local kept = [[
warn "@on"
local lfs = require "lfs"
-- Made before curlsock is loaded, so finalized after all of it.
SENTINEL = setmetatable({}, { __gc = function(self)
  local path = "/proc/self/fd/" .. tostring(self.descriptor)
  if self.descriptor then print(lfs.symlinkattributes(path) and "open" or "closed") end
end })
local curl = require "curlsock"
local function kept(pool, close)
  local multi = pool == "multi" and curl.multi()
  local share = pool == "share" and curl.share { share = "connect" }
  local easy = curl.easy {
    url = os.getenv "URL", proxy = "", writefunction = {}, closesocketfunction = close,
    share = share or nil,
  }
  if not multi then
    assert(easy:perform())
    return easy, share
  end
  multi:add(easy)
  while multi:perform() > 0 do multi:poll(1) end
  multi:remove(easy)
  return easy, multi
end
]]

local function run_kept(script)
  local kind, code, out, err = left.run(kept .. script, { URL = servers.nginx().url .. "/hello" })
  return { kind, code, out, err }
end

describe("os.exit with lua_close", function()
  for _, pool in ipairs(orders.pools) do
    it("ends the process inside every callback, " .. places[pool], function()
      assert_batch(#orders.callbacks, "exits", pool)
    end)
  end

  for _, case in ipairs {
    { "easy:close()", "local e = kept('own', exit); e:close()" },
    { "multi:close()", "local e, m = kept('multi', exit); m:close()" },
    { "share:close()", "local e, s = kept('share', exit); e:close(); s:close()" },
    { "a <close>", "local e = kept('own', exit); do local x <close> = e end" },
    { "a finalizer", "kept('multi', exit); collectgarbage()" },
    { "a deferred teardown", [[
      local other = { kept("own", exit) }
      local e = curl.easy { url = os.getenv "URL", proxy = "", writefunction = function()
        other = nil
        collectgarbage()
      end }
      e:perform()]] },
    { "a coroutine", [[
      coroutine.wrap(function()
        local e, m = kept("multi", exit)
        coroutine.wrap(function() m:close() end)()
      end)()]] },
  } do
    it("ends the process inside the close callback that runs in " .. case[1], function()
      assert.same({ "exit", 7, "closing\n", "" }, run_kept([[
        local function exit(socket)
          print(socket:state())
          os.exit(7, true)
        end
      ]] .. case[2] .. "\nos.exit(1)"))
    end)
  end
end)

describe("An error in a close callback", function()
  for _, case in ipairs {
    { "a finalizer", "kept('multi', throw); collectgarbage()" },
    { "the end of the state", "KEPT = { kept('share', throw) }" },
    { "a deferred teardown", [[
      local other = { kept("own", throw) }
      local e <close> = curl.easy { url = os.getenv "URL", proxy = "", writefunction = function()
        other = nil
        collectgarbage()
      end }
      assert(e:perform())]] },
  } do
    it("is a warning in " .. case[1] .. ", and nothing else", function()
      assert.same({ "exit", 0, "closed\n", "Lua warning: curlsock: no!\n" }, run_kept([[
        local function throw(socket)
          SENTINEL.descriptor = socket:fd()
          error("no!", 0)
        end
      ]] .. case[2]))
    end)
  end
end)

-- ---- coroutines -----------------------------------------------------------------------------

describe("A coroutine", function()
  local function hello(options)
    options.url = servers.nginx().url .. "/hello"
    options.proxy = ""
    return curl.easy(options)
  end

  it("is where the callbacks of its calls run, and no longer when it is dead", function()
    local where = {}
    local multi <close> = curl.multi()
    local co = coroutine.create(function()
      multi:add(hello {
        opensocketfunction = function()
          where.open = coroutine.running()
          return true
        end,
        closesocketfunction = function() where.close = coroutine.running() end,
      })
      drive_well(multi)
    end)
    assert(coroutine.resume(co))
    assert.equal(co, where.open)
    assert.equal("dead", coroutine.status(co))
    multi:close()
    assert.equal(coroutine.running(), where.close)
  end)

  it("cannot be left by a yield in a callback, which throws, and nothing is broken", function()
    local easy <close> = hello {}
    local multi <close> = curl.multi()
    local yield = true
    easy:setopt("writefunction", function()
      if yield then coroutine.yield() end
    end)
    local ok, message = coroutine.resume(coroutine.create(function() easy:perform() end))
    assert.same({ false, "attempt to yield across a C-call boundary" }, { ok, message })
    local name
    assert(coroutine.resume(coroutine.create(function()
      multi:add(easy)
      while multi:perform() > 0 do
        multi:poll(1)
      end
      for _, _, why, code in multi:results() do
        message, name = why, code
      end
      multi:remove(easy)
    end)))
    assert.same({ "attempt to yield across a C-call boundary", "CALLBACK" }, { message, name })
    yield = false
    assert.is_true(easy:perform())
  end)

  it("may be a callback itself, which yields to libcurl and calls others", function()
    local got, states = {}, {}
    local other <close> = hello { writefunction = got }
    local easy <close> = hello {
      writefunction = coroutine.wrap(function(data)
        while true do
          got[#got + 1] = data
          assert(other:perform())
          data = coroutine.yield()
        end
      end),
      closesocketfunction = coroutine.wrap(function(socket)
        while true do
          states[#states + 1] = socket:state()
          socket = coroutine.yield()
        end
      end),
      forbid_reuse = true,
    }
    assert.is_true(easy:perform())
    assert.is_true(easy:perform())
    assert.same({ "hello\n", "hello\n", "hello\n", "hello\n" }, got)
    assert.same({ "closing", "closing" }, states)
  end)

  it("that dies inside a callback takes nothing with it", function()
    local body = {}
    local easy <close> = hello {}
    easy:setopt("writefunction", function(data)
      local ok, message = coroutine.resume(coroutine.create(function()
        local other <close> = hello { writefunction = function() error("dies", 0) end }
        other:perform()
      end))
      body[1], body[2], body[3] = data, ok, message
    end)
    assert.is_true(easy:perform())
    assert.same({ "hello\n", false, "dies" }, body)
    collectgarbage() -- a coroutine that dies closes nothing
    assert.equal(1, curl.live().easy)
  end)

  it("that is closed closes its handles, with the callbacks", function()
    local events, before = {}, curl.live()
    local co = coroutine.create(function()
      local multi <close> = curl.multi()
      local easy <close> = hello {
        closesocketfunction = function(socket) events[#events + 1] = socket:state() end,
      }
      multi:add(easy)
      drive_well(multi)
      coroutine.yield()
    end)
    assert(coroutine.resume(co))
    assert.same({}, events)
    assert.is_true(coroutine.close(co))
    assert.same({ "closing" }, events)
    assert.same(before, curl.live())
  end)

  it("whose closures are callbacks may be collected before they are called", function()
    local got
    local multi <close> = curl.multi()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local co = coroutine.create(function()
        local note = "of the coroutine"
        local easy <close> = hello { closesocketfunction = function() got = note end }
        multi:add(easy)
        drive_well(multi)
        coroutine.yield()
      end)
      weak[co] = true
      assert(coroutine.resume(co))
    end
    collectgarbage()
    assert.is_nil(next(weak))
    multi:close()
    assert.equal("of the coroutine", got)
  end)
end)
