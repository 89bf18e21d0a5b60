-- The driver: how it ends, by close or as garbage.

local drivers = require "spec.support.drivers"
local left = require "spec.support.left"
local loops = require "spec.support.loops"

local function describe_close(raw)
  describe("close", function()
    it("gives transfers that run nil, a message and CLOSED, and closes all", function()
      local loop, host = drivers.new(raw)
      local counts, results = {}, {}
      for i = 1, 3 do
        loop:spawn(function()
          results[i] = table.pack(loop:perform(drivers.easy("/slow", nil, counts)))
        end)
      end
      assert.is_true(loop:perform(drivers.easy("/hello", nil, counts)))
      assert.same({}, results)
      loop:close()
      for i = 1, 3 do
        assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, results[i])
      end
      assert.same({ opened = 4, closed = 4 }, counts)
      assert.same({}, host.watched)
      assert.is_nil(host.log[#host.log]:match("^timer"))
      assert.equal(0, loop.spawned)
    end)

    it("is possible in a coroutine, and ends run", function()
      local loop = drivers.new(raw)
      local result
      loop:spawn(function() result = table.pack(loop:perform(drivers.easy("/slow"))) end)
      loop:spawn(function()
        assert(loop:perform(drivers.easy("/hello")))
        loop:close()
      end)
      loop:run()
      assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, result)
    end)

    it("ends a perform that blocks", function()
      local loop = drivers.new(raw)
      loop:spawn(function()
        assert(loop:perform(drivers.easy("/hello")))
        loop:close()
      end)
      assert.same({ nil, "the loop was closed", "CLOSED", n = 3 },
        table.pack(loop:perform(drivers.easy("/slow"))))
    end)

    it("can be repeated; run, events and time do nothing afterwards", function()
      local loop = drivers.new(raw)
      loop:close()
      loop:close()
      loop:run()
      loop:on_event(7, "r")
      loop:on_timer()
    end)

    it("is refused inside a callback, and changes nothing there", function()
      local loop, host = drivers.new(raw)
      local errors, body = {}, {}
      local easy = drivers.easy("/hello"):setopt("writefunction", function(data)
        body[#body + 1] = data
        errors[#errors + 1] = select(2, pcall(loop.close, loop))
      end)
      assert.is_true(loop:perform(easy))
      assert.equal("hello\n", table.concat(body))
      assert.matches("close is not allowed inside a callback", errors[1], 1, true)
      assert.is_true(loop:perform(drivers.easy("/hello")))
      loop:close()
      assert.same({}, host.watched)
    end)

    it("raises what a close callback throws, after all is done", function()
      local loop, host = drivers.new(raw)
      local failure, result = {}, nil
      loop:spawn(function() result = table.pack(loop:perform(drivers.easy("/slow"))) end)
      assert.is_true(loop:perform(drivers.easy("/hello"):setopt("closesocketfunction", function()
        error(failure)
      end)))
      local ok, err = pcall(loop.close, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, result)
      assert.same({}, host.watched)
      assert.is_nil(loop.multi)
    end)

    it("runs close callbacks that find the loop closed", function()
      for name, expected in pairs {
        close = { true },
        run = { true },
        step = { true },
        perform = { false, "perform: the loop is closed" },
      } do
        local loop, host = drivers.new(raw)
        local seen, result
        loop:spawn(function() result = table.pack(loop:perform(drivers.easy("/slow"))) end)
        assert.is_true(loop:perform(drivers.easy("/hello"):setopt("closesocketfunction", function()
          seen = table.pack(pcall(loop[name], loop, drivers.easy("/hello")))
          assert.is_nil(result)
        end)))
        loop:close()
        assert.equal(expected[1], seen[1])
        assert.matches((expected[2] or "") .. "$", seen[2] or "")
        assert.same({ nil, "the loop was closed", "CLOSED", n = 3 }, result)
        assert.same({}, host.watched)
      end
    end)

    it("resumes all that wait, whatever they throw", function()
      local loop = drivers.new(raw)
      local resumed = 0
      for _ = 1, 3 do
        loop:spawn(function()
          loop:perform(drivers.easy("/slow"))
          resumed = resumed + 1
          error("resumed", 0)
        end)
      end
      local ok, err = pcall(loop.close, loop)
      assert.same({ false, "resumed", 3 }, { ok, err, resumed })
    end)

    it("is what the end of a variable's scope does", function()
      local kept
      do
        local loop <close> = drivers.new(raw)
        kept = loop
      end
      assert.is_nil(kept.multi)
      -- An error that is under way stays.
      local ok, err = pcall(function()
        local loop <close> = drivers.new(raw)
        loop:spawn(function() error("spawned", 0) end)
        error("under way", 0)
      end)
      assert.same({ false, "under way" }, { ok, err })
      -- Without one its own comes out.
      ok, err = pcall(function()
        local loop <close> = drivers.new(raw)
        loop:spawn(function() error("spawned", 0) end)
      end)
      assert.same({ false, "spawned" }, { ok, err })
    end)
  end)

  describe("A loop that is dropped", function()
    it("while transfers run is collected: nothing stays watched or open", function()
      local counts = {}
      local watched, log
      do
        local loop, host = drivers.new(raw)
        watched, log = host.watched, host.log
        loop:spawn(function() loop:perform(drivers.easy("/slow", nil, counts)) end)
        assert.is_true(loop:perform(drivers.easy("/hello")))
      end
      assert.truthy(next(watched))
      left.gc()
      assert.same({}, watched)
      assert.same({ opened = 1, closed = 1 }, counts)
      assert.is_nil(log[#log]:match("^timer"))
    end)

    it("while it rests is collected, and its hooks are told nothing", function()
      local counts = {}
      local log
      do
        local loop, host = drivers.new(raw)
        log = host.log
        assert.is_true(loop:perform(drivers.easy("/hello", nil, counts)))
      end
      local told = #log
      left.gc()
      assert.same({ opened = 1, closed = 1 }, counts)
      assert.equal(told, #log)
    end)
  end)
end

for _, raw in ipairs(loops.modes) do
  describe(drivers.title(raw), function() describe_close(raw) end)
end
