-- Thousands of idle connections in one multi: what each takes, and that they go as they came.
-- CURLSOCK_IDLE says how many: 10,000 by make idle.

local left = require "spec.support.left"
local servers = require "spec.support.servers"

local many = tonumber(os.getenv("CURLSOCK_IDLE")) or 2000

local script = [[
local curl = require "curlsock"
local native = require "spec.support.native"
local usage = require "spec.support.usage"
local descriptors = usage.descriptors
native.limit(MANY + 100)

local function memory()
  collectgarbage()
  collectgarbage()
  return usage.resident()
end

local function new(opened, on_close)
  return curl.easy {
    url = URL, proxy = "", writefunction = {},
    fresh_connect = true, -- libcurl would look at each connection that there is
    sockoptfunction = function(socket) opened[socket] = true end,
    closesocketfunction = on_close,
  }
end

-- Opens n connections, and closes them with the multi: the seconds that each
-- took to close, and the memory that was in use before.
local function round(n)
  local multi <close> = curl.multi { maxconnects = n }
  local opened, closed = {}, 0
  local function on_close(socket)
    assert(opened[socket] and socket:state() == "closing")
    opened[socket], closed = nil, closed + 1
  end
  for i = 1, n do
    multi:add(new(opened, on_close))
    if i % 50 == 0 or i == n then
      while multi:perform() > 0 do multi:poll(1) end
      for easy, ok, message in multi:results() do
        assert(ok, message)
        multi:remove(easy)
        easy:close() -- or its memory would count until it is collected
      end
    end
  end
  assert(#curl.sockets() == n and curl.live().socket == n and descriptors() >= n)
  assert(closed == 0)
  local used, started = memory(), os.clock()
  multi:close()
  local seconds = os.clock() - started
  assert(closed == n and next(opened) == nil)
  assert(#curl.sockets() == 0)
  return seconds / n, used
end

round(10)
local open, before = descriptors(), memory()
local few = round(MANY // 10)
local seconds, used = round(MANY)
local bytes = (used - before) / MANY
local _, again = round(MANY)
collectgarbage()
local live = curl.live()
assert(live.easy + live.multi + live.share + live.socket == 0)
assert(descriptors() == open)
print(("%d idle connections: %.0f bytes each, closed in %.1f us each; %.0f bytes, %.1f us of %d")
  :format(MANY, bytes, seconds * 1e6, (again - before) / MANY, few * 1e6, MANY // 10))
if not (os.getenv "ASAN_OPTIONS" or os.getenv "REPORTS") then -- those keep what was freed
  assert(bytes < 6000, "they take too much memory")
  assert(again - before < 1.05 * (used - before) + (1 << 20), "the second time they take more")
end
if not os.getenv "CURLSOCK_GC" then -- a whole collection at each call
  assert(seconds < 2 * few + 5e-6, "to close one takes longer among many")
end
]]

describe("Thousands of idle connections", function()
  it("in one multi take little each, and close like few", function()
    local web = servers.nginx()
    local values = left.locals { MANY = many, URL = web.url .. "/quiet" }
    local line = left.pass(values .. script, nil, 200)
    assert.truthy(line:find("idle connections", 1, true))
    if os.getenv("CURLSOCK_IDLE") then io.write(line) end
  end)
end)
