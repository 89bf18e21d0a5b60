-- The memory that libcurl has for an easy counts for the collector, or thousands that a script
-- only dropped would wait until Lua's own memory is due.

local left = require "spec.support.left"

-- Prints how many of 4,000 dropped easies were alive at once, at most. Lua has 2 MiB of its own.
local DROPPED <const> = [[
  local curl = require "curlsock"
  local own, most = {}, 0
  for i = 1, 32 * 1024 do own[i] = { i } end
  collectgarbage(MODE)
  local dropped = %s
  for _ = 1, 4000 do
    dropped()
    most = math.max(most, curl.live().easy)
  end
  print(most, #own)
]]

local function most(how, mode)
  return tonumber(left.pass(left.locals { MODE = mode } .. DROPPED:format(how)):match "^%d+")
end

-- A collector that runs at each call, or in steps of its own, says nothing of ours.
local it = os.getenv "CURLSOCK_GC" and pending or it

describe("Of 4,000 easies that are dropped only some are alive at once, made by", function()
  for name, how in pairs {
    ["curl.easy"] = "curl.easy",
    ["easy:dup"] = "(function(easy) return function() easy:dup() end end)(curl.easy())",
  } do
    for _, mode in ipairs { "incremental", "generational" } do
      it(name .. ", with the " .. mode .. " collector", function()
        assert.truthy(most(how, mode) < 1000)
      end)
    end
  end

  it("curl.easy, but for a collector that is stopped, which stays so", function()
    assert.equal(4000, most("curl.easy", "stop"))
  end)
end)
