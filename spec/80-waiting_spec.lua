-- Coroutines that wait: sleep, wait, tasks, groups, admission, under each loop, where multi:pollfd
-- exists and where it does not (spec/support/waits.lua).

local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"
local waits = require "spec.support.waits"

local web, silent

local function run(name, raw, title)
  local script = [[require("spec.support.waits").run(%q, %s, %q)]]
  local out, err = left.pass(script:format(name, raw, title), {
    SCENARIO_URL = web.url,
    SCENARIO_CA = web.ca,
    SCENARIO_BIG_SIZE = tostring(#web.big),
    SCENARIO_SILENT = silent.url,
  })
  -- luv itself prints the error of a descriptor that it watches.
  if name == "luv" then err = err:gsub("EBADF: bad file descriptor\n", "") end
  assert.same({ "", "" }, { out, err })
end

setup(function()
  web, silent = servers.nginx(), servers.silent()
end)

teardown(function()
  servers.stop(silent)
end)

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    describe(("curlsock.%s%s"):format(name, raw and ", without pollfd," or ""), function()
      for _, title in ipairs(waits.titles(name, raw, "waits")) do
        it(title, function() run(name, raw, title) end)
      end
    end)
  end
end

describe("multi:poll", function()
  for _, raw in ipairs(loops.modes) do
    local function new()
      local multi = curl.multi()
      if not raw then multi:pollfd() end
      return multi
    end

    local with = raw and " without pollfd" or ""

    it("waits for descriptors of the script's own" .. with, function()
      local multi <close> = new()
      local a, b = curl.socketpair("stream")
      assert.same({ 1, { [b:fd()] = "w" } }, { multi:poll(1, { [a:fd()] = "r", [b:fd()] = "w" }) })
      assert.same({ 0, {} }, { multi:poll(0.02, { [a:fd()] = "r" }) })
      b:send("x", 0)
      assert.same({ 1, { [a:fd()] = "rw" } }, { multi:poll(1, { [a:fd()] = "rw" }) })
      assert.same({ 0, {} }, { multi:poll(0, {}) })
      assert.same({ 0 }, { multi:poll(0) })
      a:close()
      b:close()
    end)

    it("tells a hangup, and what is closed, as what was waited for" .. with, function()
      local multi <close> = new()
      local a, b = curl.socketpair("stream")
      local fd = b:fd()
      b:close()
      assert.same({ 1, { [a:fd()] = "r" } }, { multi:poll(1, { [a:fd()] = "r" }) })
      assert.same({ 1, { [fd] = "w" } }, { multi:poll(1, { [fd] = "w" }) })
      a:close()
    end)

    it("ends by a transfer, too" .. with, function()
      local multi <close> = new()
      local easy <close> = curl.easy { url = web.url .. "/hello", proxy = "", writefunction = {} }
      local a, b = curl.socketpair("stream")
      multi:add(easy)
      local running = 1
      while running > 0 do
        running = multi:perform()
        if running > 0 then
          local ready = { multi:poll(20, { [a:fd()] = "r" }) }
          assert.same({}, ready[2])
          assert.truthy(ready[1] >= 0)
        end
        if not raw then multi:socket_action(multi:pollfd(), "r") end
      end
      a:close()
      b:close()
    end)

    it("names what is wrong in the table" .. with, function()
      local multi <close> = new()
      for text, table in pairs {
        ["a key is no descriptor"] = { x = "r" },
        ["events of descriptor 1: string expected, got boolean"] = { [1] = true },
        ["events of descriptor 1: 'r', 'w' or 'rw' expected, got 'x'"] = { [1] = "x" },
      } do
        assert.error_matches(function() multi:poll(0, table) end, text, 1, true)
      end
      assert.error_matches(function() multi:poll(0, { [-1] = "r" }) end, "a key is no descriptor")
      assert.error_matches(function() multi:poll(0, { [2 ^ 40] = "r" }) end, "a key is no desc")
      assert.error_matches(function() multi:poll(0, "x") end, "table expected")
    end)
  end
end)
