-- An easy that had sent by itself (connect_only) and then left its share, or took another, lost its
-- connection: libcurl (7.88, 8.14) gives that to the easy for good, and neither the share nor the
-- easy closes it. A descriptor stayed open, without a close event. make chaos found it.

local assert = require "luassert"
local curl = require "curlsock"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"

describe("An easy that has said something by itself", function()
  local web, closed

  setup(function() web = servers.nginx() end)

  -- The easy is made before the share, so that the collector closes it after that.
  local function talking(call, argument)
    local easy, share = curl.easy(), curl.share { share = "connect" }
    closed = 0
    easy:setopt {
      url = web.url .. "/hello", connect_only = true, proxy = "", timeout = 20, share = share,
      closesocketfunction = function() closed = closed + 1 end,
    }
    assert(easy:perform())
    easy[call](easy, argument)
    return easy, share
  end

  local function check_closed()
    collectgarbage()
    collectgarbage()
    assert.equal(1, closed)
    assert.same({}, curl.sockets())
  end

  for call, argument in pairs { send = "x", recv = 1 } do
    it("keeps its share after " .. call, function()
      local easy = talking(call, argument)
      for _, share in ipairs { curl.share { share = "connect" }, curl.share() } do
        errors.matches("^option 'share': the script has the easy's connection", easy.setopt, easy,
          "share", share)
      end
      errors.matches("^option 'share': the script", easy.unset, easy, "share")
      easy:reset()
      errors.matches("^option 'share': the script", easy.unset, easy, "share")
      easy = nil -- luacheck: ignore
      check_closed()
    end)
  end

  it("has one close event in whatever order it and the share are closed", function()
    for _, first in ipairs { 1, 2 } do
      local pair = { talking("send", "x") }
      pair[first]:close()
      pair[3 - first]:close()
      check_closed()
    end
  end)
end)
