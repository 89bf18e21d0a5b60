-- Measures what curlsock costs: the tasks of plain.c and of task.lua, on the same libcurl and
-- against the same nginx. Prints a table, and writes it to bench/RESULTS.md.
--
-- Run:  make bench     or     BENCH="new kept" make bench  (some tasks; writes no file)

local measure = require "bench.measure"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local run, thousands, quantile = measure.run, measure.thousands, measure.quantile
local MIB <const> = 1 << 20

-- loop is the N of the runs that are timed, and pairs how many of them there are; count the N of
-- those under valgrind and strace, smaller because these are slow, and repeats how many times.
-- units: what one of N stands for; base: what it is compared with, if not with plain.c's task of
-- the same name: another task of plain.c or, as "task.lua NAME", one of task.lua. own: the bar for
-- the instructions that are executed in Lua and curlsock. copies: callgrind counts a copy (rep
-- movsb) by the byte, so that instructions say nothing.
local tasks = {
  {
    name = "new", title = "new connection per request", bar = 1.06,
    path = "/hello", loop = 800, pairs = 11, count = 500, repeats = 2, unit = "request",
  },
  {
    name = "kept", title = "request on a kept connection", bar = 1.02, own = 1250,
    path = "/hello", loop = 2000, pairs = 11, count = 500, repeats = 4, unit = "request",
  },
  {
    name = "concurrent", title = "1,000 concurrent transfers", bar = 1.13,
    path = "/hello", loop = 1, pairs = 7, count = 1, repeats = 2, units = 1000, unit = "transfer",
  },
  {
    name = "fetch", base = "task.lua hand", title = "`fetch`, beside it code by hand",
    path = "/hello", loop = 2000, pairs = 7, count = 500, repeats = 2, unit = "request",
  },
  {
    name = "download", title = "1 GiB to a function", copies = true,
    path = "/sparse-1024", loop = 1, pairs = 7, units = 1024, unit = "MiB",
  },
  {
    name = "download512", title = "the same, `buffersize` 512 KiB", bar = 1.10, copies = true,
    path = "/sparse-1024", loop = 1, pairs = 7, units = 1024, unit = "MiB",
  },
  {
    name = "file", title = "1 GiB to a file", bar = 1.05, copies = true,
    path = "/sparse-1024", loop = 1, pairs = 7, units = 1024, unit = "MiB",
  },
  {
    name = "table", title = "64 MiB to a table", bar = 1.05, copies = true,
    path = "/sparse-64", loop = 8, pairs = 7, units = 64, unit = "MiB",
  },
  {
    name = "stream", base = "download", title = "1 GiB through a stream", copies = true,
    path = "/sparse-1024", loop = 1, pairs = 7, units = 1024, unit = "MiB",
  },
  {
    name = "idle", title = "memory of an idle connection", bar = 512,
    path = "/hello", count = 1000, unit = "connection",
  },
}

-- ---- running the two programs -----------------------------------------------------------

local programs

-- The shell's words that run a task; which: "ours" or "base".
local function words(which, task, n)
  local program, name = programs.ours, task.name
  if which == "base" then
    local script, other = (task.base or task.name):match("^(task.lua )(.*)")
    program, name = script and programs.ours or programs.plain, other or task.base or task.name
  end
  return ("%s %s '%s%s' %d"):format(program, name, servers.nginx().url, task.path, n)
end

local function parse(text)
  local result = measure.parse(text)
  assert(result.bytes, text)
  result.done = table.concat({ result.opened, result.closed, result.bytes }, " ")
  return result
end

-- Both must have opened and closed as many sockets, and read as much.
local function check_same(base, ours)
  assert(base.done == ours.done, ("not the same work: %s, %s"):format(base.done, ours.done))
end

-- ---- CPU time ---------------------------------------------------------------------------

local function time(which, task)
  return parse(run(words(which, task, task.loop)))
end

-- One after the other, who begins alternates: what else the machine does hits both.
local function time_pair(task, base_first)
  local base = base_first and time("base", task)
  local ours = time("ours", task)
  base = base or time("base", task)
  check_same(base, ours)
  return base.cpu, ours.cpu
end

local function measure_time(task)
  local base, ours, ratios = {}, {}, {}
  for i = 1, task.pairs do
    base[i], ours[i] = time_pair(task, i % 2 == 1)
    ratios[i] = ours[i] / base[i]
  end
  local unit = 1e6 / (task.loop * (task.units or 1))
  return {
    figure = "CPU time a " .. task.unit, bar = task.bar,
    base = ("%.1f µs"):format(quantile(base, 0.5) * unit),
    ours = ("%.1f µs"):format(quantile(ours, 0.5) * unit),
    value = quantile(ratios, 0.5),
    spread = ("%.2f to %.2f"):format(quantile(ratios, 0.25), quantile(ratios, 0.75)),
  }
end

-- ---- what valgrind and strace count ----------------------------------------------------

-- What twice as many cost, less what the once cost: starting up cancels out. counter(words) counts.
local function of_one(counter, which, task)
  local function fewest(n)
    local least, done = math.huge, nil
    for _ = 1, task.repeats or 1 do
      local number, text = counter(words(which, task, n))
      least, done = math.min(least, number), parse(text)
    end
    return least, done
  end
  local n = task.count or task.loop
  local once = fewest(n)
  local twice, done = fewest(2 * n)
  return (twice - once) / (n * (task.units or 1)), done
end

local others -- what the program in C consists of
local own = {} -- by command: the fewest instructions that are in none of that

local function all_objects(command)
  local counts, text = measure.callgrind(command)
  assert(counts, text)
  if command:find(programs.plain, 1, true) then
    others = counts
  else
    own[command] = math.min(own[command] or math.huge, measure.sum(counts, others))
  end
  return measure.sum(counts), text
end

local function compare(task, counter, figure, format)
  local base, base_done = of_one(counter, "base", task)
  local ours, ours_done = of_one(counter, "ours", task)
  check_same(base_done, ours_done)
  return {
    figure = ("%s a %s"):format(figure, task.unit), bar = task.bar,
    base = format(base), ours = format(ours), value = ours / base,
  }
end

local function tenths(number)
  return ("%.1f"):format(number)
end

-- (When all were counted.)
local function measure_own(task)
  local once, twice = words("ours", task, task.count), words("ours", task, 2 * task.count)
  local ours = (own[twice] - own[once]) / (task.count * (task.units or 1))
  return {
    figure = "of these in Lua and curlsock", bar = task.own, absolute = "%.0f",
    base = "-", ours = thousands(ours), value = ours,
  }
end

-- Heap that is in use when the program ends, connections and all.
local function heap(which, task, n)
  local text = run("valgrind --tool=memcheck --leak-check=no " .. words(which, task, n) .. " 2>&1")
  local bytes, blocks = text:match("in use at exit: (%S+) bytes in (%S+) blocks")
  assert(bytes, text)
  bytes, blocks = bytes:gsub(",", ""), blocks:gsub(",", "")
  return parse(text), tonumber(bytes) + 16 * tonumber(blocks)
end

local function heap_of_one(which, task)
  local _, few = heap(which, task, 1)
  local done, many = heap(which, task, task.count)
  return (many - few) / (task.count - 1), done
end

local function measure_memory(task)
  local base, base_done = heap_of_one("base", task)
  local ours, ours_done = heap_of_one("ours", task)
  check_same(base_done, ours_done)
  return {
    figure = "heap in use", bar = task.bar, absolute = "%+.0f",
    base = thousands(base) .. " bytes", ours = thousands(ours) .. " bytes",
    value = ours - base,
  }
end

-- ---- the table --------------------------------------------------------------------------

local function add(rows, task, row)
  row.title, row.met = task.title, row.bar and (row.value <= row.bar and "yes" or "**no**") or "-"
  row.ratio = (row.absolute or "%.3fx"):format(row.value)
  row.bar = row.bar and (row.absolute or "%.2fx"):format(row.bar) or "-"
  if row.spread then row.ratio = ("%s (%s)"):format(row.ratio, row.spread) end
  rows[#rows + 1] = row
  print(("%-32s %-28s %15s %15s %-24s %-10s %s"):format(row.title, row.figure, row.base,
    row.ours, row.ratio, row.bar, row.met))
  io.flush()
end

local function measure_task(rows, task)
  if task.name == "idle" then return add(rows, task, measure_memory(task)) end
  if not task.copies then
    add(rows, task, compare(task, all_objects, "instructions", thousands))
    if not task.base then add(rows, task, measure_own(task)) end
  end
  add(rows, task, measure_time(task))
  if task.copies then return end
  local calls = compare(task, measure.syscalls, "system calls", tenths)
  calls.bar = nil
  add(rows, task, calls)
end

local function selected()
  local wanted, list = os.getenv("BENCH") or "", {}
  for _, task in ipairs(tasks) do
    if wanted == "" or (" " .. wanted .. " "):find(" " .. task.name .. " ", 1, true) then
      list[#list + 1] = task
    end
  end
  assert(#list > 0, "BENCH: no such task")
  return list, wanted == ""
end

-- ---- bench/RESULTS.md -------------------------------------------------------------------

local method = [[
`make bench` runs the same tasks as a C program ([plain.c](plain.c), built with -O2) and as a
Lua script on curlsock ([task.lua](task.lua)), one after the other, against one nginx on
loopback. In both, every socket is opened and closed by a callback, which looks at the address
first: a C function there, a Lua function here. Both must have opened and closed as many sockets
and read as many bytes. In C `CURLOPT_NOSIGNAL` is set, as curlsock sets it.

* *Instructions* are callgrind's, in the client's process without the kernel: those of 2N
  rounds less those of N, so that starting up cancels out. Each is the fewest of up to five
  runs, because a client that has to wait for nginx polls once more. Those in Lua and curlsock
  are what is executed in neither libcurl nor the C library.
* *CPU time* is user and system time of the loop: the medians of 7 to 11 runs each, and the
  median (in brackets the quartiles) of the ratios of neighbouring runs. On a machine that does
  other things, too, it differs from run to run by more than most of these ratios.
* *System calls* are strace's, of 2N rounds less those of N.
* *Heap in use* is what valgrind finds allocated when the program ends, with 1,000 idle
  connections in the multi's cache less with one, the easies closed and collected, a 999th of
  it; 16 bytes are added to each block for malloc itself. Here the bar is for the difference.
* Of what copies bodies no instructions are counted: callgrind counts a copy (`rep movsb`) by
  the byte, so that they say nothing about time. Buffers have libcurl's default size (16 KiB),
  but for one. C does the same: writes a file with `fwrite`, keeps each piece in a list. A stream
  is compared with the function of C. Lua's collector runs as lua5.4 sets it up.
* [`fetch`](../lua/curlsock/fetch.lua) is compared with a script that sets the same options and
  looks at the same answers itself.
* Rows without a bar are there to be seen.
]]

local function table_lines(rows)
  local lines = {
    measure.row("task", "figure", "plain C", "curlsock", "ratio", "bar", "met?"),
    measure.row("---", "---", "---:", "---:", "---:", "---:", "---"),
  }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = measure.row(row.title, row.figure, row.base, row.ours, row.ratio, row.bar,
      row.met)
  end
  return table.concat(lines, "\n")
end

local function missed_lines(rows)
  local lines = {}
  for _, row in ipairs(rows) do
    if row.met == "**no**" then
      lines[#lines + 1] = ("* Missed: %s, %s: %s, where the bar is %s."):format(
        row.title, row.figure, row.ratio, row.bar)
    end
  end
  return #lines > 0 and table.concat(lines, "\n") or "Every bar is met."
end

local function write_results(rows)
  measure.write("bench/RESULTS.md", table.concat({
    "# What curlsock costs", measure.machine() .. ".", (method:gsub("\n$", "")),
    table_lines(rows), missed_lines(rows),
  }, "\n\n"))
end

-- ---- main -------------------------------------------------------------------------------

local function sparse_file(mib)
  local file = assert(io.open(("%s/sparse-%d"):format(servers.nginx().root, mib), "wb"))
  assert(file:seek("set", mib * MIB - 1))
  assert(file:write("\0"))
  file:close()
end

local list, all = selected()
programs = { plain = measure.compile("plain"), ours = process.interpreter .. " bench/task.lua" }
sparse_file(1024)
sparse_file(64)
local rows = {}
for _, task in ipairs(list) do
  measure_task(rows, task)
end
if all then
  write_results(rows)
end
servers.close()
