-- A wakeup inside a callback was lost if the timer had run out in the same step.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("multi:wakeup inside a callback ends the next poll, whatever else the step did", function()
  local multi <close> = curl.multi()
  local fd = multi:pollfd()
  local woken = false
  local easy <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
    writefunction = function()
      multi:wakeup()
      woken = true
    end }
  multi:add(easy)
  while not woken do
    multi:poll(1)
    if not fd then
      multi:perform()
    else
      multi:wakeup()
      multi:socket_action(fd, "r")
    end
  end
  local start = curl.now()
  local ready = multi:poll(2)
  assert.is_true(curl.now() - start < 1)
  if fd then assert.equal(1, ready) end
end)
