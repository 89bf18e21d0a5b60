-- Installing: the rockspec, "make install", and the set-up where there is no apt-get.

local lfs = require "lfs"
local left = require "spec.support.left"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local rockspec = "curlsock-scm-1.rockspec"
local core = (os.getenv("CURLSOCK_BUILD") or "build") .. "/curlsock/core.so"

-- The command of LuaRocks that is for this Lua, wherever a system puts it.
local version = process.version
local luarocks = "luarocks-" .. version
if not process.output("command -v " .. luarocks) then
  luarocks = "luarocks --lua-version=" .. version
end

-- Success, and what the shell command printed.
local function shell(command)
  local pipe = io.popen("{ " .. command .. "\n} 2>&1 </dev/null")
  local output = pipe:read("a")
  return pipe:close() == true, output
end

local function must(command)
  local ok, output = shell(command)
  assert(ok, command .. "\n" .. output)
  return output
end

-- The files below the folder whose names match.
local function files(folder, pattern, found)
  found = found or {}
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:find(pattern) then
      found[#found + 1] = path
    elseif not name:find("^%.") and lfs.attributes(path, "mode") == "directory" then
      files(path, pattern, found)
    end
  end
  table.sort(found)
  return found
end

local function fresh_folder(name)
  local folder = servers.dir() .. "/" .. name
  must("rm -rf " .. folder .. " && mkdir " .. folder)
  return folder
end

-- Loads curlsock from these folders alone, and tells where its two parts were found.
local script = [[
  local root = os.getenv("ROOT")
  local version = _VERSION:match "%d+%.%d+"
  local share = root .. "/share/lua/" .. version
  package.path = share .. "/?.lua;" .. share .. "/?/init.lua"
  package.cpath = root .. "/lib/lua/" .. version .. "/?.so"
  local curl = require "curlsock"
  assert(curl.easy { url = "http://127.0.0.1/" }):close()
  print(package.searchpath("curlsock", package.path))
  print(package.searchpath("curlsock.core", package.cpath))
  require("curlsock.loop").new():close()]]

local function check_installed(root)
  local out = left.pass(script, { ROOT = root })
  local expected = "ROOT/share/lua/5.4/curlsock/init.lua\nROOT/lib/lua/5.4/curlsock/core.so\n"
  assert.equal((expected:gsub("ROOT", root):gsub("5%.4", version)), out)
end

describe("the rockspec", function()
  local spec = {}
  assert(loadfile(rockspec, "t", spec))()

  it("passes LuaRocks' lint", function()
    must(luarocks .. " lint " .. rockspec)
  end)

  it("lists every C file", function()
    local listed = spec.build.modules["curlsock.core"].sources
    table.sort(listed)
    assert.same(files("csrc", "%.c$"), listed)
  end)

  it("lists every Lua file", function()
    local listed = {}
    for _, module in pairs(spec.build.modules) do
      listed[#listed + 1] = type(module) == "string" and module or nil
    end
    table.sort(listed)
    assert.same(files("lua/curlsock", "%.lua$"), listed)
  end)

  it("makes a rock that loads from its tree", function()
    -- LuaRocks leaves what it compiles beside the sources, so it gets a copy of them.
    local folder = fresh_folder("rock")
    must(("cp -R csrc lua LICENSE %s %s"):format(rockspec, folder))
    must(("cd %s && HOME=%s %s make --tree %s/tree"):format(folder, folder, luarocks, folder))
    check_installed(folder .. "/tree")
  end)
end)

describe("the Makefile", function()
  it("installs to PREFIX under DESTDIR", function()
    local folder = fresh_folder("stage")
    must("make install PREFIX=/opt/curl DESTDIR=" .. folder)
    check_installed(folder .. "/opt/curl")
  end)

  it("builds a module that exports only luaopen_*", function()
    must("sh scripts/exports.sh " .. core)
  end)
end)

describe("the set-up", function()
  -- A folder with these commands only, to be the PATH.
  local function path_with(...)
    local folder = fresh_folder("path")
    for _, command in ipairs { ... } do
      local target = assert(process.output("command -v " .. command))
      must(("ln -s %s %s/%s"):format(target, folder, command))
    end
    return folder
  end

  local function setup(path, groups, for_lua)
    return shell(("LUA=%s PATH=%s sh scripts/setup.sh %s"):format(for_lua or "", path, groups))
  end

  it("names what is missing for every system where there is no apt-get", function()
    local ok, output = setup(path_with("sh", "cat", "id"), "build")
    assert.is_false(ok)
    assert.truthy(output:find("Debian: [^\n]* liblua5%.4%-dev libcurl4%-openssl%-dev\n"))
    assert.truthy(output:find("Fedora: [^\n]* lua%-devel libcurl%-devel\n"))
    assert.truthy(output:find("Alpine: [^\n]* lua5%.4%-dev curl%-dev\n"))
    assert.truthy(output:find("Homebrew: [^\n]* lua@5%.4 curl\n"))
  end)

  it("says nothing there when nothing is missing", function()
    local path = path_with("sh", "cat", "cc", "make", "pkg-config")
    local lua = process.output("command -v " .. process.lua_command)
    local name = path .. "/lua" .. version
    must(("ln -s %s %s"):format(lua, name))
    assert.same({ true, "" }, { setup(path, "build", name) })
  end)

  it("names only what is missing", function()
    local ok, output = setup(path_with("sh", "cat", "cc", "make", "pkg-config"), "build")
    assert.is_false(ok)
    assert.truthy(output:find("Debian: +lua5%.4\n"))
    assert.truthy(output:find("Alpine: +lua5%.4\n"))
  end)

  it("touches nothing when nothing is missing", function()
    assert.same({ true, "" }, { shell("sh scripts/setup.sh build test") })
  end)

  it("knows its groups", function()
    assert.is_false((shell("sh scripts/setup.sh everything")))
  end)
end)
