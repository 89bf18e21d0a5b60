-- What was deferred inside a call is torn down at its end, and a close callback may then use the
-- easy of that call again. Its result was read after that: an error of a callback was lost.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("What a callback threw is raised, also if the easy is performed again meanwhile", function()
  local url, easy, again = servers.nginx().url .. "/hello", nil, nil
  local other = curl.easy { url = url, proxy = "", writefunction = {},
    closesocketfunction = function() again = { easy:perform() } end }
  assert(other:perform())
  easy = curl.easy { url = url, proxy = "", writefunction = function()
    if not other then return end
    do
      local _ <close> = other
      other = nil
    end
    error("boom", 0)
  end }
  assert.same({ false, "boom" }, { pcall(easy.perform, easy) })
  assert.same({ true }, again)
  easy:close()
end)
