-- Reads what there is in libcurl from its sources: functions, options, informations. Prints what
-- scripts/libcurl_names.txt is, from which docs/coverage.md is made.
--
--   lua5.4 scripts/libcurl_names.lua SOURCES >scripts/libcurl_names.txt

local sources = arg[1]

local function read(path)
  local file = assert(io.open(sources .. "/" .. path))
  local text = file:read("a")
  file:close()
  return text
end

-- Symbols with the version that brought them, the one that deprecated them, the last one.
local function read_symbols()
  local symbols = {}
  for line in read("docs/libcurl/symbols-in-versions"):gmatch("[^\n]+") do
    local name, since, deprecated, last = line:match("^(CURL[%w_]+)%s+([%d.]+)%s*(%S*)%s*(%S*)")
    if name then
      symbols[name] = { since = since, last = last ~= "" and last,
        deprecated = deprecated:find("%d") and deprecated }
    end
  end
  return symbols
end

-- kind, name, type ("-" if there is none), since, and "deprecated" with the version.
local lines = {}
local function add(kind, name, type, since, deprecated)
  lines[#lines + 1] = table.concat({
    kind, name, type, since, deprecated and "deprecated " .. deprecated or nil,
  }, " ")
end

local headers = { "curl", "easy", "header", "mprintf", "multi", "options", "urlapi", "websockets" }

-- The version that the manual page of a function tells.
local function added_in(name)
  local page = io.open(("%s/docs/libcurl/%s.md"):format(sources, name))
  if not page then return "7.1" end
  local version = page:read("a"):match("\nAdded%-in: ([%d.]+)")
  page:close()
  return version
end

local function add_functions()
  local seen = {}
  for _, header in ipairs(headers) do
    local text = read(("include/curl/%s.h"):format(header)):gsub("/%*.-%*/", "")
    for declaration in text:gmatch("CURL_EXTERN([^;{]*);") do
      local deprecated = declaration:match("CURL_DEPRECATED%(([%d.]+)")
      -- nil where CURL_EXTERN is defined
      local name = declaration:gsub("CURL_DEPRECATED%b()", ""):match("(curl_[%w_]+)%(")
      if name and not seen[name] then
        add("function", name, "-", added_in(name), deprecated)
        seen[name] = true
      end
    end
  end
end

local function add_options(symbols)
  local pattern = '{ "([%u%d_]+)", CURLOPT_[%u%d_]+, CURLOT_(%u+)'
  for name, type in read("lib/easyoptions.c"):gsub("%s+", " "):gmatch(pattern) do
    local symbol = symbols["CURLOPT_" .. name]
    add("option", name:lower(), type:lower(), symbol.since, symbol.deprecated)
  end
end

local function add_infos(symbols)
  local text = read("include/curl/curl.h"):match("CURLINFO_NONE,.-CURLINFO_LASTONE")
  text = text:gsub("CURL_DEPRECATED%b()", "")
  for name, type in text:gmatch("CURLINFO_([%u%d_]+)%s*=%s*CURLINFO_(%u+_?T?)%s*%+") do
    local symbol = symbols["CURLINFO_" .. name]
    add("info", name:lower(), type:lower(), symbol.since, symbol.deprecated)
  end
end

local function add_by_prefix(kind, prefix, symbols)
  for name, symbol in pairs(symbols) do
    local rest = name:match("^" .. prefix .. "([%u%d_]+)$")
    if rest and rest ~= "NONE" and not symbol.last then
      add(kind, rest:lower(), "-", symbol.since, symbol.deprecated)
    end
  end
end

local symbols = read_symbols()
add_functions()
add_options(symbols)
add_infos(symbols)
add_by_prefix("multi", "CURLMOPT_", symbols)
add_by_prefix("share", "CURLSHOPT_", symbols)
add_by_prefix("lock", "CURL_LOCK_DATA_", symbols)
table.sort(lines)
print("version " .. read("include/curl/curlver.h"):match('LIBCURL_VERSION "([%d.]+)'))
print(table.concat(lines, "\n"))
