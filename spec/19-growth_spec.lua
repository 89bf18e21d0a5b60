-- What an operation takes does not grow with the handles that it has nothing to do with, nor what
-- an item costs with how many others of its kind there are.

local growth = require "spec.support.growth"
local left = require "spec.support.left"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- Those that watch each access to memory, or collect at each call, measure themselves.
local watched = os.getenv "ASAN_OPTIONS" or os.getenv "REPORTS" or os.getenv "CURLSOCK_GC"
local measure = not watched and system.linux and it or pending

-- A title, and what gives the cases: each of them runs in a Lua of its own.
local suites = {
  { "Beside 4,000 easies in the multi it takes what it takes beside 500:",
    'require("spec.support.growth").cases' },
  { "Beside 4,000 of its kind it costs what it costs beside 500:",
    'require "spec.support.growth_items"' },
}

for _, suite in ipairs(suites) do
  local cases = suite[2]
  describe(suite[1], function()
    local web, dead

    setup(function()
      web, dead = servers.nginx(), servers.dead()
    end)

    teardown(function()
      servers.stop(dead)
    end)

    for _, name in ipairs(growth.names(load("return " .. cases)())) do
      measure(name, function()
        local line = left.pass(([[
          local cases = %s
          print(require("spec.support.growth").holds(cases[%q], %q, %q))
        ]]):format(cases, name, web.url .. "/quiet", dead.url), nil, 120)
        assert.matches("^true", line)
      end)
    end
  end)
end
