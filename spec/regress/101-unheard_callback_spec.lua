-- What a callback of a stream's transfer threw was lost when the stream was closed before anybody
-- had read so far: an interrupt of the stream's own callbacks, too (82, "alone").
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("what a stream's callback threw comes out of run(), if nobody was told", function()
  local loop <close> = require("curlsock.loop").new()
  local easy <close> = curl.easy {
    url = servers.nginx().url .. "/hello", proxy = "",
    opensocketfunction = function() error("no", 0) end,
  }
  for _, read in ipairs { false, true } do
    local stream = loop:stream(easy)
    while not stream.result do loop:step() end
    if read then assert.has_error(function() stream:read() end, "no") end
    stream:close()
    stream:close()
    assert.same(read and { true } or { false, "no" }, { pcall(loop.run, loop) })
  end
end)
