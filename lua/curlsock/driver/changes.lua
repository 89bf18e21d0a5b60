-- Coroutines that wait until something of an object changes: of a stream, of a WebSocket.
local clock = require "curlsock.driver.clock"
local curl = require "curlsock"
local waiting = require "curlsock.driver.waiting"

local changes = {}

--- object.waits has the waits of those who wait for it.
function changes.begin(object)
  object.waits = {}
end

-- driver.ended may have the wait for long, but not the object.
local function leave(wait)
  if not wait.of then return end
  wait.of.waits[wait] = nil
  wait.of = false
end

--- Something has changed: those who wait look again.
function changes.tell(object)
  for wait in pairs(object.waits) do waiting.signal(object.driver, wait) end
end

--- Waits until ready() is true, at most until the deadline: returns true, or nil, message, name:
-- "CLOSED", of the loop, or "TIMEDOUT".
function changes.wait(object, name, ready, deadline)
  local driver = object.driver
  while not ready() do
    local wait <close> = waiting.new(driver)
    wait.of = object
    wait.leave = leave
    object.waits[wait] = true
    if deadline then clock.start(driver, wait, math.max(0, deadline - curl.now())) end
    local ok, message, why = waiting.result(driver, wait, name)
    if not ok then return nil, message, why end
  end
  return true
end

return changes
