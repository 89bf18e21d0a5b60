-- The driver: a coroutine that is closed while it waits for a transfer cancels that.

local drivers = require "spec.support.drivers"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

local web

setup(function()
  web = servers.nginx()
end)

local function describe_cancelling(raw)
  describe("Closing a coroutine that waits", function()
    -- Coroutines that wait for transfers that have begun.
    local function begin(loop, counts, paths)
      local coroutines, begun, results = {}, 0, {}
      for i, path in ipairs(paths) do
        local easy = drivers.easy(path, nil, counts)
        easy:setopt("headerfunction", function(line)
          if line == "\r\n" then begun = begun + 1 end
        end)
        coroutines[i] = coroutine.create(function() results[i] = loop:perform(easy) end)
        assert(coroutine.resume(coroutines[i]))
      end
      while begun < #paths do loop.hooks.turn() end
      return coroutines, results
    end

    it("ends its transfer and closes its connection, at once, and no other", function()
      local loop, host = drivers.new(raw)
      local counts = {}
      local coroutines, results = begin(loop, counts, drivers.times(3, "/slow?rate=1m"))
      assert.is_true(coroutine.close(coroutines[2]))
      assert.same({ opened = 3, closed = 1 }, counts)
      loop:run()
      assert.same({ [1] = true, [3] = true }, results)
      assert.same({}, host.watched)
      loop:close()
      assert.same({ opened = 3, closed = 3 }, counts)
    end)

    it("returns a connection that others use: a stream of HTTP/2", function()
      local loop, counts = drivers.new(raw), {}
      local bodies, coroutines, begun = {}, {}, 0
      for i = 1, 3 do
        local rate = i == 1 and "64k" or "8m" -- the first, which is closed, is far from its end
        local easy = drivers.easy(web.h2_url .. "/slow?rate=" .. rate, nil, counts)
        easy:setopt { cainfo = web.ca, pipewait = true, writefunction = function(data)
          if not bodies[i] then begun = begun + 1 end
          bodies[i] = (bodies[i] or "") .. data
        end }
        coroutines[i] = coroutine.create(function() assert(loop:perform(easy)) end)
        assert(coroutine.resume(coroutines[i]))
      end
      while begun < 3 do loop.hooks.turn() end
      assert.is_true(coroutine.close(coroutines[1]))
      assert.same({ opened = 1, closed = 0 }, counts)
      loop:run()
      assert.truthy(#bodies[1] < #web.big)
      assert.same({ web.big, web.big }, { bodies[2], bodies[3] })
      loop:close()
      assert.same({ opened = 1, closed = 1 }, counts)
    end)

    it("lets the loop rest when it was the last", function()
      local loop, host = drivers.new(raw)
      local coroutines = begin(loop, {}, { "/slow" })
      assert.truthy(next(host.watched))
      assert.is_true(coroutine.close(coroutines[1]))
      assert.same({}, host.watched)
      loop:run()
      loop:close()
    end)

    it("inside a callback ends its transfer when the step has ended", function()
      local loop, counts = drivers.new(raw), {}
      local coroutines = begin(loop, counts, { "/slow" })
      local easy = drivers.easy("/hello"):setopt("writefunction", function()
        assert.is_true(coroutine.close(coroutines[1]))
        counts.at_once = counts.closed
      end)
      assert.is_true(loop:perform(easy))
      loop:run()
      assert.same({ opened = 1, closed = 1, at_once = 0 }, counts)
      loop:close()
    end)

    it("inside its own callback ends its own transfer", function()
      local loop, counts = drivers.new(raw), {}
      local easy, pieces = drivers.easy("/slow?rate=1m", nil, counts), 0
      local co = coroutine.create(function() loop:perform(easy) end)
      easy:setopt("writefunction", function()
        pieces = pieces + 1
        assert.is_true(coroutine.close(co))
      end)
      assert(coroutine.resume(co))
      loop:run()
      assert.equal("dead", coroutine.status(co))
      assert.same({ opened = 1, closed = 1 }, counts)
      assert.truthy(pieces >= 1)
      loop:close()
    end)

    it("is nothing when its transfer has just ended, too", function()
      local loop = drivers.new(raw)
      local coroutines, went_on = {}, 0
      for i = 1, 3 do
        coroutines[i] = coroutine.create(function()
          assert(loop:perform(drivers.easy("/hello")))
          went_on = went_on + 1
          for j = 1, 3 do
            if j ~= i then assert.is_true(coroutine.close(coroutines[j])) end
          end
        end)
        assert(coroutine.resume(coroutines[i]))
      end
      drivers.end_together(loop, 3)
      loop:run()
      assert.equal(1, went_on)
      loop:close()
    end)

    it("returns what a close callback throws", function()
      local loop = drivers.new(raw)
      local failure, begun = {}, false
      local easy = drivers.easy("/slow"):setopt {
        closesocketfunction = function() error(failure) end,
        headerfunction = function() begun = true end,
      }
      local co = coroutine.create(function() loop:perform(easy) end)
      assert(coroutine.resume(co))
      while not begun do loop.hooks.turn() end
      local ok, err = coroutine.close(co)
      assert.is_false(ok)
      assert.is_true(rawequal(failure, err))
      loop:run()
      loop:close()
    end)
  end)
end

for _, raw in ipairs(loops.modes) do
  describe(drivers.title(raw), function() describe_cancelling(raw) end)
end
