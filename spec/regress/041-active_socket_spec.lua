-- getinfo("activesocket"): libcurl looks the connection up by a number, in the pool that the easy
-- would use now, and found a stranger's there.
local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local transfers = require "spec.support.transfers"

local function is_refused(easy)
  for _, name in ipairs { "activesocket", "lastsocket" } do
    errors.matches('^easy:getinfo%("' .. name .. '"%): ', easy.getinfo, easy, name)
  end
end

-- An easy whose connection stays, as number 0 of its pool.
local function connected(options)
  local easy = easies.plain("/hello", options):setopt { writefunction = {}, connect_only = 1 }
  assert.is_true(easy:perform())
  return easy
end

describe("the socket of an easy", function()
  it("is not a stranger's after setopt of a share", function()
    local share <close> = curl.share { share = "connect" }
    local stranger <close> = connected { share = share }
    local easy <close> = connected()
    local own = easy:getinfo "activesocket"
    easy:setopt("share", share)
    is_refused(easy)
    easy:unset "share"
    local again = easy:getinfo "activesocket"
    assert.truthy(again == own or again == nil) -- libcurl 8.23 forgets it with setopt
    assert.truthy(stranger:getinfo "activesocket" ~= own)
  end)

  it("is not a stranger's in or after a multi", function()
    local multi <close> = curl.multi()
    local stranger <close> = easies.plain("/hello", { writefunction = {}, connect_only = 1 })
    multi:add(stranger)
    transfers.drive(multi)
    assert.is_true(transfers.only_result(multi))
    assert.equal("integer", math.type(stranger:getinfo "activesocket"))
    local easy <close> = connected()
    easy:setopt { connect_only = false, url = "http://127.0.0.1:1/" }
    multi:add(easy)
    is_refused(easy) -- the last transfer was in its own pool
    transfers.drive(multi)
    assert.is_nil(select(2, multi:results()(multi)))
    multi:remove(easy)
    assert.is_nil(easy:getinfo "activesocket")
  end)

  it("is none before a transfer, after reset, and of a duplicate", function()
    local easy <close> = connected()
    local copy <close> = easy:dup()
    assert.is_nil(copy:getinfo "activesocket")
    easy:reset()
    assert.is_nil(easy:getinfo "activesocket")
  end)
end)
