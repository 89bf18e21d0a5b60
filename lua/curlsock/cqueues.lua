--- curlsock under cqueues: transfers wait beside whatever else its coroutines wait for.
--
--   local loop = require("curlsock.cqueues").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()      -- or the controller's loop(), if the program has more to do
local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local curl = require "curlsock"
local driver = require "curlsock.driver"

local monotime = cqueues.monotime

local function repeat_while(f)
  repeat until not f()
end

-- Runs f in a coroutine of the controller, again and again while it returns true. An error, which
-- may be an interrupt at any place in here, comes out of the controller's step, but does not end
-- what it has interrupted. (What is outermost is C: nothing in there is interrupted.)
local function keep_running(cq, f)
  cq:wrap(xpcall, repeat_while, function(err)
    cq:wrap(error, err, 0)
    keep_running(cq, f)
  end, f)
end

-- What the coroutine threw: cqueues makes a text of a number.
local function thrown(err, co)
  if not tonumber(err) or type(co) ~= "thread" then return err end
  local ok, number = coroutine.close(co)
  return ok and err or number
end

--- curlsock.cqueues.new([options [, controller]]): a loop in a cqueue; options are those of its
-- multi, controller is the cqueue that it lives in (a new one if none is given). loop:perform()
-- waits in coroutines of that controller; elsewhere it steps the controller, but inside a coroutine
-- of another controller cqueues may refuse that. Nor does cqueues bear, while its loop() runs, that
-- a coroutine is closed from outside: loop() does not return then.
-- -> Loop
local function new(options, controller)
  local loop
  local cq = controller or cqueues.new()
  local watches = {} -- by descriptor: each watch is a table of its own
  local alarm -- the timer while it runs
  local blind -- descriptors are not watched, but asked
  local hooks = {}

  -- (What is not known yet when its coroutine begins ends at once: it does so later.)
  local function start_watch(fd, events)
    local watch = { pollfd = fd, events = events, kick = condition.new() }
    keep_running(cq, function()
      if watches[fd] ~= watch then return false end
      local ready = cqueues.poll(watch, watch.kick)
      local left = watches[fd] == watch and watch.events -- none: its end was interrupted
      if ready == watch and left then loop:on_event(fd, left) end
      return true
    end)
    watches[fd] = watch
  end

  -- libcurl looks itself, and must: it forgets some.
  local function pass_ready()
    local now, multi = {}, loop.multi
    if not multi then return end
    for fd, watch in pairs(watches) do now[fd] = watch.events end
    local _, ready = multi:poll(0, now)
    for fd in pairs(multi:watches()) do ready[fd] = now[fd] end
    for fd, events in pairs(ready) do loop:on_event(fd, events) end
  end

  -- Where each of libcurl's descriptors is watched, before 8.2 it closes some before it says so,
  -- and cqueues fails from then on. So all are asked a hundred times a second.
  local asking -- what wakes the coroutine that does this
  local function start_asking()
    local this = condition.new()
    keep_running(cq, function()
      if asking ~= this or not next(watches) then return false end
      cqueues.poll(this, 0.01)
      pass_ready()
      return true
    end)
    asking = this
  end

  local function ask(fd, events)
    watches[fd] = events and { events = events }
    if not next(watches) then
      if asking then asking:signal() end
      asking = nil
    elseif not asking then
      start_asking()
    end
  end

  function hooks.watch(fd, events)
    if blind then return ask(fd, events) end
    local watch = watches[fd]
    if not watch then return events and start_watch(fd, events) end
    watch.events = events
    watch.kick:signal()
    if events then return end
    -- A controller that is collected with the loop is closed by now.
    if cqueues.type(cq) == "controller" then cq:cancel(fd) end
    watches[fd] = nil
  end

  local function start_alarm(due)
    local this = { due = due, changed = condition.new() }
    keep_running(cq, function()
      if alarm ~= this then return false end
      local at = this.due
      cqueues.poll(this.changed, math.max(0, at - monotime()))
      if alarm ~= this or this.due > monotime() then return true end
      loop:on_timer()
      if alarm == this and this.due == at then alarm = nil end -- not before
      return true
    end)
    alarm = this
  end

  function hooks.timer(seconds)
    local this = alarm
    if seconds and not this then return start_alarm(monotime() + seconds) end
    if not this then return end
    if seconds then this.due = monotime() + seconds else alarm = nil end
    this.changed:signal()
  end

  -- Inside its own coroutines the controller cannot be stepped, nor where a coroutine of
  -- another cannot wait for it.
  function hooks.turn()
    local running, managed = cqueues.running()
    if running and (running == cq or not managed or not coroutine.isyieldable()) then
      return loop:step()
    end
    local ok, err, _, co = cq:step()
    -- A condition that is collected wakes who waited: a coroutine that has been closed, maybe.
    if not ok and err ~= "cannot resume dead coroutine" then error(thrown(err, co), 0) end
  end

  function hooks.spawn(co)
    cq:attach(co)
    return true
  end

  function hooks.busy()
    return cqueues.running() ~= cq
  end

  function hooks.current()
    local running, managed = cqueues.running()
    return managed and running == cq and condition.new() or nil
  end

  function hooks.suspend(waiting)
    waiting:wait()
  end

  function hooks.resume(waiting)
    waiting:signal()
    return true
  end

  loop = driver.new(hooks, options)
  blind = curl.version_info().version_num < 0x080200 and not loop.multi:pollfd()
  return loop
end

return { new = new }
