-- An easy that was closed while a coroutine waited for its transfer left the loop waiting for ever.
local curl = require "curlsock"
local servers = require "spec.support.servers"
local slow = "/slow?rate="

for _, name in ipairs { "loop", "select" } do
  describe("In curlsock." .. name, function()
    local adapter = require("curlsock." .. name)

    it("an easy that a coroutine waits for cannot be closed", function()
      local loop = adapter.new()
      local easy = curl.easy { url = servers.nginx().url .. slow .. "8m", proxy = "" }
      local result
      loop:spawn(function() result = loop:perform(easy) end)
      assert.error_matches(function() easy:close() end, "while something waits")
      loop:run()
      assert.is_true(result)
      easy:close()
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
      local co
      loop:spawn(function()
        co = coroutine.running()
        local easy <close> = curl.easy { url = servers.nginx().url .. slow .. "64k", proxy = "",
          forbid_reuse = true, closesocketfunction = on_close,
          writefunction = function() loop.stalled = (loop.stalled or 0) + 1 end }
        loop:perform(easy)
      end)
      return co
    end

    for how, finish in pairs {
      ["the closing of another coroutine"] = function(_, co) return coroutine.close(co) end,
      ["the closing of the loop"] = function(loop) return loop:close() end,
    } do
      it("a close callback that " .. how .. " runs may close a coroutine", function()
        local loop = adapter.new()
        local victim, closed = stalled(loop), nil
        local co = stalled(loop, function() closed = table.pack(coroutine.close(victim)) end)
        repeat loop:step() until (loop.stalled or 0) >= 2
        finish(loop, co)
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
