-- What the specs need of the operating system (Linux), in plain Lua.

local process = {}

function process.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

function process.read(path)
  local file = io.open(path, "rb")
  if file then
    local text = file:read("a")
    file:close()
    return text
  end
end

function process.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

-- What a command prints, without the last newline; nil, exit status if it fails.
function process.output(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("a")
  local ok, _, code = pipe:close()
  if ok then
    return (text:gsub("\n$", ""))
  end
  return nil, code
end

-- The Lua that runs this; and what to start others with: the same, or the command that stands
-- for it (valgrind.sh).
local first = 0
while arg[first - 1] do
  first = first - 1
end
process.lua_command = arg[first]
process.interpreter = os.getenv("CURLSOCK_LUA") or process.lua_command

-- The version of that Lua: "5.4".
process.version = _VERSION:match("%d+%.%d+")

-- How many times longer everything may take: valgrind, for one, is slow.
process.patience = tonumber(os.getenv("CURLSOCK_PATIENCE") or 1)

-- Words for the shell that run this Lua with the same modules. The names with version are
-- those that are read first.
function process.lua(env)
  local suffix = process.version:gsub("%.", "_")
  local words = {
    "env",
    process.quote("LUA_PATH_" .. suffix .. "=" .. package.path),
    process.quote("LUA_CPATH_" .. suffix .. "=" .. package.cpath),
  }
  for name, value in pairs(env or {}) do
    words[#words + 1] = process.quote(name .. "=" .. value)
  end
  words[#words + 1] = process.quote(process.interpreter)
  return table.concat(words, " ")
end

-- Whether the process runs: neither gone nor waiting for its parent to notice its end.
function process.runs(pid)
  local stat = process.read(("/proc/%d/stat"):format(pid))
  return stat ~= nil and not stat:match("%) ([^()]*)$"):match("^[ZX]")
end

return process
