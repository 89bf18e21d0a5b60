-- The tasks of plain_loop.c on curlsock: straight-line code in coroutines, under any of its
-- loops; Lua functions open and close every socket.
--
--   lua5.4 bench/loop_task.lua LOOP TASK URL N CONCURRENT
--
-- LOOP is loop, luv, cqueues or select; with "raw-" before it, the loop itself watches each of
-- libcurl's descriptors, in place of the one that stands for all of them. Prints the CPU time
-- (user and system) of the task's loop, and what was counted.
local curl = require "curlsock"

local name, task, url = arg[1], arg[2], arg[3]
local n, concurrent = math.tointeger(arg[4]), math.tointeger(arg[5])
local raw, adapter = name:match("^(raw%-)(.*)")
local opened, closed, turns = 0, 0, 0

-- A driver whose multi has no descriptor of its own has one watch for each of libcurl's.
if raw then debug.getmetatable(curl.multi()).__index.pollfd = function() end end

-- As a guard would: whether the address may be dialled at all.
local function open_socket(purpose, address)
  if purpose ~= "ipcxn" or address:within("169.254.0.0/16") then return nil, "not allowed" end
  opened = opened + 1
  return true
end

local function close_socket()
  closed = closed + 1
end

-- Without a writefunction the body is dropped.
local function new_easy()
  return assert(curl.easy {
    url = url,
    proxy = "",
    opensocketfunction = open_socket,
    closesocketfunction = close_socket,
  })
end

-- A loop that counts its turns.
local function new_loop()
  local loop = require("curlsock." .. (adapter or name)).new()
  local turn = loop.hooks.turn
  function loop.hooks.turn(...)
    turns = turns + 1
    turn(...)
  end
  return loop
end

-- n requests, so many at a time: work(loop, more) is run by so many coroutines, and performs
-- one for each time that more() says yes.
local function run(work)
  local start = os.clock()
  local loop = new_loop()
  local left = n
  local function more()
    left = left - 1
    return left >= 0
  end
  for _ = 1, concurrent do
    loop:spawn(work, loop, more)
  end
  loop:run()
  loop:close()
  return os.clock() - start
end

local tasks = {}

-- Each on an easy handle of its own.
function tasks.fetch()
  return run(function(loop, more)
    while more() do
      local easy <close> = new_easy()
      assert(loop:perform(easy))
    end
  end)
end

-- Each coroutine on one that it has.
function tasks.reuse()
  return run(function(loop, more)
    local easy <close> = new_easy()
    while more() do
      assert(loop:perform(easy))
    end
  end)
end

-- n transfers that wait for an answer that never comes: what one second of them costs, after
-- so many seconds (concurrent) in which they are connected.
function tasks.idle()
  local loop = new_loop()
  local start
  for _ = 1, n do
    loop:spawn(function() loop:perform(new_easy()) end)
  end
  -- The loop sleeps until something happens, so the clock is one more transfer.
  local function sleep(seconds)
    loop:perform(new_easy(), seconds)
  end
  loop:spawn(function()
    sleep(concurrent)
    start, turns = os.clock(), 0
    sleep(1)
    print(("cpu %.6f opened %d closed %d turns %d"):format(os.clock() - start, opened, closed,
      turns))
    os.exit(true, false)
  end)
  loop:run()
end

local time = tasks[task]()
print(("cpu %.6f opened %d closed %d turns %d"):format(time, opened, closed, turns))
-- Without closing the state: plain_loop.c frees nothing more either.
os.exit(true, false)
