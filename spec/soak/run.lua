-- Random programs until the time is up: lua5.4 spec/soak/run.lua SECONDS [SEED], in the root of
-- the checkout. The seeds count up from SEED (the clock, if none is given). The first failure
-- ends the run.

dofile "spec/soak/replay.lua" -- for the paths

local soak = require "spec.soak.soak"

local size = 40 -- programs in a process

local function main(seconds, seed)
  local stop, first = os.time() + seconds, seed
  print(("random programs for %d seconds: seeds from %d on"):format(seconds, first))
  repeat
    local failure = soak.failure_in(first, first + size - 1)
    if failure then
      print(failure)
      os.exit(1, true)
    end
    first = first + size
  until os.time() >= stop
  print(("%d programs, all as the model predicts (seeds %d to %d)"):format(first - seed, seed,
    first - 1))
end

if arg[1] == "batch" then
  soak.batch(tonumber(arg[2]), tonumber(arg[3]))
else
  main(tonumber(arg[1]) or 60, tonumber(arg[2]) or os.time())
end
