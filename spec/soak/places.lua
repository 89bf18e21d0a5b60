-- Where the transfers of random programs go: an nginx, one with HTTP/3 (where that is not, HTTP/2
-- without TLS), a server that stalls, resets and closes, two vsftpd, one of them with TLS, a file,
-- and where no transfer can succeed.
-- They are told to other processes by the environment (SOAK_PLACES), as a Lua expression.

local process = require "spec.support.process"
local rare = require "spec.soak.rare"
local system = require "spec.support.system"

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

-- Too long for a part of a name: no name server is asked for it.
local no_name = ("x"):rep(64) .. ".test"

local function multiplexed(web)
  local http3 = require "spec.support.http3"
  if not http3.here then return { web.h2c_url .. "/hello" } end
  return { servers.http3().url .. "/hello", nil, "3only" }
end

-- URLs, and where no transfer can succeed "fails"; where it asks for no socket, "nowhere"; the
-- version of HTTP that it wants.
-- generate.lua knows them by their numbers, from 0 on.
local function list(web, bad, ftp, ftps, file)
  return {
    { web.url .. "/hello" }, { web.https_url .. "/hello" }, { web.url .. "/slow?rate=1m" },
    { web.h2_url .. "/hello" }, { bad.url .. "/reset", "fails" }, { bad.url .. "/stall", "fails" },
    { web.url .. "/close" }, { bad.url .. "/half", "fails" }, { bad.url .. "/close", "fails" },
    { web.url4 .. "/hello" }, { web.url .. "/upload" },
    { ("http://many.test:%d/hello"):format(web.port) }, { "http://127.0.0.1:1/", "fails" },
    { web.url .. "/redirect?to=" .. web.url4 .. "/hello" }, multiplexed(web),
    { ftp.url .. "/hello.txt" }, { ("http://late.test:%d/hello"):format(web.port4) },
    { ftps.url .. "/hello.txt" }, { "file://" .. file },
    { web.url .. "/redirect?to=" .. ftp.url .. "/hello.txt" },
    { ("http://%s/"):format(no_name), "nowhere" }, { ("ftp://%s/"):format(no_name), "nowhere" },
    { "ftp://127.0.0.1:1/", "fails" }, { ("ftp://127.0.0.1:%d/"):format(web.port), "fails" },
    { ("http://127.0.0.1:%d/"):format(ftp.port), "fails" },
    { ("https://127.0.0.1:%d/"):format(web.port), "fails" },
  }
end

-- Where all succeeds, and what comes how often (sure.lua).
local function sure(web)
  local line, n = "0123456789abcde", 6400
  process.write(web.root .. "/store/text", (line .. "\n"):rep(n))
  local some = {}
  for _, url in ipairs { web.url, web.https_url, web.h2_url } do
    some[#some + 1] = { url .. "/hello", "hello", 1 }
    some[#some + 1] = { url .. "/store/text", line, n }
  end
  some[#some + 1] = { web.url .. "/close", "close", 1 }
  return some
end

local function start()
  servers = require "spec.support.servers"
  local web, ftps = servers.nginx(), servers.vsftps()
  local file = servers.dir() .. "/file" -- uploads go to it, too
  process.write(file, ("file\n"):rep(200))
  local places = list(web, servers.script(rude), servers.vsftpd(), ftps, file)
  places.ca, places.ftps = web.ca, ftps.url
  places.sure, places.upload = sure(web), { web.url .. "/upload" }
  places.rare = rare.places(servers, web)
  places.ws = system.websocket and servers.websocket().url or nil
  places.resolve = { ("many.test:%d:127.0.0.2,127.0.0.3,127.0.0.1"):format(web.port),
    late(web.port4) }
  return places
end

-- As an expression; it ends where strings and numbers do.
local function as_text(value)
  if type(value) ~= "table" then return ("%q"):format(value) end
  local fields = {}
  for name, field in pairs(value) do
    fields[#fields + 1] = ("[%q] = %s"):format(name, as_text(field))
  end
  return "{ " .. table.concat(fields, ", ") .. " }"
end

local function open()
  local text = os.getenv "SOAK_PLACES"
  return text and load("return " .. text)() or start()
end

return { open = open, as_text = as_text }
