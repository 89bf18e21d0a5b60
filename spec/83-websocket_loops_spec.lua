-- WebSockets in loops (loop:websocket), under each, where multi:pollfd exists and where it does
-- not (spec/support/websockets.lua). Before libcurl 8.11, and without it in libcurl, a clear error.

local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"
local system = require "spec.support.system"
local websockets = require "spec.support.websockets"

local version = curl.version_info()

if not system.websocket then
  for _, name in ipairs(loops.names) do
    it("is refused by curlsock." .. name .. ": this libcurl has none", function()
      local out = left.pass(([[
        local loop <close> = require("curlsock.%s").new()
        print(loop:websocket { url = "ws://127.0.0.1:1/" })
      ]]):format(name))
      local expected = "nil\twebsocket: libcurl %s has none\tNOT_SUPPORTED\n"
      assert.equal(expected:format(version.version), out)
    end)
  end
  return
end

-- Has the path's bytes (/N/HEX) after the handshake, in pieces of N, and then takes what comes.
local frames_server = [[
  local server, socket = ...
  local key_end = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
  while true do
    local peer = server:accept()
    peer:setoption("tcp-nodelay", true)
    local size, hex = peer:receive():match "^GET /(%d+)/(%x*) "
    local key, line
    repeat
      line = peer:receive()
      key = line and line:match "^Sec%-WebSocket%-Key: (.*)$" or key
    until not line or line == ""
    local command = "printf %%s '%s%s' | openssl sha1 -binary | base64"
    local hash = io.popen(command:format(key, key_end))
    peer:send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      .. "Sec-WebSocket-Accept: " .. hash:read() .. "\r\n\r\n")
    hash:close()
    local bytes = hex:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end)
    size = tonumber(size)
    if size == 0 then size = #bytes end
    for i = 1, #bytes, math.max(1, size) do
      peer:send(bytes:sub(i, i + size - 1))
      if size < #bytes then socket.sleep(0.001) end
    end
    peer:settimeout(0.2)
    peer:receive(1 << 20)
    peer:close()
  end
]]

local web, peer, silent, frames

setup(function()
  web, peer = servers.nginx(), servers.websocket()
  silent, frames = servers.silent(), servers.script(frames_server)
end)

teardown(function()
  servers.stop(silent)
  servers.stop(frames)
end)

local function run(name, raw, title)
  local script = [[require("spec.support.websockets").run(%q, %s, %q)]]
  local out, err = left.pass(script:format(name, raw, title), {
    SCENARIO_URL = web.url,
    SCENARIO_CA = web.ca,
    SCENARIO_BIG_SIZE = tostring(#web.big),
    SCENARIO_SILENT = silent.url,
    SCENARIO_WEBSOCKET = peer.url,
    SCENARIO_WEBSOCKET_TLS = peer.tls_url,
    SCENARIO_FRAMES = frames.url:gsub("^http", "ws"):gsub("/$", ""),
  })
  -- luv itself prints the error of a descriptor that it watches.
  if name == "luv" then err = err:gsub("EBADF: bad file descriptor\n", "") end
  assert.same({ "", "" }, { out, err })
end

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    describe(("curlsock.%s%s"):format(name, raw and ", without pollfd," or ""), function()
      for _, title in ipairs(websockets.titles(name, raw, "websockets")) do
        it(title, function() run(name, raw, title) end)
      end
    end)
  end
end
