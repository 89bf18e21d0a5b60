-- Before 8.8 libcurl refuses to take protocols_str back, and then allows no protocol at all: the
-- easy was of no use after easy:unset, whether the option had been set or not.

local easies = require "spec.support.easies"

describe("unset of protocols_str and redir_protocols_str", function()
  for _, set in ipairs { false, true } do
    it("is libcurl's default" .. (set and ", after it was set" or ""), function()
      local easy <close>, body = easies.new("/redirect?to=/hello", { followlocation = true })
      if set then easy:setopt { protocols_str = "ftp", redir_protocols_str = "ftp" } end
      assert.equal(easy, easy:unset "protocols_str")
      assert.equal(easy, easy:unset "redir_protocols_str")
      assert.equal("hello\n", easies.fetch(easy, body))
    end)
  end
end)
