-- A share that had its finalizer, and whose last easy had none (Lua had no memory to call it),
-- was freed at the end of the state while the script could still reach it. (Seen by the
-- sanitizers and valgrind.)
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local script = [[
local curl = require "curlsock"
local url = ...
S = curl.share { share = "connect" }
local easy = curl.easy { share = S }
local meta = debug.getmetatable(easy)
local gc = meta.__gc
meta.__gc = nil -- as without memory
easy = nil
collectgarbage()
meta.__gc = gc
last = setmetatable({}, { __gc = function()
  late = curl.easy { url = url, proxy = "", closesocketfunction = function()
    print(pcall(S.setopt, S, "share", "dns"))
  end }
  late:perform()
end })
]]

it("A share that was finalized is closed for whoever still reaches it", function()
  local path = os.tmpname()
  process.write(path, script)
  local output = process.output(process.lua() .. " " .. path .. " "
    .. servers.nginx().url .. "/hello 2>&1")
  os.remove(path)
  assert.equal("false\tbad argument #1 to '?' (share is closed)", output)
end)
