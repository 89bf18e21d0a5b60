-- policy.limit and policy.trace, on real servers.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local fetch, fetch_in = policies.fetch, policies.fetch_in

local function rules_of(...)
  return policy.compose { ... }
end

local function hello()
  return servers.nginx().url .. "/hello"
end

-- The most connections that were open at once while so many transfers ran in one multi.
local function most_open(limit, urls)
  local now, most = 0, 0
  local count = {
    name = "count",
    opened = function()
      now = now + 1
      most = math.max(most, now)
    end,
    closed = function() now = now - 1 end,
  }
  local multi <close> = curl.multi { policy = rules_of(limit, count) }
  local list = {}
  for i, url in ipairs(urls) do
    list[i] = easies.at(url, { writefunction = {} })
    multi:add(list[i])
  end
  assert.equal(#urls, transfers.drive_well(multi))
  for _, easy in ipairs(list) do easy:close() end
  return most
end

describe("policy.limit", function()
  it("limits connections, and lets transfers wait for one", function()
    local urls = {}
    for i = 1, 12 do urls[i] = servers.nginx().url .. "/hello?" .. i end
    assert.equal(3, most_open(policy.limit { open = 3 }, urls))
    assert.equal(2, most_open(policy.limit { per_host = 2 }, urls))
  end)

  it("drops idle connections for new ones", function()
    local multi <close> = curl.multi { policy = rules_of(policy.limit { open = 1 }) }
    local port = servers.nginx().port
    for _, host in ipairs { "a", "b", "c", "a" } do
      local name = ("%s.test:%d"):format(host, port)
      assert.equal("hello\n", fetch_in(multi, ("http://%s/hello"):format(name),
        { resolve = { name .. ":127.0.0.1" } }))
    end
  end)

  it("refuses by rate, where nobody can wait", function()
    local rules = rules_of(policy.limit { rate = 0.001, burst = 2 })
    local multi <close> = curl.multi { policy = rules }
    assert.equal("hello\n", fetch_in(multi, hello()))
    assert.is_true(rules:ask { url = hello() })
    assert.equal("hello\n", fetch_in(multi, hello()))
    local body, message, name = fetch_in(multi, hello())
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("limit: more than 0.001 transfers a second", message, 1, true)
    assert.equal("limit", (select(3, rules:ask { url = hello() })))
  end)

  it("counts a redirect once", function()
    local rules = rules_of(policy.limit { rate = 0.001, burst = 1 })
    local url = servers.nginx().url .. "/redirect?to=/hello"
    assert.equal("hello\n", fetch(rules, url, { followlocation = true }))
  end)

  it("fills again with time", function()
    local rules = rules_of(policy.limit { rate = 50, burst = 1 })
    local multi <close> = curl.multi { policy = rules }
    assert.equal("hello\n", fetch_in(multi, hello()))
    local start = curl.now()
    while curl.now() - start < 0.03 do multi:poll(0.01) end
    assert.equal("hello\n", fetch_in(multi, hello()))
  end)

  it("ends a transfer whose body is longer", function()
    local web = servers.nginx()
    assert.equal("hello\n", fetch(rules_of(policy.limit { body = 6 }), hello()))
    local body, message, name = fetch(rules_of(policy.limit { body = 5 }), hello())
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("5 bytes", message, 1, true)
    name = select(3, fetch(rules_of(policy.limit { body = 100000 }), web.url .. "/big"))
    assert.equal("REFUSED", name)
  end)

  it("takes the least of two", function()
    local rules = rules_of(policy.limit { body = 100 }, policy.limit { body = 5 })
    assert.equal("REFUSED", (select(3, fetch(rules, hello()))))
  end)

  it("raises for what is no number of that kind", function()
    errors.matches("limit: unknown option 'conns'", policy.limit, { conns = 1 })
    errors.matches("limit: open: number of at least 1", policy.limit, { open = 0 })
    errors.matches("limit: per_host: integer expected", policy.limit, { per_host = 1.5 })
    errors.matches("limit: rate: number of at least", policy.limit, { rate = 0 })
    errors.matches("limit: rate: number of at least", policy.limit, { rate = 0 / 0 })
    errors.matches("limit: burst: integer", policy.limit, { rate = 1, burst = "2" })
    errors.matches("limit: rate: number, for there is burst", policy.limit, { burst = 2 })
    errors.matches("limit: body: number", policy.limit, { body = -1 })
  end)
end)

describe("policy.trace", function()
  local function kinds(events)
    local list = {}
    for i, event in ipairs(events) do list[i] = event.kind end
    return table.concat(list, " ")
  end

  local function traced(...)
    local events = {}
    return events, rules_of(policy.trace(function(event) events[#events + 1] = event end), ...)
  end

  it("tells what happens to connections and transfers", function()
    local events, rules = traced()
    do
      local multi <close> = curl.multi { policy = rules }
      for _ = 1, 2 do assert.equal("hello\n", fetch_in(multi, hello())) end
    end
    assert.equal("start open request start request close", kinds(events))
    local start, open, request, _, again, close = table.unpack(events)
    assert.same({ hello(), 0 }, { start.url, start.hop })
    assert.same({ 1, "127.0.0.1:" .. servers.nginx().port }, { open.id, tostring(open.address) })
    assert.same({ hello(), false, true }, { request.url, request.kept, again.kept })
    assert.same({ 1, open.socket, open.socket }, { close.id, close.socket, request.socket })
    for i = 2, #events do assert.truthy(events[i].time >= events[i - 1].time) end
  end)

  it("tells what was refused, by whom and why", function()
    local events, rules = traced(policy.guard())
    assert.equal("REFUSED", (select(3, fetch(rules, "http://127.0.0.1/"))))
    assert.equal("start refused", kinds(events))
    local refusal = events[2]
    assert.same({ "guard", "it is loopback (RFC 1122), 127.0.0.0/8", "127.0.0.1:80" },
      { refusal.policy, refusal.reason, refusal.address })
  end)

  it("gives each connection a number, and its end once", function()
    local events, rules = traced()
    do
      local multi <close> = curl.multi { policy = rules }
      for _ = 1, 5 do fetch_in(multi, hello(), { forbid_reuse = true }) end
      fetch_in(multi, "http://127.0.0.1:1/")
    end
    local opened, closed = 0, {}
    for _, event in ipairs(events) do
      if event.kind == "open" then
        opened = opened + 1
        assert.equal(opened, event.id)
      elseif event.kind == "close" then
        assert.is_nil(closed[event.id])
        closed[event.id] = true
      end
    end
    assert.equal(opened, #closed)
    assert.truthy(opened >= 6)
  end)

  it("fails the transfer by what the sink throws", function()
    local rules = rules_of(policy.trace(function(event)
      if event.kind == "open" then error("full", 0) end
    end))
    local body, message, name = fetch(rules, hello())
    assert.same({ nil, "full", "CALLBACK" }, { body, message, name })
    errors.matches("trace: sink: function expected", policy.trace, "file")
  end)
end)
