-- Measures the event loops against plain C: plain_loop.c and loop_task.lua do the same work, in
-- turns, against one nginx. Writes bench/RESULTS-loops.md.
--
--   lua5.4 bench/loops.lua [REQUESTS [ROUNDS]]
--
-- Needs as many descriptors as there are connections: ulimit -n 16384.
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local REQUESTS <const> = tonumber(arg[1]) or 20000
local ROUNDS <const> = tonumber(arg[2]) or 5
local CONCURRENT <const> = { 10, 100, 1000, 5000 }
local LOOPS <const> = { "loop", "luv", "cqueues", "select" }
local RAW <const> = { "raw-loop", "raw-luv", "raw-cqueues", "raw-select" }
local IDLE <const>, SETTLE <const> = 5000, 5
local folder = servers.dir()
local plain = folder .. "/plain_loop"

-- ---- running ----

local function compile()
  assert(os.execute(table.concat({
    "${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra $(pkg-config --cflags libcurl)",
    "-o", plain, "bench/plain_loop.c $(pkg-config --libs libcurl) -lm",
  }, " ")))
end

-- The command that runs a task: program is "plain" or the name of a loop.
local function command(program, task, url, n, concurrent)
  local words = program == "plain" and plain
    or ("%s bench/loop_task.lua %s"):format(process.lua(), program)
  return ("%s %s %s %d %d"):format(words, task, url, n, concurrent)
end

-- What a task prints, as a table; nil where the loop cannot do it (socket.select has room for
-- 1,024 descriptors).
local function run(...)
  local output = process.output(command(...) .. " 2>" .. folder .. "/loops.errors")
  if not output then
    io.stderr:write((process.read(folder .. "/loops.errors"):gsub("\n.*", "\n")))
    return nil
  end
  local result = {}
  for key, number in output:gmatch("(%a+) ([%d.]+)") do
    result[key] = tonumber(number)
  end
  return result
end

local function instructions(program, url, n, concurrent)
  local file = folder .. "/callgrind"
  local output = process.output(("valgrind --tool=callgrind --callgrind-out-file=%s %s 2>&1")
    :format(file, command(program, "fetch", url, n, concurrent)))
  return tonumber(output and output:match("Collected : (%d+)"))
end

local function median(numbers)
  if #numbers == 0 then return nil end
  table.sort(numbers)
  local middle = #numbers // 2 + 1
  return #numbers % 2 == 1 and numbers[middle] or (numbers[middle - 1] + numbers[middle]) / 2
end

local function say(...)
  io.stderr:write(string.format(...), "\n")
end

-- ---- measuring ----

-- CPU time of each program, once in every round, so that all see the same weather.
local function measure_cpu(url, programs, concurrent, rounds)
  local times = { plain = {} }
  for _, program in ipairs(programs) do times[program] = {} end
  for round = 1, rounds do
    for i = 0, #programs do
      local program = programs[i] or "plain"
      local result = run(program, "fetch", url, REQUESTS, concurrent)
      times[program][round] = result and result.cpu
    end
  end
  return times
end

-- Microseconds a request (median), and the median of the ratios of each round.
local function compare(times, program)
  local ratios, own = {}, {}
  for round, time in pairs(times[program]) do
    ratios[#ratios + 1] = time / times.plain[round]
    own[#own + 1] = time / REQUESTS * 1e6
  end
  return median(own), median(ratios)
end

-- Under callgrind less is enough: it counts, and 0 requests are what the start costs.
local function counted_requests(concurrent)
  return math.min(REQUESTS, math.max(4000, concurrent * 3 // 2))
end

local function instructions_each(program, url, concurrent)
  local n = counted_requests(concurrent)
  local all, start = instructions(program, url, n, concurrent), instructions(program, url, 0, 1)
  return all and start and (all - start) / n
end

-- ---- reporting ----

local lines = {}

local function write(...)
  lines[#lines + 1] = string.format(...)
end

local function cell(number, format)
  return number and (format):format(number) or "-"
end

local function head(first)
  local titles, rule = { first }, { "---" }
  for _, concurrent in ipairs(CONCURRENT) do
    titles[#titles + 1] = ("%d at a time"):format(concurrent)
    rule[#rule + 1] = "---:"
  end
  write("| %s |", table.concat(titles, " | "))
  write("| %s |", table.concat(rule, " | "))
end

-- One line a program: figure(program, concurrent) makes the cells.
local function tabulate(first, programs, figure)
  head(first)
  for _, program in ipairs(programs) do
    local cells = { program }
    for _, concurrent in ipairs(CONCURRENT) do
      cells[#cells + 1] = figure(program, concurrent)
    end
    write("| %s |", table.concat(cells, " | "))
  end
  write ""
end

local function with_plain(programs)
  return { "plain", table.unpack(programs) }
end

local function report_cpu(url, programs, rounds)
  local times = {}
  for _, concurrent in ipairs(CONCURRENT) do
    say("CPU time, %d at a time", concurrent)
    times[concurrent] = measure_cpu(url, programs, concurrent, rounds)
  end
  tabulate("CPU time", with_plain(programs), function(program, concurrent)
    local own, ratio = compare(times[concurrent], program)
    if program == "plain" then return cell(own, "%.1f us") end
    return own and ("%.1f us, %.2fx"):format(own, ratio) or "-"
  end)
end

local function report_instructions(url, programs)
  local base = {}
  tabulate("instructions", with_plain(programs), function(program, concurrent)
    say("instructions, %s, %d at a time", program, concurrent)
    local each = instructions_each(program, url, concurrent)
    if program == "plain" then
      base[concurrent] = each
      return cell(each, "%.0f")
    end
    return each and ("%.0f, %.2fx, +%.0f"):format(each, each / base[concurrent],
      each - base[concurrent]) or "-"
  end)
end

-- A server that takes connections and requests, and answers none.
local silent = [[
local server = ...
local held = {}
while true do held[#held + 1] = server:accept() end
]]

local function report_idle(programs)
  local server = servers.script(silent, { backlog = 4096 })
  write "| idle | CPU time in a second | turns of the loop |"
  write "| --- | ---: | ---: |"
  for _, program in ipairs(with_plain(programs)) do
    say("idle, %s", program)
    local result = run(program, "idle", server.url, IDLE, SETTLE) or {}
    write("| %s | %s | %s |", program, cell(result.cpu and result.cpu * 1000, "%.1f ms"),
      cell(result.turns, "%d"))
  end
  write ""
  servers.stop(server)
end

local function system()
  local cpu = process.output("sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1")
  return ("%s, %s CPUs, %s, %s, nginx on the same machine"):format(cpu,
    process.output("nproc"), process.output("pkg-config --modversion libcurl | sed 's/^/libcurl /'"),
    process.output(process.lua() .. " -v 2>&1 | cut -c1-9"))
end

compile()
local url = servers.nginx().url .. "/hello"
write "# Event loops against plain C\n"
write("Made by `make bench` (bench/loops.lua): %s.\n", system())
write("%d requests of 6 bytes, each on an easy handle of its own, at most so many at a time, on", REQUESTS)
write "connections that are kept. In Lua: coroutines that call `loop:perform(easy)`, and Lua"
write "functions as open and close callbacks. In C: `curl_multi_socket_action` on epoll, with C"
write "functions as callbacks (bench/plain_loop.c). All figures are for one request.\n"
write("CPU time is user and system; the median of %d rounds in which all programs take turns, and", ROUNDS)
write "the median ratio to plain C in the same round.\n"
report_cpu(url, LOOPS, ROUNDS)
write "Instructions (callgrind; 4,000 requests, 7,500 for 5,000 at a time, less what a run without"
write "requests has), the ratio to plain C, and the difference. The kernel's are not counted. What"
write "plain C needs grows with the connections because libcurl looks through those to one host.\n"
report_instructions(url, LOOPS)
write "The same loops when they watch each of libcurl's descriptors themselves, in place of the one"
write("that stands for all (multi:pollfd), and libcurl's timer with their own; median of %d rounds.", (ROUNDS + 1) // 2)
write "socket.select has room for no more than 1,024 descriptors.\n"
report_cpu(url, RAW, (ROUNDS + 1) // 2)
write("%d connections that wait for an answer, for a second (in Lua with one transfer that keeps the", IDLE)
write "time).\n"
report_idle(LOOPS)
process.write("bench/RESULTS-loops.md", table.concat(lines, "\n"))
print(table.concat(lines, "\n"))
servers.close()
