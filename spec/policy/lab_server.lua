-- The servers of the laboratory: on every address of the namespace, at a list of ports. What they
-- have accepted is told to lab.lua, over TCP at 127.0.0.1:9: a line in, a line out.
--   set KEY VALUE   location: where /r redirects to; ftp: what 93.184.216.34:80 speaks then
--   take            all that has happened since, with tabs between: "connect ADDRESS", "request
--                   ADDRESS LINE", "datagram ADDRESS"
local curl = require "curlsock"
local socket = require "socket"

local ports = { 80, 443, 21, 22, 25, 6379, 8080, 11211, 3128, 1080 }
local set, log = {}, {}
local watched = {} -- what select looks at -> what to do then

local function getfd(object) return object.fd end

local function watch(s, f)
  watched[{ fd = s:fd(), getfd = getfd, socket = s }] = f
end

local function drop(object)
  watched[object] = nil
  object.socket:close()
end

local function note(...)
  log[#log + 1] = table.concat({ ... }, " ")
end

-- Calls on_line(line, peer) for each line that comes.
local function lines(peer, on_line)
  local rest = ""
  watch(peer, function(object)
    local data = peer:recv(65536, 0)
    if not data or data == "" then return drop(object) end
    rest = (rest .. data):gsub("([^\n]*)\n", function(line)
      on_line(line:gsub("\r$", ""), peer)
      return ""
    end)
  end)
end

local function http(peer, at)
  local first
  lines(peer, function(line)
    if not first then
      first = line
    elseif line == "" then
      note("request", at, first)
      local path = first:match("^%S+ (%S+)") or ""
      local to = path == "/r" and set.location or path == "/r2" and "http://127.0.0.1/"
      peer:send(to and ("HTTP/1.1 302 F\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(to)
        or "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
      first = nil
    end
  end)
end

local function connect_back(text)
  local a, b, c, d, high, low = text:match("^PORT (%d+),(%d+),(%d+),(%d+),(%d+),(%d+)")
  local address = a and ("%d.%d.%d.%d:%d"):format(a, b, c, d, high * 256 + low)
    or "93.184.216.34:" .. (text:match("|(%d+)|$") or "80")
  local back = curl.socket("inet")
  if back:connect(address, 1) then
    back:send("secret")
    note("accepted", address)
  end
  back:close()
end

local function ftp(peer)
  peer:send("220 hello\r\n")
  lines(peer, function(line)
    local command = line:match("^(%a+)")
    local answers = {
      USER = "331 password", PASS = "230 in", PWD = "257 \"/\"", TYPE = "200 ok",
      EPSV = set.ftp == "epsv" and "229 (|||6379|)" or "500 no",
      PASV = set.ftp == "pasv" and "227 (127,0,0,1,0,80)" or "500 no", SIZE = "213 6",
      EPRT = "200 ok", PORT = "200 ok", RETR = "150 here", QUIT = "221 bye",
    }
    peer:send((answers[command] or "500 no") .. "\r\n")
    if command == "PORT" or command == "EPRT" then connect_back(line) end
  end)
end

local function listen(address)
  local s = assert(curl.address(address):socket())
  local family = curl.address(address).family
  if family == "inet6" then s:setsockopt("ipv6", "v6only", true) end
  if family ~= "unix" then s:setsockopt("socket", "reuseaddr", true) end
  assert(s:bind(address))
  assert(s:listen())
  watch(s, function()
    local peer = s:accept(0)
    if not peer then return end
    local at = tostring(family == "unix" and s:localaddress() or peer:localaddress())
    note("connect", at)
    return (set.ftp and at == "93.184.216.34:80" and ftp or http)(peer, at)
  end)
end

local function listen_datagrams(family, address)
  local s = assert(curl.socket(family, "dgram"))
  if family == "inet6" then s:setsockopt("ipv6", "v6only", true) end
  assert(s:bind(address))
  watch(s, function()
    if s:recv(65536, 0) then note("datagram", address) end
  end)
end

-- Does all that can be done now.
local function turn(seconds)
  local list = {}
  for object in pairs(watched) do list[#list + 1] = object end
  local ready = socket.select(list, nil, seconds)
  for _, object in ipairs(ready) do
    if watched[object] then watched[object](object) end
  end
  return #ready > 0
end

local function control(line, peer)
  local key, value = line:match("^set (%S+) ?(.*)$")
  if key then
    set[key] = value ~= "" and value or nil
    return peer:send("ok\n")
  end
  local mine = watched
  repeat
    local others = {}
    for object, f in pairs(mine) do others[object] = object.socket ~= peer and f or nil end
    watched = others
    local busy = turn(0)
    for object, f in pairs(others) do mine[object] = f end
    for object in pairs(mine) do
      if object.socket ~= peer and not others[object] then mine[object] = nil end
    end
  until not busy
  watched = mine
  peer:send(table.concat(log, "\t") .. "\n")
  log = {}
end

for _, port in ipairs(ports) do
  listen("0.0.0.0:" .. port)
  listen("[::]:" .. port)
end
listen_datagrams("inet", "0.0.0.0:80")
listen_datagrams("inet6", "[::]:80")
os.remove("build/lab.sock")
listen("unix:build/lab.sock")
if pcall(curl.address, "unix:@curlsock-lab") then listen("unix:@curlsock-lab") end

local door = assert(curl.socket("inet"))
assert(door:setsockopt("socket", "reuseaddr", true):bind("127.0.0.1:9"))
assert(door:listen())
print("ready")
io.stdout:flush()
local client = assert(door:accept(10))
lines(client, control)
while client:state() == "owned" do turn(10) end
