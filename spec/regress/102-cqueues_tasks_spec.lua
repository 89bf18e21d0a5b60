-- In cqueues run() did not return where tasks wait for each other, and a number that a task threw
-- came out of it as a text.
local left = require "spec.support.left"
local loops = require "spec.support.loops"

for _, name in ipairs(loops.names) do
  it(("curlsock.%s: run() returns where tasks wait for each other"):format(name), function()
    assert.same({ "done\n", "" }, { left.pass(left.locals { NAME = name } .. [[
      local loop <close> = require("curlsock." .. NAME).new()
      local a, b
      a = loop:spawn(function()
        loop:sleep(0)
        return b:wait()
      end)
      b = loop:spawn(function()
        loop:sleep(0)
        return a:wait()
      end)
      loop:run()
      local ok, err = pcall(a.wait, a)
      assert(not ok and err == "wait: nothing is left to wait for", err)
      b:cancel()
      assert(select(3, a:wait()) == "CANCELLED")
      print "done"
    ]]) })
  end)

  it(("curlsock.%s: run() raises the number that a task throws"):format(name), function()
    assert.same({ "done\n", "" }, { left.pass(left.locals { NAME = name } .. [[
      local loop <close> = require("curlsock." .. NAME).new()
      for _, value in ipairs { 5, 2.5, "5" } do
        loop:spawn(error, value, 0)
        local ok, err = pcall(loop.run, loop)
        assert(not ok and err == value)
      end
      print "done"
    ]]) })
  end)
end
