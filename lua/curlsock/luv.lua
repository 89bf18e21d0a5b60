--- curlsock under luv (libuv): the loop of Neovim's kin and of many servers.
--
--   local loop = require("curlsock.luv").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()      -- or uv.run(), if the program has more to do
local driver = require "curlsock.driver"
local uv = require "luv"

-- Runs a method of the driver from libuv, which would print an error and end the process. The
-- first one stops the loop, and loop:run() raises it.
local function guard(loop, method, ...)
  local ok, err = pcall(method, loop, ...)
  if ok then return end
  loop.failed = loop.failed or { err }
  uv.stop()
end

--- new([options]): a loop, for whose methods see curlsock.driver; options are the multi's. It
-- keeps uv.run() running until it is closed.
local function new(options)
  local loop
  local polls, timer = {}, nil
  local hooks = {}

  function hooks.watch(fd, events)
    local poll = polls[fd]
    if not events then
      polls[fd] = nil
      poll:close()
      return
    end
    poll = poll or assert(uv.new_socket_poll(fd))
    polls[fd] = poll
    poll:start(events, function(err, ready)
      if polls[fd] == poll then guard(loop, loop.on_event, fd, err and "e" or ready) end
    end)
  end

  function hooks.timer(seconds)
    timer = timer or uv.new_timer()
    timer:stop()
    if seconds then
      timer:start(math.ceil(seconds * 1000), 0, function() guard(loop, loop.on_timer) end)
    end
  end

  function hooks.turn()
    uv.run("once")
    local failed = loop.failed
    loop.failed = nil
    if failed then error(failed[1], 0) end
  end

  function hooks.closed()
    if timer then timer:close() end
  end

  loop = driver.new(hooks, options)
  return loop
end

return { new = new }
