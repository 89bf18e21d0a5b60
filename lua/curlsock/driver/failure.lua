-- Errors that belong to no transfer. They are kept in the driver for the call that raises them:
-- one at a time, what comes meanwhile is a warning.
local failure = {}

--- driver.failed is what is to be raised, in order: each { error, whose, last }: a task or a group,
-- which may be waited for, or nil; and whether it comes last, when nothing else is left.
-- driver.held is what only run, perform and close raise. driver.joining has the waits for tasks:
-- who waits for one may come to another.
function failure.begin(driver)
  driver.failed = {}
  driver.joining = {}
end

--- Tells an error that nothing can raise.
function failure.warn(err)
  local ok, text = pcall(tostring, err)
  warn("curlsock: ", ok and text or "an error that is no text")
end

--- Keeps an error for the next call that raises one; of and last as above.
function failure.keep(driver, err, of, last)
  local list = driver.failed
  if not of and list[1] and not list[1][2] then return failure.warn(err) end
  list[#list + 1] = { err, of, last }
end

--- Somebody has waited for what has failed, and raises it: whether it was kept.
function failure.claim(driver, of)
  for i, failed in ipairs(driver.failed) do
    if failed[2] == of then return table.remove(driver.failed, i) ~= nil end
  end
  return false
end

--- Keeps an error for run, perform and close alone: events do not raise it again. Returns whether
-- it is the only one.
function failure.hold(driver, err)
  if driver.held then return failure.warn(err) end
  driver.held = { err }
  return true
end

local function is_due(driver, failed)
  return not failed[2] or not failed[3] and next(driver.joining) == nil
end

--- Whether anything is to be raised now.
function failure.is_due(driver)
  for _, failed in ipairs(driver.failed) do
    if is_due(driver, failed) then return true end
  end
  return false
end

-- Those that are to be raised, or all; what somebody may claim stays.
local function take(driver, all)
  local now, later = {}, {}
  for _, failed in ipairs(driver.failed) do
    local list = (all or is_due(driver, failed)) and now or later
    list[#list + 1] = failed
  end
  driver.failed = later
  return now
end

local function warn_from(list, i)
  for k = i, #list do failure.warn(list[k][1]) end
end

--- Raises the first that is kept; the others are warnings. all: also what somebody may claim.
function failure.raise(driver, all)
  local list = take(driver, all)
  warn_from(list, 2)
  if list[1] then error(list[1][1], 0) end
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
