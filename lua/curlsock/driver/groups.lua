-- Groups of tasks that end together.
local clock = require "curlsock.driver.clock"
local failure = require "curlsock.driver.failure"
local shrinking = require "curlsock.driver.shrinking"
local tasks = require "curlsock.driver.tasks"
local waiting = require "curlsock.driver.waiting"

local groups = {}

--- Fields: driver; tasks, those that have not ended; waits, for its end; failed, the first error,
-- and trace; over, when it was cancelled.
local Group = {}
Group.__index = Group

--- What loop:group() gives: the first that throws cancels the others.
function groups.new(driver)
  return setmetatable({ driver = driver, tasks = shrinking.new(), waits = {} }, Group)
end

--- A task of it has begun, and ended (tasks.lua).
function Group:begun(task)
  self.tasks[task] = true
end

function Group:ended(task)
  shrinking.remove(self, "tasks", task)
  if task.failed and not self.failed then
    self.failed, self.trace = task.failed, task.trace
    failure.keep(self.driver, task.failed[1], self, true)
    self:cancel()
  end
  if next(self.tasks) ~= nil then return end
  for wait in pairs(self.waits) do waiting.signal(self.driver, wait) end
end

local function raise_failed(group)
  if not group.failed then return end
  failure.claim(group.driver, group)
  tasks.raise(group.failed, group.trace)
end

--- group:spawn(f, ...): as loop:spawn. Raises what the first of its tasks threw that did, or an
-- error when the group was cancelled.
-- -> Task
function Group:spawn(f, ...)
  raise_failed(self)
  if self.over then error("spawn: the group was cancelled", 2) end
  tasks.check_function(f, 2)
  return tasks.spawn(self.driver, self, f, ...)
end

-- Those that have not ended, in the order in which they came.
local function list_of(group)
  local list = {}
  for task in pairs(group.tasks) do list[#list + 1] = task end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

--- group:cancel(): cancels all its tasks; there are no others from then on.
-- -> nothing
function Group:cancel()
  self.over = true
  for _, task in ipairs(list_of(self)) do task:cancel() end
end

local function leave(wait)
  wait.group.waits[wait] = nil
end

local function join(group, seconds)
  local driver = group.driver
  local wait <close> = waiting.new(driver)
  wait.group = group
  wait.leave = leave
  group.waits[wait] = true
  if seconds then clock.start(driver, wait, seconds) end
  return waiting.result(driver, wait, "wait")
end

--- group:wait([seconds]): waits until all its tasks have ended, at most that long. Returns true, or
-- nil, message, name ("TIMEDOUT", "CLOSED"). Raises what the first of them threw that did.
-- -> true | nil, message, name
function Group:wait(seconds)
  if seconds then waiting.check_seconds("wait", seconds, 2) end
  if next(self.tasks) ~= nil then
    local ok, message, name = join(self, seconds)
    if not ok then return nil, message, name end
  end
  raise_failed(self)
  return true
end

--- cancel(), at the end of a variable's scope. Raises what the first threw, if nobody has waited;
-- an error that is under way is not replaced.
function Group:__close(err)
  self:cancel()
  if err == nil and failure.claim(self.driver, self) then raise_failed(self) end
end

return groups
