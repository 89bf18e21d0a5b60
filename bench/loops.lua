-- Measures the event loops against plain C: loop_task.lua and plain_loop.c do the same work, one
-- after the other, against one nginx. Prints tables, and writes them to bench/RESULTS-loops.md.
--
-- Run:  make bench     or, with less,     ulimit -n 16384; lua5.4 bench/loops.lua 2000 1
-- Arguments: how many requests, and how many rounds of them for the CPU time.

local measure = require "bench.measure"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local REQUESTS <const> = tonumber(arg[1]) or 10000
local ROUNDS <const> = tonumber(arg[2]) or 5
local FEWER <const> = (ROUNDS + 1) // 2
local CONCURRENT <const> = { 10, 100, 1000, 5000 }
local COUNTED <const> = 2000 -- requests under callgrind
local IDLE <const>, SETTLE <const> = 5000, 5
-- For curlsock's own loop, up to so many at a time: what is to be, and the bar.
local GOALS <const> = { fetch = { 1.15, 1.20 }, reuse = { 1.05, 1.12 } }
local BARRED <const> = 100
local loops = { "loop", "luv", "cqueues", "select" }
local raw_loops = { "raw-loop", "raw-luv", "raw-cqueues", "raw-select" }

local median, thousands = measure.median, measure.thousands
local plain, server_url

local function say(...)
  io.stderr:write(string.format(...), "\n")
end

-- ---- running the programs ---------------------------------------------------------------

-- The shell's words for a task of "plain", or of a loop.
local function words(program, task, url, n, concurrent)
  local start = program == "plain" and plain
    or ("%s bench/loop_task.lua %s"):format(process.interpreter, program)
  return ("%s %s %s %d %d"):format(start, task, url, n, concurrent)
end

-- What a task prints, as a table; nil for what the loop cannot do.
local function run(...)
  local errors = servers.dir() .. "/loops.errors"
  local output = process.output(words(...) .. " 2>" .. errors)
  if not output then
    say("%s: %s", (...), process.read(errors):match("^[^\n]*"))
    return nil
  end
  return measure.parse(output)
end

-- ---- instructions -----------------------------------------------------------------------

local function count_objects(...)
  local counts, code = measure.callgrind(words(...))
  if not counts then say("%s: status %s", (...), code) end
  return counts
end

local plain_counts -- of the last run of plain C

-- Instructions a request: all, and those in what plain C does not have: Lua, the loop's library
-- and curlsock. Those of more requests less those of fewer, so that starting up and opening the
-- connections cancel out.
local function instructions(program, task, concurrent)
  say("instructions, %s, %s, %d at a time", task, program, concurrent)
  local few = math.max(500, concurrent)
  local less = count_objects(program, task, server_url, few, concurrent)
  local more = less and count_objects(program, task, server_url, few + COUNTED, concurrent)
  if not more then return nil end
  if program == "plain" then plain_counts = more end
  return (measure.sum(more) - measure.sum(less)) / COUNTED,
    (measure.sum(more, plain_counts) - measure.sum(less, plain_counts)) / COUNTED
end

-- ---- CPU time ---------------------------------------------------------------------------

-- The CPU time of all programs, one after the other, in each round: what else the machine does
-- hits all of them. Times by program and round.
local function cpu_times(programs, task, concurrent, rounds)
  local times = {}
  for round = 1, rounds do
    say("CPU time, %s, %d at a time, round %d", task, concurrent, round)
    for _, program in ipairs(programs) do
      local result = run(program, task, server_url, REQUESTS, concurrent)
      times[program] = times[program] or {}
      times[program][round] = result and result.cpu / REQUESTS * 1e6
    end
  end
  return times
end

local function median_ratio(times, base)
  local ratios = {}
  for round, time in pairs(times) do
    ratios[round] = time / base[round]
  end
  return median(ratios)
end

-- ---- tables -----------------------------------------------------------------------------

local lines = {}

local function write(...)
  local line = string.format(...)
  lines[#lines + 1] = line
  print(line)
end

local function write_row(first, cells)
  write("%s", measure.row(first, table.unpack(cells)))
end

-- The bar: for curlsock's own loop. ratios are by column.
local function write_bar(goals, ratios, columns)
  local cells, goal, bar = {}, table.unpack(goals)
  for i, concurrent in ipairs(columns) do
    local met = ratios[i] <= goal and "met, and the goal" or ratios[i] <= bar and "met"
    cells[i] = concurrent <= BARRED and (met or "**missed**") or "-"
  end
  write_row(("bar of loop %.2fx, goal %.2fx"):format(bar, goal), cells)
end

-- A row a program, a column for each number of concurrent transfers: cell(program, concurrent)
-- is its text and, for the bars, its ratio to plain C.
local function tabulate(first, task, programs, columns, cell)
  local titles, rule, ratios = {}, {}, {}
  for i, concurrent in ipairs(columns) do
    titles[i], rule[i] = ("%s at a time"):format(thousands(concurrent)), "---:"
  end
  write_row(first, titles)
  write_row("---", rule)
  for _, program in ipairs(programs) do
    local cells, row = {}, {}
    for i, concurrent in ipairs(columns) do
      cells[i], row[i] = cell(program, concurrent)
    end
    write_row(program == "plain" and "plain C" or program, cells)
    ratios[program] = row
  end
  if next(ratios.loop or {}) then write_bar(GOALS[task], ratios.loop, columns) end
  write ""
end

local function with_plain(programs)
  return { "plain", table.unpack(programs) }
end

local function write_cpu(programs, task, rounds)
  local all = with_plain(programs)
  local times = {}
  for _, concurrent in ipairs(CONCURRENT) do
    times[concurrent] = cpu_times(all, task, concurrent, rounds)
  end
  tabulate("CPU time", task, all, CONCURRENT, function(program, concurrent)
    local own, base = times[concurrent][program], times[concurrent].plain
    local time = median(own)
    if not time then return "-" end
    if program == "plain" then return ("%.1f µs"):format(time) end
    return ("%.1f µs, %.2fx"):format(time, median_ratio(own, base))
  end)
end

local function write_instructions(programs, task, columns)
  local base = {}
  tabulate("instructions", task, with_plain(programs), columns, function(program, concurrent)
    local all, own = instructions(program, task, concurrent)
    if program == "plain" then
      base[concurrent] = all
      return thousands(all)
    end
    if not all then return "-" end
    local ratio = all / base[concurrent]
    return ("%s (%s), %.2fx"):format(thousands(all), thousands(own), ratio), ratio
  end)
end

-- ---- system calls -----------------------------------------------------------------------

local function write_syscalls(programs, task, columns)
  tabulate("system calls", task, with_plain(programs), columns, function(program, concurrent)
    local few = math.max(500, concurrent)
    local less = measure.syscalls(words(program, task, server_url, few, concurrent))
    local more = measure.syscalls(words(program, task, server_url, few + COUNTED, concurrent))
    return ("%.1f"):format((more - less) / COUNTED)
  end)
end

-- ---- idle connections -------------------------------------------------------------------

-- Takes connections and requests, and answers none.
local silent = [[
local server = ...
local held = {}
while true do held[#held + 1] = server:accept() end
]]

local function write_idle()
  local server = servers.script(silent, { backlog = 4096 })
  write_row("idle", { "CPU time in a second", "turns of the loop" })
  write_row("---", { "---:", "---:" })
  for _, program in ipairs(with_plain(loops)) do
    say("idle, %s", program)
    local result = assert(run(program, "idle", server.url, IDLE, SETTLE))
    write_row(program == "plain" and "plain C" or program,
      { ("%.1f ms"):format(result.cpu * 1000), ("%d"):format(result.turns) })
  end
  write ""
  servers.stop(server)
end

-- ---- bench/RESULTS-loops.md -------------------------------------------------------------

local fill = {
  counted = thousands(COUNTED), requests = thousands(REQUESTS), rounds = ROUNDS, fewer = FEWER,
  idle = IDLE,
}

local function explain(text)
  write("%s", (text:gsub("@(%w+)@", fill)))
end

explain("# Event loops against plain C\n\n" .. measure.machine() .. ".\n")
explain [[
`make bench` runs the same work as a C program on `curl_multi_socket_action` and epoll
([plain_loop.c](plain_loop.c), -O2), and under each loop as Lua coroutines that call
`loop:perform(easy)` ([loop_task.lua](loop_task.lua)): requests of 6 bytes to one nginx on
loopback, so many at a time, on connections that libcurl keeps. Callbacks open and close each
socket: C functions there, Lua functions here. All figures are for one request.

* *CPU time* is user and system, of @requests@ requests: the median of the rounds, in each of
  which all programs have their turn, and the median of the rounds' ratios to plain C.
* *Instructions* are callgrind's, without the kernel: a run with @counted@ requests more less one
  with fewer, so that starting up and opening the connections cancel out. In brackets the part
  that is executed in what the C program does not have: Lua, curlsock, the loop's library. What
  libcurl needs grows with the connections, because it looks through those to the same host.
* *System calls* are strace's, counted the same way.
* In C `CURLOPT_NOSIGNAL` is set, as curlsock sets it.

CPU time differs from run to run when the machine does other things, too: the bars, which are for
curlsock's own loop at 10 and 100, are judged by the instructions.

## An easy handle for each request
]]
plain = measure.compile("plain_loop")
server_url = servers.nginx().url .. "/hello"
explain "@rounds@ rounds.\n"
write_instructions({ "loop" }, "fetch", { 10, 100, 1000 })
write_syscalls({ "loop" }, "fetch", { 10, 100 })
write_cpu(loops, "fetch", ROUNDS)
explain [[
## An easy handle for each coroutine

What the loops cost without making and closing handles; in C the handles are used again, too.
@fewer@ rounds.
]]
write_instructions({ "loop", "luv" }, "reuse", { 10, 100, 1000 })
write_syscalls(loops, "reuse", { 10, 100 })
write_cpu(loops, "reuse", FEWER)
explain [[
## Each descriptor watched

The same loops without `multi:pollfd`, as they work where it is missing: each watches libcurl's
descriptors and keeps libcurl's timer itself. @fewer@ rounds, an easy for each request; the
instructions are those with an easy for each coroutine.
`socket.select` has room for 1,024 descriptors.
]]
write_cpu(raw_loops, "fetch", FEWER)
write_instructions(raw_loops, "reuse", { 100 })
explain [[
## Idle

@idle@ transfers that wait for an answer which never comes, watched for a second; in Lua one more
transfer keeps the time.
]]
write_idle()
measure.write("bench/RESULTS-loops.md", (table.concat(lines, "\n"):gsub("\n+$", "")))
servers.close()
