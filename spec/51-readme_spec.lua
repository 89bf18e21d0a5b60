-- The README: what it begins with, as it stands there, against servers. (What its guard refuses, by
-- itself, is spec 91's and 92's.) The programs after that, too; and that its links lead somewhere.

local curl = require "curlsock"
local left = require "spec.support.left"
local lfs = require "lfs"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local programs = require "spec.support.programs"
local servers = require "spec.support.servers"

local function blocks()
  return process.read("README.md"):gmatch("\n```lua\n(.-)\n```\n")
end

-- Text with one part of it replaced, which must be there.
local function replace(text, part, by)
  local first, last = text:find(part, 1, true)
  assert(first, part .. " is not in the README's block")
  return text:sub(1, first - 1) .. by .. text:sub(last + 1)
end

-- What the block prints, a table of values for each line, with other URLs in it, if they are given,
-- and 127.0.0.1 for what is public.
local function run(urls)
  local text, lines = blocks()(), {}
  if urls then
    local list = text:match("ipairs (%b{}) do")
    for i, url in ipairs(urls) do urls[i] = ("%q"):format(url) end
    text = replace(text, list, "{ " .. table.concat(urls, ", ") .. " }")
    text = replace(text, "policy.guard()",
      "policy.guard { allow = { '127.0.0.1' }, ports = 'any', own = false }")
  end
  local env = setmetatable({
    print = function(...) lines[#lines + 1] = table.pack(...) end,
  }, { __index = _G })
  assert(load(text, "=README.md", "t", env))()
  return lines
end

describe("The README's guard", function()
  it("says what the README says", function()
    local lines = run()
    assert.equal(3, #lines)
    for _, line in ipairs(lines) do
      assert.is_nil(line[2])
      assert.matches(" refused: guard: it is ", line[3], 1, true)
      assert.equal("REFUSED", line[4])
    end
    local said = process.read("README.md"):match("`(%[::1%]:80 refused:%s.-)`"):gsub("%s+", " ")
    local localhost = lines[1][1]:find("localhost") and lines[1] or lines[2]
    if not localhost[3]:find("127.0.0.1:80", 1, true) then -- of several addresses the last is named
      assert.matches(said, localhost[3], 1, true)
    end
  end)

  it("lets go where it is public, and refuses what a redirect from there leads to", function()
    local web = servers.nginx()
    local to = ("%s/redirect?to=http://127.0.0.2:%d/hello"):format(web.url, web.port)
    for _, line in ipairs(run { web.url .. "/hello", to }) do
      if line[1] == to then
        assert.equal("REFUSED", line[4])
        assert.matches("127.0.0.2:" .. web.port .. " refused: guard: ", line[3], 1, true)
      else
        assert.same({ 200, "hello\n" }, { line[2].status, line[2].body })
      end
    end
  end)

  it("asks no proxy of the environment", function()
    local proxy = servers.nginx().url
    local out = left.pass(blocks()(), { http_proxy = proxy, ALL_PROXY = proxy })
    local _, count = out:gsub("REFUSED\n", "")
    assert.equal(3, count)
  end)
end)

describe("The README's own policy", function()
  it("composes, and refuses by the hour", function()
    local text
    for block in blocks() do
      if block:find("^local office") then text = block end
    end
    local hour = 12
    local env = setmetatable({ os = { date = function() return { hour = hour } end } },
      { __index = _G })
    local office = assert(load(text .. "\nreturn office", "=README.md", "t", env))()
    local rules = policy.compose { office }
    assert.is_true(rules:ask { url = "http://example.com/" })
    hour = 20
    assert.equal("office: closed: http://example.com/", (select(2, rules:ask {
      url = "http://example.com/",
    })))
    assert.equal("policy", curl.type(rules.policy))
  end)
end)

describe("The README's program", function()
  local by_title = {}
  for _, program in ipairs(programs.of "README.md") do
    by_title[program.title] = by_title[program.title] or {}
    table.insert(by_title[program.title], program.text)
  end

  local function run_program(title, i, path)
    return (programs.run(by_title[title][i], {
      { "http://example.com/", servers.nginx().url .. path },
    }))
  end

  it("for a request prints what has come", function()
    assert.equal(2, #by_title.Fetch)
    for i = 1, 2 do
      assert.equal("200\ttext/plain\t6\n", run_program("Fetch", i, "/hello"))
    end
  end)

  it("for many at once prints a line for each", function()
    local out = run_program("Many at once", 1, "/hello")
    local _, count = out:gsub("%d+\t200\n", "")
    assert.equal(20, count)
  end)

  it("for sockets tells when they are opened and closed", function()
    local out = run_program("Sockets", 1, "/hello")
    local at = "127.0.0.1:" .. servers.nginx().port
    local lines = "open\t%s\nthe easy is closed, its connection is not\nclose\t%s\n"
    assert.equal(lines:format(at, at), out)
  end)
end)

describe("The links of the documents", function()
  local function exists(path)
    return lfs.attributes(path, "mode") ~= nil
  end

  -- The anchors of a page, as forges make them of its headings: of several that are the same the
  -- second ends with "-1".
  local function anchors(path)
    local set, times = {}, {}
    for title in ("\n" .. process.read(path)):gmatch("\n##* ([^\n]*)") do
      local anchor = title:lower():gsub("[^%w _-]", ""):gsub(" ", "-")
      local count = times[anchor] or 0
      times[anchor] = count + 1
      set[count == 0 and anchor or anchor .. "-" .. count] = true
    end
    return set
  end

  local function check(page)
    local folder = page:match("^(.*/)") or ""
    for link in process.read(page):gmatch("%]%(([^)%s]+)%)") do
      if not link:find("^%a+:") then
        local path, anchor = link:match("^([^#]*)#?(.*)$")
        path = path == "" and page or folder .. path
        assert.is_true(exists(path), page .. " leads to " .. link)
        assert.is_true(anchor == "" or anchors(path)[anchor], page .. " leads to " .. link)
      end
    end
  end

  for _, page in ipairs { "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md" } do
    it("lead somewhere: " .. page, function() check(page) end)
  end

  for _, folder in ipairs { "docs", "docs/manual", "spec" } do
    for name in lfs.dir(folder) do
      if name:find("%.md$") then
        local page = folder .. "/" .. name
        it("lead somewhere: " .. page, function() check(page) end)
      end
    end
  end
end)
