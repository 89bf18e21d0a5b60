-- Who wants to perform a transfer asks the policy first, if that has an admit: first come, first
-- served, and what it takes is the loop's own time.
local clock = require "curlsock.driver.clock"
local curl = require "curlsock"
local waiting = require "curlsock.driver.waiting"

local now = curl.now

local admission = {}

--- driver.admit is the policy's function, or nil; driver.queue has the places of those who are not
-- in yet, in order, with holes.
function admission.begin(driver, policy)
  driver.admit = policy and (policy.admit or policy.policy and policy.policy.admit) or nil
  driver.queue = { first = 1, last = 0 }
end

-- The first that still waits.
local function head(queue)
  while queue.first <= queue.last and not queue[queue.first] do queue.first = queue.first + 1 end
  return queue[queue.first]
end

--- A place in the queue. When it is left the next one asks.
local Place = {}
Place.__index = Place

local function enter(driver)
  local queue = driver.queue
  local place = setmetatable({ driver = driver, number = queue.last + 1 }, Place)
  queue[place.number], queue.last = place, place.number
  return place
end

function Place:__close()
  local queue = self.driver.queue
  local was_first = head(queue) == self
  queue[self.number] = nil
  local first = head(queue)
  if was_first and first and first.wait then waiting.signal(self.driver, first.wait) end
end

-- What the policy says: true, seconds, or nil, why not, "REFUSED".
local function ask(driver, easy)
  local answer, reason = driver.admit(easy, driver)
  if answer == true or type(answer) == "number" and answer >= 0 then return answer end
  if answer then reason = "the policy's admit must return true, seconds, or nil and a reason" end
  return nil, tostring(reason or "refused"), "REFUSED"
end

-- Waits until its turn has come, or so long.
local function pause(driver, place, seconds)
  local wait <close> = waiting.new(driver)
  place.wait = wait
  if seconds then clock.start(driver, wait, seconds) end
  return waiting.result(driver, wait, "perform")
end

-- How long to wait: the shorter of two, each of which may be none.
local function shorter(a, b)
  return a and b and math.min(a, b) or a or b
end

local function stand_in_line(driver, easy, seconds, deadline)
  local place <close> = enter(driver)
  while true do
    local left = deadline and deadline - now()
    if left and left <= 0 then return nil, nil, "TIMEDOUT" end
    local ok, message, name = pause(driver, place, shorter(seconds, left))
    if not ok and name == "CLOSED" then return nil, message, name end
    seconds = nil
    if head(driver.queue) == place then
      seconds, message, name = ask(driver, easy)
      if type(seconds) ~= "number" then return seconds, message, name end
    end
  end
end

--- Waits until the transfer is let in, at most until the deadline. Returns true, or nil, message,
-- name ("REFUSED", "TIMEDOUT", "CLOSED").
function admission.enter(driver, easy, deadline)
  local seconds, message, name
  if not head(driver.queue) then
    seconds, message, name = ask(driver, easy)
    if type(seconds) ~= "number" then return seconds, message, name end
  end
  return stand_in_line(driver, easy, seconds, deadline)
end

return admission
