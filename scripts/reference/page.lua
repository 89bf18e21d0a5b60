-- Writes docs/reference.md.
local options = require "scripts.reference.options"
local prose = require "scripts.reference.prose"

local page = {}

-- ---- anchors -----------------------------------------------------------------------------------

-- As GitHub makes it of a heading.
local function anchor_of(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

-- Of all names. A heading that there is already gets a number behind it.
local function find_anchors(model)
  local anchors, used = {}, {}
  local function add(heading)
    local anchor = anchor_of(heading)
    local n = used[anchor]
    used[anchor] = (n or 0) + 1
    return n and ("%s-%d"):format(anchor, n) or anchor
  end
  add(page.title)
  add("Contents")
  for _, section in ipairs(model.sections) do
    section.anchor = add(section.title)
    for _, name in ipairs(section) do
      local block = model.by_name[name]
      block.anchor = add(name)
      for _, signature in ipairs(block.signatures) do anchors[signature.name] = block.anchor end
    end
  end
  return anchors
end

-- ---- an entry ----------------------------------------------------------------------------------

local function write_table(out, item, anchors, own)
  local rows = { "| | |\n| --- | --- |" }
  for i, row in ipairs(item.rows) do
    rows[i + 1] = ("| `%s` | %s |"):format(row[1], prose.cell(row[2], anchors, own))
  end
  out(table.concat(rows, "\n"))
end

-- (libcurl is written so.)
local function capital(text)
  return text:find("^libcurl") and text or text:gsub("^%l", string.upper)
end

local function write_items(out, block, anchors)
  for i, item in ipairs(block.items) do
    if item.kind == "code" then
      out("```lua\n" .. table.concat(item.lines, "\n") .. "\n```")
    elseif item.kind == "table" then
      write_table(out, item, anchors, block.anchor)
    elseif item.text ~= "" then
      local text = prose.markdown(item.text, anchors, block.anchor)
      out(i == 1 and capital(text) or text)
    end
  end
end

-- Signatures, and what is returned.
local function write_entry(out, name, block, anchors)
  local lines = { "```" }
  for _, signature in ipairs(block.signatures) do
    lines[#lines + 1] = signature.name .. (signature.args or "")
  end
  if block.signatures[1].args then lines[#lines + 1] = "-> " .. block.said end
  lines[#lines + 1] = "```"
  out("### " .. name)
  if block.signatures[1].args or #block.signatures > 1 then out(table.concat(lines, "\n")) end
  write_items(out, block, anchors)
end

-- ---- tables ------------------------------------------------------------------------------------

local function values_text(option)
  if option.alias then return ("as `%s`"):format(option.alias) end
  if not option.choices then return options.range(option) or "" end
  return (option.choices:gsub("%S+", '`"%0"`'))
end

local function link_of(entry, anchors)
  local anchor = entry.kind ~= "info" and anchors[entry.name]
  return ("[%s](%s)"):format(entry.name, anchor and "#" .. anchor or options.link(entry))
end

local function write_options(out, list, anchors)
  local rows = { "| name | takes | values | since |\n| --- | --- | --- | --- |" }
  for i, option in ipairs(list) do
    rows[i + 1] = ("| %s | %s | %s | %s |"):format(link_of(option, anchors), options.takes(option),
      values_text(option), options.since(option))
  end
  out(table.concat(rows, "\n"))
end

local about_options = [[
All that libcurl describes and that can be set, by name; each links to libcurl's own page, or to its
entry here. `takes` is what a value is, and in which unit; a flag is `true` or `false`. `values` is
its range, or the names that numbers have: where a list of names is taken, they are added up.
`since` is libcurl's version: an option that the libcurl at hand does not have fails with
`UNKNOWN_OPTION`. Besides there is `policy`, which can be given to `curl.easy` alone. What libcurl
has, and is not here, stands in [coverage.md](coverage.md).]]

local tables = {}

function tables.option(out, model, anchors)
  out(about_options)
  write_options(out, model.option, anchors)
end

function tables.multi(out, model, anchors)
  out("Besides there is `policy`, which can be given to `curl.multi` alone.")
  write_options(out, model.multi, anchors)
end

function tables.info(out, model, anchors)
  out("What `easy:getinfo` knows, by name; each links to libcurl's own page.")
  local rows = { "| name | is | since |\n| --- | --- | --- |" }
  for i, info in ipairs(model.info) do
    rows[i + 1] = ("| %s | %s | %s |"):format(link_of(info, anchors), options.takes(info),
      options.since(info))
  end
  out(table.concat(rows, "\n"))
end

-- ---- the page ----------------------------------------------------------------------------------

page.title = "Reference"
page.FILE = "docs/reference.md"

local head = [[
All that the module has, made by `make doc` of the comments in the source, with libcurl %s. Names
of options and informations are libcurl's, in lower case without prefix; times are seconds, also
fractions; `events` are `"r"`, `"w"` or `"rw"`; a descriptor is an integer. What is in brackets may
be left out. Behind `->` stands what is returned, and behind `|` what else it may be. Handles (easy,
multi, share), Sockets, loops, groups, streams and WebSockets end with their variable (`<close>`).
What fails returns `nil, message, name`, misuse raises an error: see [errors](#errors). An editor
with lua-language-server knows all of this from the folder `library`.]]

local function write_contents(out, model)
  local lines = {}
  for i, section in ipairs(model.sections) do
    local links = {}
    for n, name in ipairs(section) do
      links[n] = ("[`%s`](#%s)"):format(name, model.by_name[name].anchor)
    end
    lines[i] = ("- [%s](#%s)%s"):format(section.title, section.anchor,
      links[1] and ": " .. table.concat(links, " ") or "")
  end
  out("## Contents")
  out(table.concat(lines, "\n"))
end

local function note_names(model)
  for _, item in ipairs(model.by_name.errors.items) do
    for _, row in ipairs(item.rows or {}) do prose.names[row[1]:match("[%u_]+")] = true end
  end
end

--- The page's text.
function page.write(model)
  local parts, anchors = {}, find_anchors(model)
  local function out(text) parts[#parts + 1] = text end
  note_names(model)
  out("# " .. page.title)
  out(head:format(model.version))
  write_contents(out, model)
  for _, section in ipairs(model.sections) do
    out("## " .. section.title)
    if section.text then out(section.text) end
    if section.topic then write_items(out, model.by_name[section.topic], anchors) end
    if section.tables then tables[section.tables](out, model, anchors) end
    for _, name in ipairs(section) do write_entry(out, name, model.by_name[name], anchors) end
  end
  return table.concat(parts, "\n\n") .. "\n"
end

return page
