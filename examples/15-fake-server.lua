-- Tests a program that fetches things, without a server and without a network: the other end of
-- each connection is a function of this process. The guard judges as ever.
--
-- Run:      lua5.4 examples/15-fake-server.lua
-- Expected:
--   http://api.example/users/7   200 {"id": 7}
--   http://api.example/nothing   404 not here
--   http://127.0.0.1/users/7     REFUSED
local curl = require "curlsock"
local policy = require "curlsock.policy"

-- The fake server: one request after the other on the Socket of its end.
local function serve(socket, loop)
  local text = ""
  repeat
    if not loop:wait(socket, "r") then return end
    local data = socket:recv(4096, 0)
    if not data or data == "" then return end
    text = text .. data
  until text:find("\r\n\r\n", 1, true)
  local id = text:match("^GET /users/(%d+) ")
  local status, body = 404, "not here"
  if id then status, body = 200, ('{"id": %d}'):format(id) end
  socket:send(("HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body))
end

local rules = policy.compose { policy.guard(), policy.transport(serve) }
local loop <close> = require("curlsock.loop").new { policy = rules }

for _, url in ipairs {
  "http://api.example/users/7", "http://api.example/nothing", "http://127.0.0.1/users/7",
} do
  local body = {}
  local easy <close> = curl.easy {
    url = url,
    resolve = { "api.example:80:93.184.216.34" }, -- the address that it stands for
    writefunction = body,
  }
  local ok, _, name = loop:perform(easy, 5)
  local status = easy:getinfo("response_code")
  print(("%-28s %s"):format(url, ok and status .. " " .. table.concat(body) or name))
end
