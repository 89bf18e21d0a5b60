-- A second error inside one call is a warning, for which its __tostring runs: on the stack of the
-- call, but not as its callback. The debug callback was looked for there.
local left = require "spec.support.left"
local servers = require "spec.support.servers"

it("What the __tostring of a warning does tells no debugfunction", function()
  local port = servers.nginx().url:match(":(%d+)")
  local out, err = left.pass([[
    local curl = require "curlsock"
    warn "@on"
    local port = os.getenv "PORT"
    local easy, n = nil, 0
    local second = setmetatable({}, { __tostring = function()
      coroutine.wrap(function() easy:setopt("cookielist", "RELOAD") end)()
      return "second"
    end })
    easy = curl.easy { url = "http://h:" .. port .. "/hello", proxy = "", verbose = true,
      resolve = { ("h:%s:127.0.0.2,127.0.0.3,127.0.0.1"):format(port) },
      cookiefile = "/nonexistent/file", debugfunction = function() end, writefunction = {},
      closesocketfunction = function() n = n + 1 error(n == 1 and "first" or second, 0) end }
    print(pcall(easy.perform, easy))
    pcall(easy.close, easy)]], { PORT = port })
  assert.matches("^false\tfirst\n", out)
  assert.equal("Lua warning: curlsock: second\n", err)
end)
