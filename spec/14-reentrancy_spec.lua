-- What may be called inside a callback (DESIGN.md 5.6). Every method of every handle is tried
-- inside each kind of callback: what libcurl forbids, or crashes on, throws an error that names
-- the call, and the transfer goes on as if nothing had been; the rest works.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local rare = require "spec.support.rare"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local new, drive, drive_well = easies.new, transfers.drive, transfers.drive_well
local web

-- An easy that runs f once, inside a callback of that kind; its body, and what tells whether
-- f has run.
local function with_callback(kind, f)
  local state = { body = {}, runs = 0 }
  local options = {}
  for name, value in pairs(kind.options or {}) do
    options[name] = value
  end
  options.writefunction = state.body
  options[kind.name] = function(data)
    if kind.name == "writefunction" then
      state.body[#state.body + 1] = data
    end
    state.runs = state.runs + 1
    if state.runs == 1 then
      f()
    end
    return kind.answer
  end
  return new(kind.path or "/hello", options), state
end

local function assert_unharmed(kind, state)
  assert.truthy(state.runs >= 1, "the callback was not called")
  assert.equal(kind.body or "hello\n", table.concat(state.body))
end

-- All that is connected with a running handle, and what is not.
--   easies, multis, shares   those that a call inside the callback would harm
--   inside                   for each of these multis, an easy that is in it
--   own                      the callback is one of the multi's
--   other                    an easy, a multi and a share that have nothing to do with it
local function new_other()
  local other = { share = curl.share { share = "connect" }, multi = curl.multi() }
  other.easy, other.body = new("/hello")
  return other
end

-- All that a call could do with them: { class, method, what the error calls it, f }. First each
-- method that no callback may call, then what else is refused.
local function forbidden(world)
  local list = {}
  local other = world.other
  local function add(class, method, f, name)
    list[#list + 1] = { class = class, method = method, name = name, f = f }
  end
  local function add_all(class, object, peer)
    for _, method in ipairs(surface.methods_with(class, "inside", "refused")) do
      add(class, method, function()
        surface.call(class, method, object, { easy = other.easy, peer = peer })
      end, method == "close" and method or nil)
    end
  end
  for _, easy in ipairs(world.easies) do
    add_all("easy", easy)
    add("easy", "getinfo", function() easy:getinfo("activesocket") end,
      'easy:getinfo("activesocket")')
    add("easy", "getinfo", function() easy:getinfo("lastsocket") end,
      'easy:getinfo("lastsocket")')
    add("easy", "setopt", function() easy:setopt("share", other.share) end,
      "easy:setopt of a share")
    add("easy", "unset", function() easy:unset("share") end, "easy:setopt of a share")
    add("easy", "add", function() other.multi:add(easy) end, "multi:add")
  end
  for i, multi in ipairs(world.multis) do
    add_all("multi", multi, world.inside[i])
    add("multi", "setopt", function() multi:setopt("socketfunction", nil) end)
    add("multi", "socket_action", function() multi:socket_action() end)
  end
  for _, share in ipairs(world.shares) do
    add_all("share", share)
    add("share", "setopt", function() share:setopt { unshare = "dns" } end)
    add("share", "setopt", function() other.easy:setopt("share", share) end,
      "easy:setopt of a share")
  end
  return list
end

-- What is allowed: functions that raise an error if it does not work.
local function allowed(world)
  local other = world.other
  local list = {}
  local function add(class, method, f)
    list[#list + 1] = { class = class, method = method, f = f }
  end
  for _, easy in ipairs(world.easies) do
    add("easy", "setopt", function() assert.equal(easy, easy:setopt("maxredirs", 3)) end)
    add("easy", "setopt", function()
      assert.equal(easy, easy:setopt { httpheader = { "x-test: inside" }, noprogress = false })
    end)
    add("easy", "unset", function() assert.equal(easy, easy:unset("httpheader")) end)
    add("easy", "setopt", function()
      local ok, message = pcall(easy.setopt, easy, "useragent", "inside")
      -- libcurl may be reading it: it is what the debugfunction is told.
      local refusal = easy == world.telling
        and "option 'useragent' cannot be changed during a transfer or in a multi"
      assert.same({ not refusal, refusal or easy }, { ok, message })
    end)
    add("easy", "getinfo", function()
      assert.equal("integer", math.type(easy:getinfo("response_code")))
      assert.equal("string", type(easy:getinfo("effective_url")))
      assert.equal("table", type(easy:getinfo("cookielist")))
    end)
    add("easy", "connections", function() assert.equal("table", type(easy:connections())) end)
    add("easy", "header", function()
      local value = easy:header("server")
      assert.truthy(value == nil or value:find("nginx"))
    end)
    add("easy", "headers", function() assert.equal("table", type(easy:headers("any"))) end)
    add("easy", "socket", function()
      local ok, socket = pcall(easy.socket, easy)
      -- After the transfer an old libcurl would take a lock for it.
      assert.truthy(not ok and socket:find("^easy:socket is not allowed inside a callback")
        or socket == nil or curl.type(socket) == "socket")
    end)
    add("easy", "dup", function()
      local copy = easy:dup()
      assert.not_equal(easy, copy)
      copy:close()
    end)
    for _, method in ipairs { "pause", "unpause" } do
      add("easy", method, function()
        local ok, result, _, failure = pcall(easy[method], easy)
        local refusal = world.own
          and ("easy:%s is not allowed inside socketfunction or timerfunction"):format(method)
        assert.same({ not refusal, refusal or easy }, {
          ok, failure == "BAD_FUNCTION_ARGUMENT" and easy or result,
        })
      end)
    end
    add("easy", "ws_meta", function() assert.is_nil(easy:ws_meta()) end)
    add("easy", "ws_start_frame", function()
      local ok, result = pcall(easy.ws_start_frame, easy, "text", 1)
      assert.truthy(ok and result == nil
        or not ok and result:find("only inside the easy's readfunction", 1, true), result)
    end)
    add("easy", "tostring", function() assert.truthy(tostring(easy):match("^easy: 0x")) end)
  end
  for _, multi in ipairs(world.multis) do
    add("multi", "wakeup", function() assert.equal(multi, multi:wakeup()) end)
    add("multi", "events", function() assert.equal("r", multi:events()) end)
    add("multi", "watches", function() assert.equal("table", type(multi:watches())) end)
    add("multi", "connections", function() assert.equal("table", type(multi:connections())) end)
    add("multi", "easies", function()
      for _, easy in ipairs(multi:easies()) do assert.truthy(easy:getinfo("effective_url")) end
    end)
  end
  for _, share in ipairs(world.shares or {}) do
    add("share", "connections", function() assert.equal("table", type(share:connections())) end)
  end
  add("other", "perform", function()
    assert.is_true(other.easy:perform())
    assert.equal("hello\n", table.concat(other.body))
    other.body[1] = nil
    assert.is_number(other.easy:getinfo("activesocket"))
  end)
  add("other", "multi", function()
    other.multi:setopt("maxconnects", 3):add(other.easy)
    assert.equal(1, drive_well(other.multi))
    other.multi:remove(other.easy)
    assert.equal(0, other.multi:perform())
    assert.equal(0, other.multi:poll(0))
    other.multi:timeout()
    assert.equal("hello\n", table.concat(other.body))
    other.body[1] = nil
  end)
  add("other", "share", function()
    assert.equal(other.share, other.share:setopt("share", "dns"))
    other.easy:setopt("share", other.share)
    assert.is_true(other.easy:perform())
    other.easy:unset("share")
    other.easy:reset():setopt { url = web.url .. "/hello", proxy = "" }
    other.easy:setopt("writefunction", other.body)
  end)
  add("other", "close", function()
    local easy, body = new("/hello")
    local multi, share = curl.multi(), curl.share { share = "connect" }
    easy:setopt("share", share)
    multi:add(easy)
    assert.equal(1, drive_well(multi))
    assert.equal("hello\n", table.concat(body))
    multi:close()
    easy:close()
    share:close()
  end)
  add("module", "functions", function()
    assert.equal("table", type(curl.sockets()))
    assert.equal("table", type(curl.live()))
    assert.equal("table", type(curl.version_info()))
    assert.equal("number", type(curl.now()))
  end)
  add("Socket", "methods", function()
    local a, b = curl.socketpair()
    assert.equal(3, a:send("abc"))
    assert.equal("abc", b:recv(10))
    assert.equal(a, a:setsockopt("socket", "sndbuf", 10000))
    assert.equal("stream", a:getsockopt("socket", "type"))
    a:close()
    b:close()
    local socket = curl.address("127.0.0.1:0"):socket()
    assert.equal(socket, socket:bind("127.0.0.1:0"))
    assert.equal("127.0.0.1", socket:localaddress().ip)
    socket:close()
  end)
  add("Address", "methods", function()
    local address = curl.address("127.0.0.1:80")
    address.port = 81
    assert.equal("127.0.0.1:81", tostring(address))
    assert.is_true(address:within("127.0.0.0/8"))
  end)
  return list
end

local function expected(call)
  return errors.refusal(call.name or call.class .. ":" .. call.method, call.class)
end

-- Tries everything; what went wrong, as lines.
local function try_all(world)
  local wrong = {}
  for _, call in ipairs(forbidden(world)) do
    local ok, message = pcall(call.f)
    message = ok and "it was allowed" or errors.placeless(message)
    if message ~= expected(call) then
      wrong[#wrong + 1] = ("%s:%s: %s"):format(call.class, call.method, message)
    end
  end
  for _, call in ipairs(allowed(world)) do
    local ok, message = pcall(call.f)
    if not ok then
      wrong[#wrong + 1] = ("%s:%s: %s"):format(call.class, call.method, tostring(message))
    end
  end
  return wrong
end

-- No handle was harmed by what was refused.
local function assert_open(world)
  for _, list in ipairs { world.easies, world.multis, world.shares } do
    for _, handle in ipairs(list) do
      assert.truthy(tostring(handle):match("^%a+: 0x%x+$"), tostring(handle))
    end
  end
end

local function close_all(world)
  for _, list in ipairs { world.easies, world.multis, world.shares } do
    for _, handle in ipairs(list) do
      handle:close()
    end
  end
  world.other.easy:close()
  world.other.multi:close()
  world.other.share:close()
end

setup(function()
  web = servers.nginx()
end)

describe("inside a callback", function()
  for _, kind in ipairs(surface.callbacks) do
    -- The running easy uses a share; so do another easy, and one that is in a multi.
    it("of easy:perform all is refused or works: " .. kind.name, function()
      local world = { other = new_other() }
      local wrong, state
      local share = curl.share { share = "connect" }
      local running
      running, state = with_callback(kind, function()
        wrong = try_all(world)
      end)
      local same, same_body = new("/hello", { share = share })
      local queued = new("/hello", { share = share })
      local neighbour = new("/hello")
      running:setopt("share", share)
      world.telling = kind.name == "debugfunction" and running
      local multi = curl.multi():add(queued):add(neighbour)
      world.easies = { running, same, queued, neighbour }
      world.multis, world.inside, world.shares = { multi }, { queued }, { share }
      assert.is_true(running:perform())
      assert.same({}, wrong)
      assert_unharmed(kind, state)
      assert_open(world)
      assert.is_true(same:perform())
      assert.equal("hello\n", table.concat(same_body))
      assert.equal(2, drive_well(multi))
      close_all(world)
    end)

    -- The running easy is in a multi, with another; and that uses a share, with a third.
    it("of multi:perform all is refused or works: " .. kind.name, function()
      local world = { other = new_other() }
      local wrong
      local running, state = with_callback(kind, function()
        wrong = try_all(world)
      end)
      world.telling = kind.name == "debugfunction" and running
      local share = curl.share { share = "connect" }
      local same, same_body = new("/hello", { share = share })
      local third, third_body = new("/hello", { share = share })
      local multi = curl.multi():add(running):add(same)
      world.easies = { running, same, third }
      world.multis, world.inside, world.shares = { multi }, { same }, { share }
      assert.equal(2, drive_well(multi))
      assert.same({}, wrong)
      assert_unharmed(kind, state)
      assert_open(world)
      assert.equal("hello\n", table.concat(same_body))
      assert.is_true(third:perform())
      assert.equal("hello\n", table.concat(third_body))
      close_all(world)
    end)
  end

  -- The running easy, made by make(f), which has its transfer call f; neighbours are in a multi
  -- with this policy, and perform(easy) is its transfer.
  local function in_rare(make, perform, policy)
    local world, wrong, tried = { other = new_other() }, nil, false
    local running = make(function()
      if tried then return end
      tried = true -- a duplicate asks again
      wrong = try_all(world)
    end)
    local queued, neighbour = new("/hello"), new("/hello")
    local multi = curl.multi { policy = policy }:add(queued):add(neighbour)
    world.easies, world.multis, world.inside = { running }, {}, {}
    world.shares = {}
    if policy then
      multi:add(running)
      world.easies = { running, queued, neighbour }
      world.multis, world.inside = { multi }, { queued }
    else
      assert(perform(running))
    end
    assert.equal(policy and 3 or 2, drive_well(multi))
    assert.same({}, wrong)
    assert_open(world)
    multi:close()
    queued:close()
    neighbour:close()
    close_all(world)
  end

  for _, name in ipairs(surface.sorted(rare.makers)) do
    if rare.is_there(name) then
      it("of easy:perform all is refused or works: " .. name, function()
        in_rare(function(f)
          return rare.makers[name]():setopt(name, function(...)
            f()
            if rare.goes_on[name] then return rare.goes_on[name](...) end
          end)
        end, function(easy) return rare.perform(name, easy) end)
      end)
    end
  end

  -- An upload that goes again from its beginning.
  for _, which in ipairs { "read", "seek" } do
    it("of easy:perform all is refused or works: " .. which .. " of a part", function()
      in_rare(function(f)
        local text = "data"
        local part = {
          size = 4,
          read = function()
            if which == "read" then f() end
            local piece = text
            text = nil
            return piece
          end,
          seek = function()
            if which == "seek" then f() end
            text = "data"
            return true
          end,
        }
        return (new("/moved-upload", { followlocation = true, postredir = 7, mimepost = { part } }))
      end, function(easy) return easy:perform() end)
    end)
  end

  for _, hook in ipairs { "open", "sockopt", "request", "close" } do
    it("of multi:perform all is refused or works: " .. hook .. " of a policy", function()
      local inside
      local policy = curl.policy { [hook] = function()
        if inside then inside() end
        return true
      end }
      in_rare(function(f)
        inside = f
        return (new("/close", { forbid_reuse = true }))
      end, nil, policy)
    end)
  end

  it("of easy:perform all is refused or works: the function of curl.trace", function()
    local ok, err = pcall(in_rare, function(f)
      local easy = new("/hello")
      curl.trace(function(event) if event.event == "connected" then f() end end)
      return easy
    end, function(easy) return easy:perform() end)
    curl.trace(nil)
    assert(ok, err)
  end)

  for _, name in ipairs(surface.multi_callbacks) do
    it("of the multi's own all is refused or works: " .. name, function()
      local world = { other = new_other() }
      local watched, wrong = {}, nil
      local function try_once(which)
        if which == name and not wrong then
          wrong = try_all(world)
        end
      end
      local multi = curl.multi {
        socketfunction = function(fd, events)
          watched[fd] = events
          try_once "socketfunction"
        end,
        timerfunction = function()
          try_once "timerfunction"
        end,
      }
      local running, body = new("/hello")
      local same, same_body = new("/hello")
      world.easies, world.multis, world.inside = { running, same }, { multi }, { same }
      world.shares, world.own = {}, true
      wrong = {} -- not while these are being added
      multi:add(running):add(same)
      wrong = nil
      local left
      repeat
        left = multi:socket_action()
        for _, held in ipairs(curl.sockets()) do
          local fd = held.socket:fd()
          left = watched[fd] and multi:socket_action(fd, watched[fd]) or left
        end
      until left == 0
      assert.same({}, wrong)
      assert_open(world)
      assert.equal("hello\n", table.concat(body))
      assert.equal("hello\n", table.concat(same_body))
      close_all(world)
    end)
  end

  it("each method of each class was tried", function()
    local world = { other = new_other() }
    local easy, multi, share = curl.easy(), curl.multi(), curl.share()
    world.easies, world.multis, world.shares, world.inside = { easy }, { multi }, { share }, {}
    local tried = {}
    for _, call in ipairs(allowed(world)) do
      tried[call.class .. ":" .. call.method] = true
    end
    for _, class in ipairs(surface.handles) do
      for _, method in ipairs(surface.methods_with(class, "inside", "allowed")) do
        local name = class .. ":" .. method
        assert.is_true(tried[name], name .. " is not tried")
      end
    end
    close_all(world)
  end)
end)

describe("inside the close callback that runs in", function()
  -- What a second close, and any other call, of a handle that is being closed does.
  local function assert_closing(handle, calls)
    assert.equal(0, select("#", handle:close()))
    for _, f in ipairs(calls) do
      local ok, message = pcall(f)
      assert.is_false(ok)
      assert.truthy(message:find("is closed", 1, true) or message:find("open share", 1, true),
        message)
    end
  end

  it("easy:close the easy is closed already, and a second close does nothing", function()
    local runs = 0
    local weak = setmetatable({}, { __mode = "v" })
    local easy = new("/hello", {
      closesocketfunction = function()
        runs = runs + 1
        local e = weak[1]
        assert_closing(e, {
          function() e:perform() end,
          function() e:setopt("url", "x") end,
          function() e:dup() end,
        })
      end,
    })
    weak[1] = easy
    assert.is_true(easy:perform())
    easy:close()
    assert.equal(1, runs)
  end)

  it("multi:close the multi is closed already, and its easies can be used later", function()
    local runs = 0
    local weak = setmetatable({}, { __mode = "v" })
    local easy, body = new("/hello", {
      closesocketfunction = function()
        runs = runs + 1
        local m = weak[1]
        assert_closing(m, {
          function() m:perform() end,
          function() m:add(weak[2]) end,
          function() m:remove(weak[2]) end,
          function() m:wakeup() end,
        })
      end,
    })
    local multi = curl.multi():add(easy)
    weak[1], weak[2] = multi, easy
    drive(multi)
    multi:close()
    assert.equal(1, runs)
    easy:setopt("closesocketfunction", nil)
    assert.is_true(easy:perform())
    assert.equal("hello\nhello\n", table.concat(body))
    easy:close()
  end)

  it("share:close the share is closed already", function()
    local runs = 0
    local weak = setmetatable({}, { __mode = "v" })
    local other <close> = curl.easy()
    local share = curl.share { share = "connect" }
    weak[1] = share
    do
      local easy <close> = new("/hello", {
        share = share,
        closesocketfunction = function()
          runs = runs + 1
          local s = weak[1]
          assert_closing(s, {
            function() s:setopt("share", "dns") end,
            function() other:setopt("share", s) end,
          })
        end,
      })
      assert.is_true(easy:perform())
    end
    share:close()
    assert.equal(1, runs)
  end)

  it("multi:remove all calls of the multi are refused", function()
    local runs, body = 0, {}
    local multi = curl.multi()
    local easy
    easy = new("/slow?rate=100k", {
      writefunction = body,
      closesocketfunction = function()
        runs = runs + 1
        for name, f in pairs {
          ["multi:perform"] = function() multi:perform() end,
          ["multi:remove"] = function() multi:remove(easy) end,
          ["multi:add"] = function() multi:add(easy) end,
          ["easy:perform"] = function() easy:perform() end,
          ["close"] = function() multi:close() end,
        } do
          local ok, message = pcall(f)
          assert.is_false(ok)
          assert.truthy(message:find(name .. " is not allowed inside a callback", 1, true), message)
        end
      end,
    })
    multi:add(easy)
    drive(multi, function() return #body > 0 end)
    multi:remove(easy)
    assert.equal(1, runs)
    assert.equal(0, multi:perform())
    multi:close()
    easy:close()
  end)
end)

describe("inside the close callback that runs in multi:add (from 8.7)", function()
  local closes_there = curl.version_info().version_num >= 0x080700

  -- The easy has a connection of its own, which libcurl closes when it is added.
  for _, call in ipairs { "perform", "reset", "close", "add", "setopt" } do
    it((closes_there and "easy:%s is refused" or "easy:%s: it does not run there"):format(call),
      function()
        local multi <close> = curl.multi()
        local other <close> = curl.multi()
        local share <close> = curl.share { share = "connect" }
        local messages = {}
        local easy, body
        local calls = {
          perform = function() easy:perform() end,
          reset = function() easy:reset() end,
          close = function() easy:close() end,
          add = function() other:add(easy) end,
          setopt = function() easy:setopt("share", share) end,
        }
        easy, body = new("/hello", {
          closesocketfunction = function()
            local ok, message = pcall(calls[call])
            messages[#messages + 1] = ok and "it was allowed" or message:gsub("^[^%s]+:%d+: ", "")
          end,
        })
        assert.is_true(easy:perform())
        multi:add(easy)
        local names = { close = "close", add = "multi:add", setopt = "easy:setopt of a share" }
        local refusal = (names[call] or "easy:" .. call)
          .. " is not allowed inside a callback of this easy or of its pool"
        assert.same(closes_there and { refusal } or {}, messages)
        easy:unset("closesocketfunction")
        assert.equal(1, drive_well(multi))
        assert.equal("hello\nhello\n", table.concat(body))
        multi:close()
        easy:close()
      end)
  end
end)

describe("transfers inside callbacks", function()
  it("work three deep, and what runs further out stays refused", function()
    local order, refused = {}, {}
    local third, third_body
    local first, second, multi

    local function refuse(name, f)
      local ok, message = pcall(f)
      if not ok and message:find(name .. " is not allowed inside a callback", 1, true) then
        refused[#refused + 1] = name
      end
    end

    third, third_body = new("/hello", {
      headerfunction = function(line)
        if line == "\r\n" then
          order[#order + 1] = 3
          refuse("easy:perform", function() first:perform() end)
          refuse("easy:perform", function() second:perform() end)
          refuse("multi:perform", function() multi:perform() end)
          refuse("easy:perform", function() third:perform() end)
          local fourth <close>, body = new("/hello")
          assert.is_true(fourth:perform())
          assert.equal("hello\n", table.concat(body))
          order[#order + 1] = 4
        end
      end,
    })
    multi = curl.multi():add(third)
    local second_body, first_body = {}, {}
    second = new("/hello", {
      writefunction = function(data)
        second_body[#second_body + 1] = data
        order[#order + 1] = 2
        assert.equal(1, drive_well(multi))
        order[#order + 1] = 2
      end,
    })
    first = new("/hello", {
      writefunction = function(data)
        first_body[#first_body + 1] = data
        order[#order + 1] = 1
        assert.is_true(second:perform())
        order[#order + 1] = 1
      end,
    })
    assert.is_true(first:perform())
    assert.same({ 1, 2, 3, 4, 2, 1 }, order)
    assert.same({ "easy:perform", "easy:perform", "multi:perform", "easy:perform" }, refused)
    for _, body in ipairs { first_body, second_body, third_body } do
      assert.equal("hello\n", table.concat(body))
    end
    multi:close()
    for _, easy in ipairs { first, second, third } do
      easy:close()
    end
  end)

  it("may open, reuse and close connections of their own", function()
    local inner = {}
    local outer <close> = new("/hello", {
      opensocketfunction = function()
        local easy <close>, body = new("/connection")
        assert.is_true(easy:perform())
        assert.is_true(easy:perform())
        inner = body
        return true
      end,
    })
    assert.is_true(outer:perform())
    local a, one = inner[1]:match("^(%d+) (%d+)")
    local b, two = inner[2]:match("^(%d+) (%d+)")
    assert.equal(a, b)
    assert.same({ "1", "2" }, { one, two })
    assert.equal(1, #curl.sockets())
    assert.equal(outer, curl.sockets()[1].pool)
  end)

  it("are refused for the running easy from a coroutine, too", function()
    local message
    local easy, body
    easy, body = new("/hello", {
      headerfunction = function()
        message = message or select(2, coroutine.resume(coroutine.create(function()
          easy:perform()
        end)))
      end,
    })
    assert.is_true(easy:perform())
    assert.truthy(message:find("easy:perform is not allowed inside a callback", 1, true), message)
    assert.equal("hello\n", table.concat(body))
  end)
end)

describe("setopt inside a callback", function()
  it("replaces the running callback for the next call", function()
    local got = {}
    local easy
    easy = new("/big", {
      writefunction = function(data)
        got[1] = (got[1] or "") .. data
        easy:setopt("writefunction", function(more)
          got[2] = (got[2] or "") .. more
        end)
      end,
    })
    assert.is_true(easy:perform())
    assert.truthy(#got[1] > 0 and #got[2] > 0)
    assert.equal(web.big, got[1] .. got[2])
  end)

  it("may remove the running callback", function()
    local calls = 0
    local easy
    easy = new("/big", {
      writefunction = function()
        calls = calls + 1
        easy:unset("writefunction")
      end,
    })
    assert.is_true(easy:perform())
    assert.equal(1, calls)
    assert.equal(#web.big, easy:getinfo("size_download_t"))
  end)

  it("of the list that is being sent is of use for the next transfer", function()
    local easy, body
    easy, body = new("/header", {
      httpheader = { "x-test: first" },
      opensocketfunction = function()
        for i = 1, 100 do
          easy:setopt("httpheader", { "x-test: second", "x-more: " .. i })
        end
        return true
      end,
    })
    assert.is_true(easy:perform())
    assert.is_true(easy:perform())
    assert.equal("second\n\n\n\n", body[2])
  end)
end)

describe("a <close> variable that ends inside a callback", function()
  it("closes the running easy when the call is over", function()
    local easy, body
    local during
    easy, body = new("/hello", {
      headerfunction = function(line)
        if line == "\r\n" then
          do
            local _ <close> = easy
          end
          during = { curl.live().easy, (pcall(easy.getinfo, easy, "response_code")) }
        end
      end,
    })
    local before = curl.live().easy
    assert.is_true(easy:perform())
    assert.same({ before, false }, during)
    assert.equal("hello\n", table.concat(body))
    assert.equal(before - 1, curl.live().easy)
    assert.same({}, curl.sockets())
  end)

  it("closes it once, however many such variables end, and all others", function()
    local closed = 0
    local easy, first, second
    easy = new("/hello", {
      writefunction = function()
        for _, handle in ipairs { first, easy, second, easy } do
          local _ <close> = handle
        end
      end,
      closesocketfunction = function() closed = closed + 1 end,
    })
    first, second = curl.easy(), curl.easy()
    local before = curl.live().easy
    assert.is_true(easy:perform())
    assert.same({ before - 3, 1 }, { curl.live().easy, closed })
  end)

  it("closes it also when the callback throws, and the error arrives", function()
    local value = {}
    local easy
    easy = new("/hello", {
      writefunction = function()
        local _ <close> = easy
        error(value)
      end,
    })
    local before = curl.live().easy
    local ok, err = pcall(easy.perform, easy)
    assert.is_false(ok)
    assert.equal(value, err)
    assert.truthy(rawequal(value, err))
    assert.equal(before - 1, curl.live().easy)
  end)

  it("closes the running multi when the call is over; its result is lost", function()
    local multi = curl.multi()
    local easy, body
    easy, body = new("/hello", {
      headerfunction = function(line)
        if line == "\r\n" then
          local _ <close> = multi
        end
      end,
    })
    multi:add(easy)
    local ok, running
    repeat
      ok, running = pcall(multi.perform, multi)
    until not ok or running == 0
    assert.equal("multi (closed)", tostring(multi):match("^[^:]+"))
    assert.same({}, curl.sockets())
    body[1] = nil
    easy:unset("headerfunction")
    assert.is_true(easy:perform())
    assert.equal("hello\n", table.concat(body))
    easy:close()
  end)

  it("closes another easy of the multi, whose transfer ends, and the rest goes on", function()
    local multi <close> = curl.multi()
    local victim = new("/slow?rate=100k")
    local closed = false
    local killer, body = new("/big", {
      xferinfofunction = function(_, now)
        if now > 0 and not closed then
          closed = true
          local _ <close> = victim
        end
      end,
    })
    multi:add(victim):add(killer)
    assert.equal(1, drive_well(multi))
    assert.is_true(closed)
    assert.equal(web.big, table.concat(body))
    assert.equal("easy (closed)", tostring(victim):match("^[^:]+"))
    multi:remove(killer)
    killer:close()
  end)
end)

describe("a handle that is collected inside a callback", function()
  it("goes when the call is over", function()
    local counts = {}
    local before = curl.live()
    local easy <close>, body = new("/hello", {
      headerfunction = function(line)
        if line == "\r\n" then
          do
            local lost = new("/hello", { share = curl.share { share = "connect" } })
            local multi = curl.multi():add(lost)
            assert.equal(1, drive_well(multi))
          end
          collectgarbage()
          collectgarbage()
          local live = curl.live()
          counts = { live.easy - before.easy, live.multi - before.multi }
        end
      end,
    })
    assert.is_true(easy:perform())
    assert.equal("hello\n", table.concat(body))
    assert.same({ 2, 1 }, counts)
    collectgarbage()
    local live = curl.live()
    assert.same({ 1, 0, 0 },
      { live.easy - before.easy, live.multi - before.multi, live.share - before.share })
    assert.equal(1, #curl.sockets())
  end)

  it("goes also when its last user, collected with it, had it freed first", function()
    local before = curl.live()
    local body = {}
    local outer <close> = new("/hello", {
      writefunction = body,
      headerfunction = function(line)
        if line == "\r\n" then
          do
            local user = curl.easy()
            local share = curl.share { share = "connect" }
            user:setopt("share", share)
            share:close()
            assert.is_userdata(curl.easy()) -- finalized before both, so swept after them
          end
          collectgarbage()
          collectgarbage()
        end
      end,
    })
    assert.is_true(outer:perform())
    assert.equal("hello\n", table.concat(body))
    local live = curl.live()
    assert.same({ 1, 0 }, { live.easy - before.easy, live.share - before.share })
  end)
end)
