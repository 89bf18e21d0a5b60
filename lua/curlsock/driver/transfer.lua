-- A transfer that somebody waits for: from multi:add until a coroutine goes on with its result.
local admission = require "curlsock.driver.admission"
local clock = require "curlsock.driver.clock"
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"
local waiting = require "curlsock.driver.waiting"
local watching = require "curlsock.driver.watching"

local inside, now, suspend = curl.inside, curl.now, waiting.suspend

local transfers = {}

-- The multi keeps it in the easy's place. Closing it before its end cancels it. There is one for
-- each request, so it is an array of these fields, and is used again. The first six are those of
-- every wait (waiting.lua).
local Transfer = {}
Transfer.__index = Transfer
local DRIVER <const> = 1
local STATE <const> = 2 -- one of those below
local WAITING <const>, TIMER <const>, NAME <const>, MESSAGE <const> = 3, 4, 5, 6
local EASY <const> = 7
local SECONDS <const> = 8 -- how long it may take, if it has a limit
local NEXT <const> = 9 -- of those that may be used again

-- New; in the multi; in it still, but nobody waits for it; ended.
local ADDING <const>, RUNNING <const>, CANCELLED <const>, DONE <const> = 1, 2, 3, 4

--- driver.active is how many the multi may have. Those to be removed wait in driver.cancelled until
-- that is done, whatever is thrown meanwhile.
function transfers.begin(driver)
  driver.active = 0
  driver.idle = false -- the first that may be used again
  driver.own = setmetatable({}, { __mode = "k" }) -- which are this driver's
  driver.results = {} -- as multi:results fills it; empty when all of them were taken
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
  if self[TIMER] then clock.stop(driver, self) end
  if state == DONE then
    if err ~= nil or self[NAME] or driver.results[1] ~= nil then return end
    self[EASY], self[NEXT] = false, driver.idle
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
  local fields = { driver, DONE, false, false, false, false, false, 0, false }
  local transfer = setmetatable(fields, Transfer)
  driver.own[transfer] = true
  return transfer
end

-- What is wrong with it; nil: nothing.
local function wrong_easy(name, easy)
  local what = curl.type(easy)
  if what == "closed easy" then return name .. ": the easy is closed" end
  return what ~= "easy" and name .. ": curlsock.easy expected, got " .. type(easy) or nil
end

--- Raises an error unless it is an easy that this loop does not use.
function transfers.check_easy(driver, name, easy, level)
  local why = wrong_easy(name, easy)
  if not why and driver.multi:easies(easy) ~= nil then why = name .. ": the easy is in use" end
  if why then error(why, level + 1) end
end

-- Why it cannot be added; nil: as multi:add says.
local function reason(multi, easy)
  if inside(multi) then return "perform is not allowed inside a callback of this loop" end
  return wrong_easy("perform", easy)
end

-- What multi:add says, as said by perform.
local function renamed(err)
  return type(err) == "string" and err:gsub("^bad argument #%d to '%?' %((.*)%)$", "perform: %1")
    or err
end

-- It was refused: what mend would find out by a look at all. (In this order: if an interrupt comes
-- between the two its end of scope mends.)
local function never_began(driver, transfer)
  driver.active = driver.active - 1
  transfer[STATE] = DONE
end

-- How long it may take, what admission took included.
local function limit(driver, transfer, seconds, deadline)
  transfer[SECONDS] = seconds
  clock.start(driver, transfer, math.max(0, deadline - now()))
end

local function late_message(seconds)
  return ("Operation timed out after %d milliseconds"):format(seconds * 1000 // 1)
end

local function perform_options(driver, options, seconds)
  local ok, made, message, name = pcall(curl.easy, options)
  if not ok then error("perform: " .. tostring(made), 0) end
  if not made then return nil, message, name end
  local easy <close> = made
  return transfers.perform(driver, easy, seconds)
end

-- The multi has not taken it: it may be no easy.
local function refuse(driver, transfer, easy, seconds, err)
  if not is_in(driver, transfer) then never_began(driver, transfer) end
  if type(easy) == "table" then return perform_options(driver, easy, seconds) end
  error(reason(driver.multi, easy) or renamed(err), 0)
end

-- seconds and deadline: how long it may take, and until when, if it has a limit.
local function perform(driver, multi, easy, seconds, deadline)
  local transfer <close> = driver.idle or new(driver)
  driver.idle = transfer[NEXT]
  transfer[EASY], transfer[STATE] = easy, ADDING
  driver.active = driver.active + 1
  local ok, added, message, name = pcall(multi.add, multi, easy, transfer)
  if not ok then return refuse(driver, transfer, easy, seconds, added) end
  if driver.cancelled[1] then transfers.remove_cancelled(driver) end
  if not added then return nil, message, name end
  transfer[STATE] = RUNNING
  if seconds then limit(driver, transfer, seconds, deadline) end
  if not driver.awake then watching.wake(driver) end
  suspend(driver, transfer, "perform")
  name, message = transfer[NAME], transfer[MESSAGE]
  if not name then return true end
  if name == "CALLBACK" then error(message, 0) end
  return nil, message, name
end

-- The policy is asked first.
local function perform_admitted(driver, easy, seconds, deadline)
  if type(easy) == "table" then return perform_options(driver, easy, seconds) end
  local why = reason(driver.multi, easy)
  if why then error(why, 0) end
  local ok, message, name = admission.enter(driver, easy, deadline)
  if ok then return perform(driver, driver.multi, easy, seconds, deadline) end
  if name == "TIMEDOUT" then return nil, late_message(seconds), "OPERATION_TIMEDOUT" end
  return nil, message, name
end

-- What is not the same each time.
local function prepare(driver, easy, seconds)
  local multi = driver.multi
  if not multi then error("perform: the loop is closed", 2) end
  if seconds then waiting.check_seconds("perform", seconds, 2) end
  local deadline = seconds and now() + seconds
  if driver.admit then return perform_admitted(driver, easy, seconds, deadline) end
  return perform(driver, multi, easy, seconds, deadline)
end

--- perform(easy | options [, seconds]), of the driver.
function transfers.perform(driver, easy, seconds)
  local multi = driver.multi
  if seconds or not multi or driver.admit then return prepare(driver, easy, seconds) end
  return perform(driver, multi, easy)
end

--- Ends those that libcurl has finished.
function transfers.collect(driver)
  local list, multi = driver.results, driver.multi
  if list[1] ~= nil then finish(driver, list) end -- of a call that was interrupted
  if multi and multi:results(list) > 0 then finish(driver, list) end
end

--- Its time is over.
function Transfer:late()
  local driver = self[DRIVER]
  if self[STATE] == DONE then return end
  local ok, err = pcall(driver.multi.remove, driver.multi, self[EASY])
  finish(driver, { self, "OPERATION_TIMEDOUT", late_message(self[SECONDS]) })
  if not ok then failure.keep(driver, err) end
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
