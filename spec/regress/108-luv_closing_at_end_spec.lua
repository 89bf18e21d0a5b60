-- The state ended while libuv was closing a handle of curlsock.luv's: inside a callback of another
-- pool, where nothing lets libuv end that, a new watch had closed the timer of a wait before.
-- luv crashed. Found by soak.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

if loops.missing[1] == "luv" then return end

it("curlsock.luv leaves nothing to libuv to close inside a callback", function()
  local silent = servers.silent()
  local out, err = left.pass(([[
    local curl = require "curlsock"
    loop = require("curlsock.luv").new()
    curl.easy {
      url = "file:///etc/passwd",
      writefunction = function()
        loop:sleep(0.01)
        loop:spawn(function()
          loop:perform(curl.easy { url = %q, proxy = "", timeout = 10 }, 5)
        end)
        return true
      end,
    }:perform()
  ]]):format(silent.url))
  servers.stop(silent)
  assert.same({ "", "" }, { out, err })
end)
