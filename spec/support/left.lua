-- Nothing may be left over: the check that every spec ends with (see helper.lua), and scripts
-- in a process of their own, for what ends with the Lua state.
--
--   local before = left.snapshot()
--   ...
--   left.check(before)        fails if descriptors were left, or vanished, or objects live on
--   left.look()               a snapshot without collecting garbage first
--   left.descriptors()              the open ones: number -> what it is
--   left.names()                    the files in the current folder: a set, for before.names
--   left.gc()                 collects all garbage, finalizers included
--   left.run(script [, env [, seconds]])   "exit"|"signal"|"timeout", code, stdout, stderr
--   left.pass(script [, env [, seconds]])  the same; fails unless it exits with 0: stdout, stderr
--   left.locals { NAME = value }           a line for the head of a script
--
-- Objects that the test's own closures can still reach are not garbage: what a test makes must
-- be local to it, not to the describe block around.

local lfs = require "lfs"
local process = require "spec.support.process"
local test_limit = require "spec.support.limit"

local left = {}

-- Twice: the first collection runs the finalizers, whose objects go with the second.
function left.gc()
  collectgarbage()
  collectgarbage()
end

-- The open descriptors of this process: number -> what it is, as the kernel tells it.
function left.descriptors()
  local open = {}
  for name in lfs.dir("/proc/self/fd") do
    -- The descriptor that reads this folder is gone when it is looked at, or leads back here.
    local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
    if target and tonumber(name) and not target:find("^/proc/%d+/fd$") then
      open[tonumber(name)] = target
    end
  end
  return open
end

function left.names()
  local names = {}
  for name in lfs.dir(".") do
    names[name] = true
  end
  return names
end

-- Live objects by kind, with what libcurl holds as "lent"; nothing before curlsock is loaded.
local function objects()
  local curl = package.loaded.curlsock
  local live = {}
  for kind, count in pairs(curl and curl.live() or live) do
    live[kind] = count
  end
  live.lent = curl and #curl.sockets()
  return live
end

function left.look()
  return { descriptors = left.descriptors(), objects = objects() }
end

function left.snapshot()
  left.gc()
  return left.look()
end

local function differences(before)
  local lines = {}
  local now = left.descriptors()
  for fd, target in pairs(now) do
    if before.descriptors[fd] ~= target then
      lines[#lines + 1] = ("descriptor %d is left open: %s"):format(fd, target)
    end
  end
  for fd, target in pairs(before.descriptors) do
    if not now[fd] then
      lines[#lines + 1] = ("descriptor %d, not of this test, was closed: %s"):format(fd, target)
    end
  end
  for kind, count in pairs(objects()) do
    local more = count - (before.objects[kind] or 0)
    if more > 0 then
      lines[#lines + 1] = ("%d %s left alive"):format(more, kind)
    end
  end
  for name in pairs(before.names and left.names() or {}) do
    if not before.names[name] then lines[#lines + 1] = ("a file is left: %q"):format(name) end
  end
  table.sort(lines)
  return lines
end

local hint = [[
(What closures of the describe block reach is no garbage: make it local to the test. A handle
that was closed, or that nothing mentions any more, is not left over.)]]

function left.check(before)
  -- Once is enough for nearly every test, and collecting is what the check costs.
  collectgarbage()
  local lines = differences(before)
  if #lines > 0 then
    left.gc()
    lines = differences(before)
  end
  if #lines > 0 then
    error("left over:\n  " .. table.concat(lines, "\n  ") .. "\n" .. hint, 0)
  end
end

local function how(ok, kind, code)
  if kind == "exit" and code == 124 then
    return "timeout", code
  elseif kind == "exit" and code > 128 then
    return "signal", code - 128
  end
  return kind, ok and 0 or code
end

function left.locals(values)
  local names, texts = {}, {}
  for name, value in pairs(values) do
    names[#names + 1], texts[#texts + 1] = name, ("%q"):format(value)
  end
  return ("local %s = %s\n"):format(table.concat(names, ", "), table.concat(texts, ", "))
end

function left.run(script, env, seconds)
  local name = os.tmpname()
  process.write(name, script)
  local limit = ("exec timeout -k 5 %d "):format((seconds or 30) * process.patience)
  local files = (" %s </dev/null >%s.out 2>%s.err"):format(name, name, name)
  -- The script has its own limit: that of the test begins anew behind it.
  test_limit.start((seconds or 30) + test_limit.seconds)
  local kind, code = how(os.execute(limit .. process.lua(env) .. files))
  test_limit.start()
  local out, err = process.read(name .. ".out"), process.read(name .. ".err")
  for _, suffix in ipairs { "", ".out", ".err" } do
    os.remove(name .. suffix)
  end
  return kind, code, out, err
end

function left.pass(script, env, seconds)
  local kind, code, out, err = left.run(script, env, seconds)
  if kind ~= "exit" or code ~= 0 then
    error(("the script ended with %s %d\n%s%s"):format(kind, code, out, err), 2)
  end
  return out, err
end

return left
