-- A million requests through one multi, each with an easy and closures of its own that are only
-- dropped: memory and descriptors must not grow. Writes bench/figures/million.csv, a row for each
-- hundredth of them, which million.gp draws.
--
-- Run:  make million     or, with fewer,     make million N=20000

local curl = require "curlsock"
local servers = require "spec.support.servers"
local usage = require "spec.support.usage"

local REQUESTS <const> = tonumber(arg[1]) or 1000000
local CONCURRENT <const>, ROWS <const> = 10, 100
local APART <const> = 100 -- one request in so many has a connection of its own
local rows = "bench/figures/million.csv"

local url = servers.nginx().url .. "/quiet"
local events = { opened = 0, closed = 0 }

local function new(i)
  local socket, received
  local easy
  easy = curl.easy {
    url = url, proxy = "", forbid_reuse = i % APART == 0, fresh_connect = i % APART == 0,
    opensocketfunction = function(_, address)
      events.opened = events.opened + 1
      socket = assert(address:socket())
      return socket
    end,
    closesocketfunction = function(closed)
      assert(closed == socket)
      events.closed = events.closed + 1
    end,
    headerfunction = function() return easy ~= nil end, -- a cycle through libcurl
    writefunction = function(data) received = data end,
  }
  return easy, function() return received == "quiet\n" end
end

-- What there is when all garbage is collected.
local function sample(requests, started)
  collectgarbage()
  collectgarbage()
  return {
    requests, ("%.1f"):format(curl.now() - started), usage.resident() // 1024,
    math.floor(collectgarbage "count"), usage.descriptors(), #curl.sockets(), curl.live().easy,
  }
end

local function finish(multi, checks)
  local n = 0
  for easy, ok, message in multi:results() do
    assert(ok, message)
    assert(checks[easy](), "the body is another")
    multi:remove(easy)
    checks[easy] = nil
    n = n + 1
  end
  return n
end

local function run(multi, take)
  local checks, started, done, begun = {}, curl.now(), 0, 0
  local step = math.max(REQUESTS // ROWS, 1)
  while done < REQUESTS do
    while begun < REQUESTS and begun - done < CONCURRENT do
      begun = begun + 1
      local easy, check = new(begun)
      checks[easy] = check
      multi:add(easy)
    end
    assert(multi:perform())
    local n = finish(multi, checks)
    if (done + n) // step > done // step then take(sample(done + n, started)) end
    done = done + n
    if n == 0 then multi:poll(1) end
  end
end

local before = usage.descriptors()
local file = assert(io.open(rows, "w"))
file:setvbuf "line"
local first, last
file:write("requests,seconds,resident KiB,Lua KiB,descriptors,ledger,easies\n")
local multi = curl.multi()
run(multi, function(row)
  file:write(table.concat(row, ","), "\n")
  if not first or row[1] <= REQUESTS // 10 then first = row end
  last = row
end)
file:close()
multi:close()
multi = nil
collectgarbage()
collectgarbage()

local live = curl.live()
print(("%d requests in %s s on %d connections: %d KiB resident after a tenth, %d at the end")
  :format(REQUESTS, last[2], events.opened, first[3], last[3]))
assert(multi == nil and live.easy + live.multi + live.share + live.socket == 0)
assert(#curl.sockets() == 0 and events.opened == events.closed)
assert(usage.descriptors() == before, "descriptors are left")
assert(last[3] <= first[3] * 1.02 + 256, "memory grows")
assert(last[5] <= first[5] + 1, "descriptors grow")
assert(last[7] <= first[7] + CONCURRENT, "easies stay")
servers.close()
