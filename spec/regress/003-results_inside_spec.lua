-- The iterator of multi:results takes an easy that leaves by itself out of its multi: it must not
-- do that inside a callback, which may close the easy then, while libcurl or we still use it.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("The iterator of results is refused inside a callback", function()
  local multi <close> = curl.multi()
  local next_result, state = multi:results()
  local refused
  local easy = curl.easy { url = servers.nginx().url .. "/close", proxy = "",
    closesocketfunction = function() refused = table.pack(pcall(next_result, state)) end }
  multi:add(easy, "value")
  while multi:perform() > 0 do multi:poll(1) end
  local results = {}
  for value, ok in multi:results() do results[#results + 1] = { value, ok } end
  multi:close()
  assert.is_false(refused[1])
  assert.matches("not allowed inside a callback", refused[2])
  assert.same({ { "value", true } }, results)
  easy:close()
end)
