-- Makes a failing program small: takes away what is not needed for it to fail, then makes numbers
-- small. Any part of a program is a program (see program.lua), so nothing can go wrong.

local shrink = {}

function shrink.copy(t)
  if type(t) ~= "table" then return t end
  local c = {}
  for k, v in pairs(t) do
    c[k] = shrink.copy(v)
  end
  return c
end

-- Calls visit(list, first) for each list of operations, or of what callbacks do, in a program;
-- the items that may go begin at first.
local function each_list(list, first, visit)
  visit(list, first)
  for i = first, #list do
    local item = list[i]
    if item.cb then
      visit(item.cb, 1)
      for _, entry in ipairs(item.cb) do
        each_list(entry, type(entry[2]) == "number" and type(entry[1]) == "string" and
          type(entry[3]) == "table" and 3 or #entry + 1, visit)
      end
    end
  end
end

-- The program without items [at, at + n) of its list number which; nil if there are none.
local function without(program, which, at, n)
  local copy, count, found = shrink.copy(program), 0, nil
  each_list(copy, 1, function(list, first)
    count = count + 1
    if count ~= which or found then return end
    local from = first + at
    if from > #list then return end
    for _ = 1, math.min(n, #list - from + 1) do
      table.remove(list, from)
    end
    found = copy
  end)
  return found, count
end

local function count_lists(program)
  local count, longest = 0, 0
  each_list(program, 1, function(list)
    count = count + 1
    longest = math.max(longest, #list)
  end)
  return count, longest
end

-- Takes away pieces of n items wherever that leaves a program that fails.
local function remove_pieces(program, n, fails)
  local which, changed = 1, false
  while which <= count_lists(program) do
    local at = 0
    while true do
      local less = without(program, which, at, n)
      if not less then break end
      if fails(less) then
        program, changed = less, true
      else
        at = at + n
      end
    end
    which = which + 1
  end
  return program, changed
end

-- Calls visit(op) for each operation.
local function each_op(program, visit)
  each_list(program, 1, function(list, first)
    for i = first, #list do
      visit(list[i])
    end
  end)
end

-- The program with number i of operation n set to value; nil if that changes nothing.
local function with_number(program, n, i, value)
  local copy, count, changed = shrink.copy(program), 0, nil
  each_op(copy, function(op)
    count = count + 1
    if count == n and math.type(op[i]) == "integer" and op[i] > value then
      op[i] = value
      changed = copy
    end
  end)
  return changed
end

local function count_ops(program)
  local count = 0
  each_op(program, function() count = count + 1 end)
  return count
end

local function simplify(program, fails)
  for n = 1, count_ops(program) do
    for i = 2, 6 do
      for value = 0, 2 do
        local simpler = with_number(program, n, i, value)
        if simpler and fails(simpler) then
          program = simpler
          break
        end
      end
    end
  end
  return program
end

-- Without what is said to go on besides, where it fails without.
local function make_plain(program, fails)
  for _, key in ipairs { "gc", "policed", "traced" } do
    local plain = shrink.copy(program)
    plain[key] = nil
    if program[key] and fails(plain) then program = plain end
  end
  return program
end

-- The smallest program found for which fails(program) is true, as it is for this one. fails is
-- called at most limit times.
function shrink.shrink(program, fails, limit)
  local calls = 0
  local function tried(p)
    calls = calls + 1
    return calls <= limit and fails(p)
  end
  local _, n = count_lists(program)
  local changed
  repeat
    program, changed = remove_pieces(program, n, tried)
    n = changed and n or n // 2
  until n < 1
  program = make_plain(simplify(program, tried), tried)
  return (remove_pieces(program, 1, tried))
end

-- ---- as text --------------------------------------------------------------------------------

local function text_of(item, indent)
  local words = {}
  for i, v in ipairs(item) do
    words[i] = type(v) == "table" and "\n" .. indent .. "  " .. text_of(v, indent .. "  ")
      or ("%q"):format(v)
  end
  if item.cb and #item.cb > 0 then
    words[#words + 1] = "cb = " .. text_of(item.cb, indent .. "  ")
  end
  return "{ " .. table.concat(words, ", "):gsub(" \n", "\n") .. " }"
end

-- A script that runs the program.
function shrink.script(program, comment)
  local lines = {
    "-- " .. comment:gsub("\n", "\n-- "),
    "-- Run it by lua5.4 in the root of the checkout.",
    'dofile "spec/soak/replay.lua" {',
  }
  for _, op in ipairs(program) do
    lines[#lines + 1] = "  " .. text_of(op, "  ") .. ","
  end
  for _, key in ipairs { "ends", "gc", "policed", "traced" } do
    if program[key] then lines[#lines + 1] = ("  %s = %q,"):format(key, program[key]) end
  end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n") .. "\n"
end

return shrink
