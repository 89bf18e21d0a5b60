-- What the policies are given, checked: misuse raises when a policy is made.
local check = {}

local function kind_of(value)
  return type(value) == "string" and ("%q"):format(value) or math.type(value) or type(value)
end

--- Raises an error: name is the policy's, what the option's or argument's.
function check.fail(name, what, expected, value)
  error(("%s: %s: %s expected, got %s"):format(name, what, expected, kind_of(value)), 0)
end

--- The table of options of the policy, of which those in known, a set, may be there; {} for nil.
function check.options(name, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then check.fail(name, "argument", "table of options", options) end
  for key in pairs(options) do
    if not known[key] then error(("%s: unknown option '%s'"):format(name, key), 0) end
  end
  return options
end

--- The value, if it is nil or of this type ("integer" is one).
function check.value(name, what, kind, value)
  local is = kind == "integer" and math.type(value) or type(value)
  if value ~= nil and is ~= kind then check.fail(name, what, kind, value) end
  return value
end

--- A number of at least so much, or nil.
function check.number(name, what, value, least)
  if value == nil then return nil end
  if type(value) ~= "number" or value ~= value or value < least then
    check.fail(name, what, "number of at least " .. least, value)
  end
  return value
end

--- A function, or what can be called.
function check.callable(name, what, value)
  local meta = getmetatable(value)
  local called = type(value) == "function" or type(meta) == "table" and meta.__call
  if not called then check.fail(name, what, "function", value) end
  return value
end

--- A list, of one if a single value is given; {} for nil.
function check.list(value)
  if value == nil then return {} end
  return type(value) == "table" and value or { value }
end

--- The words of a list, or of a text with commas, as a list in lower case.
function check.words(name, what, value)
  local words = {}
  for _, text in ipairs(check.list(value)) do
    if type(text) ~= "string" then check.fail(name, what, "name", text) end
    for word in text:gmatch("[^,%s]+") do words[#words + 1] = word:lower() end
  end
  return words
end

return check
