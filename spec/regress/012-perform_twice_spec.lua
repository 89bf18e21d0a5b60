-- perform(easy, seconds) of an easy that another coroutine waits for is refused, but had
-- changed the time limit of the transfer that runs.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("A perform that is refused does not change the time limit of another", function()
  local loop <close> = require("curlsock.loop").new()
  local easy = curl.easy { url = servers.nginx().url .. "/slow?rate=4m", proxy = "",
    writefunction = {} }
  local results = {}
  loop:spawn(function() results[1] = loop:perform(easy, 20) end)
  loop:spawn(function() results[2] = pcall(loop.perform, loop, easy, 0.01) end)
  loop:run()
  assert.same({ true, false }, results)
end)
