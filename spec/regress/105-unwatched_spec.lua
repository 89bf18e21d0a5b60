-- When a close callback had just thrown, nobody knew what the hooks had been told, and what libcurl
-- then let go, as all at the loop's end, was never unwatched: in libuv that kept the loop alive.
-- Found by soak.
local curl = require "curlsock"
local loops = require "spec.support.loops"
local new = require("curlsock.loop").new
local servers = require "spec.support.servers"

for _, raw in ipairs(loops.modes) do
  it("nothing is watched after close" .. (raw and ", without pollfd" or ""), function()
    local url = servers.nginx().url
    local loop <close> = raw and loops.raw(new) or new()
    local watched, ever, real = {}, false, loop.hooks.watch
    function loop.hooks.watch(fd, events)
      watched[fd], ever = events, true
      return real(fd, events)
    end
    local slow <close> = curl.easy { url = url .. "/slow?rate=1k", proxy = "" }
    local bad <close> = curl.easy {
      url = url .. "/close", proxy = "", closesocketfunction = function() error("bad", 0) end,
    }
    loop:spawn(loop.perform, loop, slow)
    local ok, err
    loop:spawn(function()
      loop:perform(bad)
      ok, err = pcall(loop.close, loop)
    end)
    loop:run()
    assert.same({ false, "bad" }, { ok, err })
    assert.is_true(ever or raw) -- a newer libcurl may have come to an end before all is told
    assert.same({}, watched)
  end)
end
