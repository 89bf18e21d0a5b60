-- An interrupt (see 43) at any place of coroutines that sleep, wait, have tasks and groups, read
-- and write streams, or have a WebSocket (where libcurl has it): it comes out of run(), nothing is
-- lost, and the loop goes on.

local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

local web, peer

setup(function()
  web, peer = servers.nginx(), servers.websocket()
end)

-- What is done, and how often it is interrupted at least. (What is long in fewer places.)
local kinds = { waits = 15, streams = 12, websockets = system.websocket and 2 or nil }
local apart = { waits = 1, streams = 1, websockets = 5 }

-- How often the loop was interrupted.
local function interrupt(name, raw, where, step, kind)
  local script = "require('spec.support.interrupts').run(%q, %s, %s, %q, %d, %q)"
  step = step * process.patience * apart[kind]
  local out, err = left.pass(script:format(name, raw, where, web.url, step, kind), {
    SCENARIO_WEBSOCKET = peer.url,
  })
  assert.equal("", err)
  return tonumber(out) * process.patience
end

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    for kind, least in pairs(kinds) do
      local title = "curlsock.%s%s survives an interrupt of %s"
      describe(title:format(name, raw and " without pollfd" or "", kind), function()
        it("in the main program", function()
          assert.truthy(interrupt(name, raw, "'main'", 47, kind) >= least)
        end)

        it("in the main program, which does that itself", function()
          assert.truthy(interrupt(name, raw, "'alone'", 53, kind) >= least)
        end)

        it("in a coroutine", function()
          assert.truthy(interrupt(name, raw, 1, 23, kind) >= least)
          assert.truthy(interrupt(name, raw, 2, 29, kind) >= least)
        end)
      end)
    end
  end
end
