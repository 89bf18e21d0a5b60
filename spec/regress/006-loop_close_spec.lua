-- An easy that was closed while a coroutine waited for its transfer left the loop waiting for ever;
-- what was cancelled inside a close callback was not.
local curl = require "curlsock"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"
local slow = "/slow?rate="

-- luv's loop stays open as long as its state: it has a process of its own (008).
local in_process = {}
for _, name in ipairs(loops.names) do
  if name ~= "luv" then table.insert(in_process, name) end
end

-- Runs the loop until its coroutines wait for so many transfers.
local function start(loop, n)
  while #loop.multi:easies() < n do loop.hooks.turn() end
end

for _, name in ipairs(in_process) do
  describe("In curlsock." .. name, function()
    local adapter = require("curlsock." .. name)

    for how, close in pairs {
      ["by hand"] = function(easy) easy:close() end,
      ["by <close> in a callback"] = function(easy)
        local other <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
          writefunction = function() local _ <close> = easy end }
        assert(other:perform())
      end,
      ["by <close> in a callback of the loop"] = function(easy, loop)
        local other <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
          writefunction = function() local _ <close> = easy end }
        assert(loop:perform(other))
      end,
      ["by hand, and the loop too"] = function(easy, loop)
        easy:close()
        loop:close()
      end,
    } do
      for _, raw in ipairs(loops.modes) do
        it(("an easy that is closed %s%s ends the wait for it"):format(how,
          raw and ", without pollfd," or ""), function()
          local loop = raw and loops.raw(adapter.new) or adapter.new()
          local easy = curl.easy { url = servers.nginx().url .. slow .. "64k", proxy = "" }
          local result
          loop:spawn(function() result = table.pack(loop:perform(easy)) end)
          start(loop, 1)
          close(easy, loop)
          loop:run()
          assert.same({ nil, "the easy was closed", "CLOSED", n = 3 }, result)
          loop:close()
        end)
      end
    end

    it("a coroutine whose easy was closed may be closed", function()
      local loop = adapter.new()
      local easy = curl.easy { url = servers.nginx().url .. slow .. "64k", proxy = "" }
      local co
      loop:spawn(function()
        co = coroutine.running()
        loop:perform(easy)
      end)
      start(loop, 1)
      easy:close()
      assert.is_true(coroutine.close(co))
      loop:run()
      loop:close()
    end)

    it("a coroutine that is closed in a callback may close its easy", function()
      local loop = adapter.new()
      local victim, closed
      loop:spawn(function()
        victim = coroutine.running()
        local easy <close> = curl.easy { url = servers.nginx().url .. slow .. "64k", proxy = "" }
        loop:perform(easy)
      end)
      loop:spawn(function()
        local easy <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
          writefunction = function() closed = table.pack(coroutine.close(victim)) end }
        assert(loop:perform(easy))
      end)
      loop:run()
      assert.same({ true, n = 1 }, closed)
      loop:close()
    end)

    -- Runs a coroutine that waits for a transfer which never ends.
    local function stalled(loop, on_close)
      local started = {}
      loop:spawn(function()
        started.co = coroutine.running()
        local easy <close> = curl.easy { url = servers.nginx().url .. slow .. "64k", proxy = "",
          forbid_reuse = true, closesocketfunction = on_close,
          writefunction = function() loop.stalled = (loop.stalled or 0) + 1 end }
        loop:perform(easy)
      end)
      return started
    end

    for how, finish in pairs {
      ["the closing of another coroutine"] = function(_, other) coroutine.close(other.co) end,
      ["the closing of the loop"] = function(loop) return loop:close() end,
    } do
      it("a close callback that " .. how .. " runs may close a coroutine", function()
        local loop = adapter.new()
        local victim, closed = stalled(loop), nil
        local other = stalled(loop, function() closed = table.pack(coroutine.close(victim.co)) end)
        repeat loop.hooks.turn() until (loop.stalled or 0) >= 2
        finish(loop, other)
        assert.same({ true, n = 1 }, closed)
        loop:run()
        if loop.multi then assert.same({}, loop.multi:easies()) end
        loop:close()
      end)
    end
  end)
end

it("An error in a close callback that multi:add runs leaves no transfer behind", function()
  local loop = require("curlsock.loop").new()
  local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
    closesocketfunction = function() error("thrown", 0) end }
  assert(easy:perform())
  -- libcurl closes its connection now (since 8.7), or later.
  local ok, err = pcall(loop.perform, loop, easy:setopt("closesocketfunction", nil))
  assert.truthy(ok or err == "thrown", err)
  ok, err = pcall(loop.perform, loop, easy)
  assert.truthy(ok or err == "thrown", err)
  assert.equal(0, #loop.multi:easies())
  pcall(loop.close, loop)
  pcall(easy.close, easy)
end)
