-- The garbage collector: cycles through libcurl are garbage like any other, it may run at any
-- moment, nothing is left of the requests that were made, and the end of the state is no
-- exception to any of that.

local curl = require "curlsock"
local left = require "spec.support.left"
local orders = require "spec.support.orders"
local servers = require "spec.support.servers"
local drive_well = require("spec.support.transfers").drive_well

-- ---- cycles -----------------------------------------------------------------------------------

-- Has make() make 200 sets of handles, each a list, and collects garbage once: all must go.
local function assert_collected(make)
  local weak, made, alive = setmetatable({}, { __mode = "v" }), 0, 0
  for _ = 1, 200 do
    for _, handle in pairs(make()) do
      made = made + 1
      weak[made] = handle
    end
  end
  collectgarbage()
  for _ in pairs(weak) do
    alive = alive + 1
  end
  assert.truthy(made >= 200)
  assert.equal(0, alive, ("handles that are alive, of %d"):format(made))
  assert.same({ easy = 0, multi = 0, share = 0, socket = 0 }, curl.live())
end

-- A callback that mentions these.
local function mentioning(...)
  local handles = { ... }
  return function() return handles end
end

-- An easy whose callbacks mention the set of handles that it becomes part of, and whose Sockets
-- do, too. It adds to events.
local function knotted(set, events)
  set.easy = curl.easy {
    url = servers.nginx().url .. "/hello",
    proxy = "",
    sockoptfunction = function(socket) socket.data = { socket, set } end,
    closesocketfunction = function(socket)
      assert(socket.data[2] == set)
      events[#events + 1] = socket:state()
    end,
  }
  return set.easy
end

local function assert_closed(n, events)
  assert.equal(("closing "):rep(n), table.concat(events, " ") .. " ")
end

describe("A handle is collected though", function()
  for _, name in ipairs(orders.callbacks) do
    it("its " .. name .. " mentions it", function()
      assert_collected(function()
        local easy = curl.easy()
        easy:setopt(name, mentioning(easy))
        return { easy }
      end)
    end)

    it("the " .. name .. " of an easy in it mentions it", function()
      assert_collected(function()
        local easy, multi = curl.easy(), curl.multi()
        easy:setopt(name, mentioning(easy, multi))
        multi:add(easy)
        return { easy, multi }
      end)
    end)

    it("the " .. name .. " of an easy that was in it, and closed it, mentions it", function()
      assert_collected(function()
        local easy, multi = curl.easy(), curl.multi()
        easy:setopt(name, mentioning(easy, multi))
        multi:add(easy)
        multi:close()
        return { easy, multi }
      end)
    end)

    it("the " .. name .. " of an easy that shares it mentions it", function()
      assert_collected(function()
        local share = curl.share { share = { "connect", "cookie" } }
        local easy = curl.easy { share = share }
        easy:setopt(name, mentioning(easy, share))
        return { easy, share }
      end)
    end)
  end

  for _, name in ipairs { "writefunction", "headerfunction" } do
    it("the table that is its " .. name .. " has it", function()
      assert_collected(function()
        local sink = {}
        sink.easy = curl.easy { [name] = sink }
        return sink
      end)
    end)
  end

  it("every callback mentions it and was called, by itself", function()
    local web = servers.nginx()
    assert_collected(function()
      local s = orders.scene(curl, "own", web.url)
      s:run()
      return s.handles
    end)
  end)

  it("every callback mentions it and was called, in a multi", function()
    local web = servers.nginx()
    assert_collected(function()
      local s = orders.scene(curl, "multi", web.url)
      s:run()
      return s.handles
    end)
  end)

  it("every callback mentions it and was called, in a multi with a share", function()
    local web = servers.nginx()
    assert_collected(function()
      local s = orders.scene(curl, "share", web.url)
      s:run()
      return s.handles
    end)
  end)

  it("it threw an error that mentions it", function()
    local web = servers.nginx()
    assert_collected(function()
      local easy, multi = curl.easy { url = web.url .. "/hello" }, curl.multi()
      easy:setopt("writefunction", function() error { easy, multi } end)
      assert.is_false(pcall(easy.perform, easy))
      multi:add(easy)
      while multi:perform() > 0 do
        multi:poll(1)
      end
      for _, ok, thrown, name in multi:results() do
        assert.same({ false, easy, "CALLBACK" }, { ok or false, thrown[1], name })
      end
      return { easy, multi }
    end)
  end)

  it("the Socket of the connection that it keeps mentions it", function()
    local events = {}
    assert_collected(function()
      local set = {}
      assert(knotted(set, events):perform())
      return set
    end)
    assert_closed(200, events)
  end)

  it("the Socket of the connection that a multi keeps mentions it", function()
    local events = {}
    assert_collected(function()
      local set = { multi = curl.multi() }
      set.multi:add(knotted(set, events))
      drive_well(set.multi)
      return set
    end)
    assert_closed(200, events)
  end)

  it("the Socket of the connection that a share keeps mentions it", function()
    local events = {}
    assert_collected(function()
      local set = { share = curl.share { share = "connect" }, multi = curl.multi() }
      set.multi:add(knotted(set, events):setopt("share", set.share))
      drive_well(set.multi)
      return set
    end)
    assert_closed(200, events)
  end)

  it("its Socket was never lent, and mentions itself", function()
    assert_collected(function()
      local socket = curl.socket("unix")
      socket.data = { socket }
      return { socket }
    end)
  end)
end)

-- What give(weak) puts there, and nothing else holds on to, lives until free() is called.
local function assert_lives_until(give, free)
  local weak = setmetatable({}, { __mode = "v" })
  give(weak)
  collectgarbage()
  assert.truthy(weak[1])
  free()
  collectgarbage()
  assert.is_nil(weak[1])
end

describe("What a handle keeps alive is garbage", function()
  for _, case in ipairs {
    { "close", function(easy) easy:close() end },
    { "unset", function(easy, name) easy:unset(name) end },
    { "reset", function(easy) easy:reset() end },
    { "a new value", function(easy, name) easy:setopt(name, function() end) end },
  } do
    it("after " .. case[1] .. ": callbacks", function()
      for _, name in ipairs(orders.callbacks) do
        local easy <close> = curl.easy()
        assert_lives_until(function(weak)
          weak[1] = function() return weak end
          easy:setopt(name, weak[1])
        end, function() case[2](easy, name) end)
      end
    end)
  end

  it("after close, also of the kept connection: Sockets and their data", function()
    local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
    assert_lives_until(function(weak)
      easy:setopt("sockoptfunction", function(socket)
        socket.data = {}
        weak[1] = socket.data
      end)
      assert(easy:perform())
      easy:unset("sockoptfunction")
    end, function() easy:close() end)
    assert.equal(0, curl.live().easy)
  end)

  it("after close of the easy: its share", function()
    local easy = curl.easy()
    assert_lives_until(function(weak)
      weak[1] = curl.share { share = "connect" }
      easy:setopt("share", weak[1])
    end, function() easy:close() end)
  end)

  it("after remove, and after close of the multi: the easies in it", function()
    for _, how in ipairs { "remove", "close" } do
      local multi <close> = curl.multi()
      local weak = setmetatable({}, { __mode = "v" })
      weak[1] = curl.easy()
      multi:add(weak[1])
      collectgarbage()
      multi[how](multi, weak[1])
      collectgarbage()
      assert.is_nil(weak[1])
    end
  end)

  it("after the next transfer: what a callback threw", function()
    local easy <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
    assert_lives_until(function(weak)
      easy:setopt("writefunction", function()
        weak[1] = {}
        error(weak[1])
      end)
      assert.is_false(pcall(easy.perform, easy))
      easy:unset("writefunction")
    end, function() assert(easy:perform()) end)
  end)
end)

-- ---- finalizers -------------------------------------------------------------------------------

-- The sentinel is made before curlsock is loaded, and so finalized after all of it; it says
-- which descriptors are left.
local prelude = [[
warn "@on"
local lfs = require "lfs"
local function descriptors()
  local open = {}
  for fd = 0, 63 do
    open[fd] = lfs.symlinkattributes("/proc/self/fd/" .. fd, "target")
  end
  return open
end
local before = descriptors()
AT_THE_END = function() end
SENTINEL = setmetatable({}, { __gc = function()
  AT_THE_END()
  for fd, target in pairs(descriptors()) do
    if before[fd] ~= target then print("left open", fd, target) end
  end
end })
local curl = require "curlsock"
local url = os.getenv "HELLO"
local function run(...) assert(require("spec.support.transfers").run(...)) end
]]

-- What the script prints, and warns.
local function output(script, more)
  local web = servers.nginx()
  local env = { HELLO = web.url .. "/hello", UNIX = web.unix, CA = web.ca }
  for name, value in pairs(more or {}) do
    env[name] = value
  end
  return { left.pass(prelude .. script, env) }
end

describe("A finalizer", function()
  it("that runs inside a callback may run a whole transfer of another handle", function()
    local url, body = servers.nginx().url .. "/hello", {}
    local easy <close> = curl.easy { url = url }
    easy:setopt("writefunction", function()
      setmetatable({}, { __gc = function()
        local other <close> = curl.easy { url = url, writefunction = body }
        assert(other:perform())
      end })
      collectgarbage()
      assert.same({ "hello\n" }, body)
    end)
    assert.is_true(easy:perform())
    assert.equal(1, curl.live().easy)
  end)

  it("that closes what runs fails with a warning, and changes nothing", function()
    local out = output [[
      local easy, body = curl.easy { url = url }, ""
      easy:setopt("writefunction", function(data)
        setmetatable({}, { __gc = function() easy:close() end })
        collectgarbage()
        body = body .. data
      end)
      print(easy:perform(), body)
      easy:close()]]
    assert.equal("true\thello\n\n", out[1])
    assert.matches("^Lua warning: error in __gc.*close is not allowed inside a callback of this "
      .. "easy or of its pool%)?\n$", out[2])
  end)

  for _, pool in ipairs { "an easy", "a multi" } do
    it(("of %s may bring all back to life by its close callback: it is closed"):format(pool),
      function()
        local kept, url = {}, servers.nginx().url .. "/hello"
        do
          local easy = curl.easy { url = url, proxy = "" }
          local multi = pool == "a multi" and curl.multi() or nil
          easy:setopt("closesocketfunction", function(socket)
            kept = { socket = socket, easy = easy, multi = multi }
            kept.thrown = select(2, pcall(easy.setopt, easy, "verbose", true))
          end)
          if multi then
            drive_well(multi:add(easy))
          else
            assert(easy:perform())
          end
        end
        collectgarbage()
        assert.equal("closed", kept.socket:state())
        assert.matches("^easy %(closed%)", tostring(kept.easy))
        assert.matches("easy is closed", select(2, pcall(kept.easy.perform, kept.easy)))
        if pool == "an easy" then
          assert.matches("easy is closed", kept.thrown)
        else
          assert.matches("multi is closed", select(2, pcall(kept.multi.perform, kept.multi)))
        end
        assert.same({ easy = 0, multi = 0, share = 0, socket = 0 }, curl.live())
        kept.easy:close()
      end)
  end
end)

describe("While the state closes,", function()
  it("handles that a finalizer makes run, and are torn down with their close callbacks",
    function()
      assert.same({ "closing closing closing\n", "" }, output [[
        local states = {}
        AT_THE_END = function() print(table.concat(states, " ")) end
        local function fresh(options)
          options.url, options.proxy = url, ""
          options.closesocketfunction = function(socket)
            states[#states + 1] = socket:state()
          end
          return curl.easy(options)
        end
        LATE = setmetatable({}, { __gc = function()
          KEPT = { fresh {}, curl.multi(), curl.share { share = "connect" } }
          assert(KEPT[1]:perform())
          run(KEPT[2], fresh {})
          assert(fresh { share = KEPT[3] }:perform())
          KEPT[4], KEPT[5] = curl.socket("unix"), { curl.socketpair() }
          assert(#curl.sockets() == 3)
        end })]])
    end)

  it("what their close callbacks throw is a warning", function()
    assert.same({ "", "Lua warning: curlsock: thrown\n" }, output [[
      LATE = setmetatable({}, { __gc = function()
        KEPT = curl.easy { url = url, proxy = "", writefunction = {},
          closesocketfunction = function() error("thrown", 0) end }
        assert(KEPT:perform())
      end })]])
  end)

  it("handles that are still connecting or in use are torn down, whoever made them", function()
    local dead = servers.dead()
    local out = output([[
      local states, url = {}, "http://" .. os.getenv "DEAD"
      AT_THE_END = function() print(#states) end
      local function start()
        local multi, share = curl.multi(), curl.share { share = "connect" }
        multi:add(curl.easy { url = url, proxy = "", share = share,
          closesocketfunction = function(socket) states[#states + 1] = socket:state() end })
        repeat multi:perform() until #curl.sockets() > 0
        return multi
      end
      local multi = start()
      LATE = setmetatable({}, { __gc = function() KEPT = { multi, start() } end })]],
      { DEAD = dead.host .. ":" .. dead.port })
    servers.stop(dead)
    assert.same({ "2\n", "" }, out)
  end)

  it("nothing can be made once curlsock has ended, and what there was is closed", function()
    local out = output [[
      local easy, multi, share = curl.easy { url = url }, curl.multi(), curl.share()
      local socket, address = curl.socket("unix"), curl.address("127.0.0.1:1")
      run(multi, easy)
      AT_THE_END = function()
        for _, name in ipairs { "easy", "multi", "share", "socket", "socketpair", "live",
            "sockets" } do
          print(name, select(2, pcall(curl[name], name == "socket" and "unix" or nil)))
        end
        print(pcall(curl.adopt, 0))
        print(tostring(easy):match("^[^:]*"), tostring(multi):match("^[^:]*"),
          tostring(share):match("^[^:]*"), socket, address)
        print(pcall(easy.perform, easy))
        print(pcall(multi.perform, multi))
        print(pcall(share.setopt, share, "share", "dns"))
        print(pcall(socket.send, socket, "x"))
        easy:close()
        multi:close()
        share:close()
        socket:close()
      end]]
    local gone = "curlsock: the Lua state is being closed"
    local expected = {}
    for _, name in ipairs { "easy", "multi", "share", "socket", "socketpair", "live",
      "sockets" } do
      expected[#expected + 1] = name .. "\t" .. gone
    end
    assert.equal(table.concat(expected, "\n"), (out[1]:match("^(.-)\nfalse")))
    assert.matches("\nfalse\t" .. gone .. "\neasy %(closed%)\tmulti %(closed%)\tshare %(closed%)"
      .. "\tsocket %(closed%)\t127%.0%.0%.1:1\n", out[1])
    assert.matches("\nfalse\t[^\n]*easy is closed[^\n]*\nfalse\t[^\n]*multi is closed[^\n]*"
      .. "\nfalse\t[^\n]*share is closed[^\n]*\nfalse\t[^\n]*the socket is closed\n$", out[1])
    assert.equal("", out[2])
  end)
end)

-- ---- any moment -------------------------------------------------------------------------------

-- Transfers of a URL: alone, again on the kept connection, in a multi, with a share, duplicated,
-- aborted by an error; first(f) wraps each callback. All that is opened must be closed once.
-- cycles counts the collector's (young garbage shows also those of the generational one).
local scenario = [[
local opened, closed, cycles = 0, 0, 0
local function sentinel()
  setmetatable({}, { __gc = function()
    cycles = cycles + 1
    sentinel()
  end })
end

local function options(body, first)
  return {
    url = os.getenv "SUBJECT", proxy = "", cainfo = os.getenv "CA", verbose = true,
    ftpport = os.getenv "FTPPORT", httpheader = { "X-Test: " .. ("x"):rep(50) },
    opensocketfunction = first(function(_, address)
      local socket = assert(address:socket())
      socket.data = { number = opened }
      opened = opened + 1
      return socket
    end),
    closesocketfunction = first(function(socket)
      assert(socket.data.number)
      closed = closed + 1
    end),
    sockoptfunction = first(function(socket, purpose, easy)
      assert(purpose == "accept" or socket.data.number)
      assert(easy:getinfo("effective_url"))
    end),
    writefunction = first(function(data) body[#body + 1] = data end),
    headerfunction = first(function(line) assert(#line > 0) end),
    xferinfofunction = first(function() end),
    debugfunction = first(function(_, text) assert(type(text) == "string") end),
    prereqfunction = first(function(ip) return ip == "127.0.0.1" end),
  }
end

local function around(collect)
  return function(f)
    return function(...)
      collect()
      local results = table.pack(f(...))
      collect()
      return table.unpack(results, 1, results.n)
    end
  end
end

local function check(body)
  local text = table.concat(body)
  assert(#text == tonumber(os.getenv "SIZE"), #text)
  assert(text:find(os.getenv "BEGINNING", 1, true) == 1)
  for i in ipairs(body) do body[i] = nil end
end

local function scenario(first)
  local body = {}
  sentinel()
  local easy = curl.easy(options(body, first))
  assert(easy:perform())
  check(body)
  assert(easy:perform())
  check(body)
  local multi, share = curl.multi(), curl.share { share = { "connect", "dns" } }
  run(multi, easy)
  check(body)
  easy:setopt("share", share)
  run(multi, easy)
  check(body)
  run(multi, easy:dup())
  check(body)
  easy:setopt("writefunction", first(function() error(body) end))
  local ok, thrown = pcall(easy.perform, easy)
  assert(not ok and thrown == body)
  share:close() -- in use, so it goes with the easy
  multi:close()
  easy:close()
  assert(opened > 0 and opened == closed, opened .. " opened, " .. closed .. " closed")
  collectgarbage()
  for kind, n in pairs(curl.live()) do assert(n == 0, kind) end
end
]]

local subjects = {
  HTTP = function()
    local web = servers.nginx()
    return { SUBJECT = web.url .. "/hello", SIZE = 6, BEGINNING = "hello" }
  end,
  HTTPS = function()
    local web = servers.nginx()
    return { SUBJECT = web.https_url .. "/big", SIZE = #web.big, BEGINNING = web.big:sub(1, 80) }
  end,
  ["passive FTP"] = function()
    return { SUBJECT = servers.vsftpd().url .. "/hello.txt", SIZE = 6, BEGINNING = "hello" }
  end,
  ["active FTP"] = function()
    return {
      SUBJECT = servers.vsftpd().url .. "/hello.txt", SIZE = 6, BEGINNING = "hello",
      FTPPORT = "127.0.0.1",
    }
  end,
}

-- How garbage is collected, and in how many cycles at least, so that the test is one.
local collectors = {
  { "all garbage is collected in every callback, before and after", 100, [[
    scenario(around(function() collectgarbage() end))]] },
  { "the collector is incremental, and never pauses", 50, [[
    collectgarbage("incremental", 1, 1000, 1) -- Lua 5.5 takes these one by one
    if _VERSION ~= "Lua 5.4" then
      for name, value in pairs { pause = 1, stepmul = 1000, stepsize = 1 } do
        collectgarbage("param", name, value)
      end
    end
    for _ = 1, 3 do scenario(function(f) return f end) end]] },
  { "the collector is generational, and runs in every callback", 100, [[
    collectgarbage("generational", 1, 100)
    for _ = 1, 3 do scenario(around(function() collectgarbage("step") end)) end]] },
}

for _, protocol in ipairs { "HTTP", "HTTPS", "passive FTP", "active FTP" } do
  describe(protocol .. " works when", function()
    for _, collector in ipairs(collectors) do
      local what, least, script = table.unpack(collector)
      it(what, function()
        local out = output(scenario .. script .. "\nprint(cycles)", subjects[protocol]())
        assert.equal("", out[2])
        local cycles = assert(tonumber(out[1]), out[1])
        assert.truthy(cycles >= least, cycles .. " cycles")
      end)
    end
  end)
end

-- ---- memory -----------------------------------------------------------------------------------

-- Makes many requests, 100 between two collections, and says by how many bytes Lua's memory
-- grew: none, or at most 8 a request, for the collector only runs when told, and what a request
-- leaves would be 16 bytes at least. (By chance, which is where things lie in memory, Lua has
-- made weak tables twice as large, or half: by 3,072 bytes; with libcurl 8.14 once by 9,216, after
-- 1,000 requests as after 3,000.) Four collections before a look, for a Socket is finalized after
-- the handle that held it, and freed after that.
local flat = [[
local path = os.getenv "UNIX"
local function fresh(options)
  local n = 0
  options.url, options.proxy = "http://192.0.2.1/hello", ""
  options.httpheader = { "X-Test: 1" }
  options.opensocketfunction = function(_, address)
    n = n + 1
    address.path = path
    return true
  end
  options.closesocketfunction = function() n = n - 1 end
  options.writefunction = function(data) n = n + #data end
  return curl.easy(options)
end

collectgarbage("stop")

local function repeated(request, times)
  for _ = 1, times // 100 do
    for _ = 1, 100 do request() end
    collectgarbage()
  end
  for _ = 1, 4 do collectgarbage() end
end

local function report(request, times)
  times = times or 1000
  repeated(request, 200)
  local before = collectgarbage("count")
  repeated(request, times)
  local growth = (collectgarbage("count") - before) * 1024
  local live = curl.live()
  if growth < 8 * times then growth = 0.0 end
  print(growth, live.easy, live.multi, live.share, live.socket, #curl.sockets())
end
]]

-- Growth; easies, multis, shares, sockets that are alive; sockets that libcurl holds.
local function assert_flat(expected, script)
  assert.same({ table.concat(expected, "\t") .. "\n", "" }, output(flat .. script))
end

describe("Memory does not grow", function()
  it("with fresh easies and closures on one multi, which keeps its connection", function()
    assert_flat({ "0.0", 0, 1, 0, 1, 1 }, [[
      local multi = curl.multi()
      report(function() run(multi, fresh {}) end, 2000)]])
  end)

  it("with fresh easies and closures on one multi, each with a connection", function()
    assert_flat({ "0.0", 0, 1, 0, 0, 0 }, [[
      local multi = curl.multi()
      report(function() run(multi, fresh { forbid_reuse = true }) end, 2000)]])
  end)

  it("with fresh easies that are dropped with the connection that they keep", function()
    assert_flat({ "0.0", 0, 0, 0, 0, 0 }, "report(function() assert(fresh {}:perform()) end)")
  end)

  it("with fresh multis that are dropped with the connection that they keep", function()
    assert_flat({ "0.0", 0, 0, 0, 0, 0 }, [[
      report(function() run(curl.multi(), fresh {}) end)]])
  end)

  it("with one easy that gets new callbacks and lists", function()
    assert_flat({ "0.0", 1, 0, 0, 1, 1 }, [[
      local easy = fresh {}
      report(function()
        local n = 0
        easy:setopt {
          writefunction = function() n = n + 1 end, closesocketfunction = function() n = 0 end,
          httpheader = { "X-Test: 2" },
        }
        assert(easy:perform())
      end)]])
  end)

  it("with a coroutine per request", function()
    assert_flat({ "0.0", 0, 1, 0, 0, 0 }, [[
      local multi = curl.multi()
      report(function()
        coroutine.wrap(function() run(multi, fresh { forbid_reuse = true }) end)()
      end)]])
  end)

  it("with a share per request on one multi, closed after it", function()
    assert_flat({ "0.0", 0, 1, 0, 0, 0 }, [[
      local multi = curl.multi()
      report(function()
        local share = curl.share { share = "connect" }
        run(multi, fresh { share = share })
        share:close()
      end)]])
  end)

  it("with a share per request on one multi, dropped after it", function()
    assert_flat({ "0.0", 0, 1, 0, 0, 0 }, [[
      local multi = curl.multi()
      report(function() run(multi, fresh { share = curl.share { share = "connect" } }) end)]])
  end)

  it("with a share per request of one easy, closed after it", function()
    assert_flat({ "0.0", 1, 0, 0, 0, 0 }, [[
      local easy = fresh {}
      report(function()
        local share <close> = curl.share { share = "connect" }
        assert(easy:setopt("share", share):perform())
        easy:unset("share")
      end)]])
  end)

  it("with a share per request of one easy, dropped after it", function()
    assert_flat({ "0.0", 1, 0, 0, 0, 0 }, [[
      local easy = fresh {}
      report(function()
        assert(easy:setopt("share", curl.share { share = "connect" }):perform())
        easy:unset("share")
      end, 2000)]])
  end)

  -- What C allocates: the process gets no larger. The smallest thing that there is for each
  -- connection has more than 100 bytes, so 3,000 of them would be 300 kB; the heap itself comes
  -- and goes by pages.
  it("in C with a connection per request", function()
    local out = output(flat .. [[
      local function resident()
        local file <close> = io.open("/proc/self/statm")
        return (select(2, file:read("n", "n"))) * 4
      end
      local multi = curl.multi()
      local function request() run(multi, fresh { forbid_reuse = true }) end
      repeated(request, 1000)
      local before = resident()
      repeated(request, 3000)
      print(resident() - before)]])
    assert.equal("", out[2])
    -- What valgrind needs itself is the process's, too.
    local most = os.getenv("VALGRIND_LUA") and math.huge or 160
    assert.truthy(tonumber(out[1]) <= most, out[1])
  end)
end)
