-- fork: the child has copies of all handles and descriptors. Whatever it does with them, down to
-- closing its state, the connections of the parent stay as they are, and its loops go on.

local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- What each script starts with. No callback may run in a child: that would end it with 9.
local prelude = [[
local curl = require "curlsock"
local native = require "spec.support.native"
local child = false
local opened = 0 -- connections to the port of a URL

local function no_child() if child then native.exit(9) end end

local function new(url, options)
  local easy = curl.easy {
    url = url, proxy = "", cainfo = CA, timeout = 10 * PATIENCE, writefunction = {},
    opensocketfunction = function(_, address)
      no_child()
      if url:find(":" .. address.port, 1, true) then opened = opened + 1 end
      return true
    end,
    closesocketfunction = no_child,
  }
  return easy:setopt(options or {})
end

-- Runs f in a child, which must end with 0.
local function in_child(f)
  local pid = native.fork()
  if pid == 0 then
    child = true
    local ok, err = pcall(f)
    if not ok then io.stderr:write(err, "\n") native.exit(8) end
    native.exit(0)
  end
  local status = native.wait(pid)
  assert(status == 0, "the child ended with " .. status)
end

-- The parent's connection is still there: no other is made.
local function assert_reused(easy, run)
  local before = opened
  local ok, message = (run or easy.perform)(easy)
  assert(ok, message)
  assert(opened == before, "the connection was lost")
end
]]

-- Runs the script, with WEB the plain server's URL, URL that of the case, and PATIENCE.
local function run(script, url)
  local web = servers.nginx()
  local values = left.locals {
    CA = web.ca, WEB = web.url, URL = url or web.url, PATIENCE = process.patience,
  }
  -- The child leaves libcurl's memory behind, as it must.
  left.pass(values .. prelude .. script, {
    ASAN_OPTIONS = (os.getenv("ASAN_OPTIONS") or "") .. ":detect_leaks=0",
    VALGRIND_OPTS = "--leak-check=no",
  })
end

-- pairs, in the order of the keys.
local function sorted(t)
  local keys, i = {}, 0
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return function()
    i = i + 1
    return keys[i], t[keys[i]]
  end
end

local ends = {
  ["lua_close"] = "os.exit(0, true)",
  ["exit"] = "os.exit(0)",
  ["close of each handle"] = [[
    for _, handle in ipairs(handles) do handle:close() end
    local live = curl.live()
    assert(live.easy + live.multi + live.share + live.socket == 0)
    assert(#curl.sockets() == 0)]],
  ["the collector"] = [[
    handles, easy, multi, share = nil
    collectgarbage()
    collectgarbage()
    assert(#curl.sockets() == 0)]],
}

local pools = {
  easy = [[
    local easy = new(URL)
    local handles = { easy }
    local run = easy.perform]],
  multi = [[
    local easy, multi = new(URL), curl.multi()
    local handles = { multi, easy }
    local function run()
      multi:add(easy)
      while multi:perform() > 0 do multi:poll(1) end
      local _, ok, message = multi:results()(multi)
      multi:remove(easy)
      return ok, message
    end]],
  share = [[
    local share = curl.share { share = "connect" }
    local easy = new(URL, { share = share })
    local handles = { share, easy }
    local run = easy.perform]],
}

local urls = {
  HTTP = function() return servers.nginx().url .. "/hello" end,
  TLS = function() return servers.nginx().https_url .. "/hello" end,
  ["HTTP/2"] = function() return servers.nginx().h2_url .. "/hello" end,
  FTP = function() return servers.vsftpd().url .. "/hello.txt" end,
}

describe("A forked child does not disturb the connection", function()
  for protocol, url in sorted(urls) do
    for pool, make in sorted(pools) do
      for name, code in sorted(ends) do
        it(("%s, kept by the %s, with %s"):format(protocol, pool, name), function()
          run(make .. "\nassert(run(easy))\nin_child(function() " .. code
            .. "\nend)\nassert_reused(easy, run)", url())
        end)
      end
    end
  end
end)

describe("A forked child does not disturb the loop", function()
  -- A transfer runs, and one waits for its time limit, which is a matter of the timer.
  local running = [[
    local multi = curl.multi()
    local fd = multi:pollfd()
    local slow, late = new(WEB .. "/slow?rate=1m"), new(DEAD, { timeout = 1 })
    multi:add(slow):add(late)
    local started = curl.now()
    repeat
      multi:poll(1)
      multi:socket_action(fd, "r")
    until slow:getinfo("size_download") > 0
    local handles, easy = { multi, slow, late }
  ]]
  -- Only through the descriptor.
  local finish = [[
    local results, messages = 0, {}
    while results < 2 do
      assert(multi:poll(5) == 1, "the descriptor stays silent")
      multi:socket_action(fd, "r")
      for done, ok, _, name in multi:results() do
        results, messages[done] = results + 1, ok or name
      end
    end
    assert(messages[slow] == true and messages[late] == "OPERATION_TIMEDOUT")
    assert(curl.now() - started < 3 * PATIENCE, "the timer came late")
  ]]

  local function dead()
    local server = servers.dead()
    return ("local DEAD = %q\n"):format(server.url)
  end

  for name, code in sorted(system.linux and ends or {}) do
    it("of multi:pollfd, with " .. name, function()
      run(dead() .. running .. "local share; in_child(function() slow, late = nil\n" .. code
        .. "\nend)\n" .. finish)
    end)
  end

  -- A child must not end luv's own loop, with or without curlsock: it shares libuv's epoll.
  for _, module in ipairs(loops.names) do
    local code = module == "luv" and "os.exit(0)" or "os.exit(0, true)"
    it("of curlsock." .. module, function()
      run(([[
        local loop = require("curlsock.%s").new()
        local done = 0
        for i = 1, 3 do
          loop:spawn(function()
            assert(loop:perform(new(WEB .. "/slow?rate=2m")))
            done = done + 1
          end)
        end
        loop:spawn(function()
          local easy = new(WEB .. "/hello")
          assert(loop:perform(easy))
          in_child(function() %s end)
          assert_reused(easy, function() return loop:perform(easy) end)
          done = done + 1
        end)
        loop:run()
        assert(done == 4)
      ]]):format(module, code))
    end)
  end
end)

describe("In a forked child", function()
  it("a handle of the parent's is refused by name", function()
    run [[
      local easy, multi, share = new(WEB), curl.multi(), curl.share { share = "connect" }
      in_child(function()
        local function refused(name, f, ...)
          local ok, message = pcall(f, ...)
          assert(not ok and message:find(name .. " was made before a fork", 1, true), message)
        end
        refused("easy", easy.perform, easy)
        refused("easy", easy.setopt, easy, "url", WEB)
        refused("easy", multi.add, curl.multi(), easy)
        refused("multi", multi.perform, multi)
        refused("multi", multi.wakeup, multi)
        refused("multi", multi.add, multi, curl.easy())
        refused("share", share.setopt, share, "share", "dns")
        refused("share", curl.easy, { share = share })
        assert(tostring(easy):find "^easy")
      end)
      assert(easy:perform())]]
  end)

  it("new handles work, and have their close events", function()
    run [[
      local old, multi = new(WEB), curl.multi()
      local fd = multi:pollfd()
      assert(old:perform())
      in_child(function()
        local events = 0
        local easy = curl.easy {
          url = WEB .. "/hello", proxy = "", writefunction = {},
          closesocketfunction = function(socket) events = events + 1 end,
        }
        assert(easy:perform())
        local other = curl.multi()
        assert(not fd or other:pollfd() ~= fd)
        other:close()
        old:close()
        multi:close()
        assert(events == 0 and #curl.sockets() == 1)
        easy:close()
        assert(events == 1 and #curl.sockets() == 0)
      end)
      assert_reused(old)]]
  end)

  it("a Socket of the script's works on", function()
    run [[
      local listener = curl.socket():bind("127.0.0.1:0"):listen()
      in_child(function()
        local socket = curl.socket():connect(listener:localaddress(), 1)
        local accepted = listener:accept(1)
        assert(socket:send("x") == 1 and accepted:recv(1, 1) == "x")
      end)
      assert(curl.socket():connect(listener:localaddress(), 1))
      assert(listener:accept(1))]]
  end)

  it("no cookies are written", function()
    local jar = servers.dir() .. "/forked.jar"
    run(([[
      local jar = %q
      local easy = new(WEB .. "/cookie", { cookiejar = jar })
      assert(easy:perform())
      in_child(function() os.exit(0, true) end)
      assert(not io.open(jar))
      easy:close()
      assert(os.remove(jar))]]):format(jar))
  end)

  it("a fork of the child is no different", function()
    run [[
      local easy = new(WEB)
      assert(easy:perform())
      in_child(function()
        child = false
        local own = new(WEB)
        assert(own:perform())
        in_child(function() os.exit(0, true) end)
        assert_reused(own)
        child = true
        easy:close()
        child = false
      end)
      assert_reused(easy)]]
  end)

  it("that began in a callback, the end of the state is quiet", function()
    run [[
      local easy = new(WEB .. "/hello")
      local other = new(WEB .. "/hello")
      assert(other:perform())
      easy:setopt("opensocketfunction", function()
        in_child(function() os.exit(0, true) end)
        in_child(function() other:close() end)
        return true
      end)
      assert(easy:perform())
      assert_reused(other)]]
  end)
end)
