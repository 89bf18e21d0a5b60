-- Closes a descriptor behind the back of whoever has it, as another library might.
local luasocket = require "socket"

return function(fd)
  local thief = luasocket.tcp()
  thief:close()
  thief:setfd(fd)
  thief:close()
end
