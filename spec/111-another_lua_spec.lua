-- Under a Lua that it is not for, require says which it needs.

local process = require "spec.support.process"

local others = {
  { command = "luajit", version = "Lua 5.1" },
  { command = "lua5.1", version = "Lua 5.1" },
  { command = "lua-5.1", version = "Lua 5.1" },
  { command = "lua5.2", version = "Lua 5.2" },
  { command = "lua5.3", version = "Lua 5.3" },
}

local function installed(command)
  return process.output("command -v " .. command) ~= nil
end

-- What require throws there, with nothing but this module to be found.
local function thrown_by(command)
  local script = [[package.path, package.cpath = "lua/?/init.lua", ""
    io.write(select(2, pcall(require, "curlsock")))]]
  return process.output(("env -u LUA_INIT %s -e %s"):format(command, process.quote(script)))
end

describe("Under another Lua, require \"curlsock\"", function()
  local count = 0
  for _, other in ipairs(others) do
    if installed(other.command) then
      count = count + 1
      it("says so: " .. other.command, function()
        assert.equal("curlsock needs Lua 5.4 or 5.5, this is " .. other.version,
          thrown_by(other.command))
      end)
    end
  end

  it("is tried by at least one", function()
    assert.is_true(count > 0)
  end)
end)
