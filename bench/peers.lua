-- What a request costs with curlsock, with C and with what else a script could use, and where that
-- goes. Writes bench/RESULTS-peers.md and, for cost.gp to draw, bench/figures/instructions.csv and
-- concurrency.csv.
--
-- Run:  make bench     A peer that is not installed is left out: Lua-cURLv3 (lcurl, for lua5.4, in
-- LUA_CPATH), lua-http (for lua5.1).

local measure = require "bench.measure"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local median, thousands = measure.median, measure.thousands
local ROUNDS <const>, REQUESTS <const> = 5, 1500
local FEW <const>, COUNTED <const> = 100, 400 -- under callgrind and strace
local CONCURRENT <const> = { 1, 10, 100, 1000 }

local python, lua = "/usr/bin/python3", process.interpreter
local plain, plain_loop = measure.compile("plain"), measure.compile("plain_loop")

-- Programs: one makes requests one after the other, loop takes how many run at a time; new is for
-- that task alone. probe tells whether it is there. (With an easy for each request Lua-cURLv3 does
-- not end while Lua's collector runs.)
local programs = {
  { name = "plain C", one = plain, loop = plain_loop },
  { name = "curlsock", one = lua .. " bench/task.lua", loop = lua .. " bench/loop_task.lua loop" },
  { name = "Lua-cURLv3", one = lua .. " bench/peers/lcurl_task.lua",
    loop = lua .. " bench/peers/lcurl_task.lua", probe = lua .. " -e 'require \"lcurl\"'",
    without = "fetch" },
  { name = "PycURL", one = python .. " bench/peers/pycurl_task.py",
    loop = python .. " bench/peers/pycurl_task.py", probe = python .. " -c 'import pycurl'" },
  { name = "LuaSocket", new = lua .. " bench/peers/luasocket_task.lua" },
  { name = "lua-http", new = "lua5.1 bench/peers/luahttp_task.lua",
    probe = "lua5.1 -e 'require \"http.request\"'" },
}
-- In the figure alone.
local others = {
  { name = "curlsock under luv", loop = lua .. " bench/loop_task.lua luv" },
  { name = "curlsock under cqueues", loop = lua .. " bench/loop_task.lua cqueues" },
}

local tasks = {
  { name = "new", title = "new connection each" },
  { name = "kept", title = "on a kept connection" },
  { name = "reuse", title = "10 at a time, easies used again", at_a_time = 10 },
  { name = "fetch", title = "10 at a time, an easy each", at_a_time = 10 },
}

local url = servers.nginx().url .. "/hello"

local function say(...)
  io.stderr:write(string.format(...), "\n")
end

local function installed(list)
  local there = {}
  for _, program in ipairs(list) do
    if not program.probe or process.output(program.probe .. " 2>&1") then
      there[#there + 1] = program
    end
  end
  return there
end

-- The shell's words for a task; nil if the program does not have it.
local function command(program, task, n)
  if program.without == task.name then return nil end
  local start = task.at_a_time and program.loop or program.one
  if not start and task.name == "new" then start = program.new end
  if not start then return nil end
  return ("%s %s %s %d %s"):format(start, task.name, url, n, task.at_a_time or "")
end

-- ---- what is counted --------------------------------------------------------------------

local function kind_of(object)
  local name = object:match("[^/]*$")
  if name:find("libcurl", 1, true) then return "libcurl" end
  if name:find("core.so", 1, true) or name:find("lcurl", 1, true)
    or name:find("pycurl", 1, true) then
    return "binding"
  end
  if name:find("^lib") or name:find("^ld") then return "C library" end
  return "language"
end

local KINDS <const> = { "libcurl", "C library", "language", "binding" }

-- Instructions of one request, by kind.
local function instructions(program, task)
  local less = assert(measure.callgrind(command(program, task, FEW)))
  local more = assert(measure.callgrind(command(program, task, FEW + COUNTED)))
  local kinds = {}
  for object, count in pairs(more) do
    local kind = kind_of(object)
    kinds[kind] = (kinds[kind] or 0) + (count - (less[object] or 0)) / COUNTED
  end
  return kinds
end

local function total(kinds)
  local sum = 0
  for _, count in pairs(kinds) do sum = sum + count end
  return sum
end

local function syscalls(program, task)
  local less = measure.syscalls(command(program, task, FEW))
  return (measure.syscalls(command(program, task, FEW + COUNTED)) - less) / COUNTED
end

-- ---- CPU time ---------------------------------------------------------------------------

-- Microseconds a request by program, medians of the rounds, in each of which all have their turn.
local function cpu_times(list, task, n)
  local times, medians = {}, {}
  for round = 1, ROUNDS do
    for _, program in ipairs(list) do
      local line = command(program, task, n)
      local text = line and process.output("timeout 60 " .. line .. " 2>/dev/null")
      times[program] = times[program] or {}
      times[program][round] = text and measure.parse(text).cpu / n * 1e6
    end
  end
  for program, own in pairs(times) do medians[program] = median(own) end
  return medians
end

-- ---- the tables and the figures' data ---------------------------------------------------

local lines, rows = {}, {}

local function add(...)
  lines[#lines + 1] = table.concat({ ... })
  print(lines[#lines])
end

local function row_of(program, kinds)
  local row = { ('"%s"'):format(program.name) }
  for i, kind in ipairs(KINDS) do row[i + 1] = ("%.0f"):format(kinds[kind] or 0) end
  return table.concat(row, ",")
end

local function tabulate(list, task)
  local times, base = cpu_times(list, task, REQUESTS), nil
  add("## ", task.title:gsub("^%l", string.upper), "\n")
  add(measure.row("a request", "instructions", "to C", "system calls", "CPU time"))
  add(measure.row("---", "---:", "---:", "---:", "---:"))
  for _, program in ipairs(list) do
    if command(program, task, 1) then
      say("%s, %s", task.title, program.name)
      local kinds = instructions(program, task)
      local all = total(kinds)
      base = base or all
      add(measure.row(program.name, thousands(all), ("%.2fx"):format(all / base),
        ("%.1f"):format(syscalls(program, task)), ("%.1f µs"):format(times[program])))
      rows[#rows + 1] = { task = task.name, text = row_of(program, kinds) }
    end
  end
  add ""
end

-- A block of lines for each task, with an empty line between: gnuplot's index.
local function write_instructions()
  local text, last = { "program," .. table.concat(KINDS, ",") }, nil
  for _, row in ipairs(rows) do
    if last and last ~= row.task then text[#text + 1] = "\n" end
    text[#text + 1], last = row.text, row.task
  end
  process.write("bench/figures/instructions.csv", table.concat(text, "\n") .. "\n")
end

local function write_concurrency(list)
  local header = { "at a time" }
  for i, program in ipairs(list) do header[i + 1] = program.name end
  local text = { table.concat(header, ",") }
  for _, at_a_time in ipairs(CONCURRENT) do
    say("CPU time, %d at a time", at_a_time)
    local times = cpu_times(list, { name = "reuse", at_a_time = at_a_time }, 3 * REQUESTS)
    local row = { tostring(at_a_time) }
    for i, program in ipairs(list) do row[i + 1] = ("%.2f"):format(times[program] or 0 / 0) end
    text[#text + 1] = table.concat(row, ",")
  end
  process.write("bench/figures/concurrency.csv", table.concat(text, "\n") .. "\n")
end

local method = [[
`make bench` has each of them make the same requests, of 6 bytes to one nginx on loopback, with a
callback for the body. C and curlsock open and close every socket by a callback that looks at the
address; the others do not: Lua-cURLv3 has no such functions, and PycURL crashes with them when a
kept connection is closed at its end. With an easy for each request Lua-cURLv3 (9f8b6db) did not
end, unless Lua's collector was stopped. LuaSocket and lua-http make a connection for each request.
Instructions are callgrind's and system calls strace's, the difference of two runs, so that starting
up cancels out; CPU time is the median of @rounds@ rounds, in each of which all have their turn, and
differs from run to run when the machine does other things, too.

![Instructions of a request, by where they go](figures/instructions.svg)

![CPU time of a request by how many run at a time](figures/concurrency.svg)

(In the first figure lua-http's column goes on beyond it.)
]]

local there = installed(programs)
for _, task in ipairs(tasks) do tabulate(there, task) end
write_instructions()
local loops = {}
for _, program in ipairs(there) do
  if program.loop then loops[#loops + 1] = program end
end
table.move(others, 1, #others, #loops + 1, loops)
write_concurrency(loops)
process.output("gnuplot bench/cost.gp")
measure.write("bench/RESULTS-peers.md", table.concat({
  "# What else a script could use", measure.machine() .. ".",
  (method:gsub("\n$", ""):gsub("@rounds@", ROUNDS)),
  (table.concat(lines, "\n"):gsub("\n+$", "")),
}, "\n\n"))
servers.close()
