-- Without multi:pollfd: a transfer that ended by the time ended the loop too, and left a timer
-- half closed in libuv. luv crashed when the state ended then.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

if loops.missing[1] ~= "luv" then
  it("curlsock.luv leaves nothing half closed when time ends its last transfer", function()
    local silent = servers.script [[
      local server = ...
      local kept = {}
      while true do kept[#kept + 1] = server:accept() end
    ]]
    left.pass(([[
      local curl = require "curlsock"
      local loop = require("spec.support.loops").raw(require("curlsock.luv").new)
      loop:spawn(function()
        local easy = curl.easy { url = %q, proxy = "" }
        assert(select(3, loop:perform(easy, 0.1)) == "OPERATION_TIMEDOUT")
      end)
      loop:run()
    ]]):format(silent.url))
    servers.stop(silent)
  end)
end
