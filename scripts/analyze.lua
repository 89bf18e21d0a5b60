-- The static analyzers: gcc's, clang's and cppcheck. Prints what each warns of, and fails if that
-- is anything but what is explained: a comment that says "analyzer:" and why, in that line or the
-- one before.
--
--   lua5.4 scripts/analyze.lua FOLDER FLAGS FILE...    FLAGS: the compiler's, in one argument

local folder, flags = arg[1], arg[2]
local header <const> = "spec/support/analyze.h"
local files = table.concat(arg, " ", 3)

local function is_explained(file, number)
  local before, line = "", ""
  local at = 0
  for text in io.lines(file) do
    before, line, at = line, text, at + 1
    if at == number then break end
  end
  return (before .. line):find("analyzer:", 1, true) ~= nil
end

-- Runs the command for all files, and counts the warnings that its pattern finds in its output.
-- What it writes but cannot be read that way (it failed to compile, say) counts, too.
local found, explained = 0, 0

local function analyze(name, command, pattern)
  local report = ("%s/%s.txt"):format(folder, name)
  local ok = os.execute(("%s >%s 2>&1"):format(command, report))
  for line in io.lines(report) do
    local file, number = line:match("^([%w_./-]+):(%d+):.* warning: .*" .. pattern)
    if file and is_explained(file, tonumber(number)) then
      explained = explained + 1
    elseif file then
      found = found + 1
      print(name .. ": " .. line)
    end
  end
  if not ok then
    found = found + 1
    print(("%s: failed, see %s"):format(name, report))
  end
end

-- The same command for each of the files.
local function each(command)
  return ("for file in %s; do %s $file || exit; done"):format(files, command)
end

-- cppcheck needs no header of the system: it knows the functions that are there.
local function for_cppcheck()
  return (flags:gsub("%-[^ID]%S*", ""):gsub("%-I/%S*", ""))
end

os.execute(("mkdir -p '%s'"):format(folder))
analyze("gcc", each(("gcc %s -include %s -fanalyzer -c -o /dev/null"):format(flags, header)),
  "%[%-Wanalyzer%-[%w-]+%]$")
analyze("clang", each(("clang %s -include %s --analyze -Xclang -analyzer-output=text"):format(
  flags, header)), "%[%w+%.[%w.]+%]$")
analyze("cppcheck", ("cppcheck --quiet --std=c11 --enable=warning,portability,performance " ..
  "--library=posix --template='{file}:{line}: warning: {message} [{id}]' --include=%s %s %s")
  :format(header, for_cppcheck(), files), "%[%w+%]$")
print(("%d warnings, %d more are explained where they are"):format(found, explained))
os.exit(found == 0)
