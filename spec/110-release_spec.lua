-- A release: one version everywhere, and a rock that installs from what was packed.

local lfs = require "lfs"
local limit = require "spec.support.limit"
local luarocks = require "spec.support.luarocks"
local process = require "spec.support.process"
local shell = require "spec.support.shell"

local version = require("curlsock")._VERSION:match("^curlsock (%d+%.%d+%.%d+)$")

describe("The version", function()
  it("is what the CHANGELOG's newest heading says", function()
    assert.equal(version, process.read("CHANGELOG.md"):match("\n## (%d+%.%d+%.%d+)"))
  end)

  it("is that of the Debian package", function()
    assert.equal(version, process.read("debian/changelog"):match("^curlsock %(([%d.]+)%)"))
  end)

  it("is that of the tag, where the commit has one", function()
    local tags = process.output("git tag --points-at HEAD 2>/dev/null") or ""
    for tag in tags:gmatch("v%d[^\n]*") do
      assert.equal("v" .. version, tag)
    end
  end)
end)

-- A repository of its own with what is here now, be it committed or not, be this one or not.
local function new_repository()
  local folder = shell.folder("repository")
  local git = "git -c user.name=spec -c user.email=spec@localhost -C " .. folder
  shell.must("tar --exclude=./build --exclude=./.git -cf - . | tar -C " .. folder .. " -xf -")
  shell.must(("git init --quiet %s && %s add . && %s commit --quiet -m spec")
    :format(folder, git, git))
  return folder, git
end

-- LuaRocks in that folder, which is its home, too.
local function run_luarocks(folder, command, words)
  return shell.must(("cd %s && HOME=%s %s %s"):format(folder, folder, command, words))
end

local function check_rockspec(path)
  local rockspec = {}
  assert(loadfile(path, "t", rockspec))()
  assert.equal(version .. "-1", rockspec.version)
  assert.equal("v" .. version, rockspec.source.tag)
end

-- The installed module and the installed example, wherever that is run.
local function check_demo(tree, rock)
  local lua = process.lua(luarocks.only(tree))
  local output = shell.must(("cd / && %s %s/examples/01-outlive.lua"):format(lua, rock))
  assert.matches("end +opened 1, closed 1, libcurl holds 0\n$", output)
end

describe("make dist", function()
  it("packs a tarball, and a rock that installs offline, with docs and a demo that runs", function()
    limit.start(400) -- it compiles all of it, one file after the other
    local repository = new_repository()
    local dist = repository .. "/build/dist"
    shell.must(("make -C %s BUILD=build dist"):format(repository))
    check_rockspec(("%s/curlsock-%s-1.rockspec"):format(dist, version))
    local files = shell.must(("tar -tzf %s/curlsock-%s.tar.gz"):format(dist, version))
    assert.matches("\ncurlsock-" .. version .. "/lua/curlsock/init.lua\n", files, 1, true)

    local tree = shell.folder("tree")
    local rock = ("%s/lib/luarocks/rocks-%s/curlsock/%s-1"):format(tree, process.version, version)
    run_luarocks(dist, luarocks.admin, "make_manifest .")
    run_luarocks(dist, luarocks.command,
      ("install --tree=%s --only-server=%s curlsock CFLAGS=-fPIC"):format(tree, dist))
    check_demo(tree, rock)
    for _, name in ipairs { "docs/manual/README.md", "library/curlsock.lua" } do
      assert.equal("file", lfs.attributes(rock .. "/" .. name, "mode"), name)
    end
  end)

  it("refuses what is not committed, and a tag that another commit has", function()
    local folder, git = new_repository()
    local function refusal()
      local ok, output = shell.run(("cd %s && sh scripts/dist.sh build/dist"):format(folder))
      assert.is_false(ok)
      return output
    end
    shell.must(("%s tag v%s && echo >>%s/README.md"):format(git, version, folder))
    assert.equal("dist: what is not committed would not be packed\n", refusal())
    shell.must(git .. " commit --quiet -a -m later")
    assert.equal(("dist: v%s is another commit\n"):format(version), refusal())
  end)
end)
