-- Writes the folder library: the same for the language server (LuaCATS), a file for each module.
local options = require "scripts.reference.options"
local types = require "scripts.reference.types"

local library = {}

local qualified = types.qualified

-- ---- signatures --------------------------------------------------------------------------------

-- The arguments of "([flag...])", "(name [, value])", "{...}": lists of { name, optional, vararg }.
local function arguments_of(signature)
  local args, list, depth = signature.args, {}, 0
  if args:sub(1, 1) == "{" then return { { name = "options", word = "{}" } } end
  for sign, word in args:sub(2, -2):gmatch("([%[%], ]*)([%w_.]+)") do
    depth = depth + select(2, sign:gsub("%[", "")) - select(2, sign:gsub("%]", ""))
    local name, dots = word:match("^([%w_]*)(%.*)$")
    list[#list + 1] = { name = dots ~= "" and "..." or name, word = name ~= "" and name or "...",
      optional = depth > 0 and dots == "" }
  end
  return list
end

-- The values that are returned, over all alternatives: a list of { label, types, optional,
-- vararg }, of which one that stands for many is the last.
local function results_of(block)
  local list = {}
  for i, alternative in ipairs(block.returns or {}) do
    local n = alternative[1].type == "nothing" and 0 or #alternative
    for k = 1, math.max(n, #list) do
      local value = k <= n and alternative[k] or nil
      if list[k - 1] and list[k - 1].vararg then break end
      local result = list[k] or { types = {}, optional = i > 1 }
      list[k] = result
      result.vararg = result.vararg or value and value.type == "..."
      local type = value and types.result(value) or "nil"
      if type == "..." then type = list[k - 1] and list[k - 1].types[1] or "any" end
      if type == "nil" then result.optional = true else result.types[#result.types + 1] = type end
      result.label = result.label or value and (value.label or types.label(value))
    end
  end
  return list
end

-- Without what stands there already.
local function union(list)
  local seen, unique = {}, {}
  for _, type in ipairs(list) do
    if not seen[type] then unique[#unique + 1] = type end
    seen[type] = true
  end
  return table.concat(unique, "|")
end

-- "boolean|nil, string?".
local function result_types(block)
  local list = {}
  for i, result in ipairs(results_of(block)) do
    local text = union(result.types)
    if text == "" then text = "nil" elseif result.optional then text = text .. "|nil" end
    list[i] = result.vararg and "..." or text
  end
  return table.concat(list, ", ")
end

-- "fun(data: string): boolean|nil, string?".
local function function_type(signature, block, self)
  local list = { self and ("self: " .. self) }
  for _, argument in ipairs(arguments_of(signature)) do
    local type = types.argument(signature.name, argument.word)
    local optional = argument.optional and "?" or ""
    list[#list + 1] = ("%s%s: %s"):format(argument.name, optional, type)
  end
  local returned = result_types(block)
  local text = ("fun(%s)"):format(table.concat(list, ", "))
  return qualified(returned == "" and text or text .. ": " .. returned)
end

-- ---- text --------------------------------------------------------------------------------------

local function describe(out, block)
  for i, item in ipairs(block.items) do
    if item.kind == "text" then
      if i > 1 then out("---") end
      for line in (item.text .. "\n"):gmatch("(.-)\n") do out("---" .. line) end
    else
      out("---")
      for _, line in ipairs(item.lines or {}) do out("---    " .. line) end
      for _, row in ipairs(item.rows or {}) do out(("---* `%s`: %s"):format(row[1], row[2])) end
    end
  end
end

local function write_arguments(out, signature)
  local names = {}
  for i, argument in ipairs(arguments_of(signature)) do
    local type = qualified(types.argument(signature.name, argument.word))
    out(("---@param %s%s %s"):format(argument.name, argument.optional and "?" or "", type))
    names[i] = argument.name
  end
  return table.concat(names, ", ")
end

local function write_results(out, block)
  for _, result in ipairs(results_of(block)) do
    local type = union(result.types)
    if type == "" then type = "nil" end
    if type:find("|", 1, true) and result.optional then type = type .. "|nil" end
    local is_nil = type:find("|nil$") or type:find("%?$") or type == "nil"
    local optional = result.optional and not is_nil and "?" or ""
    local label = result.vararg and "..." or result.label
    out(("---@return %s%s%s"):format(qualified(type), optional, label and " " .. label or ""))
  end
end

-- "Easy:pause" of "easy:pause".
local function write_function(out, block, signature, target, overloads)
  describe(out, block)
  local names = write_arguments(out, signature)
  write_results(out, block)
  for _, overload in ipairs(overloads or {}) do out("---@overload " .. overload) end
  out(("function %s(%s) end\n"):format(target, names))
end

-- ---- fields ------------------------------------------------------------------------------------

-- "policy", "start(easy, url)", "max_body, max_header" of the first column of a table.
local function write_row(out, class, row)
  local name, arguments = row[1]:match("^([%w_]+)(%b())$")
  for field in (name or row[1]):gmatch("[%w_]+") do
    local type = types.field(class, field, arguments)
    local optional = types.is_whole(class) and "" or "?"
    out(("---@field %s%s %s %s"):format(field, optional, qualified(type), row[2]))
  end
end

-- What a block says about the fields of the class.
local function write_fields(out, class, block)
  local classes, n = types.tables[block.signatures[1].name] or {}, 0
  for _, item in ipairs(block.items) do
    if item.kind == "table" then
      n = n + 1
      if classes[n] == class then
        for _, row in ipairs(item.rows) do write_row(out, class, row) end
      end
    end
  end
end

-- What is said of an option: of a callback what stands above it, of others what they take.
local function option_text(model, option)
  local block = model.by_name[option.name]
  if block then return (block.items[1].text:gsub("%.[^.]*[^.)]$", ".")) end -- no half sentence
  local range = options.range(option)
  return ("%s%s; since %s; %s"):format(options.takes(option), range and " (" .. range .. ")" or "",
    options.since(option), options.link(option))
end

local function write_option_fields(out, model, list)
  for _, option in ipairs(list) do
    local type = qualified(types.option(option))
    out(("---@field %s? %s %s"):format(option.name, type, option_text(model, option)))
  end
  out("---@field policy? curlsock.Policy|curlsock.Rules|curlsock.PolicyFields of the pool; "
    .. "where it is made alone\n")
end

-- ---- the parts of library/curlsock.lua ---------------------------------------------------------

local head = [[
---@meta %s
-- Made by `make doc`, with libcurl %s: what is here stands above the functions in the source.
]]

local url_parts = { "url", "scheme", "user", "password", "options", "host", "port", "path", "query",
  "fragment", "zoneid" }
local url_flags = { "default_port", "no_default_port", "default_scheme", "non_support_scheme",
  "path_as_is", "disallow_user", "urldecode", "urlencode", "appendquery", "guess_scheme",
  "no_authority", "allow_space", "punycode", "puny2idn", "get_empty", "no_guess_scheme" }

-- What no comment describes as a table.
local words = [[
---@alias curlsock.Events "r"|"w"|"rw"
---@alias curlsock.Place string|curlsock.Address "10.0.0.0/8", "10.0.0.1:8080", "unix:/run/app.sock"
---@alias curlsock.ShareKind "connect"|"cookie"|"dns"|"hsts"|"psl"|"ssl_session"
---@alias curlsock.HeaderOrigin "header"|"trailer"|"connect"|"1xx"|"pseudo"|"any"
---@alias curlsock.UrlPart %s
---@alias curlsock.UrlFlag %s

---What a callback returns to pause.
---@class curlsock.Pause

---@class curlsock.HstsEntry
---@field host string
---@field include_subdomains? boolean
---@field expire? integer seconds since 1970

---A file that a wildcard names.
---@class curlsock.FileInfo
---@field filename string
---@field type string "file", "directory", "symlink"...
---@field size? integer
---@field perm? integer
---@field links? integer
---@field time? string
---@field user? string
---@field group? string
---@field target? string

---@class curlsock.SshKey
---@field type string "rsa", "ecdsa", "ed25519", "dss", "rsa1" or "unknown"
---@field key? string bytes
---@field base64? string

---What a socket is for.
---@class curlsock.Target
---@field host? string
---@field port? integer
---@field kind "origin"|"proxy"|"data"|"listen"|"unknown"

---Headers of a response: a list of { name, value }; by name the first value; called with a name, a
---list of all its values.
---@class curlsock.Headers
---@field [integer] string[]
---@field [string] string
---@overload fun(name: string): string[]

---@class curlsock.ShareOptions
---@field share? curlsock.ShareKind|curlsock.ShareKind[]
---@field unshare? curlsock.ShareKind|curlsock.ShareKind[]
---@field policy? curlsock.Policy|curlsock.Rules|curlsock.PolicyFields
]]

-- "a"|"b" of a list of names.
local function literals(list)
  return '"' .. table.concat(list, '"|"') .. '"'
end

local function names_of(entries)
  local names = {}
  for i, entry in ipairs(entries) do names[i] = entry.name end
  return names
end

local function write_callbacks(out, model)
  for _, section in ipairs(model.sections) do
    for _, name in ipairs(section.callbacks and section or {}) do
      local block = model.by_name[name]
      for _, signature in ipairs(block.signatures) do
        local alias = qualified(types.alias(signature.name))
        out(("---@alias %s %s"):format(alias, function_type(signature, block)))
      end
    end
  end
  out("")
end

-- Classes that are tables of fields alone, in the order of their names.
local function write_tables(out, model)
  local blocks_of, names = {}, {}
  for name, classes in pairs(types.tables) do
    for _, class in ipairs(classes) do
      if class and not types.methods_of[class] then
        if not blocks_of[class] then names[#names + 1] = class end
        blocks_of[class] = name
      end
    end
  end
  table.sort(names)
  for _, class in ipairs(names) do
    out("---@class curlsock." .. class)
    write_fields(out, class, model.by_name[blocks_of[class]])
    out("")
  end
end

-- "fun(self: curlsock.Easy, name: "a"|"b"): integer" for each type that an information may have.
local function info_overloads(model)
  local by_type, order, list = {}, {}, {}
  for _, info in ipairs(model.info) do
    local type = types.info(info, options.takes(info))
    if not by_type[type] then
      by_type[type] = {}
      order[#order + 1] = type
    end
    table.insert(by_type[type], ("%q"):format(info.name))
  end
  table.sort(order)
  for i, type in ipairs(order) do
    list[i] = ("fun(self: curlsock.Easy, name: %s): %s, string?, string?"):format(
      table.concat(by_type[type], "|"), type)
  end
  return list
end

local function overloads_of(model, block, signature, self)
  if signature.name == "easy:getinfo" then return info_overloads(model) end
  local list = {}
  for _, other in ipairs(block.signatures) do
    if other ~= signature and other.name == signature.name then
      list[#list + 1] = function_type(other, block, self)
    end
  end
  return list
end

-- All signatures of the page, once each: name, signature, block.
local function each_signature(model)
  return coroutine.wrap(function()
    local done = {}
    for _, section in ipairs(model.sections) do
      for _, name in ipairs(section) do
        local block = model.by_name[name]
        for _, signature in ipairs(block.signatures) do
          if not done[signature.name] then coroutine.yield(signature, block) end
          done[signature.name] = true
        end
      end
    end
  end)
end

-- A class with methods: prefix is what its objects are called in the comments.
local function write_class(out, model, class, prefix)
  local text, fields, methods = nil, {}, {}
  for _, section in ipairs(model.sections) do
    if section.class == class then text = section.text end
  end
  for signature, block in each_signature(model) do
    if signature.class == prefix then
      if signature.args then methods[#methods + 1] = { signature, block } end
      if not signature.args then fields[block] = signature end
    end
  end
  if text then out("---" .. text) end
  out("---@class curlsock." .. class)
  for name, classes in pairs(types.tables) do
    if classes[1] == class and #classes == 1 then fields[model.by_name[name]] = name end
  end
  library.write_class_fields(out, class, fields)
  out(("local %s = {}\n"):format(class))
  for _, method in ipairs(methods) do
    local signature, block = table.unpack(method)
    write_function(out, block, signature, class .. ":" .. signature.short,
      overloads_of(model, block, signature, "curlsock." .. class))
  end
end

-- In the order of the source.
function library.write_class_fields(out, class, fields)
  local list = {}
  for block in pairs(fields) do list[#list + 1] = block end
  table.sort(list, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    return a.line < b.line
  end)
  for _, block in ipairs(list) do
    if types.tables[block.signatures[1].name] then
      write_fields(out, class, block)
    else
      for _, signature in ipairs(block.signatures) do
        out(("---@field %s any %s"):format(signature.short, block.items[1].text))
      end
    end
  end
end

-- The functions whose names begin with prefix, in a table of that name.
local function write_functions(out, model, prefix, as)
  for signature, block in each_signature(model) do
    if signature.class == prefix and not signature.is_method and signature.args then
      write_function(out, block, signature, as .. "." .. signature.short,
        overloads_of(model, block, signature))
    end
  end
end

-- ---- the files ---------------------------------------------------------------------------------

local function new_file(model, module)
  local parts = { head:format(module, model.version) }
  return function(text) parts[#parts + 1] = text end, parts
end

local function core(model)
  local out, parts = new_file(model, "curlsock")
  out(words:format(literals(url_parts), literals(url_flags)))
  out("---@alias curlsock.OptionName " .. literals(names_of(model.option)) .. "\n")
  write_callbacks(out, model)
  out("---@class curlsock.EasyOptions")
  write_option_fields(out, model, model.option)
  out("---@class curlsock.MultiOptions")
  write_option_fields(out, model, model.multi)
  write_tables(out, model)
  for _, class in ipairs(types.classes) do write_class(out, model, class[1], class[2]) end
  out("---@class curlsock\n---@field PAUSE curlsock.Pause\n---@field _VERSION string")
  out("local curl = {}\n")
  write_functions(out, model, "curl", "curl")
  out("return curl")
  return parts
end

-- A module that is a table of functions.
local function of_functions(model, module)
  local out, parts = new_file(model, module)
  out("local module = {}\n")
  write_functions(out, model, module, "module")
  out("return module")
  return parts
end

local function fetch(model)
  local out, parts = new_file(model, "curlsock.fetch")
  local block = model.by_name.fetch
  describe(out, block)
  write_arguments(out, block.signatures[1])
  write_results(out, block)
  out("---@overload " .. function_type(block.signatures[2], block))
  out("local function fetch(url, options) end\n\nreturn fetch")
  return parts
end

-- Those that are called, and have functions besides.
local function write_callable(out, model, name, function_name)
  local block, more = model.by_name["policy." .. name], model.by_name[function_name]
  local called = block.signatures[1]
  out(("---@class curlsock.%s_module"):format(name))
  out("---@overload " .. function_type(called, block))
  out(("local %s = {}\n"):format(name))
  write_function(out, more, more.signatures[1], name .. "." .. more.signatures[1].short)
  describe(out, block)
  out(("module.%s = %s\n"):format(name, name))
end

local function policy(model)
  local out, parts = new_file(model, "curlsock.policy")
  out("local module = {}\n")
  write_callable(out, model, "guard", "guard.reason")
  write_callable(out, model, "broker", "policy.broker.serve")
  for signature, block in each_signature(model) do
    local is_plain = signature.short ~= "guard" and signature.short ~= "broker"
    if signature.class == "policy" and not signature.is_method and signature.args and is_plain then
      write_function(out, block, signature, "module." .. signature.short)
    end
  end
  out("return module")
  return parts
end

--- The texts of the files, by path.
function library.write(model)
  local files = {
    ["library/curlsock.lua"] = core(model),
    ["library/curlsock/fetch.lua"] = fetch(model),
    ["library/curlsock/policy.lua"] = policy(model),
  }
  for _, name in ipairs { "loop", "luv", "cqueues", "select", "driver", "trace" } do
    files[("library/curlsock/%s.lua"):format(name)] = of_functions(model, "curlsock." .. name)
  end
  for path, parts in pairs(files) do files[path] = table.concat(parts, "\n") .. "\n" end
  return files
end

return library
