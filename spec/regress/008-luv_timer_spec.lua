-- Without multi:pollfd: a transfer that ended by the time ended the loop too, and left a timer
-- half closed in libuv. luv crashed when the state ended then. And what is unwatched outside of the
-- loop's own calls is no longer watched, and closed in time.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

if loops.missing[1] ~= "luv" then
  it("curlsock.luv leaves nothing half closed when time ends its last transfer", function()
    local silent = servers.silent()
    left.pass(([[
      local curl = require "curlsock"
      local loop = require("spec.support.loops").raw(require("curlsock.luv").new)
      loop:spawn(function()
        local easy = curl.easy { url = %q, proxy = "" }
        assert(select(3, loop:perform(easy, 0.1)) == "OPERATION_TIMEDOUT")
      end)
      loop:run()
    ]]):format(silent.url))
    servers.stop(silent)
  end)

  for _, raw in ipairs { false, true } do
    it("curlsock.luv keeps no handle of a closed easy" .. (raw and ", without pollfd" or ""),
      function()
        left.pass(([[
          local curl, uv = require "curlsock", require "luv"
          local new = require("curlsock.luv").new
          local loop = %s
          local url, results = %q, {}
          local function handles()
            local n = 0
            uv.walk(function() n = n + 1 end)
            return n
          end
          local long = curl.easy { url = url .. "/slow?rate=300k" }
          loop:spawn(function() assert(loop:perform(long)) end)
          while #curl.sockets() == 0 do loop.hooks.turn() end
          local before = handles()
          for i = 1, 10 do
            local easy = curl.easy { url = url .. "/slow?rate=64k" }
            loop:spawn(function() results[i] = select(3, loop:perform(easy)) end)
            while #curl.sockets() < 2 do loop.hooks.turn() end
            easy:close()
            while not results[i] do loop.hooks.turn() end
            assert(results[i] == "CLOSED")
            assert(handles() <= before + 2, handles())
          end
          loop:run()
          assert(handles() == 0, handles())
        ]]):format(raw and "require('spec.support.loops').raw(new)" or "new()",
          servers.nginx().url))
      end)
  end
end
