-- An interrupt (see 43) of loop:stream left a transfer that had begun, and was paused when the
-- limit had come, without anybody who could read or close it: run() did not return. So did one of
-- loop:websocket.
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- Interrupts what begins at each instruction. Prints whether there were many, and whether the loop
-- ran until the transfer's time was over in hardly any: when it is returned, to nobody yet.
local script = [[
  local curl = require "curlsock"
  local interrupts = require "spec.support.interrupts"
  local adapter = require("curlsock." .. NAME)
  local options = METHOD == "stream" and { limit = 1000, seconds = 1 } or nil
  local n, late, fired, made = 0, 0, nil, nil
  repeat
    local loop <close> = adapter.new()
    n = n + 1
    local start = curl.now()
    local easy = { url = URL, proxy = "", timeout = METHOD == "websocket" and 1 or nil }
    fired, made = interrupts.call(n, loop[METHOD], loop, easy, options)
    if made then made:close() end
    collectgarbage()
    loop:run()
    assert(loop.active == 0 and loop.spawned == 0, loop.spawned)
    if curl.now() - start >= 1 then late = late + 1 end
  until not fired
  print(n > 100, late < n // 20)
]]

for _, name in ipairs(loops.names) do
  for method, url in pairs {
    stream = servers.nginx().url .. "/big",
    websocket = system.websocket and servers.websocket().url or nil,
  } do
    it(("curlsock.%s: a %s that was interrupted at its beginning is no more"):format(name, method),
      function()
        local values = left.locals { NAME = name, METHOD = method, URL = url }
        assert.same({ "true\ttrue\n", "" }, { left.pass(values .. script) })
      end)
  end
end
