-- The driver: where an error comes out that belongs to no transfer, and what goes on.

local drivers = require "spec.support.drivers"
local left = require "spec.support.left"
local loops = require "spec.support.loops"

local function describe_errors(raw)
  describe("An error", function()
    it("of a coroutine comes out of run, unchanged, and ends nothing else", function()
      local loop = drivers.new(raw)
      local failure, done = {}, 0
      for i = 1, 6 do
        loop:spawn(function()
          assert(loop:perform(drivers.easy("/hello")))
          if i == 2 then error(failure) end
          assert(loop:perform(drivers.easy("/hello")))
          done = done + 1
        end)
      end
      local ok, err = pcall(loop.run, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      assert.equal(5, done)
      loop:close()
    end)

    it("of a coroutine does not keep others from going on that have ended with it", function()
      local loop = drivers.new(raw)
      local went_on = 0
      for _ = 1, 3 do
        loop:spawn(function()
          assert(loop:perform(drivers.easy("/hello")))
          went_on = went_on + 1
          if went_on == 1 then error("first", 0) end
        end)
      end
      local ok, err = pcall(drivers.end_together, loop, 3)
      assert.same({ false, "first", 3 }, { ok, err, went_on })
      loop:close()
    end)

    it("of a coroutine that has not waited comes out of run before others end", function()
      local loop = drivers.new(raw)
      local result
      loop:spawn(function() result = loop:perform(drivers.easy("/slow?rate=8m")) end)
      loop:spawn(function() error("at once", 0) end)
      local ok, err = pcall(loop.run, loop)
      assert.same({ false, "at once" }, { ok, err })
      assert.is_nil(result)
      loop:run()
      assert.is_true(result)
      loop:close()
    end)

    it("of a coroutine comes out of run, also when it has not waited", function()
      local loop = drivers.new(raw)
      local failure = {}
      loop:spawn(function() error(failure) end)
      local ok, err = pcall(loop.run, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      assert.equal(0, loop.spawned)
      loop:close()
    end)

    it("of a coroutine comes out of close if nobody ran the loop", function()
      local loop = drivers.new(raw)
      local failure = {}
      loop:spawn(function() error(failure) end)
      local ok, err = pcall(loop.close, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      assert.is_nil(loop.multi)
    end)

    it("of a coroutine closes what that has to close", function()
      local loop = drivers.new(raw)
      local closed = {}
      local function closing(name)
        return setmetatable({}, { __close = function() closed[#closed + 1] = name end })
      end
      loop:spawn(function()
        local _ <close> = closing "spawned"
        assert(loop:perform(drivers.easy("/hello")))
        error("first", 0)
      end)
      assert(coroutine.resume(coroutine.create(function()
        local _ <close> = closing "made by hand"
        assert(loop:perform(drivers.easy("/hello")))
        error("second", 0)
      end)))
      local errors = {}
      while #errors < 2 do
        local ok, err = pcall(loop.run, loop)
        if ok then break end
        errors[#errors + 1] = err
      end
      table.sort(closed)
      assert.same({ "made by hand", "spawned" }, closed)
      assert.truthy(#errors >= 1)
      loop:close()
    end)

    it("of a close callback comes out of run; the transfer has its result", function()
      local loop = drivers.new(raw)
      local failure, result = {}, nil
      loop:spawn(function()
        result = loop:perform(drivers.easy("/hello"):setopt {
          forbid_reuse = true,
          closesocketfunction = function() error(failure) end,
        })
      end)
      local ok, err = pcall(loop.run, loop)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      assert.is_true(result)
      loop:close()
    end)

    it("of a close callback in the removal of an ended transfer loses no other", function()
      local loop = drivers.new(raw)
      local results, failures = {}, 0
      for i = 1, 4 do
        loop:spawn(function()
          -- A connection that the script asked for is closed when its easy is removed.
          results[i] = loop:perform(drivers.easy("/hello"):setopt {
            connect_only = true,
            closesocketfunction = function() error("closing", 0) end,
          })
        end)
      end
      for _ = 1, 5 do
        local ok, err = pcall(loop.run, loop)
        if ok then break end
        assert.equal("closing", err)
        failures = failures + 1
      end
      assert.same(drivers.times(4, true), results)
      assert.truthy(failures >= 1)
      loop:close()
    end)

    it("after the first of a step is a warning", function()
      local out, err = left.pass(([[
        warn "@on"
        local curl = require "curlsock"
        %s
        local loop = require("curlsock.loop").new()
        for _, text in ipairs { "first", "second" } do
          loop:spawn(function() error(text, 0) end)
        end
        print(pcall(loop.run, loop))
        print(pcall(loop.run, loop))
        loop:close()
      ]]):format(raw and "debug.getmetatable(curl.multi()).__index.pollfd = function() end" or ""))
      assert.equal("false\tfirst\ntrue\n", out)
      assert.equal("Lua warning: curlsock: second\n", err)
    end)

    it("of a hook that fails once, before it has done anything, does not stop the loop", function()
      for _, name in ipairs { "watch", "timer" } do
        for nth = 1, 4 do
          local loop, host = drivers.new(raw)
          local real, calls, results = host.hooks[name], 0, {}
          host.hooks[name] = function(...)
            calls = calls + 1
            if calls == nth then
              host.failed = true
              error("EMFILE", 0)
            end
            real(...)
          end
          local failures = 0
          for i = 1, 3 do
            loop:spawn(function()
              for _ = 1, 2 do
                local ok, err = pcall(loop.perform, loop, drivers.easy("/hello"), 20)
                if not ok then assert.equal("EMFILE", err) failures = failures + 1 end
              end
              results[i] = true
            end)
          end
          for _ = 1, 3 do
            local ok, err = pcall(loop.run, loop)
            if ok then break end
            assert.equal("EMFILE", err)
            failures = failures + 1
          end
          host.hooks[name] = real
          assert.same({ true, true, true }, results)
          assert.equal(calls >= nth and 1 or 0, failures)
          assert.is_true(loop:perform(drivers.easy("/hello")))
          loop:close()
          assert.same({}, host.watched)
        end
      end
    end)

    it("of the wait itself comes out of step", function()
      local loop = drivers.new(raw)
      loop:spawn(function() loop:perform(drivers.easy("/slow")) end)
      loops.with_method("poll", function() return nil, "poll: Invalid argument", "EINVAL" end,
        function()
          local ok, err = pcall(loop.step, loop)
          assert.same({ false, "poll: Invalid argument" }, { ok, err })
        end)
      loop:close()
    end)

    it("of the watch hook comes out of perform, and nothing is left of the transfer", function()
      local loop, host = drivers.new(raw)
      local watch = host.hooks.watch
      local failure = {}
      host.hooks.watch = function(...)
        watch(...)
        host.hooks.watch = watch
        error(failure)
      end
      local ok, err = pcall(loop.perform, loop, drivers.easy("/hello"))
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      assert.is_true(loop:perform(drivers.easy("/hello")))
      assert.same({}, host.watched)
      loop:close()
    end)
  end)
end

for _, raw in ipairs(loops.modes) do
  describe(drivers.title(raw), function() describe_errors(raw) end)
end

describe(drivers.title(true), function()
  it("an error of the timer hook comes out of perform, whose transfer is let go", function()
    local loop, host = drivers.new(true)
    local failure, result = {}, nil
    loop:spawn(function() result = loop:perform(drivers.easy("/slow?rate=8m")) end)
    local timer = host.hooks.timer
    host.hooks.timer = function(...)
      timer(...)
      host.hooks.timer = timer
      error(failure)
    end
    local easy = drivers.easy("/hello")
    local ok, err = pcall(loop.perform, loop, easy)
    assert.is_false(ok)
    assert.is_true(rawequal(failure, err))
    loop:run()
    assert.is_true(result)
    assert.is_true(loop:perform(easy))
    loop:close()
  end)
end)
