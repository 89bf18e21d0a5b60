-- All that is described: the blocks by name, in sections; the options. Made once, from the files of
-- the folder that is the current one, and from the module.
local blocks = require "scripts.reference.blocks"
local options = require "scripts.reference.options"
local sections = require "scripts.reference.sections"

local model = {}

local function sources()
  local list = {}
  local find <close> = assert(io.popen("find csrc lua/curlsock -name '*.c' -o -name '*.lua'"))
  for path in find:lines() do list[#list + 1] = path end
  table.sort(list)
  return list
end

-- The names of the sections: those of which a comment must say something.
local function listed()
  local set = {}
  for _, section in ipairs(sections) do
    for _, name in ipairs(section) do set[name] = true end
    if section.topic then set[section.topic] = true end
  end
  return set
end

-- What begins so belongs to a script.
local ours = {}
for class in ("curl easy multi share socket address networks url policy guard rules loop "
  .. "task group stream ws recording"):gmatch("%a+") do ours[class] = true end

local function is_ours(block)
  local first = block.signatures[1]
  return block.returns ~= nil or first.class ~= nil and ours[first.class:match("^%a+")]
end

local function fail(block, message)
  error(("%s:%d: %s %s"):format(block.file, block.line, block.signatures[1].name, message), 0)
end

-- The blocks, each under the names of all its signatures.
local function read_blocks()
  local by_name, set = {}, listed()
  for _, block in ipairs(blocks.read(sources())) do
    local name = block.signatures[1].name
    if set[name] then
      if by_name[name] then fail(block, "stands twice") end
      if not block.returns and block.signatures[1].args then fail(block, "returns what?") end
      for _, signature in ipairs(block.signatures) do
        by_name[signature.name] = by_name[signature.name] or block
      end
    elseif is_ours(block) then
      fail(block, "is in no section (scripts/reference/sections.lua)")
    end
  end
  for name in pairs(set) do
    if not by_name[name] then error("there is no comment that begins with " .. name, 0) end
  end
  return by_name
end

--- The model: by_name, sections, option, multi, info, version; of this list of options, as the
-- libcurl of that version has them.
function model.read(list, version)
  local entries = options.by_kind(list)
  return {
    by_name = read_blocks(), sections = sections, option = entries.option, multi = entries.multi,
    info = entries.info, version = version,
  }
end

return model
