-- A task that had yielded by itself, and then ran its loop a step, or closed it, was resumed by
-- that while it ran: "cannot close a running coroutine" came out of step. Found by soak.
local loops = require "curlsock.loop"

for _, name in ipairs { "step", "run", "close" } do
  it("a task that has yielded by itself may call loop:" .. name, function()
    local loop <close> = loops.new()
    local went_on = 0
    loop:spawn(function()
      coroutine.yield()
      loop[name](loop)
      went_on = went_on + 1
    end)
    loop:run()
    assert.equal(1, went_on)
    assert.equal(0, loop.spawned)
  end)
end
