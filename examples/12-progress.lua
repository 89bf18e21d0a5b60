-- A progress bar for a download: bytes, rate and time left, drawn by xferinfofunction. On a
-- terminal only: into a file or a pipe goes nothing but the last line.
--
-- Run:      lua5.4 examples/12-progress.lua [URL [FILE]]
-- Expected, without a URL (on a terminal the first line is a bar that grows):
--   [########################################]  100%     4.0 MB    3.9 MB/s    0:00 left
--   4.0 MB in 1.0 s
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local WIDTH <const> = 40

local function megabytes(bytes)
  return ("%.1f MB"):format(bytes / 1e6)
end

-- The line for what has arrived. total is 0 while, or if, it is not known.
local function describe(now, total, seconds)
  local rate = seconds > 0 and now / seconds or 0
  local line = ("%10s %9s/s"):format(megabytes(now), megabytes(rate))
  if total == 0 then return line end
  local full = WIDTH * now // total
  local left = rate > 0 and ("%d:%02d left"):format(
    (total - now) / rate // 60, (total - now) / rate % 60 // 1) or ""
  return ("[%s%s] %4d%% %s %12s"):format(("#"):rep(full), ("."):rep(WIDTH - full),
    100 * now // total, line, left)
end

-- A progress callback that draws ten times a second, and when all has arrived.
local function new_bar()
  local start = curl.now()
  local drawn, complete = start, false
  return function(total, now)
    local time, was_complete = curl.now(), complete
    complete = total > 0 and now == total
    if time - drawn < 0.1 and complete == was_complete then return end
    drawn = time
    -- Back to the beginning of the line; what was longer there is wiped.
    io.write("\r", describe(now, total, time - start), "\27[K")
    io.flush()
  end
end

-- Without a URL: a file from an origin in this process, slow enough to be watched.
local origin
local function perform(easy)
  if not origin then return easy:perform() end
  local multi <close> = curl.multi()
  return origin:run(multi, easy)
end

if not arg[1] then
  origin = require("origin").new("127.0.0.1:0", function()
    local pieces = {}
    for i = 1, 500 do pieces[i] = ("x"):rep(8000) end
    return pieces
  end)
end

local on_terminal = os.execute("test -t 1")
local easy <close> = curl.easy {
  url = arg[1] or "http://" .. tostring(origin.address),
  followlocation = true,
  max_recv_speed_large = origin and 4000000 or nil,
  xferinfofunction = on_terminal and new_bar() or nil,
  writefunction = arg[2] and assert(io.open(arg[2], "wb")) or nil,
}
local ok, message = perform(easy)
if on_terminal then print() end
print(ok and ("%s in %.1f s"):format(megabytes(easy:getinfo("size_download")),
  easy:getinfo("total_time")) or message)
if origin then origin:close() end
