-- curlsock.cqueues inside its own controller, where that cannot be stepped: a coroutine in a
-- coroutine was never resumed, and what cannot yield failed, as did run.
local curl = require "curlsock"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

if loops.missing[1] then return end

describe("curlsock.cqueues waits for transfers alone", function()
  local adapter = require "curlsock.cqueues"

  local function easy(path)
    return curl.easy { url = servers.nginx().url .. path, proxy = "", writefunction = {} }
  end

  it("in a coroutine inside one of its controller's", function()
    local loop = adapter.new()
    local result
    loop:spawn(function()
      coroutine.wrap(function() result = loop:perform(easy("/hello")) end)()
    end)
    loop:run()
    assert.is_true(result)
    loop:close()
  end)

  it("where a coroutine of its controller cannot yield", function()
    local loop = adapter.new()
    local result
    loop:spawn(function()
      table.sort({ 2, 1 }, function(a, b)
        result = result or loop:perform(easy("/hello"))
        return a < b
      end)
    end)
    loop:run()
    assert.is_true(result)
    loop:close()
  end)

  it("in a callback of another loop on the same controller", function()
    local controller = require("cqueues").new()
    local loop, other = adapter.new(nil, controller), adapter.new(nil, controller)
    local results = {}
    loop:spawn(function()
      results[1] = loop:perform(easy("/hello"):setopt("writefunction", function()
        results[2] = other:perform(easy("/hello"))
      end))
    end)
    loop:run()
    assert.same({ true, true }, results)
    loop:close()
    other:close()
  end)

  it("when a coroutine of its controller runs it", function()
    local loop = adapter.new()
    local results = {}
    loop:spawn(function() results[1] = loop:perform(easy("/slow?rate=8m")) end)
    loop:spawn(function()
      assert(loop:perform(easy("/hello")))
      loop:run()
      results[2] = loop.active
    end)
    loop:run()
    assert.same({ true, 0 }, results)
    loop:close()
  end)
end)
