-- Errors that belong to no transfer. They are kept in the driver for the call that raises them:
-- one at a time, what comes meanwhile is a warning.
local failure = {}

--- Tells an error that nothing can raise.
function failure.warn(err)
  local ok, text = pcall(tostring, err)
  warn("curlsock: ", ok and text or "an error that is no text")
end

--- Keeps an error for the next call that raises one.
function failure.keep(driver, err)
  if driver.failed then return failure.warn(err) end
  driver.failed = { err }
end

--- Keeps an error for run, perform and close alone: events do not raise it again. Returns whether
-- it is the only one.
function failure.hold(driver, err)
  if driver.held then return failure.warn(err) end
  driver.held = { err }
  return true
end

--- Raises what is kept.
function failure.raise(driver)
  local failed = driver.failed
  driver.failed = nil
  if failed then error(failed[1], 0) end
end

--- Raises what is kept, or held.
function failure.raise_any(driver)
  local held = driver.held
  driver.held = nil
  if not held then return failure.raise(driver) end
  if driver.failed then failure.warn(driver.failed[1]) end
  driver.failed = nil
  error(held[1], 0)
end

return failure
