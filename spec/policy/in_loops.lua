-- What policies do in a loop, for spec 96: each scenario runs in a process of its own, for some
-- libraries keep their loop's descriptors.

local assert = require "luassert"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local policy = require "curlsock.policy"

local URL, BIG = os.getenv "SCENARIO_URL", tonumber(os.getenv "SCENARIO_BIG_SIZE")

local function rules_of(...)
  return policy.compose { ... }
end

local function new_loop(name, rules)
  return require("curlsock." .. name).new { policy = rules }
end

-- The body of the URL in a loop, or nil, message, name.
local function perform(loop, url, options)
  local body = {}
  local easy <close> = easies.at(url, options):setopt("writefunction", body)
  local ok, message, name = loop:perform(easy, 10)
  if ok then return table.concat(body) end
  return nil, message, name, table.concat(body)
end

-- Plays a web server: answers each request with what answer(path, address) returns.
local function web(answer)
  return function(socket, loop, address)
    local rest = ""
    while loop:wait(socket, "r") do
      local data = socket:recv(4096, 0)
      if not data or data == "" then return end
      rest = rest .. data
      local path = rest:match("^%a+ (%S+) .-\r\n\r\n")
      if path then
        rest = ""
        local body = answer(path, address)
        socket:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body))
      end
    end
  end
end

local scenarios, titles = {}, {}

local function scenario(title, f)
  scenarios[title], titles[#titles + 1] = f, title
end

local function faulty(name, faults)
  return new_loop(name, rules_of(policy.fault(faults)))
end

scenario("transport plays servers, under the guard and without a network", function(name)
  local rules = rules_of(policy.guard(), policy.transport(web(function(path, address)
    return ("%s of %s"):format(path, address)
  end)))
  local loop <close> = new_loop(name, rules)
  local options = { resolve = { "example.com:80:93.184.216.34" } }
  for _ = 1, 2 do
    assert.equal("/a of 93.184.216.34:80", perform(loop, "http://example.com/a", options))
  end
  assert.same({ 2, 0 }, { rules:stats().opened, rules:stats().reused })
  local body, message, why = perform(loop, "http://127.0.0.1/")
  assert.same({ nil, "REFUSED" }, { body, why })
  assert.matches("guard: it is loopback", message, 1, true)
end)

scenario("transport plays some hosts, and leaves the others", function(name)
  local serve = web(function() return "fake" end)
  local rules = rules_of(policy.transport(serve, { host = "fake.test" }))
  local loop <close> = new_loop(name, rules)
  local options = { resolve = { "fake.test:80:192.0.2.1" } }
  assert.equal("fake", perform(loop, "http://FAKE.test/", options))
  assert.equal("hello\n", perform(loop, URL .. "/hello"))
end)

scenario("transport runs many at once", function(name)
  local rules = rules_of(policy.transport(web(function(path) return path end)))
  local loop <close> = new_loop(name, rules)
  local got = {}
  for i = 1, 20 do
    loop:spawn(function() got[i] = perform(loop, ("http://192.0.2.%d/%d"):format(i, i)) end)
  end
  loop:run()
  for i = 1, 20 do assert.equal("/" .. i, got[i]) end
end)

scenario("transport ends a connection where serve does, and tells what it throws", function(name)
  local loop <close> = new_loop(name, rules_of(policy.transport(function(socket, own_loop)
    own_loop:wait(socket, "r")
    socket:recv(4096, 0)
  end)))
  assert.equal("GOT_NOTHING", (select(3, perform(loop, "http://192.0.2.1/"))))
  local broken = new_loop(name, rules_of(policy.transport(function() error("broken", 0) end)))
  local said = errors.thrown(function()
    for _ = 1, 3 do perform(broken, "http://192.0.2.1/") end
    broken:run()
  end)
  assert.equal("broken", said)
  pcall(broken.close, broken)
end)

scenario("fault delays", function(name)
  local loop <close> = faulty(name, { delay = { seconds = 0.15 } })
  local start = curl.now()
  assert.equal("hello\n", perform(loop, URL .. "/hello"))
  assert.truthy(curl.now() - start >= 0.15)
end)

scenario("fault cuts after so many bytes", function(name)
  local loop <close> = faulty(name, { cut = { bytes = 5000 } })
  local body, _, why, part = perform(loop, URL .. "/big")
  assert.same({ nil, "PARTIAL_FILE" }, { body, why })
  assert.truthy(#part > 3000 and #part < 5000, #part)
  assert.equal("hello\n", perform(loop, URL .. "/hello"))
end)

scenario("fault relays all of what is long, when it only delays", function(name)
  local loop <close> = faulty(name, { delay = { seconds = 0 } })
  assert.equal(BIG, #perform(loop, URL .. "/big"))
end)

scenario("fault resets", function(name)
  local loop <close> = faulty(name, { reset = true })
  local _, _, why = perform(loop, URL .. "/hello")
  assert.truthy(why == "RECV_ERROR" or why == "SEND_ERROR", why)
end)

scenario("fault hangs", function(name)
  local loop <close> = faulty(name, { hang = true })
  local easy <close> = easies.at(URL .. "/hello", { writefunction = {} })
  assert.equal("OPERATION_TIMEDOUT", (select(3, loop:perform(easy, 0.2))))
end)

scenario("fault dials as bind wants it", function(name)
  local loop <close> = new_loop(name, rules_of(policy.fault { delay = { seconds = 0 } },
    policy.bind { inet = "192.0.2.1" }))
  assert.is_nil((perform(loop, URL .. "/hello")))
end)

scenario("fault leaves nobody waiting when the loop is closed", function(name)
  local loop = faulty(name, { hang = true })
  local got
  loop:spawn(function() got = table.pack(perform(loop, URL .. "/hello")) end)
  loop:sleep(0.1)
  loop:close()
  loop:run() -- cqueues lets them go on here
  assert.equal("CLOSED", got[3])
end)

scenario("limit lets transfers wait for their turn, in order", function(name)
  local rules = rules_of(policy.limit { rate = 20, burst = 2 })
  local loop <close> = new_loop(name, rules)
  local order, start = {}, curl.now()
  for i = 1, 6 do
    loop:spawn(function()
      assert.equal("hello\n", perform(loop, URL .. "/hello"))
      order[#order + 1] = i
    end)
  end
  loop:run()
  assert.equal(6, #order)
  if name ~= "cqueues" then assert.same({ 1, 2, 3, 4, 5, 6 }, order) end -- which begins them so
  local took = curl.now() - start
  assert.truthy(took >= 0.19, took)
end)

scenario("limit counts the waiting as time, and forgets who does not wait any more", function(name)
  local loop <close> = new_loop(name, rules_of(policy.limit { rate = 0.5 }))
  local url = URL .. "/hello"
  assert.equal("hello\n", perform(loop, url))
  local easy <close> = easies.at(url, { writefunction = {} })
  local start = curl.now()
  assert.equal("OPERATION_TIMEDOUT", (select(3, loop:perform(easy, 0.1))))
  assert.truthy(curl.now() - start < 1.5)
  local task = loop:spawn(function() loop:perform(easy) end)
  task:cancel()
  local body
  loop:spawn(function() body = perform(loop, url) end)
  loop:run()
  assert.equal("hello\n", body)
end)

scenario("guard holds in every transfer of the loop", function(name)
  local port = URL:match("%d+$")
  local inner = ("http://127.0.0.2:%s/hello"):format(port)
  local rules = rules_of(policy.guard { allow = { "127.0.0.1" }, ports = "any", own = false })
  local loop <close> = new_loop(name, rules)
  local function refused(...)
    local body, message, why = perform(loop, ...)
    assert.same({ nil, "REFUSED" }, { body, why }, message)
  end
  local results = {}
  for i = 1, 10 do
    loop:spawn(function()
      refused(inner)
      results[i] = perform(loop, URL .. "/hello")
      refused(URL .. "/redirect?to=" .. inner, { followlocation = true })
      refused(inner, { opensocketfunction = function() return true end })
    end)
  end
  loop:run()
  for i = 1, 10 do assert.equal("hello\n", results[i]) end
  local _, message = pcall(perform, loop, URL .. "/hello", { pre_proxy = "socks5://127.0.0.1:1" })
  assert.matches("option 'pre_proxy'", message, 1, true)
  assert.equal("hello\n", perform(loop, URL .. "/hello"))
end)

scenario("judge that throws fails its transfer alone", function(name)
  local fail = true
  local loop <close> = new_loop(name, rules_of {
    name = "mine", judge = function() return not fail or error("thrown", 0) end,
  })
  assert.equal("thrown", errors.thrown(perform, loop, URL .. "/hello"))
  fail = false
  assert.equal("hello\n", perform(loop, URL .. "/hello"))
end)

return { titles = titles, run = function(name, title) scenarios[title](name) end }
