-- What easy:ws_recv tells of a frame was read from libcurl's memory after the frame's bytes had
-- been made a string: a finalizer that ran there and closed the easy had freed it.
local left = require "spec.support.left"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

describe("A finalizer that closes the easy", function()
  local test = system.websocket and it or pending

  test("in ws_recv does not change what that tells", function()
    local out = left.pass([[
      local curl = require "curlsock"
      local multi = curl.multi()
      local hits, long = 0, ("x"):rep(100) -- each time another string

      -- Closes it in the second allocation from here on.
      local function arm(easy, n)
        setmetatable({}, { __gc = function()
          if n > 1 then return arm(easy, n - 1) end
          easy:close()
        end })
      end

      for _ = 1, 10 do
        local easy = curl.easy { url = os.getenv "URL", proxy = "", timeout = 20,
          connect_only = 2 }
        assert(easy:perform())
        assert(easy:ws_send(long, "text"))
        multi:poll(20, { [easy:socket():fd()] = "r" })
        collectgarbage()
        collectgarbage()
        collectgarbage "stop"
        arm(easy, 2)
        collectgarbage("incremental", 10, 10000)
        collectgarbage "restart"
        local text, kind, more, offset, rest = easy:ws_recv()
        collectgarbage("incremental", 200, 100)
        if curl.type(easy) == "closed easy" then hits = hits + 1 end
        assert(text == "echo " .. long and kind == "text" and more == false, text)
        assert(offset == 0 and rest == 0, rest)
        easy:close()
      end
      print(hits)]], { URL = servers.websocket().url,
      -- What is freed is written over at once.
      GLIBC_TUNABLES = "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0" })
    -- The collector of Lua 5.5 takes no such hint.
    if process.version == "5.4" then assert.equal(10, tonumber(out)) end
  end)
end)
