-- Shows that each CS_CHECK can fire: breaks what it guards, one mutant at a time, and runs the
-- program of this folder with that. lua mutants.lua BUILD ONLY OBJECT...; COMPILE, LINK and LIBS
-- are commands. A mutant is wrong, too, when its text is not exactly once in the file; and each
-- check of csrc must have one.

package.path = "./?.lua;" .. package.path
local process = require "spec.support.process"
local mutants = require "spec.core.mutations"

local build, only = arg[1], arg[2]
local objects = table.pack(table.unpack(arg, 3))

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local output = pipe:read("a")
  return pipe:close(), output
end

local function must(command)
  local ok, output = run(command)
  if not ok then error(output, 0) end
end

local function replaced(text, from, to)
  local first, last = text:find(from, 1, true)
  if not first or text:find(from, last + 1, true) then
    error("this is not exactly once in the file:\n" .. from, 0)
  end
  return text:sub(1, first - 1) .. to .. text:sub(last + 1)
end

-- The source with its edits, compiled in place of the true one.
local function compile(file, text)
  local path = ("%s/mutant/%s"):format(build, file)
  must("mkdir -p " .. process.quote(path:match("^(.*)/")))
  process.write(path, ('#line 1 "%s"\n%s'):format(file, text))
  must(("%s -w -I%s -c -o %s.o %s"):format(os.getenv("COMPILE"), file:match("^(.*)/"), path, path))
  return path .. ".o"
end

local function link(changed)
  local list = {}
  for _, object in ipairs(objects) do
    local file = object:sub(#build + 2):gsub("%.o$", ".c")
    list[#list + 1] = changed[file] or object
  end
  must(("%s -o %s/mutant/test %s %s"):format(os.getenv("LINK"), build, table.concat(list, " "),
    os.getenv("LIBS")))
end

-- What the program says with the edits: { file, from, to, ... }.
local function outcome(mutant)
  local texts, changed = {}, {}
  for i = 1, #mutant, 3 do
    local file = mutant[i]
    texts[file] = replaced(texts[file] or process.read(file), mutant[i + 1], mutant[i + 2])
  end
  for file, text in pairs(texts) do changed[file] = compile(file, text) end
  link(changed)
  return select(2, run(("timeout 60 %s/mutant/test %d"):format(build, 20000)))
end

-- Every CS_CHECK of csrc: "file: text", which tells it from the others.
local function checks()
  local found = {}
  local function note(check)
    assert(not found[check], check)
    found[check] = true
  end
  for file in io.popen("ls csrc/*/*.[ch] csrc/*.[ch]"):lines() do
    local text = process.read(file):gsub("#define CS_CHECK[^\n]*", "")
    for what in text:gmatch("CS_CHECK(%b())") do
      note(file .. ": " .. (what:sub(2, -2):gsub("%s+", " ")))
    end
  end
  return found
end

local function says(mutant, output)
  if mutant.says then return output:find(mutant.says, 1, true) end
  local file, what = mutant.check:match("^(%S+): (.*)$")
  return output:find(file .. ":%d+: this must hold: " .. what:gsub("%p", "%%%0"))
end

local missing = checks()

local failed = 0
for _, mutant in ipairs(mutants) do
  local name = mutant.check or mutant.says
  missing[name] = nil
  if name:find(only, 1, true) then
    local output = outcome(mutant)
    local ok = says(mutant, output)
    print((ok and "fires      " or "DOES NOT   ") .. name)
    if not ok then
      failed = failed + 1
      print(output)
    end
  end
end
for check in pairs(missing) do
  failed = failed + 1
  print("NO MUTANT  " .. check)
end
print(("%d mutants, %d wrong"):format(#mutants, failed))
os.exit(failed == 0)
