-- An interrupt, which is an error from a debug hook as Ctrl-C in lua makes one, at any place of the
-- driver and of each loop: it comes out of run(), no transfer is lost, and the loop goes on.

local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local web

setup(function()
  web = servers.nginx()
end)

-- How often the loop was interrupted at an event of the main program, or of one of three
-- coroutines (spec/support/interrupts.lua).
local function interrupt(name, raw, where, step)
  local script = "require('spec.support.interrupts').run(%q, %s, %s, %q, %d)"
  local out, err = left.pass(script:format(name, raw, where, web.url, step * process.patience))
  assert.equal("", err)
  return tonumber(out) * process.patience
end

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    describe(("curlsock.%s%s survives an interrupt"):format(name, raw and " without pollfd" or ""),
      function()
        it("of the main program", function()
          assert.truthy(interrupt(name, raw, "'main'", 11) >= 30)
        end)

        it("of a coroutine", function()
          assert.truthy(interrupt(name, raw, 1, 5) >= 50)
          assert.truthy(interrupt(name, raw, 2, 7) >= 30)
        end)
      end)
  end
end

-- lua.c's own: the signal sets a hook for all that can happen.
it("Ctrl-C in lua ends the wait, and what has to be closed is", function()
  local out, err = left.pass(([[
    local curl = require "curlsock"
    local loop <close> = require("curlsock.loop").new()
    local pid = io.open("/proc/self/stat"):read("n")
    local ended, ok, message
    loop:spawn(function()
      local _ <close> = setmetatable({}, { __close = function() ended = true end })
      loop:perform(curl.easy { url = %q, proxy = "", writefunction = {} })
    end)
    os.execute(("(sleep 0.2; kill -s INT %%d) &"):format(pid)) -- itself it ignores the signal
    ok, message = pcall(loop.run, loop)
    assert(not ok and message:find("interrupted!", 1, true), message)
    assert(loop:perform(curl.easy { url = %q, proxy = "", writefunction = {} }))
    loop:close()
    assert(ended)
    print "done"
  ]]):format(web.url .. "/slow?rate=64k", web.url .. "/hello"))
  assert.same({ "done\n", "" }, { out, err })
end)
