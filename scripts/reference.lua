-- Writes docs/reference.md and the folder library from the comments in csrc and lua, and from what
-- the module answers: make doc.
--
--   LUA_PATH=... lua5.4 scripts/reference.lua
package.path = "./?.lua;" .. package.path

local library = require "scripts.reference.library"
local model = require "scripts.reference.model"
local options = require "scripts.reference.options"
local page = require "scripts.reference.page"

local list, version = options.newest()
local described = model.read(list, version)

for _, problem in ipairs(described.problems) do io.stderr:write(problem, "\n") end
if described.problems[1] then os.exit(1) end

local files = library.write(described)
files[page.FILE] = page.write(described)
files[options.FILE] = options.text(list, version)

for path, text in pairs(files) do
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end
