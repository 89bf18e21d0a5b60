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
local WAITING <const> = 1 -- set by multi:await, or when it waits otherwise
local STATE <const> = 2 -- one of those below
local DRIVER <const>, TIMER <const>, NAME <const>, MESSAGE <const> = 3, 4, 5, 6
local EASY <const> = 7
local SECONDS <const> = 8 -- how long it may take, if it has a limit
local NEXT <const> = 9 -- of those that may be used again

-- Begun; in the multi still, but nobody waits for it; ended.
local RUNNING <const>, CANCELLED <const>, DONE <const> = 2, 3, 4

-- As multi:await, but that nothing is suspended.
local function add(multi, easy, transfer)
  if type(easy) == "table" then return false end
  return multi:add(easy, transfer)
end

--- driver.active is how many the multi may have. Those to be removed wait in driver.cancelled until
-- that is done, whatever is thrown meanwhile. driver.start adds one, while the loop is awake, and
-- suspends its coroutine, where that can just yield; nil where there is more to do before.
-- driver.promised has streams and WebSockets by their easies: what they perform may begin later.
function transfers.begin(driver)
  driver.active = 0
  driver.idle = false -- the first that may be used again
  if not (driver.later or driver.admit) then driver.start = driver.multi.await end
  driver.cancelled = {}
  driver.promised = setmetatable({}, { __mode = "k" })
end

-- Nothing of it is to come any more. n: how many the multi has, which may have been told already.
local function leave(driver, transfer, n)
  if transfer[STATE] == DONE then return end
  local torn = driver.torn
  driver.torn = true -- who is interrupted between these leaves it to mend
  transfer[STATE], transfer[EASY] = DONE, false
  driver.active = math.max(driver.active - 1, n or 0)
  driver.torn = torn
end

-- Whether the multi still has it, and how many it has: its easy may be in for another. (An easy
-- that was closed has left the multi by that.)
local function is_in(driver, transfer)
  local easy, multi = transfer[EASY], driver.multi
  if not multi then return false end
  if curl.type(easy) ~= "easy" then return false, #multi:easies() end
  local value, n = multi:easies(easy)
  return value == transfer, n
end

-- ---- cancelling -------------------------------------------------------------------------------

-- Removes it from the multi. (It may have left that already.)
local function withdraw(driver, transfer)
  if transfer[STATE] == DONE then return true end
  local still, n = is_in(driver, transfer)
  if not still then
    if n then leave(driver, transfer, n) end
    transfer[STATE], transfer[EASY] = DONE, false
    return true
  end
  local ok, err = pcall(driver.multi.remove, driver.multi, transfer[EASY])
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

-- What is wrong with it; nil: nothing.
local function wrong_easy(name, easy)
  local what = curl.type(easy)
  if what == "closed easy" then return name .. ": the easy is closed" end
  return what ~= "easy" and name .. ": curlsock.easy expected, got " .. type(easy) or nil
end

--- Raises an error unless it is an easy that this loop does not use.
function transfers.check_easy(driver, name, easy, level)
  local why = wrong_easy(name, easy)
  local by = driver.promised[easy]
  if not why and (by and not by.result or driver.multi:easies(easy) ~= nil) then
    why = name .. ": the easy is in use"
  end
  if why then error(why, level + 1) end
end

-- Why it could not be added; nil: as the multi says.
local function reason(multi, easy)
  if inside(multi) then return "perform is not allowed inside a callback of this loop" end
  return wrong_easy("perform", easy)
end

-- What the multi says of its argument, as said of that of perform; nil: it says something else.
local function renamed(err)
  local why = type(err) == "string" and err:match("bad argument #%d to '%S+' %((.*)%)$")
  return why and "perform: " .. why or nil
end

-- It is not in the multi, which has n: its result is on the way, if anybody waits for that, or it
-- never began.
local function leave_unstarted(driver, transfer, n, waited, err)
  local easy = transfer[EASY]
  if n or not waited then leave(driver, transfer, n) end
  transfer[STATE], transfer[EASY] = DONE, false
  if waited then return end
  local why = err ~= nil and driver.multi and (reason(driver.multi, easy) or renamed(err))
  if why then error(why, 0) end
end

-- One that has succeeded is used again: nothing has it any more, but maybe driver.ended and
-- driver.results, which does no harm: they may have it long, but not its easy.
function Transfer:__close(err)
  local driver, waited = self[DRIVER], self[WAITING]
  self[WAITING] = false
  if self[TIMER] then clock.stop(driver, self) end
  if self[STATE] == DONE then
    self[EASY] = false
    if err ~= nil or self[NAME] then return end
    self[NEXT] = driver.idle
    driver.idle = self
    return
  end
  local still, n = is_in(driver, self)
  if not still then return leave_unstarted(driver, self, n, waited, err) end
  self[STATE] = CANCELLED
  local ok, failed = cancel(driver, self)
  if ok then return end
  if err == nil then error(failed, 0) end
  failure.keep(driver, failed)
end

-- ---- its beginning ----------------------------------------------------------------------------

local function new(driver)
  local fields = { false, DONE, driver, false, false, false, false, 0, false }
  local transfer = setmetatable(fields, Transfer)
  driver.own[transfer] = true
  return transfer
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

local function outcome(transfer)
  local name, message = transfer[NAME], transfer[MESSAGE]
  if not name then return true end
  if name == "CALLBACK" then error(message, 0) end
  return nil, message, name
end

-- It was added, but has not waited until it ended; or it was not added: an options' table is none.
local function wait(driver, transfer, seconds, added, message, name)
  local easy = transfer[EASY]
  if not added and not transfer[WAITING] then
    leave(driver, transfer)
    if added == false then return perform_options(driver, easy, seconds) end
    return nil, message, name
  end
  if driver.cancelled[1] then transfers.remove_cancelled(driver) end
  if not driver.awake then watching.wake(driver) end
  suspend(driver, transfer, "perform")
  return outcome(transfer)
end

local READY <const> = {} -- no script has it

-- The policy is asked first.
local function perform_admitted(driver, easy, seconds, deadline)
  if type(easy) == "table" then return perform_options(driver, easy, seconds) end
  local why = reason(driver.multi, easy)
  if why then error(why, 0) end
  local ok, message, name = admission.enter(driver, easy, deadline)
  if ok then return transfers.perform(driver, easy, seconds, READY, deadline) end
  if name == "TIMEDOUT" then return nil, late_message(seconds), "OPERATION_TIMEDOUT" end
  return nil, message, name
end

-- What is not the same each time.
local function prepare(driver, easy, seconds)
  if not driver.multi then error("perform: the loop is closed", 2) end
  if seconds then waiting.check_seconds("perform", seconds, 2) end
  local deadline = seconds and now() + seconds
  if driver.admit then return perform_admitted(driver, easy, seconds, deadline) end
  return transfers.perform(driver, easy, seconds, READY, deadline)
end

--- perform(easy | options [, seconds]), of the driver. READY: when it is prepared, with a deadline
-- if it has a limit.
function transfers.perform(driver, easy, seconds, ready, deadline)
  local start = driver.awake and driver.start
  if (seconds or not start) and ready ~= READY then return prepare(driver, easy, seconds) end
  local transfer <close> = driver.idle or new(driver)
  driver.idle = transfer[NEXT]
  transfer[EASY] = easy -- before the next, for an interrupt between
  transfer[STATE] = RUNNING
  driver.active = driver.active + 1
  if seconds then limit(driver, transfer, seconds, deadline) end
  local added, message, name = (start or add)(driver.multi, easy, transfer)
  if transfer[STATE] ~= DONE then
    return wait(driver, transfer, seconds, added, message, name)
  end
  if not transfer[NAME] then return true end
  return outcome(transfer)
end

--- The same as pcall gives it, where the loop was open when somebody wanted it.
function transfers.try(driver, easy, seconds)
  if not driver.multi then return true, nil, "perform: the loop was closed", "CLOSED" end
  return pcall(transfers.perform, driver, easy, seconds)
end

--- Takes the results that libcurl has, when those that it had are taken.
function transfers.collect(driver)
  if driver.results[driver.taken] ~= nil then waiting.resume_ended(driver) end
  if not driver.multi then return end
  local list, _ = driver.results, nil
  list[1], driver.taken, driver.batch = nil, 1, driver.batch + 1
  _, driver.active = driver.multi:results(list)
end

--- Ends that of the easy at once: the coroutine that waits for it is cancelled, but may go on
-- later.
function transfers.cancel(driver, easy)
  local transfer = driver.multi and curl.type(easy) == "easy" and driver.multi:easies(easy)
  if driver.own[transfer] then transfer:__close "cancelled" end
end

--- Its time is over.
function Transfer:late()
  local driver = self[DRIVER]
  if self[STATE] ~= RUNNING or not is_in(driver, self) then return end
  local ok, err = pcall(driver.multi.remove, driver.multi, self[EASY])
  driver.active = driver.active - 1
  waiting.finish(driver, self, "OPERATION_TIMEDOUT", late_message(self[SECONDS]))
  if not ok then failure.keep(driver, err) end
end

--- The multi was closed, which had these: all have ended.
function transfers.close_all(driver, list)
  for _, transfer in ipairs(list) do
    if driver.own[transfer] and transfer[STATE] == RUNNING then
      waiting.finish(driver, transfer, "CLOSED", "the loop was closed")
    end
  end
  driver.active, driver.cancelled = 0, {}
end

--- After something was thrown at any place in here.
function transfers.mend(driver)
  driver.active = driver.multi and #driver.multi:easies() or 0
end

return transfers
