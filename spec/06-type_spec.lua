-- What can be asked without an error: curl.type, what a value is and whether it was closed;
-- curl.inside, whether this is a callback.

local curl = require "curlsock"
local system = require "spec.support.system"

describe("curl.type", function()
  for _, kind in ipairs { "easy", "multi", "share" } do
    it("knows " .. kind .. " handles, open and closed", function()
      local handle = curl[kind]()
      assert.equal(kind, curl.type(handle))
      handle:close()
      assert.equal("closed " .. kind, curl.type(handle))
    end)

    it("knows a finalized " .. kind, function()
      local seen
      do
        -- What has its finalizer later is finalized first.
        local kept = setmetatable({}, { __gc = function(kept) seen = curl.type(kept.handle) end })
        kept.handle = curl[kind]()
      end
      collectgarbage()
      collectgarbage()
      assert.equal("closed " .. kind, seen)
    end)
  end

  it("knows Sockets, with and without a descriptor", function()
    local socket, detached, taken = curl.socket(), curl.socket(), curl.socket()
    assert.equal("socket", curl.type(socket))
    socket:close()
    assert.equal("closed socket", curl.type(socket))
    local again = curl.adopt(detached:detach())
    assert.same({ "closed socket", "socket" }, { curl.type(detached), curl.type(again) })
    again:close()
    taken:close()
  end)

  it("knows Addresses", function()
    assert.equal("address", curl.type(curl.address "127.0.0.1:80"))
    assert.equal("networks", curl.type(curl.networks {}))
  end)

  it("knows Urls", function()
    assert.equal("url", curl.type(curl.url()))
  end)

  it("says nothing of anything else", function()
    local impostor = setmetatable({}, { __name = "curlsock.easy", __index = curl.easy() })
    assert.same({ n = 1 }, table.pack(curl.type(impostor)))
    for _, other in ipairs { 1, "easy", {}, print, io.stdout, coroutine.create(print), true } do
      assert.is_nil(curl.type(other))
    end
    assert.is_nil(curl.type(curl.PAUSE))
    assert.is_nil(curl.type(nil))
    assert.is_nil((curl.type()))
  end)

  it("answers inside callbacks, where the handles cannot be used", function()
    local seen = {}
    local server <close> = curl.socket():bind("127.0.0.1:0"):listen()
    local easy = curl.easy { url = "http://" .. tostring(server:localaddress()), proxy = "" }
    easy:setopt("opensocketfunction", function()
      seen[1] = curl.type(easy)
      do
        local _ <close> = easy
      end
      seen[2] = curl.type(easy)
      return false, "seen"
    end)
    easy:perform()
    assert.same({ "easy", "closed easy" }, { seen[1], seen[2] })
  end)

  it("names a borrowed Socket as what it is, until libcurl has closed it", function()
    if not system.linux then return end
    local kept
    local server <close> = curl.socket():bind("127.0.0.1:0"):listen()
    local easy = curl.easy { url = "http://" .. tostring(server:localaddress()), proxy = "" }
    easy:setopt { connect_only = true, opensocketfunction = function(_, address)
      kept = address:socket()
      return kept
    end }
    assert(easy:perform())
    assert.equal("socket", curl.type(kept))
    easy:close()
    assert.equal("closed socket", curl.type(kept))
  end)
end)

describe("curl.inside", function()
  -- Calls f in a callback of the easy.
  local function inside(easy, perform, f)
    local server <close> = curl.socket():bind("127.0.0.1:0"):listen()
    local called
    easy:setopt { url = "http://" .. tostring(server:localaddress()), proxy = "", timeout = 5 }
    easy:setopt("opensocketfunction", function()
      called = true
      f()
      return false, "seen"
    end)
    perform(easy)
    assert.is_true(called)
  end

  it("says whether libcurl is at work", function()
    assert.is_false(curl.inside())
    local seen
    inside(curl.easy(), function(easy) easy:perform() end, function() seen = curl.inside() end)
    assert.is_true(seen)
    assert.is_false(curl.inside())
  end)

  it("says of a handle whether its methods are refused", function()
    local multi <close> = curl.multi()
    local other <close> = curl.multi()
    local stranger <close> = curl.easy()
    local share <close> = curl.share { share = "dns" }
    local easy, friend = curl.easy { share = share }, curl.easy { share = share }
    local seen
    multi:add(friend)
    inside(easy, function() easy:perform() end, function()
      seen = {}
      for i, handle in ipairs { easy, friend, share, multi, other, stranger } do
        seen[i] = curl.inside(handle)
      end
    end)
    assert.same({ true, true, true, true, false, false }, seen)
    for _, handle in ipairs { easy, friend, share, multi, other, stranger } do
      assert.is_false(curl.inside(handle))
    end
    multi:remove(friend)
  end)

  it("takes closed handles, and nothing but handles", function()
    local easy = curl.easy()
    easy:close()
    assert.is_false(curl.inside(easy))
    assert.error_matches(function() curl.inside(curl.socket()) end, "easy, multi or share expected")
  end)
end)
