-- Tasks: what was spawned, and who waits for it.
local clock = require "curlsock.driver.clock"
local coroutines = require "curlsock.driver.coroutines"
local failure = require "curlsock.driver.failure"
local shrinking = require "curlsock.driver.shrinking"
local waiting = require "curlsock.driver.waiting"
local watching = require "curlsock.driver.watching"

local create, running, status = coroutine.create, coroutine.running, coroutine.status
local pack, unpack = table.pack, table.unpack
local traceback = debug.traceback

local tasks = {}

local WAITING <const>, DRIVER <const> = 1, 3 -- of a wait (see waiting.lua)
local PENDING <const> = 1

--- What wait and cancel are methods of. Fields: driver, number, co, group; waits, the waits for
-- its end; pending, what it waits for itself, where that is needed; begun; last, what it has waited
-- for last; dropped before it has begun; doomed, if it is to end where it waits next; done;
-- results; failed, what it threw, in a table, and trace, where; cancelled; heard, if somebody was
-- there at its end; lost, if its coroutine throws again.
local Task = {}
Task.__index = Task

-- ---- its end ----------------------------------------------------------------------------------

-- Those who wait for it, in the order in which they came.
local function waits_of(task)
  local list = {}
  for wait in pairs(task.waits) do list[#list + 1] = wait end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

local function tell(task)
  local list = waits_of(task)
  for _, wait in ipairs(list) do waiting.signal(task.driver, wait) end
  if task.group then task.group:ended(task) end
  return list[1] ~= nil or task.group ~= nil
end

-- The end of its coroutine, however that comes; err is what ends it, if that was thrown in here.
function Task:__close(err)
  if self.done then return end
  local driver = self.driver
  self.done = true
  if err ~= nil then self.failed = { err } end
  self.cancelled = not (self.results or self.failed)
  if self.doomed then coroutines.doomed = coroutines.doomed - 1 end
  coroutines.forget(driver, self.co)
  if self.failed and self.last then table.insert(driver.unswept, self) end
  self.heard = tell(self)
  if self.failed and err == nil and not self.heard then self:lose() end
  if driver.later then watching.adjust(driver) end
end

-- Nobody waits for it: what it threw comes out of run, or, where the loop has coroutines of its
-- own, of this.
function Task:lose()
  local driver = self.driver
  self.lost = driver.later and next(driver.joining) == nil
  if not self.lost then failure.keep(driver, self.failed[1], self) end
end

-- What a task that is cancelled throws where it cannot be closed: in a loop with coroutines of its
-- own.
local cancelled = setmetatable({}, { __tostring = function() return "the task was cancelled" end })

local trace -- of the error under way

local function look_at(err)
  trace = type(err) == "string" and traceback("", 2) or nil
  return err
end

local function finish(task, ok, ...)
  if ok then
    task.results = pack(...)
  elseif (...) ~= cancelled then
    task.failed, task.trace = { (...) }, trace
  end
end

function Task:run(f, args)
  local _ <close> = self
  finish(self, xpcall(f, look_at, unpack(args, 1, args.n)))
end

-- What its coroutine does.
local function main(task, f, args)
  if task.dropped then return end
  task.begun = true
  task:run(f, args)
  if task.lost then error(task.failed[1], 0) end
end

-- ---- waiting for it ---------------------------------------------------------------------------

local function leave(wait)
  wait.task.waits[wait] = nil
  shrinking.remove(wait[DRIVER], "joining", wait)
end

local function join(task, seconds)
  local driver = task.driver
  local wait <close> = waiting.new(driver)
  wait.task = task
  wait.leave = leave
  driver.joining[wait], task.waits[wait] = true, true
  if seconds then clock.start(driver, wait, seconds) end
  return waiting.result(driver, wait, "wait")
end

--- Raises what it threw, with the traceback of its coroutine where that is a text.
function tasks.raise(failed, at)
  error(type(failed[1]) == "string" and at and failed[1] .. at or failed[1], 0)
end

--- task:wait([seconds]): waits until it has ended, at most that long. Returns what its function
-- returned, or nil, message, name: "TIMEDOUT", "CANCELLED", or "CLOSED" when the loop was closed.
-- Raises what it threw; a text has the traceback of its coroutine behind it. What a task throws
-- for which nobody waits at that time comes out of run() (which somebody who waits for another of
-- the loop's tasks may still prevent).
-- -> any, ... | nil, message, name
function Task:wait(seconds)
  if seconds then waiting.check_seconds("wait", seconds, 2) end
  if running() == self.co then error("wait: a task cannot wait for itself", 2) end
  if not self.done then
    local ok, message, name = join(self, seconds)
    if not ok then return nil, message, name end
  end
  failure.claim(self.driver, self)
  if self.failed then tasks.raise(self.failed, self.trace) end
  if self.cancelled then return nil, "wait: the task was cancelled", "CANCELLED" end
  return unpack(self.results, 1, self.results.n)
end

-- ---- cancelling -------------------------------------------------------------------------------

-- It ends where it waits next. (A further call does what was interrupted.)
local function doom(task)
  local driver = task.driver
  if not task.doomed then
    task.doomed = true
    coroutines.doomed = coroutines.doomed + 1
  end
  local wait = task.pending
  if not wait then return end
  if wait.leave then wait:leave() end
  if wait[WAITING] then driver.hooks.resume(wait[WAITING]) end
end

local function close(task)
  local ok, err = coroutine.close(task.co)
  task:__close() -- if that was not done in there
  if not ok and not task.heard then failure.keep(task.driver, err, task) end
end

--- task:cancel(): ends it at the place where it waits: its variables are closed. One that does not
-- wait now ends where it does next. (In a loop with coroutines of its own, as cqueues has them, it
-- is ended by an error there, and again at each further place.) Nothing happens if it has ended.
-- -> nothing
function Task:cancel()
  if self.done then return end
  if status(self.co) ~= "suspended" then return doom(self) end
  if not self.driver.later then return close(self) end
  if self.begun then return doom(self) end
  self.dropped = true
  self:__close()
end

--- In a loop with coroutines of its own, where it waits.
function Task:check()
  if self.doomed then error(cancelled, 0) end
end

-- ---- what yields by itself --------------------------------------------------------------------

-- Stands for it until the next turn. (Who goes on is not told: it may call the loop itself.)
local Yielded = { yielded = true }
Yielded.__index = Yielded

function Yielded:late()
  if status(self[WAITING]) == "suspended" then waiting.push(self[DRIVER], self) end
end

--- It is suspended. If it waits for no loop it goes on with the next turn of its own, unless the
-- host can let it go on, or it was to end here.
function Task:stopped(waits)
  local driver = self.driver
  if self.doomed then return close(self) end
  if waits or driver.has_host then return end
  clock.start(driver, setmetatable({ self.co, PENDING, driver, false }, Yielded), 0)
end

-- ---- its beginning ----------------------------------------------------------------------------

local function start(task)
  local driver = task.driver
  if task.group then task.group:begun(task) end
  driver.tasks[task.co] = task
  driver.spawned = driver.spawned + 1
  coroutines.start(driver, task.co)
end

-- The hook has thrown, or it was interrupted at its beginning: nobody has it.
local function abandon(task)
  task.dropped = true
  if status(task.co) == "suspended" then task:cancel() else task:__close() end
end

--- Raises an error unless it can be called.
function tasks.check_function(f, level)
  local meta = getmetatable(f)
  if type(f) == "function" or type(meta) == "table" and meta.__call then return end
  error("spawn: function expected, got " .. type(f), level + 1)
end

--- Runs f in a coroutine, as a task (of the group, if there is one). Where the hook throws it is as
-- if it had not been called, or, if it has begun, cancelled.
function tasks.spawn(driver, group, f, ...)
  local task, args = setmetatable({ driver = driver, group = group, waits = {} }, Task), pack(...)
  driver.numbers = driver.numbers + 1
  task.number = driver.numbers
  task.co = create(function() main(task, f, args) end)
  local ok, err = pcall(start, task)
  if ok then return task end
  abandon(task)
  error(err, 0)
end

--- After something was thrown at any place in here: those who wait for what has ended go on.
function tasks.mend(driver)
  for wait in pairs(driver.joining) do
    local task = wait.task
    if not task.done and status(task.co) == "dead" then task:__close() end
    if task.done then waiting.finish(driver, wait) end
  end
end

return tasks
