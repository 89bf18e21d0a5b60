-- Every order of ending for what 30-orders_spec.lua does not have: rare callbacks, parts, policies,
-- traces, connections of the script, loops. spec/support/endings.lua says how that is checked.

local endings = require "spec.support.endings"
local left = require "spec.support.left"
local orders = require "spec.support.orders"
local rare = require "spec.support.rare"
local servers = require "spec.support.servers"

local env

setup(function()
  env = { ENDINGS_WEB = servers.nginx().url, ENDINGS_FOLDER = rare.folder(),
    ENDINGS_RTSP = rare.rtsp(), ORDERS_FORK = orders.fork_module() }
end)

-- All of its orders were run, all was right after each step, and there was no warning.
local function assert_batch(batch, name)
  local script = ("require 'spec.support.endings'.run(%q, %q)"):format(batch, name)
  local out, err = left.pass(script, env, 120)
  assert.same({ endings.count(batch, name) .. "\n", "" }, { out, err })
end

for _, name in ipairs(endings.names) do
  describe(("With %s,"):format(name), function()
    it("every order of close and drop leaves nothing",
      function() assert_batch("complete", name) end)

    it("the end of the state after any steps ends what is left",
      function() assert_batch("cut", name) end)

    it("inside the callback, or a task, each may be closed or is refused, and all may go",
      function() assert_batch("inside", name) end)
  end)
end
