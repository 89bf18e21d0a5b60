--- curlsock under socket.select of LuaSocket.
--
--   local loop = require("curlsock.select").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()      -- or loop:select(...), if the program has more to do
local curl = require "curlsock"
local driver = require "curlsock.driver"
local select = require("socket").select

--- A descriptor that is watched. Each watch is an object of its own.
local Watch = {}
Watch.__index = Watch

function Watch:getfd()
  return self.fd
end

--- curlsock.select.new([options]): a loop on LuaSocket's select; options are those of its multi.
-- -> Loop
local function new(options)
  local loop, deadline
  local watches = {} -- by descriptor
  local hooks = {}

  function hooks.watch(fd, events)
    watches[fd] = events and setmetatable({ fd = fd, events = events }, Watch) or nil
  end

  function hooks.timer(seconds)
    deadline = seconds and curl.now() + seconds
  end

  -- The objects of the list, and the watches whose events have that letter.
  local function with_watches(list, letter)
    local all = list and table.move(list, 1, #list, 1, {}) or {}
    for _, watch in pairs(watches) do
      if watch.events:find(letter, 1, true) then all[#all + 1] = watch end
    end
    return all
  end

  -- Passes the events of the watches on, and returns the other objects.
  local function without_watches(ready, letter)
    local others = {}
    for _, object in ipairs(ready) do
      if getmetatable(object) ~= Watch then
        others[#others + 1] = object
        others[object] = #others
      elseif watches[object.fd] == object then -- an event before this one may have ended it
        loop:on_event(object.fd, letter)
      end
    end
    return others
  end

  -- What an interrupt has left watched, and libcurl has closed: select fails with it. Returns
  -- whether there was any.
  local function drop_unwanted()
    local wanted, any = loop:watches(), false
    for fd in pairs(watches) do
      if not wanted[fd] then watches[fd], any = nil, true end
    end
    return any
  end

  -- What somebody waits for, and has closed meanwhile. Returns whether there was any.
  local function pass_closed(err)
    if not tostring(err):find("select failed", 1, true) then return false end
    local wanted = loop:watches()
    local _, ready = loop.multi:poll(0, wanted)
    for fd in pairs(ready or {}) do loop:on_event(fd, wanted[fd]) end
    return ready and next(ready) ~= nil
  end

  local function time_left(seconds)
    local left = deadline and math.max(0, deadline - curl.now())
    if seconds and seconds >= 0 and seconds < (left or math.huge) then return seconds end
    return left
  end

  function hooks.turn()
    loop:select()
  end

  loop = driver.new(hooks, options)

  --- loop:select([recvt [, sendt [, seconds]]]): of curlsock.select alone: as socket.select, for a
  -- program with sockets of its own, while transfers go on. It may return before one of these is
  -- ready, with empty lists. Raises as loop:on_event does.
  -- -> readable: table, writable: table, message: string?
  function loop.select(_, recvt, sendt, seconds)
    local ok, readable, writable, message = pcall(select, with_watches(recvt, "r"),
      with_watches(sendt, "w"), time_left(seconds))
    if not ok then
      if not drop_unwanted() and not pass_closed(readable) then error(readable, 0) end
      readable, writable = {}, {}
    end
    readable, writable = without_watches(readable, "r"), without_watches(writable, "w")
    local due = deadline
    if due and due <= curl.now() then
      loop:on_timer()
      if deadline == due then deadline = nil end -- not before: it must not be lost
    end
    return readable, writable, message
  end

  return loop
end

return { new = new }
