-- A child with copies of all that there is: it does with them whatever comes, makes some of its
-- own, and ends. None of the callbacks that were set before may run in there.

local acts = require "spec.chaos.acts"
local curl = require "curlsock"
local native = require "spec.support.native"
local lfs = require "lfs"
local process = require "spec.support.process"
local random = require "spec.chaos.random"

local pick = random.pick

-- A thread of libcurl's may hold a lock that nobody opens in the child.
local function has_threads()
  local n = 0
  for name in lfs.dir "/proc/self/task" do
    if tonumber(name) then n = n + 1 end
  end
  return n > 1
end

local function own_transfer(w)
  local e <close> = curl.easy { url = "http://127.0.0.1/", proxy = "", timeout_ms = 300,
    nosignal = true, writefunction = {} }
  w:try(e, "perform")
end

local function live(w, R)
  for _ = 1, R(10) do
    pcall(acts.any, w, R)
    if R(4) == 1 then pcall(acts.call, w, R) end
  end
  if R(2) == 1 then own_transfer(w) end
end

local ends = {
  function() native.exit(0) end,
  function(w) w:shut() end,
  function(w)
    w:forget()
    collectgarbage()
    collectgarbage()
  end,
  -- The end of the state, as far as its last finalizer: what libcurl has is left behind.
  function(w)
    w.last(function() native.exit(0) end)
    os.exit(0, true)
  end,
}

-- Inside a coroutine: a yield leads no further.
local function child(w, R)
  debug.sethook()
  native.alarm(60 * process.patience)
  w.forks = w.forks + 1
  coroutine.resume(coroutine.create(live), w, R)
  coroutine.resume(coroutine.create(pick(R, ends)), w)
  native.exit(0)
end

-- The child must end with 0; 9 is that of a callback.
acts.more(1, function(w, R)
  if w.forks > 0 or has_threads() then return end
  w:log "forks"
  w.trace:flush()
  io.stdout:flush()
  local hook, mask, count = debug.gethook()
  debug.sethook() -- no interrupt may lose the child
  local pid = native.fork()
  if pid == 0 then child(w, R) end
  local status = native.wait(pid)
  w:count "ok fork"
  if status ~= 0 then w:fail(("a forked child ended with %d"):format(status)) end
  debug.sethook(hook, mask, count)
end)
