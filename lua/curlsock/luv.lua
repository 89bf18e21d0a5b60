--- curlsock under luv (libuv): the loop of Neovim's kin and of many servers.
--
--   local loop = require("curlsock.luv").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()      -- or uv.run(), if the program has more to do
--
-- luv ends the process when a callback of libuv throws. Nothing in here does, but an error of a
-- debug hook for calls, as lua's own for Ctrl-C is, comes before any function of ours when it was
-- set while libuv waits: there luv prints "Uncaught Error" and exits. And without multi:pollfd, of
-- systems that are not Linux, luv prints "EBADF" when a connection breaks, and goes on.
local curl = require "curlsock"
local driver = require "curlsock.driver"
local uv = require "luv"

local closing = false -- a handle, of any of our loops

--- What libuv calls: a table whose call is a function of C, that of a coroutine in which no hook
-- of the program's interrupts. What is thrown in it stops libuv's loop, if it is the first.
local Callback = {}
Callback.__index = Callback

-- Whether it can be closed. The program may have done that.
local function is_open(handle)
  local ok, answer = pcall(uv.is_closing, handle)
  if ok then return not answer end
  if not tostring(answer):find("uv_handle", 1, true) then error(answer, 0) end -- not luv's
  return false
end

local function usable(handle)
  return handle and is_open(handle) and handle or nil
end

-- libuv closes a handle in its loop, but may return before when one of its timers did this; luv
-- crashes if the state ends meanwhile. So what is not needed any more, in a state that ends maybe,
-- is only stopped. It can be started again, or is closed after the next event or when a call
-- returns. By descriptor (one that is closed later than a new one is started takes that along), or,
-- of timers, by whose it is.
local stopped = {}

local function stop(key, handle)
  if not is_open(handle) then return end
  stopped[key] = handle
  handle:stop()
end

local function close_stopped()
  for key, handle in pairs(stopped) do
    if is_open(handle) then
      closing = true
      handle:close()
    end
    stopped[key] = nil
  end
end

-- (A turn begins with what is due, and would then wait for something else.)
local function serve(callback, ...)
  local good = callback.loop:guard(callback.f, ...)
  if not good or uv.loop_mode() == "once" then uv.stop() end
  if not curl.inside() then close_stopped() end
end

Callback.__call = coroutine.wrap(function()
  while true do serve(coroutine.yield()) end
end)
Callback.__call()

local function check(fd, result, err)
  if not result then error(("descriptor %d cannot be watched: %s"):format(fd, err), 0) end
  return result
end

local function new_poll(fd)
  return check(fd, uv.new_socket_poll(fd))
end

--- curlsock.luv.new([options]): a loop in that of luv; options are those of its multi. It keeps
-- uv.run() running while it has transfers. Inside a callback of libuv, a perform that is in no
-- coroutine waits for transfers alone.
-- -> Loop
local function new(options)
  local loop
  local polls, timer = {}, nil
  local hooks = {}

  local function callback(f)
    return setmetatable({ loop = loop, f = f }, Callback)
  end

  local function start(poll, fd, events)
    polls[fd], stopped[fd] = poll, nil
    check(fd, poll:start(events, callback(function(err, ready)
      if polls[fd] ~= poll then return end
      if err then start(poll, fd, events) end -- libuv has stopped it
      loop:on_event(fd, err and events or ready) -- libcurl finds the error itself
    end)))
  end

  function hooks.settle()
    close_stopped()
    while closing and not uv.loop_mode() do
      closing = false
      uv.run("nowait")
    end
  end

  function hooks.watch(fd, events)
    local poll = polls[fd]
    if events then
      return start(usable(poll) or usable(stopped[fd]) or new_poll(fd), fd, events)
    end
    if not poll then return end
    stop(fd, poll)
    polls[fd] = nil
  end

  function hooks.timer(seconds)
    if not seconds then
      if timer then stop(hooks, timer) end
      timer = nil
      return
    end
    if timer and not is_open(timer) then return end -- the state ends, maybe: luv crashes
    timer = timer or usable(stopped[hooks]) or uv.new_timer()
    stopped[hooks] = nil
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
