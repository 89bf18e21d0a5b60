-- A loop that was closed when its multi's call had just ended: by a handle that was collected
-- in a callback, and closed then.
local curl = require "curlsock"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

local function easy(path, options)
  return curl.easy { url = servers.nginx().url .. path, proxy = "", writefunction = {} }
    :setopt(options or {})
end

it("A loop can be closed by a close callback of what a callback has dropped", function()
  local loop = require("curlsock.loop").new()
  local results = {}
  local dropped = { easy("/hello", { closesocketfunction = function() loop:close() end }) }
  assert(dropped[1]:perform())
  loop:spawn(function() results[1] = select(3, loop:perform(easy("/slow"))) end)
  loop:spawn(function()
    results[2] = select(3, loop:perform(easy("/hello", {
      writefunction = function()
        dropped[1] = nil
        collectgarbage()
      end,
    })))
  end)
  loop:run()
  assert.same({ "CLOSED", "CLOSED" }, results)
end)

it("A loop that is closed does nothing when it is stepped", function()
  local loop = require("curlsock.loop").new()
  loop:close()
  loop:step()
end)

it("A step is refused at once by a close callback of what a callback has dropped", function()
  local loop <close> = loops.raw(require("curlsock.loop").new)
  local start, ok, err = curl.now(), nil, nil
  local dropped = { easy("/hello", {
    closesocketfunction = function() ok, err = pcall(loop.step, loop) end,
  }) }
  assert(dropped[1]:perform())
  loop:perform(easy("/hello", {
    writefunction = function()
      dropped[1] = nil
      collectgarbage()
    end,
  }))
  assert.is_false(ok)
  assert.matches("inside a callback", err)
  assert.is_true(curl.now() - start < 30)
end)
