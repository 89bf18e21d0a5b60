-- What calls throw, and how they fail.

local assert = require "luassert"

local errors = {}

-- A message without the place that error() put before it; another value as it is.
function errors.placeless(message)
  if type(message) ~= "string" then return message end
  return (message:gsub("^[^%s]+:%d+: ", ""))
end

-- What f(...) throws: it must throw.
function errors.thrown(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

-- The same, which must be a string: without the place.
function errors.message(f, ...)
  local message = errors.thrown(f, ...)
  assert.equal("string", type(message))
  return errors.placeless(message)
end

-- pcall, without the place in an error's message: all results in a table.
function errors.try(...)
  local results = table.pack(pcall(...))
  results[2] = errors.placeless(results[2])
  return results
end

-- A value as the module shows it in messages.
function errors.shown(value)
  if type(value) == "number" then return tostring(value) end
  return type(value) == "string" and '"' .. value .. '"' or type(value)
end

-- What the module says of a call that is forbidden inside a callback.
function errors.refusal(call, class)
  return ("%s is not allowed inside a callback of this %s or of its pool"):format(call, class)
end

-- f(...) throws a text in which the pattern is.
function errors.matches(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok, "an error was expected")
  assert.truthy(tostring(message):find(pattern), ("%q lacks %q"):format(message, pattern))
end

-- A call has returned nil, a message in which the pattern is, and the name.
function errors.failed(name, pattern, ...)
  local value, message, got = ...
  assert.is_nil(value)
  assert.equal(name, got)
  assert.truthy(message:find(pattern), ("%q lacks %q"):format(message, pattern))
end

return errors
