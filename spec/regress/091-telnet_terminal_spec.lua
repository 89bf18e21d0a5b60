-- With libcurl 8.11.0 to 8.16.0 (Debian 13) a telnet server that asked for the type or the display
-- of the terminal ended the process, unless telnetoptions had them. (8.23 ends the transfer then.)
-- Found by chaos.
local left = require "spec.support.left"
local servers = require "spec.support.servers"

local server

-- Asks for the type (24) and the display (35), and shows what else comes until it is answered or
-- a moment has gone.
setup(function()
  server = servers.script [[
    local listening, socket = ...
    while true do
      local peer = listening:accept()
      local lists = { "\255\253\24\255\253\35", "\255\250\24\1\255\240\255\250\35\1\255\240" }
      for _, bytes in ipairs(lists) do
        peer:send(bytes)
        socket.sleep(0.05)
      end
      peer:settimeout(0.1)
      local _, _, told = peer:receive(1000)
      peer:send((told:gsub("[^%w]", "")) .. "\n")
      peer:close()
    end
  ]]
end)

teardown(function() servers.stop(server) end)

for title, change in pairs {
  ["without telnetoptions"] = "",
  ["with others"] = "easy:setopt('telnetoptions', { 'NEW_ENV=A,b' })",
  ["that were unset"] = "easy:setopt('telnetoptions', { 'NEW_ENV=A,b' }):unset 'telnetoptions'",
  ["of an easy that was reset"] = "easy:reset()",
  ["of a copy"] = "easy = easy:dup()",
} do
  it("A telnet server may ask for the terminal " .. title, function()
    local out = left.pass(([[
      local curl = require "curlsock"
      local easy, got = curl.easy { proxy = "" }, {}
      %s
      assert(easy:setopt { url = %q, proxy = "", timeout = 20, writefunction = got,
        readfunction = function() return curl.PAUSE end })
      local _, _, name = easy:perform()
      print(#table.concat(got) > 0 or name == "BAD_FUNCTION_ARGUMENT")
      easy:close()
    ]]):format(change, "telnet://127.0.0.1:" .. server.port))
    assert.equal("true\n", out)
  end)
end

it("What telnetoptions says of the terminal is told", function()
  local out = left.pass(([[
    local curl = require "curlsock"
    local got = {}
    local easy <close> = curl.easy { url = %q, proxy = "", timeout = 20, writefunction = got,
      telnetoptions = { "TTYPE=vt100", "XDISPLOC=here" },
      readfunction = function() return curl.PAUSE end }
    easy:perform()
    print(table.concat(got):find("vt100", 1, true) ~= nil)
  ]]):format("telnet://127.0.0.1:" .. server.port))
  assert.equal("true\n", out)
end)
