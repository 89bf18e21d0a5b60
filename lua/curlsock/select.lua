--- curlsock under socket.select of LuaSocket, or any loop that takes lists of objects with a
-- getfd method.
--
--   local loop = require("curlsock.select").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()
local curl = require "curlsock"
local driver = require "curlsock.driver"
local select = require("socket").select

local function getfd(object)
  return object.fd
end

--- new([options]): a loop, for whose methods see curlsock.driver; options are the multi's.
local function new(options)
  local loop, deadline
  local objects = {} -- by descriptor: each watch is an object of its own
  local hooks = {}

  function hooks.watch(fd, events)
    objects[fd] = events and { fd = fd, events = events, getfd = getfd } or nil
  end

  function hooks.timer(seconds)
    deadline = seconds and curl.now() + seconds
  end

  -- The watched objects whose events have that letter.
  local function list(letter)
    local found = {}
    for _, object in pairs(objects) do
      if object.events:find(letter, 1, true) then found[#found + 1] = object end
    end
    return found
  end

  local function pass_on(ready, letter)
    for _, object in ipairs(ready) do
      -- An event before this one may have ended the watch.
      if objects[object.fd] == object then loop:on_event(object.fd, letter) end
    end
  end

  function hooks.turn()
    local seconds = deadline and math.max(0, deadline - curl.now())
    local readable, writable = select(list "r", list "w", seconds)
    pass_on(readable, "r")
    pass_on(writable, "w")
    if deadline and deadline <= curl.now() then
      deadline = nil
      loop:on_timer()
    end
  end

  loop = driver.new(hooks, options)
  return loop
end

return { new = new }
