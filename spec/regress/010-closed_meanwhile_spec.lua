-- A loop that was closed when its multi's call had just ended: by a handle that was collected
-- in a callback, and closed then.
local curl = require "curlsock"
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
