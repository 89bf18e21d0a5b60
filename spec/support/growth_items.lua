-- What one item costs beside few others of its kind, and beside many (spec 19): easies, sockets,
-- timers, tasks, policies, streams. As in growth.lua: functions of (n, the web server's URL, a dead
-- one's) that give CPU seconds.

local curl = require "curlsock"
local curlsock_loop = require "curlsock.loop"
local growth = require "spec.support.growth"
local policy = require "curlsock.policy"

local easy_at, one_of, seconds = growth.easy_at, growth.one_of, growth.seconds
local LONG <const> = 1000 -- seconds that do not pass

local cases = {}

-- n of what make gives.
local function many(n, make)
  local list = {}
  for i = 1, n do list[i] = make(i) end
  return list
end

-- n easies that have each a connection of its own, and the descriptors by which libcurl waits: not
-- too many.
local function connected(n, url, options)
  return many(n, function()
    local easy = curl.easy(options):setopt { url = url, proxy = "", writefunction = {} }
    assert(easy:perform())
    return easy
  end)
end

local function close_all(list)
  for _, handle in ipairs(list) do handle:close() end
end

-- ---- handles ------------------------------------------------------------------------------------

cases["a new easy, and its end"] = function(n, _, dead)
  local others = many(n, function() return easy_at(dead) end)
  local taken = one_of(1000, function() easy_at(dead):close() end)
  return taken, others
end

cases["adding an easy with a connection of its own, where all have one"] = function(n, url)
  local multi <close> = curl.multi()
  local others = connected(n // 2, url)
  for _, easy in ipairs(others) do multi:add(easy) end
  local easy = connected(1, url)[1]
  local taken = one_of(1000, function() multi:add(easy):remove(easy) end)
  close_all(others)
  return taken
end

cases["using a share, and no longer"] = function(n, _, dead)
  local share = curl.share { share = { "connect", "dns", "ssl_session" } }
  local others = many(n, function() return easy_at(dead, { share = share }) end)
  local easy = easy_at(dead)
  local taken = one_of(1000, function() easy:setopt("share", share):unset("share") end)
  return taken, others
end

cases["using one share after the other"] = function(n, url)
  local easy, multi <close> = connected(1, url)[1], curl.multi()
  local function use()
    easy:setopt("share", curl.share { share = { "connect" } })
    multi:add(easy):remove(easy)
    easy:unset("share")
  end
  for _ = 1, n do use() end
  return one_of(1000, use)
end

cases["closing a multi, for each easy in it"] = function(n, _, dead)
  local multi = curl.multi()
  for _ = 1, n do multi:add(easy_at(dead)) end
  return seconds(function() multi:close() end) / n
end

-- ---- sockets ------------------------------------------------------------------------------------

cases["a pair of Sockets, and its end"] = function(n)
  local others = many(n // 2, function() return { curl.socketpair() } end)
  local taken = one_of(1000, function()
    local a, b = curl.socketpair()
    a:close()
    b:close()
  end)
  for _, pair in ipairs(others) do close_all(pair) end
  return taken
end

cases["a new connection, where many are kept"] = function(n, url)
  local others = connected(n // 8, url)
  local easy = easy_at(url, {
    forbid_reuse = true, opensocketfunction = function() return true end,
    closesocketfunction = function() end,
  })
  local taken = one_of(100, function() assert(easy:perform()) end)
  close_all(others)
  return taken
end

cases["what a pool says of each of its connections"] = function(n, url)
  local share = curl.share { share = { "connect" } }
  local easies = many(n, function() return easy_at(url, { share = share }) end)
  local multi <close> = curl.multi { maxconnects = 2 * n }
  for _, easy in ipairs(easies) do multi:add(easy) end
  while assert(multi:perform()) > 0 do multi:poll(1) end
  local taken = one_of(1, function() multi:connections() end) / n
  return taken, share
end

-- ---- loops --------------------------------------------------------------------------------------

-- A loop in which n tasks do what f does, and wait.
local function waiting(n, f, options)
  local loop = curlsock_loop.new(options)
  local tasks = many(n, function(i) return loop:spawn(f, loop, i) end)
  return loop, tasks
end

local function sleep(loop) loop:sleep(LONG) end

cases["a sleep that ends"] = function(n)
  local loop <close> = waiting(n, sleep)
  return one_of(100, function() assert(loop:sleep(0)) end)
end

cases["a sleep that is cancelled"] = function(n)
  local loop <close> = waiting(n, sleep)
  return one_of(1000, function() loop:spawn(sleep, loop):cancel() end)
end

cases["a task that is waited for"] = function(n)
  local loop <close> = waiting(n, sleep)
  return one_of(100, function()
    assert(loop:spawn(function() return loop:sleep(0) end):wait())
  end)
end

cases["a task of a group"] = function(n)
  local loop <close> = curlsock_loop.new()
  local group <close> = loop:group()
  for _ = 1, n do group:spawn(sleep, loop) end
  return one_of(1000, function() group:spawn(sleep, loop):cancel() end)
end

cases["cancelling a group, for each of its tasks"] = function(n)
  local loop <close> = curlsock_loop.new()
  local group = loop:group()
  for _ = 1, n do group:spawn(sleep, loop) end
  return seconds(function() group:cancel() end) / n
end

cases["closing a loop, for each task that waits"] = function(n)
  local loop = waiting(n, sleep)
  return seconds(function() loop:close() end) / n
end

cases["waiting for a descriptor, and no longer"] = function(n)
  local pairs_of = many(n // 2, function() return { curl.socketpair() } end)
  local loop <close> = waiting(n, function(loop, i)
    loop:wait(pairs_of[(i + 1) // 2][i % 2 + 1], "r")
  end)
  local a, b <close> = curl.socketpair()
  local taken = one_of(1000, function()
    loop:spawn(function() loop:wait(a, "r") end):cancel()
  end)
  loop:close()
  for _, pair in ipairs(pairs_of) do close_all(pair) end
  return taken, b
end

cases["a stream that is begun and closed"] = function(n, _, dead)
  local loop <close> = waiting(n, function(loop) loop:stream(easy_at(dead)):read() end)
  return one_of(100, function()
    loop:spawn(function() loop:stream(easy_at(dead)):close() end):wait()
  end)
end

cases["reading a stream, where others wait for their server"] = function(n, url, dead)
  local loop <close> = waiting(n, function(loop) loop:stream(easy_at(dead)):read() end)
  local easy = easy_at(url)
  return one_of(100, function()
    loop:spawn(function()
      local stream <close> = loop:stream(easy)
      assert(stream:read("a"))
    end):wait()
  end)
end

-- Loops in which 20 n tasks have slept, and ended. (To look through what is empty is quick.)
local function after_many(operation)
  return function(n)
    local loop <close> = waiting(20 * n, function(loop) loop:sleep(0.001) end)
    local group <close> = loop:group()
    loop:run()
    return one_of(100, function() operation(loop, group) end)
  end
end

cases["a sleep, after many have ended"] = after_many(function(loop) loop:sleep(0) end)

cases["a task, after many have ended"] = after_many(function(loop)
  loop:spawn(loop.sleep, loop, 0):wait()
end)

-- Sleeps a moment, and fails.
local function fail(loop)
  loop:sleep(0)
  error("no", 0)
end

cases["a task that fails, and is waited for"] = function(n)
  local loop <close> = waiting(n, sleep)
  return one_of(100, function()
    local task = loop:spawn(fail, loop)
    assert(not pcall(task.wait, task))
  end)
end

cases["waiting for one that has failed, where others have"] = function(n)
  local loop <close>, tasks = waiting(2 * n, fail)
  loop:spawn(loop.sleep, loop, 0.2):wait() -- who waits may come to these
  return seconds(function()
    for _, task in ipairs(tasks) do assert(not pcall(task.wait, task)) end
  end) / #tasks
end

-- ---- policies -----------------------------------------------------------------------------------

local function rules_of_all(admit)
  return policy.compose {
    policy.guard { ports = "any", allow = { "127.0.0.1" } }, policy.trace(function() end),
    policy.limit { rate = admit or 1e6, burst = admit and 1 or 1000000 },
  }
end

cases["a transfer under a policy, where others run under it"] = function(n, url, dead)
  local loop <close> = waiting(n, function(loop) loop:perform(easy_at(dead)) end,
    { policy = rules_of_all() })
  local easy = easy_at(url, { forbid_reuse = true })
  return one_of(100, function() assert(loop:perform(easy)) end)
end

cases["one that waits to be let in, and is cancelled"] = function(n, _, dead)
  local loop <close> = waiting(n, function(loop) loop:perform(easy_at(dead)) end,
    { policy = rules_of_all(1e-3) })
  local easy = easy_at(dead)
  return one_of(100, function()
    loop:spawn(function() loop:perform(easy) end):cancel()
  end)
end

cases["taking back what was let in, for each connection"] = function(n, url)
  local rules = rules_of_all()
  local easies = connected(n // 8, url, { policy = rules })
  local taken = seconds(function() rules:revoke() end) / #easies
  close_all(easies)
  return taken
end

return cases
