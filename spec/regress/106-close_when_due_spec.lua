-- A loop in luv did not come back from close if a time in it came meanwhile: the timer, which had
-- nothing to do any more, was started again and again for that, and libuv calls one that is due at
-- once in the same turn. (And a turn that began with what was due then waited for something else:
-- sleep(0) came back when the next time had come.) Found by soak.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    it(("curlsock.%s can be closed when a time comes meanwhile"):format(
      name .. (raw and " without pollfd" or "")), function()
      local out, err = left.pass(([[
        local curl = require "curlsock"
        local new = require("curlsock.%s").new
        local loop = %s
        local slow, told = curl.easy { url = %q, proxy = "" }, nil
        local easy <close> = curl.easy { url = %q, proxy = "", closesocketfunction = function()
          local stop = curl.now() + 0.5
          repeat until curl.now() > stop
        end }
        assert(loop:perform(easy))
        loop:spawn(function() told = select(3, loop:perform(slow, 0.3)) end)
        loop:sleep(0)
        loop:close()
        loop:run()
        print(told)
      ]]):format(name, raw and "require('spec.support.loops').raw(new)" or "new()",
        servers.nginx().url .. "/slow?rate=1k", servers.nginx().url .. "/hello"), nil, 10)
      assert.same({ "CLOSED\n", "" }, { out, err })
    end)
  end
end
