-- Coroutines that wait for a descriptor of their own.
local clock = require "curlsock.driver.clock"
local failure = require "curlsock.driver.failure"
local shrinking = require "curlsock.driver.shrinking"
local waiting = require "curlsock.driver.waiting"
local watching = require "curlsock.driver.watching"

local descriptors = {}

--- driver.at has the wait by descriptor, and driver.wanted its events.
function descriptors.begin(driver)
  driver.at = {}
end

-- Nobody waits for it any more. (at has it until that is done: what is interrupted is done again.)
local function leave(wait)
  local driver, fd = wait.driver, wait.fd
  if driver.at[fd] ~= wait then return end
  driver.doubted[fd] = true
  shrinking.remove(driver, "wanted", fd)
  local ok, err = pcall(watching.watch, driver, fd)
  if not ok then
    failure.keep(driver, err)
    ok, err = pcall(watching.watch, driver, fd) -- it may be closed next
  end
  driver.at[fd] = nil
  if not ok then error(err, 0) end
end

-- The events that both have, or nil.
local function common(a, b)
  if a == "e" or a == b then return b end
  if a == "rw" then return b end
  return b == "rw" and a or nil
end

-- What it is ready for of both: not every library tells one from the other.
local function look(driver, fd)
  local _, ready = driver.multi:poll(0, { [fd] = "rw" })
  return ready and ready[fd]
end

--- The descriptor is ready for events ("e": an error, which counts as what is waited for): who
-- waits for that is to go on.
function descriptors.ready(driver, fd, events)
  local wait = driver.at[fd]
  local ready = wait and common(events, wait.events)
  if ready and wait.events == "rw" then ready = look(driver, fd) end
  if not ready then return end
  wait.ready = ready
  waiting.finish(driver, wait)
  leave(wait)
end

--- Waits, also for one that the multi watches.
function descriptors.wait_for(driver, fd, events, seconds)
  local wait <close> = waiting.new(driver)
  local _ <close> = wait -- twice: an interrupt may come before the first has begun
  wait.driver, wait.fd, wait.events = driver, fd, events
  wait.leave = leave
  driver.at[fd] = wait -- before the next: leave looks whether it is there
  driver.wanted[fd] = events
  if seconds then clock.start(driver, wait, seconds) end
  watching.watch(driver, fd)
  local ok, message, name = waiting.result(driver, wait, "wait")
  if not ok then return nil, message, name end
  return wait.ready
end

local methods = { "fd", "getfd", "pollfd", "fileno" }

-- What says the descriptor of an object: of curlsock, LuaSocket, cqueues...
local function method_of(object)
  local meta = getmetatable(object)
  if type(object) ~= "table" and not (type(object) == "userdata" and meta) then return nil end
  if type(object) == "userdata" and type(meta) == "table" and not meta.__index then return nil end
  for _, name in ipairs(methods) do
    if type(object[name]) == "function" then return object[name] end
  end
  return nil
end

local function descriptor_of(object)
  local method = method_of(object)
  local fd = method and method(object) or object
  fd = type(fd) == "number" and math.tointeger(fd)
  if fd and fd >= 0 then return fd end
  local got = method and "a closed one" or type(object)
  error("wait: descriptor or Socket expected, got " .. got, 3)
end

--- watches(), of the driver.
function descriptors.all(driver)
  local all = driver.multi and driver.awake ~= false and driver.multi:watches() or {}
  for fd, events in pairs(driver.wanted) do
    local others = all[fd]
    all[fd] = others and others ~= events and "rw" or events
  end
  return all
end

local EVENTS = { r = true, w = true, rw = true }

--- wait(fd | Socket, events [, seconds]), of the driver.
function descriptors.wait(driver, object, events, seconds)
  if not driver.multi then error("wait: the loop is closed", 2) end
  local fd = descriptor_of(object)
  if not EVENTS[events] then
    error("wait: events 'r', 'w' or 'rw' expected, got " .. tostring(events), 2)
  end
  if seconds then waiting.check_seconds("wait", seconds, 2) end
  if driver.at[fd] or driver.watched[fd] then
    error(("wait: descriptor %d is watched already"):format(fd), 2)
  end
  return descriptors.wait_for(driver, fd, events, seconds)
end

return descriptors
