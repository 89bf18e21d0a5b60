-- A loop that was at rest kept the easy of the last transfer that had failed, or was cancelled,
-- with its connections, though nobody else mentioned it. Found by soak.
local curl = require "curlsock"
local loops = require "curlsock.loop"
local servers = require "spec.support.servers"

it("an easy whose transfer has failed in a loop is collected while that rests", function()
  local loop <close> = loops.new()
  local before = curl.live().easy
  loop:spawn(function()
    local easy = curl.easy { url = "http://127.0.0.1:1/", proxy = "" }
    assert.equal("COULDNT_CONNECT", select(3, loop:perform(easy)))
  end)
  loop:run()
  collectgarbage()
  collectgarbage()
  assert.equal(before, curl.live().easy)
end)

it("so is one whose task was cancelled", function()
  local loop <close> = loops.new()
  local before = curl.live().easy
  local function perform(url)
    loop:perform(curl.easy { url = url, proxy = "" })
  end
  loop:spawn(perform, "file:///dev/null")
  loop:run()
  loop:spawn(perform, servers.nginx().url .. "/slow?rate=1k"):cancel()
  collectgarbage()
  collectgarbage()
  assert.equal(before, curl.live().easy)
end)

it("so is one whose body a task has read that the script keeps", function()
  local loop <close> = loops.new()
  local before = curl.live().easy
  local task = loop:spawn(function()
    local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
    local stream <close> = loop:stream(easy)
    assert(stream:read "a")
  end)
  loop:run()
  collectgarbage()
  collectgarbage()
  assert.equal(before, curl.live().easy)
  task:wait()
end)
