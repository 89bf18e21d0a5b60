-- What one operation takes beside few other handles, and beside many (spec 19): CPU seconds, for
-- they repeat where the time on the wall does not, and count what C does, too.

local curl = require "curlsock"
local curlsock_loop = require "curlsock.loop"
local native = require "spec.support.native"

local growth = {}
local cases = {}
growth.cases = cases

local FEW <const>, MANY <const> = 500, 4000
local RUNS <const> = 5 -- of which the quickest counts
local K <const> = 100 -- repetitions of what takes long

--- The CPU seconds that f takes, without the collector's.
function growth.seconds(f)
  collectgarbage()
  collectgarbage("stop")
  local start = os.clock()
  f()
  local taken = os.clock() - start
  collectgarbage("restart")
  return taken
end

--- The same for one of k repetitions: the least of some runs, for what others do only adds.
function growth.one_of(k, f)
  local least = math.huge
  for _ = 1, RUNS do
    least = math.min(least, growth.seconds(function()
      for _ = 1, k do f() end
    end))
  end
  return least / k
end

local one_of = growth.one_of

--- An easy for the URL, whose body goes into a table.
function growth.easy_at(url, options)
  return curl.easy { url = url, proxy = "", writefunction = {} }:setopt(options or {})
end

local easy_at = growth.easy_at

-- Calls f inside a callback of a transfer of the easy, which drive drives.
local function inside(easy, drive, f)
  local called = false
  easy:setopt("headerfunction", function()
    if not called then
      called = true
      f()
    end
  end)
  drive()
  easy:unset("headerfunction")
  assert(called)
end

-- A multi of n easies that connect, in event mode.
local function new_multi(n, dead)
  local multi = curl.multi()
  assert(multi:pollfd())
  for _ = 1, n do multi:add(easy_at(dead)) end
  assert(multi:socket_action() == n)
  return multi
end

-- The same as a loop with coroutines.
local function new_loop(n, dead)
  local loop = curlsock_loop.new()
  local coroutines = {}
  for i = 1, n do
    coroutines[i] = coroutine.create(function() loop:perform(easy_at(dead)) end)
    assert(coroutine.resume(coroutines[i]))
  end
  return loop, coroutines
end

-- Ends the transfers of the next k coroutines. (libcurl looks through the connections to one host
-- from the first on.)
local function cancel(coroutines, k)
  local from = coroutines.next or 1
  for i = from, from + k - 1 do assert(coroutine.close(coroutines[i])) end
  coroutines.next = from + k
end

-- Each operation is a function of (n, the web server's URL, a dead one's): CPU seconds.

cases["closing a coroutine that waits"] = function(n, url, dead)
  local loop <close>, coroutines = new_loop(n + RUNS * K, dead)
  loop:perform(easy_at(url))
  return one_of(1, function() cancel(coroutines, K) end) / K
end

cases["closing one inside a callback"] = function(n, url, dead)
  local loop <close>, coroutines = new_loop(n + RUNS * K, dead)
  local easy = easy_at(url)
  loop:perform(easy)
  return one_of(1, function()
    inside(easy, function() assert(loop:perform(easy)) end, function() cancel(coroutines, K) end)
  end) / K
end

-- By an easy that has nothing to do with it.
cases["adding an easy inside a callback"] = function(n, url, dead)
  local multi <close> = new_multi(n, dead)
  local other, easy = easy_at(url), easy_at(dead)
  local taken
  inside(other, function() assert(other:perform()) end, function()
    taken = one_of(1000, function()
      multi:add(easy)
      multi:remove(easy)
    end)
  end)
  return taken
end

cases["a call that is refused inside a callback"] = function(n, url, dead)
  local multi <close> = new_multi(n, dead)
  local easy, taken = easy_at(url), nil
  multi:add(easy)
  inside(easy, function()
    while not taken do
      multi:socket_action()
      multi:socket_action(multi:pollfd(), "r")
      multi:poll(0.1)
    end
  end, function()
    taken = one_of(1000, function() assert(not pcall(multi.perform, multi)) end)
  end)
  return taken
end

cases["polling"] = function(n, _, dead)
  local multi <close> = new_multi(n, dead)
  return one_of(1000, function() multi:poll(0) end)
end

cases["stepping"] = function(n, _, dead)
  local multi <close> = new_multi(n, dead)
  local fd = multi:pollfd()
  return one_of(1000, function() multi:socket_action(fd, "r") end)
end

local function performed(make)
  return function(n, url, dead)
    local loop <close> = new_loop(n, dead)
    local perform = make(loop, url, dead)
    perform()
    loop:sleep(0.5) -- what libcurl looks at again a while after a connection has begun
    return one_of(K, perform)
  end
end

cases["performing"] = performed(function(loop, url)
  local easy = easy_at(url)
  return function() assert(loop:perform(easy)) end
end)

cases["performing with a time limit"] = performed(function(loop, url)
  local easy = easy_at(url)
  return function() assert(loop:perform(easy, 10)) end
end)

cases["performing what fails at once"] = performed(function(loop)
  local easy = easy_at("nosuch://host/")
  return function() assert(not loop:perform(easy)) end
end)

cases["performing what a callback ends by an error"] = performed(function(loop, url)
  local easy = easy_at(url, { writefunction = function() error("no", 0) end, forbid_reuse = true })
  return function() assert(not pcall(loop.perform, loop, easy)) end
end)

cases["performing what is refused"] = performed(function(loop, _, dead)
  local busy = easy_at(dead)
  loop:spawn(loop.perform, loop, busy)
  return function() assert(not pcall(loop.perform, loop, busy)) end
end)

--- The names of the cases, in order.
function growth.names(list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Compares a case beside few and beside many: whether it takes about the same, and both in
-- microseconds. What disturbs one measurement does not disturb five, but growth does: to be
-- linear would be 8.
function growth.holds(case, url, dead)
  native.limit(2 * MANY + RUNS * K + 200)
  local few, many
  for _ = 1, 5 do
    few, many = case(FEW, url, dead), case(MANY, url, dead)
    if many < 3 * few + 2e-6 then return true, few * 1e6, many * 1e6 end
  end
  return false, few * 1e6, many * 1e6
end

return growth
