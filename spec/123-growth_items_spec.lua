-- What an item costs does not grow with how many others of its kind there are.

local growth = require "spec.support.growth"
local items = require "spec.support.growth_items"
local left = require "spec.support.left"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- Those that watch each access to memory, or collect at each call, measure themselves.
local watched = os.getenv "ASAN_OPTIONS" or os.getenv "REPORTS" or os.getenv "CURLSOCK_GC"
local measure = not watched and system.linux and it or pending

describe("Beside 4,000 of its kind it costs what it costs beside 500:", function()
  local web, dead

  setup(function()
    web, dead = servers.nginx(), servers.dead()
  end)

  teardown(function()
    servers.stop(dead)
  end)

  for _, name in ipairs(growth.names(items)) do
    measure(name, function()
      local line = left.pass(([[
        local items = require "spec.support.growth_items"
        print(require("spec.support.growth").holds(items[%q], %q, %q))
      ]]):format(name, web.url .. "/quiet", dead.url), nil, 120)
      assert.matches("^true", line)
    end)
  end
end)
