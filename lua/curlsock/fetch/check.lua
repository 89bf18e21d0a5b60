-- What fetch is given, checked.

-- The options, with the types that they may have.
local KNOWN = {
  url = "string userdata", method = "string", headers = "table", query = "table",
  form = "table", multipart = "table", json = "string", body = "string function userdata",
  to = "function userdata", redirects = "number boolean", retries = "number", timeout = "number",
  policy = "table userdata", loop = "table", curl = "table",
}

local NAMED = { headers = true, query = true, form = true } -- with values, or lists of them
local SIMPLE = { string = true, number = true, boolean = true }
local BODIES = { form = true, multipart = true, json = true, body = true }

-- What is wrong with names and their values: a text, or nil.
local function wrong_in(option, values)
  for name, value in pairs(values) do
    if type(name) ~= "string" then return ("option '%s': names expected"):format(option) end
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      if not SIMPLE[type(one)] then
        return ("option '%s': '%s' has a %s"):format(option, name, type(one))
      end
    end
  end
end

-- The same of one option.
local function wrong_with(name, value)
  local types = KNOWN[name]
  if not types then return ("unknown option '%s'"):format(name) end
  if not types:find(type(value), 1, true) then
    local expected = types:gsub(" ", " or ")
    return ("option '%s': %s expected, got %s"):format(name, expected, type(value))
  elseif type(value) == "number" and (value < 0 or value ~= value) then
    return ("option '%s': 0 or more expected, got %s"):format(name, value)
  elseif name == "method" and not value:find "^[%w%-_]+$" then
    return ("option 'method': a name expected, got '%s'"):format(value)
  end
  return NAMED[name] and wrong_in(name, value)
end

--- Raises an error, where fetch was called, if something is wrong.
return function(options)
  local bodies, wrong = {}, options.url == nil and "no url" or nil
  for name, value in pairs(options) do
    wrong = wrong_with(name, value) or wrong
    bodies[#bodies + 1] = BODIES[name] and name
  end
  table.sort(bodies)
  wrong = bodies[2] and ("both '%s' and '%s'"):format(bodies[1], bodies[2]) or wrong
  if wrong then error("fetch: " .. wrong, 3) end
end
