--- Runs transfers in an event loop, from coroutines. This is written once for all loops: an
-- adapter (curlsock.loop, curlsock.luv, ...) gives it a few hooks and calls it back. What stands
-- above functions in here is all that an adapter, or a program, may use of it.
--
-- Where the system has it the multi is one descriptor with its timer inside (multi:pollfd), so
-- an adapter usually sees one watch in all. Nothing in here depends on that. While no transfer
-- runs nothing is watched: the program's loop may end then, and does not keep the driver alive.
-- (But for seconds, if libcurl has ended connections whose servers have not answered yet.)
local admission = require "curlsock.driver.admission"
local clock = require "curlsock.driver.clock"
local coroutines = require "curlsock.driver.coroutines"
local curl = require "curlsock"
local descriptors = require "curlsock.driver.descriptors"
local failure = require "curlsock.driver.failure"
local groups = require "curlsock.driver.groups"
local streams = require "curlsock.driver.stream"
local tasks = require "curlsock.driver.tasks"
local transfers = require "curlsock.driver.transfer"
local turns = require "curlsock.driver.turns"
local waiting = require "curlsock.driver.waiting"
local watching = require "curlsock.driver.watching"
local websockets = require "curlsock.driver.websocket"

--- loop.hooks, loop.multi, loop.active, loop.spawned: fields to read.
--   hooks     those of curlsock.driver.new, with the defaults
--   multi     its multi; nil when it was closed
--   active    how many transfers are in it
--   spawned   how many coroutines were spawned and have not ended
-- -> any
local Driver = {}
Driver.__index = Driver

local function nothing() end

-- new was called as a method, of this module or of an adapter's.
local function refuse_module(options)
  if type(options) ~= "table" or type(rawget(options, "new")) ~= "function" then return end
  error("new is no method: call it as .new{...}, not :new{...}", 4)
end

--- curlsock.driver.new(hooks [, options]): a loop with a multi of its own, which has these options,
-- for an event loop that has no adapter yet. Raises an error where libcurl refuses an option. hooks
-- is a table of functions:
--   watch(fd, events)   call on_event(fd, events) whenever the descriptor is ready for events
--                       "r", "w" or "rw", in place of what was watched for; nil: no longer (which
--                       after a failure may come for what is not watched)
--   timer(seconds)      call on_timer() once, after so long, in place of an earlier time;
--                       nil: not at all. (Neither calls back before it has returned.)
--   turn()              wait for any event of the loop and handle what has happened
-- (the first two not where turn is step), where other things than transfers happen, also
--   busy()              whether what was spawned, and has not ended, may still go on
--   settle()            a call from outside the loop returns, which may have unwatched something
-- and where the loop has coroutines of its own
--   current()           what can be suspended in this coroutine: by default itself; nil for
--                       nothing
--   suspend(it)         wait until resume(it), or less; by default it yields
--   resume(it)          let it go on
--   spawn(co)           let the new coroutine begin; these two return true, or false and what
--                       the coroutine threw meanwhile
-- -> Loop
local function new(hooks, options)
  refuse_module(options)
  local has_host = hooks.busy ~= nil
  hooks.busy, hooks.settle = hooks.busy or nothing, hooks.settle or nothing
  local self = setmetatable({ hooks = hooks, multi = assert(curl.multi(options)) }, Driver)
  self.has_host, self.is_told = has_host, hooks.watch ~= nil
  hooks.watch, hooks.timer = hooks.watch or nothing, hooks.timer or nothing
  failure.begin(self)
  coroutines.begin(self)
  clock.begin(self)
  waiting.begin(self, turns.turn_for)
  descriptors.begin(self)
  admission.begin(self, options and options.policy)
  transfers.begin(self)
  watching.begin(self)
  return self
end

--- loop:perform(easy [, seconds]): what easy:perform() does, while others run: the coroutine waits
-- until the transfer is done. Outside a coroutine it runs the loop meanwhile, and raises what
-- that does. A table of options stands for an easy, which is closed then. After so many seconds,
-- if given, the loop ends it, whatever it waits for: a policy that lets it in later, a free
-- connection, the server. Returns true, or nil, message, name ("OPERATION_TIMEDOUT"; "REFUSED" by
-- the policy; "CLOSED" when the easy or the loop was closed); raises what a callback of this
-- transfer threw. A coroutine that is closed while it waits cancels its transfer. (One for which
-- libcurl's own thread asks a name server cannot be ended before that has an answer, or gives up:
-- all wait then.)
-- -> true | nil, message, name
Driver.perform = transfers.perform

--- loop:sleep(seconds): waits so long, while others go on. Returns true, or nil, message, "CLOSED"
-- when the loop was closed. Outside a coroutine it runs the loop meanwhile, as all that waits does.
-- -> true | nil, message, name
function Driver:sleep(seconds)
  waiting.check_seconds("sleep", seconds, 2)
  return waiting.sleep(self, seconds)
end

--- loop:wait(fd, events [, seconds]): waits until a descriptor is ready for "r", "w" or "rw", at
-- most so long: of a Socket, of an object with a method fd, getfd, pollfd or fileno, or an integer.
-- Returns for what it is ready (an error or a hangup counts as what is waited for), or nil,
-- message, name: "TIMEDOUT", or "CLOSED" when the loop was closed. Raises an error when the loop
-- watches that descriptor already. It must stay open meanwhile.
-- -> events: Events | nil, message, name
Driver.wait = descriptors.wait

--- loop:spawn(f, ...): runs f(...) in a coroutine, at once or when the loop runs. What it throws
-- comes out of loop:run(), if nobody waits for the task. One that yields by itself goes on with the
-- next turn of the loop, unless that has a host (luv, cqueues) whose means let it go on.
-- -> Task
function Driver:spawn(f, ...)
  tasks.check_function(f, 2)
  return tasks.spawn(self, nil, f, ...)
end

--- loop:group(): tasks that end together: the first that throws cancels the others. It can be a
-- variable to be closed, which cancels what has not ended.
-- -> Group
Driver.group = groups.new

-- loop:stream, and the methods of a stream, stand in driver/stream.lua.
Driver.stream = streams.new

-- loop:websocket, and the methods of a WebSocket, stand in driver/websocket.lua.
Driver.websocket = websockets.new

--- loop:watches(): what is to be watched now, by descriptor: "r", "w" or "rw".
-- -> table<integer, Events>
Driver.watches = descriptors.all

--- loop:run(): runs the loop until no transfer is left, and nothing that was spawned and can go
-- on. (A coroutine that waits for another loop goes on when that runs.) Raises as loop:on_event
-- does; a further run() goes on.
-- -> nothing
Driver.run = turns.run

--- loop:step(): waits for this loop's transfers alone, and whatever else its coroutines wait for,
-- if there is any, and handles what has happened. Raises as loop:on_event does, and when the wait
-- itself fails.
-- -> nothing
Driver.step = turns.step

-- The loop is closed from here on, whatever is thrown meanwhile: a further close goes on.
local function begin_close(driver)
  local multi = driver.multi
  if curl.inside(multi) then multi:close() end -- says that it is refused
  driver.closing = { multi = multi, easies = multi:easies() }
  driver.multi, driver.start = nil, nil
end

--- loop:close(): ends the transfers that still run (their coroutines get nil, message, "CLOSED"),
-- unwatches all and closes the multi with its connections. A second call does nothing. Raises
-- as loop:on_event does. Refused inside a callback of a transfer.
-- -> nothing
function Driver:close()
  if not turns.is_inside(self) then turns.end_transfers(self) end
  if self.multi then begin_close(self) end
  local closing = self.closing
  if not closing or curl.inside(closing.multi) then return end
  local ok, err = pcall(closing.multi.close, closing.multi)
  if not ok then failure.keep(self, err) end
  watching.stop(self)
  transfers.close_all(self, closing.easies)
  waiting.close_all(self)
  self.closing = nil
  waiting.resume_ended(self)
  watching.settle(self)
  failure.raise_any(self, true)
end

--- close(), at the end of a variable's scope. An error that is under way is not replaced.
function Driver:__close(err)
  local ok, failed = pcall(self.close, self)
  if ok then return end
  if err == nil then error(failed, 0) end
  failure.warn(failed)
end

--- loop:on_event(fd, events): the descriptor is ready for "r", "w" or "rw", or has an error: "e".
-- Dropped when it is not watched any more. Raises what close callbacks and hooks threw, and
-- what coroutines did not catch: the first error, after all is done; others are warnings.
-- -> nothing
Driver.on_event = turns.event

--- loop:on_timer(): the time of the timer hook has come. Raises as loop:on_event
-- does.
-- -> nothing
function Driver:on_timer()
  -- (Where it is refused, inside a callback, the time must not be lost.)
  local ok, err = pcall(turns.time, self)
  -- (The hook has one time only. While the loop is being closed nothing is done for what is due.)
  if ok then
    if not self.closing then watching.set_timer(self) end
    return
  end
  if self.timed then self.hooks.timer(0.01) end
  error(err, 0)
end

--- loop:guard(f, ...): calls f(...), which calls loop:on_event or loop:on_timer, for a library that
-- cannot bear an error: what is thrown is kept for the next run(), perform or close(). Returns
-- false for the first error that is kept so, true otherwise.
-- -> boolean
function Driver:guard(f, ...)
  local ok, err = pcall(f, ...)
  return ok or not failure.hold(self, err)
end

return { new = new }
