-- Faults of the system: no descriptor is to be had, signals come at any time, and a state is used
-- from several threads. (fork has a file of its own: 62.)

local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- Scripts in processes of their own, for what happens to all of the process. They have:
--   no_more([free])   takes all descriptors that are free under a limit of 128, but so many
--   release()         gives them back
--   descriptors()     how many are open
--   WEB, WEBS, H2, FTP, CA     where the servers are
--   PATIENCE          how many times longer everything may take
local prelude = [[
local curl = require "curlsock"
local native = require "spec.support.native"
local taken = {}

local function release()
  for _, file in ipairs(taken) do file:close() end
  taken = {}
end

-- Valgrind only imitates a limit that its program sets: it lets the call open one too many, and
-- closes that again. The limit that another process sets is the kernel's.
local limited
local function limit()
  if not os.getenv "VALGRIND_LUA" then
    native.limit(128)
  elseif not limited then
    limited = assert(os.execute "prlimit --nofile=128 --pid $PPID")
  end
end

local function no_more(free)
  limit()
  local file = io.open "/dev/null"
  while file do
    taken[#taken + 1] = file
    file = io.open "/dev/null"
  end
  for _ = 1, free or 0 do table.remove(taken):close() end
end

local function descriptors()
  return require("spec.support.usage").descriptors()
end

local function assert_failed(name, pattern, ok, message, got)
  assert(not ok and got == name, ("%s: %s"):format(got, message))
  assert(message:find(pattern, 1, true), message)
end
]]

local function run(script, seconds)
  local web, ftp = servers.nginx(), servers.vsftpd()
  local values = left.locals {
    WEB = web.url, WEBS = web.https_url, H2 = web.h2_url, FTP = ftp.url, CA = web.ca,
    PATIENCE = process.patience,
  }
  return left.pass(values .. prelude .. script, nil, seconds or 8)
end

describe("When no descriptor is to be had", function()
  it("a transfer says so, and the next one works", function()
    run [[
      local easy = curl.easy { url = WEB .. "/close", proxy = "", writefunction = {} }
      assert(easy:perform()) -- whatever libcurl itself opens, is open
      no_more()
      assert_failed("COULDNT_CONNECT", "socket: Too many open files", easy:perform())
      release()
      assert(easy:perform())]]
  end)

  it("one in a multi says so, too", function()
    run [[
      local easy = curl.easy { url = WEB .. "/hello", proxy = "", writefunction = {} }
      local multi = curl.multi()
      local function result()
        multi:add(easy)
        while assert(multi:perform()) > 0 do multi:poll(0.1) end
        local list = { multi:results()(multi) }
        multi:remove(easy)
        return table.unpack(list, 2, 4)
      end
      no_more()
      assert_failed("COULDNT_CONNECT", "socket: Too many open files", result())
      release()
      assert(result())]]
  end)

  -- Whatever it is that cannot be opened: the transfer ends, each socket has one close event, no
  -- descriptor is lost, and once there are some the same transfer succeeds.
  local urls = {
    HTTP = "WEB .. '/hello'", TLS = "WEBS .. '/hello'", ["HTTP/2"] = "H2 .. '/hello'",
    ["a name"] = "WEB:gsub('127.0.0.1', 'localhost') .. '/hello'", FTP = "FTP .. '/hello.txt'",
    ["active FTP"] = "FTP .. '/hello.txt', ftpport = '-'",
  }
  local ways = {
    ["easy:perform"] = "local function perform(easy) return easy:perform() end",
    ["a loop"] = [[local loop = require("curlsock.loop").new()
      local function perform(easy) return loop:perform(easy) end]],
  }
  for what, url in pairs(urls) do
    for way, code in pairs(ways) do
      it(("by %s, for %s, in the midst of it"):format(way, what), function()
        run(([[
          local opened, closed = 0, 0
          %s
          local function new()
            return curl.easy {
              url = %s, cainfo = CA, timeout = 5 * PATIENCE, writefunction = {}, proxy = "",
              fresh_connect = true,
              opensocketfunction = function(_, address)
                local socket, message = address:socket()
                if not socket then return nil, message end
                opened = opened + 1
                return socket
              end,
              closesocketfunction = function() closed = closed + 1 end,
            }
          end
          assert(perform(new())) -- what is opened but once, is open
          collectgarbage()
          local succeeded, others = 0, descriptors() - #curl.sockets()
          for free = 0, 12 do
            local easy = new():setopt("forbid_reuse", true)
            no_more(free)
            local ok, message, name = perform(easy)
            release()
            assert(ok or #message > 0 and name:find "^[%%u_%%d]+$", name)
            if ok then succeeded = succeeded + 1 end
            local again, why = perform(easy)
            assert(again, why)
            easy:close()
          end
          assert(succeeded > 0 and succeeded < 13, succeeded)
          assert(#curl.sockets() <= 2 and opened - closed == #curl.sockets())
          assert(descriptors() - #curl.sockets() <= others, "descriptors are lost")
        ]]):format(code, url), 60)
      end)
    end
  end

  it("multi:pollfd says so where it exists, and loses none", function()
    if not system.linux then
      return run [[
        local multi, before = curl.multi(), descriptors()
        no_more()
        assert_failed("ENOSYS", "pollfd: Function not implemented", multi:pollfd())
        release()
        assert(descriptors() == before)]]
    end
    run [[
      local multi = curl.multi()
      for free = 0, 1 do
        local before = descriptors()
        no_more(free)
        assert_failed("EMFILE", "pollfd: Too many open files", multi:pollfd())
        release()
        assert(descriptors() == before)
      end
      assert(multi:pollfd())]]
  end)

  it("new Sockets say so, and lose none", function()
    run [[
      local function refused(free, call, f, ...)
        collectgarbage() -- what the last one made
        local before = descriptors()
        no_more(free)
        assert_failed("EMFILE", call .. ": Too many open files", f(...))
        release()
        assert(descriptors() == before)
        assert(f(...))
      end
      refused(0, "socket", curl.socket)
      refused(0, "socketpair", curl.socketpair)
      refused(1, "socketpair", curl.socketpair)
      local address = curl.address "127.0.0.1:0"
      refused(0, "socket", address.socket, address)
      collectgarbage()
      assert(curl.live().socket == 0)]]
  end)

  it("accept says so, and the connection waits", function()
    run [[
      local listener = curl.socket():bind("127.0.0.1:0"):listen()
      local dialled = curl.socket():connect(listener:localaddress(), 1)
      dialled:send("x")
      for _, seconds in ipairs { 0, 0.1 } do
        no_more()
        assert_failed("EMFILE", "accept: Too many open files", listener:accept(seconds))
        release()
      end
      assert(listener:accept(1):recv(1, 1) == "x")]]
  end)

  it("what needs none works: adopt, easy:dup, the rest of a transfer", function()
    run [[
      local fd = curl.socket():detach()
      local easy = curl.easy { url = WEB .. "/hello", proxy = "", writefunction = {} }
      assert(easy:perform())
      no_more()
      assert(curl.adopt(fd):close())
      easy:dup():close()
      assert(easy:perform())
      assert(easy:getinfo("num_connects") == 0)]]
  end)

  it("an object of another library cannot be duplicated: the address is refused", function()
    run [[
      local object = require("socket").tcp4()
      local easy = curl.easy { url = WEB .. "/close", proxy = "", writefunction = {} }
      assert(easy:perform())
      easy:setopt("opensocketfunction", function() return object end)
      no_more()
      assert_failed("COULDNT_CONNECT", "dup: Too many open files", easy:perform())
      release()
      assert(easy:perform())]]
  end)

  for _, module in ipairs(loops.names) do
    it("curlsock." .. module .. " goes on for all others", function()
      run(([[
        local loop = require("curlsock.%s").new()
        local function new() -- a connection of its own
          return curl.easy {
            url = WEB .. "/slow?rate=4m", proxy = "", writefunction = {}, fresh_connect = true,
          }
        end
        local ended = {}
        local function perform(i, easy) ended[i] = table.pack(loop:perform(easy)) end
        assert(loop:perform(new())) -- whatever the loop itself opens, is open
        for i = 1, 3 do loop:spawn(perform, i, new()) end
        loop:spawn(function() -- once those are connected
          loop:perform(new():setopt("url", WEB .. "/hello"))
          no_more()
          for i = 4, 6 do loop:spawn(perform, i, new()) end
        end)
        loop:run()
        for i = 1, 3 do assert(table.unpack(ended[i], 1, 3)) end
        for i = 4, 6 do
          assert_failed("COULDNT_CONNECT", "socket: Too many open files",
            table.unpack(ended[i], 1, 3))
        end
        release()
        assert(loop:perform(new()))
        loop:close()
      ]]):format(module))
    end)

    it("curlsock." .. module .. " can be made, and works later", function()
      run(([[
        local module = require "curlsock.%s"
        module.new():close() -- whatever the loop itself opens, is open
        local easy = curl.easy { url = WEB .. "/hello", proxy = "", writefunction = {} }
        no_more()
        local made, loop = pcall(module.new)
        if made then
          assert_failed("COULDNT_CONNECT", "socket: Too many open files", loop:perform(easy))
        else -- cqueues cannot make its own queue, libcurl 8.20 no multi
          assert(loop:find "Too many open files" or loop:find "no memory or no descriptor", loop)
        end
        release()
        loop = made and loop or module.new()
        assert(loop:perform(easy))
        loop:close()
      ]]):format(module))
    end)
  end
end)

describe("Signals at any time", function()
  -- A signal about every two milliseconds, for as long as f takes, which is a while.
  local ticking = [[
    local handled = 0
    local RATE = ("/slow?rate=%dk"):format(3072 // PATIENCE)
    local function ticking(f, ...)
      native.ticks(0.002, function() handled = handled + 1 end)
      local results = table.pack(pcall(f, ...))
      local signals = native.ticks(0)
      if not results[1] then error(results[2], 0) end
      assert(signals > 50 and handled > 0, signals)
      return table.unpack(results, 2, results.n)
    end
    local function new(url)
      local easy = curl.easy {
        url = url, proxy = "", cainfo = CA, timeout = 10 * PATIENCE, writefunction = {},
      }
      return easy
    end
  ]]

  for _, url in ipairs { "WEB", "WEBS", "H2" } do
    it("do not disturb easy:perform of " .. url, function()
      run(ticking .. ([[
        local body = {}
        local easy = new(%s .. RATE):setopt("writefunction", body)
        assert(ticking(easy.perform, easy))
        assert(#table.concat(body) == 1 << 20)
      ]]):format(url))
    end)
  end

  local ways = {
    ["multi:poll"] = "multi:perform()",
    ["multi:poll with pollfd"] = system.linux and "multi:socket_action(multi:pollfd(), 'r')"
      or nil,
  }
  for name, act in pairs(ways) do
    it("end a " .. name .. ", which is no failure, and lose no event", function()
      run(ticking .. ([[
        local multi, results = curl.multi(), 0
        local function act() return %s end
        act()
        for i = 1, 10 do multi:add(new(WEB .. RATE)) end
        ticking(function()
          while results < 10 do
            assert(multi:poll(5))
            assert(act())
            for _, ok, message in multi:results() do
              assert(ok, message)
              results = results + 1
            end
          end
        end)
      ]]):format(act))
    end)
  end

  for _, module in ipairs(loops.names) do
    it("do not disturb curlsock." .. module, function()
      run(ticking .. ([[
        local loop, done = require("curlsock.%s").new(), 0
        ticking(function()
          for i = 1, 20 do
            loop:spawn(function()
              assert(loop:perform(new((i %% 2 == 0 and WEBS or WEB) .. "/slow?rate=3m")))
              for _ = 1, 20 do assert(loop:perform(new(WEB .. "/hello"))) end
              done = done + 1
            end)
          end
          loop:run()
        end)
        assert(done == 20)
        loop:close()
      ]]):format(module))
    end)
  end

  it("do not shorten a Socket's time limits", function()
    run(ticking .. [[
      local listener = curl.socket():bind("127.0.0.1:0"):listen()
      local a, b = curl.socketpair()
      local function lasts(f, ...)
        local started = curl.now()
        local ok, _, name = ticking(f, ...)
        assert(not ok and name == "EAGAIN", name)
        assert(curl.now() - started >= 0.3)
      end
      lasts(listener.accept, listener, 0.3)
      lasts(a.recv, a, 1, 0.3)
      while a:send(("x"):rep(65536), 0) do end
      lasts(a.send, a, "x", 0.3)
      b:close()]])
  end)

  it("do not end what a Socket waits for without a limit", function()
    run(ticking .. [[
      local function later(f) -- in a child
        local pid = native.fork()
        if pid ~= 0 then return pid end
        os.execute("sleep 0.3")
        native.exit(f() and 0 or 1)
      end
      local listener = curl.socket():bind("127.0.0.1:0"):listen()
      local a, b = curl.socketpair()
      local pid = later(function() return b:send("x") end)
      assert(ticking(a.recv, a, 1) == "x")
      assert(native.wait(pid) == 0)
      while a:send(("x"):rep(65536), 0) do end
      pid = later(function() return b:recv(1 << 20) end)
      assert(ticking(a.send, a, "x") == 1)
      assert(native.wait(pid) == 0)
      pid = later(function() return curl.socket():connect(listener:localaddress()) end)
      assert(ticking(listener.accept, listener):state() == "owned")
      assert(native.wait(pid) == 0)]])
  end)

  it("do not end a connect, which goes on by itself", function()
    local server = servers.dead()
    run(ticking .. ([[
      local ending = io.popen "sleep 0.3; kill -s KILL -- -%d"
      local socket = curl.socket()
      local _, message, name = ticking(socket.connect, socket, "%s:%d")
      assert(name == "ECONNREFUSED", message)
      ending:close()]]):format(server.pid, server.host, server.port))
    servers.stop(server)
  end)

  it("have a handler that throws: the transfer ends with that", function()
    run(ticking .. [[
      local easy, thrown, inside = new(WEB .. "/slow?rate=1m"), {}, false
      easy:setopt("writefunction", function() inside = true end)
      native.ticks(0.05, function() -- not before pcall has been entered, nor twice
        if not inside then return end
        inside = false
        error(thrown, 0)
      end)
      local ok, err = pcall(easy.perform, easy)
      native.ticks(0)
      assert(not ok and err == thrown, err)
      native.ticks(0)
      assert(easy:setopt("url", WEB .. "/hello"):perform())]])
  end)
end)

describe("A state that threads use in turn", function()
  it("runs transfers, callbacks and finalizers in any of them", function()
    run [[
      local opened, closed = 0, 0
      local function new(share)
        return curl.easy {
          url = WEBS .. "/hello", proxy = "", cainfo = CA, writefunction = {}, share = share,
          opensocketfunction = function() opened = opened + 1 return true end,
          closesocketfunction = function() closed = closed + 1 end,
        }
      end
      local function in_turn(f, ...) -- here, and in threads
        for _ = 1, 5 do
          assert(f(...))
          assert(native.thread(f, ...))
        end
      end
      local easy = new()
      in_turn(easy.perform, easy)
      assert(opened == 1)
      native.thread(easy.close, easy)
      assert(closed == 1)

      local loop = require("curlsock.loop").new()
      in_turn(loop.perform, loop, new(curl.share { share = "connect" }))
      local co = coroutine.create(function() return loop:perform(new()) end)
      native.thread(coroutine.resume, co)
      loop:run()
      native.thread(loop.close, loop)
      new():perform()
      native.thread(collectgarbage)
      native.thread(collectgarbage)
      assert(opened == closed and #curl.sockets() == 0)]]
  end)

  it("changes the thread inside a callback", function()
    run [[
      local inner = curl.easy { url = WEB .. "/hello", proxy = "", writefunction = {} }
      local thrown, easy = {}, nil
      easy = curl.easy {
        url = WEB .. "/hello", proxy = "", writefunction = {},
        opensocketfunction = function()
          assert(native.thread(inner.perform, inner))
          local ok, message = pcall(native.thread, easy.close, easy)
          assert(not ok and message:find("inside a callback", 1, true), message)
          native.thread(error, thrown)
        end,
      }
      local ok, err = pcall(native.thread, easy.perform, easy)
      assert(not ok and err == thrown, err)
      easy:setopt("opensocketfunction", nil)
      assert(native.thread(easy.perform, easy))]]
  end)
end)

describe("States in threads of their own", function()
  -- Each begins and ends while others run, as libcurl's own set-up does. It is luv that makes
  -- threads; spec 42 says where there is none.
  local has_luv = package.searchpath("luv", package.cpath)
  if has_luv then it("do not disturb each other", function()
    assert.truthy(table.concat(curl.version_info().features, " "):find("threadsafe", 1, true))
    run([[
      local uv = require "luv"
      local function work(url, cainfo, turns)
        local curl = require "curlsock"
        for _ = 1, turns do
          local share = curl.share { share = { "connect", "dns" } }
          local easy = curl.easy {
            url = url, cainfo = cainfo, proxy = "", writefunction = {}, share = share,
            opensocketfunction = function() return true end,
            closesocketfunction = function(socket) socket.data = socket:state() end,
          }
          for _ = 1, 5 do assert(easy:perform()) end
        end
      end
      local easy = curl.easy { url = WEBS .. "/hello", proxy = "", cainfo = CA, writefunction = {} }
      for _ = 1, 8 do
        local threads = {}
        for i = 1, 4 do threads[i] = uv.new_thread(work, WEBS .. "/hello", CA, 5) end
        assert(easy:perform())
        for _, thread in ipairs(threads) do assert(thread:join()) end
      end
      assert(easy:perform())
      easy:close()
      os.exit(0) -- luv 1.48 crashes in a state that ends and had threads, whatever they did
    ]], 60)
  end) end
end)
