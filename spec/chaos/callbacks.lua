-- Callbacks that mostly do what makes a transfer succeed, sometimes answer with anything, and
-- sometimes act on what there is meanwhile.

local curl = require "curlsock"
local acts = require "spec.chaos.acts"
local names = require "spec.chaos.options"
local random = require "spec.chaos.random"

local pick, stream = random.pick, random.stream
local callbacks = {}

local function listening()
  local s = curl.socket()
  s:bind "127.0.0.1:0"
  s:listen()
  return s
end

local function rewrite(address)
  address.ip = "127.0.0.1"
  return true
end

-- A descriptor that nobody owns is nobody's fault but the script's: no interrupt comes between.
local function number(_, name)
  if name ~= "opensocketfunction" then return 7 end
  debug.sethook()
  return (curl.socket():detach())
end

-- What it was given is gone when it returns.
local function take_away(R, _, socket)
  if R(2) == 1 then
    socket:close()
  else
    debug.sethook()
    curl.adopt((socket:detach())):close()
  end
end

-- By the stream, the callback's name, and its arguments.
local answers = {
  function() return false, "no" end, function() return nil, "no" end, function() return nil end,
  function() return 5 end, function() return "text" end, function() return curl.PAUSE end,
  function() return curl.socket() end, function() return (curl.socketpair()) end,
  function() return curl.socket("inet", "dgram") end, number,
  function() return { getfd = function() return 0 end } end,
  function() return curl.socket(16, 3, 0) end, listening,
  function() return setmetatable({}, { __index = function() return 3 end }) end,
  function(_, _, _, address) return rewrite(address) end,
  function(_, _, _, address) address.path = "none" return true end, take_away,
  function(R, _, size) return ("r"):rep(math.min(size, R(1, 70000))) end,
  function() return "connected" end, function() return coroutine.yield() end,
}

-- What goes well. readfunction's is a small body; the others are content with true.
local function good(name, n)
  if name == "readfunction" then return n % 2 == 1 and "hello world\n" or nil end
  return true
end

local function body()
  local n = 0
  return function()
    n = n + 1
    return good("readfunction", n)
  end
end

-- A callback: it does not hold the easy in half of the cases.
function callbacks.new(w, R, name, e)
  local own, calls = stream(R(1 << 40)), 0
  local held = setmetatable({ e }, { __mode = R(2) == 1 and "v" or nil })
  local rate = pick(R, { 4, 15, 40, 1000 })
  return function(...)
    calls = calls + 1
    w:count "callbacks"
    if own(rate) == 1 then acts.any(w, own, held[1]) end
    if own(rate) == 1 then
      w:log("answers badly", name, calls)
      return pick(own, answers)(own, name, ...)
    end
    return good(name, calls)
  end
end

local often = {
  "opensocketfunction", "closesocketfunction", "sockoptfunction", "writefunction", "readfunction",
  "headerfunction", "seekfunction", "xferinfofunction", "debugfunction", "prereqfunction",
}

-- What every transfer needs: nothing waits for the standard input, or has a body without end.
function callbacks.prepare(w, e)
  w:try(e, "setopt", { readfunction = body(), seekfunction = function() return true end })
end

-- Sets some: those that the module knows often, any other name now and then.
function callbacks.set(w, R, e)
  for _, name in ipairs(often) do
    if R(4) == 1 then
      w:try(e, "setopt", name, callbacks.new(w, R, name, e))
    end
  end
  local name = pick(R, names.functions)
  w:try(e, "setopt", name, callbacks.new(w, R, name, e))
end

local hooks = { "start", "open", "sockopt", "request", "close" }

-- A policy with some of its hooks.
function callbacks.policy(w, R)
  local policy = { name = "chaos" }
  for _, name in ipairs(hooks) do
    if R(2) == 1 then policy[name] = callbacks.new(w, R, name) end
  end
  return policy
end

return callbacks
