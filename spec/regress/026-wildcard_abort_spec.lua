-- While libcurl lists a folder (wildcardmatch) it has a write callback of its own in place of ours.
-- It left that behind when the listing was aborted, and the next transfer crashed in it.
local curl = require "curlsock"
local servers = require "spec.support.servers"

describe("After a wildcard listing that was aborted", function()
  for _, next_one in ipairs { "a plain transfer", "another listing" } do
    it(next_one .. " has its data", function()
      local url, body, fails = servers.vsftpd().url, {}, true
      local easy <close> = curl.easy { url = url .. "/*.txt", wildcardmatch = true, proxy = "",
        writefunction = body, headerfunction = function(line)
          if fails and line:find("^150") then error("stop", 0) end
        end }
      assert.same({ false, "stop" }, { pcall(easy.perform, easy) })
      fails = false
      if next_one == "a plain transfer" then
        easy:setopt { wildcardmatch = false, url = url .. "/hello.txt" }
      end
      assert.same({ true }, { easy:perform() })
      assert.equal("hello\n", table.concat(body))
    end)
  end
end)
