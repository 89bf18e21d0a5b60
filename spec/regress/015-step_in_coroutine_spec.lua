-- A coroutine that steps or runs its loop kept those from going on whose transfers had ended in
-- the same step: what waited for one of them waited for ever.
local curl = require "curlsock"
local servers = require "spec.support.servers"

for _, name in ipairs { "loop", "select" } do
  for how, go_on in pairs {
    steps = function(loop) loop:step() end,
    runs = function(loop) loop:run() end,
  } do
    it(("curlsock.%s: a coroutine that %s the loop lets others go on"):format(name, how), function()
      local loop = require("curlsock." .. name).new()
      local gone_on, seen = 0, nil
      for i = 1, 3 do
        loop:spawn(function()
          assert(loop:perform(curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
            writefunction = {} }))
          if i > 1 then gone_on = gone_on + 1 return end
          while loop.active > 0 do loop:step() end
          go_on(loop)
          seen = gone_on
        end)
      end
      os.execute("sleep 0.1") -- all end in one step
      loop:run()
      assert.equal(2, seen)
      loop:close()
    end)
  end
end
