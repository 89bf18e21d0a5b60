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

-- What is wrong with the block, of which there may be another one; nil: nothing.
local function fault_of(block, is_listed, other)
  if not is_listed then return is_ours(block) and "is in no section" end
  if other then return "stands twice" end
  if not block.returns and block.signatures[1].args then return "returns what?" end
end

-- The blocks, each under the names of all its signatures, and a list of what is wrong.
local function read_blocks()
  local by_name, problems, set = {}, {}, listed()
  for _, block in ipairs(blocks.read(sources())) do
    local name = block.signatures[1].name
    local fault = fault_of(block, set[name], by_name[name])
    if fault then
      problems[#problems + 1] = ("%s:%d: %s %s"):format(block.file, block.line, name, fault)
    elseif set[name] then
      for _, signature in ipairs(block.signatures) do
        by_name[signature.name] = by_name[signature.name] or block
      end
    end
  end
  for name in pairs(set) do
    if not by_name[name] then
      problems[#problems + 1] = "no comment that is right begins with " .. name
    end
  end
  table.sort(problems)
  return by_name, problems
end

-- The sections with what is described.
local function read_sections(by_name)
  local list = {}
  for i, section in ipairs(sections) do
    list[i] = {}
    for key, value in pairs(section) do
      if type(key) == "string" then list[i][key] = value end
    end
    for _, name in ipairs(section) do
      if by_name[name] then table.insert(list[i], name) end
    end
  end
  return list
end

--- The model: by_name, sections, option, multi, info, version; of this list of options, as the
-- libcurl of that version has them; and problems, a list of what is not described as it should be.
function model.read(list, version)
  local entries, by_name, problems = options.by_kind(list), read_blocks()
  return {
    by_name = by_name, problems = problems, sections = read_sections(by_name),
    option = entries.option, multi = entries.multi, info = entries.info, version = version,
  }
end

return model
