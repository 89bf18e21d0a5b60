-- Coroutines: the hooks for those of Lua itself, and how one goes on.
local failure = require "curlsock.driver.failure"
local shrinking = require "curlsock.driver.shrinking"

local resume, running, status = coroutine.resume, coroutine.running, coroutine.status
local yield = coroutine.yield

local STATE <const>, DONE <const> = 2, 4 -- of a wait (see waiting.lua)

-- doomed: how many tasks, of all loops, are to end where they wait next.
local coroutines = { doomed = 0 }

-- The loops and their multis: what a coroutine yields that waits for one.
local loops = setmetatable({}, { __mode = "k" })

-- Tasks that have waited for another loop than theirs, which lets them go on, by coroutine.
local abroad = setmetatable({}, { __mode = "k" })

--- The hooks of a loop that has no coroutines of its own.
local plain = {}

plain.current = running

function plain.suspend()
  yield()
end

plain.resume, plain.spawn = resume, resume

--- driver.tasks has what was spawned (tasks.lua), by its coroutine, which may end where nothing is
-- told of it: before it has begun, or as garbage. driver.later: a loop with coroutines of its own,
-- which do not go on at once when they are resumed. One that waits for something of this driver's
-- yields that, or its multi.
function coroutines.begin(driver)
  local hooks = driver.hooks
  driver.later = hooks.resume ~= nil
  for name, hook in pairs(plain) do hooks[name] = hooks[name] or hook end
  driver.tasks = shrinking.new("k")
  driver.spawned = 0
  loops[driver], loops[driver.multi] = true, true
end

--- What was spawned has ended.
function coroutines.forget(driver, co)
  if not driver.tasks[co] then return end
  shrinking.remove(driver, "tasks", co)
  driver.spawned = driver.spawned - 1
end

-- Whether it waits for something of its own loop: where that has coroutines of its own.
local function is_pending(task)
  return task.pending ~= nil and not task.doomed and task.pending[STATE] ~= DONE
end

--- Whether anything that was spawned has not ended, and may go on where none of the driver's waits
-- ends. (What was garbage, or interrupted, may have been miscounted.)
function coroutines.any(driver)
  local left = 0
  for co, task in pairs(driver.tasks) do
    if status(co) == "dead" then
      coroutines.forget(driver, co)
    elseif not is_pending(task) then
      return true
    else
      left = left + 1
    end
  end
  driver.spawned = left
  return false
end

-- Keeps what a coroutine threw that this hook let go on.
local function failed(driver, hook, co, err)
  if hook == resume then coroutine.close(co) end -- what it has to close waits for this
  failure.keep(driver, err)
end

--- The hook, by default that which resumes, has let it go on and returned ok, what: it may have
-- failed or ended, wait here or for another loop, or have yielded by itself.
function coroutines.look_after(driver, co, ok, what, hook)
  if not ok then return failed(driver, hook or driver.hooks.resume, co, what) end
  local waits = what ~= nil and loops[what]
  local here = waits and (what == driver or what == driver.multi)
  if here and coroutines.doomed == 0 then return end
  local task = driver.tasks[co] or abroad[co]
  if not task or task.driver.later or status(co) ~= "suspended" then return end
  if waits and not here then abroad[co] = task end
  task:stopped(waits)
end

--- Lets a new one begin.
function coroutines.start(driver, co)
  local spawn = driver.hooks.spawn
  local ok, what = spawn(co)
  coroutines.look_after(driver, co, ok, what, spawn)
end

return coroutines
