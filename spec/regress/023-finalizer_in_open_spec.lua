-- What opensocketfunction returns is anchored before it is lent, which makes tables: a finalizer
-- that ran there and closed the Socket was not noticed, and it ended twice.
local curl = require "curlsock"
local servers = require "spec.support.servers"

-- Returns s, and lets the next allocation collect an object whose finalizer is f.
local function due(s, f)
  collectgarbage()
  collectgarbage()
  collectgarbage "stop"
  setmetatable({}, { __gc = f })
  collectgarbage("incremental", 10, 10000)
  collectgarbage "restart"
  return s
end

describe("A Socket that a finalizer", function()
  for _, name in ipairs { "close", "detach" } do
    it(("takes back (%s) while it is lent is not lent"):format(name), function()
      finally(function() collectgarbage("incremental", 200, 100) end)
      local fd, socket
      local easy <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
        opensocketfunction = function(_, address)
          socket = assert(address:socket())
          return due(socket, function() fd = socket[name](socket) end)
        end }
      local ok, message = pcall(easy.perform, easy)
      assert.is_false(ok)
      assert.matches("a Socket that is not the script's", message)
      assert.equal(0, curl.live().socket)
      assert.equal(0, #curl.sockets())
      if name == "detach" then curl.adopt(fd):close() end
    end)
  end
end)
