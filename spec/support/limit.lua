-- The time limit of a test: when it is over the process is killed, whatever it does, and run.lua
-- says in which test. helper.lua starts it anew for each.

local native = require "spec.support.native"
local process = require "spec.support.process"

local limit = { seconds = tonumber(os.getenv("CURLSOCK_LIMIT")) or 60 }

-- From now on so many seconds are left, by default those that each test has.
function limit.start(seconds)
  native.alarm(math.max(1, math.floor((seconds or limit.seconds) * process.patience)))
end

function limit.stop()
  native.alarm(0)
end

return limit
