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
--   settle()            a call from outside the loop returns, which may have unwatched something
-- and, for a loop with coroutines of its own:
--   current()           what can be suspended in this coroutine: by default itself; nil for
--                       nothing
--   suspend(it)         wait until resume(it), or less; by default it yields
--   resume(it)          let it go on
--   spawn(f, ...)       run f in a coroutine; these two return true, or false and what the
--                       coroutine threw meanwhile
--
-- Where the system has it the multi is one descriptor with its timer inside (multi:pollfd), so
-- an adapter usually sees one watch in all. Nothing in here depends on that. While no transfer
-- runs nothing is watched: the program's loop may end then, and does not keep the driver alive.
local curl = require "curlsock"

local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local isyieldable, running = coroutine.isyieldable, coroutine.running
local setmetatable = setmetatable

local Driver = {}
Driver.__index = Driver

-- An error that nothing can raise.
local function complain(err)
  local ok, text = pcall(tostring, err)
  warn("curlsock: ", ok and text or "an error that is no text")
end

-- Keeps an error that belongs to no transfer for the call that will raise it.
local function note(self, ok, err)
  if ok then return end
  if self.failed then
    complain(err)
  else
    self.failed = { err }
  end
end

local function raise(self)
  local failed = self.failed
  self.failed = nil
  if failed then error(failed[1], 0) end
end

local acting -- some driver calls its multi

local function set_awake(self, awake)
  if self.awake == awake then return end
  self.awake = awake
  for fd, events in pairs(self.watched) do
    self.hooks.watch(fd, awake and events or nil)
  end
  if not self.pollable then self.hooks.timer(awake and self.multi:timeout() or nil) end
end

-- Inside a callback of another loop this is left to that.
local function settle(self)
  if not acting then self.hooks.settle() end
end

-- Nothing is watched any more if no transfer runs. (What goes on later, and not at once, when
-- it is resumed may be about to start one.)
local function rest(self)
  if not self.multi or self.active > 0 or self.later and self.spawned > 0 then return end
  if not self.awake then return end
  note(self, pcall(set_awake, self, false))
  settle(self)
end

--- A transfer that a coroutine waits for; the multi keeps it. Closing it before its end cancels
-- it. There is one for each request, so it is an array of these fields, which is made quickly.
local Transfer = {}
local DRIVER <const>, EASY <const> = 1, 2
local DONE <const> = 3 -- has ended; ADDING until the multi has it
local ADDING <const> = 1
local WAITING <const> = 4 -- what is suspended meanwhile, or false
local NAME <const>, MESSAGE <const> = 5, 6 -- how it failed, or false

-- Calls a method of the multi. What callbacks of transfers cancel meanwhile has to wait.
local function call(self, method, a, b)
  local outer, others = self.acting, acting
  self.acting, acting = true, true
  local ok, result, message, name = pcall(method, self.multi, a, b)
  self.acting, acting = outer, others
  return ok, result, message, name
end

-- Whether the multi still has it: its easy may be closed by now, or in for another.
local function is_in(driver, transfer)
  for _, other in ipairs(driver.multi and driver.multi:easies() or {}) do
    if other == transfer then return true end
  end
end

local function withdraw(driver, transfer)
  if not is_in(driver, transfer) then return true end
  return call(driver, driver.multi.remove, transfer[EASY])
end

local function cancel_later(driver, transfer)
  driver.cancelled[#driver.cancelled + 1] = transfer
end

-- What is refused inside a callback of an easy that has the same share is tried again later.
local function remove_cancelled(self)
  while self.cancelled[1] and not self.acting do
    local transfer = table.remove(self.cancelled, 1)
    local ok, err = withdraw(self, transfer)
    if not ok and is_in(self, transfer) then return cancel_later(self, transfer) end
    note(self, ok, err)
  end
end

-- (An easy that was closed has left the multi by that.)
local function cancel(driver, transfer)
  if driver.acting then return cancel_later(driver, transfer) end
  if not pcall(transfer[EASY].getinfo, transfer[EASY], "response_code") then return rest(driver) end
  local ok, err = call(driver, driver.multi.remove, transfer[EASY])
  if not ok and is_in(driver, transfer) then return cancel_later(driver, transfer) end
  remove_cancelled(driver)
  rest(driver)
  settle(driver)
  if not ok then error(err, 0) end
end

function Transfer:__close()
  local driver, done = self[DRIVER], self[DONE]
  self[WAITING], self[DONE] = false, true
  if done == ADDING then
    withdraw(driver, self)
  elseif not done then
    driver.active = driver.active - 1
    cancel(driver, self)
  end
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

plain.current = running

function plain.resume(co, ...)
  local ok, err = resume(co, ...)
  if ok then return true end
  coroutine.close(co) -- what it has to close waits for this
  return false, err
end

function plain.spawn(f, ...)
  return plain.resume(create(f), ...)
end

--- driver.new(hooks [, options]): a driver with a multi of its own, which has these options.
-- Raises an error where libcurl refuses one.
local function new(hooks, options)
  for name, hook in pairs(plain) do
    hooks[name] = hooks[name] or hook
  end
  local self = setmetatable({
    hooks = hooks,
    multi = assert(curl.multi(options)),
    watched = {}, -- descriptor -> events
    awake = false, -- whether the hooks were told of them
    active = 0, -- transfers that run
    cancelled = {}, -- transfers that could not be ended at once, inside a callback
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

-- Lets those go on that wait for these transfers: they may start others, or close the driver.
-- Returns whether there was any.
local function resume_all(self, transfers)
  local outer, any = self.ended, false
  self.ended = transfers
  for i = 1, #transfers do
    local waiting = transfers[i][WAITING]
    if waiting then
      transfers[i][WAITING], any = false, true
      local ok, err = self.hooks.resume(waiting)
      if not ok then note(self, false, err) end
    end
  end
  self.ended = outer
  return any
end

-- Inside a coroutine that was resumed so: those that have ended with it go on first.
local function resume_others(self)
  if not self.ended or not resume_all(self, self.ended) then return false end
  raise(self)
  return true
end

--- Ends the transfers that libcurl has finished, then lets their coroutines go on.
local function finish(self)
  local ended, n = {}, 0
  if self.cancelled[1] then remove_cancelled(self) end
  local multi = self.multi -- a finalizer may close it at any time
  local next_result = multi and multi:results()
  while self.multi do
    local transfer, ok, message, name = next_result(multi)
    if not transfer then break end
    if not transfer[DONE] then -- else nobody waits: a hook threw when it was added
      transfer[DONE] = true
      if not ok then transfer[NAME], transfer[MESSAGE] = name, message end
      n = n + 1
      ended[n] = transfer
      self.active = self.active - 1
    end
  end
  resume_all(self, ended)
end

local function refuse_inside(self)
  if self.acting then error("the loop cannot go on inside a callback of a transfer", 0) end
end

--- Calls a method of the multi. What it raises belongs to no transfer and comes after their
-- results, as does what their coroutines throw.
local function act(self, method, fd, events)
  local multi = self.multi
  if not multi then return end
  refuse_inside(self)
  local ok, result, message = call(self, multi[method], fd, events)
  finish(self)
  if not ok or result == nil then note(self, false, message or result) end
  if self.active == 0 then rest(self) end
  if self.failed then raise(self) end
end

--- on_event(fd, events): the descriptor is ready for "r", "w" or "rw", or has an error: "e".
-- Dropped when it is not watched any more. Raises what close callbacks and hooks threw, and
-- what coroutines did not catch: the first error, after all is done; others are warnings.
function Driver:on_event(fd, events)
  if self.watched[fd] then act(self, "socket_action", fd, events) end
end

--- on_timer(): the time of the timer hook has come. Raises as on_event does.
-- (Where it is refused, inside a callback, the time must not be lost.)
function Driver:on_timer()
  local ok, err = pcall(act, self, "socket_action")
  if ok then return end
  if self.awake then self.hooks.timer(0.01) end
  error(err, 0)
end

--- step(): waits for this driver's transfers alone, if any run, and handles what has happened.
-- Raises as on_event does.
function Driver:step()
  if not self.multi or resume_others(self) or self.active == 0 then return end
  refuse_inside(self)
  self.multi:poll(60)
  if self.pollable then
    act(self, "socket_action", self.multi:pollfd(), "r")
  else
    act(self, "perform")
  end
end

-- Inside a callback of any transfer the loop around may be one that cannot be entered again.
local function turn(self)
  if self.failed then -- in the last turn, or by spawn
    settle(self)
    raise(self)
  end
  if resume_others(self) then return end
  if acting then return self:step() end
  self.hooks.turn()
end

local function wait(self, transfer, waiting)
  local suspend = self.hooks.suspend
  while not transfer[DONE] do
    if not waiting then
      turn(self)
    elseif suspend then
      suspend(waiting)
    else
      yield()
    end
  end
  if not waiting then settle(self) end
end

--- perform(easy [, seconds]): what easy:perform() does, while others run: the coroutine waits
-- until the transfer is done. Outside a coroutine it runs the loop meanwhile, and raises what
-- that does. seconds, if given, becomes the easy's option "timeout".
-- Returns true, or nil, message, name ("CLOSED" when the easy or the loop was closed); raises
-- what a callback of this transfer threw. A coroutine that is closed while it waits cancels
-- its transfer.
function Driver:perform(easy, seconds)
  local multi, hooks = self.multi, self.hooks
  if not multi then error("perform: the loop is closed", 2) end
  local transfer <close> = setmetatable({ self, easy, ADDING, false, false, false }, Transfer)
  local ok, added, message, name = call(self, multi.add, easy, transfer)
  if self.cancelled[1] then remove_cancelled(self) end
  if not ok then error(added, 0) end
  transfer[DONE] = not added
  if not added then return nil, message, name end
  self.active = self.active + 1
  if seconds then assert(easy:setopt("timeout", seconds)) end
  if not self.awake then set_awake(self, true) end
  local waiting = isyieldable() and hooks.current()
  transfer[WAITING] = waiting
  wait(self, transfer, waiting)
  name, message = transfer[NAME], transfer[MESSAGE]
  if not name then return true end
  if name == "CALLBACK" then error(message, 0) end
  return nil, message, name
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

local function is_busy(self)
  return self.active > 0 or not acting and self.hooks.busy()
end

--- run(): runs the loop until no transfer is left, and nothing that was spawned and can go
-- on. Raises as on_event does; a further run() goes on.
function Driver:run()
  resume_others(self)
  repeat
    while is_busy(self) do turn(self) end
    settle(self)
  until not is_busy(self)
  raise(self)
end

--- close(): ends the transfers that still run (their coroutines get nil, message, "CLOSED"),
-- unwatches all and closes the multi with its connections. A second call does nothing. Raises
-- as on_event does. Refused inside a callback of a transfer.
function Driver:close()
  if self.multi and not self.acting then finish(self) end -- what has ended already
  local multi = self.multi
  if not multi then return end
  local transfers = multi:easies()
  local ok, err = call(self, multi.close)
  if not ok and pcall(multi.events, multi) then error(err, 0) end -- it is still open
  self.multi, self.active, self.cancelled = nil, 0, {}
  note(self, ok, err)
  note(self, pcall(set_awake, self, false))
  settle(self)
  for _, transfer in ipairs(transfers) do
    transfer[DONE], transfer[NAME], transfer[MESSAGE] = true, "CLOSED", "the loop was closed"
  end
  resume_all(self, transfers)
  raise(self)
end

function Driver:__close(err)
  local ok, failure = pcall(self.close, self)
  if ok then return end
  if err == nil then error(failure, 0) end
  complain(failure)
end

return { new = new, note = note }
