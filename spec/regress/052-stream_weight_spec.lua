-- libcurl before 8.2.0 looks whether an idle HTTP/2 connection is dead, finds a ping there, and
-- wants to tell the weight of the stream of a transfer that has none: a crash.
local curl = require "curlsock"
local transfers = require "spec.support.transfers"

-- What a server of HTTP/2 says: its settings, an answer to stream 1, a ping.
local settings = "\0\0\0\4\0\0\0\0\0"
local answer = "\0\0\1\1\5\0\0\0\1\x88"
local ping = "\0\0\8\6\0\0\0\0\0" .. ("\0"):rep(8)

it("An easy with a stream_weight meets an idle HTTP/2 connection with a ping", function()
  local server <close> = curl.socket():bind("127.0.0.1:0"):listen()
  local multi <close> = curl.multi()
  local first <close> = curl.easy { url = "http://" .. tostring(server:localaddress()), proxy = "",
    http_version = "2-prior-knowledge", timeout = 5 }
  local conn
  multi:add(first)
  transfers.drive(multi, function()
    conn = conn or server:accept(0)
    return conn and conn:recv(1000, 0)
  end)
  conn:send(settings .. answer)
  transfers.drive_well(multi)
  conn:send(ping)
  local second <close> = curl.easy { url = "dict://127.0.0.1:1/", proxy = "" }
  local ok, _, name = second:setopt("stream_weight", 100)
  local is_old = curl.version_info().version_num < 0x080200
  assert.same(is_old and { nil, "NOT_SUPPORTED" } or { second }, { ok, name })
  multi:poll(1.1) -- connections are looked at once a second
  assert.equal("COULDNT_CONNECT", select(3, transfers.run(multi, second)))
  conn:close()
end)
