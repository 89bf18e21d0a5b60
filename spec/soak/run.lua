-- Random programs until the time is up: lua5.4 spec/soak/run.lua SECONDS [SEED], in the root of
-- the checkout. The seeds count up from SEED (the clock, if none is given). Programs run in
-- processes of their own, a batch of seeds in each, so that a crash and a hang are found, too.
-- The first failure ends the run: it prints the seed, and the shortest program that still fails.

local replay = dofile "spec/soak/replay.lua"
local generate = require "spec.soak.generate"
local places = require "spec.soak.places"
local process = require "spec.support.process"
local shrink = require "spec.soak.shrink"

local soak = { batch = 40 }

-- The program of a seed; the last of a batch leaves all to the end of the Lua state.
function soak.program(seed, is_last)
  local program = generate(seed)
  if is_last then program.ends = "leave" end
  return program
end

-- What a process of its own does.
local function batch(first, last)
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

-- Runs Lua on a file and arguments; its output, and why it failed, if it did.
function soak.run(words, seconds)
  local out = os.tmpname()
  local env = preload()
  env.SOAK_PLACES = soak.places
  local command = ("exec timeout -k 5 %d %s %s >%s 2>&1 </dev/null"):format(
    seconds, process.lua(env), words, out)
  local ok, how, code = os.execute(command)
  local text = process.read(out)
  os.remove(out)
  local why = text:match("failed: (.*)$")
  if not ok and not why then
    why = code == 124 and "it hangs" or ("it ended: %s %d\n%s"):format(how, code, text:sub(-2000))
  end
  return text, why
end

-- Why the program fails, alone in a process; nil if it does not.
function soak.try(program)
  local file = os.tmpname()
  process.write(file, shrink.script(program, "tried"))
  local _, why = soak.run(file, 10)
  os.remove(file)
  return why
end

local function report(seed, program, why)
  print(("seed %d fails: %s\nIt is made smaller ..."):format(seed, why))
  local small = shrink.shrink(program, soak.try, 600)
  print(shrink.script(small, ("seed %d: %s"):format(seed, soak.try(small) or why)))
end

-- Runs a batch of seeds; true, or a failure is reported.
function soak.batch_of(first, count)
  local last = first + count - 1
  local text, why = soak.run(("spec/soak/run.lua batch %d %d"):format(first, last), 120)
  if not why then return true end
  local seed = math.tointeger(tonumber(text:match(".*seed (%d+)\n")))
  local program = soak.program(seed, seed == last)
  for _ = 1, 3 do
    local alone = soak.try(program)
    if alone then return report(seed, program, alone) end
  end
  print(("seed %d fails after those from %d on, and not alone: %s\nAgain: %s"):format(seed, first,
    why, ("make soak SEED=%d"):format(first)))
end

function soak.open()
  soak.places = places.as_text(places.open())
end

local function main(seconds, seed)
  local stop, first, count = os.time() + seconds, seed, 0
  print(("random programs for %d seconds: seeds from %d on"):format(seconds, first))
  soak.open()
  repeat
    if not soak.batch_of(first, soak.batch) then os.exit(1, true) end
    first, count = first + soak.batch, count + soak.batch
  until os.time() >= stop
  print(("%d programs, all as the model predicts (seeds %d to %d)"):format(count, seed, first - 1))
end

if arg[1] == "batch" then
  batch(math.tointeger(arg[2]), math.tointeger(arg[3]))
elseif arg[0]:find("soak/run.lua", 1, true) then
  main(tonumber(arg[1]) or 60, math.tointeger(arg[2]) or os.time())
end

return soak
