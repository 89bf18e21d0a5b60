-- Programs that stand in a page of Markdown, run as they stand there, each by a Lua of its own in
-- an empty folder.
--
--   programs.of(page)      a list of { title, text }: the Lua blocks, with the headings above them
--   programs.run(text, with)   what it prints, and its folder. with has
--     with.files     what lies in the folder, by name
--     with.env       variables of the environment
--     list items     { part, other }: what stands in the place of a part, which must be there; that
--                    is how a program's hosts become the spec's
-- A program that fails, or prints to stderr, is an error with all that it printed.

local lfs = require "lfs"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local programs = {}

function programs.of(page)
  local list, title, lines = {}, nil, nil
  for line in process.read(page):gmatch("([^\n]*)\n") do
    if lines and line == "```" then
      list[#list + 1] = { title = title, text = table.concat(lines, "\n") .. "\n" }
      lines = nil
    elseif lines then
      lines[#lines + 1] = line
    elseif line == "```lua" then
      lines = {}
    else
      title = line:match("^#+ (.*)") or title
    end
  end
  return list
end

-- Text with one part of it replaced, wherever it stands; it must be there.
local function replace(text, part, by)
  local pieces, from = {}, 1
  local first, last = text:find(part, 1, true)
  assert(first, part .. " is not in the program")
  while first do
    pieces[#pieces + 1] = text:sub(from, first - 1) .. by
    from = last + 1
    first, last = text:find(part, from, true)
  end
  return table.concat(pieces) .. text:sub(from)
end

-- A search path for who works in another folder.
local function absolute(path)
  local here = lfs.currentdir()
  return (path:gsub("[^;]+", function(place)
    return place:sub(1, 1) == "/" and place or here .. "/" .. place
  end))
end

local function lua(env)
  local suffix = process.version:gsub("%.", "_")
  local words = { "env -u http_proxy -u https_proxy -u ftp_proxy -u all_proxy -u ALL_PROXY",
    "-u HTTPS_PROXY -u no_proxy -u NO_PROXY",
    process.quote("LUA_PATH_" .. suffix .. "=" .. absolute(package.path)),
    process.quote("LUA_CPATH_" .. suffix .. "=" .. absolute(package.cpath)) }
  for name, value in pairs(env or {}) do words[#words + 1] = process.quote(name .. "=" .. value) end
  local interpreter = process.interpreter
  if interpreter:find("^[^/]+/") then interpreter = lfs.currentdir() .. "/" .. interpreter end
  words[#words + 1] = interpreter
  return table.concat(words, " ")
end

local function new_folder()
  return assert(process.output(("mktemp -d '%s/program.XXXXXX'"):format(servers.dir())))
end

function programs.run(text, with)
  with = with or {}
  for _, pair in ipairs(with) do text = replace(text, pair[1], pair[2]) end
  local folder = new_folder()
  for name, content in pairs(with.files or {}) do process.write(folder .. "/" .. name, content) end
  process.write(folder .. "/program.lua", text)
  local words = "cd '%s' && timeout %d %s program.lua </dev/null >out 2>err"
  local ok, _, code = os.execute(words:format(folder, 40 * process.patience, lua(with.env)))
  local out, err = process.read(folder .. "/out"), process.read(folder .. "/err")
  if not ok or err ~= "" then
    error(("the program ended with %d\n%s%s\n%s"):format(code, out, err, text), 2)
  end
  return out, folder
end

return programs
