-- Installing: the rockspec, "make install", and the set-up where there is no apt-get.

local lfs = require "lfs"
local left = require "spec.support.left"
local luarocks = require "spec.support.luarocks"
local process = require "spec.support.process"
local shell = require "spec.support.shell"

local must, version = shell.must, process.version
local rockspec = "curlsock-scm-1.rockspec"
local core = (os.getenv("CURLSOCK_BUILD") or "build") .. "/curlsock/core.so"

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

-- Loads curlsock, and tells where its two parts were found.
local script = [[
  local curl = require "curlsock"
  assert(curl.easy { url = "http://127.0.0.1/" }):close()
  print(package.searchpath("curlsock", package.path))
  print(package.searchpath("curlsock.core", package.cpath))
  require("curlsock.loop").new():close()]]

local function check_installed(root)
  local out = left.pass(script, luarocks.only(root))
  local expected = "ROOT/share/lua/5.4/curlsock/init.lua\nROOT/lib/lua/5.4/curlsock/core.so\n"
  assert.equal((expected:gsub("ROOT", root):gsub("5%.4", version)), out)
end

describe("the rockspec", function()
  local spec = {}
  assert(loadfile(rockspec, "t", spec))()

  it("passes LuaRocks' lint", function()
    must(luarocks.command .. " lint " .. rockspec)
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
end)

describe("the Makefile", function()
  it("installs to PREFIX under DESTDIR", function()
    local folder = shell.folder("stage")
    must("make install PREFIX=/opt/curl DESTDIR=" .. folder)
    check_installed(folder .. "/opt/curl")
  end)

  it("installs where a distribution wants it, for everybody, and takes it away again", function()
    local folder = shell.folder("stage")
    local to = (" DESTDIR=%s PREFIX=/usr LIBDIR=/usr/lib/here LUADIR=/usr/lua DOCDIR=/usr/doc")
      :format(folder)
    must("umask 077; make install" .. to)
    for _, name in ipairs { "lib/here/lua/" .. version .. "/curlsock/core.so",
      "lua/curlsock/init.lua", "lua/curlsock/driver/tasks.lua", "doc/README.md",
      "doc/docs/manual/README.md", "doc/examples/01-outlive.lua",
      "share/curlsock/library/curlsock.lua" } do
      local path = folder .. "/usr/" .. name
      local mode = lfs.attributes(path, "permissions")
      assert.equal(name:find("%.so$") and "rwxr-xr-x" or "rw-r--r--", mode, path)
      assert.equal("rwxr-xr-x", lfs.attributes(path:match("(.*)/"), "permissions"), path)
    end
    must("make uninstall" .. to)
    assert.same({}, files(folder, "%.%a"))
  end)

  it("builds a module that exports only luaopen_*", function()
    must("sh scripts/exports.sh " .. core)
  end)
end)

describe("the set-up", function()
  -- A folder with these commands only, to be the PATH.
  local function path_with(...)
    local folder = shell.folder("path")
    for _, command in ipairs { ... } do
      local target = assert(process.output("command -v " .. command))
      must(("ln -s %s %s/%s"):format(target, folder, command))
    end
    return folder
  end

  local function setup(path, groups, for_lua)
    return shell.run(("LUA=%s PATH=%s sh scripts/setup.sh %s"):format(for_lua or "", path, groups))
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
    assert.same({ true, "" }, { shell.run("sh scripts/setup.sh build test") })
  end)

  it("knows its groups", function()
    assert.is_false((shell.run("sh scripts/setup.sh everything")))
  end)
end)
