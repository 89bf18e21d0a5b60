-- Who waited for a group, or a task, when the loop was closed already waited for ever, also with a
-- limit: nothing of a closed loop's time comes. In cqueues run() did not return. Found by soak.
local left = require "spec.support.left"
local loops = require "spec.support.loops"

for _, name in ipairs(loops.names) do
  it("waiting in a closed loop says CLOSED in curlsock." .. name, function()
    assert.equal("CLOSED\n", (left.pass(([[
      local loop <close> = require("curlsock.%s").new()
      local group = loop:group()
      group:spawn(function()
        loop:sleep(0.001)
        loop:close()
        print(select(3, group:wait(0.01)), select(3))
      end)
      loop:run()
    ]]):format(name))))
  end)
end
