-- The floors of the C sources: no include and no symbol of a floor above, no circle of files, and
-- each entry of a header under the file that defines it. Prints what is wrong, and fails.
--
--   lua5.4 scripts/layers.lua SOURCES OBJECTS

local sources, objects = arg[1], arg[2]

-- What is in no folder is the top.
local floors = { core = 1, net = 2, curl = 3 }
local TOP <const> = 4

-- Of the system's headers, what a floor may not have.
local curl_headers = { "^curl/" }
local socket_headers = { "^curl/", "^sys/socket%.h", "^sys/un%.h", "^netinet/", "^arpa/", "^net/",
  "^netdb%.h" }
local forbidden = { socket_headers, curl_headers, {}, {} }

local wrong = 0

local function complain(...)
  wrong = wrong + 1
  print(string.format(...))
end

local function each_line(command)
  local pipe = assert(io.popen(command))
  local lines = pipe:lines()
  return function()
    local line = lines()
    return line or assert(pipe:close()) and nil
  end
end

-- ---- the files ---------------------------------------------------------------------------

-- By name: its floor, what it includes, defines and uses. "core/pool.c", "core/core.h".
local files, names = {}, {}
local header_of, definer = {}, {} -- base name -> header; symbol -> C file

local function read_symbols(name, file)
  for line in each_line(("nm '%s/%s'"):format(objects, name:gsub("c$", "o"))) do
    local kind, symbol = line:match("(%a) ([%w_]+)$")
    if kind == "U" then
      file.uses[#file.uses + 1] = symbol
    elseif kind and kind:find("[TDBRCVW]") then
      definer[symbol] = name
    end
  end
end

for path in each_line(("cd '%s' && find . -name '*.[ch]' | sort"):format(sources)) do
  local name = path:sub(3)
  local file = { floor = floors[name:match("^(%w+)/")] or TOP, uses = {} }
  names[#names + 1], files[name] = name, file
  if name:find("%.h$") then
    header_of[name:match("[^/]+$")] = name
  else
    read_symbols(name, file)
  end
end

-- ---- includes and symbols ----------------------------------------------------------------

local function check_include(name, number, kind, included)
  local floor = files[name].floor
  local header = kind == '"' and header_of[included]
  if header and files[header].floor > floor then
    complain("%s:%d: includes %s, of a floor above", name, number, header)
  end
  for _, pattern in ipairs(forbidden[floor]) do
    if included:find(pattern) then
      complain("%s:%d: includes %s, which this floor does not have", name, number, included)
    end
  end
end

local edges = {} -- C file -> C file -> a symbol

local function add_edges(name)
  edges[name] = {}
  for _, symbol in ipairs(files[name].uses) do
    local other = definer[symbol]
    if other and files[other].floor > files[name].floor then
      complain("%s: uses %s of %s, a floor above", name, symbol, other)
    end
    if other then edges[name][other] = symbol end
  end
end

-- ---- circles -----------------------------------------------------------------------------

-- The files that lead from one to the other, as text; nil if none do.
local function path(from, to, seen)
  for _, name in ipairs(names) do
    local symbol = edges[from] and edges[from][name]
    if symbol and name == to then return (" -%s-> %s"):format(symbol, name) end
    if symbol and not seen[name] then
      seen[name] = true
      local rest = path(name, to, seen)
      if rest then return (" -%s-> %s%s"):format(symbol, name, rest) end
    end
  end
end

local told = {}

-- Of files that are in circles with each other, one circle is told for each that none had yet.
local function check_circle(name)
  local circle = not told[name] and path(name, name, {})
  if not circle then return end
  complain("circle: %s%s", name, circle)
  for member in circle:gmatch("%-> (%S+)") do told[member] = true end
end

-- ---- headers -----------------------------------------------------------------------------

-- The C files that a section of a header names: /* ---- pool.c, frame.c: what they are ---- */
local function section_files(name, line)
  local folder, section = name:match("^.*/") or "", {}
  for file in line:gmatch("[%w_]+%.c") do section[folder .. file] = true end
  return section
end

-- What libcurl defines is not looked for here.
local function declared(line)
  if line:find("^static") or line:find("^typedef") or line:find(" curl_") then return nil end
  return line:match("^%a.-([%w_]+)%(") or line:match("^extern .-([%w_]+);")
end

local function check_entry(name, number, symbol, section)
  local file = definer[symbol]
  if not file then
    complain("%s:%d: no file defines %s", name, number, symbol)
  elseif not section[file] then
    complain("%s:%d: %s is defined by %s, and stands under another", name, number, symbol, file)
  end
end

local function read_lines(name)
  local number, section = 0, {}
  for line in io.lines(sources .. "/" .. name) do
    number = number + 1
    local kind, included = line:match('^%s*#%s*include%s*([<"])([^>"]+)')
    if included then check_include(name, number, kind, included) end
    if line:find("^/%* %-%-%-%- ") then section = section_files(name, line) end
    local symbol = name:find("%.h$") and declared(line)
    if symbol then check_entry(name, number, symbol, section) end
  end
end

for _, name in ipairs(names) do
  read_lines(name)
  if name:find("%.c$") then add_edges(name) end
end
for _, name in ipairs(names) do check_circle(name) end
os.exit(wrong == 0)
