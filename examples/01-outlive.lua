-- A connection outlives the easy handle that made it, and its close callback still runs.
--
-- Run:      make demo     or     make demo URL=http://example.com/
--           lua5.4 examples/01-outlive.lua [URL]
-- Without a URL the origin lives in this very process, on a UNIX socket: the open callback
-- sends the URL's connection there, so that no network and no server is needed.
-- Expected (times, path and descriptor differ):
--     0.1 ms  origin  listens on unix:/tmp/lua_LkWMMT
--     0.2 ms  A       opens a socket for 192.0.2.1:80, sent to unix:/tmp/lua_LkWMMT
--     0.5 ms  A       got status 200 over descriptor 6
--     0.6 ms  A       is closed and collected; libcurl still holds descriptor 6
--     0.7 ms  B       got status 200 and opened nothing: it reused descriptor 6
--     0.8 ms  B       is closed and collected; libcurl still holds descriptor 6
--     0.8 ms  multi   is being closed
--     0.8 ms  A       its close callback gets the Socket that it opened: descriptor 6
--     0.9 ms  end     opened 1, closed 1, libcurl holds 0
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local new_origin = require("origin").new

local url = arg[1] ~= "" and arg[1]
local start = curl.now()
local opened, closed = 0, 0

local function say(who, text, ...)
  print(("%7.1f ms  %-7s %s"):format((curl.now() - start) * 1000, who, text:format(...)))
end

local origin
if not url then
  local path = os.tmpname()
  os.remove(path)
  origin = new_origin("unix:" .. path, function() return "hello\n" end)
  say("origin", "listens on %s", origin.address)
end

local function new_easy(name)
  local easy = curl.easy { url = url or "http://192.0.2.1/" }
  if origin then easy:setopt("proxy", "") end
  return easy:setopt {
    opensocketfunction = function(_, address)
      local asked = tostring(address)
      if origin then address.path = origin.address.path end
      local routed = origin and ", sent to " .. tostring(address) or ""
      say(name, "opens a socket for %s%s", asked, routed)
      opened = opened + 1
      return true
    end,
    closesocketfunction = function(socket)
      say(name, "its close callback gets the Socket that it opened: descriptor %d", socket:fd())
      closed = closed + 1
    end,
  }
end

local function held()
  local descriptors = {}
  for i, entry in ipairs(curl.sockets()) do descriptors[i] = entry.socket:fd() end
  return #descriptors > 0 and "descriptor " .. table.concat(descriptors, ", ") or "nothing"
end

local function fetch(multi, easy)
  assert(multi:add(easy))
  repeat
    local running = assert(multi:perform())
    if origin then origin:step() end
    multi:poll(origin and 0 or 1)
  until running == 0
  for _, ok, message in multi:results() do assert(ok, message) end
  multi:remove(easy)
  return easy:getinfo("response_code")
end

local multi = curl.multi()
for _, name in ipairs { "A", "B" } do
  do
    local easy <close> = new_easy(name)
    local before = opened
    local status = fetch(multi, easy)
    local how = opened == before and "and opened nothing: it reused" or "over"
    say(name, "got status %d %s %s", status, how, held())
  end
  collectgarbage()
  say(name, "is closed and collected; libcurl still holds %s", held())
end

say("multi", "is being closed")
multi:close()
if origin then origin:close() end
say("end", "opened %d, closed %d, libcurl holds %d", opened, closed, #curl.sockets())
