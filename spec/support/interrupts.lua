-- Interrupts a loop everywhere: an error from a debug hook, as Ctrl-C in lua makes one, at the
-- n-th event (an instruction, a call or a return) of the main program or of a coroutine, for each
-- n. For 43-interrupts_spec.lua, in a process of its own.

local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"

local interrupts = {}

local failure = setmetatable({}, { __tostring = function() return "interrupted" end })

-- Where an interrupt has come: the innermost function of Lua, of those around.
local function where_it_came()
  local level = 3
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then return "C" end
    if info.what ~= "C" then return info.short_src:match("[^/]*$") .. ":" .. info.currentline end
    level = level + 1
  end
end

-- Has this coroutine (or the main program), and none that it makes, interrupted at its n-th event:
-- state.fired tells where then.
local function arm(state, n)
  debug.sethook(function()
    n = n - 1
    if n > 0 then return end
    state.fired = where_it_came()
    debug.sethook()
    error(failure, 0)
  end, state.mask, 1)
end

--- Calls f(...), and interrupts it at the n-th instruction. Returns whether that happened, and what
-- f returned otherwise.
function interrupts.call(n, f, ...)
  local fired = false
  debug.sethook(function()
    n = n - 1
    if n > 0 or debug.getinfo(2, "S").short_src:find("interrupts.lua", 1, true) then return end
    debug.sethook()
    fired = true
    error(failure, 0)
  end, "", 1)
  local ok, got = pcall(f, ...)
  debug.sethook()
  if not fired and not ok then error(got, 0) end
  return fired, not fired and got or nil
end

-- What a coroutine does, the i-th of three, by kind.
local kinds = {}

function kinds.transfers(loop, url, state, i)
  for _ = 1, 2 do
    local easy <close> = state.new_easy(url .. (i == 1 and "/close" or "/hello"))
    local ok, message, name = loop:perform(easy, 20)
    if not ok then error(name .. ": " .. message, 0) end
  end
end

function kinds.waits(loop)
  local a <close> = curl.socket("inet", "dgram")
  assert(loop:sleep(0.001))
  assert(loop:wait(a, "w", 20) == "w")
  assert(not loop:wait(a, "r", 0.001))
  local task = loop:spawn(function()
    loop:sleep(0.001)
    return 5
  end)
  assert(task:wait(20) == 5)
  local group <close> = loop:group()
  group:spawn(function() loop:sleep(0.001) end)
  group:spawn(function() loop:sleep(0.001) end)
  assert(group:wait(20))
end

function kinds.streams(loop, url, state, i)
  local easy <close> = state.new_easy(url .. (i == 1 and "/upload" or "/hello"))
  if i == 1 then easy:setopt("upload", true) end
  local stream <close> = loop:stream(easy, { seconds = 20 })
  if i == 1 then assert(stream:write("a body") and stream:finish()) end
  assert(stream:headers() == 200)
  assert(stream:read("a") == (i == 1 and "6\n" or "hello\n"))
  if i == 3 then
    easy:setopt("url", url .. "/big")
    local big <close> = loop:stream(easy, { limit = 1000, seconds = 2 })
    assert(#big:read(5000) == 5000)
    loop:sleep(0.001) -- what a callback throws in the turn in which it is cancelled nobody hears
  end
end

function kinds.websockets(loop, _, state, i)
  local easy <close> = state.new_easy(os.getenv "SCENARIO_WEBSOCKET")
  local ws <close> = assert(loop:websocket(easy, { seconds = 20 }))
  assert(ws:send "hello" and ws:recv(20) == "echo hello")
  local data = ("x"):rep(i * 30000)
  assert(ws:send(data, "binary") and ws:recv(20) == data)
  assert(ws:ping "x" and ws:close())
end

-- Does it with that number.
local function do_kind(loop, url, state, i)
  state.begun = state.begun + 1
  local _ <close> = setmetatable({}, { __close = function() state.ended = state.ended + 1 end })
  kinds[state.kind](loop, url, state, i)
end

-- Three coroutines, or none; where says whose event it is.
local function work(loop, url, state, where, n)
  if where == "main" or where == "alone" then arm(state, n) end
  for i = 1, 3 do
    if where == "alone" then
      do_kind(loop, url, state, i)
    else
      loop:spawn(function()
        debug.sethook()
        if where == i then arm(state, n) end
        do_kind(loop, url, state, i)
      end)
    end
  end
  loop:run()
  debug.sethook()
end

-- One round: a text that says what is wrong after it, or nil; and whether it was interrupted.
local function round(new, url, kind, where, mask, n)
  local state = { kind = kind, mask = mask, fired = false }
  state.begun, state.ended, state.opened, state.closed = 0, 0, 0, 0
  function state.new_easy(address)
    return curl.easy {
      url = address,
      proxy = "",
      writefunction = function() end,
      opensocketfunction = function()
        state.opened = state.opened + 1
        return true
      end,
      closesocketfunction = function() state.closed = state.closed + 1 end,
    }
  end
  local start = curl.now()
  local loop = new()
  local ok, err = pcall(work, loop, url, state, where, n)
  local fired = state.fired
  if not fired and not ok then return "failed by itself: " .. tostring(err), fired end
  if fired and (ok or err ~= failure) then return "came out as " .. tostring(err), fired end
  for _ = 1, 3 do
    ok, err = pcall(loop.run, loop)
    if ok then break end
  end
  if not ok then return "run goes on failing: " .. tostring(err), fired end
  local own = fired and fired:find("^interrupts") -- in the functions that count
  if state.begun ~= state.ended and not own then
    return ("%d coroutines begun, %d ended"):format(state.begun, state.ended), fired
  end
  local easy = state.new_easy(url .. "/hello")
  local done, message = loop:perform(easy, 20)
  if not done then return "the loop does not go on: " .. message, fired end
  easy:close()
  loop:close()
  if state.opened ~= state.closed and not own then
    return ("%d sockets opened, %d closed"):format(state.opened, state.closed), fired
  end
  local time = curl.now() - start
  if time > 5 * process.patience then return ("took %.1f s"):format(time), fired end
  return nil, fired
end

-- Interrupts at each n in steps, until one comes too late. where is "main", which of three
-- coroutines, or "alone": the main program, which does all that itself. Returns how often it was
-- interrupted, and what was wrong then.
local function interrupt_all(new, url, kind, where, mask, step, first)
  local wrong, n = {}, first or 1
  while true do
    local text, fired = round(new, url, kind, where, mask, n)
    if text then wrong[#wrong + 1] = ("%d: %s (%s)"):format(n, text, fired) end
    if not fired then return n // step, wrong end
    n = n + step
  end
end

-- All that for one of curlsock's loops. Raises what is wrong, and prints how often it was
-- interrupted. kind: "transfers" (the default), "waits", "streams" or
-- "websockets".
function interrupts.run(name, raw, where, url, step, kind, first)
  local adapter = require("curlsock." .. name)
  local function new() return raw and loops.raw(adapter.new) or adapter.new() end
  -- luv ends the process for an error that comes before what it calls.
  local mask = name == "luv" and type(where) == "string" and "" or "cr"
  local count, wrong = interrupt_all(new, url, kind or "transfers", where, mask, step, first)
  left.gc()
  for what, live in pairs(curl.live()) do
    if live > 0 then wrong[#wrong + 1] = ("%d %s left"):format(live, what) end
  end
  if wrong[1] then error(#wrong .. " wrong: " .. table.concat(wrong, "; "):sub(1, 2000), 0) end
  print(count)
end

return interrupts
