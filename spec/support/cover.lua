-- Notes which lines of lua/curlsock run, in every Lua process of the suite: make coverage sets
-- LUA_INIT to this file. A process adds its lines to the file CURLSOCK_COVERAGE as it ends; one
-- that is killed adds none. Debian has no package for this.

-- luacheck: ignore 121 122 (it stands in for functions of Lua)

local getinfo, sethook = debug.getinfo, debug.sethook
local exit, create, wrap, find = os.exit, coroutine.create, coroutine.wrap, require
local ran = {} -- source -> the lines of it that ran; false: a file that does not count

setmetatable(ran, {
  __index = function(_, source)
    local lines = source:find("lua/curlsock/%w+%.lua$") and {} or false
    ran[source] = lines
    return lines
  end,
})

local function note(_, line)
  local lines = ran[getinfo(2, "S").source]
  if lines then
    lines[line] = true
  end
end

local function save()
  local file = assert(io.open(os.getenv("CURLSOCK_COVERAGE"), "a"))
  local text = {}
  for source, lines in pairs(ran) do
    for line in pairs(lines or {}) do
      text[#text + 1] = ("%s:%d\n"):format(source:match("lua/curlsock/.*"), line)
    end
  end
  file:write(table.concat(text))
  file:close()
end

-- A hook belongs to one coroutine.
local function hooked(body)
  return function(...)
    sethook(note, "l")
    return body(...)
  end
end

function coroutine.create(body)
  return create(hooked(body))
end

function coroutine.wrap(body)
  return wrap(hooked(body))
end

-- cqueues makes its coroutines in C.
local function hook_cqueues(cqueues)
  local start
  start = cqueues.interpose("wrap", function(self, body, ...)
    return start(self, hooked(body), ...)
  end)
end

function require(name)
  local fresh = not package.loaded[name]
  local module, where = find(name)
  if fresh and name == "cqueues" then
    hook_cqueues(module)
  end
  return module, where
end

function os.exit(...)
  save()
  exit(...)
end

-- It outlives the state's other objects: finalizers run in reverse order.
debug.getregistry()[save] = setmetatable({}, { __gc = save })
sethook(note, "l")
