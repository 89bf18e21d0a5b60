-- The picture on top of the README (make picture): what curlsock does for transfers and for the
-- connections under them, as curlsock.trace draws it, on real servers on loopback.
--
--   lua5.4 scripts/picture.lua FILE.svg

local curl = require "curlsock"
local policy = require "curlsock.policy"
local servers = require "spec.support.servers"
local trace = require "curlsock.trace"

-- What is on loopback stands for the Internet here.
local rules <const> = policy.compose {
  policy.guard { ports = "any", own = false }, policy.allow { "127.0.0.0/8" },
}
local nginx <const> = servers.nginx()
local ports <const> = {
  ["api.example"] = nginx.port, ["cdn.example"] = nginx.port4, ["log.example"] = nginx.port,
}
local multi = curl.multi { maxconnects = 2, policy = rules }

local done = {}

-- Drives the multi for so many seconds, or until the transfer has ended.
local function drive(seconds, easy)
  local over = curl.now() + seconds
  repeat
    assert(multi:perform())
    for ended in multi:results() do done[ended] = true end
    assert(multi:poll(math.max(0, math.min(0.005, over - curl.now()))))
  until curl.now() >= over or done[easy]
end

-- Starts a transfer of 1 MiB at so many MiB a second.
local function start(host, rate)
  local easy = curl.easy {
    url = ("http://%s/slow?rate=%dm"):format(host, rate), proxy = "",
    writefunction = function() end,
    connect_to = ports[host] and { ("%s:80:127.0.0.1:%d"):format(host, ports[host]) } or nil,
  }
  multi:add(easy)
  return easy
end

local function finish(easy)
  drive(5, easy)
  multi:remove(easy)
  easy:close()
end

local recording <const> = trace.record()
local first <const> = start("api.example", 8)
drive(0.02)
local second <const> = start("cdn.example", 3)
finish(first) -- its connection stays
drive(0.06)
local third <const> = start("api.example", 8) -- takes it
drive(0.03)
local refused <const> = start("169.254.169.254", 1)
finish(third)
finish(second)
finish(refused)
drive(0.05)
local fourth <const> = start("log.example", 8) -- two may stay: what was idle longest is evicted
finish(fourth)
drive(0.06)
local over <const> = recording:length()
multi:close()
recording:stop()
servers.close()
for _, c in ipairs(recording.connections) do
  c.note = c.close < over and "evicted: idle longest" or "closed with the pool"
end

local file <close> = assert(io.open(arg[1], "w"))
assert(file:write(recording:svg(
  "Transfers come and go. Connections stay, are used again, and must not go everywhere.")))
io.write(recording:text(120))
