-- docs/manual: each piece of Lua runs as it stands there, against a web server, and prints what
-- stands behind "-->", in that order.

local lfs = require "lfs"
local process = require "spec.support.process"
local programs = require "spec.support.programs"
local servers = require "spec.support.servers"

local FOLDER <const> = "docs/manual"

local function pages()
  local list = {}
  for name in lfs.dir(FOLDER) do
    if name:find("%.md$") then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function expected(text)
  local lines = {}
  for line in text:gmatch("%-%-> ([^\n]*)") do lines[#lines + 1] = (line:gsub("%s+$", "")) end
  return lines
end

-- The lines that it prints; tabs are as good as spaces.
local function printed(text)
  local web, with = servers.nginx(), {}
  for _, part in ipairs { "http://localhost/", "http://app.internal:80/" } do
    local host = part:match("//([%w.]+)")
    local by = host == "localhost" and "127.0.0.1" or host
    if text:find(part, 1, true) then
      with[#with + 1] = { part, ("http://%s:%d/"):format(by, web.port) }
    end
  end
  local lines = {}
  for line in programs.run(text, with):gmatch("[^\n]+") do
    lines[#lines + 1] = line:gsub("\t", " ")
  end
  return lines
end

describe("The manual's piece of Lua", function()
  for _, page in ipairs(pages()) do
    for i, program in ipairs(programs.of(FOLDER .. "/" .. page)) do
      it(("runs, and prints what it says: %s, %d: %s"):format(page, i, program.title), function()
        local wanted, got = expected(program.text), printed(program.text)
        assert.truthy(#wanted > 0, "it says nothing of what it prints")
        for n, line in ipairs(wanted) do assert.equal(line, (got[n] or ""):sub(1, #line)) end
        assert.equal(#wanted, #got)
      end)
    end
  end

  it("stands on pages that the first page leads to", function()
    local first = process.read(FOLDER .. "/README.md")
    for _, page in ipairs(pages()) do
      if page ~= "README.md" then assert.matches("](" .. page .. ")", first, 1, true) end
    end
  end)
end)
