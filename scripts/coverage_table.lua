-- Prints docs/coverage.md: each function, option and information of the newest libcurl, whether it
-- is here, and since when libcurl has it. What is here is asked of the module; an option that the
-- libcurl at hand is too old for is judged by its type.
--
--   LUA_PATH=... lua5.4 scripts/coverage_table.lua [NAMES] >docs/coverage.md
--
-- Fails, and names it, when something is neither here nor refused with a reason.

local curl = require "curlsock"
local here = dofile "scripts/libcurl_here.lua"

local easy, multi, share = curl.easy(), curl.multi(), curl.share()
local objects = { easy = easy, multi = multi, share = share, url = curl.url() }

-- ---- asking the module -------------------------------------------------------------------

-- What the call throws.
local function complaint(call, ...)
  local ok, message = pcall(call, ...)
  return ok and "" or tostring(message)
end

local described = {}
for name in curl.options() do described[name] = true end

-- The types whose options are set by their type alone.
local set_by_type = { long = true, values = true, off_t = true, string = true, slist = true,
  blob = true }

local function has_option(name, type)
  if not described[name] then return set_by_type[type] or false end
  return not complaint(easy.setopt, easy, name, coroutine.create(print)):find("cannot be set")
end

local function has_info(name)
  local message = complaint(easy.getinfo, easy, name)
  return not message:find("unknown information") and not message:find("cannot be read")
end

local function has_multi(name)
  return not complaint(multi.setopt, multi, name, {}):find("unknown multi option")
end

local function has_share(name)
  return not complaint(share.setopt, share, name, {}):find("unknown")
end

local function has_lock(name)
  return complaint(curl.share, { share = name }) == ""
end

local function has_method(class, name)
  local index = debug.getmetatable(objects[class]).__index
  return index[name] ~= nil
end

-- "easy:send, easy:recv", "curl.url", "option mimepost", "(by itself)".
local function has_all(names)
  if names:find("^%(") then return true end
  for name in names:gmatch("[^,]+") do
    local class, method = name:match("(%a+):([%w_]+)")
    local option, of_module = name:match("option (%S+)"), name:match("curl%.([%w_]+)")
    local found = class and has_method(class, method) or option and has_option(option)
      or of_module and curl[of_module]
    if not found then return false end
  end
  return true
end

local asks = { option = has_option, info = has_info, multi = has_multi, share = has_share,
  lock = has_lock }

-- ---- judging -----------------------------------------------------------------------------

-- Why an entry that is not here is not; nil if nobody knows.
local function reason(entry)
  if here.refused[entry.key] then return here.refused[entry.key] end
  if entry.deprecated then return "libcurl deprecates it since " .. entry.deprecated end
  if entry.type == "cbptr" then return "a Lua function is a closure" end
end

-- What stands for it here; nil if nothing does.
local function found(entry)
  local names = here.functions[entry.name]
  local ask = asks[entry.kind]
  if ask then return ask(entry.name, entry.type) and "yes" end
  if not names or not has_all(names) then return nil end
  return names:find("^%(") and names or "`" .. names:gsub(", ", "`, `") .. "`"
end

local awaited = {}
for _, key in ipairs(here.awaited) do awaited[key] = true end

-- What stands in the table, and what is wrong with it.
local function judge(entry)
  local answer, why, from = found(entry), reason(entry), here.from[entry.key]
  if answer then return answer .. (from and ", with libcurl " .. from .. " or newer" or "") end
  if why then return "no: " .. why end
  return "not yet", not awaited[entry.key] and "is missing"
end

-- ---- the table ---------------------------------------------------------------------------

local titles = {
  { "function", "Functions" },
  { "option", "Options of an easy" },
  { "info", "Informations of an easy" },
  { "multi", "Options of a multi" },
  { "share", "Options of a share" },
  { "lock", "What a share shares" },
}

local rows, problems = {}, {}
for _, title in ipairs(titles) do rows[title[1]] = {} end

local function read_entry(line)
  local entry = { deprecated = line:match(" deprecated (%S+)$") }
  entry.kind, entry.name, entry.type, entry.since = line:match("^(%S+) (%S+) (%S+) (%S+)")
  entry.key = entry.kind .. " " .. entry.name
  return entry
end

local function add_row(entry)
  local answer, problem = judge(entry)
  if problem then problems[#problems + 1] = entry.key .. " " .. problem end
  table.insert(rows[entry.kind], ("| `%s` | %s | %s |"):format(entry.name, answer, entry.since))
end

local lines = io.lines(arg[1] or "scripts/libcurl_names.txt")
local newest = lines():match("^version (%S+)")
for line in lines do add_row(read_entry(line)) end

print("# What of libcurl is here\n")
print(("All that libcurl %s has. This page is made by scripts/coverage_table.lua, which asks the\n"
  .. "module; spec/76-coverage_spec.lua compares it with that, and with the libcurl at hand.")
  :format(newest))
for _, title in ipairs(titles) do
  print(("\n## %s\n\n| libcurl | here | since |\n| --- | --- | --- |"):format(title[2]))
  print(table.concat(rows[title[1]], "\n"))
end

for _, object in ipairs { easy, multi, share } do object:close() end
for _, problem in ipairs(problems) do io.stderr:write(problem, "\n") end
os.exit(#problems == 0, true)
