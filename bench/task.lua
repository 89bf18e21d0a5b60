-- The tasks of plain.c, line by line, on curlsock: Lua functions open and close every socket.
--
--   lua5.4 bench/task.lua TASK URL N
--
-- prints the CPU time (user and system) of the task's loop, and what was counted.
local curl = require "curlsock"

local CONCURRENT <const> = 1000

local task, url, n = arg[1], arg[2], math.tointeger(arg[3])
local opened, closed, bytes = 0, 0, 0

-- As a guard would: whether the address may be dialled at all.
local function open_socket(purpose, address)
  if purpose ~= "ipcxn" or address:within("169.254.0.0/16") then return nil, "not allowed" end
  opened = opened + 1
  return true
end

local function close_socket()
  closed = closed + 1
end

local function count_bytes(data)
  bytes = bytes + #data
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

-- The CPU time of n requests.
local function perform(easy)
  local start = os.clock()
  for _ = 1, n do
    assert(easy:perform())
  end
  local time = os.clock() - start
  easy:close()
  return time
end

local function finish_transfers(multi)
  for easy, ok, message in multi:results() do
    assert(ok, message)
    assert(multi:remove(easy))
    easy:close()
  end
end

-- So many transfers at once, each on an easy handle of its own.
local function run_transfers(multi, count)
  for _ = 1, count do
    assert(multi:add(new_easy()))
  end
  while true do
    local running = assert(multi:perform())
    finish_transfers(multi)
    if running == 0 then return end
    assert(multi:poll(1))
  end
end

local function run_round()
  local multi = curl.multi()
  run_transfers(multi, CONCURRENT)
  multi:close()
end

-- n times f(loop), in a coroutine of a loop.
local function in_loop(f)
  local loop = require("curlsock.loop").new()
  local start = os.clock()
  loop:spawn(function()
    for _ = 1, n do f(loop) end
  end)
  loop:run()
  local time = os.clock() - start
  loop:close()
  return time
end

local tasks = {}

-- The first request, with all that libcurl sets up once, is not measured.
function tasks.new()
  local easy = new_easy():setopt("forbid_reuse", true)
  assert(easy:perform())
  return perform(easy)
end

function tasks.kept()
  local easy = new_easy()
  assert(easy:perform())
  return perform(easy)
end

function tasks.download()
  return perform(new_easy():setopt("writefunction", count_bytes))
end

function tasks.download512()
  return perform(new_easy():setopt { writefunction = count_bytes, buffersize = 524288 })
end

function tasks.file()
  local file = assert(io.open("/dev/null", "w"))
  local time = perform(new_easy():setopt("writefunction", file))
  file:close()
  return time
end

-- Each body on an easy of its own.
function tasks.table()
  local start = os.clock()
  for _ = 1, n do
    local easy <close> = new_easy():setopt("writefunction", {})
    assert(easy:perform())
  end
  return os.clock() - start
end

function tasks.stream()
  return in_loop(function(loop)
    local stream <close> = loop:stream(new_easy())
    for piece in stream:pieces() do count_bytes(piece) end
  end)
end

-- One call, and the same by hand.
function tasks.fetch()
  local fetch = require "curlsock.fetch"
  local options = {
    proxy = "", opensocketfunction = open_socket, closesocketfunction = close_socket,
  }
  return in_loop(function(loop)
    local response = assert(fetch(url, { loop = loop, curl = options }))
    assert(response.ok)
    count_bytes(response.body)
  end)
end

function tasks.hand()
  local times = { "namelookup", "connect", "appconnect", "starttransfer", "total" }
  return in_loop(function(loop)
    local parts = {}
    local easy <close> = new_easy():setopt {
      writefunction = parts, followlocation = true, maxredirs = 10, accept_encoding = "",
      httpheader = { "expect: " },
    }
    assert(loop:perform(easy))
    local response = {
      status = easy:getinfo("response_code"), headers = easy:headers(),
      url = easy:getinfo("effective_url"), body = table.concat(parts), timing = {},
    }
    for _, time in ipairs(times) do response.timing[time] = easy:getinfo(time .. "_time") end
    assert(response.status == 200)
    count_bytes(response.body)
  end)
end

function tasks.concurrent()
  run_round()
  local start = os.clock()
  for _ = 1, n do
    run_round()
  end
  return os.clock() - start
end

-- The connections must still be there when the process has ended, so nothing may collect it.
local idle

-- Ends with n idle connections, for whoever looks at the memory then.
function tasks.idle()
  local start = os.clock()
  idle = assert(curl.multi { maxconnects = n })
  run_transfers(idle, n)
  collectgarbage() -- finalizes the easies
  collectgarbage() -- frees them
  return os.clock() - start
end

local time = tasks[task]()
print(("cpu %.6f opened %d closed %d bytes %d"):format(time, opened, closed, bytes))
-- Without closing the state: plain.c frees nothing either.
os.exit(true, false)
