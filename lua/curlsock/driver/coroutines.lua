-- Coroutines: the hooks for those of Lua itself, and how one goes on.
local failure = require "curlsock.driver.failure"

local resume, running, status = coroutine.resume, coroutine.running, coroutine.status
local yield = coroutine.yield

local coroutines = {}

--- The hooks of a loop that has no coroutines of its own.
local plain = {}

plain.current = running

function plain.suspend()
  yield()
end

coroutines.suspend = plain.suspend

plain.resume, plain.spawn = resume, resume

--- driver.tasks has what was spawned (tasks.lua), by its coroutine, which may end where nothing is
-- told of it: before it has begun, or as garbage. driver.parked is the last that waited for
-- something of this driver's; driver.doomed: how many are to end where they wait next.
function coroutines.begin(driver)
  local hooks = driver.hooks
  for name, hook in pairs(plain) do hooks[name] = hooks[name] or hook end
  driver.later = hooks.resume ~= plain.resume
  driver.tasks = setmetatable({}, { __mode = "k" })
  driver.spawned = 0
  driver.doomed = 0
end

--- What was spawned has ended.
function coroutines.forget(driver, co)
  if not driver.tasks[co] then return end
  driver.tasks[co] = nil
  driver.spawned = driver.spawned - 1
end

--- Whether anything that was spawned has not ended.
function coroutines.any(driver)
  for co in pairs(driver.tasks) do
    if status(co) ~= "dead" then return true end
    coroutines.forget(driver, co)
  end
  return false
end

-- Keeps what a coroutine threw that this hook let go on.
local function failed(driver, hook, co, err)
  if hook == resume then coroutine.close(co) end -- what it has to close waits for this
  failure.keep(driver, err)
end

-- It may have ended, or wait for another loop, or have yielded by itself.
local function look(driver, co)
  local task = driver.tasks[co]
  if task and status(co) == "suspended" then task:stopped() end
end

local function go_on(driver, hook, it)
  driver.parked = false
  local ok, err = hook(it)
  if not ok then return failed(driver, hook, it, err) end
  if hook == resume and (driver.parked ~= it or driver.doomed > 0) then look(driver, it) end
end

--- Lets what was suspended go on, or what is new begin.
function coroutines.resume(driver, it)
  go_on(driver, driver.hooks.resume, it)
end

function coroutines.start(driver, co)
  go_on(driver, driver.hooks.spawn, co)
end

return coroutines
