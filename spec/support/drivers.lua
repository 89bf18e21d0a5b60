-- A driver (curlsock.driver) with hooks that are made by hand on socket.select, and what the specs
-- of it share.

local curl = require "curlsock"
local driver = require "curlsock.driver"
local easies = require "spec.support.easies"
local loops = require "spec.support.loops"

local drivers = {}

-- Says which of loops.modes it is.
function drivers.title(raw)
  return raw and "Without pollfd:" or "With pollfd:"
end

-- The loop of a test: a driver, and what its hooks were told.
--   watched   descriptor -> events       log     "watch r", "unwatch", "timer", "no timer"
-- more: other hooks.
function drivers.new(raw, options, more)
  local host, due = { watched = {}, log = {} }, nil
  local hooks = more or {}

  local function told(text)
    host.log[#host.log + 1] = text
  end

  function hooks.watch(fd, events)
    assert(events or host.watched[fd] or host.failed, "what is not watched is unwatched")
    host.watched[fd] = events
    told(events and "watch " .. events or "unwatch")
  end

  function hooks.timer(seconds)
    due = seconds and curl.now() + seconds
    told(seconds and "timer" or "no timer")
  end

  function hooks.turn()
    local seconds = due and math.max(0, due - curl.now()) or 5
    local ready = loops.wait(host.watched, seconds)
    assert(due or #ready > 0, "nothing happens any more")
    for _, event in ipairs(ready) do host.driver:on_event(table.unpack(event)) end
    if due and due <= curl.now() then
      due = nil
      host.driver:on_timer()
    end
  end

  host.hooks = hooks
  local function new() return driver.new(hooks, options) end
  host.driver = raw and loops.raw(new) or not raw and new()
  return host.driver, host
end

-- An easy for a path of the web server, or a URL; its body is in list, if there is one. Its
-- sockets are counted in counts, if there is one: opened, closed.
function drivers.easy(path, list, counts)
  local easy = easies.at(easies.url(path), { writefunction = list or {} })
  if counts then
    counts.opened, counts.closed = counts.opened or 0, counts.closed or 0
    easy:setopt {
      opensocketfunction = function()
        counts.opened = counts.opened + 1
        return true
      end,
      closesocketfunction = function()
        counts.closed = counts.closed + 1
      end,
    }
  end
  return easy
end

-- A list of n times the value.
function drivers.times(n, value)
  local list = {}
  for i = 1, n do list[i] = value end
  return list
end

-- Runs the loop until n transfers have ended, whose results it gets all in one step.
function drivers.end_together(loop, n)
  local kept = 0
  local real = debug.getmetatable(loop.multi).__index.results
  local all = {}
  loops.with_method("results", function(multi, list)
    local now = {}
    local more, left = real(multi, now)
    for i = 1, 3 * more do all[3 * kept + i] = now[i] end
    kept = kept + more
    if kept < n then return 0, loop.active end
    table.move(all, 1, 3 * n + 1, 1, list)
    return n, left
  end, function()
    while kept < n do loop.hooks.turn() end
  end)
end

return drivers
