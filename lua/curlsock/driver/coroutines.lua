-- Coroutines: the hooks for those of Lua itself, and what was spawned.
local failure = require "curlsock.driver.failure"

local create, resume, running = coroutine.create, coroutine.resume, coroutine.running
local status, yield = coroutine.status, coroutine.yield
local pack, unpack = table.pack, table.unpack

local coroutines = {}

--- The hooks of a loop that has no coroutines of its own.
local plain = {}

plain.current = running

function plain.suspend()
  yield()
end

coroutines.suspend = plain.suspend

plain.resume, plain.spawn = resume, resume

--- What was spawned is known by its coroutine, which may end where nothing is told of it: before
-- it has begun, or as garbage.
function coroutines.begin(driver)
  local hooks = driver.hooks
  for name, hook in pairs(plain) do hooks[name] = hooks[name] or hook end
  driver.later = hooks.resume ~= plain.resume
  driver.tasks = setmetatable({}, { __mode = "k" })
  driver.spawned = 0
end

local function forget(driver, co)
  if not driver.tasks[co] then return end
  driver.tasks[co] = nil
  driver.spawned = driver.spawned - 1
end

--- Whether anything that was spawned has not ended.
function coroutines.any(driver)
  for co in pairs(driver.tasks) do
    if status(co) ~= "dead" then return true end
    forget(driver, co)
  end
  return false
end

--- A coroutine that was spawned, until it ends.
local Task = {}
Task.__index = Task

function Task:__close()
  forget(self.driver, running())
  self.on_end(self.driver)
end

function Task:run(f, args)
  local ok, err
  do
    local _ <close> = self
    ok, err = pcall(f, unpack(args, 1, args.n))
  end
  if not ok then error(err, 0) end
end

--- Keeps what a coroutine threw that this hook let go on.
function coroutines.failed(driver, hook, co, err)
  if hook == resume then coroutine.close(co) end -- what it has to close waits for this
  failure.keep(driver, err)
end

local function start(driver, co)
  driver.tasks[co] = true
  driver.spawned = driver.spawned + 1
  return driver.hooks.spawn(co)
end

--- Runs f in a coroutine; on_end(driver) is called when it has ended. Where the hook throws it is
-- as if it had not been called.
function coroutines.spawn(driver, on_end, f, ...)
  local task, args = setmetatable({ driver = driver, on_end = on_end }, Task), pack(...)
  local co = create(function()
    if not task.dropped then task:run(f, args) end
  end)
  local called, ok, err = pcall(start, driver, co)
  if not called then
    task.dropped = true
    forget(driver, co)
    error(ok, 0)
  end
  if not ok then coroutines.failed(driver, driver.hooks.spawn, co, err) end
end

return coroutines
