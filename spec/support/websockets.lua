-- What loop:websocket must do under every loop, for 83-websocket_loops_spec.lua, as scenarios
-- (spec/support/scenarios.lua) of the group "websockets".

local curl = require "curlsock"
local process = require "spec.support.process"
local scenarios = require "spec.support.scenarios"

local equal, web = scenarios.equal, scenarios.web
web.websocket, web.frames = os.getenv "SCENARIO_WEBSOCKET", os.getenv "SCENARIO_FRAMES"
web.websocket_tls = os.getenv "SCENARIO_WEBSOCKET_TLS"

local add, raises = scenarios.group "websockets", scenarios.raises

-- tls: with TLS, too.
local function scenario(title, f, options)
  add(title, f, options)
  if not (options and options.tls) then return end
  add(title .. ", over TLS", function(run)
    web.websocket = web.websocket_tls
    f(run)
  end, { once = true })
end

local function open(run, url, options)
  local easy = run:easy(url or web.websocket)
  return assert(run.loop:websocket(easy, options))
end

-- What the server of the spec makes of these bytes: a WebSocket to which they come, in pieces of n.
local function given(run, bytes, n, options)
  local hex = bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  return open(run, ("%s/%d/%s"):format(web.frames, n or 0, hex), options)
end

local function seconds(n)
  return n * process.patience
end

scenario("sends and receives texts and bytes", function(run)
  local ws <close> = open(run)
  equal(true, ws:send "hello")
  equal({ "echo hello", "text", n = 2 }, table.pack(ws:recv()))
  for _, data in ipairs { "", "x", ("\0\1\2\255"):rep(40), ("\0\1\2\255"):rep(100000) } do
    equal(true, ws:send(data, "binary"))
    equal({ data, "binary" }, { ws:recv() })
  end
  equal({ nil, "recv: timed out", "TIMEDOUT", n = 3 }, table.pack(ws:recv(0.01)))
  equal(true, ws:ping "x")
  equal(true, ws:close(1000, "bye"))
  equal({ nil, "bye", "CLOSED", 1000 }, { ws:recv() })
  equal({ nil, "bye", "CLOSED", 1000 }, { ws:send "x" })
end, { tls = true })

scenario("is used by coroutines, of which some send and one receives", function(run)
  local ws <close> = open(run)
  for i = 1, 3 do
    run.loop:spawn(function()
      for k = 1, 20 do assert(ws:send(("%d %d "):format(i, k) .. ("x"):rep(k * 1000))) end
    end)
  end
  local last = { 0, 0, 0 }
  for _ = 1, 60 do
    local i, k, rest = assert(ws:recv()):match "^echo (%d) (%d+) (x+)$"
    i, k = tonumber(i), tonumber(k)
    equal({ last[i] + 1, k * 1000 }, { k, #rest })
    last[i] = k
  end
end)

scenario("waits with a large message while the server takes none", function(run)
  local ws <close> = open(run, web.websocket .. "/lazy", { max = 1 << 24 })
  local data, other = ("0123456789abcdef"):rep(1 << 18), 0
  local ticking = run.loop:spawn(function()
    while run.loop:sleep(0.01) do other = other + 1 end
  end)
  for _ = 1, 3 do equal(true, ws:send(data, "binary")) end
  assert(other > 0, other)
  for _ = 1, 3 do equal(true, ws:recv() == data) end
  ticking:cancel()
end, { tls = true })

scenario("answers pings, and joins fragments", function(run)
  local ws <close> = open(run)
  ws:send "ping"
  equal({ "pong has come", "text" }, { ws:recv() })
  ws:send "fragments"
  equal({ "one two three", "text" }, { ws:recv() })
  ws:send "hello"
  equal({ "echo hello", "text" }, { ws:recv() })
end, { tls = true })

scenario("iterates until the server closes, and answers that", function(run)
  local ws <close> = open(run)
  ws:send "count 3"
  ws:send "close 4001"
  local n = 0
  for message, kind in ws:each() do
    equal({ n .. " ", "text" }, { message:sub(1, 2), kind })
    n = n + 1
  end
  equal(3, n)
  equal({ nil, "as you say", "CLOSED", 4001 }, { ws:recv() })
  -- The server ends the connection itself when it has the answer.
  local start = curl.now()
  run.loop:run()
  assert(curl.now() - start < seconds(3), "the close was not answered")
end, { tls = true })

scenario("holds back a server that sends much", function(run)
  local ws <close> = open(run)
  ws:send "count 2000"
  run.loop:sleep(0.2)
  local most = ws.size
  for i = 0, 1999 do
    local message = assert(ws:recv())
    equal(i .. " ", message:match "^%d+ ")
    most = math.max(most, ws.size)
  end
  assert(most < 65536 + 2 * 16384, most)
  assert(most > 30000, most)
end, { tls = true })

scenario("says when the server dies", function(run)
  local ws <close> = open(run)
  ws:send "die"
  local message, reason, name, code = ws:recv(seconds(10))
  equal({ nil, "string", nil }, { message, type(reason), code })
  assert(name == "RECV_ERROR" or name == "GOT_NOTHING", name)
  equal({ nil, name }, { ws:send "x", (select(3, ws:send "x")) })
  raises(name, ws:each())
end, { tls = true })

scenario("fails where the server does not speak it", function(run)
  for path, name in pairs { ["/hello"] = "HTTP_RETURNED_ERROR", [""] = "HTTP_RETURNED_ERROR" } do
    local easy <close> = run:easy(web.url:gsub("^http", "ws") .. path)
    equal({ nil, name }, { run.loop:websocket(easy), (select(3, run.loop:websocket(easy))) })
  end
  local plain <close> = run:easy("/hello")
  equal("WRITE_ERROR", select(3, run.loop:websocket(plain)))
  local silent <close> = run:easy((web.silent:gsub("^http", "ws")))
  equal("TIMEDOUT", select(3, run.loop:websocket(silent, { seconds = 0.05 })))
  equal("COULDNT_CONNECT", select(3, run.loop:websocket { url = "ws://127.0.0.1:1/", proxy = "" }))
end)

-- ---- what the server sends, byte by byte ------------------------------------------------------

local function frame(first, data)
  local n = #data
  local length = n < 126 and string.pack("B", n) or n < 65536 and string.pack(">BI2", 126, n)
    or string.pack(">BI8", 127, n)
  return string.char(first) .. length .. data
end

scenario("reads frames however they are cut", function(run)
  local bytes = frame(0x81, "one") .. frame(0x01, "") .. frame(0x89, "p") .. frame(0x00, "t")
    .. frame(0x00, "wo") .. frame(0x80, "") .. frame(0x82, "") .. frame(0x82, ("x"):rep(200))
    .. frame(0x88, string.pack(">I2", 1001) .. "gone") .. "nothing follows"
  for _, n in ipairs { 0, 1, 2, 3, 7 } do
    local ws <close> = given(run, bytes, n)
    local got = {}
    for message, kind in ws:each() do got[#got + 1] = kind .. " " .. message end
    equal({ "text one", "text two", "binary ", "binary " .. ("x"):rep(200) }, got)
    equal({ nil, "gone", "CLOSED", 1001 }, { ws:recv() })
  end
end, { once = true })

scenario("closes for what it cannot take", function(run)
  local max = { max = 10 }
  for bytes, code in pairs {
    [frame(0x82, ("x"):rep(11))] = 1009,
    [frame(0x02, ("x"):rep(6)) .. frame(0x80, ("x"):rep(5))] = 1009,
    ["\x82\x7f" .. ("\xff"):rep(8)] = 1009,
    [frame(0x83, "x")] = 1002,
    [frame(0xc1, "x")] = 1002,
    [frame(0x80, "x")] = 1002,
    [frame(0x01, "x") .. frame(0x81, "x")] = 1002,
    [frame(0x09, "x")] = 1002,
    [frame(0x89, ("x"):rep(126))] = 1002,
    ["\x81\x81aaaax"] = 1002,
    [frame(0x81, "\xff")] = 1007,
    [frame(0x88, "\x03")] = 1002,
    [frame(0x88, string.pack(">I2", 1005))] = 1002,
    [frame(0x88, string.pack(">I2", 5000) .. "x")] = 1002,
    [frame(0x88, string.pack(">I2", 1000) .. "\xff")] = 1007,
  } do
    local ws <close> = given(run, frame(0x81, "good") .. bytes, 0, max)
    equal({ "good", "text" }, { ws:recv() })
    equal({ nil, "CLOSED", code }, { ws:recv(), select(3, ws:recv()) })
  end
  local fits <close> = given(run, frame(0x02, ("x"):rep(6)) .. frame(0x80, ("x"):rep(4)), 0, max)
  equal(("x"):rep(10), (fits:recv()))
end, { once = true })

-- ---- its end ----------------------------------------------------------------------------------

scenario("is closed with the variable, the task or the loop", function(run)
  do
    local ws <close> = open(run)
    ws:send "hello"
  end
  local opened = 0
  local task = run.loop:spawn(function()
    local ws <close> = open(run)
    opened = opened + 1
    ws:recv()
  end)
  repeat run.loop:sleep(0.01) until opened == 1
  task:cancel()
  equal("CANCELLED", select(3, task:wait()))
  run.loop:run()
  equal({ 0, 0 }, { run.loop.active, run.loop.spawned })
  local loop, name = run.loop
  loop:spawn(function()
    local ws <close> = open(run)
    opened = opened + 1
    name = select(3, ws:recv())
  end)
  repeat loop:sleep(0.01) until opened == 2
  loop:close()
  run.host.run(loop)
  equal("CLOSED", name)
  raises("websocket: the loop is closed", loop.websocket, loop, curl.easy())
end, { tls = true })

scenario("ends with a coroutine that is closed in a message", function(run)
  local ws <close> = open(run, web.websocket .. "/lazy")
  local task = run.loop:spawn(function()
    while true do assert(ws:send(("x"):rep(1 << 22), "binary")) end
  end)
  run.loop:sleep(0.1)
  task:cancel()
  local message, _, name
  repeat message, _, name = ws:recv() until not message -- it may have echoed whole ones
  equal("SEND_ERROR", name)
  equal("SEND_ERROR", select(3, ws:send "x"))
end, { tls = true })

scenario("closes where the server does not", function(run)
  local ws <close> = given(run, frame(0x81, "x"), 0)
  local start = curl.now()
  equal(true, ws:close(4000, "enough"))
  assert(curl.now() - start < seconds(3))
  equal({ nil, "enough", "CLOSED", 4000 }, { ws:recv() })
end, { once = true })

scenario("lets go of its easy at once", function(run)
  local easy = run:easy(web.websocket)
  for i = 1, 3 do
    local ws = assert(run.loop:websocket(easy))
    equal(true, ws:send "hello")
    if i == 1 then ws:close() else getmetatable(ws).__close(ws) end
    if i == 3 then equal("TIMEDOUT", select(3, run.loop:websocket(easy, { seconds = 0 }))) end
    local body = {}
    easy:setopt { url = web.url .. "/hello", writefunction = body }
    equal(true, run.loop:perform(easy))
    equal("hello\n", table.concat(body))
    easy:setopt { url = web.websocket, writefunction = {} }
  end
  run.loop:run()
  equal({ 0, 0 }, { run.loop.active, run.loop.spawned })
end)

-- Waits wherever one can with a WebSocket, and often enough: the server answers in another turn.
local function talk(run, easy)
  local ws <close> = assert(run.loop:websocket(easy))
  for _ = 1, 12 do assert(ws:send "hello" and ws:recv() == "echo hello") end
  assert(ws:send(("x"):rep(300000), "binary") and #ws:recv() == 300000)
  assert(ws:send "ping" and ws:recv() == "pong has come")
  assert(ws:send "count 100")
  for i = 0, 99 do assert(ws:recv():find("^" .. i)) end
  assert(ws:close(1000, "enough"))
end

-- Calls stop(run, task) in a turn of the loop, a later one each time, until the task has ended
-- before that.
local function stop_everywhere(run, stop)
  local n = 0
  repeat
    local easy <close> = run:easy(web.websocket)
    local done = false
    local task = run.loop:spawn(function()
      local ok, err = pcall(talk, run, easy)
      done = ok
      return err
    end)
    for _ = 1, n do run.loop:sleep(0) end
    local finished = done
    n = n + 1 + n // 20
    local start = curl.now()
    stop(run, task)
    assert(curl.now() - start < seconds(4), "something waits on")
    equal({ 0, 0 }, { run.loop.active, run.loop.spawned })
  until finished or n > 10000
  assert(n > 10 and n <= 10000, n)
end

scenario("may be cancelled wherever it waits", function(run)
  stop_everywhere(run, function(_, task)
    task:cancel()
    local err, _, name = task:wait()
    assert(name == "CANCELLED" or not err or tostring(err):find "cancelled", err)
    run.loop:run()
  end)
  equal(true, run:perform "/hello")
end, { once = true })

scenario("may lose its loop wherever it waits", function(run)
  stop_everywhere(run, function(_, task)
    local loop = run.loop
    loop:close()
    run.host.run(loop)
    task:wait()
    run.loop = run.new()
  end)
  equal(true, run:perform "/hello")
end, { once = true })

scenario("refuses what it cannot do", function(run)
  local ws <close> = open(run)
  local errors = {}
  run:perform("/hello", { writefunction = function()
    for i, name in ipairs { "send", "ping", "close" } do
      errors[i] = select(2, pcall(ws[name], ws, name ~= "close" and "x" or nil))
    end
  end })
  for i, name in ipairs { "send", "ping", "close" } do
    equal(true, errors[i]:find(name .. " is not allowed inside a callback", 1, true) ~= nil)
  end
  equal(true, ws:send "still there")
  raises("send: string expected, got nil", ws.send, ws)
  raises("send: 'text' or 'binary' expected, got ping", ws.send, ws, "x", "ping")
  raises("ping: at most 125 bytes", ws.ping, ws, ("x"):rep(126))
  for _, code in ipairs { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536, -1, 1.5, "1000" }
  do
    raises("close: a code of 1000 to 1003, 1007 to 1014 or 3000 to 4999 expected, got " .. code,
      ws.close, ws, code)
  end
  raises("close: a reason of at most 123 bytes", ws.close, ws, 1000, ("x"):rep(124))
  raises("recv: seconds expected, 0 or more, got string", ws.recv, ws, "x")
  local easy <close> = run:easy(web.websocket)
  raises("websocket: unknown option 'maximum'", run.loop.websocket, run.loop, easy, { maximum = 1 })
  raises("websocket: option 'max': an integer", run.loop.websocket, run.loop, easy, { max = 0 })
  raises("websocket: curlsock.easy expected, got number", run.loop.websocket, run.loop, 5)
end, { once = true })

return scenarios
