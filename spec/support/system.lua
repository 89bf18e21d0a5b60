-- What system the module was compiled for, as it tells itself: for Linux, or (make posix) for one
-- that has nothing of Linux's own. Either way the specs run on Linux.

local curl = require "curlsock"

local multi <close> = curl.multi()
local _, _, name = multi:pollfd()

return { linux = name ~= "ENOSYS" }
