-- Random programs in processes of their own, a batch of seeds in each, so that a crash and a hang
-- are found, too; and what is told of a failure: the shortest program that still fails.

local generate = require "spec.soak.generate"
local places = require "spec.soak.places"
local process = require "spec.support.process"
local shrink = require "spec.soak.shrink"

local soak = {}

-- The program of a seed; the last of a batch leaves all to the end of the Lua state.
function soak.program(seed, is_last)
  local program = generate(seed)
  if is_last then program.ends = "leave" end
  return program
end

-- What a process of its own does (run.lua).
function soak.batch(first, last)
  local replay = dofile "spec/soak/replay.lua"
  for seed = first, last do
    io.write("seed ", seed, "\n")
    io.flush()
    replay(soak.program(seed, seed == last))
  end
end

-- A module that was built with AddressSanitizer needs its library to be there first.
local function preload()
  local core = (os.getenv "CURLSOCK_BUILD" or "build") .. "/curlsock/core.so"
  local asan = (process.output("ldd " .. core) or ""):match("=> (%S*libasan%S*)")
  return asan and { LD_PRELOAD = asan } or {}
end

-- Runs a script of Lua with arguments, "words" for the shell; its output, and why it failed.
local function run(words, seconds)
  local out, env = os.tmpname(), preload()
  soak.places = soak.places or places.as_text(places.open())
  env.SOAK_PLACES = soak.places
  local command = ("exec timeout -k 5 %d %s %s >%s 2>&1 </dev/null"):format(
    seconds * process.patience, process.lua(env), words, out)
  local ok, how, code = os.execute(command)
  local text = process.read(out)
  os.remove(out)
  local why = text:match("failed: (.-)\n*$")
  if not ok and not why then
    why = code == 124 and "it hangs" or ("it ended: %s %d\n%s"):format(how, code, text:sub(-4000))
  end
  return text, why
end

-- Why the program fails, alone in a process; nil if it does not.
function soak.try(program)
  local file = os.tmpname()
  process.write(file, shrink.script(program, "tried"))
  local _, why = run(file, 10)
  os.remove(file)
  return why
end

-- What kind of failure it is: the words, without numbers.
local function kind_of(why)
  return why and why:match("^[^\n]*"):gsub("%w*%d%w*", "")
end

-- Takes two minutes at most: a program that hangs takes ten seconds to try.
local function report(seed, program, why)
  local kind, stop = kind_of(why), os.time() + 120
  local small = shrink.shrink(program, function(p)
    return os.time() < stop and kind_of(soak.try(p)) == kind
  end, 600)
  local now = soak.try(small) or soak.try(small) or soak.try(small) or "now and then: " .. why
  return ("seed %d fails: %s\n\nThe shortest program found that fails:\n\n%s"):format(seed, why,
    shrink.script(small, now))
end

-- What there is to say of the program of a seed that fails; nil if it does not fail alone.
function soak.report(seed, is_last)
  local program = soak.program(seed, is_last)
  for _ = 1, 3 do
    local why = soak.try(program)
    if why then return report(seed, program, why) end
  end
end

-- Runs a batch of seeds; nil, or what there is to say of the first failure.
function soak.failure_in(first, last)
  local text, why = run(("spec/soak/run.lua batch %d %d"):format(first, last), 120)
  if not why then return nil end
  local seed = tonumber(text:match(".*seed (%d+)\n"))
  return soak.report(seed, seed == last)
    or ("seed %d fails: %s\nIt does not fail alone; again: make soak SEED=%d"):format(seed, why,
      first)
end

return soak
