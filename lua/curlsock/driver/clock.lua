-- The driver's own clock: what waits no longer than so long. An entry is { time, wait }, or
-- { time, false } when nobody waits for it any more: such ones leave later, all together.
local curl = require "curlsock"
local shrinking = require "curlsock.driver.shrinking"
local watching = require "curlsock.driver.watching"

local now = curl.now

-- Of a wait (see waiting.lua): whether it has ended, and its entry, or false.
local STATE <const>, TIMER <const> = 2, 4
local DONE <const> = 4

local clock = {}
local Clock = {}
Clock.__index = Clock

--- driver.due is the first time, or an earlier one; nil: there is none. live has the entries, and
-- list is a heap of them: the parent of i is i // 2. An error may come at any place in here (of a
-- debug hook): then torn says that the heap is nothing.
function clock.begin(driver)
  local fields = { live = shrinking.new(), list = {}, n = 0, dead = 0, torn = false }
  driver.clock = setmetatable(fields, Clock)
end

local function up(list, i, entry)
  local time = entry[1]
  while i > 1 do
    local parent = list[i // 2]
    if parent[1] <= time then break end
    list[i], i = parent, i // 2
  end
  list[i] = entry
end

-- Puts the entry in place of the first of n.
local function down(list, n, entry)
  local i, time = 1, entry[1]
  while 2 * i <= n do
    local child = 2 * i
    if child < n and list[child + 1][1] < list[child][1] then child = child + 1 end
    if list[child][1] >= time then break end
    list[i], i = list[child], child
  end
  list[i] = entry
end

local function rebuild(self)
  self.torn = true
  local list, n = {}, 0
  for entry in pairs(self.live) do
    n = n + 1
    up(list, n, entry)
  end
  self.list, self.n, self.dead = list, n, 0
  self.torn = false
end

local function insert(self, entry)
  self.live[entry] = true
  if self.torn then return rebuild(self) end
  self.torn = true
  self.n = self.n + 1
  up(self.list, self.n, entry)
  self.torn = false
end

local function remove_first(self)
  local list, n = self.list, self.n
  self.torn = true
  local last = list[n]
  list[n], self.n = nil, n - 1
  if n > 1 then down(list, n - 1, last) end
  self.torn = false
end

local function drop(self, entry)
  shrinking.remove(self, "live", entry) -- first: what is in there has a wait
  entry[2] = false
  self.dead = self.dead + 1
  if self.dead > 32 and self.dead > self.n // 2 then rebuild(self) end
end

-- Whether somebody waits for it. (What has ended may not have left, if that was interrupted.)
local function is_live(entry)
  return entry[2] and entry[2][STATE] ~= DONE
end

-- The first that somebody waits for.
local function first(self)
  if self.torn then rebuild(self) end
  while true do
    local entry = self.list[1]
    if not entry or is_live(entry) then return entry end
    if entry[2] then drop(self, entry) end
    if self.list[1] == entry then -- not rebuilt meanwhile
      remove_first(self)
      self.dead = self.dead - 1
    end
  end
end

--- The wait has so many seconds from now: then its method late is called.
function clock.start(driver, wait, seconds)
  local time = now() + seconds
  local entry = { time, wait }
  local untold = driver.untold
  driver.untold, wait[TIMER] = true, entry
  insert(driver.clock, entry)
  if driver.due and driver.due <= time then
    driver.untold = untold
    return
  end
  driver.due = time
  watching.set_timer(driver)
end

--- That was interrupted.
function clock.tell(driver)
  local entry = first(driver.clock)
  driver.due = entry and entry[1]
  watching.set_timer(driver)
end

--- It has ended.
function clock.stop(driver, wait)
  local entry = wait[TIMER]
  wait[TIMER] = false
  if entry and entry[2] then drop(driver.clock, entry) end
end

--- Nothing has a time any more.
function clock.clear(driver)
  for entry in pairs(driver.clock.live) do entry[2] = false end
  clock.begin(driver)
  driver.due = nil
  watching.set_timer(driver)
end

--- clock:any(): whether anything has a time.
function Clock:any()
  return first(self) ~= nil
end

--- Ends what is late.
function clock.expire(driver)
  local time, entry = now(), first(driver.clock)
  while entry and entry[1] <= time do
    local wait = entry[2]
    wait:late()
    clock.stop(driver, wait)
    entry = first(driver.clock)
  end
  driver.due = entry and entry[1]
  watching.set_timer(driver)
end

return clock
