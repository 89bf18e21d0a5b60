-- What the comments say, as the reference is made of it.
--
--   described.model()              all of it (scripts/reference/model.lua)
--   described.block(name)          the comment that begins with that name
--   described.must_return(name)    what an error says that the callback must return

local model = require "scripts.reference.model"
local options = require "scripts.reference.options"

local described = {}

local read

--- The model that the committed files are made of.
function described.model()
  read = read or model.read(options.read())
  return read
end

function described.block(name)
  return described.model().by_name[name] or error("no comment describes " .. name, 2)
end

local words = {
  string = "a string", number = "a number", table = "a table", Socket = "a Socket",
  userdata = "an object with one", lines = "a list of lines", fd = "a descriptor",
  piece = "a string that is not empty", reason = "a reason",
}

local function words_of(alternative)
  local texts = {}
  for i, value in ipairs(alternative) do
    texts[i] = words[value.label] or words[value.type] or value.type
  end
  return table.concat(texts, " and ")
end

function described.must_return(name)
  local texts = {}
  for i, alternative in ipairs(described.block(name).returns) do
    texts[i] = words_of(alternative)
  end
  texts[#texts] = "or " .. texts[#texts]
  return table.concat(texts, ", ")
end

return described
