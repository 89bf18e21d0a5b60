-- What the hooks are told: all that the multi waits for while transfers run, and nothing while
-- none does. (driver.awake says which; nil when a hook has failed: nobody knows.)
local coroutines = require "curlsock.driver.coroutines"
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"

local watching = {}

-- Nobody knows what the hooks have been told, but that it is no other descriptor than these.
local function refresh(driver)
  local now, hooks = driver.multi and driver.multi:watches() or {}, driver.hooks
  for fd in pairs(driver.watched) do
    if not now[fd] then
      hooks.watch(fd, nil)
      driver.watched[fd] = nil
    end
  end
  for fd, events in pairs(now) do driver.watched[fd] = events end
end

-- Tells the earlier of libcurl's time and the driver's own.
local function set_timer(driver, seconds)
  local left = driver.due and math.max(0, driver.due - curl.now())
  if left and not (seconds and seconds < left) then seconds = left end
  driver.timed = driver.timed or seconds ~= nil
  if driver.timed then driver.hooks.timer(seconds) end
  driver.timed = seconds ~= nil
end

-- libcurl's time, of which the pollfd takes care.
local function library_time(driver)
  return not driver.pollable and driver.multi and driver.multi:timeout() or nil
end

--- driver.due has changed.
function watching.set_timer(driver)
  if not driver.awake then return end -- all is told together, later
  local ok, err = pcall(set_timer, driver, library_time(driver))
  if ok then return end
  driver.awake = nil
  failure.keep(driver, err)
end

local function tell(driver, awake)
  local hooks = driver.hooks
  if driver.awake == nil then refresh(driver) end
  driver.awake = nil
  for fd, events in pairs(driver.watched) do hooks.watch(fd, awake and events or nil) end
  if not awake then driver.due = nil end
  set_timer(driver, awake and library_time(driver) or nil)
  driver.awake = awake
end

--- The multi's callbacks pass on what it waits for.
function watching.begin(driver)
  local hooks, watched = driver.hooks, {}
  driver.watched, driver.awake = watched, false

  local function pass(hook, ...)
    if not driver.awake then return end -- all is told together, later
    driver.awake = nil
    hook(...)
    driver.awake = true
  end

  driver.multi:setopt {
    socketfunction = function(fd, events)
      if events then watched[fd] = events end
      pass(hooks.watch, fd, events)
      if not events then watched[fd] = nil end -- not before
    end,
    timerfunction = function(seconds) pass(set_timer, driver, seconds) end,
  }
  driver.pollable = driver.multi:pollfd()
end

--- A call of the multi has failed: that may have been by a callback above.
function watching.doubt(driver)
  if driver.awake then driver.awake = nil end
end

--- Before a transfer is waited for, where not driver.awake.
function watching.wake(driver)
  tell(driver, true)
end

local function try(driver, awake)
  local ok, err = pcall(tell, driver, awake)
  if not ok then failure.keep(driver, err) end
end

--- A call from outside the loop returns. Inside a callback of another loop this is left to that.
function watching.settle(driver)
  if not curl.inside() then driver.hooks.settle() end
end

--- Nothing is watched any more.
function watching.stop(driver)
  if driver.awake ~= false then try(driver, false) end
  watching.settle(driver)
end

--- Transfers may have ended, and a hook failed. (What goes on later, and not at once, when it is
-- resumed may be about to start another.)
function watching.adjust(driver)
  if not driver.multi or driver.awake == false then return end
  if driver.active > 0 then
    if driver.awake == nil then try(driver, true) end
  elseif not (driver.later and coroutines.any(driver)) then
    watching.stop(driver)
  end
end

--- The same when a coroutine that was spawned has ended.
function watching.task_ended(driver)
  if driver.later then watching.adjust(driver) end
end

return watching
