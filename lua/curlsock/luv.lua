--- curlsock under luv (libuv): the loop of Neovim's kin and of many servers.
--
--   local loop = require("curlsock.luv").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()      -- or uv.run(), if the program has more to do
--
-- luv ends the process when a callback of libuv throws. Nothing in here does, but an error of a
-- debug hook for calls, as lua's own for Ctrl-C is, comes before any function of ours when it was
-- set while libuv waits: there luv prints "Uncaught Error" and exits.
local driver = require "curlsock.driver"
local uv = require "luv"

local closing = false -- a handle, of any of our loops

--- What libuv calls: a table whose call is a function of C, that of a coroutine in which no hook
-- of the program's interrupts. What is thrown in it stops libuv's loop, if it is the first.
local Callback = {}
Callback.__index = Callback

-- (A turn begins with what is due, and would then wait for something else.)
local function serve(callback, ...)
  local good = callback.loop:guard(callback.f, ...)
  if not good or uv.loop_mode() == "once" then uv.stop() end
  callback.close_stopped()
end

Callback.__call = coroutine.wrap(function()
  while true do serve(coroutine.yield()) end
end)
Callback.__call()

-- Whether it can be closed. The program may have done that.
local function is_open(handle)
  local ok, answer = pcall(uv.is_closing, handle)
  if ok then return not answer end
  if not tostring(answer):find("uv_handle", 1, true) then error(answer, 0) end -- not luv's
  return false
end

--- curlsock.luv.new([options]): a loop in that of luv; options are those of its multi. It keeps
-- uv.run() running while it has transfers. Inside a callback of libuv, a perform that is in no
-- coroutine waits for transfers alone.
-- -> Loop
local function new(options)
  local loop
  local polls, stopped, timer = {}, {}, nil
  local hooks = {}

  -- (What is in the list twice is closed once.)
  local function close_stopped()
    for i = #stopped, 1, -1 do
      if is_open(stopped[i]) then
        closing = true
        stopped[i]:close()
      end
      stopped[i] = nil
    end
  end

  -- libuv closes a handle in its loop, but may return before when one of its timers did this;
  -- luv crashes if the state ends meanwhile. So what is unwatched, by a finalizer in a state that
  -- ends maybe, is only stopped, and closed after the next event or when a call returns.
  local function close(handle)
    if not is_open(handle) then return end
    stopped[#stopped + 1] = handle
    handle:stop()
  end

  local function callback(f)
    return setmetatable({ loop = loop, f = f, close_stopped = close_stopped }, Callback)
  end

  local function start(poll, fd, events)
    polls[fd] = poll
    poll:start(events, callback(function(err, ready)
      if polls[fd] ~= poll then return end
      if err then start(poll, fd, events) end -- libuv has stopped it
      loop:on_event(fd, err and events or ready) -- libcurl finds the error itself
    end))
  end

  function hooks.settle()
    close_stopped()
    while closing and not uv.loop_mode() do
      closing = false
      uv.run("nowait")
    end
  end

  -- When a handle is closed libuv forgets its descriptor, also for the next handle.
  local function new_poll(fd)
    close_stopped()
    local poll, err = uv.new_socket_poll(fd)
    if not poll then error(("descriptor %d cannot be watched: %s"):format(fd, err), 0) end
    return poll
  end

  function hooks.watch(fd, events)
    local poll = polls[fd]
    if events then return start(poll or new_poll(fd), fd, events) end
    if not poll then return end
    close(poll)
    polls[fd] = nil
  end

  function hooks.timer(seconds)
    if not seconds then
      if timer then close(timer) end
      timer = nil
      return
    end
    if timer and not is_open(timer) then return end -- the state ends, maybe: luv crashes
    timer = timer or uv.new_timer()
    timer:start(math.ceil(seconds * 1000), 0, callback(function() loop:on_timer() end))
  end

  function hooks.turn()
    if uv.loop_mode() or not uv.loop_alive() then return loop:step() end
    uv.run("once")
    closing = true -- of a timer of the program's, maybe
  end

  function hooks.busy()
    return not uv.loop_mode() and uv.loop_alive()
  end

  loop = driver.new(hooks, options)
  return loop
end

return { new = new }
