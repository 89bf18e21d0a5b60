-- Errors that belong to no transfer. They are kept in the driver for the call that raises them:
-- one at a time, what comes meanwhile is a warning.
local shrinking = require "curlsock.driver.shrinking"

local failure = {}

--- driver.failed has what is to be raised, or is false: see below. driver.held is what only run,
-- perform and close raise. driver.joining has the waits for tasks: who waits for one may come to
-- another.
function failure.begin(driver)
  driver.failed = false
  driver.joining = shrinking.new()
end

--- Tells an error that nothing can raise.
function failure.warn(err)
  local ok, text = pcall(tostring, err)
  warn("curlsock: ", ok and text or "an error that is no text")
end

-- ---- what is kept -----------------------------------------------------------------------------

-- A list in order, with holes.
local function new_list()
  return { first = 1, last = 0 }
end

local function head(list)
  while list.first <= list.last and not list[list.first] do list.first = list.first + 1 end
  return list[list.first]
end

-- Lists of { error, number, of, list, place }: own, what is nobody's; others, of tasks and groups,
-- which may be waited for; and rest, of these what comes last, when nothing else is left. by has
-- them by their task or group. (There may be many, of which one after the other is claimed.)
local function new()
  return { number = 0, own = new_list(), others = new_list(), rest = new_list(), by = {} }
end

local function is_empty(failed)
  return not (head(failed.own) or head(failed.others) or head(failed.rest))
end

local function put(failed, list, err, of)
  failed.number = failed.number + 1
  local place = list.last + 1
  local entry = { error = err, number = failed.number, of = of, list = list, place = place }
  list[place], list.last = entry, place
  if of then failed.by[of] = entry end
end

local function remove(failed, entry)
  entry.list[entry.place] = nil
  if entry.of then failed.by[entry.of] = nil end
end

--- Keeps an error for the next call that raises one. of: a task or a group, which may be waited
-- for, or nil; last: it comes last, when nothing else is left.
function failure.keep(driver, err, of, last)
  local failed = driver.failed or new()
  driver.failed = failed
  if not of and head(failed.own) then return failure.warn(err) end
  put(failed, not of and failed.own or last and failed.rest or failed.others, err, of)
end

--- Somebody has waited for what has failed, and raises it: whether it was kept.
function failure.claim(driver, of)
  local failed = driver.failed
  local entry = failed and failed.by[of]
  if not entry then return false end
  remove(failed, entry)
  if is_empty(failed) then driver.failed = false end
  return true
end

--- Keeps an error for run, perform and close alone: events do not raise it again. Returns whether
-- it is the only one.
function failure.hold(driver, err)
  if driver.held then return failure.warn(err) end
  driver.held = { err }
  return true
end

-- ---- raising it -------------------------------------------------------------------------------

local function others_due(driver)
  return next(driver.joining) == nil
end

--- Whether anything is to be raised now.
function failure.is_due(driver)
  local failed = driver.failed
  if not failed then return false end
  return head(failed.own) ~= nil or head(failed.others) ~= nil and others_due(driver)
end

local function take_list(failed, list, into)
  for place = list.first, list.last do
    local entry = list[place]
    if entry then
      into[#into + 1] = entry
      remove(failed, entry)
    end
  end
end

-- Those that are to be raised, or all; what somebody may claim stays.
local function take(driver, all)
  local failed, list = driver.failed, {}
  if not failed then return list end
  take_list(failed, failed.own, list)
  if all or others_due(driver) then take_list(failed, failed.others, list) end
  if all then take_list(failed, failed.rest, list) end
  table.sort(list, function(a, b) return a.number < b.number end)
  if is_empty(failed) then driver.failed = false end
  return list
end

local function warn_from(list, i)
  for k = i, #list do failure.warn(list[k].error) end
end

--- Raises the first that is kept; the others are warnings. all: also what somebody may claim.
function failure.raise(driver, all)
  local list = take(driver, all)
  warn_from(list, 2)
  if list[1] then error(list[1].error, 0) end
end

--- Raises what is kept, or held.
function failure.raise_any(driver, all)
  local held = driver.held
  driver.held = nil
  if not held then return failure.raise(driver, all) end
  warn_from(take(driver, all), 1)
  error(held[1], 0)
end

return failure
