-- Errors that cannot be told as text: the second of a step came out of the loop, and coroutines
-- whose transfers had ended in that step were never resumed.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("An error whose __tostring throws loses no coroutine", function()
  local loop <close> = require("curlsock.loop").new()
  local failure = setmetatable({}, { __tostring = function() error("thrown by __tostring") end })
  local resumed = 0
  for i = 1, 4 do
    loop:spawn(function()
      loop:perform(curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
        writefunction = {} })
      resumed = resumed + 1
      if i <= 2 then error(failure) end
    end)
  end
  os.execute("sleep 0.1") -- all answers are there, and their transfers end in one step or two
  local failed = 0
  while not pcall(loop.run, loop) do failed = failed + 1 end
  assert.is_true(failed >= 1 and failed <= 2)
  assert.same({ 4, 0 }, { resumed, loop.spawned })
  for _ = 1, 2 do loop:spawn(error, failure) end
  local ok, err = pcall(loop.run, loop)
  assert.same({ false, true }, { ok, rawequal(err, failure) })
end)
