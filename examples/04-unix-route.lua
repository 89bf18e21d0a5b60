-- Routes a host to a UNIX socket: "app" is served by a local program, every other host goes
-- its usual way, past the guard. The name is not resolved.
--
-- Run:      lua5.4 examples/04-unix-route.lua [URL]
-- Expected, without a URL:
--   hello from behind the UNIX socket, you asked for /status
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"

local path = os.tmpname()
os.remove(path)
local origin = require("origin").new("unix:" .. path, function(request)
  return "hello from behind the UNIX socket, you asked for " .. request:match("^GET (%S+)")
end)

-- The text of the URL does not decide: in "http://app:x@example.com/" the host is example.com.
local rules = policy.compose {
  policy.guard(),
  policy.route { app = "unix:" .. path },
  policy.allow { "unix:" .. path }, -- the guard judges where it leads
}

local answer = {}
local multi <close> = curl.multi { policy = rules }
local easy <close> = curl.easy { url = arg[1] or "http://app/status", writefunction = answer }
local ok, message = origin:run(multi, easy)
print(ok and table.concat(answer) or message)
origin:close()
