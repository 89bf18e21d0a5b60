--- Runs transfers in an event loop, from coroutines. This is written once for all loops: an
-- adapter (curlsock.loop, curlsock.luv, ...) gives it a few hooks and calls it back.
--
-- The hooks are fields of a table that the adapter makes:
--   watch(fd, events)   call on_event(fd, events) whenever the descriptor is ready for events
--                       "r", "w" or "rw", in place of what was watched for; nil: no longer
--   timer(seconds)      call on_timer() once, after so long, in place of an earlier time;
--                       nil: not at all. (Neither calls back before it has returned.)
--   turn()              wait for any event of the loop and handle what has happened
-- and, for a loop in which other things than transfers happen:
--   busy()              whether what was spawned (so many: driver.spawned) may still go on
--   settle()            something was unwatched by a call from outside the loop, which returns
-- and, for a loop with coroutines of its own:
--   current()           what can be suspended here: by default the running coroutine; nil for
--                       nothing
--   suspend(it)         wait until resume(it), or less
--   resume(it)          let it go on
--   spawn(f, ...)       run f in a coroutine; these two return true, or false and what the
--                       coroutine threw meanwhile
--
-- Where the system has it the multi is one descriptor with its timer inside (multi:pollfd), so
-- an adapter usually sees one watch in all. Nothing in here depends on that. While no transfer
-- runs nothing is watched: the program's loop may end then, and does not keep the driver alive.
local curl = require "curlsock"

local Driver = {}
Driver.__index = Driver

-- Keeps an error that belongs to no transfer for the call that will raise it.
local function note(self, ok, err)
  if ok then return end
  if self.failed then
    warn("curlsock: ", tostring(err))
  else
    self.failed = { err }
  end
end

local function raise(self)
  local failed = self.failed
  self.failed = nil
  if failed then error(failed[1], 0) end
end

local function set_awake(self, awake)
  if self.awake == awake then return end
  self.awake = awake
  for fd, events in pairs(self.watched) do
    self.hooks.watch(fd, awake and events or nil)
  end
  if not self.pollable then self.hooks.timer(awake and self.multi:timeout() or nil) end
end

-- Nothing is watched any more if no transfer runs. (What goes on later, and not at once, when
-- it is resumed may be about to start one.)
local function rest(self)
  if not self.multi or next(self.transfers) or self.later and self.spawned > 0 then return end
  note(self, pcall(set_awake, self, false))
end

--- A transfer that a coroutine waits for. Closing it before its end cancels it.
local Transfer = {}

function Transfer:__close()
  local driver, easy = self.driver, self.easy
  self.waiting = nil
  if self.done then return end
  driver.transfers[easy] = nil
  if driver.acting then
    driver.cancelled[#driver.cancelled + 1] = easy
    return
  end
  local ok, err = pcall(driver.multi.remove, driver.multi, easy)
  rest(driver)
  driver.hooks.settle()
  if not ok then error(err, 0) end
end

--- A coroutine that was spawned.
local Spawned = {}

function Spawned:__close()
  local driver = self.driver
  driver.spawned = driver.spawned - 1
  if driver.later then rest(driver) end
end

local plain = {}

function plain.busy()
  return false
end

function plain.settle() end

function plain.current()
  return coroutine.isyieldable() and coroutine.running() or nil
end

function plain.suspend()
  coroutine.yield()
end

function plain.resume(co, ...)
  local ok, err = coroutine.resume(co, ...)
  if ok then return true end
  coroutine.close(co) -- what it has to close waits for this
  return false, err
end

function plain.spawn(f, ...)
  return plain.resume(coroutine.create(f), ...)
end

--- driver.new(hooks [, options]): a driver with a multi of its own, which has these options.
-- Raises an error where libcurl refuses one.
local function new(hooks, options)
  setmetatable(hooks, { __index = plain })
  local self = setmetatable({
    hooks = hooks,
    multi = assert(curl.multi(options)),
    watched = {}, -- descriptor -> events
    awake = false, -- whether the hooks were told of them
    transfers = {}, -- easy -> Transfer
    cancelled = {}, -- easies that could not be removed at once, inside a callback
    spawned = 0, -- coroutines that run
    later = hooks.resume ~= plain.resume,
  }, Driver)
  self.multi:setopt {
    socketfunction = function(fd, events)
      self.watched[fd] = events
      if self.awake then hooks.watch(fd, events) end
    end,
    timerfunction = function(seconds)
      if self.awake then hooks.timer(seconds) end
    end,
  }
  self.pollable = self.multi:pollfd() ~= nil
  return self
end

local function remove_cancelled(self)
  for i, easy in ipairs(self.cancelled) do
    self.cancelled[i] = nil
    note(self, pcall(self.multi.remove, self.multi, easy))
  end
end

--- Ends the transfers that libcurl has finished, then lets their coroutines go on: those may
-- start others, or close the driver.
local function finish(self)
  local multi, ended = self.multi, {}
  remove_cancelled(self)
  for easy, ok, message, name in multi:results() do
    local transfer = self.transfers[easy] or {} -- {}: a hook threw when it was added
    self.transfers[easy] = nil
    transfer.done, transfer.ok, transfer.message, transfer.name = true, ok, message, name
    note(self, pcall(multi.remove, multi, easy))
    ended[#ended + 1] = transfer
  end
  for _, transfer in ipairs(ended) do
    if transfer.waiting then note(self, self.hooks.resume(transfer.waiting)) end
  end
end

--- Calls a method of the multi. What it raises belongs to no transfer and comes after their
-- results, as does what their coroutines throw.
local function act(self, method, ...)
  local multi = self.multi
  if not multi then return end
  if self.acting then error("the loop cannot go on inside a callback of a transfer", 0) end
  self.acting = true
  local ok, result, message = pcall(multi[method], multi, ...)
  self.acting = false
  finish(self)
  note(self, ok and result ~= nil, message or result)
  rest(self)
  raise(self)
end

--- on_event(fd, events): the descriptor is ready for "r", "w" or "rw", or has an error: "e".
-- Dropped when it is not watched any more. Raises what close callbacks and hooks threw, and
-- what coroutines did not catch: the first error, after all is done; others are warnings.
function Driver:on_event(fd, events)
  if self.watched[fd] then act(self, "socket_action", fd, events) end
end

--- on_timer(): the time of the timer hook has come. Raises as on_event does.
function Driver:on_timer()
  act(self, "socket_action")
end

--- step(): waits for this driver's transfers alone, and handles what has happened. Raises as
-- on_event does.
function Driver:step()
  self.multi:poll(60)
  if self.pollable then
    act(self, "socket_action", self.multi:pollfd(), "r")
  else
    act(self, "perform")
  end
end

local function turn(self)
  raise(self) -- what spawn has noted
  self.hooks.turn()
end

local function wait(self, transfer)
  local hooks = self.hooks
  transfer.waiting = hooks.current()
  while not transfer.done do
    if transfer.waiting then hooks.suspend(transfer.waiting) else turn(self) end
  end
end

--- perform(easy [, seconds]): what easy:perform() does, while others run: the coroutine waits
-- until the transfer is done. Outside a coroutine it runs the loop meanwhile, and raises what
-- that does. seconds, if given, becomes the easy's option "timeout".
-- Returns true, or nil, message, name; raises what a callback of this transfer threw. A
-- coroutine that is closed while it waits cancels its transfer.
function Driver:perform(easy, seconds)
  if not self.multi then error("perform: the loop is closed", 2) end
  if seconds then assert(easy:setopt("timeout", seconds)) end
  local added, message, name = self.multi:add(easy)
  if not added then return nil, message, name end
  local transfer <close> = setmetatable({ driver = self, easy = easy }, Transfer)
  self.transfers[easy] = transfer
  set_awake(self, true)
  wait(self, transfer)
  if transfer.name == "CALLBACK" then error(transfer.message, 0) end
  if transfer.ok then return true end
  return nil, transfer.message, transfer.name
end

--- spawn(f, ...): runs f(...) in a coroutine, at once or when the loop runs. What it throws
-- comes out of run().
function Driver:spawn(f, ...)
  self.spawned = self.spawned + 1
  note(self, self.hooks.spawn(function(...)
    local ok, err
    do
      local _ <close> = setmetatable({ driver = self }, Spawned)
      ok, err = pcall(f, ...)
    end
    if not ok then error(err, 0) end
  end, ...))
end

--- run(): runs the loop until no transfer is left, and nothing that was spawned and can go
-- on. Raises as on_event does; a further run() goes on.
function Driver:run()
  while next(self.transfers) or self.hooks.busy() do turn(self) end
  raise(self)
end

--- close(): ends the transfers that still run (their coroutines get nil, message, "CLOSED"),
-- unwatches all and closes the multi with its connections. A second call does nothing. Raises
-- as on_event does. Refused inside a callback of a transfer.
function Driver:close()
  local multi, transfers = self.multi, self.transfers
  if not multi then return end
  local ok, err = pcall(multi.close, multi)
  if not ok and pcall(multi.events, multi) then error(err, 0) end -- it is still open
  self.multi, self.transfers = nil, {}
  note(self, ok, err)
  note(self, pcall(set_awake, self, false))
  self.hooks.settle()
  for _, transfer in pairs(transfers) do
    transfer.done, transfer.message, transfer.name = true, "the loop was closed", "CLOSED"
  end
  for _, transfer in pairs(transfers) do
    if transfer.waiting then note(self, self.hooks.resume(transfer.waiting)) end
  end
  raise(self)
end

function Driver:__close(err)
  local ok, failure = pcall(self.close, self)
  if ok then return end
  if err == nil then error(failure, 0) end
  warn("curlsock: ", tostring(failure))
end

return { new = new }
