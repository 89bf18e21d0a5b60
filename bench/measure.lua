-- What run.lua and loops.lua share: programs in C beside those in Lua, what valgrind counts,
-- figures as text, and the files that they write.

local process = require "spec.support.process"
local servers = require "spec.support.servers"

local measure = {}

local build = os.getenv("BUILD") or "build"
local marker = "<!-- What follows is written by hand: make bench keeps it. -->"

-- ---- programs ---------------------------------------------------------------------------

-- What the command prints.
function measure.run(command)
  return assert(process.output(command), "failed: " .. command)
end

local run = measure.run

-- Compiles bench/NAME.c with libcurl: the program.
function measure.compile(name)
  local program = ("%s/bench/%s"):format(build, name)
  run(("mkdir -p '%s/bench' && %s -std=c11 -D_GNU_SOURCE -O2 -o '%s' bench/%s.c %s -lm"):format(
    build, os.getenv("CC") or "cc", program, name, run("pkg-config --cflags --libs libcurl")))
  return program
end

-- "cpu 1.5 opened 3" as a table.
function measure.parse(text)
  local numbers = {}
  for key, number in text:gmatch("(%a+) ([%d.]+)") do
    numbers[key] = tonumber(number)
  end
  return numbers
end

-- ---- instructions -----------------------------------------------------------------------

-- What callgrind's file says of each object (program or library): its instructions.
local function read_objects(file)
  local names, counts, current, skip = {}, {}, nil, false
  for line in io.lines(file) do
    local kind, id, name = line:match("^(c?ob)=(%(%d+%)) ?(.*)")
    if kind then
      if name ~= "" then names[id] = name end
      if kind == "ob" then current = names[id] end
    elseif line:find("^calls=") then
      skip = true -- what was called comes with its own lines
    elseif line:find("^[%d+*-]") then
      local count = not skip and line:match("^%S+ (%d+)$")
      if count then counts[current] = (counts[current] or 0) + tonumber(count) end
      skip = false
    end
  end
  return counts
end

-- The words of a command: its instructions by object, and what it prints. Nil and its status
-- if it fails.
function measure.callgrind(words)
  local file = servers.dir() .. "/callgrind"
  local command = "timeout 120 valgrind --tool=callgrind --callgrind-out-file=%s %s 2>&1"
  local output, code = process.output(command:format(file, words))
  if output then return read_objects(file), output end
  return nil, code
end

-- The instructions of all objects, or of those that others do not have.
function measure.sum(counts, others)
  local total = 0
  for object, count in pairs(counts) do
    if not (others and others[object]) then total = total + count end
  end
  return total
end

-- ---- system calls -----------------------------------------------------------------------

-- How many a command makes, and what it prints.
function measure.syscalls(words)
  local file = servers.dir() .. "/strace"
  local output = run(("timeout 600 strace -f -c -o %s %s"):format(file, words))
  -- Per cent, seconds, microseconds a call, calls, and maybe errors.
  local calls = process.read(file):match("%S+%s+%S+%s+%d+%s+(%d+)[%s%d]*total")
  return tonumber(calls), output
end

-- ---- figures ----------------------------------------------------------------------------

-- Between two numbers it is their mean, by how near it is to each. Nil of none.
function measure.quantile(numbers, q)
  local sorted = {}
  for _, number in pairs(numbers) do sorted[#sorted + 1] = number end
  table.sort(sorted)
  local at = 1 + (#sorted - 1) * q
  local low, high = sorted[math.floor(at)], sorted[math.ceil(at)]
  return low and low + (high - low) * (at % 1)
end

function measure.median(numbers)
  return measure.quantile(numbers, 0.5)
end

function measure.thousands(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,")
  return (text:reverse():gsub("^,", ""))
end

-- ---- files ------------------------------------------------------------------------------

-- Where and with what it was measured, and when.
function measure.machine()
  local nginx = "PATH=$PATH:/usr/sbin nginx -v 2>&1"
  return ("%s, %s CPUs; libcurl %s, %s, %s, %s; %s"):format(
    run("uname -sm"), run("getconf _NPROCESSORS_ONLN"), run("pkg-config --modversion libcurl"),
    run(process.interpreter .. " -v"):match("^Lua %S+"),
    run(nginx):match("nginx/%S+"), run("valgrind --version"), os.date("!%Y-%m-%d"))
end

-- A line of a table.
function measure.row(...)
  return "| " .. table.concat({ ... }, " | ") .. " |"
end

-- Writes a file of results, but for the end that is written by hand.
function measure.write(file, text)
  local before = process.read(file) or ""
  local _, last = before:find(marker, 1, true)
  process.write(file, text .. "\n\n" .. marker .. (last and before:sub(last + 1) or "\n"))
  print("written to " .. file)
end

return measure
