-- policy.compose: the phases and their order, what raises, and that whatever is no yes refuses.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local guard = policies.guard

local function url()
  return servers.nginx().url .. "/hello"
end

local function composed(...)
  return policy.compose { ... }
end

local function named(name, hooks)
  hooks.name = name
  return hooks
end

local function yes() return true end

-- The connections that nginx has accepted since f began.
local function contacts_of(f)
  local lines = servers.nginx().log
  local process = require "spec.support.process"
  local before = #(process.read(lines) or "")
  f()
  local _, count = (process.read(lines) or ""):sub(before + 1):gsub("\n", "")
  return count
end

describe("compose raises for", function()
  local function refuses(pattern, list)
    errors.matches(pattern, policy.compose, list)
  end

  it("what is no list of policies", function()
    refuses("list of policies expected, got nil", nil)
    refuses("list of policies expected", "guard")
    refuses("a list of policies expected, and nothing else", { policy.guard(), guard = {} })
    refuses('policy 2: table expected, got "x"', { policy.guard(), "x" })
    refuses("name of policy 1: string expected, got nil", { {} })
    refuses("name of policy 1: string expected", { named("", {}) })
  end)

  it("hooks that there are not, and what is no function", function()
    refuses("policy mine has no hook 'judges'", { named("mine", { judges = yes }) })
    refuses("policy mine has no hook '1'", { named("mine", { yes }) })
    refuses("judge of policy mine: function expected, got integer",
      { named("mine", { judge = 1 }) })
  end)

  it("two that open every socket", function()
    refuses("both netns and netns open every socket", { policy.netns "/a", policy.netns "/b" })
  end)

  it("options that two fence differently", function()
    refuses("policies guard and mine fence option 'proxy' differently",
      { policy.guard(), named("mine", { fence = { proxy = "http://127.0.0.1:1" } }) })
    refuses("policies a and b fence option 'connect_to' differently", {
      named("a", { fence = { connect_to = { "a:1:b:2" } } }),
      named("b", { fence = { connect_to = false } }),
    })
  end)

  it("a policy that there is not", function()
    errors.matches("there is no policy.gard", function() return policy.gard end)
  end)

  it("none of what is right", function()
    composed()
    composed(policy.guard(), policy.limit { open = 3 }, policy.bind {}, policy.trace(print))
    composed(named("a", { fence = { proxy = "" } }), named("b", { fence = { proxy = "" } }))
    composed(policy.route { a = "127.0.0.1" }, policy.route { b = "127.0.0.2" })
  end)
end)

describe("The phases", function()
  it("have an order that the list's does not change", function()
    local hooks = { "start", "route", "judge", "make", "prepare", "opened", "request", "closed" }
    for _, names in ipairs { { "a", "b" }, { "b", "a" } } do
      local log, wanted = {}, {}
      local rules = composed(policies.noting(names[1], log, hooks),
        policies.noting(names[2], log, hooks))
      assert.equal("hello\n", policies.fetch(rules, url()))
      for _, hook in ipairs(hooks) do
        for _, name in ipairs(names) do wanted[#wanted + 1] = name .. " " .. hook end
      end
      assert.same(wanted, log)
    end
  end)

  it("cost nothing on a kept connection but what asks for it", function()
    local log = {}
    local rules = composed(policies.noting("a", log, { "judge", "opened", "closed" }))
    local multi <close> = curl.multi { policy = rules }
    for _ = 1, 3 do assert.equal("hello\n", policies.fetch_in(multi, url())) end
    assert.same({ "a judge", "a opened" }, log)
    assert.equal(2, rules:stats().reused)
  end)

  it("give what DESIGN says: addresses, targets, Sockets, the easy", function()
    local seen = {}
    local rules = composed(named("look", {
      start = function(easy, text, hop) seen.start = { curl.type(easy), text, hop } return true end,
      judge = function(address, target, easy)
        seen.judge = { tostring(address), target.host, target.port, target.kind, curl.type(easy) }
        return true
      end,
      prepare = function(socket, address, easy)
        seen.prepare = { socket:state(), tostring(address), curl.type(easy) }
        return true
      end,
      opened = function(socket, address) seen.opened = { socket, tostring(address) } end,
      closed = function(socket) seen.closed = socket end,
      fence = { proxy = "" },
    }))
    local web = servers.nginx()
    assert.equal("hello\n", policies.fetch(rules, url()))
    local address = "127.0.0.1:" .. web.port
    assert.same({ "easy", url(), 0 }, seen.start)
    assert.same({ address, "127.0.0.1", web.port, "origin", "easy" }, seen.judge)
    assert.same({ "lent", address, "easy" }, seen.prepare)
    assert.equal(address, seen.opened[2])
    assert.equal(seen.opened[1], seen.closed)
  end)

  it("ask about each redirect", function()
    local urls = {}
    local rules = composed(named("look", {
      start = function(_, text, hop) urls[#urls + 1] = hop .. " " .. text return true end,
    }))
    local web = servers.nginx()
    local first = web.url .. "/redirect?to=/hello"
    assert.equal("hello\n", policies.fetch(rules, first, { followlocation = true }))
    assert.same({ "0 " .. first, "1 " .. web.url .. "/hello" }, urls)
  end)

  it("of start refuse a redirect before anything is sent", function()
    local rules = composed(named("only", {
      start = function(_, _, hop) return hop == 0, "no redirects" end,
    }))
    local web = servers.nginx()
    local count = contacts_of(function()
      local body, message, name = policies.fetch(rules, web.url .. "/redirect?to=/hello",
        { followlocation = true })
      assert.is_nil(body)
      assert.equal("REFUSED", name)
      assert.matches("only: no redirects", message, 1, true)
    end)
    assert.equal(1, count)
  end)
end)

describe("A hook that is asked", function()
  local answers = {
    ["throws"] = function() error("thrown by the hook", 0) end,
    ["forgets to return"] = function() end,
    ["returns false"] = function() return false end,
    ["returns nil and a reason"] = function() return nil, "for a reason" end,
    ["returns 1"] = function() return 1 end,
    ["returns a text"] = function() return "yes" end,
    ["returns a table"] = function() return {} end,
    ["yields"] = function() coroutine.yield() return true end,
  }
  local said = {
    ["throws"] = "thrown by the hook",
    ["forgets to return"] = "mine: it gives no reason",
    ["returns false"] = "mine: it gives no reason",
    ["returns nil and a reason"] = "mine: for a reason",
    ["returns 1"] = "mine: it answered 1, and only true is a yes",
    ["returns a text"] = "mine: it answered \"yes\", and only true is a yes",
    ["returns a table"] = "mine: it answered table: ",
    ["yields"] = "yield",
  }
  for _, hook in ipairs { "start", "judge", "prepare" } do
    for what, f in pairs(answers) do
      it(("refuses: %s that %s"):format(hook, what), function()
        local rules = composed(named("mine", { [hook] = f }), named("other", { judge = yes }))
        local count = contacts_of(function()
          local called, body, message, name = pcall(policies.fetch, rules, url())
          if not called then body, message, name = nil, body, "RAISED" end
          assert.is_nil(body)
          assert.matches(said[what], tostring(message), 1, true)
          local thrown = what == "throws" or what == "yields"
          assert.equal(not thrown and "REFUSED" or hook == "start" and "RAISED" or "CALLBACK", name)
        end)
        assert.equal(0, count)
      end)
    end
  end

  for what, f in pairs(answers) do
    it("refuses: make that " .. what, function()
      local mine = what == "forgets to return" -- "not mine" is allowed to it
      local rules = composed(named("mine", { make = f }))
      local body = policies.fetch(rules, url())
      assert.equal(mine and "hello\n" or nil, body)
    end)
  end

  it("refuses: make with what is no Socket any more", function()
    local rules = composed(named("mine", {
      make = function(address)
        local socket = address:socket()
        socket:close()
        return socket
      end,
    }))
    local called, body = pcall(policies.fetch, rules, url())
    assert.is_nil(called and body or nil)
  end)
end)

describe("What is told", function()
  it("fails the transfer by what it throws", function()
    for _, hook in ipairs { "opened", "request" } do
      local rules = composed(named("mine", { [hook] = function() error("thrown", 0) end }))
      local body, message, name = policies.fetch(rules, url())
      assert.same({ nil, "thrown", "CALLBACK" }, { body, message, name })
    end
  end)

  it("comes out of the call that closed, when closed throws", function()
    local rules = composed(named("mine", { closed = function() error("thrown", 0) end }))
    local multi = curl.multi { policy = rules }
    assert.equal("hello\n", policies.fetch_in(multi, url()))
    assert.equal("thrown", errors.thrown(multi.close, multi))
  end)

  it("is told of each socket once, whoever closes it", function()
    local opened, closed = {}, {}
    local rules = composed(named("mine", {
      opened = function(socket) opened[#opened + 1] = socket end,
      closed = function(socket) closed[socket] = (closed[socket] or 0) + 1 end,
    }))
    do
      local multi <close> = curl.multi { policy = rules }
      for i = 1, 6 do
        policies.fetch_in(multi, url(), { forbid_reuse = i % 2 == 0 })
        policies.fetch_in(multi, "http://127.0.0.1:1/")
      end
    end
    assert.truthy(#opened >= 6)
    for _, socket in ipairs(opened) do assert.equal(1, closed[socket]) end
  end)
end)

describe("An address", function()
  it("that a judge changes is changed for nobody", function()
    local seen
    local function change(address)
      address.port = 1
      return true
    end
    local rules = composed(named("a", { judge = change }),
      named("b", { judge = function(address) seen = address.port return true end }))
    assert.equal("hello\n", policies.fetch(rules, url()))
    assert.equal(servers.nginx().port, seen)
  end)

  it("that is changed after it was judged is refused", function()
    local kept
    local rules = composed(named("a", {
      judge = function()
        kept.port = 1
        return true
      end,
    }))
    local count = contacts_of(function()
      local body, message, name = policies.fetch(rules, url(), {
        opensocketfunction = function(_, address)
          kept = address
          return true
        end,
      })
      assert.same({ nil, "REFUSED" }, { body, name })
      assert.matches("it was changed after it was judged", message, 1, true)
    end)
    assert.equal(0, count)
  end)

  it("is judged as the easy's own callback left it", function()
    local rules = composed(guard())
    local body, message, name = policies.fetch(rules, url(), {
      opensocketfunction = function(_, address)
        address.ip = "10.0.0.1"
        return true
      end,
    })
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("guard: it is private", message, 1, true)
  end)

  it("is judged where route leads", function()
    local function to(place)
      return { name = "there", route = function() return curl.address(place) end }
    end
    local web = servers.nginx()
    for _, order in ipairs { 1, 2 } do
      local list = { guard(), to("10.0.0.1:80") }
      if order == 2 then list[1], list[2] = list[2], list[1] end
      assert.equal("REFUSED", (select(3, policies.fetch(policy.compose(list), url()))))
    end
    local rules = composed(guard(), to("127.0.0.1:" .. web.port))
    assert.equal("hello\n", policies.fetch(rules, "http://192.0.2.1/hello"))
  end)

  it("that two route is refused", function()
    local function to(name)
      return { name = name, route = function(address) return address end }
    end
    local body, message = policies.fetch(composed(to "a", to "b"), url())
    assert.is_nil(body)
    assert.matches("a: b has an answer, too", message, 1, true)
  end)

  it("that two make a Socket for is refused, and the Sockets are closed", function()
    local made = {}
    local function maker(name)
      return {
        name = name,
        make = function(address)
          made[#made + 1] = address:socket()
          return made[#made]
        end,
      }
    end
    local body, message, name = policies.fetch(composed(maker "a", maker "b"), url())
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("a: b has an answer, too", message, 1, true)
    for _, socket in ipairs(made) do assert.equal("closed", socket:state()) end
  end)
end)

describe("The rules", function()
  it("say why", function()
    local rules = composed(policies.guard { allow = {} }, named("b", { judge = yes }))
    local multi <close> = curl.multi { policy = rules }
    local easy <close> = easies.at(url())
    local refusals = {
      { policy = "guard", reason = "it is loopback (RFC 1122), 127.0.0.0/8",
        address = "127.0.0.1:" .. servers.nginx().port },
    }
    assert.same({}, rules:why(easy))
    assert.equal("REFUSED", (select(3, transfers.run(multi, easy))))
    assert.same(refusals, rules:why(easy))
    assert.equal(1, rules:stats().refused)
    assert.same({ guard = 1 }, rules:stats().by_policy)
    transfers.run(multi, easy)
    assert.same(refusals, rules:why(easy)) -- of the last transfer alone
  end)

  it("take back what was let in", function()
    local rules = composed(guard())
    local multi <close> = curl.multi { policy = rules }
    for _ = 1, 2 do assert.equal("hello\n", policies.fetch_in(multi, url())) end
    assert.same({ 1, 1 }, { rules:stats().opened, rules:stats().reused })
    assert.equal(1, rules:revoke())
    assert.equal("hello\n", policies.fetch_in(multi, url()))
    assert.same({ 2, 1 }, { rules:stats().opened, rules:stats().reused })
  end)

  it("are asked without a socket", function()
    local rules = composed(policy.guard { own = false }, named("only", {
      start = function(easy, text) return easy == nil and not text:find("private"), "not that" end,
    }))
    assert.is_true(rules:ask { url = "http://example.com/" })
    assert.is_true(rules:ask { address = "93.184.216.34:80" })
    assert.is_true(rules:ask { url = "http://93.184.216.34/" })
    local function refused(name, reason, question)
      local ok, why, who = rules:ask(question)
      assert.same({ nil, name }, { ok, who })
      assert.matches(reason, why, 1, true)
    end
    refused("only", "not that", { url = "http://example.com/private" })
    refused("guard", "it is loopback", { url = "http://127.1/" })
    refused("guard", "it is loopback", { url = "https://[::1]/" })
    refused("guard", "it is loopback", { url = "http://example.com/", address = "127.0.0.1:80" })
    refused("guard", "port 81", { address = "93.184.216.34:81" })
    refused("guard", "it listens", { address = "93.184.216.34", kind = "listen" })
    errors.matches("unknown option 'adress'", rules.ask, rules, { adress = "127.0.0.1" })
    errors.matches("kind", rules.ask, rules, { kind = "server" })
  end)

  it("ask once where they route", function()
    local rules = composed(guard(), named("there", {
      route = function() return curl.address "10.0.0.1:80" end,
    }))
    assert.equal("guard", (select(3, rules:ask { address = "93.184.216.34:80" })))
  end)
end)
