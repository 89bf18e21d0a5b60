-- Runs the program of a seed in a process and a temporary folder of its own. Its servers are there
-- already (servers.py), as is the network namespace.

local process = require "spec.support.process"

local machine = {}

-- Words for the shell that run one.lua for each seed from first to last beside servers.
function machine.command(first, step, last, stop, more)
  return ("%s spec/chaos/servers.py %d %d %d %d %s spec/chaos/one.lua %s"):format(
    os.getenv "CHAOS_PYTHON" or "python3", first, step, last, stop,
    process.quote(process.lua_command), more or "")
end

machine.rounds = 80
-- Seconds: a program needs 5 to 20, on a busy machine more, and most to tell of leaks.
local limit = tonumber(os.getenv "CHAOS_LIMIT") or 300

local function folder()
  return assert(process.output 'mktemp -d "${TMPDIR:-/tmp}/chaos.XXXXXX"')
end

-- Of an absolute path: the program changes to its folder.
local function here(path)
  return path:find "^/" and path or process.output "pwd" .. "/" .. path
end

local function environment(dir)
  local env = {
    CHAOS_FOLDER = dir, HOME = dir, CHAOS_NAMES = here(assert(os.getenv "CHAOS_NAMES")),
    CHAOS_CERT = here(assert(os.getenv "CHAOS_CERT")), CHAOS_KEY = here(os.getenv "CHAOS_KEY"),
    CHAOS_LOG = dir .. "/log",
  }
  local words = { "env" }
  for name, value in pairs(env) do
    words[#words + 1] = process.quote(name .. "=" .. value)
  end
  return table.concat(words, " ")
end

local function absolute_paths()
  local root = process.output "pwd"
  package.path = package.path:gsub("%./", root .. "/")
  local build = here(os.getenv "CURLSOCK_BUILD" or "build")
  package.cpath = build .. "/?.so;" .. package.cpath
end

local prepared

local function command(seed, dir, only)
  if not prepared then absolute_paths() end
  prepared = true
  return table.concat({
    environment(dir), "timeout -s ABRT -k 30", limit * process.patience, process.lua(),
    "spec/chaos/program.lua", seed, machine.rounds, only or "",
    "</dev/null >" .. dir .. "/out 2>&1",
  }, " ")
end

-- What a program that came to its end has counted.
function machine.counts(text)
  return text:match "counts: [^\n]*" .. ";" .. text:match "protocols: [^\n]*"
end

-- The calls that the program made last.
local function last_calls(dir)
  return "\nthe last calls:\n" .. process.output("tail -n 30 " .. dir .. "/log | cut -c 1-200")
end

-- The file that keeps what there is to say of a failure.
local function kept(seed, ending)
  return ("%s/chaos-%d.%s"):format(os.getenv "CHAOS_REPORTS", seed, ending)
end

function machine.keep(seed, why)
  local name = kept(seed, "txt")
  process.write(name, why)
  return name
end

-- Why the program fails, or nil and what it counted. only: its rounds, if not all; log: where to
-- all its calls go when it fails, as it may not do again.
function machine.run(seed, only, log)
  local dir = folder()
  local ok, how, code = os.execute(command(seed, dir, only))
  local text, last = process.read(dir .. "/out") or "", last_calls(dir)
  if not ok then process.write(log or kept(seed, "log"), process.read(dir .. "/log") or "") end
  os.execute("rm -rf " .. dir)
  if ok then return nil, machine.counts(text) end
  return ("it ended with %s %d%s\n%s%s"):format(how, code, code == 124 and " (it hangs)" or "",
    text, last)
end

-- The first function of libcurl's, or else of curlsock's, that a sanitizer names.
local function place_of(why)
  local text = why:match "ERROR: .*" or ""
  return text:match "#%d+ 0x%x+ in (Curl_[%w_]+)" or text:match "#%d+ 0x%x+ in (cs_[%w_]+)"
end

local signs = {
  "failed: ([^\n]*)", "ERROR: (%w+: [%w%-]+)", "runtime error: ([^\n]*)",
  "assertion failed: [^\n]*", "^[^\n]*",
}

-- What kind of failure it is: the line that says it, without numbers and names of files.
function machine.kind(why)
  for _, sign in ipairs(signs) do
    local line = why:match(sign)
    if line and sign:find "ERROR" then
      return line .. " in " .. (place_of(why) or "no place known")
    elseif line then
      return (line:gsub("/%S+", "a file"):gsub("%[?%d+%]?", "N"):sub(1, 100))
    end
  end
end

return machine
