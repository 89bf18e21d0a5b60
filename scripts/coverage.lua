-- Prints what make coverage has counted: a table, the lines that never ran, and the others of
-- whose branches some were never taken.
-- usage: coverage.lua BUILD LUAC

local build, luac = arg[1], arg[2]

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  assert(pipe:close(), command)
  return text
end

local files, names = {}, {}

local function new_file(name)
  files[name] = { lines = 0, ran = 0, branches = 0, taken = 0, all = {} }
  names[#names + 1] = name
  return files[name]
end

local function add_line(file, number, code, ran)
  local line = { number = number, code = code, ran = ran, branches = 0, taken = 0 }
  file.lines = file.lines + 1
  file.ran = file.ran + (ran and 1 or 0)
  file.all[file.lines] = line
  return line
end

local function add_branch(file, line, taken)
  for _, count in ipairs { file, line } do
    count.branches = count.branches + 1
    count.taken = count.taken + (taken and 1 or 0)
  end
end

-- "-" is a line without code. A brace alone is none either: where a function ends may be out of
-- reach. Headers of the system are left out.
local function read_gcov()
  local file, line
  local command = ("gcov -b -c -t %s/csrc/*.gcno %s/csrc/*/*.gcno"):format(build, build)
  for text in output(command):gmatch("[^\n]+") do
    local count, number, code = text:match("^%s*(%S+):%s*(%d+):(.*)")
    local name = number == "0" and code:match("^Source:(.*)")
    if name then
      file = name:find("^csrc/") and new_file(name)
    elseif file and number and number ~= "0" and count ~= "-" and not code:find("^%s*}$") then
      line = add_line(file, number, code, count ~= "#####")
    elseif file and text:find("^branch") then
      add_branch(file, line, text:find("taken [1-9]"))
    end
  end
end

-- The lines that have code, but for the start of a vararg function, which no hook sees, and for
-- the end of a function, where it may have returned before.
local function lines_of(name)
  local has_code, lines, number = {}, {}, 0
  local listing = output(("%s -l -p %s"):format(luac, name))
  for line, operation in listing:gmatch("\t%d+\t%[(%d+)%]%s+(%u+)") do
    if operation ~= "VARARGPREP" then
      has_code[tonumber(line)] = true
    end
  end
  for code in io.lines(name) do
    number = number + 1
    if has_code[number] and not code:find("^%s*end[%s,;)}]*$") then
      lines[#lines + 1] = { number = number, code = code }
    end
  end
  return lines
end

local function read_lua()
  local ran = {}
  for line in io.lines(build .. "/lua.ran") do
    ran[line] = true
  end
  for name in output("ls lua/curlsock/*.lua"):gmatch("[^\n]+") do
    local file = new_file(name)
    for _, line in ipairs(lines_of(name)) do
      add_line(file, line.number, line.code, ran[name .. ":" .. line.number])
    end
  end
end

local function percent(part, whole)
  return whole == 0 and "     -" or ("%6.1f"):format(100 * part / whole)
end

local function print_row(name, f)
  print(("%-28s %6d %s %9d %s"):format(name, f.lines, percent(f.ran, f.lines), f.branches,
    percent(f.taken, f.branches)))
end

local function print_table()
  local total = { lines = 0, ran = 0, branches = 0, taken = 0 }
  print(("%-28s %6s %6s %9s %6s"):format("", "lines", "%", "branches", "%"))
  for _, name in ipairs(names) do
    for key, sum in pairs(total) do
      total[key] = sum + files[name][key]
    end
    print_row(name, files[name])
  end
  print_row("all", total)
end

-- Prints the lines of which tell gives a text.
local function print_lines(title, tell)
  print("\n" .. title)
  for _, name in ipairs(names) do
    for _, line in ipairs(files[name].all) do
      local text = tell(line)
      if text then
        print(("%s:%d: %s%s"):format(name, line.number, text, line.code))
      end
    end
  end
end

read_gcov()
table.sort(names)
read_lua()
print_table()
print_lines("never ran:", function(line)
  return not line.ran and ""
end)
print_lines("ran, but not every branch was taken:", function(line)
  return line.ran and line.taken < line.branches and
    ("%d of %d:"):format(line.taken, line.branches)
end)
