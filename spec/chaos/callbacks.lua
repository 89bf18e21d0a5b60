-- Callbacks that mostly do what makes a transfer succeed, sometimes answer with anything, and
-- sometimes act on what there is meanwhile.

local curl = require "curlsock"
local acts = require "spec.chaos.acts"
local names = require "spec.chaos.options"
local native = require "spec.support.native"
local policy = require "curlsock.policy"
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
  function() return { "X-A: b" } end, function() return { "X-A: b\r\n", 1 } end,
  function() return { host = "localhost", expire = 4107542400 } end,
  function() return { host = ("h"):rep(300) } end, function() return "skip" end,
  function() return "fine_replace" end,
}

-- What goes well. readfunction's is a small body; a list has one entry; the others are content with
-- true.
local function good(name, n)
  if name == "readfunction" then return n % 2 == 1 and "hello world\n" or nil end
  if name == "trailerfunction" then return n % 2 == 1 and { "X-A: b" } or nil end
  if name == "hstsreadfunction" then return n % 2 == 1 and { host = "only.hsts" } or nil end
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
  local rate, forks = pick(R, { 4, 15, 40, 1000 }), w.forks
  return function(...)
    if w.forks > forks then native.exit(9) end -- in a child nobody calls it
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
local function own_policy(w, R)
  local own = { name = "chaos" }
  for _, name in ipairs(hooks) do
    if R(2) == 1 then own[name] = callbacks.new(w, R, name) end
  end
  return own
end

local phases = { "start", "route", "judge", "make", "prepare", "accept", "opened", "request",
  "closed", "refused", "admit" }

-- The ready-made ones, as they suit the servers, and one of any hooks.
local makers = {
  function() return policy.guard { allow = { "127.0.0.0/8" }, ports = "any", own = false,
    protocols = "http,https,ftp,ftps" } end,
  function() return policy.limit { per_host = 2, rate = 100, burst = 5 } end,
  function() return policy.limit { body = 50000, header = 3000, open = 3 } end,
  function() return policy.route { ["only.route"] = "127.0.0.1", localhost = "127.0.0.1:80" } end,
  function() return policy.bind { inet = "127.0.0.1" } end,
  function() return policy.fault { refuse = { every = 3 }, reset = { every = 5 } } end,
  function()
    return policy.fault { hang = { every = 4 }, delay = { every = 2, seconds = 0.02 } }
  end,
  function() return policy.fault { cut = { every = 2, bytes = 100 } } end,
  function(w, R) return policy.trace(callbacks.new(w, R, "sink")) end,
  function(w, R) return policy.transport(callbacks.new(w, R, "serve"), { host = "127.0.0.1" }) end,
  function(w, R)
    local name = pick(R, phases)
    return { name = "chaos " .. name, [name] = callbacks.new(w, R, name) }
  end,
}

-- A policy; or rules of several, which may contradict each other.
function callbacks.policy(w, R)
  if R(2) == 1 then return own_policy(w, R) end
  local parts = {}
  for i = 1, R(3) do
    parts[i] = pick(R, makers)(w, R)
  end
  local ok, rules = pcall(policy.compose, parts)
  w:log("composes", ok and "rules" or rules)
  return ok and rules or own_policy(w, R)
end

-- Options for a new pool: one in so many has a policy.
function callbacks.pool(w, R, one_in)
  return { policy = R(one_in) == 1 and callbacks.policy(w, R) or nil }
end

return callbacks
