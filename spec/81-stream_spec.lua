-- Transfers as streams (loop:stream), under each loop, where multi:pollfd exists and where it does
-- not (spec/support/streams.lua).

local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local streams = require "spec.support.streams"

local web, silent, dying, slow_taker

-- Ends each answer in the middle.
local dying_server = [[
  local server = ...
  while true do
    local peer = server:accept()
    local line
    repeat line = peer:receive() until line == "" or not line
    peer:send "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    peer:close()
  end
]]

-- Takes a chunked body slowly, and answers with how long it was.
local slow_server = [[
  local server, socket = ...
  while true do
    local peer = server:accept()
    local line
    repeat
      line = peer:receive()
      if line and line:lower():find("^expect:") then peer:send "HTTP/1.1 100 Continue\r\n\r\n" end
    until line == "" or not line
    local size, n = 0, 0
    repeat
      local chunk = tonumber(peer:receive() or "0", 16)
      size, n = size + #(peer:receive(chunk) or ""), n + 1
      peer:receive()
      if n % 20 == 0 then socket.sleep(0.01) end
    until chunk == 0
    local answer = size .. "\n"
    peer:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#answer, answer))
    peer:close()
  end
]]

local function run(name, raw, title)
  local script = [[require("spec.support.streams").run(%q, %s, %q)]]
  local out, err = left.pass(script:format(name, raw, title), {
    SCENARIO_URL = web.url,
    SCENARIO_HTTPS_URL = web.https_url,
    SCENARIO_H2_URL = web.h2_url,
    SCENARIO_CA = web.ca,
    SCENARIO_BIG_SIZE = tostring(#web.big),
    SCENARIO_SILENT = silent.url,
    SCENARIO_DYING = dying.url,
    SCENARIO_SLOW_TAKER = slow_taker.url,
    SCENARIO_HUGE = web.url .. "/store/huge",
  })
  -- luv itself prints the error of a descriptor that it watches.
  if name == "luv" then err = err:gsub("EBADF: bad file descriptor\n", "") end
  assert.same({ "", "" }, { out, err })
end

setup(function()
  web, silent = servers.nginx(), servers.silent()
  dying, slow_taker = servers.script(dying_server), servers.script(slow_server)
  process.write(web.root .. "/store/huge", ("0123456789abcde\n"):rep(781250))
end)

teardown(function()
  for _, server in ipairs { silent, dying, slow_taker } do servers.stop(server) end
end)

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    describe(("curlsock.%s%s"):format(name, raw and ", without pollfd," or ""), function()
      for _, title in ipairs(streams.titles(name, raw, "streams")) do
        it(title, function() run(name, raw, title) end)
      end
    end)
  end
end
