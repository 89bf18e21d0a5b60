-- In cqueues, whose coroutines begin in the next turn, a second stream of an easy was not refused:
-- it had changed the callbacks of the first, which got nothing.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

for _, name in ipairs(loops.names) do
  it(("curlsock.%s: an easy has one stream at a time"):format(name), function()
    local values = left.locals { NAME = name, URL = servers.nginx().url .. "/hello" }
    assert.same({ "done\n", "" }, { left.pass(values .. [[
      local curl = require "curlsock"
      local loop <close> = require("curlsock." .. NAME).new()
      local easy <close> = curl.easy { url = URL, proxy = "" }
      for _ = 1, 2 do
        local stream <close> = loop:stream(easy)
        local ok, err = pcall(loop.stream, loop, easy)
        assert(not ok and err:find("stream: the easy is in use", 1, true), err)
        assert(stream:read("a") == "hello\n")
      end
      loop:stream(easy):close()
      loop:stream(easy):close()
      print "done"
    ]]) })
  end)
end
