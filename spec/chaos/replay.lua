-- Runs the program of a seed again, and with as few rounds as still fail in the same way:
--   lua5.4 spec/chaos/replay.lua SEED LOG [ROUND,ROUND...]
-- LOG is written anew: each call of the last run that failed.

package.path = "./?.lua;" .. package.path

local machine = require "spec.chaos.machine"
local process = require "spec.support.process"

local seed, log = tonumber(arg[1]), arg[2]
local stop = os.time() + 300

-- Why it fails with these rounds, or nil.
local function run(rounds)
  local only = table.concat(rounds, ",") .. " " .. process.quote(log .. ".now")
  local line = process.output(machine.command(seed, 1, seed, math.maxinteger >> 1, only))
  local file = line and line:match "failed %d+ (%S+)"
  return file and process.read(file)
end

-- The kind of failure with these rounds, or nil; once is not always enough.
local function try(rounds, times)
  for _ = 1, times do
    local why = run(rounds)
    if why then
      os.rename(log .. ".now", log)
      return machine.kind(why), why
    end
  end
end

local function without(rounds, at, n)
  local rest = table.move(rounds, 1, at - 1, 1, {})
  return table.move(rounds, at + n, #rounds, at, rest)
end

local function shrink(rounds, kind)
  local n = #rounds // 2
  while n >= 1 do
    local at = 1
    while at <= #rounds and os.time() < stop do
      local less = without(rounds, at, n)
      if #less > 0 and try(less, 2) == kind then rounds = less else at = at + n end
    end
    n = n // 2
  end
  return rounds
end

local function all_rounds()
  local rounds = {}
  for n in (arg[3] or ""):gmatch "%d+" do
    rounds[#rounds + 1] = n
  end
  for n = 1, arg[3] and 0 or machine.rounds do
    rounds[n] = n
  end
  return rounds
end

local rounds = all_rounds()
local kind, why = try(rounds, 5)
if not kind then
  print(("seed %d does not fail in 5 runs"):format(seed))
  os.exit(0)
end
print(why)
rounds = shrink(rounds, kind)
try(rounds, 5)
os.remove(log .. ".now")
print("it fails with rounds " .. table.concat(rounds, ",") .. "; the last calls (" .. log .. "):")
os.execute("tail -n 20 " .. process.quote(log) .. " | cut -c 1-200")
os.exit(1)
