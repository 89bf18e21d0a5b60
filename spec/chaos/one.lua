-- Runs the program of one seed beside servers.py and prints a line: "passed SEED COUNTS" or "failed
-- SEED FILE". With more arguments, for replay.lua: only these rounds (one,two,three), and a log.
--   lua5.4 spec/chaos/one.lua [ROUNDS LOG] SEED

package.path = "./?.lua;" .. package.path

local machine = require "spec.chaos.machine"

local seed, rounds, log = tonumber(arg[#arg]), arg[3] and arg[1], arg[3] and arg[2]
local why, counts = machine.run(seed, rounds, log)
print(why and ("failed %d %s"):format(seed, machine.keep(seed, why))
  or ("passed %d %s"):format(seed, counts))
