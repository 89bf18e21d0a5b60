-- Whether libcurl is at work: what its callbacks do then cannot all be done at once.
local inside = {}

local any = false

--- Whether a driver has called its multi, which has not returned.
function inside.any()
  return any
end

--- Whether this one has.
function inside.this(driver)
  return driver.inside
end

--- Calls a method of the driver's multi: as pcall does it.
function inside.call(driver, method, a, b)
  local this, others = driver.inside, any
  driver.inside, any = true, true
  local ok, result, message, name = pcall(method, driver.multi, a, b)
  driver.inside, any = this, others
  return ok, result, message, name
end

return inside
