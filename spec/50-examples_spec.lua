-- Each example runs, and prints what its head says.

local lfs = require "lfs"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

-- Numbers, paths and marks that need a privilege differ from run to run.
local function normalize(line)
  return (line:gsub("/tmp/[%w_.]+", "PATH"):gsub("%d+%.?%d*", "N"):gsub("^%s+", "")
    :gsub("mark refused %(EPERM%)", "mark N"))
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do
    lines[#lines + 1] = normalize(line)
  end
  return lines
end

-- The lines under "Expected" in the head of the example.
local function expected(name)
  local head = process.read("examples/" .. name):match("\n%-%- Expected[^\n]*\n(.-)\n%a")
  local lines = {}
  for line in head:gmatch("%-%-   ([^\n]+)") do
    lines[#lines + 1] = normalize(line)
  end
  assert(#lines > 0, name .. " says nothing of its output")
  return lines
end

local function run(name, ...)
  local words = { process.interpreter, "examples/" .. name, ... }
  for i, word in ipairs(words) do
    words[i] = process.quote(word)
  end
  local path = ("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s "):format(process.quote(package.path),
    process.quote(package.cpath))
  local pipe <close> = assert(io.popen(path .. table.concat(words, " ") .. " 2>&1"))
  local output = pipe:read("a")
  assert(pipe:close(), output)
  return output
end

describe("example", function()
  for _, name in ipairs { "01-outlive.lua", "02-refuse-private.lua", "03-bind-and-mark.lua",
    "04-unix-route.lua", "05-count-per-host.lua", "06-take-the-socket.lua" } do
    it(name .. " prints what its head says", function()
      local got, wanted = lines_of(run(name)), expected(name)
      if name:find("^05") then -- libcurl closes a cache in an order of its own
        table.sort(got)
        table.sort(wanted)
      end
      assert.same(wanted, got)
    end)
  end

  it("01-outlive.lua runs against a real server", function()
    local output = run("01-outlive.lua", servers.nginx().url .. "/hello")
    assert.matches("A +got status 200 over descriptor %d+\n", output)
    assert.matches("B +got status 200 and opened nothing: it reused descriptor %d+\n", output)
    assert.matches("end +opened 1, closed 1, libcurl holds 0\n$", output)
  end)

  it("02-refuse-private.lua refuses what a redirect leads to", function()
    local web = servers.nginx()
    local to = ("http://127.0.0.2:%d/hello"):format(web.port)
    local output = run("02-refuse-private.lua", "--allow=127.0.0.1/32", web.url .. "/hello",
      web.url .. "/redirect?to=" .. to)
    assert.matches("/hello +status 200\n", output)
    assert.matches("refused: 127.0.0.2:%d+ is in 127.0.0.0/8\n$", output)
  end)

  it("07-socket-table.lua draws at most two sockets, and none at the end", function()
    local lines = {}
    for line in run("07-socket-table.lua"):gmatch("[^\n]+") do
      assert.truthy(line == "no socket" or line:find("^%d+ #*%.*$")
        or line:find("^%d+ #*%.*  %d+ #*%.*$"), line)
      lines[#lines + 1] = line
    end
    assert.equal("no socket", lines[1])
    assert.equal("no socket", lines[#lines])
    assert.matches("^%d+ %.%.%.%.  %d+ %.%.%.%.$", lines[2])
    assert.matches("#", table.concat(lines))
  end)

  it("of every number is run here", function()
    local count = 0
    for name in lfs.dir("examples") do
      count = count + (name:find("^%d%d%-.*%.lua$") and 1 or 0)
    end
    assert.equal(7, count)
  end)
end)
