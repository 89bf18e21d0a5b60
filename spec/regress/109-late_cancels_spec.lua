-- A task that a close callback cancelled, of a transfer whose time was up, was still in the loop's
-- multi when the coroutines went on. Found by soak.
local curl = require "curlsock"
local new = require("curlsock.loop").new
local servers = require "spec.support.servers"

it("what the end of a late transfer cancels is gone before anything goes on", function()
  local url = servers.nginx().url .. "/slow?rate=1k"
  local loop <close> = new()
  local other <close> = curl.easy { url = url, proxy = "" }
  local task, name, left
  local late <close> = curl.easy {
    url = url, proxy = "", closesocketfunction = function() task:cancel() end,
  }
  loop:spawn(function()
    name, left = select(3, loop:perform(late, 0.05)), #loop.multi:easies()
  end)
  task = loop:spawn(loop.perform, loop, other)
  loop:run()
  assert.same({ "OPERATION_TIMEDOUT", 0 }, { name, left })
end)
