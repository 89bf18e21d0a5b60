-- The tasks of task.lua and loop_task.lua with Lua-cURLv3, which has no function that opens or
-- closes a socket.
--
--   lua5.4 bench/peers/lcurl_task.lua TASK URL N [CONCURRENT]
local curl = require "lcurl"

local task, url, n = arg[1], arg[2], tonumber(arg[3])
local concurrent = tonumber(arg[4] or 1)

local function new_easy()
  return curl.easy {
    url = url, proxy = "", nosignal = true, writefunction = function() return true end,
  }
end

local function perform(easy)
  easy:perform()
  local start = os.clock()
  for _ = 1, n do easy:perform() end
  return os.clock() - start
end

local function run(again)
  local start, left, active = os.clock(), n, 0
  local multi = curl.multi()
  local function begin(easy)
    multi:add_handle(easy)
    left, active = left - 1, active + 1
  end
  for _ = 1, math.min(n, concurrent) do begin(new_easy()) end
  while active > 0 do
    multi:perform()
    local easy, ok, err = multi:info_read()
    while easy and easy ~= 0 do
      assert(ok, err)
      multi:remove_handle(easy) -- info_read(true) reads the message when libcurl has freed it
      active = active - 1
      if not again then easy:close() end
      if left > 0 then begin(again and easy or new_easy()) end
      easy, ok, err = multi:info_read()
    end
    if active > 0 then multi:wait(1000) end
  end
  return os.clock() - start
end

local tasks = {}

function tasks.new() return perform(new_easy():setopt { forbid_reuse = true }) end

function tasks.kept() return perform(new_easy()) end

function tasks.reuse() return run(true) end

function tasks.fetch() return run(false) end

print(("cpu %.6f"):format(tasks[task]()))
