-- docs/reference.md and the folder library are what the comments and the module say, and say it of
-- all that there is; every piece of Lua in README.md and docs is Lua, and runs.

local curl = require "curlsock"
local described = require "spec.support.described"
local library = require "scripts.reference.library"
local options = require "scripts.reference.options"
local page = require "scripts.reference.page"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local types = require "scripts.reference.types"

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

-- Names that one set has and the other has not.
local function differences(said, found)
  local wrong = {}
  for _, name in ipairs(surface.sorted(found)) do
    if not said[name] then wrong[#wrong + 1] = name .. " is not described" end
  end
  for _, name in ipairs(surface.sorted(said)) do
    if not found[name] then wrong[#wrong + 1] = name .. " is described, and not there" end
  end
  return wrong
end

-- ---- the files ---------------------------------------------------------------------------------

describe("The reference and the library", function()
  local files = library.write(described.model())
  files[page.FILE] = page.write(described.model())

  for path, text in pairs(files) do
    it("are as make doc writes them: " .. path, function()
      assert.truthy(text == process.read(path), path .. " is old: make doc")
    end)
  end

  it("has no file that nothing writes", function()
    for path in process.output("find library -name '*.lua'"):gmatch("[^\n]+") do
      assert.truthy(files[path], path)
    end
  end)

  it("is a library that Lua reads", function()
    for path, text in pairs(files) do
      if path:find("%.lua$") then assert(load(text, "=" .. path, "t")) end
    end
  end)

  -- Lines of a type alone: what is left of their brackets.
  local function open_brackets(line)
    if not line:find("^%-%-%-@[paro]") then return nil end
    local text = line:gsub('"[^"]*"', "")
    repeat
      local count
      text, count = text:gsub("[%(%[{<][^%(%)%[%]{}<>]*[%)%]}>]", "")
    until count == 0
    return text:find("[%(%)%[%]{}<>]")
  end

  it("is a library that names the classes which it has, and closes its brackets", function()
    local defined, used = {}, {}
    for path, text in pairs(files) do
      for line in text:gmatch("%-%-%-@[^\n]+") do
        local class = line:match("^%-%-%-@class (curlsock%.[%w_]+)")
          or line:match("^%-%-%-@alias (curlsock%.[%w_]+)")
        if class then defined[class] = true end
        for name in line:gmatch("curlsock%.%u%w+") do used[name] = path end
        assert.is_nil(open_brackets(line), line)
      end
    end
    assert.truthy(open_brackets("---@return fun(x: (string)") and open_brackets("---@param x a["))
    for name, path in pairs(used) do assert.truthy(defined[name], path .. ": " .. name) end
    assert.truthy(defined["curlsock.Easy"] and used["curlsock.EasyOptions"])
  end)

  it("has no link that leads nowhere", function()
    local headings = {}
    local text = files[page.FILE]
    for heading in text:gmatch("\n##+ ([^\n]+)") do
      headings[heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-")] = true
    end
    local count = 0
    for anchor in text:gmatch("%]%(#([^)]+)%)") do
      count = count + 1
      assert.truthy(headings[anchor:gsub("%-%d$", "")] or headings[anchor], anchor)
    end
    assert.truthy(count > 300, count)
  end)
end)

-- ---- the options -------------------------------------------------------------------------------

-- Without names, which an older libcurl has fewer of: "integer or boolean" of "integer, boolean or
-- name".
local function without_names(expects)
  return (expects:gsub(" or list of names", ""):gsub(" or name", ""):gsub(", name", "")
    :gsub(", boolean", " or boolean"))
end

local function has_choices(more, fewer)
  local known = {}
  for choice in (more or ""):gmatch("%S+") do known[choice] = true end
  for choice in (fewer or ""):gmatch("%S+") do assert.truthy(known[choice], choice) end
end

-- All that the older of two lists has, the newer one has, too; what is more is newer.
local function compare(older, newer, version)
  local by_name = {}
  for _, entry in ipairs(older) do by_name[entry.kind .. " " .. entry.name] = entry end
  for _, entry in ipairs(newer) do
    local name = entry.kind .. " " .. entry.name
    local old = by_name[name]
    by_name[name] = nil
    if old then
      assert.equal(without_names(entry.expects), without_names(old.expects), name)
      assert.equal(entry.alias, old.alias or entry.alias, name) -- it may have got a new name
      has_choices(entry.choices, old.choices)
    else
      assert.truthy(entry.since and options.number(entry.since) > version, name .. " is missing")
    end
  end
  assert.same({}, surface.sorted(by_name))
end

describe("The options of the reference", function()
  local list, version = options.read()
  local here, there = curl.version_info().version_num, options.number(version)
  local asked = options.ask()
  options.by_kind(list)
  options.by_kind(asked)

  it("are those that the module takes, but for what another libcurl has", function()
    assert.truthy(#list > 350, #list)
    if here == there then
      assert.equal(process.read(options.FILE), options.text(asked, version))
    elseif here < there then
      compare(asked, list, here)
    else
      compare(list, asked, there)
    end
  end)

  it("has a type for each", function()
    for kind, entries in pairs(options.by_kind(list)) do
      for _, entry in ipairs(entries) do
        local name = entry.kind .. " " .. entry.name
        local is_info = kind == "info"
        local type = is_info and types.info(entry, options.takes(entry)) or types.option(entry)
        assert.truthy(type ~= "" and not type:find("NAMES"), name)
        assert.truthy(entry.since, name)
      end
    end
  end)

  it("takes the names that it has", function()
    local easy, count = curl.easy(), 0
    for _, entry in ipairs(asked) do
      for choice in (entry.kind == "option" and entry.choices or ""):gmatch("%S+") do
        count = count + 1
        local ok, message = pcall(easy.setopt, easy, entry.name, choice)
        assert.truthy(ok, message)
      end
    end
    easy:close()
    assert.truthy(count > 150, count)
  end)
end)

-- ---- the names ---------------------------------------------------------------------------------

-- The short names of what begins with the prefix: of functions, or of fields.
local function said(prefix, sign, fields)
  local set = {}
  for _, block in pairs(described.model().by_name) do
    for _, signature in ipairs(block.signatures) do
      local begins = signature.class == prefix
        and signature.name:sub(#prefix + 1, #prefix + 1) == sign
      local is_field = signature.args == nil
      if begins and is_field == (fields or false) then set[signature.short] = true end
    end
  end
  return set
end

-- The first column of the tables of a comment that are of the class.
local function rows_of(name, class)
  local set, n = {}, 0
  for _, item in ipairs(described.block(name).items) do
    if item.kind == "table" then
      n = n + 1
      for _, row in ipairs(types.tables[name][n] == class and item.rows or {}) do
        for field in row[1]:gsub("%b()", ""):gmatch("[%w_]+") do set[field] = true end
      end
    end
  end
  return set
end

local function functions_of(t)
  local set = {}
  for name, value in pairs(t) do
    if type(value) == "function" and not name:find("^__") then set[name] = true end
  end
  return set
end

-- The upvalue of that name, of the function or of one that it calls.
local function upvalue(f, name, depth)
  for i = 1, math.huge do
    local found, value = debug.getupvalue(f, i)
    if not found then return nil end
    if found == name then return value end
    local deeper = type(value) == "function" and (depth or 4) > 0
      and upvalue(value, name, (depth or 4) - 1)
    if deeper then return deeper end
  end
end

-- What a script finds besides what is for it.
local inner = {
  Task = { "check", "lose", "run", "stopped" },
  Group = { "begun", "ended" },
  Stream = { "ending", "failed", "taken", "wait" },
  WebSocket = { "wait" },
  Rules = { "ask_all", "ask_url", "refuse" },
}

local function without_inner(class, set)
  for _, name in ipairs(inner[class] or {}) do
    assert.is_true(set[name], class .. " has no " .. name)
    set[name] = nil
  end
  return set
end

describe("The reference describes", function()
  it("all that a comment and a section name, and says what it returns", function()
    assert.same({}, described.model().problems)
  end)

  it("all functions of the module, and no other", function()
    assert.same({}, differences(said("curl", "."), functions_of(curl)))
    assert.same({ PAUSE = true }, said("curl", ".", true))
  end)

  local objects = {
    easy = curl.easy, multi = curl.multi, share = curl.share, url = curl.url,
    socket = curl.socket, networks = function() return curl.networks {} end,
    address = function() return curl.address "127.0.0.1" end,
  }
  local aliases = { socket = { "getfd", "pollfd", "fileno" } }

  for class, new in pairs(objects) do
    it("all methods of class " .. class .. ", and no other", function()
      local object = new()
      local found = functions_of(surface.methods_of(object))
      for _, alias in ipairs(aliases[class] or {}) do
        local text = described.block("socket:fd").items[1].text
        assert.truthy(found[alias] and text:find(alias), alias)
        found[alias] = nil
      end
      local names = said(class, ":")
      if names.close then object:close() end
      assert.same({}, differences(names, found))
    end)
  end

  -- The names in a C table of that file.
  local function names_of_c(path, name)
    local text, set = process.read(path):match(name .. "%[%] = {(.-)};"), {}
    for word in text:gmatch('{"([%w_]+)"') do set[word] = true end
    return set
  end

  local function fields_of_c(path)
    return names_of_c(path, "fields")
  end

  it("all fields of addresses, parts and policies, and no other", function()
    assert.same({}, differences(said("address", ".", true), fields_of_c("csrc/net/address.c")))
    assert.same({}, differences(rows_of("mimepost", "Part"),
      fields_of_c("csrc/curl/description.c")))
    assert.same({}, differences(rows_of("curl.policy", "PolicyFields"),
      fields_of_c("csrc/curl/policy.c")))
  end)

  it("all words of URLs, shares and headers, and no other", function()
    local text = library.write(described.model())["library/curlsock.lua"]
    for alias, place in pairs {
      UrlPart = { "csrc/curl/urlword.c", "cs_urlparts" },
      UrlFlag = { "csrc/curl/urlword.c", "flags" },
      ShareKind = { "csrc/curl/share.c", "kinds" },
      HeaderOrigin = { "csrc/curl/header.c", "origins" },
    } do
      local names = {}
      local line = text:match("%-%-%-@alias curlsock%." .. alias .. " ([^\n]+)")
      for name in line:gmatch('"([^"]+)"') do names[name] = true end
      assert.same({}, differences(names, names_of_c(table.unpack(place))))
    end
  end)

  it("all methods and fields of a Policy, and no other", function()
    local source, found = process.read("csrc/curl/policy.c"), {}
    local text = source:match("\nstatic int policy__index.-\n}")
    for name in text:gmatch('strcmp%(key, "(%w+)"%)') do found[name] = true end
    local names = said("policy", ":")
    for name in pairs(said("policy", ".", true)) do names[name] = true end
    assert.same({}, differences(names, found))
  end)

  it("all callbacks, and no other", function()
    local found, names = set_of(surface.rare_callbacks), {}
    for _, name in ipairs(surface.names()) do found[name] = true end
    for _, name in ipairs(surface.multi_callbacks) do found[name] = true end
    for _, section in ipairs(described.model().sections) do
      for _, name in ipairs(section.callbacks and section or {}) do
        for _, signature in ipairs(described.block(name).signatures) do
          names[signature.name] = true
        end
      end
    end
    assert.same({}, differences(names, found))
  end)

  it("all methods of loops, tasks, groups, streams and WebSockets, and no other", function()
    local loop <close> = require("curlsock.loop").new()
    local found = functions_of(getmetatable(loop))
    found.select = true -- of curlsock.select
    assert.same({}, differences(said("loop", ":"), found))
    local group = loop:group()
    local stream = assert(loop:stream { url = servers.nginx().url .. "/hello" })
    local classes = {
      { "task", "Task", loop:spawn(print) }, { "group", "Group", group },
      { "stream", "Stream", stream },
    }
    for _, class in ipairs(classes) do
      local methods = functions_of(getmetatable(class[3]))
      assert.same({}, differences(said(class[1], ":"), without_inner(class[2], methods)))
    end
    local methods = functions_of(upvalue(getmetatable(loop).websocket, "WebSocket"))
    assert.same({}, differences(said("ws", ":"), without_inner("WebSocket", methods)))
    for _, name in ipairs { "hooks", "multi", "active", "spawned" } do
      assert.truthy(loop[name] and said("loop", ".", true)[name], name)
    end
    stream:close()
  end)

  it("the loops", function()
    for _, name in ipairs { "loop", "luv", "cqueues", "select", "driver" } do
      local there = package.searchpath("curlsock." .. name, package.path)
      assert.truthy(there and process.read(there):find("\nreturn { new = new }\n"), name)
      assert.same({ new = true }, said("curlsock." .. name, "."))
    end
  end)

  it("all policies, and no other", function()
    local found = { compose = true }
    for name in pairs(upvalue(getmetatable(policy).__index, "ready")) do found[name] = true end
    assert.same({}, differences(said("policy", "."), found))
    assert.same({ serve = true }, said("policy.broker", "."))
    assert.is_function(policy.broker.serve)
    assert.same({ reason = true }, said("guard", "."))
    assert.is_function(policy.guard.reason)
  end)

  local rules = policy.compose {}
  local stream, websocket = require("curlsock.driver.stream").new,
    require("curlsock.driver.websocket").new
  local tables = {
    { "policy.bind", "BindOptions", policy.bind, "known" },
    { "policy.broker", "BrokerOptions", getmetatable(policy.broker).__call, "known" },
    { "policy.compose", "PolicyPart", policy.compose, "kinds" },
    { "policy.fault", "Faults", policy.fault, "known" },
    { "policy.fault", "FaultConditions", policy.fault, "conditions" },
    { "policy.guard", "GuardOptions", getmetatable(policy.guard).__call, "known" },
    { "policy.limit", "LimitOptions", policy.limit, "known" },
    { "policy.transport", "TransportOptions", policy.transport, "known" },
    { "fetch", "FetchOptions", require "curlsock.fetch", "KNOWN" },
    { "loop:stream", "StreamOptions", stream, "KNOWN" },
    { "loop:websocket", "WebSocketOptions", websocket, "KNOWN" },
  }
  for _, entry in ipairs(tables) do
    it(("all options of %s (%s), and no other"):format(entry[1], entry[4]), function()
      local known = upvalue(entry[3], entry[4])
      assert.is_table(known)
      assert.same({}, differences(rows_of(entry[1], entry[2]), known))
    end)
  end

  it("all that rules have, and no other", function()
    local methods = without_inner("Rules", functions_of(getmetatable(rules)))
    assert.same({}, differences(said("rules", ":"), methods))
    assert.truthy(rules.policy and said("rules", ".", true).policy)
  end)

  it("all that a recording has, and no other", function()
    assert.same({ record = true }, functions_of(require "curlsock.trace"))
    assert.same({ record = true }, said("curlsock.trace", "."))
    local recording = require("curlsock.trace").record()
    recording:stop()
    assert.same({}, differences(said("recording", ":"), functions_of(getmetatable(recording))))
    for name in pairs(said("recording", ".", true)) do assert.is_table(recording[name]) end
  end)

  it("all that a response, a trace and version_info have, and no other", function()
    local events, keys = {}, {}
    curl.trace(function(event)
      events[event.event] = true
      for key in pairs(event) do keys[key] = true end
    end)
    local response = assert(require "curlsock.fetch"(servers.nginx().url .. "/hello"))
    curl.trace(nil)
    assert.same({}, differences(rows_of("fetch", "Response"), response))
    for key in pairs(keys) do assert.truthy(rows_of("curl.trace", "TraceEvent")[key], key) end
    local named = rows_of("curl.trace", false)
    for event in pairs(events) do assert.truthy(named[event], event) end
    assert.truthy(events.start and events.done)
    for key in pairs(curl.version_info()) do
      assert.truthy(rows_of("curl.version_info", "VersionInfo")[key], key)
    end
  end)

  it("in the library all that is in the page", function()
    local all = {}
    for path, text in pairs(library.write(described.model())) do all[#all + 1] = path .. text end
    local text, count = table.concat(all), 0
    for name, block in pairs(described.model().by_name) do
      local signature = block.signatures[1]
      for _, other in ipairs(block.signatures) do
        if other.name == name then signature = other end
      end
      if signature.args and signature.class then
        count = count + 1
        assert.truthy(text:find("[:.]" .. signature.short .. "%("), name)
      end
    end
    for _, entry in ipairs(described.model().option) do
      assert.truthy(text:find("---@field " .. entry.name .. "? ", 1, true), entry.name)
    end
    assert.truthy(count > 150, count)
  end)
end)

-- ---- what callbacks return ---------------------------------------------------------------------

describe("What a callback must return", function()
  -- The texts that say it, in csrc.
  local function said_in_csrc()
    local found = {}
    for path in process.output("find csrc/curl -name '*.c'"):gmatch("[^\n]+") do
      local text = process.read(path):gsub('"%s*\n%s*"', ""):gsub('\\"', "\1")
      for expected in text:gmatch('"([^"]* and a reason)"') do
        found[expected:gsub("\1", '"')] = path
      end
    end
    return found
  end

  it("is the same in the reference and in the errors", function()
    local texts, count = {}, 0
    for _, name in ipairs(surface.names()) do texts[described.must_return(name)] = true end
    for _, name in ipairs(surface.rare_callbacks) do texts[described.must_return(name)] = true end
    -- The functions of a part answer as readfunction and seekfunction do.
    texts["a string, nil, curl.PAUSE, or false and a reason"] = true
    for text, path in pairs(said_in_csrc()) do
      count = count + 1
      assert.truthy(texts[text], path .. ": " .. text)
    end
    assert.truthy(count >= 11, count)
  end)
end)

-- ---- the pieces of Lua -------------------------------------------------------------------------

-- Those of cookbook, manual and coming-from are run by specs of their own.
local function pages()
  local list = { "README.md" }
  for path in process.output("find docs -name '*.md'"):gmatch("[^\n]+") do
    list[#list + 1] = path
  end
  return list
end

local elsewhere = { "docs/cookbook.md", "docs/coming%-from.md", "docs/manual/" }

local function is_run_elsewhere(path)
  for _, pattern in ipairs(elsewhere) do
    if path:find(pattern) then return true end
  end
end

-- Runs it with the web server in the place of example.com; what it prints goes nowhere.
local function run(text, path)
  local web = servers.nginx()
  text = text:gsub("https?://[%w.]*example%.com/[%w.]*", web.url .. "/hello")
  local env = setmetatable({ print = function() end, curl = curl, urls = { web.url .. "/hello" } },
    { __index = _G })
  assert(load(text, "=" .. path, "t", env))()
  collectgarbage()
end

describe("The pieces of Lua in the documentation", function()
  local count = 0
  for _, path in ipairs(pages()) do
    for before, text in process.read(path):gmatch("([^\n]*)\n+```lua\n(.-)\n```\n") do
      count = count + 1
      it(("are Lua: %s, %q"):format(path, text:match("[^\n]*")), function()
        assert(load(text, "=" .. path, "t"))
      end)
      if not is_run_elsewhere(path) and before ~= "<!-- not run -->" then
        it(("run: %s, %q"):format(path, text:match("[^\n]*")), function() run(text, path) end)
      end
    end
  end

  it("are there", function() assert.truthy(count > 20, count) end)
end)
