-- Writes docs/reference.md and the folder library from the comments in csrc and lua, and from what
-- the module answers: make doc.
--
--   LUA_PATH=... lua5.4 scripts/reference.lua [FOLDER]
package.path = "./?.lua;" .. package.path

local library = require "scripts.reference.library"
local model = require("scripts.reference.model").read()
local page = require "scripts.reference.page"

local folder = arg[1] and arg[1] .. "/" or ""

local files = library.write(model)
files["docs/reference.md"] = page.write(model)

for path, text in pairs(files) do
  local file <close> = assert(io.open(folder .. path, "w"))
  assert(file:write(text))
end
