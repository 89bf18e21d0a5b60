-- The table of what curlsock offers (spec/support/surface.lua) is the module: what csrc or lua has
-- and the table has not fails here, by name, before the specs that go through it miss it.

local curl = require "curlsock"
local process = require "spec.support.process"
local surface = require "spec.support.surface"

-- Names that one list has and the other has not.
local function differences(listed, found)
  local wrong = {}
  for _, name in ipairs(surface.sorted(found)) do
    if not listed[name] then wrong[#wrong + 1] = name .. " is not in spec/support/surface.lua" end
  end
  for _, name in ipairs(surface.sorted(listed)) do
    if not found[name] then wrong[#wrong + 1] = name .. " is not in the module" end
  end
  return wrong
end

-- Options whose name stands alone in a string of csrc.
local function callbacks_of_csrc()
  local found = {}
  for path in process.output("find csrc -name '*.c'"):gmatch("[^\n]+") do
    for name in process.read(path):gmatch('"([%l%d_]+function)"') do
      found[name] = true
    end
  end
  return found
end

local function all_callbacks()
  local set = {}
  for _, name in ipairs(surface.names()) do set[name] = true end
  for _, name in ipairs(surface.rare_callbacks) do set[name] = true end
  for _, name in ipairs(surface.multi_callbacks) do set[name] = true end
  return set
end

local function functions_of(t)
  local found = {}
  for name, value in pairs(t) do
    if type(value) == "function" and not name:find("^__") then found[name] = true end
  end
  return found
end

describe("The table of what curlsock offers", function()
  it("has all callbacks", function()
    assert.same({}, differences(all_callbacks(), callbacks_of_csrc()))
  end)

  it("has no callback that cannot be set", function()
    local easy <close> = curl.easy()
    local multi <close> = curl.multi()
    for _, name in ipairs(surface.names()) do
      assert.equal(easy, easy:setopt(name, function() end))
    end
    for _, name in ipairs(surface.rare_callbacks) do
      local set, _, why = easy:setopt(name, function() end)
      local lacks = name == "trailerfunction" and curl.version_info().version_num < 0x080700
      assert.equal(lacks and "NOT_SUPPORTED" or easy, set or why, name)
    end
    for _, name in ipairs(surface.multi_callbacks) do
      assert.equal(multi, multi:setopt(name, function() end))
    end
  end)

  it("has all functions of the module", function()
    assert.same({}, differences(surface.functions, functions_of(curl)))
  end)

  for _, class in ipairs(surface.handles) do
    it("has all methods of class " .. class, function()
      local object <close> = curl[class]()
      assert.same({}, differences(surface.methods[class], surface.methods_of(object)))
    end)

    it("says of each method of class " .. class .. " whether a callback may call it", function()
      for name, entry in pairs(surface.methods[class]) do
        assert.truthy(entry.inside == "allowed" or entry.inside == "refused", name)
      end
    end)
  end

  it("has all methods of class socket, and when each may be called", function()
    local socket <close> = curl.socket()
    assert.same({}, differences(surface.methods.socket, surface.methods_of(socket)))
    for name, entry in pairs(surface.methods.socket) do
      assert.truthy(({ options = true, io = true, own = true })[entry.state], name)
    end
  end)

  for class, object in pairs { address = curl.address "::1", networks = curl.networks {} } do
    it("has all methods of class " .. class, function()
      assert.same({}, differences(surface.methods[class], surface.methods_of(object)))
    end)
  end

  it("has all methods of class url", function()
    assert.same({}, differences(surface.methods.url, surface.methods_of(curl.url())))
  end)

  it("has all methods of a loop", function()
    local loop <close> = require("curlsock.loop").new()
    assert.same({}, differences(surface.methods.loop, functions_of(surface.methods_of(loop))))
  end)

  it("is found wanting when it lacks a name, or has one too many", function()
    assert.same({
      "b is not in spec/support/surface.lua", "c is not in the module",
    }, differences({ a = {}, c = {} }, { a = true, b = true }))
  end)
end)
