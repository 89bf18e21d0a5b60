-- What the host runs with one allocation, or one system call, after the other failing. From
-- host.fail() on. A scenario ends well or with an error; one that begins with WRONG says that
-- the module did what it must not, whatever failed.
--
-- foreign: the module also closes descriptors that libcurl made.
-- closing: failures go on while the state is closed (not those of Lua's allocator: Lua drops
--   a finalizer that it has no memory to call).
-- except: kinds of failure that libcurl itself does not survive, with the reason.
local host = require "host"
local surface = dofile "spec/support/surface.lua"

local scenarios = {}

local function scenario(name, run, options)
  local s = options or {}
  s.name, s.run = name, run
  scenarios[#scenarios + 1] = s
end

-- The values are constants: an error must need no memory.
local function is(condition, wrong)
  if not condition then error(wrong, 0) end
end

-- What succeeds, or fails as documented.
local function good(value, message, name)
  if value then return value end
  is(message ~= nil, "WRONG: nil without a message")
  is(type(name) == "string" and name ~= "UNKNOWN", "WRONG: nil without a name")
  error(message, 0)
end

local function curlsock() return require "curlsock" end

local function perform(easy) return good(easy:perform()) end

-- What the script made fail has not succeeded; it may have failed of something else.
local function fails(call, ...)
  local ok, result = pcall(call, ...)
  return not ok or not result
end

-- Runs multi to the end of its transfers; how many there were.
local function run(multi)
  local count, problem = 0, nil
  for round = 1, 2000 do
    is(round < 2000, "WRONG: stalled")
    if good(multi:perform()) == 0 then break end
    good(multi:poll(0.05))
  end
  for easy, ok, message, name in multi:results() do
    is(easy, "WRONG: a result without an easy")
    count = count + 1
    if not ok then
      is(message ~= nil and type(name) == "string", "WRONG: a result without message or name")
      problem = message
    end
  end
  if problem then error(problem, 0) end
  return count
end

-- A sink for the body, and what checks it.
local function sink()
  local body = {}
  return body, function()
    is(table.concat(body) == "hello\n", "WRONG: another body")
  end
end

-- An opener and a closer that must be called in turn for each Socket.
local function events()
  local seen = { opened = 0, closed = 0 }
  return seen, function(socket)
    is(not socket.data, "WRONG: a second close event")
    socket.data = true
    seen.closed = seen.closed + 1
  end
end

-- Lua itself may have had no memory to call the closer.
local function check_events(seen)
  is(seen.closed <= seen.opened, "WRONG: more close events than sockets")
  if not host.mode:find("^lua") then
    is(seen.closed == seen.opened, "WRONG: fewer close events than sockets")
  end
end

-- ---- constructors -------------------------------------------------------------------------

scenario("require", function()
  host.fail()
  local curl = curlsock()
  is(curl.easy and curl.PAUSE, "WRONG: half a module")
end)

scenario("easy", function()
  local curl = curlsock()
  host.fail()
  good(curl.easy()):close()
end)

scenario("easy with options", function()
  local curl = curlsock()
  local function nothing() end
  local file <close> = assert(io.tmpfile())
  local options = {
    url = host.http, useragent = "x", httpheader = { "A: b", "C: d", "E: f" },
    resolve = { "h:1:127.0.0.1" }, postfields = "abc", timeout = 1.5, httpauth = { "basic" },
    stderr = file, ssl_options = "native_ca", maxfilesize_large = 10, cainfo_blob = "x",
    share = curl.share(),
  }
  for _, name in ipairs(surface.names()) do options[name] = nothing end
  for _, name in ipairs(surface.rare_callbacks) do
    if name ~= "trailerfunction" then options[name] = nothing end
  end
  host.fail()
  local easy = good(curl.easy(options))
  good(easy:setopt { httpheader = { "G: h" }, resolve = {}, stderr = file })
  for _, name in ipairs { "url", "httpheader", "postfields", "share", "stderr", "cainfo_blob",
                          "headerfunction", "xferinfofunction" } do
    good(easy:unset(name))
  end
end)

scenario("easy of wrong options", function()
  local curl = curlsock()
  host.fail()
  for _, options in ipairs {
    { nonsense = 1 }, { url = {} }, { httpheader = { 1, {} } }, { httpauth = "nonsense" },
    { timeout = -1.5 }, { share = 1 }, { stderr = 1 }, { writefunction = 1 },
  } do
    local ok, message = pcall(curl.easy, options)
    is(not ok and message, "WRONG: a wrong option was taken")
  end
end)

scenario("dup", function()
  local curl = curlsock()
  local body, check = sink()
  local file <close> = assert(io.tmpfile())
  local easy = curl.easy {
    url = host.http, httpheader = { "A: b", "C: d" }, stderr = file, verbose = true,
    writefunction = body, opensocketfunction = function() return true end,
  }
  host.fail()
  local dup = good(easy:dup())
  easy:close()
  perform(dup)
  check()
  dup:close()
end)

scenario("reset", function()
  local curl = curlsock()
  local easy = curl.easy { url = host.http, httpheader = { "A: b" } }
  host.fail()
  perform(easy)
  good(easy:reset())
  good(easy:setopt("url", host.http))
  perform(easy)
end)

scenario("multi", function()
  local curl = curlsock()
  local function nothing() end
  local options = { maxconnects = 2 }
  for _, name in ipairs(surface.multi_callbacks) do options[name] = nothing end
  host.fail()
  local multi = good(curl.multi(options))
  good(multi:setopt { timerfunction = nothing, max_host_connections = 3 })
  good(multi:setopt("socketfunction", nil))
  multi:close()
end)

scenario("loop: tasks, groups, sleep", function()
  local curl = curlsock()
  local new, done, cancelled = require("curlsock.loop").new(), 0, nil
  new:close()
  host.fail()
  local loop <close> = require("curlsock.loop").new()
  local group <close> = loop:group()
  for _ = 1, 2 do
    group:spawn(function()
      good(loop:sleep(0.001))
      good(loop:perform(curl.easy { url = host.http }))
      done = done + 1
    end)
  end
  local long = loop:spawn(function()
    good(loop:sleep(60))
    cancelled = false
  end)
  good(group:wait(10))
  long:cancel()
  is(done == 2 and cancelled == nil, "WRONG: a task did not run, or was not cancelled")
end)

scenario("loop: stream", function()
  local curl = curlsock()
  local new = require("curlsock.loop").new
  local body, check = sink()
  host.fail()
  local loop <close> = new()
  local stream <close> = good(loop:stream(curl.easy { url = host.http }, { limit = 2 }))
  good(stream:headers())
  for piece in stream:pieces() do body[#body + 1] = piece end
  check()
end)

scenario("fetch", function()
  local curl, fetch = curlsock(), require "curlsock.fetch"
  host.fail()
  local response = good(fetch(curl.url(host.http), { query = { a = "b" }, retries = 1,
    headers = { ["X-A"] = "b" }, multipart = { { name = "a", data = "b" } }, timeout = 10 }))
  is(response.status == 200 and response.body == "hello\n", "WRONG: another answer")
end)

scenario("connect_only: send, recv, upkeep", function()
  local curl = curlsock()
  local easy = curl.easy { url = host.http, connect_only = true }
  local multi = curl.multi()
  host.fail()
  perform(easy)
  good(easy:upkeep())
  good(easy:send("GET / HTTP/1.0\r\n\r\n"))
  for round = 1, 2000 do
    is(round < 2000, "WRONG: stalled")
    local text, message, name = easy:recv(100)
    if name ~= "AGAIN" then
      is(good(text, message, name):find "^HTTP", "WRONG: another answer")
      break
    end
    multi:poll(0.001)
  end
  is(fails(easy.perform, easy), "WRONG: the script has the connection")
end)

scenario("share", function()
  local curl = curlsock()
  host.fail()
  local share = good(curl.share { share = { "connect", "dns", "cookie", "ssl_session" } })
  good(share:setopt("unshare", "dns"))
  share:close()
end)

scenario("left share of hsts", function()
  local curl = curlsock()
  local share = curl.share()
  if not pcall(good, pcall(share.setopt, share, "share", "hsts")) then return end
  local easy = curl.easy { url = host.http, hsts = "/dev/null", share = share }
  host.fail()
  local left, message, name = easy:unset("share")
  perform(easy)
  good(left, message, name)
  good(easy:setopt("hsts_ctrl", 0))
  perform(easy)
end)

scenario("address", function()
  local curl = curlsock()
  host.fail()
  for _, text in ipairs { "127.0.0.1:80", "[fe80::1%2]:80", "unix:/x", "unix:@x" } do
    local a = curl.address(text)
    is(tostring(a) == text, "WRONG: another text")
    is(a == curl.address(text) and not a:within("10.0.0.0/8"), "WRONG: another address")
    if a.port then a.port = a.port end
    a.ip = "10.0.0.1"
    is(a:within("10.0.0.0/8") and a.family == "inet" and not a.path, "WRONG: another address")
    a.path = "/y"
  end
  is(not pcall(curl.address, "nonsense:1:x"), "WRONG: it is no address")
  is(not pcall(function() return curl.address("1.2.3.4").nonsense end), "WRONG: no field")
end)

scenario("own addresses", function()
  local curl = curlsock()
  local own, other, six = curl.address "127.1.2.3", curl.address "192.0.2.1", curl.address "::1"
  host.fail()
  -- Without netlink the address of the interface is all that is known.
  for _, a in ipairs { own, six, other } do
    local foreign, message, name = a:is_foreign()
    if foreign == nil then good(foreign, message, name) end
    if a ~= own then is(foreign == (a == other), "WRONG: another answer") end
  end
end)

scenario("networks", function()
  local curl = curlsock()
  local address = curl.address "10.1.2.3"
  host.fail()
  is(good(address:copy()) == address and address.bytes == "\10\1\2\3", "WRONG: another address")
  local networks = curl.networks { "::/0", address, ["10.0.0.0/8"] = "private" }
  is(#networks == 3 and tostring(networks) == "networks (3)", "WRONG: another count")
  is(networks:find(address) == "10.1.2.3", "WRONG: another network")
  local text, value = networks:find "\10\0\0\1"
  is(text == "10.0.0.0/8" and value == "private", "WRONG: another network")
  is(not networks:find "\11\0\0\1", "WRONG: it is in no network")
  is(not pcall(curl.networks, { "10.0.0.0/8", "10.1.0.0/8" }), "WRONG: it is no network")
end)

-- ---- sockets ------------------------------------------------------------------------------

scenario("socket", function()
  local curl = curlsock()
  host.fail()
  local s <close> = good(curl.socket("inet", "stream"))
  good(s:setsockopt("tcp", "nodelay", true))
  is(good(s:getsockopt("tcp", "nodelay")), "WRONG: another value")
  good(s:setsockopt("socket", "linger", 1))
  good(s:getsockopt("socket", "domain"))
  good(s:getsockopt(1, 2, 4))
  good(s:bind("127.0.0.1:0"))
  good(s:listen())
  is(good(s:localaddress()).port > 0 and s:fd(), "WRONG: no port")
  is(tostring(s) and s:state() == "owned", "WRONG: another state")
  s.data = {}
  good(s:close())
  is(s:state() == "closed", "WRONG: another state")
end)

-- In the one where it is: to enter another is tried in spec 71. Only root may.
scenario("socket in a namespace", function()
  local curl = curlsock()
  local allowed = curl.socket("inet", "stream", 0, { netns = "/proc/self/ns/net" })
  if not allowed then return end
  allowed:close()
  host.fail()
  good(good(curl.socket("inet", "stream", 0, { netns = "/proc/self/ns/net" })):close())
end)

scenario("url", function()
  local curl = curlsock()
  host.fail()
  local url = good(curl.url("http://user@localhost/a?b=c"))
  is(good(url:get("host")) == "localhost" and tostring(url) == "http://user@localhost/a?b=c",
    "WRONG: another host")
  local copy = url:dup()
  is(good(copy:set("query", "d=e f", "urlencode", "appendquery")) == copy, "WRONG: another url")
  is(good(copy:get("query")) == "b=c&d=e+f" and url ~= copy, "WRONG: another query")
  good(curl.url(copy):set("port", 81))
  good(curl.easy { url = copy })
end)

scenario("escape", function()
  local curl = curlsock()
  host.fail()
  is(good(curl.escape("a b")) == "a%20b" and good(curl.unescape("a%00b")) == "a\0b",
    "WRONG: another text")
  is(curl.getdate("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777, "WRONG: another date")
end)

scenario("what there is", function()
  local curl = curlsock()
  host.fail()
  local count = 0
  for name, kind in curl.options() do count = count + #name * #kind end
  for name, kind in curl.infos() do count = count + #name * #kind end
  is(count > 1000 and curl.version_info().version_num > 0, "WRONG: something is missing")
end)

scenario("socket of an address", function()
  local curl = curlsock()
  local address = curl.address("unix:/x")
  host.fail()
  local s = good(address:socket())
  good(s:close())
end)

scenario("socketpair", function()
  local curl = curlsock()
  host.fail()
  local a, b = curl.socketpair()
  good(a, b, "EMFILE")
  good(a:send("x", 1))
  is(good(b:recv(100, 1)) == "x", "WRONG: other data")
  good(a:close())
  is(good(b:recv(100)) == "", "WRONG: no end")
  local none, message, name = b:send("x")
  is(not none and message and name, "WRONG: nobody is there")
end)

scenario("sendfd and recvfd", function()
  local curl = curlsock()
  local a, b = curl.socketpair()
  good(a, b, "EMFILE")
  local sent <close> = good(curl.socket("inet", "dgram"))
  host.fail()
  good(a:sendfd(sent, "x", 1))
  good(a:sendfd(sent:fd()))
  good(a:send("y"))
  for i, expected in ipairs { "x", "\0" } do
    local s, data, name = b:recvfd(i * 3000, 1)
    local received <close> = good(s, data, name)
    is(data == expected and received:state() == "owned", "WRONG: another descriptor")
    is(good(received:getsockopt("socket", "type")) == "dgram", "WRONG: another descriptor")
  end
  local s, data, name = b:recvfd()
  is(not s, "WRONG: there was no third descriptor")
  if name then good(s, data, name) end
  is(data == "y", "WRONG: other data")
end)

scenario("adopt and detach", function()
  local curl = curlsock()
  local fd = host.number()
  host.fail()
  local s = good(curl.adopt(fd))
  is(s:fd() == fd and not pcall(curl.adopt, fd), "WRONG: two owners")
  is(s:detach() == fd and s:state() == "detached", "WRONG: another descriptor")
  good(curl.adopt(fd))
end)

scenario("accept and connect", function()
  local curl = curlsock()
  local listener <close> = good(curl.socket())
  good(listener:bind("127.0.0.1:0"))
  good(listener:listen())
  local address = good(listener:localaddress())
  host.fail()
  is(not listener:accept(0), "WRONG: nobody is there")
  local s <close> = good(curl.socket())
  good(s:connect(address, 5))
  local peer, from = listener:accept(5)
  good(peer, from, "EMFILE")
  is(from == good(s:localaddress()) and good(s:peeraddress()) == address, "WRONG: addresses")
  is(good(s:info()).state == "established", "WRONG: no connection")
  is(good(peer:send("x")) == 1 and good(s:recv(1, 5)) == "x", "WRONG: other data")
end)

scenario("connect in vain", function()
  local curl = curlsock()
  local s <close> = good(curl.socket())
  local none <close> = good(curl.socket())
  good(none:bind("127.0.0.1:0"))
  local address = good(none:localaddress())
  host.fail()
  local ok, message, name = s:connect(address, 1)
  is(not ok and message and name, "WRONG: nobody is there")
end)

scenario("what libcurl holds", function()
  local curl = curlsock()
  collectgarbage("generational")
  local easies = {}
  for i = 1, 3 do
    easies[i] = curl.easy { url = host.http }
    perform(easies[i])
  end
  host.fail()
  local list = curl.sockets()
  is(#list == 3 and list[1].pool and list[1].socket:fd(), "WRONG: another list")
  is(curl.live().easy == 3 and curl.version_info().version, "WRONG: other numbers")
end)

-- ---- the socket callbacks -----------------------------------------------------------------

scenario("plain transfer", function()
  local curl = curlsock()
  local body, check = sink()
  local easy = curl.easy { url = host.http, writefunction = body }
  host.fail()
  perform(easy)
  check()
  perform(easy)
  easy:close()
end)

-- Sockets are open when opensocketfunction has returned and libcurl shows them.
local function transfer(open, options)
  return function()
    local curl = curlsock()
    local seen, close = events()
    local body, check = sink()
    local easy = curl.easy {
      url = host.http, writefunction = body,
      opensocketfunction = function(purpose, address, easy)
        is(purpose == "ipcxn" and address.ip == "127.0.0.1", "WRONG: other arguments")
        is(easy, "WRONG: no easy")
        return open(curl, address)
      end,
      sockoptfunction = function(socket)
        seen.opened = seen.opened + 1
        is(socket:state() == "lent", "WRONG: not lent")
      end,
      closesocketfunction = close,
    }
    if options then easy:setopt(options(curl)) end
    host.fail()
    perform(easy)
    check()
    easy:close()
    check_events(seen)
  end
end

scenario("open: the default", transfer(function() return true end))

scenario("open: another address", transfer(function(curl, address)
  address.ip = "127.0.0.2"
  address.ip = "127.0.0.1"
  is(address == curl.address(host.address), "WRONG: another address")
  return true
end))

scenario("open: a Socket", transfer(function(_, address) return good(address:socket()) end))

scenario("open: a descriptor", transfer(function() return host.number() end))

scenario("open: another library's object", transfer(function(curl)
  local s = good(curl.socket())
  return { getfd = function() return s:fd() end }
end))

scenario("open: refused", function()
  local curl = curlsock()
  local easy = curl.easy {
    url = host.http, opensocketfunction = function() return false, "no reason" end,
  }
  host.fail()
  local ok, message, name = easy:perform()
  is(not ok and message and name, "WRONG: it was refused")
  good(easy:setopt("opensocketfunction", function() return "nonsense" end))
  is(fails(easy.perform, easy), "WRONG: it was no answer")
end)

scenario("open: one that throws", function()
  local curl = curlsock()
  local problem = {}
  local easy = curl.easy {
    url = host.http, opensocketfunction = function() error(problem) end,
  }
  host.fail()
  is(fails(easy.perform, easy), "WRONG: it threw")
  easy:close()
end)

scenario("open: an address where nobody is", function()
  local curl = curlsock()
  local seen, close = events()
  local none <close> = good(curl.socket())
  good(none:bind("127.0.0.1:0"))
  local port = good(none:localaddress()).port
  local easy = curl.easy {
    url = host.http,
    opensocketfunction = function(_, address)
      address.port = port
      return true
    end,
    sockoptfunction = function() seen.opened = seen.opened + 1 end,
    closesocketfunction = close,
  }
  host.fail()
  local ok, message, name = easy:perform()
  is(not ok and message and name, "WRONG: nobody is there")
  check_events(seen)
end)

-- libcurl 7.88 closes the first socket without a word, and its number comes back.
scenario("open: one address where nobody is, then another", function()
  local curl = curlsock()
  local seen, close = events()
  local body, check = sink()
  local port = host.address:match("%d+$")
  local easy = curl.easy {
    url = "http://h:" .. port .. "/", resolve = { "h:" .. port .. ":127.0.0.9,127.0.0.1" },
    writefunction = body, closesocketfunction = close,
    sockoptfunction = function() seen.opened = seen.opened + 1 end,
  }
  host.fail()
  perform(easy)
  check()
  easy:close()
  check_events(seen)
end)

scenario("open: a connected Socket", function()
  local curl = curlsock()
  local body, check = sink()
  local easy = curl.easy {
    url = host.http, writefunction = body,
    opensocketfunction = function(_, address)
      local s = good(address:socket())
      good(s:connect(address, 1))
      return s
    end,
  }
  host.fail()
  local ok, message, name = easy:perform()
  if ok then return check() end
  is(message and name, "WRONG: nil without message or name")
end)

-- What is refused there, and lists that a transfer may still read.
scenario("calls inside a callback", function()
  local curl = curlsock()
  local calls = 0
  local easy
  easy = curl.easy {
    url = host.http, httpheader = { "A: b" },
    writefunction = function()
      is(not pcall(easy.close, easy), "WRONG: closed inside")
      is(not pcall(easy.perform, easy), "WRONG: performed inside")
      good(easy:setopt("httpheader", { "C: d", "E: f" }))
      is(tostring(easy):find("^easy") and #curl.sockets() == 1, "WRONG: another easy")
      calls = calls + 1
    end,
  }
  host.fail()
  perform(easy)
  is(calls == 1, "WRONG: not called")
  easy:close()
  is(tostring(easy):find("closed", 1, true), "WRONG: another easy")
end)

scenario("sockopt: refused", function()
  local curl = curlsock()
  local seen, close = events()
  local easy = curl.easy {
    url = host.http, closesocketfunction = close,
    sockoptfunction = function()
      seen.opened = seen.opened + 1
      return false, "no reason"
    end,
  }
  host.fail()
  local ok, message, name = easy:perform()
  is(not ok and message and name, "WRONG: it was refused")
  check_events(seen)
end)

scenario("sockopt: one that throws", function()
  local curl = curlsock()
  local easy = curl.easy { url = host.http, sockoptfunction = function() error({}) end }
  host.fail()
  is(fails(easy.perform, easy), "WRONG: it threw")
end)

scenario("sockopt: a borrowed Socket", function()
  local curl = curlsock()
  local body, check = sink()
  local kept
  local easy = curl.easy {
    url = host.ftp, ftpport = "127.0.0.1", writefunction = body, server_response_timeout = 5,
    accepttimeout_ms = 2000,
    sockoptfunction = function(socket, purpose)
      if purpose ~= "accept" then return end
      is(socket:state() == "borrowed", "WRONG: not borrowed")
      kept = socket
    end,
  }
  host.fail()
  perform(easy)
  check()
  is(kept:state() == "closed", "WRONG: it lives on")
  easy:close()
end, { foreign = true })

scenario("FTP", function()
  local curl = curlsock()
  local seen, close = events()
  local body, check = sink()
  local easy = curl.easy {
    url = host.ftp, writefunction = body, closesocketfunction = close,
    server_response_timeout = 5,
    opensocketfunction = function() return true end,
    sockoptfunction = function() seen.opened = seen.opened + 1 end,
  }
  host.fail()
  perform(easy)
  check()
  easy:close()
  check_events(seen)
end, { foreign = true })

scenario("close: false", function()
  local curl = curlsock()
  local easy = curl.easy { url = host.http, closesocketfunction = function() return false end }
  host.fail()
  perform(easy)
  easy:close()
end)

scenario("close: one that throws", function()
  local curl = curlsock()
  local easy = curl.easy { url = host.http, closesocketfunction = function() error({}) end }
  host.fail()
  perform(easy)
  is(not pcall(easy.close, easy), "WRONG: it threw")
  local others = { curl.easy { url = host.http, closesocketfunction = function() error({}) end } }
  perform(others[1])
  others[1] = nil
  collectgarbage()
end)

scenario("close: one that takes the descriptor", function()
  local curl = curlsock()
  local easy = curl.easy {
    url = host.http, closesocketfunction = function(socket) host.keep(socket:detach()) end,
  }
  host.fail()
  perform(easy)
  easy:close()
end)

scenario("close: the callback of a closed easy", function()
  local curl = curlsock()
  local seen, close = events()
  local multi = curl.multi()
  do
    local easy = curl.easy {
      url = host.http, closesocketfunction = close,
      sockoptfunction = function() seen.opened = seen.opened + 1 end,
    }
    host.fail()
    good(multi:add(easy))
    run(multi)
    good(multi:remove(easy))
    easy:close()
  end
  collectgarbage()
  multi:close()
  check_events(seen)
end)

-- ---- the data callbacks -------------------------------------------------------------------

scenario("write and header: functions", function()
  local curl = curlsock()
  local size, lines = 0, 0
  local easy = curl.easy {
    url = host.http .. "big",
    writefunction = function(data) size = size + #data end,
    headerfunction = function() lines = lines + 1 end,
  }
  host.fail()
  perform(easy)
  is(size == 65536 and lines == 4, "WRONG: data is missing")
end)

scenario("write and header: a file and a table", function()
  local curl = curlsock()
  local file <close> = assert(io.tmpfile())
  local lines = {}
  local easy = curl.easy { url = host.http, writefunction = file, headerfunction = lines }
  host.fail()
  perform(easy)
  is(file:seek("end") == 6 and #lines == 4, "WRONG: data is missing")
end)

scenario("write: refused, paused, wrong, thrown", function()
  local curl = curlsock()
  local answer
  local easy = curl.easy {
    url = host.http,
    writefunction = function()
      if answer == "error" then error({}) end
      return answer, "reason"
    end,
  }
  host.fail()
  answer = false
  local ok, message, name = easy:perform()
  is(not ok and message and name, "WRONG: it was refused")
  answer = {}
  is(fails(easy.perform, easy), "WRONG: it was no answer")
  answer = "error"
  is(fails(easy.perform, easy), "WRONG: it threw")
  answer = curl.PAUSE
  local multi = good(curl.multi())
  good(multi:add(easy))
  for _ = 1, 5 do
    good(multi:perform())
    good(multi:poll(0.001))
  end
end)

scenario("pause and unpause", function()
  local curl = curlsock()
  local body, check = sink()
  local calls = 0
  local easy = curl.easy { url = host.http }
  local multi = curl.multi()
  easy:setopt("writefunction", function(data)
    calls = calls + 1
    if calls == 1 then return curl.PAUSE end
    body[#body + 1] = data
  end)
  host.fail()
  good(multi:add(easy))
  for round = 1, 2000 do
    is(round < 2000, "WRONG: stalled")
    if good(multi:perform()) == 0 then break end
    if calls > 0 then good(easy:unpause()) end
    good(multi:poll(0.05))
  end
  run(multi)
  check()
  multi:close()
  easy:close()
end)

scenario("hsts and resolver_start", function()
  local curl = curlsock()
  local body, check = sink()
  local read, written = 0, 0
  local easy = curl.easy {
    url = host.http,
    hsts_ctrl = 1,
    writefunction = body,
    resolver_start_function = function() end,
    hstsreadfunction = function()
      read = read + 1
      if read % 2 == 1 then return { host = "a.test", expire = 4107542400 } end
    end,
    hstswritefunction = function(entry)
      is(entry.host == "a.test" and entry.expire == 4107542400, "WRONG: another entry")
      written = written + 1
    end,
  }
  host.fail()
  perform(easy)
  check()
  good(easy:dup()):close()
  easy:close()
  is(written > 0, "WRONG: not told") -- a duplicate without memory has no cache
end)

scenario("mimepost", function()
  local curl = curlsock()
  local function parts()
    local read = 0
    return {
      { name = "a", data = "x", headers = { "X-A: 1" }, type = "text/x", encoder = "base64" },
      { name = "b", filename = "b", parts = { { data = "in" }, { file = "/dev/null" } } },
      { name = "c", size = 3, seek = function() return true end, read = function()
        read = read + 1
        return read == 1 and "abcdef" or nil
      end },
    }
  end
  local easy = curl.easy { url = host.http }
  host.fail()
  good(easy:setopt { mimepost = parts(), writefunction = {} })
  local copy = good(easy:dup())
  good(easy:setopt("mimepost", parts()))
  good(easy:unset("mimepost"))
  easy:close()
  perform(copy)
  good(copy:setopt("postfields", { a = 1, b = "c d" }))
  copy:close()
end)

scenario("read and seek", function()
  local curl = curlsock()
  local left, sought = 3, nil
  local start = curl.version_info().version_num < 0x081700 and 1024 or 0 -- 8.23 cannot resume
  local easy = curl.easy {
    url = host.http, upload = true, infilesize = 3072, httpheader = { "Expect:" },
    resume_from = start,
    readfunction = function()
      if left == 0 then return nil end
      left = 0
      return ("x"):rep(3072 - start)
    end,
    seekfunction = function(offset, whence)
      sought = offset == start and whence == "set"
      return true
    end,
  }
  host.fail()
  perform(easy)
  is((sought or start == 0) and left == 0, "WRONG: it was not sent")
end)

scenario("read: in pieces, and refused", function()
  local curl = curlsock()
  local answer = ("x"):rep(100000)
  local easy = curl.easy {
    url = host.http, upload = true, httpheader = { "Expect:" }, infilesize = 100000,
    readfunction = function()
      return answer, "reason"
    end,
  }
  host.fail()
  perform(easy)
  answer = false
  is(not easy:perform(), "WRONG: it was refused")
end)

scenario("xferinfo, prereq, debug", function()
  local curl = curlsock()
  local calls = { 0, 0, 0 }
  local easy = curl.easy {
    url = host.http, verbose = true,
    xferinfofunction = function() calls[1] = calls[1] + 1 end,
    prereqfunction = function(ip)
      calls[2] = ip and calls[2] + 1
      return true
    end,
    debugfunction = function(kind) calls[3] = kind and calls[3] + 1 end,
  }
  host.fail()
  perform(easy)
  is(calls[1] > 0 and calls[2] == 1 and calls[3] > 3, "WRONG: a callback was not called")
  good(easy:setopt("xferinfofunction", function() return false, "reason" end))
  is(not easy:perform(), "WRONG: it was refused")
  good(easy:unset("xferinfofunction"))
  good(easy:setopt("prereqfunction", function() error({}) end))
  is(fails(easy.perform, easy), "WRONG: it threw")
end)

scenario("the Socket of a transfer", function()
  local curl = curlsock()
  local opened, asked, during
  local easy = curl.easy {
    url = host.http,
    opensocketfunction = function(_, address)
      opened = good(address:socket())
      return opened
    end,
    prereqfunction = function(_, _, _, _, socket)
      asked = socket
      return true
    end,
  }
  good(easy:setopt("writefunction", function() during = easy:socket() end))
  host.fail()
  for _ = 1, 2 do
    perform(easy)
    for _, socket in ipairs { asked or opened, during or opened, easy:socket() or opened } do
      is(socket == opened, "WRONG: another Socket")
    end
  end
end)

scenario("the connections of a pool", function()
  local curl = curlsock()
  local multi = curl.multi()
  local easy = curl.easy { url = host.http }
  host.fail()
  multi:add(easy)
  run(multi)
  local list = multi:connections()
  is(#list <= 1, "WRONG: too many connections")
  for _, c in ipairs(list) do
    is(not c.idle or c.idle <= c.age, "WRONG: idle before it was opened")
  end
  is(multi:close_idle() <= 1, "WRONG: closed too many")
  multi:remove(easy):add(easy)
  run(multi)
end)

scenario("policy", function()
  local curl = curlsock()
  local function yes() return true end
  host.fail()
  local policy = curl.policy { name = "p", start = yes, open = yes, close = yes, max_body = 9,
    pool = { maxconnects = 5 }, fence = { proxy = "", connect_to = { "a:1:b:2" }, netrc = 0,
      httpauth = yes, protocols_str = { "http", yes } } }
  local multi = good(curl.multi { policy = policy })
  fails(curl.multi, { policy = { pool = { nonsense = 1 } } })
  good(curl.share { share = "connect", policy = policy }):close()
  local easy = good(curl.easy { url = host.http, policy = policy, httpauth = "basic" })
  local copy = good(easy:dup())
  is(policy:stats().asked == 0, "WRONG: asked")
  good(multi:add(copy))
  is(fails(copy.setopt, copy, "proxy", "x"), "WRONG: set against the fence")
  multi:remove(copy)
  easy:reset()
end)

-- Nothing is let in that open was not asked about; the easy's own callbacks count what is opened.
scenario("policy: hooks", function()
  local curl = curlsock()
  local seen, close = events()
  local body, check = sink()
  local asked, told = 0, 0
  local policy = curl.policy { name = "p", start = function() return true end,
    open = function(_, address, easy)
      is(address.ip == "127.0.0.1" and easy, "WRONG: other arguments")
      asked = asked + 1
      return true
    end,
    sockopt = function(socket)
      seen.opened = seen.opened + 1
      is(socket:state() == "lent", "WRONG: not lent")
      return true
    end,
    request = function(_, easy) is(easy, "WRONG: no easy") end,
    close = function() told = told + 1 end }
  local multi = curl.multi { policy = policy }
  local easy = curl.easy { url = host.http, writefunction = body, closesocketfunction = close }
  host.fail()
  good(multi:add(easy))
  run(multi)
  check()
  is(asked > 0, "WRONG: not asked")
  multi:close()
  check_events(seen)
  is(told == seen.closed, "WRONG: not told")
end)

scenario("policy: refused", function()
  local curl = curlsock()
  local given
  local multi = curl.multi { policy = { open = function() return false, "no" end } }
  local easy = curl.easy { url = host.http, opensocketfunction = function()
    given = host.number()
    return given
  end, writefunction = function() error("WRONG: let in", 0) end }
  host.fail()
  good(multi:add(easy))
  is(fails(run, multi), "WRONG: it has succeeded")
end)

-- What the fence has set is there, or the easy does not get in; and it leaves nothing behind.
scenario("policy: fence", function()
  local curl = curlsock()
  local body, check = sink()
  local inside = curl.multi { policy = { fence = { connect_to = { "::" .. host.address },
    followlocation = 0, http_version = "1.1" } } }
  local away = curl.multi { policy = { fence = { connect_to = { "::127.0.0.1:1" } } } }
  local easy = curl.easy { url = "http://192.0.2.1:9/", writefunction = body }
  local plain = curl.easy { url = host.http, writefunction = body }
  host.fail()
  pcall(away.add, away, plain)
  pcall(away.remove, away, plain)
  good(inside:add(easy))
  run(inside)
  check()
  local ok, message, name = plain:perform()
  is(ok or name ~= "COULDNT_CONNECT" or not message:find("port 1 ", 1, true),
    "WRONG: the fence was left behind")
end)

scenario("trace", function()
  local curl = curlsock()
  local multi = curl.multi()
  local easy = curl.easy { url = host.http }
  local last, open = nil, 0
  host.fail()
  curl.trace(function(event)
    last = event.event
    open = open + (last == "open" and 1 or last == "close" and -1 or 0)
  end)
  multi:add(easy)
  run(multi)
  multi:close()
  curl.trace(nil)
  if host.mode:find "^curl" then is(last == "close" and open == 0, "WRONG: an event is missing") end
end)

scenario("getinfo", function()
  local curl = curlsock()
  local easy = curl.easy { url = host.http, cookiefile = "", certinfo = true }
  host.fail()
  perform(easy)
  is(good(easy:getinfo("response_code")) == 200, "WRONG: another status")
  is(good(easy:getinfo("effective_url")) == host.http, "WRONG: another URL")
  is(good(easy:getinfo("total_time")) >= 0, "WRONG: another time")
  is(#good(easy:getinfo("cookielist")) <= 1, "WRONG: too many cookies")
  is(#good(easy:getinfo("certinfo")) == 0, "WRONG: a certificate")
  is(good(easy:getinfo("activesocket")) >= 0, "WRONG: no socket")
end)

-- ---- multis, shares, event loops ----------------------------------------------------------

scenario("header", function()
  local curl = curlsock()
  local easy = curl.easy { url = host.http }
  host.fail()
  perform(easy)
  is(good(easy:header("content-length")) == "6", "WRONG: another length")
  local list = good(easy:headers())
  is(#list > 0 and #list[1] == 2, "WRONG: no headers")
end)

scenario("multi: two at once, and again", function()
  local curl = curlsock()
  local multi = curl.multi()
  local a, b = curl.easy { url = host.http }, curl.easy { url = host.http .. "reset" }
  host.fail()
  good(multi:add(a))
  good(multi:add(b))
  for _ = 1, 2000 do
    if good(multi:perform()) == 0 then break end
    good(multi:poll(0.05))
  end
  for easy, ok, message in multi:results() do
    is(easy == a or (easy == b and not ok and message), "WRONG: another result")
    if easy == a then good(ok, message, "X") end
    good(multi:remove(easy))
  end
  good(multi:add(a))
  is(run(multi) == 1, "WRONG: no result")
  good(multi:remove(a))
  multi:close()
end)

scenario("multi: a callback that throws", function()
  local curl = curlsock()
  local multi = curl.multi()
  local a = curl.easy { url = host.http, writefunction = function() error({}) end }
  local b = curl.easy { url = host.http }
  host.fail()
  good(multi:add(a))
  good(multi:add(b))
  is(not pcall(run, multi), "WRONG: it threw")
end)

scenario("multi: closed with transfers in it", function()
  local curl = curlsock()
  local multi = curl.multi()
  local easies = {}
  for i = 1, 3 do easies[i] = curl.easy { url = host.http .. "stall" } end
  host.fail()
  for _, easy in ipairs(easies) do good(multi:add(easy)) end
  good(multi:perform())
  good(multi:poll(0))
  good(multi:perform())
  easies[1]:close()
  good(multi:remove(easies[2]))
  good(multi:wakeup())
  multi:timeout()
  multi:close()
  is(not pcall(multi.add, multi, easies[3]), "WRONG: it is closed")
end)

scenario("multi: easies that are closed while somebody waits for them", function()
  local curl = curlsock()
  local seconds
  local multi = curl.multi { timerfunction = function(time) seconds = time end }
  local easies, values = {}, { "a", "b" }
  for i = 1, 2 do easies[i] = curl.easy { url = host.http .. "stall" } end
  host.fail()
  for i, easy in ipairs(easies) do good(multi:add(easy, values[i])) end
  good(multi:socket_action())
  easies[1]:close()
  is(seconds == 0, "WRONG: no time was told")
  do local _ <close> = easies[2] end
  local told = {}
  for value, _, _, name in multi:results() do told[value] = name end
  is(told.a == "CLOSED" and told.b == "CLOSED", "WRONG: a result is missing")
  is(#multi:easies() == 0, "WRONG: an easy is left")
end)

-- A loop of the script's that asks libcurl about each descriptor, again and again.
scenario("multi: socketfunction and timerfunction", function()
  local curl = curlsock()
  local watched, seconds = {}, nil
  local multi = curl.multi {
    socketfunction = function(fd, what) watched[fd] = what end,
    timerfunction = function(time) seconds = time end,
  }
  local easy = curl.easy { url = host.http }
  host.fail()
  good(multi:add(easy))
  is(seconds, "WRONG: no time was told")
  local running
  local function act(fd, what) running = good(multi:socket_action(fd, what)) end
  act()
  for round = 1, 2000 do
    if running == 0 then break end
    is(round < 2000, "WRONG: stalled")
    good(multi:poll(0.002))
    local ready = {}
    for fd, what in pairs(watched) do ready[fd] = what end
    for fd, what in pairs(ready) do
      if watched[fd] then act(fd, what) end
    end
    act()
  end
  local count = 0
  for _, ok, message, name in multi:results() do
    count = count + 1
    good(ok, message, name)
  end
  is(count == 1, "WRONG: no result")
  multi:close()
  is(not next(watched) and not seconds, "WRONG: something is watched")
end)

scenario("multi: pollfd", function()
  local curl = curlsock()
  local multi = curl.multi { socketfunction = function() end }
  local easy = curl.easy { url = host.http }
  host.fail()
  local fd = good(multi:pollfd())
  is(multi:pollfd() == fd and multi:events() == "r", "WRONG: another descriptor")
  good(multi:add(easy))
  local running = 1
  for round = 1, 200 do
    if running == 0 then break end
    is(round < 200, "WRONG: stalled")
    good(multi:poll(0.05))
    running = good(multi:socket_action(fd, "r"))
  end
  for _, ok, message, name in multi:results() do good(ok, message, name) end
  good(multi:wakeup())
  is(good(multi:poll(1)) == 1, "WRONG: it was not woken")
  good(multi:remove(easy))
  multi:close()
end)

scenario("loop", function()
  local curl = curlsock()
  local new, done = require("curlsock.loop").new, nil
  host.fail()
  local loop = new()
  loop:spawn(function()
    local easy = curl.easy { url = host.http }
    good(loop:perform(easy))
    good(loop:perform(easy)) -- while the loop is awake: by multi:await
    done = true
  end)
  loop:run()
  is(done, "WRONG: it did not run")
end)

scenario("share", function()
  local curl = curlsock()
  local seen, close = events()
  local options = {
    url = host.http, closesocketfunction = close,
    sockoptfunction = function() seen.opened = seen.opened + 1 end,
  }
  host.fail()
  local share = good(curl.share { share = { "connect", "cookie" } })
  options.share = share
  local a, b = good(curl.easy(options)), good(curl.easy(options))
  perform(a)
  perform(b)
  good(a:unset("share"))
  perform(a)
  share:close()
  local multi = good(curl.multi())
  good(multi:add(b))
  run(multi)
  good(multi:remove(b))
  b:close()
  multi:close()
  a:close()
  check_events(seen)
end)

-- ---- teardown -----------------------------------------------------------------------------

scenario("teardown by the collector", function()
  local curl = curlsock()
  local function make()
    local easy, multi, share = curl.easy(), curl.multi(), curl.share { share = "connect" }
    local self = { easy, multi, share }
    easy:setopt {
      url = host.http, share = share,
      writefunction = function() self[4] = 1 end, closesocketfunction = function() self[5] = 1 end,
    }
    multi:add(easy)
    run(multi)
    return self
  end
  host.fail()
  local kept = { make() }
  collectgarbage()
  is(kept[1][4], "WRONG: no data")
  kept[1] = nil
  collectgarbage()
  collectgarbage()
end)

-- Deeper in calls than the state ever was: Lua has to ask for what it calls a finalizer with,
-- and drops the finalizer without.
scenario("teardown by the collector, without memory for calls", function()
  local curl = curlsock()
  local easy, multi, share = curl.easy(), curl.multi(), curl.share { share = "connect" }
  local socket = curl.socket()
  easy:setopt { url = host.http, share = share, closesocketfunction = function() end }
  multi:add(easy)
  run(multi)
  local function collect(depth)
    if depth > 0 then return (collect(depth - 1)) end
    host.fail()
    easy, multi, share, socket = nil, nil, nil, nil
    collectgarbage()
    collectgarbage()
  end
  collect(100)
  is(not (easy or multi or share or socket), "WRONG: luacheck")
end, { closing = true })

scenario("teardown inside a callback", function()
  local curl = curlsock()
  local easy = curl.easy {
    url = host.http,
    opensocketfunction = function()
      local other <close> = good(curl.easy { url = host.http })
      perform(other)
      good(curl.multi())
      collectgarbage()
      return true
    end,
    writefunction = function()
      good(curl.easy { url = host.http })
      collectgarbage()
    end,
    closesocketfunction = function() collectgarbage() end,
  }
  host.fail()
  perform(easy)
  easy:close()
end)

scenario("teardown from a coroutine", function()
  local curl = curlsock()
  host.fail()
  local thread = coroutine.wrap(function()
    local multi <close> = good(curl.multi())
    local easy <close> = good(curl.easy { url = host.http, closesocketfunction = print and type })
    coroutine.yield()
    good(multi:add(easy))
    run(multi)
    return true
  end)
  thread()
  is(thread(), "WRONG: it did not end")
end)

scenario("teardown of a state", function()
  local curl = curlsock()
  local easies = {}
  local function new(options)
    options.url = options.url or host.http
    easies[#easies + 1] = good(curl.easy(options))
    return easies[#easies]
  end
  _G.kept = easies
  host.fail()
  local share = good(curl.share { share = "connect" })
  local multi = good(curl.multi { socketfunction = function() end })
  local fd = good(multi:pollfd())
  perform(new { closesocketfunction = function() error({}) end })
  perform(new { share = share, closesocketfunction = function() return false end })
  good(multi:add(new { share = share, url = host.http .. "stall" }))
  good(multi:add(new { url = host.http .. "stall", httpheader = { "A: b" } }))
  good(multi:socket_action(fd, "r"))
  good(multi:socket_action(fd, "r"))
  easies.sockets = { curl.socketpair() }
  good(easies.sockets[1], easies.sockets[2], "X")
  easies.multi, easies.share = multi, share
  share:close()
end, { closing = true })

function scenarios.try(run_one) run_one() end

-- The state works: a plain transfer.
function scenarios.usable()
  local curl = curlsock()
  local body, check = sink()
  local easy <close> = good(curl.easy { url = host.http, writefunction = body })
  perform(easy)
  check()
end

return scenarios
