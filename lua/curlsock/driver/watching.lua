-- What the hooks are told: all that the multi waits for while transfers run, and nothing of it
-- while none does (driver.awake says which; nil when a hook has failed: nobody knows); the
-- descriptors of those who wait for one; and the first time of all.
local coroutines = require "curlsock.driver.coroutines"
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"
local shrinking = require "curlsock.driver.shrinking"

local watching = {}

-- ---- descriptors ------------------------------------------------------------------------------

-- Tells for what a descriptor is to be watched: for the multi, and whoever waits for it.
local function watch(driver, fd, events)
  local own = driver.wanted[fd]
  if own and events and own ~= events then events = "rw" end
  driver.hooks.watch(fd, events or own)
end

--- driver.wanted[fd] has changed. (Where the hook fails it is told again, later.)
function watching.watch(driver, fd)
  driver.doubted[fd] = true
  watch(driver, fd, driver.awake and driver.watched[fd] or nil)
  driver.doubted[fd] = nil
end

--- Tells again where a hook has failed.
function watching.watch_again(driver)
  for fd in pairs(driver.doubted) do watching.watch(driver, fd) end
end

-- Before it is closed. (Where the hook fails this is told again, before anything else of that
-- number.)
local function unwatch(driver, fd)
  driver.stale[fd] = true
  watch(driver, fd, nil)
  driver.stale[fd] = nil
end

-- Nobody knows what the hooks have been told, but that it is no other descriptor than these.
local function refresh(driver)
  local now = driver.multi and driver.multi:watches() or {}
  for fd in pairs(driver.stale) do unwatch(driver, fd) end
  for fd in pairs(driver.watched) do
    if not now[fd] then
      watch(driver, fd, nil)
      shrinking.remove(driver, "watched", fd)
    end
  end
  for fd, events in pairs(now) do driver.watched[fd] = events end
end

-- ---- the time ---------------------------------------------------------------------------------

-- Longer than this no library waits; it is told again then.
local LONGEST <const> = 86400

-- Tells the earlier of libcurl's time and the driver's own.
local function set_timer(driver, seconds)
  local left = driver.soon and 0 or driver.due and math.max(0, driver.due - curl.now())
  if left and not (seconds and seconds < left) then seconds = math.min(left, LONGEST) end
  driver.timed = driver.timed or seconds ~= nil
  if driver.timed then driver.hooks.timer(seconds) end
  driver.timed = seconds ~= nil
end

-- libcurl's time, of which the pollfd takes care. Inside a callback it cannot be asked: all is told
-- again when the multi's call has ended.
local function library_time(driver)
  if not driver.awake or driver.pollable or not driver.multi then return nil end
  if not curl.inside(driver.multi) then return driver.multi:timeout() end
  driver.awake = nil
  return nil
end

--- driver.due has changed. (Until the hook knows, driver.untold says that it is to be told again.)
function watching.set_timer(driver)
  driver.untold = true
  local ok, err = pcall(set_timer, driver, library_time(driver))
  driver.untold = not ok
  if ok then return end
  watching.doubt(driver)
  failure.keep(driver, err)
end

--- Something is to go on, which has not happened in a turn of the loop: there is one soon.
function watching.look_soon(driver)
  if driver.soon or driver.resuming or driver.calling then return end
  driver.soon = true
  watching.set_timer(driver)
end

-- ---- all of it --------------------------------------------------------------------------------

local function tell(driver, awake)
  if driver.awake == nil then refresh(driver) end
  driver.awake = nil
  for fd, events in pairs(driver.watched) do watch(driver, fd, awake and events or nil) end
  driver.awake = awake
  set_timer(driver, library_time(driver))
end

--- The multi's callbacks pass on what it waits for.
function watching.begin(driver)
  driver.watched, driver.awake = shrinking.new(), false
  driver.wanted, driver.doubted = shrinking.new(), {}
  driver.stale = {}

  local function pass(hook, ...)
    if not driver.awake then return end -- all is told together, later
    driver.awake = nil
    hook(driver, ...)
    driver.awake = true
  end

  driver.multi:setopt {
    socketfunction = function(fd, events)
      if events then
        driver.watched[fd] = events
        return pass(watch, fd, events)
      end
      if driver.awake == nil then unwatch(driver, fd) else pass(unwatch, fd) end
      shrinking.remove(driver, "watched", fd) -- not before
    end,
    timerfunction = function(seconds) pass(set_timer, seconds) end,
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

local function try(driver, f, ...)
  local ok, err = pcall(f, driver, ...)
  if not ok then failure.keep(driver, err) end
end

--- A call from outside the loop returns. Inside a callback of another loop this is left to that.
function watching.settle(driver)
  if next(driver.doubted) ~= nil then try(driver, watching.watch_again) end
  if not curl.inside() then driver.hooks.settle() end
end

--- Nothing of the multi's is watched any more.
function watching.stop(driver)
  if driver.awake ~= false then try(driver, tell, false) end
  watching.settle(driver)
end

-- Nothing has a time any more.
local function forget_time(driver)
  driver.due = nil
  watching.set_timer(driver)
end

-- libcurl has something left to do: connections that it has ended wait for their servers' goodbye,
-- seconds at most. (Inside a callback it cannot be asked.)
local function lingers(driver)
  return driver.awake and not curl.inside(driver.multi) and driver.multi:timeout() ~= nil
end

--- Transfers may have ended, and a hook failed. (What goes on later, and not at once, when it is
-- resumed may be about to start another.)
function watching.adjust(driver)
  if driver.due and not driver.clock:any() then forget_time(driver) end
  if not driver.multi or driver.awake == false then return end
  if driver.active > 0 then
    if driver.awake == nil then try(driver, tell, true) end
  elseif not (driver.later and coroutines.any(driver)) and not lingers(driver) then
    watching.stop(driver)
  end
end

return watching
