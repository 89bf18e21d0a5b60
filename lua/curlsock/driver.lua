--- Runs transfers in an event loop, from coroutines. This is written once for all loops: an
-- adapter (curlsock.loop, curlsock.luv, ...) gives it a few hooks and calls it back. This is all
-- that an adapter, or a program, may use of it:
--
-- The hooks are fields of a table that the adapter makes. Each loop has
--   watch(fd, events)   call on_event(fd, events) whenever the descriptor is ready for events
--                       "r", "w" or "rw", in place of what was watched for; nil: no longer (which
--                       after a failure may come for what is not watched)
--   timer(seconds)      call on_timer() once, after so long, in place of an earlier time;
--                       nil: not at all. (Neither calls back before it has returned.)
--   turn()              wait for any event of the loop and handle what has happened
-- a loop in which other things than transfers happen, the host group:
--   busy()              whether what was spawned, and has not ended, may still go on
--   settle()            a call from outside the loop returns, which may have unwatched something
-- a loop with coroutines of its own, the coroutines group:
--   current()           what can be suspended in this coroutine: by default itself; nil for
--                       nothing
--   suspend(it)         wait until resume(it), or less; by default it yields
--   resume(it)          let it go on
--   spawn(co)           let the new coroutine begin; these two return true, or false and what
--                       the coroutine threw meanwhile
--
-- The calls, which are methods of the driver:
--   perform(easy [, seconds])   spawn(f, ...)   run()   step()   close()
--   on_event(fd, events)        on_timer()      guard(f, ...)
-- and fields to read:
--   hooks      the table above, with the defaults
--   multi      its multi; nil when it was closed
--   active     how many transfers are in it
--   spawned    how many coroutines were spawned and have not ended
--
-- Where the system has it the multi is one descriptor with its timer inside (multi:pollfd), so
-- an adapter usually sees one watch in all. Nothing in here depends on that. While no transfer
-- runs nothing is watched: the program's loop may end then, and does not keep the driver alive.
local coroutines = require "curlsock.driver.coroutines"
local curl = require "curlsock"
local failure = require "curlsock.driver.failure"
local transfers = require "curlsock.driver.transfer"
local turns = require "curlsock.driver.turns"
local watching = require "curlsock.driver.watching"

local Driver = {}
Driver.__index = Driver

local function nothing() end

--- driver.new(hooks [, options]): a driver with a multi of its own, which has these options.
-- Raises an error where libcurl refuses one.
local function new(hooks, options)
  hooks.busy, hooks.settle = hooks.busy or nothing, hooks.settle or nothing
  local self = setmetatable({ hooks = hooks, multi = assert(curl.multi(options)) }, Driver)
  coroutines.begin(self)
  transfers.begin(self, turns.turn)
  watching.begin(self)
  return self
end

--- perform(easy [, seconds]): what easy:perform() does, while others run: the coroutine waits
-- until the transfer is done. Outside a coroutine it runs the loop meanwhile, and raises what
-- that does. seconds, if given, becomes the easy's option "timeout"; the loop keeps that time
-- itself, too, while libcurl does not: when the transfer waits for a free connection.
-- Returns true, or nil, message, name ("CLOSED" when the easy or the loop was closed); raises
-- what a callback of this transfer threw. A coroutine that is closed while it waits cancels
-- its transfer. (One for which libcurl's own thread asks a name server cannot be ended before
-- that has an answer, or gives up: all wait then.)
Driver.perform = transfers.perform

--- spawn(f, ...): runs f(...) in a coroutine, at once or when the loop runs. What it throws
-- comes out of run().
function Driver:spawn(f, ...)
  local meta = getmetatable(f)
  if type(f) ~= "function" and not (type(meta) == "table" and meta.__call) then
    error("spawn: function expected, got " .. type(f), 2)
  end
  coroutines.spawn(self, watching.task_ended, f, ...)
end

--- run(): runs the loop until no transfer is left, and nothing that was spawned and can go
-- on. Raises as on_event does; a further run() goes on.
Driver.run = turns.run

--- step(): waits for this driver's transfers alone, if any run, and handles what has happened.
-- Raises as on_event does, and when the wait itself fails.
Driver.step = turns.step

-- The loop is closed from here on, whatever is thrown meanwhile: a further close goes on.
local function begin_close(driver)
  local multi = driver.multi
  if curl.inside(multi) then multi:close() end -- says that it is refused
  driver.closing = { multi = multi, easies = multi:easies() }
  driver.multi = nil
end

--- close(): ends the transfers that still run (their coroutines get nil, message, "CLOSED"),
-- unwatches all and closes the multi with its connections. A second call does nothing. Raises
-- as on_event does. Refused inside a callback of a transfer.
function Driver:close()
  if not turns.is_inside(self) then turns.end_transfers(self) end
  if self.multi then begin_close(self) end
  local closing = self.closing
  if not closing or curl.inside(closing.multi) then return end
  local ok, err = pcall(closing.multi.close, closing.multi)
  if not ok then failure.keep(self, err) end
  watching.stop(self)
  transfers.close_all(self, closing.easies)
  self.closing = nil
  transfers.resume_ended(self)
  failure.raise_any(self)
end

--- close(), at the end of a variable's scope. An error that is under way is not replaced.
function Driver:__close(err)
  local ok, failed = pcall(self.close, self)
  if ok then return end
  if err == nil then error(failed, 0) end
  failure.warn(failed)
end

--- on_event(fd, events): the descriptor is ready for "r", "w" or "rw", or has an error: "e".
-- Dropped when it is not watched any more. Raises what close callbacks and hooks threw, and
-- what coroutines did not catch: the first error, after all is done; others are warnings.
function Driver:on_event(fd, events)
  if self.watched[fd] then turns.act(self, "on_event", "socket_action", fd, events) end
end

--- on_timer(): the time of the timer hook has come. Raises as on_event does.
-- (Where it is refused, inside a callback, the time must not be lost.)
function Driver:on_timer()
  local ok, err = pcall(turns.act, self, "on_timer", "socket_action")
  if ok and self.due then watching.set_timer(self) end -- the hook has one time only
  if ok then return end
  if self.awake then self.hooks.timer(0.01) end
  error(err, 0)
end

--- guard(f, ...): calls f(...), which calls on_event or on_timer, for a library that cannot bear
-- an error: what is thrown is kept for the next run(), perform or close(). Returns false for the
-- first error that is kept so, true otherwise.
function Driver:guard(f, ...)
  local ok, err = pcall(f, ...)
  return ok or not failure.hold(self, err)
end

return { new = new }
