-- Makes a random program from a seed. What each operation's numbers mean stands in program.lua.

local generate_loops = require "spec.soak.generate_loops"

local R = math.random

local function slot(kind)
  return R(kind == "easy" and 3 or 2)
end

local events = {
  "open", "open", "sockopt", "close", "close", "close", "write", "write", "header", "read",
  "progress", "prereq", "resolve", "hsts", "told",
}

local ops -- one operation, or some that go together

local function list(n, depth)
  local l = {}
  for _ = 1, n do
    local some = { ops(depth) }
    table.move(some, 1, #some, #l + 1, l)
  end
  return l
end

-- What the callbacks do, in their first calls; the deeper, the less.
local function callbacks(depth, names)
  local cb = {}
  for i = 1, depth < 3 and R(0, 6 - 2 * depth) or 0 do
    cb[i] = { names[R(#names)], R(R(3)), table.unpack(list(R(R(3)), depth + 1)) }
  end
  return #cb > 0 and cb or nil
end

local places, ftp = 25, 15

-- By protocol: places.lua has them. What cannot succeed is one, too.
local protocols = {
  { 0, 2, 6, 9, 10, 11, 13, 16 }, { 1 }, { 3, 14 }, { 15, 15, 15, 19, 17 }, { 18 },
  { 4, 5, 7, 8, 12, 20, 21, 22, 23, 24, 25 },
}

local function of_protocol(n)
  local some = protocols[1 + n % #protocols]
  return some[R(#some)]
end

local function easy(depth)
  local flags = R(2) == 1 and 0 or R(0, 127) | (R(4) == 1 and 128 or 0) | R(0, 3) << 8
  local place = R(0, R(4) == 1 and places or R(0, places))
  local o = { "easy", slot "easy", place, R(0, R(0, 4)), flags, R(0, R(0, 9)) }
  o.cb = callbacks(depth, events)
  return o
end

-- With the callbacks that few easies have, which make up most of what happens in it.
local rare_events = {
  [0] = { "chunk", "chunked", "match" }, { "trailers" }, { "host", "key" }, { "packet" },
  { "header" },
}

local function rare(depth)
  local kind, flags = R(0, 4), R(2) == 1 and 0 or R(0, 1023)
  local names = table.move(events, 1, #events, 1, {})
  for _ = 1, 3 do table.move(rare_events[kind], 1, #rare_events[kind], #names + 1, names) end
  return { "rare", slot "easy", kind, R(0, R(0, 3)), flags, cb = callbacks(depth, names) }
end

local function any(name, extra)
  return function()
    local class = R(0, 2)
    return { name, class, slot(class == 0 and "easy"), extra and R(0, 1) }
  end
end

local function on_easy(name)
  return function()
    return { name, slot "easy" }
  end
end

local function on_both(name)
  return function()
    return { name, slot "multi", slot "easy" }
  end
end

local function plain(name)
  return function()
    return { name }
  end
end

-- Who pauses, lets go on, says what on its connection.
local function hold()
  return { "hold", slot "easy", R(0, 2), R(0, 1) }
end

local function talk()
  return { "talk", slot "easy", R(0, 3) }
end

local function drive()
  return { "drive", slot "multi", R(R(R(40))), R(0, 1) }
end

local makers = {
  { 9, easy },
    { 4, function(depth)
    return { "multi", slot "multi", R(2) == 1 and 0 or R(0, 3), R(R(4)),
      cb = callbacks(depth, { "watch", "timer" }) }
  end },
  { 4, function() return { "share", slot "share", R(0, R(0, 2)) } end },
  { 4, function() return { "use", slot "easy", R(2) } end },
  { 12, on_easy "perform" }, { 10, on_both "add" }, { 4, on_both "remove" },
  { 8, drive },
  { 8, function()
    local d = drive()
    return { "add", d[2], slot "easy" }, d
  end },
  { 6, function(depth)
    local e = easy(depth)
    return e, { "perform", e[2] }
  end },
  { 1, function() return { "use", slot "easy", 0 } end },
  { 3, function(depth)
    local o = easy(depth)
    o[1] = "setopt"
    if R(3) > 1 then return o end
    return { "reset", o[2] }, o, { "perform", o[2] }
  end },
  { 4, function()
    local s, e = R(R(2)), slot "easy"
    return { "close", 2, s }, { "drop", 0, e, 0 }, { "drop", 2, s, 0 },
      { "drop", 0, 1 + e % 3, R(0, 1) }, { "collect" }
  end },
  -- A Socket of the script's, which is given away twice.
  { 1, function(depth)
    local e = easy(depth)
    e[4], e[5] = 4, R(0, 1) * 32
    return { "socket", 1, R(0, 2) }, e, { "perform", e[2] }, { "perform", e[2] }
  end },
  { 1, function() return { "behind", R(0, 3), R(0, 3) } end },
  { 1, function()
    local e = slot "easy"
    return { "perform", e }, { "behind", R(0, 3), R(0, 3) }, { "perform", e }
  end },
  { 1, function(depth)
    local m, e = slot "multi", easy(depth)
    e[5] = e[5] | 32 -- on a connection of its own
    return { "add", m, 1 }, { "add", m, 2 }, { "add", m, 3 }, { "drive", m, 30, 1 },
      { "behind", R(0, 3), R(0, 3) }, e, { "add", m, e[2] }, { "drive", m, 30, 1 }
  end },
  -- A transfer that pauses itself: on its own, or while others in the multi go on.
  { 2, function(depth)
    local e, upload = easy(depth), R(2) == 1
    local event = upload and "read" or R(2) == 1 and "write" or "header"
    e[3], e[5] = upload and 10 or R(0, places), e[5] & ~16 | (upload and 16 or 0)
    e.cb = e.cb or {}
    table.insert(e.cb, 1, { event, R(2), { "pause" } })
    if R(3) == 1 then return e, { "perform", e[2] } end
    local d = drive()
    return e, { "add", d[2], e[2] }, d
  end },
  -- FTP, active or passive, more than once on its connection.
  { 1, function(depth)
    local e = easy(depth)
    e[3], e[5] = ftp, e[5] ~ R(0, 1) * 64
    if R(2) == 1 then return e, { "perform", e[2] }, { "perform", e[2] } end
    local d = drive()
    return e, { "add", d[2], e[2] }, d
  end },
  -- Easies of three protocols and one cache: the share's, or the multi's.
  { 3, function(depth)
    local first, program, m = R(#protocols), {}, slot "multi"
    local shares, adds = R(2) == 1, R(2) == 1
    if shares then program[1] = { "share", 1, R(0, 1) } end
    for i = 1, 3 do
      local e = easy(depth)
      e[2], e[3] = i, of_protocol(first + i * R(2))
      table.insert(program, e)
      if shares then table.insert(program, { "use", i, 1 }) end
      table.insert(program, adds and { "add", m, i } or { "perform", i })
    end
    if adds then table.insert(program, { "drive", m, R(40), R(0, 1) }) end
    return table.unpack(program)
  end },
  { 1, on_easy "info" }, { 3, hold }, { 1, talk }, { 1, on_easy "upkeep" },
  -- Paused from outside, and let go on.
  { 1, function(depth)
    local e, d = easy(depth), drive()
    return e, { "add", d[2], e[2] }, { "drive", d[2], R(3), 0 }, { "hold", e[2], R(0, 2), 0 },
      { "drive", d[2], R(5), 0 }, { "hold", e[2], R(0, 2), 1 }, d
  end },
  -- What is said on a connection is said by nobody else.
  { 1, function(depth)
    local e = easy(depth)
    e[5] = e[5] | 128
    return e, { "perform", e[2] }, { "talk", e[2], 0 }, { "talk", e[2], 1 }, { "perform", e[2] },
      { "add", slot "multi", e[2] }, { "upkeep", e[2] }, { "dup", e[2], slot "easy" }
  end },
  { 1, on_easy "headers" },
  { 1, function(depth)
    local o = rare(depth)
    return o, { "perform", o[2] }, { "play", o[2] }, { "talk", o[2], 2 }, { "talk", o[2], 3 },
      { "perform", o[2] }
  end },
  { 1, function(depth)
    local o, d = rare(depth), drive()
    return o, { "add", d[2], o[2] }, d, { "play", o[2] }, { "drive", d[2], 40, R(0, 1) }
  end },
  -- A connection that is kept for its easy, which may leave its pool.
  { 1, function(depth)
    local e = easy(depth)
    e[5] = e[5] | 128
    return e, { "perform", e[2] }, { "use", e[2], R(0, 2) }, { "info", e[2] },
      { "perform", e[2] }, { "info", e[2] }
  end },
  { 2, function() return { "dup", slot "easy", slot "easy" } end },
  { 3, any "close" }, { 2, any "scope" }, { 3, any("drop", true) },
  { 2, plain "collect" }, { 1, plain "steal" },
  { 2, function() return { "socket", R(2), R(0, 2) } end },
  { 1, function() return { "shut", R(2), R(0, 1) } end },
  { 1, function(depth)
    return depth < 2 and { "co", cb = list(R(3), depth + 1) } or { "resume" }
  end },
  { 1, plain "resume" }, { 1, plain "kill" },
}

local of_loops = generate_loops {
  slot = slot, callbacks = callbacks, list = list, events = events, easy = easy,
}
table.move(of_loops, 1, #of_loops, #makers + 1, makers)

-- In callbacks only.
local answers = {
  { 8, plain "throw" }, { 6, function() return { "refuse", R(0, 1) } end },
  { 10, plain "detach" }, { 3, plain "shut_it" },
  { 3, plain "pause" },
}

local function pick(weighted, more)
  local sum = more
  for _, m in ipairs(weighted) do
    sum = sum + m[1]
  end
  local n = R(sum)
  for _, m in ipairs(weighted) do
    n = n - m[1]
    if n <= 0 then return m[2] end
  end
end

local weight = 0
for _, m in ipairs(answers) do
  weight = weight + m[1]
end

function ops(depth)
  local make = pick(makers, depth > 0 and weight or 0) or pick(answers, 0)
  return make(depth)
end

-- Without these most programs would have nothing to work on. The order in which handles are made
-- is that in which they are finalized.
local function beginning()
  local program, sharing = {}, R(3) == 1
  for i = 1, 3 do
    program[i] = easy(0)
    program[i][2] = i
  end
  if sharing then table.insert(program, R(4), { "share", 1, 0 }) end
  for i = 1, 3 do
    if sharing and R(3) < 3 then table.insert(program, { "use", i, 1 }) end
  end
  for _ = 1, 4 do
    table.insert(program, (makers[R(4)][2](0)))
  end
  return program
end

local function generate(seed)
  math.randomseed(seed)
  local program = beginning()
  local more = list(R(8, 40), 0)
  table.move(more, 1, #more, #program + 1, program)
  program.ends = R(3) == 1 and "drop" or "close"
  -- Else garbage is collected only when the program says so.
  program.gc = ({ "incremental", "generational" })[R(4)]
  program.policed = R(2) == 1 and "yes" or nil
  program.traced = R(2) == 1 and "yes" or nil
  return program
end

return generate
