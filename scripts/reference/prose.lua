-- Text of a comment as Markdown: what is code gets marked, and what has an entry of its own links
-- to that.
local prose = {}

local plain = { ["nil"] = true, ["true"] = true, ["false"] = true }

-- Each finds what is code at the place, and returns it and what follows.
local finders = {
  function(text, at) return text:match("^(nil, message, name)()", at) end,
  function(text, at) return text:match('^("[^"\n]-")()', at) end,
  function(text, at) return text:match("^(<%a+>)()", at) end,
  function(text, at) return text:match("^(%b{})()", at) end,
  function(text, at) return text:match("^([%a_][%w_.:]*%b())()", at) end,
  function(text, at) return text:match("^([%a_][%w_.:]*%b{})()", at) end,
  function(text, at) return text:match("^([%a_][%w_.:]*%b[])()", at) end,
  function(text, at) return text:match("^([%a_][%w_]*[.:][%a_][%w_.:]*[%w_])()", at) end,
  function(text, at) return text:match("^([%a_][%w]*_[%w_]*)()", at) end,
}

-- A word that is code by itself: known, or the name of a failure.
local function word_at(text, at, anchors)
  local word, after = text:match("^(%a+)()", at)
  if not word then return nil end
  local is_name = word:find("^E[A-Z]+$") and #word > 4 or prose.names[word]
  if plain[word] or anchors[word] or is_name then return word, after end
end

local function code_at(text, at, anchors)
  for _, find in ipairs(finders) do
    local code, after = find(text, at)
    if code then return code, after end
  end
  return word_at(text, at, anchors)
end

local function mark(code, anchors, own)
  local name = code:gsub("%b()$", ""):gsub("%b{}$", "")
  local anchor = anchors[name] or anchors[code:match('^"([%w_]+)"$')]
  local marked = "`" .. code .. "`"
  return anchor and anchor ~= own and ("[%s](#%s)"):format(marked, anchor) or marked
end

--- The text as Markdown. anchors: of the names that have entries; own: the one that it stands in.
function prose.markdown(text, anchors, own)
  local parts, at = {}, 1
  while at <= #text do
    local code, after
    if not text:sub(at - 1, at - 1):find("[%w_]") then code, after = code_at(text, at, anchors) end
    if code then
      parts[#parts + 1], at = mark(code, anchors, own), after
    else
      local sign = text:sub(at, at)
      parts[#parts + 1], at = sign:find("[<>*\\]") and "\\" .. sign or sign, at + 1
    end
  end
  return table.concat(parts)
end

--- The same in the cell of a table.
function prose.cell(text, anchors, own)
  return (prose.markdown(text, anchors, own):gsub("|", "\\|"))
end

--- Names of failures, which are code: those of the table of errors are added.
prose.names = {}

return prose
