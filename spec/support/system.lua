-- What there is here. linux: the module was compiled for Linux, as it tells itself, and not
-- (make posix) for a system that has nothing of Linux's own; either way the specs run on Linux.
-- websocket: libcurl speaks it, and it is no experiment any more.

local curl = require "curlsock"

local multi <close> = curl.multi()
local _, _, name = multi:pollfd()

local function has_websocket()
  local version = curl.version_info()
  for _, protocol in ipairs(version.protocols) do
    if protocol == "ws" then return version.version_num >= 0x080b00 end
  end
  return false
end

return { linux = name ~= "ENOSYS", websocket = has_websocket() }
