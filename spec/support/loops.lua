-- Event loops for specs: what a hand-made one needs, and a driver on systems without pollfd.

local curl = require "curlsock"
local lfs = require "lfs"
local luasocket = require "socket"
local system = require "spec.support.system"

-- loops.names: curlsock's loops whose library is there for this Lua; loops.missing: the others.
-- loops.modes: whether a driver is to be raw (see there): false where there is pollfd, and true.
local loops = { names = {}, missing = {}, modes = { true } }

if system.linux then table.insert(loops.modes, 1, false) end

local libraries = { loop = "curlsock", luv = "luv", cqueues = "cqueues", select = "socket" }

for _, name in ipairs { "loop", "luv", "cqueues", "select" } do
  local found = package.searchpath(libraries[name], package.path .. ";" .. package.cpath)
  table.insert(found and loops.names or loops.missing, name)
end

local function getfd(object)
  return object.fd
end

-- libcurl 7.88 closes an attempt that it gives up without a word, and select takes no closed
-- descriptor.
local function is_open(fd)
  return lfs.symlinkattributes("/proc/self/fd/" .. fd, "target") ~= nil
end

-- Waits at most that long: list of { fd, "r" or "w" } that are ready of watched, fd -> events.
function loops.wait(watched, seconds)
  local lists, ready = { r = {}, w = {} }, {}
  for fd, events in pairs(watched) do
    for letter in (is_open(fd) and events or ""):gmatch "." do
      table.insert(lists[letter], { fd = fd, getfd = getfd })
    end
  end
  local readable, writable = luasocket.select(lists.r, lists.w, seconds)
  for _, object in ipairs(readable) do ready[#ready + 1] = { object.fd, "r" } end
  for _, object in ipairs(writable) do ready[#ready + 1] = { object.fd, "w" } end
  return ready
end

-- Calls f(...) with another function as that method of every multi.
function loops.with_method(name, method, f, ...)
  local multi <close> = curl.multi()
  local methods = debug.getmetatable(multi).__index
  local real = methods[name]
  methods[name] = method
  local results = table.pack(pcall(f, ...))
  methods[name] = real
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- Calls f(...) on a system that has no multi:pollfd: what a loop watches then is each of
-- libcurl's descriptors, and its timer.
function loops.raw(f, ...)
  if not system.linux then return f(...) end
  return loops.with_method("pollfd", function()
    return nil, "pollfd: Function not implemented", "ENOSYS"
  end, f, ...)
end

return loops
