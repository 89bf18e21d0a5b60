-- Measures what curlsock costs: the tasks of plain.c and of task.lua, on the same libcurl and
-- against the same nginx. Prints a table, and writes it to bench/RESULTS.md.
--
-- Run:  make bench     or     BENCH="new kept" make bench  (some tasks; writes no file)

local measure = require "bench.measure"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local run, thousands, quantile = measure.run, measure.thousands, measure.quantile
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

local programs

-- The shell's words that run a task.
local function words(which, task, n, path)
  return ("%s %s '%s' %d"):format(programs[which], task.name,
    servers.nginx().url .. (path or task.path), n)
end

local function parse(text)
  local result = measure.parse(text)
  assert(result.bytes, text)
  result.done = table.concat({ result.opened, result.closed, result.bytes }, " ")
  return result
end

-- Both must have opened and closed as many sockets, and read as much.
local function check_same(plain, ours)
  assert(plain.done == ours.done, ("not the same work: %s, %s"):format(plain.done, ours.done))
end

-- ---- CPU time ---------------------------------------------------------------------------

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

local function count(which, task, n)
  local fewest, done = math.huge, nil
  for _ = 1, task.repeats do
    local counts, text = measure.callgrind(words(which, task, n, task.count_path))
    fewest = math.min(fewest, measure.sum(assert(counts, text)))
    done = parse(text)
  end
  return fewest, done
end

-- What twice as many cost, less what the once cost: starting up cancels out.
local function instructions(which, task)
  local once = count(which, task, task.count)
  local twice, done = count(which, task, 2 * task.count)
  return (twice - once) / (task.count * (task.count_units or task.units or 1)), done
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

local function measure_task(rows, task)
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
    measure.row("task", "figure", "plain C", "curlsock", "ratio", "bar", "met?"),
    measure.row("---", "---", "---:", "---:", "---:", "---:", "---"),
  }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = measure.row(row.title, row.figure, row.plain, row.ours, row.ratio, row.bar,
      row.met and "yes" or "**no**")
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
