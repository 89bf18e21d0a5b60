-- An interrupt (see 43) at any place of coroutines that sleep, wait, have tasks and groups, or read
-- and write streams: it comes out of run(), nothing is lost, and the loop goes on.

local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local web

setup(function()
  web = servers.nginx()
end)

-- How often the loop was interrupted.
local function interrupt(name, raw, where, step, kind)
  local script = "require('spec.support.interrupts').run(%q, %s, %s, %q, %d, %q)"
  step = step * process.patience
  local out, err = left.pass(script:format(name, raw, where, web.url, step, kind))
  assert.equal("", err)
  return tonumber(out) * process.patience
end

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    for kind, least in pairs { waits = 15, streams = 12 } do
      local title = "curlsock.%s%s survives an interrupt of %s"
      describe(title:format(name, raw and " without pollfd" or "", kind), function()
        it("in the main program", function()
          assert.truthy(interrupt(name, raw, "'main'", 47, kind) >= least)
        end)

        it("in a coroutine", function()
          assert.truthy(interrupt(name, raw, 1, 23, kind) >= least)
          assert.truthy(interrupt(name, raw, 2, 29, kind) >= least)
        end)
      end)
    end
  end
end
