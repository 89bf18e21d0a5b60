-- HTTP/3 in event loops: what specs 40 to 42 say of TCP. And connections that libcurl has ended,
-- and closes only when the server has answered, or after two seconds: of which it tells no loop.

local curl = require "curlsock"
local http3 = require "spec.support.http3"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"

-- Libcurl before 8.9 closes at once.
local it_parts = curl.version_info().version_num >= 0x080900 and it or pending
local it = http3.it(it, pending)
local web

-- Runs the script in a process of its own, which has web, loop, rest (lets it go on, idle),
-- counts and easy(path [, options]), an easy whose sockets are counted there.
local prelude = [[
  local curl = require "curlsock"
  local loops = require "spec.support.loops"
  local http3 = require "spec.support.http3"
  local name, raw, web = %q, %s, { url = %q, ca = %q }
  local counts = { opened = 0, closed = 0 }
  local function easy(path, options)
    local made = curl.easy {
      url = path:find "^%%a+:" and path or web.url .. path, http_version = "3only", proxy = "",
      timeout = 20, cainfo = web.ca, writefunction = function() end,
      opensocketfunction = function(_, address)
        counts.opened = counts.opened + 1
        counts[address.socktype] = (counts[address.socktype] or 0) + 1
        return true
      end,
      closesocketfunction = function() counts.closed = counts.closed + 1 end,
    }
    return assert(http3.prompt(made):setopt(options or {}))
  end
  local function make() return require("curlsock." .. name).new() end
  local loop = raw and loops.raw(make) or not raw and make()
  -- Lets the loop go on, with nothing to do, at most so long.
  local function rest(seconds, done)
    local deadline = curl.now() + seconds
    while not done() and curl.now() < deadline do
      if name == "luv" then require("luv").run "nowait" end
      if name == "select" then loop:select(nil, nil, 0.05) end
      loop:step()
      os.execute "sleep 0.05"
    end
    return done()
  end
  local function check()
    loop:close()
    if name == "luv" then require("luv").run "nowait" end
    assert(counts.opened == counts.closed, counts.opened .. " opened, not all closed")
    assert(#curl.sockets() == 0)
  end
]]

local function run(name, raw, script)
  local out, err = left.pass(prelude:format(name, raw, web.url, web.ca) .. script .. " check()")
  assert.same({ "", "" }, { out, err })
end

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    describe(("HTTP/3, curlsock.%s%s:"):format(name, raw and ", without pollfd" or ""), function()
      setup(function()
        web = http3.here and servers.http3()
      end)

      -- With OpenSSL's QUIC no more than a stream may have before it is granted more, half a MiB:
      -- if the messages that grant it are lost it stops (spec/upstream/quic-window-lost.c).
      it("many transfers at once on one connection", function()
        run(name, raw, [[
          local size, n, each = 0, 0, http3.openssl and 520000 or 1048576
          local function add(piece) size = size + #piece end
          assert(loop:perform(easy "/hello"))
          for _ = 1, 20 do
            loop:spawn(function()
              local e <close> = easy("/big", { writefunction = add, range = "0-" .. each - 1 })
              assert(loop:perform(e))
              n = n + 1
            end)
          end
          loop:run()
          assert(n == 20 and size == 20 * each, size)
          assert(counts.dgram == 1, counts.dgram)
        ]])
      end)

      it("transfers that are cancelled, refused, or out of time leave the others alone", function()
        run(name, raw, [[
          local results = {}
          local silent <close> = curl.socket("inet", "dgram")
          assert(silent:bind "127.0.0.1:0")
          loop:spawn(function()
            local e <close> = easy("https://" .. tostring(silent:localaddress()))
            results.late = select(3, loop:perform(e, 0.3))
          end)
          loop:spawn(function()
            local e <close> = easy("/slow?rate=10k", {
              writefunction = function() return false, "no" end,
            })
            results.refused = select(3, loop:perform(e))
          end)
          local task = loop:spawn(function() loop:perform(easy "/slow?rate=10k") end)
          loop:spawn(function()
            local e <close> = easy "/slow?rate=4m"
            results.good = loop:perform(e)
            task:cancel()
          end)
          loop:run()
          assert(results.late == "OPERATION_TIMEDOUT", results.late)
          assert(results.refused == "WRITE_ERROR", results.refused)
          assert(results.good == true)
        ]])
      end)

      it("connections that libcurl has ended are closed while the loop rests", function()
        run(name, raw, [[
          for _ = 1, 5 do
            loop:spawn(function()
              local e <close> = easy("/hello", { forbid_reuse = true })
              assert(loop:perform(e))
            end)
          end
          loop:run()
          assert(counts.opened >= 1)
          assert(rest(6, function() return #curl.sockets() == 0 end), "some are left")
        ]])
      end)
    end)
  end
end

-- ---- TLS over TCP, whose server does not answer the end ----------------------------------------

local silent_tls = [[
  local curl = require "curlsock"
  local easy = curl.easy {
    url = os.getenv "HTTPS_URL" .. "/hello", cainfo = os.getenv "CA", proxy = "",
    forbid_reuse = true,
    writefunction = function() os.execute("kill -s STOP " .. os.getenv "PID") end,
    closesocketfunction = function() closed = (closed or 0) + 1 end,
  }
  local function parked() return #curl.sockets() > 0 end
  local function within(seconds, step)
    local deadline = curl.now() + seconds
    while parked() and curl.now() < deadline do step() end
    assert(not parked() and closed == 1, "it is not closed")
  end
]]

describe("TLS over TCP whose server does not answer its end,", function()
  local function run_tls(script)
    local server = servers.nginx()
    finally(function() os.execute("kill -s CONT " .. server.pid) end)
    local out, err = left.pass(silent_tls .. script,
      { HTTPS_URL = server.https_url, CA = server.ca, PID = tostring(server.pid) })
    assert.same({ "", "" }, { out, err })
  end

  for _, name in ipairs(loops.names) do
    it_parts("is closed while curlsock." .. name .. " rests", function()
      run_tls(([[
        local loop = require("curlsock.%s").new()
        assert(loop:perform(easy))
        assert(parked())
        within(6, function()
          if %q == "luv" then require("luv").run "nowait" end
          loop:step()
          os.execute "sleep 0.05"
        end)
        loop:close()
      ]]):format(name, name))
    end)
  end

  it_parts("lets uv.run end when it is closed", function()
    if not package.searchpath("luv", package.cpath) then return end
    run_tls [[
      local uv = require "luv"
      local loop = require("curlsock.luv").new()
      loop:spawn(function() assert(loop:perform(easy)) end)
      local start = curl.now()
      uv.run()
      assert(not parked() and closed == 1)
      assert(curl.now() - start < 8)
    ]]
  end)

  it_parts("is closed by a multi whose timerfunction is obeyed", function()
    run_tls [[
      local due
      local multi = curl.multi {
        socketfunction = function() end,
        timerfunction = function(seconds) due = seconds and curl.now() + seconds end,
      }
      multi:add(easy)
      local running
      repeat
        running = multi:socket_action()
        for fd, events in pairs(multi:watches()) do running = multi:socket_action(fd, events) end
      until running == 0
      assert(parked() and due)
      within(6, function()
        assert(due, "there is no time")
        os.execute "sleep 0.05"
        if due <= curl.now() then
          due = nil
          multi:socket_action()
        end
      end)
      assert(multi:timeout() == nil)
    ]]
  end)

  it_parts("is closed while another transfer runs", function()
    run_tls [[
      local listening = curl.socket()
      assert(listening:bind "127.0.0.1:0")
      listening:listen()
      local loop = require("curlsock.loop").new()
      loop:spawn(function()
        local url = "http://" .. tostring(listening:localaddress())
        loop:perform(curl.easy { url = url, proxy = "" }, 8)
      end)
      assert(loop:perform(easy))
      local start = curl.now()
      while closed ~= 1 and curl.now() - start < 6 do loop:step() end
      assert(closed == 1)
      assert(loop.active == 1)
      loop:close()
    ]]
  end)
end)
