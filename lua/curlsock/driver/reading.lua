-- How a stream is read: as a file of Lua's io is.
local reading = {}

-- Waits for bytes: whether there are any, else how the stream has ended.
local function fill(stream)
  if stream.input.size > 0 then return true end
  return stream:wait("read", function() return stream.input.size > 0 or stream.result end)
end

local function take(stream, n)
  local piece = stream.input:take(n)
  stream:taken()
  return piece
end

-- The pieces that were read, or how the stream has ended.
local function joined(stream, parts)
  if #parts > 0 then return table.concat(parts) end
  return stream:ending()
end

local function read_piece(stream)
  fill(stream)
  if stream.input.size == 0 then return stream:ending() end
  return take(stream)
end

local function read_bytes(stream, n)
  local parts, left = {}, n
  repeat
    fill(stream)
    if stream.input.size == 0 then break end
    if n == 0 then return "" end
    parts[#parts + 1] = take(stream, left)
    left = left - #parts[#parts]
  until left == 0
  return joined(stream, parts)
end

local function read_all(stream)
  local parts = {}
  while true do
    fill(stream)
    if stream.input.size == 0 then break end
    parts[#parts + 1] = take(stream)
  end
  if stream:failed() then return stream:ending() end
  return table.concat(parts)
end

local function read_line(stream, keep)
  local parts, complete = {}, false
  while not complete do
    fill(stream)
    if stream.input.size == 0 then break end
    local n
    n, complete = stream.input:line()
    parts[#parts + 1] = take(stream, n)
  end
  local line, message, name = joined(stream, parts)
  if line and complete and not keep then line = line:sub(1, -2) end
  return line, message, name
end

local formats = {
  a = read_all,
  l = function(stream) return read_line(stream, false) end,
  L = function(stream) return read_line(stream, true) end,
}

--- What reads in that format: nil, a number or a letter, with or without Lua 5.1's asterisk.
function reading.reader(format)
  if format == nil then return read_piece end
  if math.type(format) == "integer" and format >= 0 then
    return function(stream) return read_bytes(stream, format) end
  end
  local letter = type(format) == "string" and format:match("^%*?([alL])$")
  if letter then return formats[letter] end
  error("read: a number, 'l', 'L' or 'a' expected, got " .. tostring(format), 3)
end

return reading
