-- Where the transfers of random programs go: an nginx, a server that stalls, resets and closes, and
-- a vsftpd.
-- They are told to other processes by the environment (SOAK_PLACES), as a Lua expression.

local servers -- loaded when there are none yet

local rude = [[
local server, socket = ...
local kept = {}
while true do
  local s = server:accept()
  s:settimeout(0.02)
  local path = (s:receive() or ""):match("^%S+ /(%a+)")
  if path == "reset" then
    s:setoption("linger", { on = true, timeout = 0 })
  elseif path == "half" then
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
  end
  if path == "stall" then
    kept[#kept + 1] = s
    if #kept > 100 then table.remove(kept, 1):close() end
  else
    s:close()
  end
end
]]

-- An address that never answers, and one that does.
local function late(port)
  local host = servers.has_ipv6 and "::1" or "127.0.0.2"
  servers.dead(host, port)
  return ("late.test:%d:%s,127.0.0.1"):format(port, host == "::1" and "[::1]" or host)
end

local function start()
  servers = require "spec.support.servers"
  local web, bad = servers.nginx(), servers.script(rude)
  local port = web.port
  local many = ("many.test:%d:127.0.0.2,127.0.0.3,127.0.0.1"):format(port)
  return {
    web.url .. "/hello", web.https_url .. "/hello", web.url .. "/slow?rate=1m",
    web.h2_url .. "/hello", bad.url .. "/reset", bad.url .. "/stall", web.url .. "/close",
    bad.url .. "/half", bad.url .. "/close", web.url4 .. "/hello", web.url .. "/upload",
    ("http://many.test:%d/hello"):format(port), "http://127.0.0.1:1/",
    web.url .. "/redirect?to=" .. web.url4 .. "/hello", web.h2c_url .. "/hello",
    servers.vsftpd().url .. "/hello.txt",
    ("http://late.test:%d/hello"):format(web.port4),
    ca = web.ca, resolve = { many, late(web.port4) },
  }
end

local function as_text(places)
  local words = {}
  for _, url in ipairs(places) do
    words[#words + 1] = ("%q"):format(url)
  end
  return ("return { %s, ca = %q, resolve = { %q, %q } }"):format(table.concat(words, ", "),
    places.ca, table.unpack(places.resolve))
end

local function open()
  local text = os.getenv "SOAK_PLACES"
  return text and load(text)() or start()
end

return { open = open, as_text = as_text }
