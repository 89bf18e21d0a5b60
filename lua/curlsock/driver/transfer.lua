-- A transfer that somebody waits for: from multi:add until a coroutine goes on with its result.
local coroutines = require "curlsock.driver.coroutines"
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"
local watching = require "curlsock.driver.watching"

local isyieldable, yield = coroutine.isyieldable, coroutine.yield
local suspend = coroutines.suspend

local inside, now = curl.inside, curl.now

local transfers = {}

-- The multi keeps it in the easy's place. Closing it before its end cancels it. There is one for
-- each request, so it is an array of these fields, and is used again.
local Transfer = {}
local DRIVER <const>, EASY <const> = 1, 2
local STATE <const> = 3 -- one of those below
local WAITING <const> = 4 -- what is suspended meanwhile, or false
local NAME <const>, MESSAGE <const> = 5, 6 -- how it failed, or false
local DEADLINE <const>, SECONDS <const> = 7, 8 -- when its time is over, if it has a limit
local NEXT <const> = 9 -- of those that may be used again

-- New; in the multi; in it still, but nobody waits for it; ended.
local ADDING <const>, RUNNING <const>, CANCELLED <const>, DONE <const> = 1, 2, 3, 4

--- driver.active is how many the multi may have. Those whose coroutines are to go on wait in
-- driver.ended, those to be removed in driver.cancelled: until that is done, whatever is thrown
-- meanwhile.
-- turn(driver) runs the loop.
function transfers.begin(driver, turn)
  driver.turn = turn
  driver.active = 0
  driver.idle = false -- the first that may be used again
  driver.own = setmetatable({}, { __mode = "k" }) -- which are this driver's
  driver.results = {} -- as multi:results fills it; empty when all of them were taken
  driver.ended = { first = 1, last = 0 }
  driver.cancelled = {}
end

local function leave(driver, transfer)
  if transfer[STATE] == DONE then return end
  transfer[STATE] = DONE
  driver.active = driver.active - 1
end

-- Whether the multi still has it: its easy may be in for another. (An easy that was closed has left
-- the multi by that.)
local function is_in(driver, transfer)
  local easy, multi = transfer[EASY], driver.multi
  return multi and curl.type(easy) == "easy" and multi:easies(easy) == transfer
end

-- ---- its end ----------------------------------------------------------------------------------

-- Ends those in the list, which is as multi:results fills it: those who wait for them are to go on.
-- (Where nobody does the result is nobody's; what the program has added by itself is its own.)
local function finish(driver, list)
  local i, transfer, own, ended = 1, list[1], driver.own, driver.ended
  if ended.first > ended.last then ended.first, ended.last = 1, 0 end
  while transfer ~= nil do
    local state = own[transfer] and transfer[STATE] or DONE
    if state == RUNNING then
      local last = ended.last + 1
      transfer[NAME], transfer[MESSAGE] = list[i + 1], list[i + 2]
      ended[last], ended.last = transfer, last
    end
    if state ~= DONE then transfer[STATE], driver.active = DONE, driver.active - 1 end
    list[i], list[i + 2] = false, false -- once is enough
    i = i + 3
    transfer = list[i]
  end
  list[1] = nil
end

--- Lets those go on that wait for transfers that have ended: they may start others, run the loop,
-- or close the driver. Returns whether there was any.
function transfers.resume_ended(driver)
  local ended, any = driver.ended, false
  while ended.first <= ended.last do
    local i = ended.first
    local transfer = ended[i]
    local waiting = transfer and transfer[WAITING]
    if waiting then
      any = true
      local ok, err = driver.hooks.resume(waiting)
      if not ok then coroutines.failed(driver, driver.hooks.resume, waiting, err) end
    end
    if ended[i] == transfer then ended[i], ended.first = nil, i + 1 end -- not done meanwhile
  end
  return any
end

-- ---- cancelling -------------------------------------------------------------------------------

-- Removes it from the multi.
local function withdraw(driver, transfer)
  local easy, multi = transfer[EASY], driver.multi
  if transfer[STATE] == DONE then return true end
  if not multi or curl.type(easy) ~= "easy" then return true, leave(driver, transfer) end
  local ok, err = pcall(multi.remove, multi, easy)
  if ok or not is_in(driver, transfer) then leave(driver, transfer) end
  if not ok then watching.doubt(driver) end
  return ok, err
end

--- Removes what was cancelled inside a callback, where that is refused.
function transfers.remove_cancelled(driver)
  local list = driver.cancelled
  if not list[1] or driver.multi and inside(driver.multi) then return end
  local i = 1
  while list[i] do
    local ok, err = withdraw(driver, list[i])
    if not ok then failure.keep(driver, err) end
    i = i + 1
  end
  driver.cancelled = {}
end

local function cancel(driver, transfer)
  driver.cancelled[#driver.cancelled + 1] = transfer
  if driver.multi and inside(driver.multi) then return true end
  local ok, err = withdraw(driver, transfer)
  transfers.remove_cancelled(driver)
  watching.adjust(driver)
  watching.settle(driver)
  return ok, err
end

-- One that has succeeded is used again: nothing has it any more, but maybe driver.ended, which does
-- no harm, and driver.results, if taking it from there was interrupted.
function Transfer:__close(err)
  local driver, state = self[DRIVER], self[STATE]
  self[WAITING] = false
  if state == DONE then
    if err ~= nil or self[NAME] or driver.results[1] ~= nil then return end
    self[EASY], self[DEADLINE], self[NEXT] = false, false, driver.idle
    driver.idle = self
    return
  end
  if state == ADDING and not is_in(driver, self) then return transfers.mend(driver) end
  if state == ADDING then watching.doubt(driver) end
  self[STATE] = CANCELLED
  local ok, failed = cancel(driver, self)
  if ok then return end
  if err == nil then error(failed, 0) end
  failure.keep(driver, failed)
end

-- ---- its beginning ----------------------------------------------------------------------------

local function new(driver)
  local fields = { driver, false, DONE, false, false, false, false, 0, false }
  local transfer = setmetatable(fields, Transfer)
  driver.own[transfer] = true
  return transfer
end

-- Why it cannot be added; nil: as multi:add says.
local function reason(multi, easy)
  local what = curl.type(easy)
  if inside(multi) then return "perform is not allowed inside a callback of this loop" end
  if what == "closed easy" then return "perform: the easy is closed" end
  return what ~= "easy" and "perform: curlsock.easy expected, got " .. type(easy) or nil
end

-- It was refused: what mend would find out by a look at all. (In this order: if an interrupt comes
-- between the two its end of scope mends.)
local function never_began(driver, transfer)
  driver.active = driver.active - 1
  transfer[STATE] = DONE
end

-- libcurl, which keeps that time but while the transfer waits for a connection, comes first.
local GRACE <const> = 0.05

-- Gives it so much time.
local function limit(driver, transfer, seconds)
  assert(transfer[EASY]:setopt("timeout", seconds))
  local deadline = now() + seconds + GRACE
  transfer[DEADLINE], transfer[SECONDS] = deadline, seconds
  if driver.due and driver.due <= deadline then return end
  driver.due = deadline
  watching.set_timer(driver)
end

-- What can be suspended waits for its end, else the loop is run. Returns what perform does, or
-- raises it.
local function wait(driver, transfer)
  local hooks = driver.hooks
  local waiting = isyieldable() and hooks.current() or false
  transfer[WAITING] = waiting
  while transfer[STATE] ~= DONE do
    if not waiting then
      driver:turn("perform")
    elseif hooks.suspend == suspend then
      yield() -- quicker
    else
      hooks.suspend(waiting)
    end
  end
  if not waiting then watching.settle(driver) end
  local name, message = transfer[NAME], transfer[MESSAGE]
  if not name then return true end
  if name == "CALLBACK" then error(message, 0) end
  return nil, message, name
end

--- perform(easy [, seconds]), of the driver.
function transfers.perform(driver, easy, seconds)
  local multi = driver.multi
  if not multi then error("perform: the loop is closed", 2) end
  local transfer <close> = driver.idle or new(driver)
  driver.idle = transfer[NEXT]
  transfer[EASY], transfer[STATE] = easy, ADDING
  driver.active = driver.active + 1
  local ok, added, message, name = pcall(multi.add, multi, easy, transfer)
  if not ok then
    if not is_in(driver, transfer) then never_began(driver, transfer) end
    error(reason(multi, easy) or added, 0)
  end
  if driver.cancelled[1] then transfers.remove_cancelled(driver) end
  if not added then return nil, message, name end
  transfer[STATE] = RUNNING
  if seconds then limit(driver, transfer, seconds) end
  if not driver.awake then watching.wake(driver) end
  return wait(driver, transfer)
end

--- Ends those that libcurl has finished.
function transfers.collect(driver)
  local list, multi = driver.results, driver.multi
  if list[1] ~= nil then finish(driver, list) end -- of a call that was interrupted
  if multi and multi:results(list) > 0 then finish(driver, list) end
end

-- Its time is over, and libcurl has not noticed.
local function end_late(driver, transfer)
  if transfer[STATE] == DONE then return end
  local ok, err = pcall(driver.multi.remove, driver.multi, transfer[EASY])
  local message = "Operation timed out after %d milliseconds"
  finish(driver, { transfer, "OPERATION_TIMEDOUT", message:format(transfer[SECONDS] * 1000 // 1) })
  if not ok then failure.keep(driver, err) end
end

--- The driver's time driver.due has come: it is that of the first transfer. To look through all of
-- them ten times a second is enough.
function transfers.end_late(driver)
  local time, first = now(), math.huge
  for _, transfer in ipairs(driver.multi and driver.multi:easies() or {}) do
    local deadline = driver.own[transfer] and transfer[DEADLINE]
    if deadline and deadline <= time then
      end_late(driver, transfer)
    elseif deadline then
      first = math.min(first, deadline)
    end
  end
  driver.due = first < math.huge and math.max(first, time + 0.1) or nil
end

--- The multi was closed, which had these: all have ended.
function transfers.close_all(driver, list)
  for _, transfer in ipairs(list) do
    finish(driver, { transfer, "CLOSED", "the loop was closed" })
  end
  driver.active, driver.cancelled = 0, {}
end

--- After something was thrown at any place in here.
function transfers.mend(driver)
  driver.active = driver.multi and #driver.multi:easies() or 0
end

return transfers
