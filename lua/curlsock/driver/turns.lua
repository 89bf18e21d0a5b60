-- What happens in a turn of the loop: the multi is called, transfers end, coroutines go on. An
-- error at any place in here, which may be an interrupt (of a debug hook), comes out; what it has
-- torn is mended in the same call, or with the next turn.
local clock = require "curlsock.driver.clock"
local coroutines = require "curlsock.driver.coroutines"
local curl = require "curlsock"
local descriptors = require "curlsock.driver.descriptors"
local failure = require "curlsock.driver.failure"
local tasks = require "curlsock.driver.tasks"
local transfers = require "curlsock.driver.transfer"
local waiting = require "curlsock.driver.waiting"
local watching = require "curlsock.driver.watching"

local inside, now = curl.inside, curl.now

local turns = {}

--- Ends the transfers that libcurl has finished, and what is late, then lets the coroutines go on
-- that have waited.
function turns.end_transfers(driver)
  if driver.cancelled[1] then transfers.remove_cancelled(driver) end
  transfers.collect(driver)
  if driver.due and driver.due <= now() then
    clock.expire(driver)
    transfers.remove_cancelled(driver)
  end
  waiting.resume_ended(driver)
end

local function mend(driver)
  driver.torn, driver.calling = true, false -- until it is done
  watching.doubt(driver)
  transfers.mend(driver)
  tasks.mend(driver)
  driver.torn = false
  turns.end_transfers(driver)
  watching.adjust(driver)
end

--- Whether the driver's own multi is at work: it cannot be called then. (When its call ends, close
-- callbacks of what others have dropped may run.)
function turns.is_inside(driver)
  return driver.calling or inside() and driver.multi and inside(driver.multi)
end

local function keep(driver, ok, err)
  if not ok then watching.doubt(driver) end
  failure.keep(driver, err)
end

local function drive(driver, method, fd, events)
  if fd and driver.at[fd] then descriptors.ready(driver, fd, events) end
  if method then
    local multi = driver.multi
    driver.calling = true
    local ok, result, message = pcall(multi[method], multi, fd, events)
    driver.calling = false
    if not ok or result == nil then keep(driver, ok, message or result) end
  end
  turns.end_transfers(driver)
  if driver.active == 0 or driver.awake == nil then watching.adjust(driver) end
end

local function refuse_inside(driver, name)
  if not turns.is_inside(driver) then return end
  error(name .. ": the loop cannot go on inside a callback of a transfer", 0)
end

-- Calls a method of the multi, which drives transfers, or none. Raises the first of what it raises,
-- which belongs to no transfer, and what coroutines throw, after all is done.
local function act(driver, method, fd, events)
  local ok, err = pcall(drive, driver, method, fd, events)
  if not ok then
    failure.keep(driver, err)
    mend(driver)
  end
  if driver.failed and failure.is_due(driver) then failure.raise(driver) end
end

--- on_event, of the driver.
function turns.event(driver, fd, events)
  if not driver.multi then return end
  local watched = driver.watched[fd]
  if not watched and not driver.at[fd] then return watching.settle(driver) end
  refuse_inside(driver, "on_event")
  act(driver, watched and "socket_action", fd, events)
end

--- on_timer, of the driver.
function turns.time(driver)
  if not driver.multi then return waiting.resume_ended(driver) end -- was closed
  refuse_inside(driver, "on_timer")
  act(driver, driver.awake ~= false and not driver.pollable and "socket_action")
end

-- Whether an earlier turn has left anything.
local function is_behind(driver)
  local ended = driver.ended
  return ended.first <= ended.last or driver.results[driver.taken] ~= nil or driver.cancelled[1]
    or driver.torn or driver.untold or driver.unswept[1]
end

--- Does what an earlier turn has left. Returns whether a coroutine went on: there may be nothing to
-- wait for any more.
function turns.catch_up(driver)
  if not is_behind(driver) or turns.is_inside(driver) then return false end
  if driver.torn then mend(driver) end
  if driver.unswept[1] then waiting.sweep(driver) end
  if driver.untold then clock.tell(driver) end
  if driver.cancelled[1] then transfers.remove_cancelled(driver) end
  local any = waiting.resume_ended(driver)
  watching.adjust(driver)
  if driver.failed and failure.is_due(driver) then failure.raise(driver) end
  return any
end

local function seconds_until(due)
  return math.min(60, math.max(0, due - now()))
end

-- Waits, for what others than the multi wait for, too: whether the multi is to be called. (It may
-- be only because something is late.)
local function poll(driver)
  local wanted = next(driver.wanted) ~= nil and driver.wanted or nil
  local ready, list = driver.multi:poll(driver.due and seconds_until(driver.due) or 60, wanted)
  if not ready then error(list, 0) end
  if wanted then
    for fd, events in pairs(list) do descriptors.ready(driver, fd, events) end
  end
  return driver.active > 0
end

-- Goes on without waiting with what libcurl has left to do though no transfer runs.
local function linger(driver)
  if not driver.awake or turns.is_inside(driver) then return end
  act(driver, "socket_action", driver.pollable, driver.pollable and "r")
end

-- Whether there is anything that a wait would end with.
local function has_waits(driver)
  return driver.active > 0 or driver.clock:any() or next(driver.wanted) ~= nil
end

-- Lets libcurl look at all that it waits for, and tell what that is now: of what perform does it
-- tells nothing, and nobody would wait for it.
local function look_at_all(driver)
  for fd, events in pairs(driver.multi:watches()) do turns.event(driver, fd, events) end
  turns.time(driver)
end

local CAUGHT_UP <const> = {} -- no script has it

--- step(), of the driver. how: what was called in its place, or CAUGHT_UP when there is nothing to
-- do before it.
function turns.step(driver, how)
  local caught_up = how == CAUGHT_UP
  if not driver.multi or not caught_up and is_behind(driver) and turns.catch_up(driver) then
    return
  end
  if driver.active == 0 and not has_waits(driver) then return linger(driver) end
  if not caught_up then refuse_inside(driver, how or "step") end
  if not poll(driver) then
    act(driver)
  elseif driver.pollable then
    act(driver, "socket_action", driver.pollable, "r")
  elseif driver.is_told then
    look_at_all(driver)
  else
    act(driver, "perform")
  end
end

local function is_busy(driver)
  if driver.multi and (has_waits(driver) or waiting.is_behind(driver)) then return true end
  return not inside() and coroutines.any(driver) and driver.hooks.busy()
end

--- Runs the loop until something happens. Inside a callback of any transfer the loop around may be
-- one that cannot be entered again.
function turns.turn(driver, name)
  if driver.held or driver.failed and failure.is_due(driver) then -- of the last turn, of spawn
    watching.settle(driver)
    failure.raise_any(driver)
  end
  if driver.closing then driver:close() end -- that was interrupted
  if is_behind(driver) and turns.catch_up(driver) then return end
  if driver.calling or inside() then return turns.step(driver, name) end
  local ok, err = pcall(driver.hooks.turn, CAUGHT_UP)
  if ok then return end
  driver.torn = true
  error(err, 0)
end

--- The same for who waits outside a coroutine, for what nothing may be left to end.
function turns.turn_for(driver, name)
  if driver.active == 0 and not is_busy(driver) then
    failure.raise_any(driver)
    error(name .. ": nothing is left to wait for", 0)
  end
  turns.turn(driver, name)
end

--- run(), of the driver.
function turns.run(driver)
  turns.catch_up(driver)
  repeat
    while driver.multi and driver.active > 0 or is_busy(driver) do turns.turn(driver, "run") end
    watching.settle(driver)
  until not is_busy(driver)
  failure.raise_any(driver, true)
end

return turns
