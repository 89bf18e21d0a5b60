-- The loops: curlsock's own, luv, cqueues and socket.select. Each must pass the same scenarios
-- (spec/support/scenarios.lua), where multi:pollfd exists and where each of libcurl's descriptors
-- is watched by itself.

local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local scenarios = require "spec.support.scenarios"
local servers = require "spec.support.servers"

local names = loops.names
local web, ftp, ftps, dying, silent, dead

-- Ends each answer in the middle: by closing, or by a reset.
local dying_server = [[
  local server = ...
  while true do
    local peer = server:accept()
    local line = peer:receive()
    local path = line and line:match("^GET (%S+)")
    repeat line = peer:receive() until line == "" or not line
    peer:send "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    if path == "/reset" then peer:setoption("linger", { on = true, timeout = 0 }) end
    peer:close()
  end
]]

local function environment()
  return {
    SCENARIO_URL = web.url,
    SCENARIO_HTTPS_URL = web.https_url,
    SCENARIO_H2_URL = web.h2_url,
    SCENARIO_CA = web.ca,
    SCENARIO_PID = tostring(web.pid),
    SCENARIO_BIG_SIZE = tostring(#web.big),
    SCENARIO_DEAD = dead.url,
    SCENARIO_SILENT = silent.url,
    SCENARIO_DYING = dying.url,
    SCENARIO_FTP = ftp.url,
    SCENARIO_FTPS = ftps.url,
    SCENARIO_REFUSED = "http://127.0.0.1:" .. servers.free_port(),
  }
end

-- Runs a scenario, which prints nothing and warns of nothing; first is a script to run before.
local function run(name, raw, title, first)
  local script = ([[require("spec.support.scenarios").run(%q, %s, %q)]]):format(name, raw, title)
  local out, err = left.pass((first or "") .. script, environment())
  -- luv itself prints the error of a descriptor that it watches.
  if name == "luv" and raw then err = err:gsub("EBADF: bad file descriptor\n", "") end
  assert.same({ "", "" }, { out, err })
end

setup(function()
  web, ftp, ftps = servers.nginx(), servers.vsftpd(), servers.vsftps()
  dying, silent = servers.script(dying_server), servers.silent()
  dead = servers.dead()
end)

teardown(function()
  for _, server in ipairs { dying, silent, dead } do servers.stop(server) end
end)

for _, name in ipairs(names) do
  for _, raw in ipairs(loops.modes) do
    describe(("curlsock.%s%s"):format(name, raw and ", without pollfd," or ""), function()
      for _, title in ipairs(scenarios.titles(name, raw)) do
        it(title, function() run(name, raw, title) end)
      end
    end)
  end
end

describe("The driver's contract", function()
  it("is what stands above its functions", function()
    local listed = {}
    for name in pairs(require("spec.support.contract").names) do listed[#listed + 1] = name end
    table.sort(listed)
    assert.same({ "active", "busy", "close", "current", "group", "guard", "hooks", "multi",
      "on_event", "on_timer", "perform", "resume", "run", "settle", "sleep", "spawn", "spawned",
      "step", "stream", "suspend", "timer", "turn", "wait", "watch", "watches",
      "websocket" }, listed)
  end)

  it("is enforced: what an adapter reads, writes or gives besides raises", function()
    left.pass [[
      local contract = require "spec.support.contract"
      contract.enforce()
      local new = require("curlsock.driver").new
      local function nothing() end
      local function hooks(more)
        more.watch, more.timer, more.turn = nothing, nothing, nothing
        return more
      end
      local driver = new(hooks {})
      local function fails(text, f, ...)
        local ok, err = pcall(f, ...)
        assert(not ok and err:find(text, 1, true), err)
      end
      fails("field 'awake' is not in the contract", function() return driver.awake end)
      fails("an adapter writes field failed", function() driver.failed = { 1 } end)
      fails("an adapter writes field run", function() driver.run = nothing end)
      fails("hook 'poll' is not in the contract", new, hooks { poll = nothing })
      driver:close()
    ]]
  end)

  for _, name in ipairs(names) do
    for _, raw in ipairs(loops.modes) do
      for _, title in ipairs {
        "is closed by one of its coroutines",
        "raises what a close callback threw by run",
        "cancels the transfer of a coroutine that is closed",
        "gives up on servers that never answer, and others go on meanwhile",
        "is run by its host's own means, which end when no transfer is left",
      } do
        it(("is kept by curlsock.%s%s which %s"):format(name, raw and ", without pollfd," or "",
          title), function()
          run(name, raw, title, "require('spec.support.contract').enforce() ")
        end)
      end
    end
  end
end)

-- Debian has neither luv nor cqueues for Lua 5.5. For Lua 5.4 they must be there.
for _, name in ipairs(loops.missing) do
  it(("curlsock.%s says that its library is missing, and only for Lua 5.5"):format(name), function()
    assert.equal("5.5", process.version)
    local ok, message = pcall(require, "curlsock." .. name)
    assert.is_false(ok)
    assert.matches(("module '%s[.%%w]*' not found:"):format(name), message)
  end)
end

describe("A script", function()
  -- All that is the loop's is in the first line.
  local body = [[

    warn "@on"
    local curl = require "curlsock"
    local urls, bodies = {}, {}
    for i = 1, 20 do urls[i] = url .. (i % 5 == 0 and "/big" or "/hello") end
    for i = 1, 20 do
      loop:spawn(function()
        bodies[i] = {}
        local easy <close> = curl.easy { url = urls[i], proxy = "", writefunction = bodies[i] }
        local ok, message, name = loop:perform(easy, 10)
        print(i, ok, message, name, #table.concat(bodies[i]), easy:getinfo("response_code"))
      end)
    end
    loop:run()
    print(pcall(loop.perform, loop, curl.easy()))
    loop:close()
    print(pcall(loop.perform, loop, curl.easy()))
  ]]

  it("is the same under each of them but for one line", function()
    local outputs = {}
    for i, name in ipairs(names) do
      local script = ("local loop, url = require('curlsock.%s').new(), %q"):format(name, web.url)
      local out, err = left.pass(script .. body)
      assert.equal("", err)
      local lines = {}
      for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
      table.sort(lines)
      outputs[i] = table.concat(lines, "\n")
    end
    assert.matches("10\ttrue\tnil\tnil\t1048576\t200", outputs[1], 1, true)
    for i = 2, #names do assert.equal(outputs[1], outputs[i]) end
  end)

  local ending = [[
    warn "@on"
    local curl = require "curlsock"
    local loops = require "spec.support.loops"
    local new = require("curlsock.%s").new
    local loop = %s and loops.raw(new) or new()
    local function easy(path)
      return curl.easy {
        url = %q .. path,
        proxy = "",
        writefunction = {},
        closesocketfunction = function(socket) print("closed", path) end,
      }
    end
    kept = loop
    loop:spawn(function() loop:perform(easy "/slow") end)
    print(loop:perform(easy "/hello"))
  ]]

  for _, name in ipairs(names) do
    for _, raw in ipairs(loops.modes) do
      local mode = raw and ", without pollfd" or ""
      it("may end while its transfers run, under " .. name .. mode, function()
        local out, err = left.pass(ending:format(name, raw, web.url))
        local lines = {}
        for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
        table.sort(lines)
        assert.same({ "closed\t/hello", "closed\t/slow", "true" }, lines)
        assert.equal("", err)
      end)

      -- In one turn of libuv its timers come after it has closed handles. What luv frees too
      -- early is made unusable.
      it("may end when a transfer's time is over, under " .. name .. mode, function()
        assert.equal("OPERATION_TIMEDOUT\n", (left.pass(([[
          local curl = require "curlsock"
          local new = require("curlsock.%s").new
          local loop = %s and require("spec.support.loops").raw(new) or new()
          print(select(3, loop:perform(curl.easy { url = %q, proxy = "" }, %g)))
        ]]):format(name, raw, silent.url, 0.1 * process.patience), { MALLOC_PERTURB_ = "165" })))
      end)
    end
  end
end)
