-- What transfers through proxies must do under every loop, for 118-proxies_loops_spec.lua, as
-- scenarios (spec/support/scenarios.lua) of the group "proxies". Each goes through every proxy.

local process = require "spec.support.process"
local scenarios = require "spec.support.scenarios"
local system = require "spec.support.system"

local equal, web = scenarios.equal, scenarios.web
-- name -> options of an easy; and the same with a proxy that takes connections and is silent, and
-- one that is not there.
local ways = load(os.getenv "SCENARIO_WAYS" or "return {}")()
web.websocket = os.getenv "SCENARIO_WEBSOCKET" or "ws://127.0.0.1:1/" -- where libcurl has none

local scenario = scenarios.group "proxies"

local function base_of(way)
  return way.tls and web.https_url or web.url
end

local function easy_by(run, way, path, list, more)
  local easy = run:easy(base_of(way) .. path, list, way.options)
  return assert(easy:setopt(more or {}))
end

-- Calls f(name, way) for each in a coroutine of the loop, and runs that until all have ended.
local function each(run, f)
  local done, n = 0, 0
  for name, way in pairs(ways) do
    n = n + 1
    run.loop:spawn(function()
      f(name, way)
      done = done + 1
    end)
  end
  run.loop:run()
  equal(n, done)
end

scenario("many at once, over few connections", function(run)
  run.loop:close()
  run.loop = run.new { max_total_connections = 6 }
  each(run, function(name, way)
    for _ = 1, 3 do
      local list = {}
      local easy <close> = easy_by(run, way, "/hello", list)
      equal({ name, true }, { name, (run.loop:perform(easy)) })
      equal("hello\n", table.concat(list))
    end
  end)
end)

scenario("a task that is cancelled amid the answer leaves the others alone", function(run)
  each(run, function(_, way)
    local begun
    local slow <close> = easy_by(run, way, "/slow?rate=64k", nil, {
      writefunction = function() begun = true end,
    })
    local task = run.loop:spawn(function() run.loop:perform(slow) end)
    repeat run.loop:sleep(0.01) until begun
    task:cancel()
    equal({ nil, "CANCELLED" }, { task:wait(), (select(3, task:wait())) })
    slow:setopt { url = base_of(way) .. "/hello", writefunction = {} }
    equal(true, (run.loop:perform(slow)))
  end)
end)

scenario("a proxy that is silent or not there fails nobody else", function(run)
  each(run, function(_, way)
    local function result(options, seconds)
      local easy <close> = easy_by(run, way, "/hello", nil, options)
      return select(3, run.loop:perform(easy, seconds))
    end
    local late = run.loop:spawn(result, way.silent, 0.3)
    local cancelled = run.loop:spawn(result, way.silent)
    equal("COULDNT_CONNECT", result(way.gone))
    equal(nil, result(nil, 10 * process.patience))
    cancelled:cancel()
    equal("OPERATION_TIMEDOUT", late:wait())
  end)
end)

scenario("a stream has back-pressure, and may end early", function(run)
  each(run, function(_, way)
    do
      local all <close> = run.loop:stream(easy_by(run, way, "/big"), { limit = 65536 })
      equal(200, (all:headers()))
      run.loop:sleep(0.01)
      equal(web.big_size, #all:read "a")
    end
    local part <close> = run.loop:stream(easy_by(run, way, "/big"), { limit = 65536 })
    equal(1000, #part:read(1000))
  end)
end)

scenario("a WebSocket goes through all that tunnel", function(run)
  each(run, function(_, way)
    local easy <close> = run:easy(web.websocket, nil, way.options)
    local ws, message, name = run.loop:websocket(easy:setopt("httpproxytunnel", true))
    if not system.websocket then return equal("NOT_SUPPORTED", name) end
    assert(ws, message)
    equal(true, ws:send "hello")
    equal({ "echo hello", "text" }, { ws:recv() })
    ws:close()
  end)
end)

return scenarios
