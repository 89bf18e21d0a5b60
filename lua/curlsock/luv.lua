--- curlsock under luv (libuv): the loop of Neovim's kin and of many servers.
--
--   local loop = require("curlsock.luv").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()      -- or uv.run(), if the program has more to do
local driver = require "curlsock.driver"
local uv = require "luv"

local closing = false -- a handle, of any of our loops

--- new([options]): a loop, for whose methods see curlsock.driver; options are the multi's. It
-- keeps uv.run() running while it has transfers. Inside a callback of libuv, a perform that is
-- in no coroutine waits for transfers alone.
local function new(options)
  local loop
  local polls, stopped, timer = {}, {}, nil
  local hooks = {}

  -- libuv would print an error and end the process. The first one stops its loop.
  local function call(method, ...)
    if not loop:guard(method, ...) then uv.stop() end
  end

  local function close_stopped()
    for i = #stopped, 1, -1 do
      closing = pcall(stopped[i].close, stopped[i]) or closing
      stopped[i] = nil
    end
  end

  -- libuv closes a handle in its loop, but may return before when one of its timers did this;
  -- luv crashes if the state ends meanwhile. So what is unwatched, by a finalizer in a state that
  -- ends maybe, is only stopped, and closed after the next event or when a call returns.
  local function close(handle)
    local alive, ended = pcall(uv.is_closing, handle)
    if not alive or ended then return end
    handle:stop()
    stopped[#stopped + 1] = handle
  end

  local function start(poll, fd, events)
    polls[fd] = poll
    poll:start(events, function(err, ready)
      if polls[fd] ~= poll then return end
      if err then start(poll, fd, events) end -- libuv has stopped it
      call("on_event", fd, err and events or ready) -- libcurl finds the error itself
      close_stopped()
    end)
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
    if events then return start(poll or assert(uv.new_socket_poll(fd)), fd, events) end
    polls[fd] = nil
    close(poll)
  end

  function hooks.timer(seconds)
    if not seconds then
      if timer then close(timer) end
      timer = nil
      return
    end
    timer = timer or uv.new_timer()
    timer:start(math.ceil(seconds * 1000), 0, function()
      call("on_timer")
      close_stopped()
    end)
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
