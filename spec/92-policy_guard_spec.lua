-- policy.guard in pools: who opens what, what is kept, which options are forced. What it says of
-- addresses and URLs is spec 91's. Here 127.0.0.1 stands for what is public, 127.0.0.2 for what is
-- not.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local fetch, fetch_in = policies.fetch, policies.fetch_in

local function rules(options)
  return policy.compose { policies.guard(options or { allow = { "127.0.0.1" } }) }
end

local function multi_of(options)
  return curl.multi { policy = rules(options) }
end

-- A server at 127.0.0.2 that keeps its connections.
local inner

setup(function()
  inner = servers.script([[
    local server = ...
    while true do
      local client = server:accept()
      print "contact"
      repeat
        local line = client:receive("*l")
        if line == "" then client:send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret") end
      until not line
      client:close()
    end
  ]], { host = "127.0.0.2" })
end)

teardown(function() servers.stop(inner) end)

-- How many connections it has accepted.
local function contacts()
  local _, count = inner:output():gsub("contact", "")
  return count
end

-- f refuses, and nothing is contacted.
local function refused(pattern, f, ...)
  local before = contacts()
  local body, message, name = f(...)
  assert.same({ nil, "REFUSED" }, { body, name }, tostring(message))
  assert.matches(pattern, message, 1, true)
  assert.equal(before, contacts())
end

local loopback = "guard: it is loopback"

describe("policy.guard", function()
  it("lets through what is allowed, and nothing else", function()
    assert.equal("hello\n", fetch(rules(), servers.nginx().url .. "/hello"))
    refused(loopback, fetch, rules(), inner.url)
    assert.equal("secret", fetch(policy.compose {}, inner.url))
  end)

  it("decides for every easy of the pool, whatever that says itself", function()
    local multi <close> = multi_of()
    local port = tonumber(inner.url:match("%d+$"))
    local function to_inner(_, address)
      address.ip, address.port = "127.0.0.2", port
      return true
    end
    refused(loopback, fetch_in, multi, inner.url)
    local function yes() return true end
    refused(loopback, fetch_in, multi, inner.url, { opensocketfunction = yes })
    refused(loopback, fetch_in, multi, servers.nginx().url, { opensocketfunction = to_inner })
    refused(loopback, fetch_in, multi, inner.url, {
      opensocketfunction = function(_, address) return address:socket() end,
    })
    refused("guard: it is a UNIX socket", fetch_in, multi, servers.nginx().url, {
      opensocketfunction = function(_, address)
        address.path = servers.nginx().unix
        return true
      end,
    })
    local easy <close> = easies.at(inner.url)
    easy:reset():setopt { url = inner.url, proxy = "", writefunction = {} }
    refused(loopback, transfers.run, multi, easy)
    local copy <close> = easy:dup()
    refused(loopback, transfers.run, multi, copy)
  end)

  it("asks about the peer of a Socket that is connected already", function()
    local function connected(to)
      return { opensocketfunction = function()
        local socket = curl.socket("inet")
        assert(socket:connect(to, 5))
        return socket
      end }
    end
    local body, message, name = fetch(rules(), servers.nginx().url .. "/hello",
      connected("127.0.0.1:" .. servers.nginx().port))
    if name == "NOT_SUPPORTED" then return end -- libcurl 7.88
    assert.equal("hello\n", body, message)
    body, message, name = fetch(rules(), servers.nginx().url,
      connected("127.0.0.2:" .. inner.url:match("%d+$")))
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches(loopback, message, 1, true)
  end)

  it("refuses a redirect, and what a name means the next time", function()
    local url = servers.nginx().url .. "/redirect?to=" .. inner.url
    refused(loopback, fetch, rules(), url, { followlocation = true })
    local multi <close> = multi_of()
    local port = servers.nginx().port
    local name = ("http://name.test:%d/hello"):format(port)
    local first = { resolve = { ("name.test:%d:127.0.0.1"):format(port) } }
    local second = {
      resolve = { ("-name.test:%d"):format(port), ("name.test:%d:127.0.0.2"):format(port) },
    }
    assert.equal("hello\n", fetch_in(multi, name, first))
    -- The connection that is kept was judged, and goes where it went.
    assert.equal("hello\n", fetch_in(multi, name, second))
    second.fresh_connect = true
    refused(loopback, fetch_in, multi, name, second)
  end)

  it("passes over refused addresses of a name", function()
    local port = servers.nginx().port
    local url = ("http://mixed.test:%d/hello"):format(port)
    local text = ("mixed.test:%d:127.0.0.2,[::1],127.0.0.1"):format(port)
    assert.equal("hello\n", fetch(rules(), url, { resolve = { text } }))
  end)

  it("names what libcurl says where something else failed as well", function()
    local text = ("mixed.test:1:127.0.0.2,127.0.0.1")
    local body, message, name = fetch(rules(), "http://mixed.test:1/", { resolve = { text } })
    assert.same({ nil, "COULDNT_CONNECT" }, { body, name }, message)
  end)

  for _, kind in ipairs { "https", "h2" } do
    it("keeps connections over " .. kind, function()
      local web = servers.nginx()
      local url = web[kind .. "_url"] .. "/hello"
      local options = { cainfo = web.ca, http_version = kind == "h2" and "2tls" or nil }
      local own = rules()
      local multi <close> = curl.multi { policy = own }
      for _ = 1, 3 do assert.equal("hello\n", fetch_in(multi, url, options)) end
      assert.same({ 1, 2 }, { own:stats().opened, own:stats().reused })
    end)
  end

  it("judges one connection for many streams of HTTP/2", function()
    local web, own = servers.nginx(), rules()
    local multi <close> = curl.multi { policy = own }
    local list, bodies = {}, {}
    for i = 1, 8 do
      bodies[i] = {}
      list[i] = easies.at(web.h2_url .. "/hello", {
        cainfo = web.ca, http_version = "2tls", pipewait = true, writefunction = bodies[i],
      })
      multi:add(list[i])
    end
    assert.equal(8, transfers.drive_well(multi))
    for i = 1, 8 do
      assert.equal("hello\n", table.concat(bodies[i]))
      list[i]:close()
    end
    assert.equal(1, own:stats().asked)
  end)

  it("goes with a share that has the connections", function()
    local share <close> = curl.share { share = "connect", policy = rules() }
    local easy <close> = easies.at(inner.url, { share = share })
    refused(loopback, transfers.fetch, easy)
    easy:setopt("url", servers.nginx().url .. "/hello")
    assert.equal("hello\n", transfers.fetch(easy))
    errors.matches("policy", curl.share, { share = "dns", policy = rules() })
    local multi <close> = curl.multi()
    errors.matches("policies of the multi and of the share", multi.add, multi, easy)
  end)

  it("goes with an easy of its own, its reset and its dup", function()
    local easy <close> = curl.easy { policy = rules(), url = inner.url, proxy = "" }
    refused(loopback, transfers.fetch, easy)
    easy:reset():setopt { url = inner.url, proxy = "" }
    refused(loopback, transfers.fetch, easy)
    local copy <close> = easy:dup()
    refused(loopback, transfers.fetch, copy)
    local multi <close> = multi_of()
    errors.matches("a policy of its own", multi.add, multi, easy)
  end)

  it("stands in each of two pools that are nested", function()
    local multi <close> = multi_of()
    local got
    assert.equal("hello\n", fetch_in(multi, servers.nginx().url .. "/hello", {
      headerfunction = function()
        got = got or table.pack(fetch(rules(), inner.url))
      end,
    }))
    assert.same({ nil, "REFUSED" }, { got[1], got[3] })
    assert.matches(loopback, got[2], 1, true)
  end)

  it("can be everybody's", function()
    local out = left.pass([[
      local curl, policy = require "curlsock", require "curlsock.policy"
      curl.default_policy(policy.compose { policy.guard() })
      for _, f in ipairs {
        function() return curl.easy { url = "http://127.0.0.1:1/" }:perform() end,
        function()
          return require("curlsock.loop").new():perform(curl.easy { url = "http://[::1]:1/" })
        end,
      } do print((select(3, f()))) end]])
    assert.equal("REFUSED\nREFUSED\n", out)
  end)
end)

describe("The guard's fence", function()
  local forbidden = {
    proxy = "http://127.0.0.1:1", pre_proxy = "socks5://127.0.0.1:1", unix_socket_path = "/tmp/x",
    abstract_unix_socket = "x", ftpport = "-", netrc = 1, unrestricted_auth = true,
    doh_url = "https://127.0.0.1/", httpauth = "negotiate", proxyauth = { "basic", "negotiate" },
    protocols_str = "http,ftp", redir_protocols_str = "all", address_scope = 1,
  }
  for name, value in pairs(forbidden) do
    it("forbids " .. name, function()
      local multi <close> = multi_of()
      local easy <close> = easies.at(servers.nginx().url .. "/hello")
      local set = easy:setopt(name, value)
      if not set then return end -- this libcurl lacks it
      errors.matches("option '[%w_]+' .*policy", multi.add, multi, easy)
      assert.same({}, multi:easies())
    end)
  end

  local allowed = {
    protocols_str = "https,http", redir_protocols_str = "http", proxy = "",
    httpauth = { "basic", "digest" }, netrc = 0, unrestricted_auth = false,
    -- Others that look like it, and are judged by what is dialled.
    dns_cache_timeout = 1, connecttimeout = 5, noproxy = "*",
  }
  for name, value in pairs(allowed) do
    it("lets stay " .. name, function()
      local options = { [name] = value }
      assert.equal("hello\n", fetch(rules(), servers.nginx().url .. "/hello", options))
    end)
  end

  it("forbids them while the easy is in, and takes itself back afterwards", function()
    local web = servers.nginx()
    local multi <close> = multi_of()
    local easy <close> = easies.at(web.url .. "/hello", { writefunction = {} })
    easy:unset("proxy")
    assert(multi:add(easy))
    errors.matches("option 'proxy'", easy.setopt, easy, "proxy", "http://127.0.0.1:1")
    errors.matches("option 'unix_socket_path'", easy.setopt, easy, "unix_socket_path", web.unix)
    transfers.drive_well(multi)
    multi:remove(easy)
    easy:setopt { unix_socket_path = web.unix, url = "http://name.test/hello" }
    assert.equal("hello\n", transfers.fetch(easy))
    easy:unset("unix_socket_path")
    local file = servers.dir() .. "/fence.txt"
    process.write(file, "file")
    assert.equal("file", transfers.fetch(easy:setopt("url", "file://" .. file)))
    os.remove(file)
  end)

  it("opens one thing at a time", function()
    local web = servers.nginx()
    local unix = policy.compose { policies.guard(), policy.allow { "unix:" .. web.unix } }
    assert.equal("hello\n", fetch(unix, "http://x/hello", { unix_socket_path = web.unix }))
    refused("guard: it is a UNIX socket", fetch, unix, "http://x/", { unix_socket_path = "/tmp/y" })
    local options = { protocols = { "http", "ftp" } }
    local url = "ftp://127.0.0.1:1/"
    assert.not_equal("UNSUPPORTED_PROTOCOL", (select(3, fetch(rules(options), url))))
    options = { ports = { 1, web.port } }
    assert.equal("hello\n", fetch(rules(options), web.url .. "/hello"))
    refused("guard: port", fetch, rules(options), ("http://127.0.0.1:%d/"):format(web.https_port))
  end)
end)

describe("guard.reason", function()
  local reason = policy.guard.reason

  it("says why, in words that name the range", function()
    assert.equal("it is loopback (RFC 1122), 127.0.0.0/8", reason "127.0.0.1")
    assert.equal("it is private (RFC 1918), 10.0.0.0/8", reason(curl.address "10.1.2.3:80"))
    assert.equal("it is IPv4-mapped (RFC 4291), ::ffff:0:0/96", reason "::ffff:8.8.8.8")
    assert.equal("it is not global unicast (RFC 4291), 4000::/2", reason "4000::1")
    assert.equal("it is ISATAP, around IPv4 (RFC 5214)", reason "2606:2800:220::5efe:1.2.3.4")
    assert.equal("port 22 is not allowed", reason("93.184.216.34:22", { own = false }))
    assert.equal("it is a UNIX socket", reason "unix:/tmp/x")
    assert.equal("it has a zone", reason "[fe80::1%1]:80")
    assert.is_nil(reason("93.184.216.34", { own = false }))
    assert.is_nil(reason("93.184.216.34:443", { own = false }))
    assert.is_nil(reason("127.0.0.1:8080", { allow = { "127.0.0.1:8080" } }))
    local options = { deny = { "93.184.216.0/24" }, own = false }
    assert.equal("it is denied", reason("93.184.216.34", options))
  end)

  it("decodes NAT64 of all six lengths", function()
    local text = { -- RFC 6052, 2.4
      ["2001:db8::/32"] = "2001:db8:c000:221::", ["2001:db8:100::/40"] = "2001:db8:1c0:2:21::",
      ["2001:db8:122::/48"] = "2001:db8:122:c000:2:2100::",
      ["2001:db8:122:300::/56"] = "2001:db8:122:3c0:0:221::",
      ["2001:db8:122:344::/64"] = "2001:db8:122:344:c0:2:2100::",
      ["2001:db8:122:344::/96"] = "2001:db8:122:344::192.0.2.33",
      ["64:ff9b::/96"] = "64:ff9b::192.0.2.33",
    }
    for prefix, address in pairs(text) do
      assert.equal("it is NAT64 of what is documentation (RFC 5737), 192.0.2.0/24",
        reason(address, { nat64 = prefix }))
      assert.is_nil(reason(address, { nat64 = prefix, allow = { "192.0.2.33" } }))
      assert.equal("it is denied", reason(address,
        { nat64 = prefix, allow = { "2000::/3", "64:ff9b::/96" }, deny = { "192.0.2.0/24" } }))
    end
    assert.equal("it is no address of NAT64 (RFC 6052)",
      reason("2001:db8:122:c000:102:2100::", { nat64 = "2001:db8:122::/48" }))
    assert.is_nil(reason("64:ff9b::8.8.8.8", { nat64 = { "64:ff9b:1::/48", "64:ff9b::/96" } }))
  end)

  it("looks inside of what is allowed for what is denied", function()
    for _, address in ipairs {
      "::ffff:10.0.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1",
      "2001:0:a00:1::1", "2001::f5ff:fffe", "2606:2800::5efe:10.0.0.1", "2606:2800::200:5efe:a00:1",
    } do
      local options = { allow = { "::/0" }, deny = { "10.0.0.0/8" } }
      assert.equal("it is denied", reason(address, options), address)
      options.deny = { "11.0.0.0/8" }
      assert.is_nil(reason(address, options), address)
    end
  end)

  it("raises for what is no option, and no value of one", function()
    errors.matches("guard: unknown option 'port'", policy.guard, { port = 80 })
    errors.matches("guard: ports: port, a list", policy.guard, { ports = { 0 } })
    errors.matches("guard: ports: port, a list", policy.guard, { ports = { "http" } })
    errors.matches('guard: allow: network .* got "10.0.0.0/33"', policy.guard,
      { allow = { "10.0.0.0/33" } })
    errors.matches("guard: deny: network", policy.guard, { deny = { true } })
    errors.matches("guard: allow: address without a zone", policy.guard,
      { allow = { "fe80::1%1" } })
    errors.matches("guard: nat64: a prefix", policy.guard, { nat64 = "64:ff9b::/95" })
    errors.matches("guard: nat64: a prefix", policy.guard, { nat64 = "10.0.0.0/32" })
    errors.matches("guard: nat64: a prefix", policy.guard, { nat64 = 96 })
    errors.matches("guard: own: boolean expected", policy.guard, { own = "no" })
    errors.matches("guard: quic: boolean expected", policy.guard, { quic = 1 })
    errors.matches("guard: proxy: network", policy.guard, { proxy = { "http://proxy:1" } })
    errors.matches("guard: protocols: name expected", policy.guard, { protocols = { 1 } })
    errors.matches("guard: protocols: names", policy.guard, { protocols = "" })
    errors.matches("guard: lifetime: number", policy.guard, { lifetime = 0 })
    errors.matches("allow: place: network", policy.allow, { "app" })
    errors.matches("guard: argument: table of options", policy.guard, "strict")
  end)
end)
