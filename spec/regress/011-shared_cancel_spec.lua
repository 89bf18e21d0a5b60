-- A coroutine that was closed inside a callback of an easy outside the loop, whose share the
-- loop's easy has, too: its transfer stayed in the multi for good.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("A coroutine may be closed in a callback of an easy that has the same share", function()
  local loop = require("curlsock.loop").new()
  local share = curl.share { share = "dns" }
  local function easy(path)
    return curl.easy { url = servers.nginx().url .. path, proxy = "", share = share,
      writefunction = {} }
  end
  local co, closed
  loop:spawn(function()
    co = coroutine.running()
    loop:perform(easy("/slow"))
  end)
  local other = easy("/hello")
  other:setopt("writefunction", function() closed = table.pack(coroutine.close(co)) end)
  assert(other:perform())
  assert.same({ true, n = 1 }, closed)
  assert(loop:perform(easy("/hello")))
  assert.same({}, loop.multi:easies())
  loop:close()
end)
