-- What an operation takes does not grow with the handles that it has nothing to do with.

local growth = require "spec.support.growth"
local left = require "spec.support.left"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- Those that watch each access to memory, or collect at each call, measure themselves.
local watched = os.getenv "ASAN_OPTIONS" or os.getenv "REPORTS" or os.getenv "CURLSOCK_GC"
local measure = not watched and system.linux and it or pending

describe("Beside 4,000 easies in the multi it takes what it takes beside 500:", function()
  local web, dead

  setup(function()
    web, dead = servers.nginx(), servers.dead()
  end)

  teardown(function()
    servers.stop(dead)
  end)

  for _, name in ipairs(growth.names(growth.cases)) do
    measure(name, function()
      local line = left.pass(([[
        local growth = require "spec.support.growth"
        print(growth.holds(growth.cases[%q], %q, %q))
      ]]):format(name, web.url .. "/quiet", dead.url), nil, 120)
      assert.matches("^true", line)
    end)
  end
end)
