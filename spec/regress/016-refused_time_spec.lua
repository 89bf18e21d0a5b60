-- Without multi:pollfd: the time of a loop that came inside a callback, where the multi refuses
-- it, was lost, and what waited for it waited for ever.
local curl = require "curlsock"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

it("The time that comes inside a callback comes again", function()
  local loop = loops.raw(require("curlsock.select").new)
  local share = curl.share { share = "dns" }
  local function easy()
    return curl.easy { url = servers.nginx().url .. "/hello", proxy = "", share = share,
      writefunction = {} }
  end
  local result, refused
  loop:spawn(function() result = loop:perform(easy()) end)
  assert(easy():setopt("writefunction", function()
    refused = not pcall(loop.run, loop)
  end):perform())
  local deadline = curl.now() + 10
  while not result and curl.now() < deadline do loop:select(nil, nil, 1) end
  assert.same({ true, true }, { refused, result })
  loop:close()
end)
