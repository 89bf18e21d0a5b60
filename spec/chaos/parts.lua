-- Bodies of parts: what mimepost takes, mostly right, with functions that may act and answer badly.

local callbacks = require "spec.chaos.callbacks"
local random = require "spec.chaos.random"
local value = require "spec.chaos.values"

local pick = random.pick
local list

local sources = {
  function() return { data = "data" } end,
  function(_, R) return { data = ("d"):rep(R(R(70000))) } end,
  function(_, R) return { file = pick(R, { "file", "empty", "none", "." }) } end,
  function(w, R, e, depth) return { parts = list(w, R, e, depth + 1) } end,
  function(w, R, e)
    local read = callbacks.new(w, R, "readfunction", e)
    local seek = R(2) == 1 and callbacks.new(w, R, "seekfunction", e) or nil
    return { read = read, seek = seek, size = pick(R, { false, 12, 0, 5, 1 << 40 }) or nil }
  end,
}

local function part(w, R, e, depth)
  local p = pick(R, sources)(w, R, e, depth)
  p.name = R(2) == 1 and "name" or nil
  if R(4) == 1 then p.filename = "file name\"" end
  if R(4) == 1 then p.type = "text/plain" end
  if R(4) == 1 then p.encoder = pick(R, { "base64", "quoted-printable", "8bit", "7bit", "x" }) end
  if R(4) == 1 then p.headers = { "X-A: b", "Content-Type: x/y" } end
  if R(20) == 1 then p[pick(R, { "data", "size", "seek", "parts", 1 })] = value(R) end
  return p
end

function list(w, R, e, depth)
  local parts = {}
  for i = 1, depth > 3 and 0 or R(0, 3) do
    parts[i] = part(w, R, e, depth)
  end
  return parts
end

return function(w, R, e) return list(w, R, e, 1) end
