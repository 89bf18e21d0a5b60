-- docs/coming-from.md: each piece of Lua in it runs, and prints what stands behind "-->".

local curl = require "curlsock"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"

local PAGE <const> = "docs/coming-from.md"

local function blocks()
  local list = {}
  for text in process.read(PAGE):gmatch("\n```lua\n(.-)\n```\n") do list[#list + 1] = text end
  return list
end

-- What the block says that it prints, one item a line.
local function expected(text)
  local lines = {}
  for line in text:gmatch("%-%-> ([^\n]*)") do lines[#lines + 1] = line end
  return lines
end

-- Runs the block against the web server: the lines that it prints. Tabs and what io.write writes
-- are as good as spaces and nothing.
local function printed(text)
  local lines = {}
  local env = setmetatable({
    io = setmetatable({ write = function() return true end }, { __index = io }),
    print = function(...)
      local words = table.pack(...)
      for i = 1, words.n do words[i] = tostring(words[i]) end
      lines[#lines + 1] = table.concat(words, " "):match("^%s*(.-)%s*$")
    end,
  }, { __index = _G })
  local web = servers.nginx()
  text = text:gsub('"http://localhost/', '"' .. web.url .. "/")
  text = text:gsub("%?to=/", "?to=" .. web.url .. "/")
  assert(load(text, "=" .. PAGE, "t", env))()
  return lines
end

describe("The page for those who come from other libraries", function()
  local all = blocks()

  it("has pieces of Lua that print something", function()
    assert.truthy(#all >= 8, #all)
    for i, text in ipairs(all) do assert.truthy(#expected(text) > 0, i) end
  end)

  for i, text in ipairs(all) do
    it(("runs, and prints what it says: %d, line %q"):format(i, expected(text)[1]), function()
      local lines = printed(text)
      assert.equal(#expected(text), #lines)
      for n, line in ipairs(expected(text)) do
        assert.equal(line, lines[n]:sub(1, #line))
      end
      collectgarbage()
      collectgarbage()
    end)
  end

  it("names functions, methods, options and informations that there are", function()
    local easy, multi = curl.easy(), curl.multi()
    local options, infos = {}, {}
    for name in curl.options() do options[name] = true end
    for name in curl.infos() do infos[name] = true end
    local checked = 0
    for row in process.read(PAGE):gmatch("\n| `[^|]*| ([^\n]*) |") do
      for name in row:gmatch("curl%.([%l_]+)") do assert.is_function(curl[name], name) end
      for class, name in row:gmatch("%f[%a](%a+):([%l_]+)%f[^%l_]%(") do
        assert.is_table((surface.methods[class] or {})[name], class .. ":" .. name)
        checked = checked + 1
      end
      for name in row:gmatch('getinfo%("([%l_]+)"%)') do assert.is_true(infos[name], name) end
      for name in row:gmatch("`([%l_]+) = ") do assert.is_true(options[name], name) end
    end
    assert.truthy(checked > 20, checked)
    easy:close()
    multi:close()
  end)
end)
