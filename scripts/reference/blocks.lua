-- Reads the comments that the reference is made of: of C files, and those of Lua files that begin
-- with "---". One counts if it begins with signatures and a colon:
--   easy:pause([what]): ...   curl.PAUSE: ...   share:setopt(name, kinds) or share:setopt{...}: ...
-- Then comes text, in which indented lines are a table of two columns, or code; and at the end
--   -> what it returns | what else it may return

local blocks = {}

local function comments_of_c(text)
  local list = {}
  for at, comment in text:gmatch("()/%*(.-)%*/") do
    local lines = {}
    for line in (comment .. "\n"):gmatch("(.-)\n") do
      lines[#lines + 1] = line:gsub("^ %*", ""):gsub("^ ", ""):gsub("%s+$", "")
    end
    list[#list + 1] = { at = at, lines = lines }
  end
  return list
end

local function comments_of_lua(text)
  local list, lines = {}, nil
  for at, line in ("\n" .. text):gmatch("()\n([^\n]*)") do
    local first, further = line:match("^%s*%-%-%- ?(.*)"), line:match("^%s*%-%- ?(.*)")
    if first then
      lines = { first }
      list[#list + 1] = { at = at, lines = lines }
    elseif further and lines then
      lines[#lines + 1] = further
    else
      lines = nil
    end
  end
  return list
end

-- ---- the signatures ------------------------------------------------------------------------

local forms = { "^([%a_][%w_.:]*)(%b())(.*)", "^([%a_][%w_.:]*)(%b{})(.*)",
  "^([%a_][%w_.]*[%w_])()(.*)" }

-- The signature that the text begins with, and the rest.
local function read_signature(text)
  for _, form in ipairs(forms) do
    local name, args, rest = text:match(form)
    if name then
      local class, sign, short = name:match("^(.*)([.:])([%w_]+)$")
      args = type(args) == "string" and args or nil
      return { name = name, class = class, is_method = sign == ":", short = short or name,
        args = args }, rest
    end
  end
end

-- A list of them, and the text behind the colon; nil if it is a comment of another kind.
local function read_signatures(text)
  local list = {}
  while true do
    local signature, rest = read_signature(text)
    if not signature then return nil end
    list[#list + 1] = signature
    local colon = rest:match("^:%s+(.*)")
    if colon then return list, colon end
    text = rest:match("^,%s+(.*)") or rest:match("^ or%s+(.*)")
    if not text then return nil end
  end
end

-- ---- what follows --------------------------------------------------------------------------

-- Splits at a sign that is in no brackets and no quotes.
function blocks.split(text, sign)
  local parts, depth, from, quoted = {}, 0, 1, false
  for i = 1, #text do
    local c = text:sub(i, i)
    if c == '"' then quoted = not quoted end
    if not quoted and c:find("[%(%[{<]") then depth = depth + 1 end
    if not quoted and c:find("[%)%]}>]") then depth = depth - 1 end
    if c == sign and depth == 0 and not quoted then
      parts[#parts + 1] = text:sub(from, i - 1)
      from = i + 1
    end
  end
  parts[#parts + 1] = text:sub(from)
  for i, part in ipairs(parts) do parts[i] = part:match("^%s*(.-)%s*$") end
  return parts
end

-- "fd: integer | nil, message, name" as lists of { label, type }.
local function read_returns(text)
  local list = {}
  for i, alternative in ipairs(blocks.split(text, "|")) do
    list[i] = {}
    for n, value in ipairs(blocks.split(alternative, ",")) do
      local label, type = value:match("^([%a_]+): (.+)$")
      list[i][n] = { label = label, type = type or value }
    end
  end
  return list
end

-- Takes the last lines, from the one that begins with "->", away.
local function take_returns(lines)
  for i = #lines, 1, -1 do
    if lines[i]:find("^%-> ") then
      local text = table.concat(lines, " ", i):sub(4):gsub("%s+", " ")
      for n = #lines, i, -1 do lines[n] = nil end
      return text, read_returns(text)
    end
  end
end

local function add_code(items, line)
  if items[#items].kind ~= "code" then items[#items + 1] = { kind = "code", lines = {} } end
  table.insert(items[#items].lines, line:sub(3))
end

-- A row begins where the first one did. Its text may begin in the next line, and go on further in.
local function add_row(item, indent, key, text)
  local row = item.rows[#item.rows]
  if indent > item.indent then
    row[2] = row[2] == "" and text or row[2] .. " " .. text
  elseif row and row[2] == "" then
    row[1], row[2] = row[1] .. " " .. key, text
  else
    table.insert(item.rows, { key, text })
  end
end

local function add_indented(items, line)
  local last, indent = items[#items], #line:match("^%s*")
  local key, text = line:match("^%s+(%S.-)%s%s+(%S.*)$")
  if last.kind == "code" or last.kind == "text" and not key then return add_code(items, line) end
  if last.kind == "text" then
    last = { kind = "table", rows = {}, indent = indent }
    items[#items + 1] = last
  end
  local whole = line:match("^%s*(.*)$")
  if indent > last.indent then return add_row(last, indent, nil, whole) end
  add_row(last, indent, key or whole, text or "")
end

-- Text, tables and code, in the order in which they stand.
local function read_items(text, lines)
  local items = { { kind = "text", text = text } }
  for i = 2, #lines do
    local line, last = lines[i], items[#items]
    if line == "" then
      items[#items + 1] = { kind = "text", text = "" }
    elseif line:find("^  ") then
      add_indented(items, line)
    elseif last.kind == "text" then
      last.text = last.text == "" and line or last.text .. " " .. line
    else
      items[#items + 1] = { kind = "text", text = line }
    end
  end
  return items
end

-- A signature may go on in the next line.
local function join_first(lines)
  while lines[2] and not lines[1]:find(":%s") and not lines[1]:find(":$")
    and lines[1]:find("^[%a_][%w_.:]*[%({]") and not lines[2]:find("^  ") do
    lines[1] = lines[1] .. " " .. table.remove(lines, 2)
  end
end

local function read_block(comment)
  local lines = comment.lines
  join_first(lines)
  local signatures, text = read_signatures(lines[1] .. " ")
  if not signatures then return nil end
  local said, returns = take_returns(lines)
  return { signatures = signatures, said = said, returns = returns,
    items = read_items(text:match("^(.-)%s*$"), lines) }
end

--- All blocks of these files, with the file and the line where each stands.
function blocks.read(paths)
  local list = {}
  for _, path in ipairs(paths) do
    local file <close> = assert(io.open(path))
    local text = file:read("a")
    local find = path:find("%.c$") and comments_of_c or comments_of_lua
    for _, comment in ipairs(find(text)) do
      local block = read_block(comment)
      if block then
        block.file, block.line = path, select(2, text:sub(1, comment.at):gsub("\n", "")) + 1
        list[#list + 1] = block
      end
    end
  end
  return list
end

return blocks
