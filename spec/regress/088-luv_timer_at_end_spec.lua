-- Without multi:pollfd: the state ended while libcurl had a time, and something in the loop
-- another. The multi's finalizer tells that the first is none now, so the timer was started for
-- the second; but the finalizer of that had come before, and luv crashed.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

if loops.missing[1] == "luv" then return end

for _, raw in ipairs(loops.modes) do
  it("curlsock.luv starts no timer when the state ends" .. (raw and ", without pollfd" or ""),
    function()
      local silent = servers.silent()
      local out, err = left.pass(([[
        local curl = require "curlsock"
        local new = require("curlsock.luv").new
        loop = %s
        loop:spawn(function()
          loop:perform(curl.easy { url = %q, proxy = "", timeout = 10 }, 5)
        end)
        loop:sleep(0.02)
      ]]):format(raw and "require('spec.support.loops').raw(new)" or "new()", silent.url))
      servers.stop(silent)
      assert.same({ "", "" }, { out, err })
    end)
end
