-- In whatever order easies, multis, shares and Sockets are closed, dropped or swept up by the end
-- of the state: the result is the same. spec/support/orders.lua says how that is checked.

local curl = require "curlsock"
local left = require "spec.support.left"
local orders = require "spec.support.orders"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

-- ---- every order, in processes of their own -------------------------------------------------

local phases = {
  own = { "idle", "cached" }, -- a perform of its own can only be interrupted by its callbacks
  multi = { "idle", "connecting", "transferring", "cached" },
  share = { "idle", "connecting", "transferring", "cached" },
  shared = { "idle", "connecting", "transferring", "cached" },
}

-- Permutations of 3 and 4 objects, each of which goes in two ways; the same cut short; the
-- permutations of the handles among them.
local counts = {
  own = { complete = 6 * 8, cut = 1 + 6 + 24, made = 2 },
  multi = { complete = 24 * 16, cut = 1 + 8 + 48 + 192, made = 6 },
  share = { complete = 24 * 16, cut = 1 + 8 + 48 + 192, made = 6 },
  shared = { complete = 24 * 16, cut = 1 + 8 + 48 + 192, made = 24 },
}

local fork_module, dead

local function batch(name, kind, phase)
  local web = servers.nginx()
  dead = dead or servers.dead()
  return left.pass(
    ("require 'spec.support.orders'.run(%q, %q, %q)"):format(name, kind, phase or ""),
    {
      ORDERS_UNIX = web.unix,
      ORDERS_WEB = web.url,
      ORDERS_DEAD = dead.host .. ":" .. dead.port,
      ORDERS_FORK = fork_module,
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

for kind, names in pairs(orders.kinds) do
  describe(("With %s (pool: %s),"):format(table.concat(names, ", "), kind), function()
    setup(function()
      local source = servers.dir() .. "/orders.c"
      fork_module = servers.dir() .. "/orders.so"
      process.write(source, orders.fork_c)
      local cc = os.getenv("CC") or "cc"
      assert(os.execute(("%s -shared -fPIC -o %s %s"):format(cc, fork_module, source)))
    end)

    for _, phase in ipairs(phases[kind]) do
      describe(phase .. ",", function()
        it("every order of close and drop ends each socket once, just when its pool goes",
          function() assert_batch(counts[kind].complete, "complete", kind, phase) end)

        it("dropping everything at once ends each socket once, whichever was made first",
          function() assert_batch(counts[kind].made, "at_once", kind, phase) end)

        it("the end of the state after any steps ends what is left, once",
          function() assert_batch(counts[kind].cut, "cut", kind, phase) end)

        it("the end of the state ends everything once, whichever was made first",
          function() assert_batch(counts[kind].made, "swept", kind, phase) end)

        it("a coroutine that made and drove all of it may end in any way", function()
          assert_batch(4 * #orders.coroutine_ends, "coroutines", kind, phase)
        end)
      end)
    end
  end)
end

-- ---- inside callbacks -----------------------------------------------------------------------

local function live()
  local l = curl.live()
  return { l.easy, l.multi, l.share, l.socket }
end

local function refusal(name)
  local kind = (name == "easy" or name == "second") and "easy" or name
  return ("close is not allowed inside a callback of this %s or of its pool"):format(kind)
end

local function message_of(ok, message)
  return ok and "nothing was thrown" or message
end

-- The transfer of orders.running ended well, with one socket opened and closed.
local function assert_undisturbed(seen, times, ok, message)
  assert.same({ true, nil, ("3\n"):rep(times), times, times, "closing" },
    { ok, message, seen.body, seen.opened, seen.closed, seen.state })
end

local function close_all(box)
  for _, handle in pairs(box) do
    handle:close()
  end
end

-- A handle with a kept connection that has nothing to do with the others, and what it counts.
local bystanders = {}

local function counting(events)
  return {
    url = servers.nginx().url .. "/hello",
    proxy = "",
    closesocketfunction = function(socket)
      events[#events + 1] = socket:state()
    end,
  }
end

function bystanders.easy(events)
  local easy = curl.easy(counting(events))
  assert(easy:perform())
  return easy
end

function bystanders.multi(events)
  local multi, easy <close> = curl.multi(), curl.easy(counting(events))
  multi:add(easy)
  while multi:perform() > 0 do
    multi:poll(1)
  end
  for _, ok, message in multi:results() do assert(ok, message) end
  return multi
end

function bystanders.share(events)
  local share, easy <close> = curl.share { share = "connect" }, curl.easy(counting(events))
  assert(easy:setopt("share", share):perform())
  return share
end

local function each_pool(name, act, check)
  for _, pool in ipairs(orders.pools) do
    local box, run, seen
    box, run, seen = orders.running(curl, pool, servers.nginx().url, name, function(...)
      return act(box, pool, ...)
    end)
    check(box, run, seen, pool)
    assert.truthy(seen.acted > 0, "the callback was never called")
  end
end

for _, name in ipairs(orders.callbacks) do
  describe("Inside " .. name .. ",", function()
    it("close of what runs, or shares its pool, throws and changes nothing", function()
      local expected, got
      each_pool(name, function(box)
        expected, got = {}, {}
        for key, handle in pairs(box) do
          expected[key] = refusal(key)
          got[key] = message_of(pcall(handle.close, handle))
        end
      end, function(box, run, seen)
        assert_undisturbed(seen, 1, run())
        assert.same(expected, got)
        assert_undisturbed(seen, 2, run()) -- it is as good as new
        close_all(box)
      end)
    end)

    it("close and detach of a lent Socket throw and change nothing", function()
      local got
      each_pool(name, function()
        got = {}
        for _, entry in ipairs(curl.sockets()) do
          for _, method in ipairs { "close", "detach" } do
            local message = message_of(pcall(entry.socket[method], entry.socket))
            got[#got + 1] = message:match("socket:" .. method .. ": the socket is lent to libcurl")
          end
        end
      end, function(box, run, seen, pool)
        assert_undisturbed(seen, 1, run())
        if pool == "own" then
          local none = name == "opensocketfunction" or name == "closesocketfunction"
          assert.equal(none and 0 or 2, #got)
        end
        close_all(box)
      end)
    end)

    it("close of a handle that is not involved works at once", function()
      each_pool(name, function(box)
        box.other:close()
        box.inside = table.concat(box.events, " ")
      end, function(box, run, seen)
        box.events = {}
        box.other = bystanders.multi(box.events)
        assert_undisturbed(seen, 1, run())
        assert.equal("closing", box.inside)
        assert.same({ "closing" }, box.events)
        box.events, box.inside = nil, nil
        close_all(box)
      end)
    end)

    for kind, new in pairs(bystanders) do
      it(("a finalizer of %s waits until the outermost call ends"):format(kind), function()
        local others, events, inside, alive
        each_pool(name, function()
          others[1] = nil
          collectgarbage()
          inside = { #events, live() }
        end, function(box, run, seen)
          events = {}
          others = { new(events) }
          alive = nil
          local ok, message = run(function()
            -- No garbage is collected any more: this is the end of the call.
            if seen.acted > 0 then alive = alive or { #events, curl.live()[kind] } end
          end)
          assert_undisturbed(seen, 1, ok, message)
          local before = { easy = inside[2][1], multi = inside[2][2], share = inside[2][3] }
          assert.equal(0, inside[1])
          assert.same({ 1, before[kind] - 1 }, alive)
          assert.same({ "closing" }, events)
          close_all(box)
        end)
      end)
    end

    it("what runs may be dropped and garbage collected", function()
      each_pool(name, function(box)
        for key in pairs(box) do
          box[key] = nil
        end
        collectgarbage()
      end, function(box, run, seen, pool)
        if pool == "own" then
          assert_undisturbed(seen, 1, run())
        else
          run = nil -- which the multi is a local of, while it runs
          local before = live()
          local multi <const> = box.multi
          multi:add(box.easy):add(box.second)
          while seen.acted == 0 do
            assert.truthy(multi:perform())
            multi:poll(0.1)
          end
          assert.same({ before[1], before[2] }, { live()[1], live()[2] })
        end
        return run
      end)
    end)

    for _, which in ipairs { "easy", "second", "multi", "share" } do
      it(("<close> of the %s waits until the outermost call ends"):format(which), function()
        local inside, opened
        each_pool(name, function(box)
          if not box[which] then return end
          local closed = opened.closed
          do
            local handle <close> = box[which]
            box[which] = handle
          end
          inside = { opened.closed - closed, tostring(box[which]):match("^%a+ %(closed%)") }
        end, function(box, run, seen, pool)
          opened, inside = seen, nil
          local count
          local kind = which == "second" and "easy" or which
          local before = curl.live()[kind]
          local ok, message = run(function()
            if seen.acted > 0 then count = count or curl.live()[kind] end
          end)
          if not box[which] then
            assert_undisturbed(seen, 1, ok, message)
          else
            assert.same({ 0, kind .. " (closed)" }, inside)
            assert.equal(which == "share" and before or before - 1, count)
            if which ~= "multi" and (which ~= "easy" or pool == "own") then
              assert_undisturbed(seen, 1, ok, message)
            end
          end
          close_all(box)
          assert.equal(seen.opened, seen.closed)
          assert.equal(before - 1, box[which] and curl.live()[kind] or before - 1)
        end)
      end)
    end
  end)
end
