-- The options and informations that there are, and what they take: asked of the module, or, where
-- the libcurl at hand is older than the one that was asked last, as options.txt has them.
local curl = require "curlsock"

local options = {}

--- What the newest has answered.
options.FILE = "scripts/reference/options.txt"

-- ---- asking the module -------------------------------------------------------------------------

local function complaint(object, name, value)
  local ok, message = pcall(object.setopt, object, name, value)
  return ok and "" or tostring(message)
end

-- The names that its values have, in one text.
local function choices(object, name)
  local text = complaint(object, name, "\1"):match("%(choices: (.-)%)")
  return text and text:gsub(", ", " ") or nil
end

-- An option of the object, or nil if it cannot be set.
local function ask(object, kind, name)
  local text = complaint(object, name, coroutine.create(print))
  local expects = text:match("^option '.-': (.-) expected, got thread$")
  return expects and { kind = kind, name = name, expects = expects }
end

local function ask_easy(list)
  local easy, url = curl.easy(), assert(curl.url("http://localhost/"))
  for name, type, alias in curl.options() do
    local option = ask(easy, "option", name)
    if option then
      option.alias = alias
      option.choices = option.expects:find("name") and choices(easy, name)
      if type == "blob" then option.expects = "bytes of a file" end
      local takes_url = option.expects == "string" and complaint(easy, name, url) == ""
      if takes_url then option.expects = "string or Url" end
      list[#list + 1] = option
    end
  end
  easy:close()
end

-- libcurl does not describe those of a multi.
local function ask_multi(list)
  local multi = curl.multi()
  for line in io.lines("scripts/libcurl_names.txt") do
    local name = line:match("^multi (%S+)")
    list[#list + 1] = name and ask(multi, "multi", name)
  end
  multi:close()
end

local function ask_infos(list)
  local easy = curl.easy()
  for name, type in curl.infos() do
    if pcall(easy.getinfo, easy, name) then
      list[#list + 1] = { kind = "info", name = name, expects = type }
    end
  end
  easy:close()
end

--- What the module answers: a list of { kind, name, expects, alias, choices }.
function options.ask()
  local list = {}
  ask_easy(list)
  ask_multi(list)
  ask_infos(list)
  table.sort(list, function(a, b)
    if a.kind ~= b.kind then return a.kind < b.kind end
    return a.name < b.name
  end)
  return list
end

-- ---- the file ----------------------------------------------------------------------------------

local fields = { "kind", "name", "expects", "alias", "choices" }

--- What the file has: its list, and the version of libcurl that was asked.
function options.read()
  local list, lines = {}, io.lines(options.FILE)
  local version = lines():match("^version (%S+)")
  for line in lines do
    local entry, i = {}, 0
    for text in line:gmatch("[^\t]+") do
      i = i + 1
      entry[fields[i]] = text ~= "-" and text or nil
    end
    list[#list + 1] = entry
  end
  return list, version
end

--- The text of the file with this list.
function options.text(list, version)
  local lines = { "version " .. version }
  for i, entry in ipairs(list) do
    local texts = {}
    for k, field in ipairs(fields) do texts[k] = entry[field] or "-" end
    lines[i + 1] = table.concat(texts, "\t")
  end
  return table.concat(lines, "\n") .. "\n"
end

--- "8.23.0" as a number that can be compared.
function options.number(version)
  local a, b, c = version:match("^(%d+)%.(%d+)%.?(%d*)")
  return tonumber(a) << 16 | tonumber(b) << 8 | (tonumber(c) or 0)
end

-- ---- since when --------------------------------------------------------------------------------

local function note_versions(list)
  local versions = {}
  for line in io.lines("scripts/libcurl_names.txt") do
    local key, since = line:match("^(%S+ %S+) %S+ (%S+)")
    if key then versions[key] = { since, line:match(" deprecated (%S+)$") } end
  end
  for _, entry in ipairs(list) do
    local version = versions[entry.kind .. " " .. entry.name] or {}
    entry.since, entry.deprecated = version[1], version[2]
  end
end

--- What the newest libcurl has, of the file and the one at hand: the list, and its version.
function options.newest()
  local list, version = options.read()
  if curl.version_info().version_num < options.number(version) then return list, version end
  return options.ask(), curl.version_info().version
end

--- The list by kind ("option", "multi", "info"), with fields since and deprecated.
function options.by_kind(list)
  note_versions(list)
  local by_kind = { option = {}, multi = {}, info = {} }
  for _, entry in ipairs(list) do table.insert(by_kind[entry.kind], entry) end
  return by_kind
end

-- ---- in words ----------------------------------------------------------------------------------

-- Units of numbers whose names end so, or are so; the first that matches.
local units = {
  { "_ms$", "milliseconds" }, { "_time_t$", "microseconds" },
  { "^dns_cache_timeout$", "seconds; -1: for ever" },
  { "^ca_cache_timeout$", "seconds; -1: for ever" },
  { "timeout$", "seconds, also fractions" },
  { "^low_speed_time$", "seconds" }, { "_conn$", "seconds" }, { "^tcp_keepid", "seconds" },
  { "^tcp_keepint", "seconds" }, { "^retry_after$", "seconds" },
  { "^timevalue", "seconds since 1970" }, { "^filetime", "seconds since 1970" },
  { "^low_speed_limit$", "bytes a second" }, { "speed_", "bytes a second" },
  { "size", "bytes" }, { "^content_length", "bytes" }, { "^resume_from", "bytes" },
  { "^earlydata_sent", "bytes" }, { "_perms$", "permissions of a file" }, { "_time$", "seconds" },
}

local function unit_of(name)
  for _, unit in ipairs(units) do
    if name:find(unit[1]) then return unit[2] end
  end
end

local words = {
  ["integer or boolean"] = "flag", ["string or table"] = "string, or table of names (a form)",
}

local special = {
  connect_only = "flag; 2: for WebSocket",
  http_version = "name or nil", protocol = "name or nil", httpauth_avail = "list of names",
  httpauth_used = "list of names", proxyauth_avail = "list of names",
  proxyauth_used = "list of names", certinfo = "list of tables", lastsocket = "descriptor or nil",
}

local info_words = {
  string = "string or nil", long = "integer", double = "number", off_t = "integer",
  slist = "list of strings", socket = "descriptor or nil",
}

--- What an option takes, or what an information is: "seconds, also fractions".
function options.takes(entry)
  local is_info = entry.kind == "info"
  local text = is_info and info_words[entry.expects] or entry.expects:gsub(" from .-%f[,%z]", "")
  if special[entry.name] and (is_info or entry.name == "connect_only") then
    return special[entry.name]
  end
  local is_number = text == "integer" or text == "number"
  return words[text] or is_number and unit_of(entry.name) or text
end

--- "0 to 65535"; nil where there is no limit.
function options.range(option)
  local least, most = option.expects:match("from (%-?%d+) to (%d+)")
  if least then return ("%s to %s"):format(least, most) end
  least = option.expects:match("from (%-?%d+)")
  return least and least .. " and more"
end

--- "7.1, deprecated 7.85.0".
function options.since(entry)
  local text = entry.since or ""
  return entry.deprecated and ("%s, deprecated %s"):format(text, entry.deprecated) or text
end

local prefixes = { option = "CURLOPT_", multi = "CURLMOPT_", info = "CURLINFO_" }

--- libcurl's page.
function options.link(entry)
  local name = (entry.alias or entry.name):upper()
  return ("https://curl.se/libcurl/c/%s%s.html"):format(prefixes[entry.kind], name)
end

return options
