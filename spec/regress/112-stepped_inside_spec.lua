-- Without multi:pollfd: transfers that a loop of another library began inside a callback of another
-- transfer, where it can only be stepped, waited for ever outside: libcurl, which had been called
-- by perform, did not tell what it waits for. Found by soak.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

local script = [[
  local curl = require "curlsock"
  local loop = require("spec.support.loops").raw(require("curlsock.%s").new)
  local url, pieces, ok, message = %q, {}, nil, nil
  local easy = curl.easy {
    url = url .. "/slow?rate=1m", proxy = "", writefunction = pieces, timeout = 10,
  }
  curl.easy {
    url = url .. "/hello", proxy = "", writefunction = {},
    prereqfunction = function()
      loop:spawn(function() ok, message = loop:perform(easy) end)
      local stop = curl.now() + 0.2
      while not pieces[1] and curl.now() < stop do loop:step() end
      return true
    end,
  }:perform()
  loop:run()
  loop:close()
  easy:close()
  print(ok, message)
]]

for _, name in ipairs(loops.names) do
  it("what curlsock." .. name .. " has begun inside a callback goes on outside, without pollfd",
    function()
      assert.equal("true\tnil\n", left.pass(script:format(name, servers.nginx().url)))
    end)
end
