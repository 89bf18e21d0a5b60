-- A method that is called inside a callback can make libcurl say something. The debug callback was
-- looked for on the stack of that method.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("setopt inside a callback of a verbose easy in a multi disturbs nothing", function()
  local multi <close> = curl.multi()
  local told, set = 0, nil
  local easy
  easy = curl.easy {
    url = servers.nginx().url .. "/hello", proxy = "", verbose = true,
    opensocketfunction = function() return true end,
    debugfunction = function() told = told + 1 end,
    writefunction = function()
      set = { pcall(easy.setopt, easy, "cookielist", "Set-Cookie: a=b; domain=127.0.0.1; path=/") }
    end,
  }
  multi:add(easy)
  while multi:perform() > 0 do multi:poll(1) end
  local ok, message
  for _, result, why in multi:results() do ok, message = result, why end
  assert.same({ true }, { ok, message })
  assert.same({ true, easy }, set)
  assert.truthy(told > 0)
  multi:close()
  easy:close()
end)
