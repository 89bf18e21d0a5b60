-- The ways in which a transfer is made: alone, in a coroutine, under an interrupt, in a multi that
-- is driven in every way, in a loop.

local curl = require "curlsock"
local acts = require "spec.chaos.acts"
local callbacks = require "spec.chaos.callbacks"
local tasks = require "spec.chaos.tasks"
local pick = require("spec.chaos.random").pick

-- As Ctrl-C: an error from anywhere in a call, once.
local function interrupted(R, f)
  local function hook()
    debug.sethook()
    error "interrupted"
  end
  return pcall(function()
    debug.sethook(hook, "", R(R(3000)))
    local ok, message = pcall(f)
    debug.sethook()
    if not ok then error(message, 0) end
  end)
end

local function somehow(w, R, f)
  local x = R(8)
  if x > 3 then return pcall(f) end
  if x == 1 then return interrupted(R, f) end
  local co = coroutine.create(f)
  local ok, message = coroutine.resume(co)
  w:log("in a coroutine", coroutine.status(co))
  coroutine.close(co)
  return ok, message
end

local function alone(w, R, e)
  if R(6) > 1 then w:leave_multis(e) end
  for _ = 1, R(2) do
    local ok, message = somehow(w, R, function()
      w:log("perform", e)
      local done, _, name = e:perform()
      w:log("result", done, name)
      w:result(e, done, name)
    end)
    if not ok then w:log("raised", message) end
  end
  if R(3) == 1 then acts.talk(w, R, e) end
end

local function results(w, m)
  for e, ok, _, name in m:results() do
    w:log("result", e, ok, name)
    w:result(e, ok, name)
  end
end

local function multi(w, R)
  local m = w:any(R, "multi")
  if m and R(6) > 1 then return m end
  m = w:keep(R, "multi", curl.multi(callbacks.pool(w, R, 4)))
  if R(3) == 1 then
    w:try(m, "setopt", "socketfunction", callbacks.new(w, R, "socketfunction"))
    w:try(m, "setopt", "timerfunction", callbacks.new(w, R, "timerfunction"))
  end
  if R(4) == 1 then w:try(m, "setopt", "maxconnects", R(4)) end
  return m
end

local function turn(w, R, m)
  local x = R(6)
  if x <= 3 then m:perform() end
  if x == 4 then m:socket_action() end
  if x == 5 then m:socket_action((m:pollfd()), pick(R, { "r", "w", "rw" })) end
  if x == 6 then w:try(m, "socket_action", R(0, 40), "r") end
  results(w, m)
end

-- Hostile turns first, then until all is done, or a second is over.
local function in_multi(w, R, e)
  local m = multi(w, R)
  if R(6) > 1 then w:leave_multis(e) end
  w:try(m, "add", e)
  for _ = 1, R(0, 6) do
    somehow(w, R, function() turn(w, R, m) end)
    w:try(m, "poll", 0.01)
    if R(4) == 1 then pcall(acts.any, w, R, R(2) == 1 and e or nil) end
  end
  local stop = curl.now() + R(0, 50) / 100
  while curl.now() < stop do
    local ok, running = pcall(m.perform, m)
    pcall(results, w, m)
    if not ok or running == 0 then break end
    pcall(m.poll, m, 0.05)
  end
  if R(2) == 1 then w:try(m, "remove", e) end
end

-- One of those whose library is there.
local names = { "loop", "select" }

local function loop_of(w, R)
  local loop = w:any(R, "loop")
  if loop and R(4) > 1 then return loop end
  local name = R(2) == 1 and "loop" or pick(R, names)
  loop = require("curlsock." .. name).new(callbacks.pool(w, R, 4))
  w:log("new loop", name)
  return w:keep(R, "loop", loop)
end

local function in_loop(w, R, e)
  local loop = loop_of(w, R)
  if R(6) > 1 then w:leave_multis(e) end
  if R(2) == 1 then tasks(w, R, loop, e) end
  for _ = 1, R(3) do
    local one, seconds = R(3) == 1 and w:any(R, "easy") or e, R(50) / 100
    pcall(loop.spawn, loop, function()
      w:log("loop:perform", one, seconds)
      local ok, _, name = loop:perform(one, seconds)
      w:log("result", one, ok, name)
      w:result(one, ok, name)
    end)
  end
  w:log("loop:run", loop.multi)
  if R(6) == 1 then interrupted(R, function() loop:run() end) end
  local ok, message = pcall(loop.run, loop)
  if not ok then w:log("raised", message) end
end

local ways = {
  easy = { alone, alone, alone, alone, in_multi, in_loop, in_loop },
  multi = { alone, in_multi, in_multi, in_multi, in_multi, in_loop, in_loop },
  share = { alone, alone, alone, in_multi, in_multi, in_loop, in_loop },
}

return function(w, R, e, home)
  pick(R, ways[home])(w, R, e)
end
