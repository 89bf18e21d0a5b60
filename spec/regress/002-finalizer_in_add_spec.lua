-- To link an easy with a multi or a share may need a table, and so run finalizers. What those
-- closed, or put into another multi, was linked all the same, which crashed later.
local curl = require "curlsock"
local servers = require "spec.support.servers"

-- Calls f in a state in which the next allocation collects an object whose finalizer is g.
local function with_finalizer(g, f)
  finally(function() collectgarbage("incremental", 200, 100) end)
  collectgarbage()
  collectgarbage()
  collectgarbage("stop")
  setmetatable({}, { __gc = g })
  collectgarbage("incremental", 10, 10000)
  collectgarbage("restart")
  return f()
end

local function performed()
  local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
  assert(easy:perform())
  return easy
end

describe("A finalizer inside", function()
  it("multi:add may close the easy", function()
    for _ = 1, 5 do
      local easy = performed()
      local multi <close> = curl.multi()
      local ok, message = with_finalizer(function() easy:close() end, function()
        return pcall(multi.add, multi, easy)
      end)
      assert.truthy(ok or message:find("easy is closed", 1, true), message)
      easy:close()
    end
  end)

  it("multi:add may close the multi", function()
    for _ = 1, 5 do
      local easy <close> = performed()
      local multi = curl.multi()
      local ok, message = with_finalizer(function() multi:close() end, function()
        return pcall(multi.add, multi, easy)
      end)
      assert.truthy(ok or message:find("multi is closed", 1, true), message)
      multi:close()
    end
  end)

  it("multi:add may add the easy elsewhere", function()
    for _ = 1, 5 do
      local easy <close> = performed()
      local multi <close> = curl.multi()
      local other <close> = curl.multi()
      local ok, message = with_finalizer(function() pcall(other.add, other, easy) end, function()
        return pcall(multi.add, multi, easy)
      end)
      assert.truthy(ok or message:find("in a multi already", 1, true), message)
    end
  end)

  it("easy:setopt may close the share", function()
    for _ = 1, 5 do
      local easy <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
      local share = curl.share { share = "connect" }
      local ok, message = with_finalizer(function() share:close() end, function()
        return pcall(easy.setopt, easy, "share", share)
      end)
      assert.truthy(ok or message:find("open share expected", 1, true), message)
      assert.is_true(easy:perform())
      share:close()
    end
  end)
end)
