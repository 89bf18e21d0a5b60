-- A transfer that somebody waits for: from multi:add until a coroutine goes on with its result.
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"
local watching = require "curlsock.driver.watching"

local getmetatable, isyieldable, setmetatable = getmetatable, coroutine.isyieldable, setmetatable

local inside, now = curl.inside, curl.now

local transfers = {}

-- The multi keeps it in the easy's place. Closing it before its end cancels it. There is one for
-- each request, so it is an array of these fields, which is made quickly.
local Transfer = {}
local DRIVER <const>, EASY <const> = 1, 2
local STATE <const> = 3 -- one of those below
local WAITING <const> = 4 -- what is suspended meanwhile, or false
local NAME <const>, MESSAGE <const> = 5, 6 -- how it failed, or false
local DEADLINE <const>, SECONDS <const> = 7, 8 -- when its time is over, if it has a limit

-- New; in the multi; in it still, but nobody waits for it; ended.
local ADDING <const>, RUNNING <const>, CANCELLED <const>, DONE <const> = 1, 2, 3, 4

--- driver.active is how many the multi may have. Those whose coroutines are to go on wait in
-- driver.ended, those to be removed in driver.cancelled: until that is done, whatever is thrown
-- meanwhile.
function transfers.begin(driver)
  driver.active = 0
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

-- Those who wait for it are to go on. (Where nobody does the result is nobody's.)
local function finish(driver, transfer, name, message)
  if transfer[STATE] == RUNNING then
    local ended = driver.ended
    if ended.first > ended.last then ended.first, ended.last = 1, 0 end
    transfer[NAME], transfer[MESSAGE] = name, message
    ended[ended.last + 1] = transfer
    ended.last = ended.last + 1
  end
  leave(driver, transfer)
end

local function go_on(driver, transfer)
  local waiting = transfer[WAITING]
  if not waiting then return false end
  local ok, err = driver.hooks.resume(waiting)
  transfer[WAITING] = false
  if not ok then failure.keep(driver, err) end
  return true
end

--- Lets those go on that wait for transfers that have ended: they may start others, run the loop,
-- or close the driver. Returns whether there was any.
function transfers.resume_ended(driver)
  local ended, any = driver.ended, false
  while ended.first <= ended.last do
    local i = ended.first
    local transfer = ended[i]
    if transfer then any = go_on(driver, transfer) or any end
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

function Transfer:__close(err)
  local driver, state = self[DRIVER], self[STATE]
  self[WAITING] = false
  if state == DONE then return end
  if state == ADDING and not is_in(driver, self) then return transfers.mend(driver) end
  if state == ADDING then watching.doubt(driver) end
  self[STATE] = CANCELLED
  local ok, failed = cancel(driver, self)
  if ok then return end
  if err == nil then error(failed, 0) end
  failure.keep(driver, failed)
end

-- ---- its beginning ----------------------------------------------------------------------------

--- A transfer of this easy, to be started. Its end of scope ends it.
function transfers.new(driver, easy)
  return setmetatable({ driver, easy, ADDING, false, false, false }, Transfer)
end

-- It was refused: what mend would find out by a look at all. (In this order: if an interrupt comes
-- between the two its end of scope mends.)
local function never_began(driver, transfer)
  driver.active = driver.active - 1
  transfer[STATE] = DONE
end

--- Adds it to the multi: true, or nil, message, name.
function transfers.start(driver, transfer)
  local easy = transfer[EASY]
  driver.active = driver.active + 1
  local ok, added, message, name = pcall(driver.multi.add, driver.multi, easy, transfer)
  if not ok then
    if not is_in(driver, transfer) then never_began(driver, transfer) end
    error(curl.type(easy) == "closed easy" and "perform: the easy is closed" or added, 0)
  end
  if driver.cancelled[1] then transfers.remove_cancelled(driver) end
  if not added then return nil, message, name end
  transfer[STATE] = RUNNING
  return true
end

-- libcurl, which keeps that time but while the transfer waits for a connection, comes first.
local GRACE <const> = 0.05

--- Gives it so much time.
function transfers.limit(driver, transfer, seconds)
  assert(transfer[EASY]:setopt("timeout", seconds))
  local deadline = now() + seconds + GRACE
  transfer[DEADLINE], transfer[SECONDS] = deadline, seconds
  if driver.due and driver.due <= deadline then return end
  driver.due = deadline
  watching.set_timer(driver)
end

--- Waits for its end: what can be suspended is, else the loop is run: turn(driver).
function transfers.wait(driver, transfer, turn)
  local hooks = driver.hooks
  local waiting = isyieldable() and hooks.current() or false
  transfer[WAITING] = waiting
  while transfer[STATE] ~= DONE do
    if waiting then hooks.suspend(waiting) else turn(driver, "perform") end
  end
  if not waiting then watching.settle(driver) end
end

--- What perform returns, or raises.
function transfers.result(transfer)
  local name, message = transfer[NAME], transfer[MESSAGE]
  if not name then return true end
  if name == "CALLBACK" then error(message, 0) end
  return nil, message, name
end

-- Takes those that are in the list. (What the program has added by itself is its own.)
local function take(driver, list)
  local i, transfer = 1, list[1]
  while transfer ~= nil do
    if getmetatable(transfer) == Transfer then
      finish(driver, transfer, list[i + 1], list[i + 2])
    end
    list[i], list[i + 2] = false, false -- once is enough
    i = i + 3
    transfer = list[i]
  end
  list[1] = nil
end

--- Ends those that libcurl has finished.
function transfers.collect(driver)
  local list, multi = driver.results, driver.multi
  if list[1] ~= nil then take(driver, list) end -- of a call that was interrupted
  if multi and multi:results(list) > 0 then take(driver, list) end
end

-- Its time is over, and libcurl has not noticed.
local function end_late(driver, transfer)
  if transfer[STATE] == DONE then return end
  local ok, err = pcall(driver.multi.remove, driver.multi, transfer[EASY])
  finish(driver, transfer, "OPERATION_TIMEDOUT",
    ("Operation timed out after %d milliseconds"):format(transfer[SECONDS] * 1000 // 1))
  if not ok then failure.keep(driver, err) end
end

--- The driver's time driver.due has come: it is that of the first transfer. To look through all of
-- them ten times a second is enough.
function transfers.end_late(driver)
  local time, first = now(), math.huge
  for _, transfer in ipairs(driver.multi and driver.multi:easies() or {}) do
    local deadline = getmetatable(transfer) == Transfer and transfer[DEADLINE]
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
  for _, transfer in ipairs(list) do finish(driver, transfer, "CLOSED", "the loop was closed") end
  driver.active, driver.cancelled = 0, {}
end

--- After something was thrown at any place in here.
function transfers.mend(driver)
  driver.active = driver.multi and #driver.multi:easies() or 0
end

return transfers
