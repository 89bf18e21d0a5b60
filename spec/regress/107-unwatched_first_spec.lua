-- When a close callback had just thrown, what libcurl then let go was unwatched after it had been
-- closed: cqueues failed from then on ("unable to update event disposition"), and in libuv the
-- number may be another's by then. Found by soak.
local curl = require "curlsock"
local lfs = require "lfs"
local loops = require "spec.support.loops"
local new = require("curlsock.loop").new
local servers = require "spec.support.servers"

local function target(fd)
  return lfs.symlinkattributes("/proc/self/fd/" .. fd, "target")
end

-- Where what is watched is not what it was when the watch began.
local function check_watches(loop)
  local watched, wrong, real = {}, {}, loop.hooks.watch
  function loop.hooks.watch(fd, events)
    if watched[fd] and watched[fd] ~= target(fd) then wrong[#wrong + 1] = fd end
    watched[fd] = events and target(fd)
    return real(fd, events)
  end
  return wrong
end

for _, raw in ipairs(loops.modes) do
  it("what is closed is not watched" .. (raw and ", without pollfd" or ""), function()
    local url = servers.nginx().url
    local loop <close> = raw and loops.raw(new) or new()
    local wrong = check_watches(loop)
    local function easy(path)
      return curl.easy {
        url = url .. path, proxy = "", closesocketfunction = function() error("bad", 0) end,
      }
    end
    for _ = 1, 3 do loop:spawn(loop.perform, loop, easy "/slow?rate=1k") end
    local bad <close> = easy "/close"
    local ok, err
    loop:spawn(function()
      loop:perform(bad)
      ok, err = pcall(loop.close, loop)
    end)
    loop:run()
    assert.same({ false, "bad" }, { ok, err })
    assert.same({}, wrong)
  end)
end
