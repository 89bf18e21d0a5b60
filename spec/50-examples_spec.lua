-- Each example runs, and prints what its head says.

local lfs = require "lfs"
local loops = require "spec.support.loops"
local netns = require "spec.support.netns"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- Numbers, paths and what needs a privilege differ from run to run.
local function normalize(line)
  return (line:gsub("/tmp/[%w_.]+", "PATH"):gsub("%d+%.?%d*", "N"):gsub("^%s+", "")
    :gsub("^(marked +)refused: bind: .*", "%1was asked by N.N:N"))
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do
    lines[#lines + 1] = normalize(line)
  end
  return lines
end

-- What the heads say of other systems, for a line of Linux's.
local function elsewhere(line)
  return (line:gsub("N bytes received", "? bytes received"))
end

-- The lines under "Expected" in the head of the example.
local function expected(name)
  local head = process.read("examples/" .. name):match("\n%-%- Expected[^\n]*\n(.-)\n%a")
  local lines = {}
  for line in head:gmatch("%-%-   ([^\n]+)") do
    lines[#lines + 1] = system.linux and normalize(line) or elsewhere(normalize(line))
  end
  assert(#lines > 0, name .. " says nothing of its output")
  return lines
end

-- The words for the shell that run the example.
local function command(name, ...)
  local words = { process.lua() }
  for _, word in ipairs { "examples/" .. name, ... } do
    words[#words + 1] = process.quote(word)
  end
  return table.concat(words, " ")
end

local function output_of(words)
  local pipe <close> = assert(io.popen(words .. " 2>&1"))
  local output = pipe:read("a")
  assert(pipe:close(), output)
  return output
end

local function run(...)
  return output_of(command(...))
end

-- The same on a terminal.
local function run_on_terminal(...)
  return output_of("script -qec " .. process.quote(command(...)) .. " /dev/null")
end

local page_of = {
  loop = "08-loop.lua", luv = "09-luv.lua", cqueues = "10-cqueues.lua", select = "11-select.lua",
}

-- The lines of the example below its head, without the module of its loop.
local function body_of(name)
  local body = process.read("examples/" .. name):match("\n(package%.path.*)")
  return (body:gsub('require%("curlsock%.%a+"%)', "LOOP", 1))
end

describe("example", function()
  for _, name in ipairs { "01-outlive.lua", "02-refuse-private.lua", "03-bind-and-mark.lua",
    "04-unix-route.lua", "05-count-per-host.lua", "06-take-the-socket.lua", "13-limit.lua",
    "15-fake-server.lua", "17-broker.lua" } do
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
    assert.matches("refused: it is loopback .*, 127.0.0.0/8\n$", output)
  end)

  it("04-unix-route.lua is not steered by what else is in the URL", function()
    local web = servers.nginx()
    for _, user in ipairs { "app", "app:x", "app:80", "192.0.2.80" } do
      local url = ("http://%s@127.0.0.1:%d/hello?app#app"):format(user, web.port)
      assert.matches("127.0.0.1:%d+ refused: guard: it is loopback", run("04-unix-route.lua", url))
    end
    assert.matches("you asked for /%?@127", run("04-unix-route.lua", "http://app/?@127.0.0.1"))
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

  for _, loop in ipairs(loops.names) do
    local name = page_of[loop]
    it(name .. " fetches each page of its own origin once", function()
      local pages, lines = {}, lines_of(run(name))
      for i = 1, 60 do
        assert.equal("N N bytes http://N.N:N/N", (lines[i]:gsub(" +", " ")))
      end
      assert.equal("N of N fetched in N s", lines[61])
      assert.equal(61, #lines)
      for page in run(name):gmatch("200 +60 bytes  http://127.0.0.1:%d+/(%d+)\n") do
        pages[tonumber(page)] = true
      end
      assert.equal(60, #pages)
    end)

    it(name .. " fetches the URLs that it is given, and says what failed", function()
      local web = servers.nginx()
      local output = run(name, web.url .. "/hello", web.url .. "/redirect?to=/status/404",
        "http://127.0.0.1:1/")
      assert.matches("200 +6 bytes +" .. web.url .. "/hello\n", output)
      assert.matches("404 +%d+ bytes +" .. web.url .. "/redirect", output)
      assert.matches("failed +http://127.0.0.1:1/: .*connect", output)
      assert.matches("2 of 3 fetched in [%d.]+ s\n$", output)
    end)

    it(name .. " differs from 08-loop.lua in one line", function()
      assert.equal(body_of("08-loop.lua"), body_of(name))
    end)
  end

  it("08-loop.lua fetches 20 at a time", function()
    local urls, most = {}, 0
    for i = 1, 60 do
      urls[i] = servers.nginx().url .. "/clients?" .. i
    end
    assert.matches("60 of 60 fetched", run("08-loop.lua", table.unpack(urls)))
    local connections = {}
    for connection in process.read(servers.nginx().log):gmatch("(%d+) %S+ \"GET /clients%?") do
      if not connections[connection] then most = most + 1 end
      connections[connection] = true
    end
    -- libcurl may drop a few when many transfers end at once, and make them again.
    assert.truthy(most >= 20 and most <= 40, most)
  end)

  it("12-progress.lua prints one line into a pipe", function()
    assert.matches("^4%.0 MB in %d+%.%d s\n$", run("12-progress.lua"))
  end)

  it("12-progress.lua draws a bar on a terminal", function()
    local output = run_on_terminal("12-progress.lua")
    local bars, last = 0, nil
    for bar, percent in output:gmatch("\r%[(#*%.*)%] +(%d+)%% +[%d.]+ MB +[%d.]+ MB/s") do
      assert.equal(40, #bar)
      bars, last = bars + 1, percent
    end
    assert.truthy(bars > 2, output)
    assert.equal("100", last)
    assert.matches("0:00 left\27%[K\r\n4%.0 MB in %d+%.%d s\r\n$", output)
  end)

  it("12-progress.lua saves the file", function()
    local web, file = servers.nginx(), servers.dir() .. "/saved"
    finally(function() os.remove(file) end)
    run("12-progress.lua", web.url .. "/big", file)
    assert.equal(web.big, process.read(file))
  end)

  it("16-namespace.lua prints what its head says, where it can", function()
    local can = netns.allowed and system.linux
    local wanted = can and expected("16-namespace.lua") or { "no namespace can be made here" }
    assert.same(wanted, lines_of(run("16-namespace.lua")))
  end)

  it("14-fault.lua gets all pages in the end", function()
    local output = run("14-fault.lua")
    local pattern = "^30 pages of 30, and (%d+) failed attempts: (%d+) refused, (%d+) cut\n$"
    local failed, refused, cut = output:match(pattern)
    assert.truthy(failed and tonumber(refused) > 3 and tonumber(cut) > 2, output)
  end)

  it("of every number is run here", function()
    local count = 0
    for name in lfs.dir("examples") do
      count = count + (name:find("^%d%d%-.*%.lua$") and 1 or 0)
    end
    assert.equal(17, count)
  end)
end)
