-- Programs one after the other, each in processes and a network of its own:
--   lua5.4 spec/chaos/lane.lua FIRST STEP LAST STOP     seeds; STOP is a time (os.time)
-- Prints a line for each: "passed SEED COUNTS" or "failed SEED FILE". run.lua runs many lanes.

package.path = "./?.lua;" .. package.path

local machine = require "spec.chaos.machine"

local first, step, last, stop = table.unpack(arg)
for seed = tonumber(first), tonumber(last), tonumber(step) do
  if os.time() >= tonumber(stop) then break end
  local why, counts = machine.run(seed)
  local line = why and ("failed %d %s"):format(seed, machine.keep(seed, why))
    or ("passed %d %s"):format(seed, counts)
  io.write(line, "\n")
  io.flush()
end
