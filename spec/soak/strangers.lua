-- The model's part for descriptors whose numbers libcurl knows as others, which somebody closed
-- behind its back (behind.lua). They are the script's: nothing may happen to them.

local curl = require "curlsock"
local lfs = require "lfs"

local World = {} -- methods of the model's

local function target(fd)
  return lfs.symlinkattributes("/proc/self/fd/" .. fd, "target")
end

local function is_socket(object)
  return type(object) == "userdata" and object.state ~= nil
end

-- The object has the number: a Socket, a socket of another library, or the number itself.
function World:add_stranger(fd, object)
  table.insert(self.strangers, { fd = fd, what = target(fd), object = object })
end

function World:is_stranger(fd)
  for _, s in ipairs(self.strangers) do
    if s.fd == fd then return true end
  end
end

function World:strange_sockets()
  local n = 0
  for _, s in ipairs(self.strangers) do
    if is_socket(s.object) then n = n + 1 end
  end
  return n
end

function World:check_strangers()
  for _, s in ipairs(self.strangers) do
    self:expect(s.what, target(s.fd), "descriptor %d, which was libcurl's", s.fd)
    if is_socket(s.object) then
      self:expect("owned", s.object:state(), "state of the Socket at %d, which was libcurl's", s.fd)
    end
  end
end

-- The state ends, and closes what is an object.
function World:forget_strangers()
  for i = #self.strangers, 1, -1 do
    if type(self.strangers[i].object) ~= "number" then table.remove(self.strangers, i) end
  end
end

function World:end_strangers()
  for _, s in ipairs(self.strangers) do
    local object = type(s.object) == "number" and curl.adopt(s.object) or s.object
    object:close()
  end
  self.strangers = {}
end

return World
