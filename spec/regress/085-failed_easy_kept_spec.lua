-- A loop that was at rest kept the easy of the last transfer that had failed, or was cancelled,
-- with its connections, though nobody else mentioned it. Found by soak.
local curl = require "curlsock"
local loops = require "curlsock.loop"
local servers = require "spec.support.servers"

-- Calls begin(loop), which has an easy; nothing keeps that when the loop rests.
local function check(begin)
  local loop <close> = loops.new()
  local before = curl.live().easy
  local task = begin(loop)
  collectgarbage()
  collectgarbage()
  assert.equal(before, curl.live().easy)
  return task
end

it("an easy whose transfer has failed in a loop is collected while that rests", function()
  check(function(loop)
    loop:spawn(function()
      local easy = curl.easy { url = "http://127.0.0.1:1/", proxy = "" }
      assert.equal("COULDNT_CONNECT", select(3, loop:perform(easy)))
    end)
    loop:run()
  end)
end)

it("so is one whose task was cancelled", function()
  check(function(loop)
    local function perform(url)
      loop:perform(curl.easy { url = url, proxy = "" })
    end
    loop:spawn(perform, "file:///dev/null")
    loop:run()
    loop:spawn(perform, servers.nginx().url .. "/slow?rate=1k"):cancel()
  end)
end)

it("so is one whose body a task has read that the script keeps", function()
  local task = check(function(loop)
    local task = loop:spawn(function()
      local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
      local stream <close> = loop:stream(easy)
      assert(stream:read "a")
    end)
    loop:run()
    return task
  end)
  task:wait()
end)
