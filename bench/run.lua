-- Measures what curlsock costs: the tasks of plain.c and of task.lua, on the same libcurl and
-- against the same nginx. Prints a table, and writes it to bench/RESULTS.md.
--
-- Run:  make bench     or     BENCH="new kept" make bench  (some tasks; writes no file)

local process = require "spec.support.process"
local servers = require "spec.support.servers"

local build = os.getenv("BUILD") or "build"
local results = "bench/RESULTS.md"
local marker = "<!-- What follows is written by hand: make bench keeps it. -->"
local MIB <const> = 1 << 20

-- loop is the N of the runs that are timed, and pairs how many of them there are; count the N
-- of those whose instructions are counted, smaller because valgrind is slow, and repeats how
-- many times. units: what one of N stands for.
local tasks = {
  {
    name = "new", title = "new connection per request", bar = 1.05,
    path = "/hello", loop = 800, pairs = 21,
    count = 1000, repeats = 3, unit = "request",
  },
  {
    name = "kept", title = "request on a kept connection", bar = 1.02,
    path = "/hello", loop = 2000, pairs = 21,
    count = 1000, repeats = 5, unit = "request",
  },
  {
    name = "download", title = "1 GiB through a write callback", bar = 1.05,
    path = "/sparse-1024", loop = 1, pairs = 9, units = 1024,
    count_path = "/sparse-64", count = 1, repeats = 1, count_units = 64, unit = "MiB",
  },
  {
    name = "concurrent", title = "1,000 concurrent transfers", bar = 1.05,
    path = "/hello", loop = 1, pairs = 11,
    count = 1, repeats = 2, units = 1000, unit = "transfer",
  },
  {
    name = "idle", title = "memory of an idle connection", bar = 512,
    path = "/hello", count = 1000, unit = "connection",
  },
}

-- ---- running the two programs -----------------------------------------------------------

local function run(command)
  local text = process.output(command)
  return assert(text, "failed: " .. command)
end

local function build_plain()
  local plain = build .. "/bench/plain"
  run(("mkdir -p '%s/bench' && %s -std=c11 -D_GNU_SOURCE -O2 -o '%s' bench/plain.c %s"):format(
    build, os.getenv("CC") or "cc", plain, run("pkg-config --cflags --libs libcurl")))
  return plain
end

local programs

-- The shell's words that run a task. 1,000 connections need more descriptors than usual.
local function words(which, task, n, under)
  local path = under and task.count_path or task.path
  return ("ulimit -n 4096 && exec %s %s %s '%s' %d"):format(
    under or "", programs[which], task.name, servers.nginx().url .. path, n)
end

local function parse(text)
  local pattern = "cpu (%S+) opened (%d+) closed (%d+) bytes (%d+)"
  local cpu, opened, closed, bytes = text:match(pattern)
  assert(cpu, text)
  return { cpu = tonumber(cpu), done = table.concat({ opened, closed, bytes }, " ") }
end

-- Both must have opened and closed as many sockets, and read as much.
local function check_same(plain, ours)
  assert(plain.done == ours.done, ("not the same work: %s, %s"):format(plain.done, ours.done))
end

-- ---- CPU time ---------------------------------------------------------------------------

local function quantile(list, q)
  local copy = table.move(list, 1, #list, 1, {})
  table.sort(copy)
  return copy[1 + math.floor((#copy - 1) * q + 0.5)]
end

local function time(which, task)
  return parse(run(words(which, task, task.loop)))
end

-- One after the other, who begins alternates: what else the machine does hits both.
local function time_pair(task, plain_first)
  local plain = plain_first and time("plain", task)
  local ours = time("ours", task)
  plain = plain or time("plain", task)
  check_same(plain, ours)
  return plain.cpu, ours.cpu
end

local function measure_time(task)
  local plain, ours, ratios = {}, {}, {}
  for i = 1, task.pairs do
    plain[i], ours[i] = time_pair(task, i % 2 == 1)
    ratios[i] = ours[i] / plain[i]
  end
  local unit = 1e6 / (task.loop * (task.units or 1))
  return {
    figure = "CPU time a " .. task.unit,
    plain = ("%.1f µs"):format(quantile(plain, 0.5) * unit),
    ours = ("%.1f µs"):format(quantile(ours, 0.5) * unit),
    value = quantile(ratios, 0.5),
    spread = ("%.2f to %.2f"):format(quantile(ratios, 0.25), quantile(ratios, 0.75)),
  }
end

-- ---- what valgrind counts ---------------------------------------------------------------

local function valgrind(tool, which, task, n, pattern)
  local text = run(words(which, task, n, "valgrind --tool=" .. tool) .. " 2>&1")
  local numbers = { text:match(pattern) }
  assert(numbers[1], text)
  for i, number in ipairs(numbers) do
    numbers[i] = tonumber((number:gsub(",", "")))
  end
  return parse(text), table.unpack(numbers)
end

local function count(which, task, n)
  local fewest, done = math.huge, nil
  for _ = 1, task.repeats do
    local number
    done, number = valgrind("callgrind --callgrind-out-file=/dev/null", which, task, n,
      "Collected : (%d+)")
    fewest = math.min(fewest, number)
  end
  return fewest, done
end

-- What twice as many cost, less what the once cost: starting up cancels out.
local function instructions(which, task)
  local once = count(which, task, task.count)
  local twice, done = count(which, task, 2 * task.count)
  return (twice - once) / (task.count * (task.count_units or task.units or 1)), done
end

local function thousands(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,")
  return (text:reverse():gsub("^,", ""))
end

local function measure_instructions(task)
  local plain, plain_done = instructions("plain", task)
  local ours, ours_done = instructions("ours", task)
  check_same(plain_done, ours_done)
  return {
    figure = "instructions a " .. task.unit,
    plain = thousands(plain), ours = thousands(ours), value = ours / plain,
  }
end

-- Heap that is in use when the program ends, connections and all.
local function heap(which, task, n)
  local done, bytes, blocks = valgrind("memcheck --leak-check=no", which, task, n,
    "in use at exit: (%S+) bytes in (%S+) blocks")
  return done, bytes + 16 * blocks
end

local function heap_of_one(which, task)
  local _, few = heap(which, task, 1)
  local done, many = heap(which, task, task.count)
  return (many - few) / (task.count - 1), done
end

local function measure_memory(task)
  local plain, plain_done = heap_of_one("plain", task)
  local ours, ours_done = heap_of_one("ours", task)
  check_same(plain_done, ours_done)
  return {
    figure = "heap in use",
    plain = thousands(plain) .. " bytes", ours = thousands(ours) .. " bytes",
    value = ours - plain,
  }
end

-- ---- the table --------------------------------------------------------------------------

local function format_value(task, value, digits)
  if task.name == "idle" then
    return ("%+.0f bytes"):format(value)
  end
  return ("%%.%dfx"):format(digits):format(value)
end

local function add(rows, task, row)
  row.title, row.met = task.title, row.value <= task.bar
  row.ratio = format_value(task, row.value, 3)
  row.bar = format_value(task, task.bar, 2)
  if row.spread then
    row.ratio = ("%s (%s)"):format(row.ratio, row.spread)
  end
  rows[#rows + 1] = row
  print(("%-32s %-26s %15s %15s %-24s %-10s %s"):format(row.title, row.figure, row.plain,
    row.ours, row.ratio, row.bar, row.met and "yes" or "no"))
  io.flush()
end

local function measure(rows, task)
  if task.name == "idle" then
    add(rows, task, measure_memory(task))
  else
    add(rows, task, measure_instructions(task))
    add(rows, task, measure_time(task))
  end
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

local function machine()
  local nginx = "PATH=$PATH:/usr/sbin nginx -v 2>&1"
  return ("%s, %s CPUs; libcurl %s, %s, %s, %s; %s"):format(
    run("uname -sm"), run("getconf _NPROCESSORS_ONLN"), run("pkg-config --modversion libcurl"),
    run(process.interpreter .. " -v"):match("^Lua %S+"),
    run(nginx):match("nginx/%S+"), run("valgrind --version"), os.date("!%Y-%m-%d"))
end

local method = [[
`make bench` runs the same tasks as a C program ([plain.c](plain.c), built with -O2) and as a
Lua script on curlsock ([task.lua](task.lua)), one after the other, against one nginx on
loopback. In both, every socket is opened and closed by a callback: a C function there, a Lua
function here. Both must have opened and closed as many sockets and read as many bytes.

* *Instructions* are callgrind's, in the client's process without the kernel: those of 2N
  rounds less those of N, so that starting up cancels out. Each is the fewest of up to five
  runs, because a client that has to wait for nginx polls once more.
* *CPU time* is user and system time of the loop: the medians of 9 to 21 runs each, and the
  median (in brackets the quartiles) of the ratios of neighbouring runs.
* *Heap in use* is what valgrind finds allocated when the program ends, with 1,000 idle
  connections in the multi's cache less with one, the easies closed and collected, a 999th of
  it; 16 bytes are added to each block for malloc itself. Here the bar is for the difference.
* Buffers have libcurl's default size: a write callback gets 16 KiB at a time. Lua's collector
  runs as lua5.4 sets it up.
]]

local function table_lines(rows)
  local lines = {
    "| task | figure | plain C | curlsock | ratio | bar | met? |",
    "| --- | --- | ---: | ---: | ---: | ---: | --- |",
  }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("| %s | %s | %s | %s | %s | %s | %s |"):format(row.title, row.figure,
      row.plain, row.ours, row.ratio, row.bar, row.met and "yes" or "**no**")
  end
  return table.concat(lines, "\n")
end

local function missed_lines(rows)
  local lines = {}
  for _, row in ipairs(rows) do
    if not row.met then
      lines[#lines + 1] = ("* Missed: %s, %s: %s, where the bar is %s."):format(
        row.title, row.figure, row.ratio, row.bar)
    end
  end
  return #lines > 0 and table.concat(lines, "\n") or "Every bar is met."
end

local function by_hand()
  local text = process.read(results) or ""
  local _, last = text:find(marker, 1, true)
  return last and text:sub(last + 1) or "\n"
end

local function write_results(rows)
  process.write(results, table.concat({
    "# What curlsock costs", machine() .. ".", (method:gsub("\n$", "")),
    table_lines(rows), missed_lines(rows), marker,
  }, "\n\n") .. by_hand())
  print("written to " .. results)
end

-- ---- main -------------------------------------------------------------------------------

local function sparse_file(mib)
  local file = assert(io.open(("%s/sparse-%d"):format(servers.nginx().root, mib), "wb"))
  assert(file:seek("set", mib * MIB - 1))
  assert(file:write("\0"))
  file:close()
end

local list, all = selected()
programs = { plain = build_plain(), ours = process.interpreter .. " bench/task.lua" }
sparse_file(1024)
sparse_file(64)
local rows = {}
for _, task in ipairs(list) do
  measure(rows, task)
end
if all then
  write_results(rows)
end
servers.close()
