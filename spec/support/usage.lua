-- What a process has, as the kernel tells it.

local lfs = require "lfs"

local usage = {}

-- How many descriptors are open.
function usage.descriptors()
  local n = 0
  for _ in lfs.dir("/proc/self/fd") do n = n + 1 end
  return n
end

-- Bytes of memory that are resident.
function usage.resident()
  local file <close> = assert(io.open "/proc/self/statm")
  return tonumber(file:read("a"):match("^%d+ (%d+)")) * 4096
end

return usage
