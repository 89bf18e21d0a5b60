-- A stream that was made in cqueues, whose coroutines begin in the next turn, raised "perform: the
-- loop is closed" where the loop was closed before that; it was open when the stream was made.
-- Found by soak.
local curl = require "curlsock"
local loops = require "spec.support.loops"

for _, name in ipairs(loops.missing) do
  if name == "cqueues" then return end -- not for each Lua
end

it("a stream says CLOSED also when the loop is closed before it begins", function()
  local loop <close> = require("curlsock.cqueues").new()
  local easy <close> = curl.easy { url = "http://127.0.0.1:1/", proxy = "" }
  local message, name
  loop:spawn(function()
    local stream <close> = loop:stream(easy)
    loop:close()
    message, name = select(2, stream:read())
  end)
  loop:run()
  assert.equal("CLOSED", name, message)
end)
