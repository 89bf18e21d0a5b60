-- What loop:stream must do under every loop, for 81-stream_spec.lua, as scenarios
-- (spec/support/scenarios.lua) of the group "streams".

local curl = require "curlsock"
local process = require "spec.support.process"
local scenarios = require "spec.support.scenarios"

local equal, web = scenarios.equal, scenarios.web
web.huge, web.slow_taker = os.getenv "SCENARIO_HUGE", os.getenv "SCENARIO_SLOW_TAKER"
web.dying = os.getenv "SCENARIO_DYING"

local LIMIT <const>, PIECE <const> = 65536, 16384

local scenario, raises = scenarios.group "streams", scenarios.raises

local function stream(run, path, options, more)
  return run.loop:stream(run:easy(path, nil, options), more)
end

local function find(headers, name)
  for _, header in ipairs(headers) do
    if header[1]:lower() == name then return header[2] end
  end
end

-- ---- reading ----------------------------------------------------------------------------------

scenario("has the status and the headers before the body, which comes in pieces", function(run)
  local s <close> = stream(run, "/slow?rate=4m")
  local status, headers = s:headers()
  equal({ 200, tostring(web.big_size) }, { status, find(headers, "content-length") })
  equal(nil, s.result)
  local n, size = 0, 0
  for piece in s:pieces() do n, size = n + 1, size + #piece end
  equal(web.big_size, size)
  assert(n > 10, n)
  equal({ nil, n = 1 }, table.pack(s:read()))
  equal({ true, n = 1 }, table.pack(s:finish()))
  equal(200, (s:headers()))
end)

scenario("reads as a file is read", function(run)
  local name = os.tmpname()
  process.write(name, ("0123456789abcde\n"):rep(65536))
  local file, s <close> = io.open(name), stream(run, "/big")
  for i = 1, 200 do
    local format = ({ i * 7, "l", "L", 0, i * 997, "l" })[i % 6 + 1]
    equal(file:read(format), s:read(format))
  end
  equal(file:read("a"), s:read("a"))
  for _, format in ipairs { 0, 5, "l", "L" } do equal(file:read(format), s:read(format)) end
  equal("", s:read("a"))
  file:close()
  os.remove(name)
end)

scenario("reads a file: URL, which libcurl cannot pause", function(run)
  local name = os.tmpname()
  process.write(name, ("x"):rep(5 * LIMIT))
  local s <close> = run.loop:stream { url = "file://" .. name }
  run.loop:sleep(0.01)
  equal(5 * LIMIT, #s:read("a"))
  os.remove(name)
end)

scenario("iterates over lines, the last without an end too", function(run)
  local path, n = "/store/lines", 0
  local body = "one\n\nthree\n" .. ("x"):rep(100000) .. "\nlast"
  equal(true, run:perform(path, { upload = true, readfunction = body }))
  local s <close>, lines = stream(run, path), {}
  for line in s:lines() do lines[#lines + 1] = line end
  equal({ "one", "", "three", ("x"):rep(100000), "last" }, lines)
  local other <close> = stream(run, path)
  for line in other:lines "L" do n = n + #line end
  equal(#body, n)
end, { once = true })

scenario("never has more than the limit and a piece, with readers that are slow", function(run)
  local loop, most, pages, tasks = run.loop, 0, 0, {}
  for i = 1, 2 do
    tasks[i] = loop:spawn(function()
      local s <close> = stream(run, web.huge)
      local size, n, push = 0, 0, s.input.push
      function s.input:push(piece)
        push(self, piece)
        most = math.max(most, self.size)
      end
      for piece in s:pieces() do
        size, n = size + #piece, n + 1
        if n % 25 == 0 then loop:sleep(0.002) end
        if n % 100 == 0 then
          equal(true, run:perform("/hello"))
          pages = pages + 1
        end
      end
      return size
    end)
  end
  equal({ 12500000, 12500000 }, { tasks[1]:wait(), (tasks[2]:wait()) })
  assert(most <= LIMIT + PIECE, most)
  assert(most > LIMIT // 2, "nothing was queued")
  assert(pages > 10, pages)
end)

scenario("takes another limit", function(run)
  local s <close> = stream(run, "/big", nil, { limit = 1 })
  s:headers()
  run.loop:sleep(0.05)
  assert(s.input.size <= PIECE, s.input.size)
  equal(web.big_size, #s:read("a"))
end)

scenario("does not spin while nobody reads", function(run)
  local s <close> = stream(run, "/big")
  s:headers()
  run.loop:sleep(0.05)
  local turns, turn = 0, run.loop.hooks.turn
  run.loop.hooks.turn = function()
    turns = turns + 1
    return turn()
  end
  run.loop:sleep(0.3)
  assert(turns < 40, turns)
  equal(web.big_size, #s:read("a"))
end)

scenario("reads over TLS, and several streams of one connection of HTTP/2", function(run)
  local s <close> = stream(run, web.https_url .. "/big")
  equal(web.big_size, #s:read("a"))
  local sizes = {}
  for i = 1, 3 do
    run.loop:spawn(function()
      local h2 <close> = stream(run, web.h2_url .. "/big", { pipewait = true, http_version = "2" })
      local size = 0
      for piece in h2:pieces() do
        size = size + #piece
        if i == 1 and size % 5 == 0 then run.loop:sleep(0.001) end
      end
      sizes[i] = size
    end)
  end
  run.loop:run()
  equal({ web.big_size, web.big_size, web.big_size }, sizes)
end)

scenario("has the headers of the last answer, behind redirects", function(run)
  local to = "/redirect?to=" .. web.url .. "/hello"
  local s <close> = stream(run, to, { followlocation = true })
  equal(200, (s:headers()))
  equal("hello\n", s:read("a"))
  local stays <close> = stream(run, to)
  equal(302, (stays:headers()))
  local private <close> = stream(run, "/private", { userpwd = "user:secret", httpauth = "any" })
  equal(200, (private:headers()))
  equal("private\n", private:read("a"))
  local empty <close> = stream(run, "/status/204")
  equal(204, (empty:headers()))
  equal(nil, empty:read())
end)

scenario("runs the loop outside a coroutine, and others go on", function(run)
  local done
  run.loop:spawn(function() done = run:perform("/hello") end)
  local s <close> = stream(run, "/slow?rate=8m")
  equal(web.big_size, #s:read("a"))
  equal(true, done)
end)

scenario("takes a table of options", function(run)
  local s <close> = run.loop:stream { url = web.url .. "/hello", proxy = "" }
  equal("hello\n", s:read("a"))
end, { once = true })

-- ---- writing ----------------------------------------------------------------------------------

scenario("sends what is written, and waits for the end", function(run)
  local s <close> = stream(run, "/upload", { upload = true })
  for i = 1, 300 do equal(true, s:write(("x"):rep(i * 10))) end
  equal({ true, n = 1 }, table.pack(s:finish()))
  equal("451500\n", s:read("a"))
  local empty <close> = stream(run, "/upload", { upload = true })
  equal(true, empty:finish())
  equal(200, (empty:headers()))
end)

scenario("reads while it writes", function(run)
  local s <close> = stream(run, "/upload", { upload = true })
  local reader = run.loop:spawn(function() return s:read("a") end)
  for _ = 1, 50 do
    equal(true, s:write(("x"):rep(1000)))
    run.loop:sleep(0)
  end
  equal(true, s:finish())
  equal("50000\n", reader:wait())
end)

scenario("waits with what is written when the server is slow", function(run)
  local s <close>, most = stream(run, web.slow_taker, { upload = true }), 0
  for _ = 1, 300 do
    equal(true, s:write(("x"):rep(PIECE)))
    most = math.max(most, s.output.size)
  end
  equal(true, s:finish())
  equal(("%d\n"):format(300 * PIECE), s:read("a"))
  assert(most <= LIMIT, most)
end)

scenario("says so when the transfer ends before all was written", function(run)
  local s <close> = stream(run, web.dying .. "/close", { upload = true })
  local ok, message, name
  for _ = 1, 10000 do
    ok, message, name = s:write(("x"):rep(PIECE))
    if not ok then break end
  end
  equal({ nil, "string", "string" }, { ok, type(message), type(name) })
end)

scenario("leaves the body to the easy", function(run)
  local easy = run:easy("/upload", nil, { upload = true, readfunction = "a body" })
  local s <close> = run.loop:stream(easy, { upload = false })
  equal("6\n", s:read("a"))
end, { once = true })

-- ---- failures ---------------------------------------------------------------------------------

scenario("gives what has come before it fails", function(run)
  local s <close> = stream(run, web.dying .. "/close")
  equal(200, (s:headers()))
  equal("half", s:read())
  for _ = 1, 2 do
    local data, message, name = s:read()
    equal({ nil, "string", "PARTIAL_FILE" }, { data, type(message), name })
  end
  equal("PARTIAL_FILE", select(3, s:finish()))
  equal("PARTIAL_FILE", select(3, s:read("a")))
  local other <close> = stream(run, web.dying .. "/close")
  local lines = {}
  raises("96 bytes", function()
    for line in other:lines() do lines[#lines + 1] = line end
  end)
  equal({ "half" }, lines)
end)

scenario("fails as perform does", function(run)
  local s <close> = stream(run, "http://127.0.0.1:1/")
  equal("COULDNT_CONNECT", select(3, s:headers()))
  equal("COULDNT_CONNECT", select(3, s:read()))
  equal("COULDNT_CONNECT", select(3, s:read(10)))
  equal("COULDNT_CONNECT", select(3, s:finish()))
  local late <close> = stream(run, web.silent, nil, { seconds = 0.05 })
  equal("OPERATION_TIMEDOUT", select(3, late:read("l")))
end)

scenario("raises what a callback threw", function(run)
  local failure = {}
  local s <close> = stream(run, "/hello", { prereqfunction = function() error(failure) end })
  for _, method in ipairs { "headers", "read", "finish" } do
    local ok, err = pcall(s[method], s)
    equal({ false, true }, { ok, rawequal(failure, err) })
  end
end)

scenario("refuses what it cannot do", function(run)
  local s <close> = stream(run, "/slow?rate=64k", { upload = false })
  for _, wrong in ipairs { -1, 1.5, "x", {}, "*x" } do
    raises("read: a number, 'l', 'L' or 'a' expected, got ", s.read, s, wrong)
  end
  raises("write: string expected, got nil", s.write, s)
  local reader = run.loop:spawn(function() return s:read("a") end)
  run.loop:sleep(0.01)
  raises("read: another coroutine reads from this stream", s.read, s)
  reader:cancel()
  raises("stream: unknown option 'limits'", stream, run, "/hello", nil, { limits = 1 })
  raises("stream: option 'limit': an integer of at least 1", stream, run, "/hello", nil, {
    limit = 0,
  })
  raises("stream: seconds expected, 0 or more, got string", stream, run, "/hello", nil, {
    seconds = "x",
  })
  local done <close> = stream(run, "/upload", { upload = true })
  done:finish()
  raises("write: the body was finished", done.write, done, "x")
end, { once = true })

-- ---- its end ----------------------------------------------------------------------------------

scenario("ends its transfer alone when it is closed", function(run)
  local s = stream(run, "/slow?rate=64k")
  local other <close> = stream(run, "/slow?rate=8m")
  assert(s:read(5))
  s:close()
  s:close()
  equal({ nil, "the stream was closed", "CLOSED", n = 3 }, table.pack(s:read()))
  equal("CLOSED", select(3, s:finish()))
  equal(web.big_size, #other:read("a"))
  run.loop:run()
end)

local points = {
  headers = function(s) s:headers() end,
  read = function(s) s:read() end,
  bytes = function(s) s:read(1000) end,
  line = function(s) s:read("l") end,
  all = function(s) s:read("a") end,
  write = function(s) while true do s:write(("x"):rep(PIECE)) end end,
  finish = function(s) s:finish() end,
}

local names = {}
for name in pairs(points) do names[#names + 1] = name end
table.sort(names)

for _, name in ipairs(names) do
  scenario("is closed when its task is cancelled in " .. name, function(run)
    local url = name == "write" and web.slow_taker or web.silent
    local task = run.loop:spawn(function()
      local s <close> = stream(run, url, { upload = name == "write" })
      points[name](s)
    end)
    run.loop:sleep(0.05)
    task:cancel()
    equal("CANCELLED", select(3, task:wait()))
    run.loop:run()
    equal({ 0, 0 }, { run.loop.active, run.loop.spawned })
  end)
end

scenario("ends with the loop", function(run)
  local loop, got = run.loop, {}
  for i, name in ipairs { "headers", "read", "finish" } do
    loop:spawn(function()
      local s <close> = stream(run, web.silent)
      got[i] = select(3, s[name](s))
    end)
  end
  loop:sleep(0.02)
  loop:close()
  run.host.run(loop)
  equal({ "CLOSED", "CLOSED", "CLOSED" }, got)
  raises("stream: the loop is closed", loop.stream, loop, curl.easy())
end)

scenario("leaves an easy that can be used again", function(run)
  local easy = run:easy("/hello")
  for _ = 1, 2 do
    local s <close> = run.loop:stream(easy)
    equal("hello\n", s:read("a"))
  end
  local body = {}
  equal(true, run.loop:perform(easy:setopt("writefunction", body)))
  equal("hello\n", table.concat(body))
end)

scenario("that is closed has let go of its easy", function(run)
  local easy, other = run:easy "/hello", run:easy "/hello"
  for round, url in ipairs { web.url .. "/slow?rate=64k", web.silent } do
    local s = run.loop:stream(easy:setopt("url", url))
    if round == 1 then s:read(5) else run.loop:sleep(0.01) end
    s:close()
    equal(true, run.loop:perform(easy:setopt { url = web.url .. "/hello", writefunction = {} }))
    run.loop:stream(easy):close() -- before it has begun
    local again <close> = run.loop:stream(easy)
    equal("hello\n", again:read("a"))
    local multi <close> = curl.multi()
    run.loop:stream(other):close()
    multi:add(other) -- it is in no loop
  end
  run.loop:run()
  equal({ 0, 0 }, { run.loop.active, run.loop.spawned })
end)

scenario("that is closed, or whose easy is, says so when its headers are asked for", function(run)
  local easy = run:easy "/hello"
  local mine, own = run.loop:stream(easy), run.loop:stream { url = web.url .. "/hello" }
  equal({ "hello\n", "hello\n" }, { mine:read("a"), own:read("a") })
  easy:close()
  own:close()
  for _, s in ipairs { mine, own } do
    equal({ nil, "headers: the easy is closed", "CLOSED", n = 3 }, table.pack(s:headers()))
  end
end)

return scenarios
