--- curlsock: libcurl in which Lua decides how every socket is opened and closed.
-- What is here is the C module; the README says what it offers.

-- Any Lua can read these lines.
if _VERSION ~= "Lua 5.4" and _VERSION ~= "Lua 5.5" then
  error("curlsock needs Lua 5.4 or 5.5, this is " .. _VERSION, 0)
end

local core = require "curlsock.core"

core._VERSION = "curlsock 0.1.0"

return core
