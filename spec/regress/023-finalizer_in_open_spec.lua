-- What opensocketfunction returns is anchored before it is lent, which makes tables: a finalizer
-- that ran there and closed the Socket was not noticed, and it ended twice.
local left = require "spec.support.left"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

-- The same of a number: what adopted it in a finalizer lost it.
describe("A Socket that a finalizer", function()
  for _, name in ipairs { "close", "detach", "adopt" } do
    it(("takes back (%s) while it is lent is not lent"):format(name), function()
      local out = left.pass([[
        local curl = require "curlsock"
        local name, hits = os.getenv "NAME", 0
        for _ = 1, 5 do
          local fd, adopted
          local easy = curl.easy { url = os.getenv "HELLO", proxy = "", writefunction = {},
            opensocketfunction = function(_, address)
              local s = assert(address:socket())
              if name == "adopt" then s = s:detach() end
              collectgarbage()
              collectgarbage()
              collectgarbage "stop"
              setmetatable({}, { __gc = function()
                if name == "adopt" then adopted = curl.adopt(s) else fd = s[name](s) end
              end })
              collectgarbage("incremental", 10, 10000) -- it runs with the next allocation
              collectgarbage "restart"
              return s
            end }
          local ok, message = pcall(easy.perform, easy)
          collectgarbage("incremental", 200, 100)
          if not ok then
            local why = name == "adopt" and "is no open socket" or "that is not the script's"
            assert(message:find(why, 1, true), message)
            hits = hits + 1
          end
          easy:close()
          if fd and name == "detach" then curl.adopt(fd):close() end
          if adopted then assert(adopted:close()) end
          assert(curl.live().socket == 0)
        end
        print(hits)]], { NAME = name, HELLO = servers.nginx().url .. "/hello" })
      -- The collector of Lua 5.5 takes no such hint.
      if process.version == "5.4" then assert.equal(5, tonumber(out)) end
    end)
  end
end)
