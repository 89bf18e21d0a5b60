-- easy:pause and easy:unpause: a transfer waits until the script lets it go on, costs nothing
-- meanwhile, and holds nobody up.

local curl = require "curlsock"
local drivers = require "spec.support.drivers"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local event_host = require "spec.support.event_host"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local new = easies.new
local drive, only_result = transfers.drive, transfers.only_result
local web

setup(function() web = servers.nginx() end)

-- The multi is driven for so many seconds: how often.
local function drive_for(multi, seconds)
  local deadline, steps = curl.now() + seconds, 0
  while curl.now() < deadline do
    assert(multi:perform())
    assert(multi:poll(0.05))
    steps = steps + 1
  end
  return steps
end

-- Where a body of 1 MiB comes from, by what carries it.
local ways = {
  { "HTTP/1.1", function() return web.url .. "/big" end },
  { "TLS", function() return web.https_url .. "/big" end },
  { "HTTP/2", function() return web.h2_url .. "/big" end },
  { "gzip", function() return web.h2_url .. "/gzip" end, { accept_encoding = "gzip" } },
  { "FTP", function() return servers.vsftpd().url .. "/big.bin" end },
}

local function tls_easy(url, options)
  local easy = assert(curl.easy(options))
  return easy:setopt { url = url, proxy = "", cainfo = web.ca, http_version = "2tls" }
end

describe("easy:pause", function()
  for _, way in ipairs(ways) do
    it("holds " .. way[1] .. ", unpause lets it go on, and nothing is lost", function()
      local body = {}
      local easy
      easy = tls_easy(way[2](), way[3])
      easy:setopt("writefunction", function(data)
        body[#body + 1] = data
        assert.equal(easy, easy:pause("recv"))
      end)
      local multi <close> = curl.multi():add(easy)
      local rounds = 0
      while multi:perform() > 0 do
        local n = #body
        if n > 0 and rounds < 3 then
          local clock = os.clock()
          drive_for(multi, 0.02) -- what had been read
          n = #body
          local steps = drive_for(multi, 0.2)
          assert.equal(n, #body)
          assert.truthy(steps <= 12, steps)
          assert.truthy(os.clock() - clock < 0.1)
        end
        if n > 0 then
          rounds = rounds + 1
          assert.equal(easy, easy:unpause())
        end
        assert(multi:poll(0.02))
      end
      assert.is_true(only_result(multi))
      assert.truthy(rounds > (way[1] == "gzip" and 0 or 3), rounds)
      assert.equal(web.big, table.concat(body))
      easy:close()
    end)
  end

  it("lets a callback that returned curl.PAUSE be asked again, in each direction", function()
    for _, base in ipairs { web.url, web.h2_url } do
      local reads, body = 0, {}
      local easy
      easy = tls_easy(base .. "/upload", {
        upload = true,
        writefunction = function(data)
          if #body == 0 then
            body[1] = ""
            return curl.PAUSE
          end
          body[#body + 1] = data
        end,
        readfunction = function()
          reads = reads + 1
          if reads % 2 == 1 then return curl.PAUSE end
          if reads < 20 then return ("x"):rep(1000) end
        end,
      })
      local multi <close> = curl.multi():add(easy)
      while assert(multi:perform()) > 0 do
        local before = reads
        if reads % 2 == 1 then
          drive_for(multi, 0.02)
          assert.equal(before, reads)
          easy:unpause("recv")
          drive_for(multi, 0.02)
          assert.equal(before, reads)
          easy:unpause("send")
        elseif #body == 1 then
          drive_for(multi, 0.02)
          assert.equal(1, #body)
          easy:unpause("send")
          easy:unpause("recv")
        end
        multi:poll(0.02)
      end
      assert.is_true(only_result(multi))
      assert.equal("9000\n", table.concat(body))
      easy:close()
    end
  end)

  it("holds one direction, and the other goes on", function()
    local sent, easy = 0, nil
    easy = new("/upload", {
      upload = true,
      infilesize_large = 100000,
      writefunction = function() return true end,
      readfunction = function()
        sent = sent + 1
        easy:pause("recv")
        return sent <= 100 and ("x"):rep(1000) or nil
      end,
    })
    local multi <close> = curl.multi():add(easy)
    drive(multi, function() return sent >= 100 end)
    drive_for(multi, 0.1)
    assert.equal(1, multi:perform())
    easy:unpause("recv")
    drive(multi)
    assert.is_true(only_result(multi))
    easy:close()
  end)

  it("inside writefunction keeps what comes after, and its neighbours go on", function()
    for _, base in ipairs { web.https_url, web.h2_url } do
      local multi <close> = curl.multi()
      local list = {}
      for i = 1, 3 do
        local t = { body = {} }
        t.easy = tls_easy(base .. "/big", {
          pipewait = base == web.h2_url,
          writefunction = function(data)
            t.body[#t.body + 1] = data
            if i == 1 then t.easy:pause() end
          end,
        })
        list[i] = t
        multi:add(t.easy)
      end
      local done = 0
      drive(multi, function()
        for _ in multi:results() do done = done + 1 end
        return done == 2
      end)
      assert.equal(2, done)
      for i = 2, 3 do assert.equal(web.big, table.concat(list[i].body)) end
      assert.truthy(#table.concat(list[1].body) < #web.big)
      local rounds = 0
      drive(multi, function()
        rounds = rounds + 1
        list[1].easy:unpause()
        return rounds > 500
      end)
      assert.is_true(only_result(multi))
      assert.equal(web.big, table.concat(list[1].body))
      for _, t in ipairs(list) do
        multi:remove(t.easy)
        t.easy:close()
      end
    end
  end)

  it("lets a transfer hold and let go another one of its connection", function()
    local multi <close> = curl.multi()
    local a, b = { body = {} }, { body = {} }
    a.easy = tls_easy(web.h2_url .. "/big", {
      pipewait = true,
      writefunction = function(data)
        a.body[#a.body + 1] = data
        if #a.body % 2 == 0 then b.easy:unpause() else b.easy:pause("recv") end
      end,
    })
    b.easy = tls_easy(web.h2_url .. "/big", {
      pipewait = true,
      writefunction = function(data) b.body[#b.body + 1] = data end,
    })
    multi:add(a.easy):add(b.easy)
    drive(multi, function() return #table.concat(a.body) == #web.big end)
    b.easy:unpause()
    drive(multi)
    for _, t in ipairs { a, b } do
      assert.equal(web.big, table.concat(t.body))
      multi:remove(t.easy)
      t.easy:close()
    end
  end)

  it("works in a perform, whose xferinfofunction lets it go on", function()
    local body, calls, easy = {}, 0, nil
    easy = new("/hello", {
      timeout = 10,
      writefunction = function(data)
        calls = calls + 1
        if calls == 1 then return curl.PAUSE end
        body[#body + 1] = data
      end,
      xferinfofunction = function()
        if calls == 1 then easy:unpause() end
      end,
    })
    assert.is_true(easy:perform())
    assert.equal("hello\n", table.concat(body))
    easy:close()
  end)
end)

describe("a paused transfer", function()
  it("ends by its time limit", function()
    local easy
    easy = new("/big", { timeout = 0.3, writefunction = function() easy:pause() end })
    local started = curl.now()
    errors.failed("OPERATION_TIMEDOUT", "timed out", easy:perform())
    assert.truthy(curl.now() - started < 2)
    easy:close()
  end)

  it("is not slow: low_speed_time does not count while it may not receive", function()
    local calls = 0
    local easy = new("/hello", {
      low_speed_limit = 1000, low_speed_time = 1,
      writefunction = function()
        calls = calls + 1
        if calls == 1 then return curl.PAUSE end
      end,
    })
    local multi <close> = curl.multi():add(easy)
    drive_for(multi, 2.5)
    assert.equal(1, multi:perform())
    easy:unpause()
    drive(multi)
    assert.is_true(only_result(multi))
    easy:close()
  end)

  it("is not let go on by what others do in an event loop", function()
    local host = event_host.new()
    local body = {}
    local easy
    easy = host:easy(web.url .. "/big", {
      writefunction = function(data)
        body[#body + 1] = data
        easy:pause("recv")
      end,
    })
    host.multi:add(easy)
    host:drive(function() return #body > 0 end)
    local size = #table.concat(body)
    for _ = 1, 5 do
      local other = host:easy(web.url .. "/close")
      assert.is_true(host:run(other).ok)
      other:close()
    end
    -- libcurl 7.88 hands on the rest of what it had read.
    assert.truthy(#table.concat(body) <= math.max(size, 65536), #table.concat(body))
    local before = #host.results
    host:drive(function()
      easy:unpause()
      return #host.results > before
    end)
    assert.equal(web.big, table.concat(body))
    host.multi:close()
    easy:close()
    assert.same({}, host.faults)
  end)

  -- A coroutine waits for half a second, and then lets it go on.
  for _, raw in ipairs(loops.modes) do
    it(drivers.title(raw) .. " it costs nothing in a loop", function()
      local silent <close> = curl.socket()
      assert(silent:bind(curl.address("127.0.0.1:0"))):listen(5)
      local calls, steps, ended = 0, 0, nil
      local loop <close> = drivers.new(raw)
      local easy = new("/hello", {
        writefunction = function()
          calls = calls + 1
          if calls == 1 then return curl.PAUSE end
        end,
      })
      loop:spawn(function() ended = table.pack(loop:perform(easy)) end)
      loop:spawn(function()
        local url = "http://" .. tostring(silent:localaddress())
        local other <close> = easies.at(url, { timeout = 0.5 })
        local clock = os.clock()
        assert.is_nil(loop:perform(other))
        assert.truthy(os.clock() - clock < 0.1)
        assert.equal(1, calls)
        easy:unpause()
      end)
      local multi <close> = curl.multi()
      local action = multi.socket_action
      loops.with_method("socket_action", function(...)
        steps = steps + 1
        return action(...)
      end, function() loop:run() end)
      assert.truthy(steps < 30, steps)
      assert.is_true(ended[1])
      assert.equal(2, calls)
      easy:close()
    end)
  end

  it("can be closed, removed, or its multi closed", function()
    for _, finish in ipairs {
      function(_, easy) easy:close() end,
      function(multi, easy) multi:remove(easy) end,
      function(multi) multi:close() end,
    } do
      local calls = 0
      local easy = new("/big", {
        writefunction = function()
          calls = calls + 1
          return curl.PAUSE
        end,
      })
      local multi = curl.multi():add(easy)
      drive(multi, function() return calls > 0 end)
      finish(multi, easy)
      multi:close()
      easy:close()
    end
  end)
end)

describe("easy:unpause", function()
  -- A transfer whose writefunction has paused once, and then does as f does.
  local function paused(f)
    local calls = 0
    local easy = new("/hello", {
      writefunction = function()
        calls = calls + 1
        if calls == 1 then return curl.PAUSE end
        return f()
      end,
    })
    local multi = curl.multi():add(easy)
    drive(multi, function() return calls > 0 end)
    return multi, easy, function() return calls end
  end

  it("does not raise what a callback throws: that is the transfer's result", function()
    local thrown = {}
    local multi <close>, easy, calls = paused(function() error(thrown, 0) end)
    assert.equal(easy, easy:unpause())
    drive(multi)
    local _, message, name = only_result(multi)
    assert.equal(thrown, message)
    assert.equal("CALLBACK", name)
    assert.equal(2, calls())
    easy:close()
  end)

  it("ends the transfer when a callback refuses", function()
    local multi <close>, easy, calls = paused(function() return false, "enough" end)
    assert.equal(easy, easy:unpause())
    drive(multi)
    errors.failed("WRITE_ERROR", "enough", only_result(multi))
    assert.equal(2, calls())
    multi:remove(easy)
    -- It is as any other afterwards.
    assert.equal("hello\n", transfers.fetch(easy))
    easy:close()
  end)

  it("may pause again inside", function()
    local multi <close>, easy, calls = paused(function() return curl.PAUSE end)
    for _ = 1, 3 do
      easy:unpause()
      drive_for(multi, 0.02)
    end
    assert.equal(4, calls())
    multi:close()
    easy:close()
  end)

  it("may find the easy closed, removed or performed inside: each is refused", function()
    local multi, easy
    local messages = {}
    multi, easy = paused(function()
      for i, f in ipairs {
        function() easy:close() end,
        function() multi:remove(easy) end,
        function() multi:perform() end,
        function() easy:perform() end,
      } do
        messages[i] = select(2, pcall(f))
      end
    end)
    easy:unpause()
    drive(multi)
    assert.is_true(only_result(multi))
    assert.equal(4, #messages)
    for _, message in ipairs(messages) do
      assert.truthy(message:find("is not allowed inside a callback", 1, true), message)
    end
    multi:close()
    easy:close()
  end)

  it("gives nil, message, name where no transfer runs", function()
    local easy = new("/hello")
    local function idle()
      for _, method in ipairs { "pause", "unpause" } do
        errors.failed("BAD_FUNCTION_ARGUMENT", "^no transfer runs", easy[method](easy))
      end
    end
    idle()
    assert.is_true(easy:perform())
    idle()
    local multi <close> = curl.multi():add(easy)
    idle() -- it has no connection yet
    transfers.drive_well(multi)
    idle()
    multi:close()
    easy:close()
  end)

  it("is refused inside socketfunction and timerfunction", function()
    local messages, easy = {}, nil
    local function try()
      for _, method in ipairs { "pause", "unpause" } do
        local _, message = pcall(easy[method], easy, "recv")
        messages[message] = true
      end
    end
    local multi <close> = curl.multi { socketfunction = try, timerfunction = try }
    easy = new("/hello")
    multi:add(easy)
    drive(multi)
    assert.is_true(only_result(multi))
    assert.same({
      ["easy:pause is not allowed inside socketfunction or timerfunction"] = true,
      ["easy:unpause is not allowed inside socketfunction or timerfunction"] = true,
    }, messages)
    multi:close()
    easy:close()
  end)

  it("names what cannot be paused", function()
    local easy <close> = curl.easy()
    for _, method in ipairs { "pause", "unpause" } do
      for wrong, shown in pairs { both = '"both"', ["recv\0"] = '"recv%?"', [{}] = "table" } do
        errors.matches('"all", "recv" or "send" expected, got ' .. shown, easy[method], easy, wrong)
      end
    end
  end)
end)
