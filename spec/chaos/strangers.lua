-- Open files that are no business of curlsock's: nobody may close them. Each is a file of its own,
-- and so are descriptors 0 to 2.

local left = require "spec.support.left"
local lfs = require "lfs"
local process = require "spec.support.process"

local strangers = {}

local function target(fd)
  return lfs.symlinkattributes("/proc/self/fd/" .. fd, "target")
end

local standard = {}
for fd = 0, 2 do
  standard[fd] = target(fd)
end

-- Opens one more, and closes the one before last: numbers come and go.
function strangers.next(w)
  local name = ("%s/stranger-%d"):format(w.folder, #w.strangers + 1)
  process.write(name, "")
  local file, fd = assert(io.open(name))
  for number, what in pairs(left.descriptors()) do
    if what == name then fd = number end
  end
  table.insert(w.strangers, { file = file, fd = fd, name = name })
  local old = w.strangers[#w.strangers - 2]
  if old then
    old.file:close()
    old.fd = nil
  end
end

-- Raises if one was closed.
function strangers.check(w)
  for fd = 0, 2 do
    local now = target(fd)
    if now ~= standard[fd] then
      error(("descriptor %d was closed: %s, now %s"):format(fd, standard[fd], now), 0)
    end
  end
  for _, s in ipairs(w.strangers) do
    if s.fd and target(s.fd) ~= s.name then error("a stranger's descriptor was closed", 0) end
  end
end

function strangers.close(w)
  for _, s in ipairs(w.strangers) do
    if s.fd then s.file:close() end
  end
  w.strangers = {}
end

return strangers
