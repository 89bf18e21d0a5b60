-- LuaRocks, and what was installed below a root.
--
--   luarocks.command        the shell's words for LuaRocks with the Lua of the specs
--   luarocks.admin          the same for luarocks-admin
--   luarocks.only(root)     variables for a Lua that finds modules below the root alone

local process = require "spec.support.process"

local luarocks = {}

-- Systems put them in different places.
local version = process.version
local function command(name)
  local own = name .. "-" .. version
  return process.output("command -v " .. own) and own or name .. " --lua-version=" .. version
end

luarocks.command, luarocks.admin = command("luarocks"), command("luarocks-admin")

function luarocks.only(root)
  local share, suffix = ("%s/share/lua/%s"):format(root, version), version:gsub("%.", "_")
  return {
    ["LUA_PATH_" .. suffix] = share .. "/?.lua;" .. share .. "/?/init.lua",
    ["LUA_CPATH_" .. suffix] = ("%s/lib/lua/%s/?.so"):format(root, version),
  }
end

return luarocks
