-- What a coroutine waits for: a transfer (transfer.lua), a time, a descriptor, a task. Each wait
-- is closed at the end of its scope, whatever ends that.
local clock = require "curlsock.driver.clock"
local coroutines = require "curlsock.driver.coroutines"
local shrinking = require "curlsock.driver.shrinking"
local watching = require "curlsock.driver.watching"

local isyieldable, running, yield = coroutine.isyieldable, coroutine.running, coroutine.yield
local status = coroutine.status
local look_after = coroutines.look_after

local waiting = {}

-- The first fields of all of them, transfers included.
local WAITING <const> = 1 -- what is suspended meanwhile, or false (multi:await sets it)
local STATE <const> = 2 -- one of those below
local DRIVER <const> = 3
local TIMER <const> = 4 -- its entry in the driver's clock, or false
local NAME <const>, MESSAGE <const> = 5, 6 -- how it failed, or false

-- A wait that is no transfer; a transfer; one that ended.
local PENDING <const>, RUNNING <const>, DONE <const> = 1, 2, 4

--- driver.waits has the waits that are no transfers, which are numbered. Those whose coroutines
-- are to go on are in driver.ended until that is done, whatever is thrown meanwhile. So are the
-- transfers in driver.results, as multi:results fills it for the driver.batch-th time, of which
-- driver.taken is the next one; the name becomes true when the transfer was told. driver.own has
-- the driver's transfers.
-- turn_for(driver, name) runs the loop until something happens.
function waiting.begin(driver, turn_for)
  driver.turn_for = turn_for
  driver.waits, driver.numbers, driver.unswept = shrinking.new(), 0, {}
  driver.ended = { first = 1, last = 0 }
  driver.results, driver.taken, driver.batch = {}, 1, 0
  driver.own = setmetatable({}, { __mode = "k" })
end

--- A wait that is no transfer.
local Wait = {}
Wait.__index = Wait

--- Its field leave, if it gets one, is called with it at its end, however that comes.
function waiting.new(driver)
  local wait = setmetatable({ false, PENDING, driver, false, false, false }, Wait)
  driver.numbers = driver.numbers + 1
  wait.number = driver.numbers
  driver.waits[wait] = true
  return wait
end

function Wait:late()
  waiting.finish(self[DRIVER], self, "TIMEDOUT", "timed out")
end

-- (It rests only now when its coroutine was closed: else that is about to wait for the next.)
local function close(wait)
  local driver, state = wait[DRIVER], wait[STATE]
  if wait[TIMER] then clock.stop(driver, wait) end
  if wait.leave then wait:leave() end
  shrinking.remove(driver, "waits", wait)
  wait[STATE], wait[WAITING] = DONE, false
  if wait.by and wait.by.last == wait then wait.by.last = nil end -- with what that mentions
  if state ~= DONE then watching.adjust(driver) end
end

-- What is interrupted in here is done all the same: the descriptor may be closed next.
function Wait:__close()
  local ok, err = pcall(close, self)
  if ok then return end
  close(self)
  error(err, 0)
end

-- Who waits for it is to go on.
local function push(driver, wait)
  local ended = driver.ended
  if ended.first > ended.last then ended.first, ended.last = 1, 0 end
  local last = ended.last + 1
  ended[last], ended.last = wait, last
end

waiting.push = push

--- It has ended. name and message, if given: as a failure.
function waiting.finish(driver, wait, name, message)
  if wait[STATE] == DONE then return end
  wait[NAME], wait[MESSAGE] = name or false, message or false
  push(driver, wait)
  wait[STATE] = DONE
end

--- The same where the driver is not at work, maybe: the loop is to look soon.
function waiting.signal(driver, wait, name, message)
  waiting.finish(driver, wait, name, message)
  watching.look_soon(driver)
end

-- The first of driver.ended, in whose place the next one comes when it went on.
local function resume_first(driver, resume)
  local ended = driver.ended
  local i = ended.first
  local wait = ended[i]
  local who = wait and wait[WAITING]
  if who and wait.yielded and status(who) ~= "suspended" then who = nil end -- it goes on already
  if who then look_after(driver, who, resume(who)) end
  if ended[i] == wait then ended[i], ended.first = nil, i + 1 end -- not done meanwhile
  return who
end

-- Those of driver.results, as resume_first. What a transfer is told is marked afterwards: it may be
-- interrupted, and one that went on is used again. Returns whether there was any.
local function resume_transfers(driver, resume, multi)
  local list, own, batch, first = driver.results, driver.own, driver.batch, driver.taken
  if list[first] == nil then return false end
  repeat
    local i = driver.taken
    local transfer, name = list[i], list[i + 1]
    if transfer == nil then break end
    local who = own[transfer]
    if who then
      if name ~= true and transfer[STATE] == RUNNING then
        if name then transfer[NAME], transfer[MESSAGE] = name, list[i + 2] end
        transfer[STATE] = DONE
      end
      who = transfer[STATE] == DONE and transfer[WAITING]
    end
    list[i + 1] = true
    if who then
      local ok, what = resume(who)
      if not ok or what ~= multi or coroutines.doomed > 0 then look_after(driver, who, ok, what) end
    end
    if driver.batch ~= batch then break end -- all of these were taken meanwhile
    if name then list[i + 2] = false end -- once is enough
    if driver.taken == i then driver.taken = i + 3 end
  until false
  return true
end

-- Whether any of those is left.
local function is_behind(driver)
  local ended = driver.ended
  return ended.first <= ended.last or driver.results[driver.taken] ~= nil
end

waiting.is_behind = is_behind

--- Lets those go on whose waits have ended: they may start others, run the loop, or close the
-- driver. Returns whether there was any.
function waiting.resume_ended(driver)
  local resume, ended, any = driver.hooks.resume, driver.ended, false
  driver.resuming = true
  repeat
    while ended.first <= ended.last do any = resume_first(driver, resume) and true or any end
    any = resume_transfers(driver, resume, driver.multi) or any
  until ended.first > ended.last and driver.results[driver.taken] == nil
  driver.resuming, driver.soon = false, false
  return any
end

-- Suspends in a loop with coroutines of its own, where a task that is cancelled ends by an error.
local function suspend_task(driver, wait, who)
  local task = driver.tasks[running()]
  if task then
    task:check()
    task.pending = wait
  end
  driver.hooks.suspend(who)
  if task then
    task.pending = nil
    task:check()
  end
end

-- The same in a loop with coroutines of its own, and outside a coroutine, where the loop is run.
local function suspend_otherwise(driver, wait, name)
  local who = isyieldable() and driver.hooks.current() or false
  wait[WAITING] = who
  while wait[STATE] ~= DONE do
    if who then suspend_task(driver, wait, who) else driver.turn_for(driver, name) end
  end
  if not who then watching.settle(driver) end
end

--- Waits until the wait has ended. name is what is called.
function waiting.suspend(driver, wait, name)
  if driver.later or not isyieldable() then return suspend_otherwise(driver, wait, name) end
  wait[WAITING] = running()
  while wait[STATE] ~= DONE do yield(driver) end
end

--- The same; returns whether it succeeded, or nil, message, name. (Nothing would end it that begins
-- when the driver is closed. A task knows what it waits for: it may be interrupted before it can
-- leave that.)
function waiting.result(driver, wait, name)
  if not driver.multi then return nil, name .. ": the loop was closed", "CLOSED" end
  local task = driver.tasks[running()]
  if task then task.last, wait.by = wait, task end
  waiting.suspend(driver, wait, name)
  if wait[NAME] then return nil, name .. ": " .. wait[MESSAGE], wait[NAME] end
  return true
end

--- Waits so long: returns true, or nil, message, "CLOSED".
function waiting.sleep(driver, seconds)
  if not driver.multi then error("sleep: the loop is closed", 3) end
  local wait <close> = waiting.new(driver)
  clock.start(driver, wait, seconds)
  local ok, message, name = waiting.result(driver, wait, "sleep")
  if ok or name == "TIMEDOUT" then return true end
  return nil, message, name
end

--- All that is waited for ends: the driver was closed.
function waiting.close_all(driver)
  for wait in pairs(driver.waits) do
    waiting.finish(driver, wait, "CLOSED", "the loop was closed")
    if wait.leave then wait.leave(wait) end
  end
  for entry in pairs(driver.clock.live) do
    if entry[2] then entry[2]:late() end
  end
  clock.clear(driver)
end

--- Tasks have failed: what they waited for is left, also if that was interrupted.
function waiting.sweep(driver)
  local list = driver.unswept
  driver.unswept = {}
  for _, task in ipairs(list) do
    local wait = task.last
    if wait and wait[WAITING] == task.co then wait:__close() end
    task.last = nil
  end
end

--- Raises an error unless it is a time in seconds.
function waiting.check_seconds(name, seconds, level)
  if type(seconds) == "number" and seconds >= 0 then return end
  local got = type(seconds) == "number" and tostring(seconds) or type(seconds)
  error(("%s: seconds expected, 0 or more, got %s"):format(name, got), level + 1)
end

return waiting
