-- Tables whose items come and go. One of Lua's keeps the size that it once had, and to look whether
-- anything is in it takes as long: these are made anew when many have left.
local shrinking = {}

local LEAST <const> = 64

--- Items are put into it as into any table; mode: as __mode.
function shrinking.new(mode)
  return setmetatable({}, { __mode = mode, gone = 0, limit = LEAST })
end

local function copy(all, mode)
  local new, n = shrinking.new(mode), 0
  for key, value in pairs(all) do new[key], n = value, n + 1 end
  getmetatable(new).limit = math.max(LEAST, n // 2)
  return new
end

--- owner[name], which is such a table, has the key no longer. (It may be another table then: who
-- iterates over it may still meet what has left.)
function shrinking.remove(owner, name, key)
  local all = owner[name]
  all[key] = nil
  local meta = getmetatable(all)
  meta.gone = meta.gone + 1
  if meta.gone > meta.limit then owner[name] = copy(all, meta.__mode) end
end

return shrinking
