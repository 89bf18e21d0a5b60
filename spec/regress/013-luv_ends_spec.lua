-- curlsock.luv where libuv's loop does not run, or stands: handles that were left half closed,
-- at which luv crashed when the state ended; a run that turned for ever; a loop that stopped at
-- each event.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

if loops.missing[1] == "luv" then return end

local preamble = [[
  warn "@on"
  local curl, uv = require "curlsock", require "luv"
  local url, raw = %q, %s
  local function new()
    local adapter = require "curlsock.luv"
    if raw then return require("spec.support.loops").raw(adapter.new) end
    return adapter.new()
  end
  local function easy(path)
    return curl.easy { url = url .. path, proxy = "", timeout = 20, writefunction = {} }
  end
  local loop = new()
]]

for _, raw in ipairs { false, true } do
  describe("curlsock.luv" .. (raw and " without pollfd" or ""), function()
    local function pass(script)
      local out, err = left.pass(preamble:format(servers.nginx().url, raw) .. script, {
        MALLOC_PERTURB_ = "85", -- what was freed is seen to be so
      })
      assert.same({ "", "" }, { out, err })
    end

    it("leaves nothing half closed when the program steps it", function()
      pass [[
        loop:spawn(function() assert(loop:perform(easy("/hello"))) end)
        while loop.active > 0 do loop:step() end
      ]]
    end)

    it("leaves nothing half closed when the state ends, and easies are newer", function()
      pass [[
        kept = loop
        local second = 0
        for _ = 1, 6 do
          loop:spawn(function()
            assert(loop:perform(easy("/hello")))
            second = second + 1
            loop:perform(easy("/slow"))
          end)
        end
        while second < 6 do uv.run("once") end
        for _ = 1, 6 do uv.run("nowait") end
      ]]
    end)

    it("has closed what the program's last timer has closed", function()
      pass [[
        loop:spawn(function()
          assert(loop:perform(easy("/hello")))
          local co, timer = coroutine.running(), uv.new_timer()
          timer:start(10, 0, function()
            timer:close()
            assert(coroutine.resume(co))
          end)
          coroutine.yield()
        end)
        loop:run()
      ]]
    end)

    it("stops uv.run once for one error", function()
      pass [[
        local failure, done, stops = {}, 0, 0
        for i = 1, 4 do
          loop:spawn(function()
            assert(loop:perform(easy("/hello")))
            if i == 1 then error(failure) end
            for _ = 1, 3 do assert(loop:perform(easy("/hello"))) end
            done = done + 1
          end)
        end
        while uv.run() do stops = stops + 1 end
        assert(stops == 1 and done == 3, stops .. " " .. done)
        local ok, err = pcall(loop.run, loop)
        assert(not ok and rawequal(err, failure))
      ]]
    end)

    it("waits for its own transfers alone inside another loop's close callback", function()
      pass [[
        local other = new()
        local co, inside
        loop:spawn(function()
          co = coroutine.running()
          local slow = easy("/slow")
          slow:setopt("closesocketfunction", function()
            inside = other:perform(easy("/slow?rate=4m"))
          end)
          loop:perform(slow:setopt("forbid_reuse", true))
        end)
        assert(loop:perform(easy("/hello")))
        assert(coroutine.close(co))
        assert(inside == true)
        loop:run()
      ]]
    end)
  end)
end

it("curlsock.luv goes on when the program has closed all handles", function()
  left.pass(preamble:format(servers.nginx().url, false) .. [[
    local done
    loop:spawn(function() done = loop:perform(easy("/slow?rate=8m")) end)
    uv.walk(function(handle) handle:close() end)
    loop:run()
    assert(done)
  ]])
end)
