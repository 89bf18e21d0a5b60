-- Without multi:pollfd: that a waiting easy was closed is told by the timer, which libcurl's
-- next time replaced: the coroutine waited for ever.
local curl = require "curlsock"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

it("A coroutine whose easy was closed goes on, whatever time libcurl tells then", function()
  local loop = loops.raw(require("curlsock.select").new)
  local function easy(path)
    return curl.easy { url = servers.nginx().url .. path, proxy = "", writefunction = {} }
  end
  local first, other, name = easy("/slow"), nil, nil
  loop:spawn(function() name = select(3, loop:perform(first)) end)
  loop:spawn(function()
    other = coroutine.running()
    loop:perform(easy("/slow"))
  end)
  assert(loop:perform(easy("/hello")))
  first:close()
  assert(coroutine.close(other))
  for _ = 1, 3 do loop:select(nil, nil, 1) end
  assert.equal("CLOSED", name)
  loop:close()
end)
