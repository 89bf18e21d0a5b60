-- The kernel counts what it reads of a filter (26) in blocks of 8 bytes, and says of the groups of
-- netlink (270, 9) how much there is: more than there was room for.
local curl = require "curlsock"

describe("getsockopt by number", function()
  it("refuses what the kernel would write past the end", function()
    local s <close> = curl.socket("inet", "dgram")
    for _, size in ipairs { false, 4, 512 } do
      assert.error_matches(function() s:getsockopt(1, 26, size or nil) end,
        "option 26 cannot be read from Lua")
    end
  end)

  it("returns no more bytes than it was asked for", function()
    local s = curl.socket(16, "raw")
    if not s then return end
    assert(s:setsockopt(270, 1, 5))
    assert.equal(1, #assert(s:getsockopt(270, 9, 1)))
    s:close()
  end)
end)
