-- What the loop examples fetch when they are given no URLs: pages of an origin in a process of
-- its own. Each page is sent in ten pieces over a twentieth of a second. The origin ends when
-- its last visitor has hung up.
local folder = arg[0]:match("^.*/") or "./"

local function serve()
  package.path = folder .. "?.lua;" .. package.path
  local origin = require("origin").new("127.0.0.1:0", function()
    local pieces = {}
    for i = 1, 10 do pieces[i] = "hello\n" end
    return pieces
  end)
  local clock <close> = require("curlsock").multi()
  print("http://" .. tostring(origin.address))
  io.stdout:close()
  local visitors, steps = false, 0
  repeat
    origin:step()
    clock:poll(0.005)
    visitors, steps = visitors or next(origin.requests), steps + 1
  until (visitors or steps > 2000) and not next(origin.requests)
  origin:close()
end

-- The URLs of so many pages.
local function start(count)
  local interpreter = 0
  while arg[interpreter - 1] do interpreter = interpreter - 1 end
  local pipe = assert(io.popen(("'%s' '%spages.lua' serve &"):format(arg[interpreter], folder)))
  local origin, urls = assert(pipe:read(), "the origin does not start"), {}
  for i = 1, count do urls[i] = ("%s/%d"):format(origin, i) end
  pipe:close()
  return urls
end

if arg[1] == "serve" then serve() end
return start
