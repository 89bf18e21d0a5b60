-- JSON of tables, strings, numbers and booleans: a table with [1], or marked as a list, is a list.
local json = { list = {} }

-- An empty list, where JSON must not have an empty object.
function json.empty() return setmetatable({}, json.list) end

local function quote(text)
  return '"' .. text:gsub('[%c"\\\127]', function(c)
    return ("\\u%04x"):format(c:byte())
  end) .. '"'
end

-- JSON is UTF-8, and so is SVG: what is none has no meaning there.
local function as_utf8(text)
  return utf8.len(text) and text or (text:gsub("[\128-\255]", "?"))
end

json.as_utf8 = as_utf8

local encode

local function encode_list(t)
  local out = {}
  for i, value in ipairs(t) do out[i] = encode(value) end
  return "[" .. table.concat(out, ",") .. "]"
end

local function encode_object(t)
  local out, keys = {}, {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do out[i] = quote(key) .. ":" .. encode(t[key]) end
  return "{" .. table.concat(out, ",") .. "}"
end

function encode(value)
  if type(value) == "string" then return quote(as_utf8(value)) end
  if math.type(value) == "float" then return ("%.6f"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  if value[1] ~= nil or getmetatable(value) == json.list then return encode_list(value) end
  return encode_object(value)
end

json.encode = encode

return json
