-- DESIGN.md 4, "Errors": what a callback throws comes back unchanged and at the right place;
-- what fails returns nil, message, name; what cannot be rethrown is a warning.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local left = require "spec.support.left"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local drive = require("spec.support.transfers").drive

local new = easies.plain

local version = curl.version_info().version_num
local web

-- Each kind of callback with what makes libcurl call it; closesocketfunction, whose errors fail no
-- transfer, has a part of its own.
local kinds = {}
for _, kind in ipairs(surface.callbacks) do
  if not kind.told then kinds[#kinds + 1] = kind end
end

-- An easy whose callback of that kind is f.
local function with_callback(kind, f)
  local easy = new(kind.path or "/hello", kind.options)
  return easy:setopt(kind.name, f)
end

-- What can be thrown. Every one must come back as itself.
local object = setmetatable({}, {
  __tostring = function()
    return "an error object"
  end,
  __eq = function()
    return true
  end,
})
local values = {
  string = "a string, without a place",
  binary = "\0\255",
  number = 42,
  float = 0.5,
  table = {},
  ["error object"] = object,
  ["function"] = function() end,
  coroutine = coroutine.create(function() end),
  userdata = io.stdout,
  ["true"] = true,
  ["false"] = false,
}

-- libcurl 8.14 (not 7.88, nor 8.22) cannot use an easy again whose upload could not be rewound,
-- not even after a reset; a dup of it is good.
local rewinds_for_ever = version >= 0x080700 and version < 0x081600

-- What error(nil) throws: since Lua 5.5 a string.
local _, nothing = pcall(error, nil)

local function raise(value)
  return function()
    error(value, 0)
  end
end

local function assert_is(expected, value)
  assert.truthy(rawequal(expected, value),
    ("%s expected, got %s"):format(tostring(expected), tostring(value)))
end

-- Calls f: it must throw exactly this value.
local function throws(value, f, ...)
  local result = table.pack(pcall(f, ...))
  assert.is_false(result[1])
  assert.equal(2, result.n)
  assert_is(value, result[2])
end

-- All results: easy -> { n = count, ok, message, name }.
local function results(multi)
  local by_easy = {}
  local iterate, state = multi:results()
  while true do
    local result = table.pack(iterate(state))
    if result[1] == nil then
      return by_easy
    end
    assert.is_nil(by_easy[result[1]])
    by_easy[result[1]] = table.pack(table.unpack(result, 2, result.n))
  end
end

-- The transfer failed with that value, thrown by a callback.
local function assert_thrown(value, result)
  assert.equal(3, result.n)
  assert.is_nil(result[1])
  assert_is(value, result[2])
  assert.equal("CALLBACK", result[3])
end

setup(function()
  web = servers.nginx()
end)

describe("what a callback throws", function()
  for _, kind in ipairs(kinds) do
    it(("comes out of easy:perform unchanged: %s"):format(kind.name), function()
      for _, value in pairs(values) do
        local easy <close> = with_callback(kind, raise(value))
        throws(value, easy.perform, easy)
      end
      local easy <close> = with_callback(kind, raise(nil))
      throws(nothing, easy.perform, easy)
    end)

    it(("is the result of its transfer in a multi, unchanged: %s"):format(kind.name), function()
      local multi <close> = curl.multi()
      local thrown = {}
      for _, value in pairs(values) do
        local easy = with_callback(kind, raise(value))
        thrown[easy] = value
        multi:add(easy)
      end
      local with_nil = with_callback(kind, raise(nil))
      multi:add(with_nil)
      drive(multi)
      collectgarbage()
      local got = results(multi)
      assert_thrown(nothing, got[with_nil])
      for easy, value in pairs(thrown) do
        assert_thrown(value, got[easy])
      end
    end)

    it(("does not disturb other transfers of the multi: %s"):format(kind.name), function()
      local multi <close> = curl.multi()
      local bodies, good = {}, {}
      for i = 1, 4 do
        bodies[i] = {}
        good[i] = new("/big", { writefunction = bodies[i] })
      end
      local bad = with_callback(kind, raise(object))
      multi:add(good[1]):add(good[2]):add(bad):add(good[3]):add(good[4])
      drive(multi)
      local got = results(multi)
      assert_thrown(object, got[bad])
      for i = 1, 4 do
        assert.same({ n = 1, true }, got[good[i]])
        assert.equal(web.big, table.concat(bodies[i]))
      end
    end)

    it(("is forgotten by the next transfer of the easy: %s"):format(kind.name), function()
      local fail = true
      local body = {}
      local original <close> = with_callback(kind, function()
        if fail then
          error(object)
        end
        return kind.name ~= "readfunction" or nil
      end)
      local easy = original
      throws(object, easy.perform, easy)
      fail = false
      easy:reset():setopt { url = web.url .. "/hello", proxy = "", writefunction = body }
      if kind.name == "seekfunction" and rewinds_for_ever then
        assert.equal("SEND_FAIL_REWIND", select(3, easy:perform()))
        easy = easy:dup()
      end
      assert.is_true(easy:perform())
      assert.equal("hello\n", table.concat(body))
      easy:close()
    end)
  end

  -- What libcurl is told to make it abort must be gone in the next transfer.
  for _, how in ipairs { "the easy", "a dup of it" } do
    it("does not hurry the next transfer of " .. how, function()
      local dead = servers.dead()
      local easy = new(dead.url, { connecttimeout = 0.3, opensocketfunction = raise(object) })
      throws(object, easy.perform, easy)
      local next_one <close> = how == "the easy" and easy or easy:dup()
      next_one:unset("opensocketfunction")
      local start = curl.now()
      assert.equal("OPERATION_TIMEDOUT", (select(3, next_one:perform())))
      local waited = curl.now() - start
      assert.truthy(waited > 0.2 and waited < 3, waited)
      easy:close()
      servers.stop(dead)
    end)
  end

  it("does not turn the progress of the next transfer on", function()
    local calls = 0
    local easy <close> = new("/hello", {
      xferinfofunction = function()
        calls = calls + 1
      end,
      writefunction = raise(object),
    })
    easy:setopt("noprogress", true)
    throws(object, easy.perform, easy)
    easy:unset("writefunction")
    calls = 0
    assert.is_true(easy:perform())
    assert.equal(0, calls)
  end)

  it("aborts promptly also when the server is silent", function()
    local server = servers.script [[
      local server = ...
      local client = server:accept()
      client:receive("*a")]]
    local easy <close> = new(server.url, {
      timeout = 8,
      verbose = true,
      debugfunction = function(kind)
        if kind == "header_out" then
          error(object)
        end
      end,
    })
    local start = curl.now()
    throws(object, easy.perform, easy)
    assert.truthy(curl.now() - start < 3, curl.now() - start)
    servers.stop(server)
  end)

  it("keeps the place that error() added", function()
    local easy <close> = new("/hello", {
      writefunction = function()
        error("here")
      end,
    })
    local ok, message = pcall(easy.perform, easy)
    assert.is_false(ok)
    assert.truthy(message:match("^[^\n]*13%-errors_spec%.lua:%d+: here$"), message)
  end)

  it("may be the error of Lua itself", function()
    local easy <close> = new("/hello", {
      writefunction = function()
        local none = {}
        return none.field.field
      end,
    })
    local ok, message = pcall(easy.perform, easy)
    assert.is_false(ok)
    assert.truthy(message:find("attempt to index a nil value (field 'field')", 1, true), message)
  end)

  it("ends the transfer: no other callback of it is called any more", function()
    local calls = {}
    local function count(name, f)
      return function(...)
        calls[#calls + 1] = name
        return f and f(...)
      end
    end
    local easy <close> = new("/big", {
      opensocketfunction = count("open", function()
        return true
      end),
      headerfunction = count("header", raise(object)),
      writefunction = count "write",
      xferinfofunction = count "xferinfo",
    })
    throws(object, easy.perform, easy)
    while calls[1] ~= "header" do
      table.remove(calls, 1)
    end
    assert.same({ "header" }, calls)
  end)

  it("comes back although libcurl is through: the last words of the debugfunction", function()
    local body = {}
    local easy <close> = new("/hello", {
      verbose = true,
      writefunction = body,
      debugfunction = function(_, text)
        if text:find("^Connection .* left intact") then
          error(object)
        end
      end,
    })
    throws(object, easy.perform, easy)
    assert.equal("hello\n", table.concat(body))
    assert.equal(200, easy:getinfo("response_code"))
  end)

  it("comes through a transfer that ran inside a callback of another", function()
    local inner <close> = new("/hello", { writefunction = raise(object) })
    local outer <close> = new("/hello", {
      writefunction = function()
        inner:perform()
      end,
    })
    throws(object, outer.perform, outer)
  end)

  it("can be caught there, and the outer transfer goes on", function()
    local inner <close> = new("/hello", { writefunction = raise(object) })
    local caught
    local outer <close> = new("/hello", {
      writefunction = function()
        caught = select(2, pcall(inner.perform, inner))
      end,
    })
    assert.is_true(outer:perform())
    assert_is(object, caught)
  end)

  it("reaches the coroutine that drives the transfer", function()
    local easy <close> = new("/hello", { writefunction = raise(object) })
    local co = coroutine.create(function()
      return easy:perform()
    end)
    local ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert_is(object, err)
  end)

  it("is a clear error for a yield, and the coroutine is not lost", function()
    for _, kind in ipairs(kinds) do
      local easy <close> = with_callback(kind, function()
        coroutine.yield("never seen")
      end)
      local seen
      local co = coroutine.wrap(function()
        seen = table.pack(pcall(easy.perform, easy))
        return "the end"
      end)
      assert.equal("the end", co())
      assert.is_false(seen[1])
      assert.equal("attempt to yield across a C-call boundary", seen[2])
    end
  end)

  it("aborts the transfer, not only the address that was offered", function()
    local offered = 0
    local host = "several.test:" .. web.port
    local easy <close> = new(("http://%s/hello"):format(host), {
      resolve = { host .. ":127.0.0.2,127.0.0.3,127.0.0.1" },
      opensocketfunction = function()
        offered = offered + 1
        error(object)
      end,
    })
    throws(object, easy.perform, easy)
    assert.equal(1, offered)
  end)
end)

describe("an error while another address is still connecting", function()
  local dead

  setup(function()
    dead = servers.has_ipv6 and servers.dead("::1", web.port4)
  end)

  teardown(function()
    if dead then
      servers.stop(dead)
    end
  end)

  -- A host whose first address never answers, and whose second has a callback that throws.
  local function racing(name)
    local host = "racing.test:" .. web.port4
    local offered = {}
    local easy = new(("http://%s/hello"):format(host), {
      resolve = { host .. ":[::1],127.0.0.1" },
      happy_eyeballs_timeout_ms = 20,
      connecttimeout = 8,
      opensocketfunction = function(_, address)
        offered[#offered + 1] = address.family
        if #offered == 2 and name == "opensocketfunction" then
          error(object)
        end
        return true
      end,
      sockoptfunction = function()
        if #offered == 2 and name == "sockoptfunction" then
          error(object)
        end
      end,
    })
    return easy, offered
  end

  for _, name in ipairs { "opensocketfunction", "sockoptfunction" } do
    if servers.has_ipv6 then
      it("aborts easy:perform promptly: " .. name, function()
        local easy <close>, offered = racing(name)
        local start = curl.now()
        throws(object, easy.perform, easy)
        assert.truthy(curl.now() - start < 3, curl.now() - start)
        assert.same({ "inet6", "inet" }, offered)
      end)

      it("ends the transfer in a multi promptly: " .. name, function()
        local multi <close> = curl.multi()
        local easy <close>, offered = racing(name)
        multi:add(easy)
        local start = curl.now()
        drive(multi)
        assert.truthy(curl.now() - start < 3, curl.now() - start)
        assert_thrown(object, results(multi)[easy])
        assert.same({ "inet6", "inet" }, offered)
      end)
    end
  end
end)

describe("what a close callback throws", function()
  local function failing(path, value)
    return new(path, { closesocketfunction = raise(value), writefunction = {} })
  end

  it("comes out of the easy:perform that ran it, unchanged, after the transfer", function()
    for _, value in pairs(values) do
      local body = {}
      local easy <close> = failing("/close", value):setopt("writefunction", body)
      throws(value, easy.perform, easy)
      assert.equal("close\n", table.concat(body))
      assert.equal(200, easy:getinfo("response_code"))
      assert.same({}, curl.sockets())
    end
    local easy <close> = failing("/close", nil)
    throws(nothing, easy.perform, easy)
  end)

  it("comes out of easy:close, and the easy is closed", function()
    local easy = failing("/hello", object)
    assert.is_true(easy:perform())
    local socket = curl.sockets()[1].socket
    throws(object, easy.close, easy)
    assert.equal("closed", socket:state())
    assert.equal("easy (closed)", tostring(easy):match("^[^:]+"))
    assert.equal(0, select("#", easy:close()))
  end)

  it("comes out of multi:perform after its work: every result is there", function()
    local multi <close> = curl.multi()
    local bodies, bad = { {}, {} }, failing("/close", object)
    local first = new("/big", { writefunction = bodies[1] })
    local last = new("/big", { writefunction = bodies[2] })
    multi:add(first):add(bad):add(last)
    local thrown = {}
    local running
    repeat
      local ok, result = pcall(multi.perform, multi)
      if ok then
        running = result
        multi:poll(0.2)
      else
        thrown[#thrown + 1] = result
      end
    until running == 0
    assert.equal(1, #thrown)
    assert_is(object, thrown[1])
    local got = results(multi)
    for _, easy in ipairs { first, bad, last } do
      assert.same({ n = 1, true }, got[easy])
    end
    assert.equal(web.big, table.concat(bodies[1]))
    assert.equal(web.big, table.concat(bodies[2]))
  end)

  it("comes out of multi:remove, and the easy is removed", function()
    local multi <close> = curl.multi()
    local body = {}
    local easy <close> = failing("/slow?rate=100k", object):setopt("writefunction", body)
    multi:add(easy)
    drive(multi, function() return #body > 0 end)
    local socket = curl.sockets()[1].socket
    throws(object, multi.remove, multi, easy)
    assert.equal("closed", socket:state())
    assert.equal(0, multi:perform())
    easy:setopt { url = web.url .. "/hello", closesocketfunction = function() end }
    multi:add(easy)
    drive(multi)
    assert.same({ n = 1, true }, results(multi)[easy])
  end)

  it("is like what a debugfunction throws in multi:remove: no result will tell it", function()
    local multi <close> = curl.multi()
    local body, fail = {}, false
    local easy <close> = new("/slow?rate=100k", {
      writefunction = body,
      verbose = true,
      debugfunction = function()
        if fail then
          error(object)
        end
      end,
    })
    multi:add(easy)
    drive(multi, function() return #body > 0 end)
    fail = true
    throws(object, multi.remove, multi, easy)
    fail = false
    assert.same({}, curl.sockets())
    multi:add(easy)
    assert.equal(1, multi:perform())
  end)

  it("comes out of multi:add where libcurl closes there (8.7), and the easy is added", function()
    local multi <close> = curl.multi()
    local easy <close> = failing("/hello", object)
    assert.is_true(easy:perform())
    local socket = curl.sockets()[1].socket
    if version >= 0x080700 then
      throws(object, multi.add, multi, easy)
      assert.equal("closed", socket:state())
    else
      assert.equal(multi, multi:add(easy))
      assert.equal("lent", socket:state())
    end
    easy:setopt("closesocketfunction", function() end)
    drive(multi)
    assert.same({ n = 1, true }, results(multi)[easy])
    multi:remove(easy)
    if version < 0x080700 then
      throws(object, easy.close, easy)
    end
  end)

  it("comes out of multi:close, and all connections are closed", function()
    local multi = curl.multi()
    local easy <close> = failing("/hello", object)
    multi:add(easy):add(new("/hello")):add(new("/hello"))
    drive(multi)
    assert.equal(3, #curl.sockets())
    throws(object, multi.close, multi)
    assert.same({}, curl.sockets())
    assert.equal("multi (closed)", tostring(multi):match("^[^:]+"))
    assert.equal(0, select("#", multi:close()))
  end)

  it("comes out of share:close, and the share is closed", function()
    local share = curl.share { share = "connect" }
    do
      local easy <close> = failing("/hello", object):setopt("share", share)
      assert.is_true(easy:perform())
    end
    local before = curl.live().share
    throws(object, share.close, share)
    assert.same({}, curl.sockets())
    assert.equal(before - 1, curl.live().share)
  end)

  it("comes out of the end of a <close> variable", function()
    throws(object, function()
      local easy <close> = failing("/hello", object)
      assert(easy:perform())
    end)
    assert.same({}, curl.sockets())
  end)

  it("does not fail the transfer of another easy that caused it", function()
    local multi <close> = curl.multi { maxconnects = 1 }
    local bad <close> = failing("/hello", object)
    multi:add(bad)
    drive(multi)
    multi:remove(bad)
    multi:poll(0.02) -- so that it has been idle for longer than the other
    local body = {}
    local url = ("http://127.0.0.1:%d/hello"):format(web.port4)
    local good <close> = new(url, { writefunction = body })
    multi:add(good)
    local thrown = 0
    repeat
      local ok, running = pcall(multi.perform, multi)
      if not ok then
        thrown = thrown + 1
        assert_is(object, running)
      else
        multi:poll(0.1)
      end
    until running == 0
    assert.equal(1, thrown)
    assert.same({ n = 1, true }, results(multi)[good])
    assert.equal("hello\n", table.concat(body))
  end)

  it("never leaks the descriptor", function()
    local easy <close> = failing("/close", object)
    throws(object, easy.perform, easy)
    local before = left.look().descriptors
    for _ = 1, 5 do
      throws(object, easy.perform, easy)
    end
    assert.same(before, left.look().descriptors)
  end)
end)

describe("what an event callback throws", function()
  for _, name in ipairs(surface.multi_callbacks) do
    it("comes out of the call that ran it, and transfers go on: " .. name, function()
      local fail = false
      local watched = {}
      local multi <close> = curl.multi {
        socketfunction = function(fd, events)
          watched[fd] = events
          if fail and name == "socketfunction" then
            fail = false
            error(object, 0)
          end
        end,
        timerfunction = function()
          if fail and name == "timerfunction" then
            fail = false
            error(object, 0)
          end
        end,
      }
      local body, thrown = {}, 0
      local easy <close> = new("/big", { writefunction = body })
      fail = name == "timerfunction"
      if fail then
        throws(object, multi.add, multi, easy)
        thrown = 1
      else
        multi:add(easy)
        fail = true
      end
      local running
      repeat
        local ok, result = pcall(multi.socket_action, multi)
        if ok then
          running = result
          for _, held in ipairs(curl.sockets()) do
            local fd = held.socket:fd()
            running = watched[fd] and multi:socket_action(fd, watched[fd]) or running
          end
        else
          thrown = thrown + 1
          assert_is(object, result)
        end
      until running == 0
      assert.equal(1, thrown)
      assert.same({ n = 1, true }, results(multi)[easy])
      assert.equal(web.big, table.concat(body))
    end)
  end
end)

describe("of two errors", function()
  -- A script with the web server's url, and lines to say; what it printed.
  local function run(script)
    return left.pass(left.locals { url = web.url } .. [[
      local curl = require "curlsock"
      warn "@on"
      local function new(path, options)
        return curl.easy(options):setopt { url = url .. path, proxy = "" }
      end
      local function raise(value)
        return function() error(value, 0) end
      end
      local object = setmetatable({}, { __tostring = function() return "the object" end })
    ]] .. script)
  end

  it("of one transfer the first is rethrown, the second is a warning", function()
    local out, err = run [[
      local easy = new("/hello",
        { writefunction = raise "first", closesocketfunction = raise "second" })
      print(pcall(easy.perform, easy))]]
    assert.equal("false\tfirst\n", out)
    assert.equal("Lua warning: curlsock: second\n", err)
  end)

  it("of a transfer in a multi, the other comes from the call that ran it", function()
    local out, err = run [[
      local multi = curl.multi()
      multi:add(new("/hello",
        { writefunction = raise "first", closesocketfunction = raise "second" }))
      local running
      repeat
        local ok, result = pcall(multi.perform, multi)
        if ok then running = result multi:poll(0.1) else print(result) end
      until running == 0
      for _, ok, message, name in multi:results() do print(ok, message, name) end]]
    assert.equal("second\nnil\tfirst\tCALLBACK\n", out)
    assert.equal("", err)
  end)

  it("in one multi:close the first is rethrown, the others are warnings", function()
    local out, err = run [[
      local multi = curl.multi()
      local count = 0
      for _ = 1, 3 do
        multi:add(new("/hello", { closesocketfunction = function()
          count = count + 1
          error("number " .. count, 0)
        end }))
      end
      while multi:perform() > 0 do multi:poll(0.1) end
      print(pcall(multi.close, multi))
      print(count, #curl.sockets())]]
    assert.equal("false\tnumber 1\n3\t0\n", out)
    assert.equal("Lua warning: curlsock: number 2\nLua warning: curlsock: number 3\n", err)
  end)

  it("the second may be any value: the warning has its text", function()
    local _, err = run [[
      local multi = curl.multi()
      local values = { "first", object, false }
      for i = 1, 3 do
        multi:add(new("/hello", { closesocketfunction = function()
          error(table.remove(values, 1), 0)
        end }))
      end
      while multi:perform() > 0 do multi:poll(0.1) end
      pcall(multi.close, multi)]]
    assert.equal("Lua warning: curlsock: the object\nLua warning: curlsock: false\n", err)
  end)

  it("one whose own text fails does no harm", function()
    local out = run [[
      local broken = setmetatable({}, { __tostring = function() error "no text" end })
      local easy = new("/hello",
        { writefunction = raise "first", closesocketfunction = raise(broken) })
      print(pcall(easy.perform, easy))]]
    assert.equal("false\tfirst\n", out)
  end)

  it("a <close> variable does not replace the one that is under way", function()
    local out, err = run [[
      print(pcall(function()
        local easy <close> = new("/hello", { closesocketfunction = raise "second" })
        assert(easy:perform())
        error("first", 0)
      end))]]
    assert.equal("false\tfirst\n", out)
    assert.equal("Lua warning: curlsock: second\n", err)
  end)
end)

describe("in a finalizer an error", function()
  local script = [[
    local url = %q
    local curl = require "curlsock"
    warn "@on"
    local share, multi = curl.share { share = "connect" }, curl.multi()
    local easies = {}
    for i, name in ipairs { "easy", "multi", "share" } do
      easies[i] = curl.easy { url = url, proxy = "", closesocketfunction = function()
        error("from the " .. name, 0)
      end }
    end
    assert(easies[1]:perform())
    multi:add(easies[2])
    while multi:perform() > 0 do multi:poll(1) end
    multi:remove(easies[2])
    assert(easies[3]:setopt("share", share):perform())
    easies[3]:setopt("share", nil)
    easies[2]:setopt("closesocketfunction", nil)
    easies[3]:setopt("closesocketfunction", nil)
    print(#curl.sockets())
    %s]]

  local function sorted_lines(text)
    local lines = {}
    for line in text:gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
    table.sort(lines)
    return lines
  end

  local warnings = {
    "Lua warning: curlsock: from the easy",
    "Lua warning: curlsock: from the multi",
    "Lua warning: curlsock: from the share",
  }

  it("is a warning when handles are collected, and collectgarbage goes on", function()
    local out, err = left.pass(script:format(web.url .. "/hello", [[
      easies, multi, share = nil, nil, nil
      collectgarbage()
      print(#curl.sockets(), curl.live().easy, curl.live().multi, curl.live().share)]]))
    assert.equal("3\n0\t0\t0\t0\n", out)
    assert.same(warnings, sorted_lines(err))
  end)

  it("is a warning when the state ends, and the exit code is 0", function()
    local out, err = left.pass(script:format(web.url .. "/hello", ""))
    assert.equal("3\n", out)
    assert.same(warnings, sorted_lines(err))
  end)
end)

describe("a refusal", function()
  it("of the last address stands in the message, with its reason", function()
    local host = "several.test:" .. web.port
    local easy <close> = new(("http://%s/"):format(host), {
      resolve = { host .. ":127.0.0.2,127.0.0.3" },
      opensocketfunction = function(_, address)
        return nil, "not " .. address.ip
      end,
    })
    local ok, message, name = easy:perform()
    assert.is_nil(ok)
    local reason = (": 127.0.0.3:%d refused: not 127.0.0.3"):format(web.port)
    assert.equal(reason, message:sub(-#reason))
    assert.equal("COULDNT_CONNECT", name)
  end)

  it("of a sockoptfunction stands in the message, with its reason", function()
    local easy <close> = new("/hello", {
      sockoptfunction = function()
        return false, "no such mark"
      end,
    })
    local ok, message, name = easy:perform()
    assert.is_nil(ok)
    local reason = ": refused by sockoptfunction: no such mark"
    assert.equal(reason, message:sub(-#reason))
    assert.equal("ABORTED_BY_CALLBACK", name)
  end)

  it("of one transfer is not in the message of the next", function()
    local refuse = true
    local easy <close> = new(("http://127.0.0.1:%d/"):format(servers.free_port()), {
      opensocketfunction = function()
        return not refuse, "the reason"
      end,
    })
    assert.is_not_nil((select(2, easy:perform())):find("the reason", 1, true))
    refuse = false
    local _, message, name = easy:perform()
    assert.equal("COULDNT_CONNECT", name)
    assert.is_nil(message:find("reason", 1, true))
  end)

  it("whose reason cannot be told is an error of the callback", function()
    local reason = setmetatable({}, { __tostring = raise(object) })
    for _, name in ipairs { "opensocketfunction", "sockoptfunction", "writefunction" } do
      local easy <close> = new("/hello", {
        [name] = function()
          return false, reason
        end,
      })
      throws(object, easy.perform, easy)
    end
  end)

  it("is the result of the transfer in a multi", function()
    local multi <close> = curl.multi()
    local easy <close> = new("/hello", {
      opensocketfunction = function()
        return nil, "private network"
      end,
    })
    multi:add(easy)
    drive(multi)
    local result = results(multi)[easy]
    assert.equal(3, result.n)
    assert.is_nil(result[1])
    assert.is_not_nil(result[2]:find("refused: private network", 1, true))
    assert.equal("COULDNT_CONNECT", result[3])
  end)
end)

describe("a failed operation returns nil, a message and a name", function()
  local function fails(name, ...)
    local result = table.pack(...)
    assert.equal(3, result.n)
    assert.is_nil(result[1])
    assert.equal("string", type(result[2]))
    assert.truthy(#result[2] > 0)
    assert.equal(name, result[3])
  end

  it("from an easy", function()
    local port = servers.free_port()
    local easy <close> = new(("http://127.0.0.1:%d/"):format(port))
    fails("COULDNT_CONNECT", easy:perform())
    fails("SSL_ENGINE_NOTFOUND", easy:setopt("sslengine", "nonsense"))
    fails("SSL_ENGINE_NOTFOUND", easy:setopt { sslengine = "nonsense" })
    fails("SSL_ENGINE_NOTFOUND", curl.easy { sslengine = "nonsense" })
  end)

  it("from a share", function()
    local share <close> = curl.share()
    local easy <close> = new("/hello", { share = share })
    fails("IN_USE", share:setopt("share", "dns"))
    assert.equal(share, easy:unset("share") and share:setopt("share", "dns"))
  end)

  it("from a Socket, with the name of the errno", function()
    local path = "unix:" .. servers.dir() .. "/no/such/folder"
    local socket <close> = curl.socket("unix")
    fails("ENOENT", socket:bind(path))
    fails("ENOENT", socket:connect(path))
    fails("EAFNOSUPPORT", curl.socket(9999))
  end)

  it("with libcurl's own words where it has them", function()
    local easy <close> = new("/status/503", { failonerror = true })
    local _, message, name = easy:perform()
    assert.same({ "The requested URL returned error: 503", "HTTP_RETURNED_ERROR" },
      { message, name })
  end)

  it("with libcurl's general words where it has no others", function()
    local server = servers.script [[
      local server = ...
      local client = server:accept()
      client:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nab")
      client:receive("*a")]]
    local easy <close> = new(server.url, { accept_encoding = "gzip" })
    fails("BAD_CONTENT_ENCODING", easy:perform())
    servers.stop(server)
  end)
end)
