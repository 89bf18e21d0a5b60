--- Runs transfers in an event loop, from coroutines. This is written once for all loops: an
-- adapter (curlsock.loop, curlsock.luv, ...) gives it a few hooks and calls it back.
--
-- The hooks are fields of a table that the adapter makes:
--   watch(fd, events)   call on_event(fd, events) whenever the descriptor is ready for events
--                       "r", "w" or "rw", in place of what was watched for; nil: no longer
--   timer(seconds)      call on_timer() once, after so long, in place of an earlier time;
--                       nil: not at all. (Neither calls back before it has returned.)
--   turn()              wait for any event of the loop and handle what has happened
--   closed()            (optional) the driver was closed
-- and, for a loop with coroutines of its own:
--   current()           what can be suspended here: by default the running coroutine; nil for
--                       nothing
--   suspend(it)         wait until resume(it), or less
--   resume(it)
--   spawn(f, ...)       run f in a coroutine
--   busy()              whether one of these still runs
--
-- Where the system has it the multi is one descriptor with its timer inside (multi:pollfd), so
-- an adapter usually sees one watch in all. Nothing in here depends on that.
local curl = require "curlsock"

local Driver = {}
Driver.__index = Driver

--- A transfer that a coroutine waits for. Closing it before its end cancels it.
local Transfer = {}

function Transfer:__close()
  if self.done then return end
  self.cancelled = true
  self.driver.multi:remove(self.easy)
  self.driver.transfers[self.easy] = nil
end

local plain = {}

function plain.current()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

function plain.suspend()
  coroutine.yield()
end

-- The error of a coroutine is the loop's to raise.
function plain.resume(co, ...)
  local ok, err = coroutine.resume(co, ...)
  if not ok then error(err, 0) end
end

function plain.spawn(f, ...)
  plain.resume(coroutine.create(f), ...)
end

function plain.busy()
  return false
end

function plain.closed() end

--- driver.new(hooks [, options]): a driver with a multi of its own, which has these options.
-- Raises an error where libcurl refuses one.
local function new(hooks, options)
  setmetatable(hooks, { __index = plain })
  local self = setmetatable({
    hooks = hooks,
    multi = assert(curl.multi(options)),
    watched = {}, -- descriptor -> events
    transfers = {}, -- easy -> Transfer
  }, Driver)
  self.multi:setopt {
    socketfunction = function(fd, events)
      self.watched[fd] = events
      hooks.watch(fd, events)
    end,
    timerfunction = hooks.timer,
  }
  self.fd = self.multi:pollfd()
  return self
end

--- Ends the transfers that libcurl has finished, then lets their coroutines go on: those may
-- start others, or close the driver.
local function finish(self)
  local ended = {}
  for easy, ok, message, name in self.multi:results() do
    local transfer = self.transfers[easy]
    self.multi:remove(easy)
    self.transfers[easy] = nil
    transfer.done, transfer.ok, transfer.message, transfer.name = true, ok, message, name
    ended[#ended + 1] = transfer
  end
  for _, transfer in ipairs(ended) do
    if transfer.waiting and not transfer.cancelled then self.hooks.resume(transfer.waiting) end
  end
end

--- Calls a method of the multi; what it raises belongs to no transfer and comes after their
-- results.
local function act(self, method, ...)
  local multi = self.multi
  if not multi then return end
  local ok, err = pcall(multi[method], multi, ...)
  finish(self)
  if not ok then error(err, 0) end
end

--- on_event(fd, events): the descriptor is ready for "r", "w" or "rw", or has an error: "e".
-- Dropped when it is not watched any more. Raises what close callbacks and hooks threw, and
-- what coroutines did not catch.
function Driver:on_event(fd, events)
  if self.watched[fd] then act(self, "socket_action", fd, events) end
end

--- on_timer(): the time of the timer hook has come. Raises as on_event does.
function Driver:on_timer()
  act(self, "socket_action")
end

--- on_poll(): multi:poll() has returned: all that it waits for may be ready. Raises as
-- on_event does.
function Driver:on_poll()
  if self.fd then act(self, "socket_action", self.fd, "r") else act(self, "perform") end
end

local function wait(self, transfer)
  local hooks = self.hooks
  transfer.waiting = hooks.current()
  while not transfer.done do
    if transfer.waiting then hooks.suspend(transfer.waiting) else hooks.turn() end
  end
end

--- perform(easy [, seconds]): what easy:perform() does, while others run: the coroutine waits
-- until the transfer is done. Outside a coroutine it runs the loop meanwhile. seconds, if
-- given, becomes the easy's option "timeout".
-- Returns true, or nil, message, name; raises what a callback of this transfer threw. A
-- coroutine that is closed while it waits cancels its transfer.
function Driver:perform(easy, seconds)
  if not self.multi then error("perform: the loop is closed", 2) end
  if seconds then assert(easy:setopt("timeout", seconds)) end
  local added, message, name = self.multi:add(easy)
  if not added then return nil, message, name end
  local transfer <close> = setmetatable({ driver = self, easy = easy }, Transfer)
  self.transfers[easy] = transfer
  wait(self, transfer)
  if transfer.name == "CALLBACK" then error(transfer.message, 0) end
  if transfer.ok then return true end
  return nil, transfer.message, transfer.name
end

--- spawn(f, ...): runs f(...) in a coroutine, at once or when the loop runs.
function Driver:spawn(f, ...)
  self.hooks.spawn(f, ...)
end

--- run(): runs the loop until no transfer is left, and nothing that was spawned. Raises as
-- on_event does.
function Driver:run()
  while next(self.transfers) or self.hooks.busy() do self.hooks.turn() end
end

--- close(): ends the transfers that still run (their coroutines get nil, message, "CLOSED"),
-- unwatches all and closes the multi with its connections. A second call does nothing.
function Driver:close()
  local multi, transfers = self.multi, self.transfers
  self.multi, self.transfers = nil, {}
  if not multi then return end
  for _, transfer in pairs(transfers) do
    transfer.done, transfer.message, transfer.name = true, "the loop was closed", "CLOSED"
  end
  multi:close()
  self.hooks.closed()
  for _, transfer in pairs(transfers) do
    if transfer.waiting and not transfer.cancelled then self.hooks.resume(transfer.waiting) end
  end
end

Driver.__close = Driver.close

return { new = new }
