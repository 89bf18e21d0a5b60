-- Policies and real proxies (114): which peer is judged, that a guard cannot be gone round by a
-- proxy, and what docs/security.md says of one that is allowed.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local proxies = require "spec.support.proxies"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

-- From 8.7 on libcurl says which socket is a proxy's.
local tells_proxy = curl.version_info().version_num >= 0x080700

local web, tiny, squid, socks

setup(function()
  web, tiny, squid = servers.nginx(), servers.tinyproxy(), servers.squid()
  socks = servers.socks()
end)

-- How many requests have come to the proxies.
local function traffic()
  local log = process.read(tiny.log)
  local _, asked = log:gsub("Request %(", "")
  local _, of_squid = process.read(squid.log):gsub("\n", "")
  return asked + of_squid + socks.asked()
end

local function fetch(rules, way, options)
  local all = proxies.options(way, "/hello")
  for name, value in pairs(options or {}) do all[name] = value end
  return policies.fetch(rules, all.url, all)
end

for name, way in pairs(proxies.ways) do
  describe("Through " .. name, function()
    local function place() return proxies.address(way) end

    it("policies are asked about the proxy's address alone", function()
      local log = {}
      local rules = policy.compose {
        {
          name = "noting",
          judge = function(address, target)
            log[#log + 1] = ("%s for %s:%d, %s"):format(address, target.host, target.port,
              target.kind)
            return true
          end,
          opened = function(socket) log[#log + 1] = "opened " .. socket.data.n end,
          prepare = function(socket)
            socket.data = { n = 1 }
            return true
          end,
          closed = function(socket) log[#log + 1] = "closed " .. socket.data.n end,
        },
      }
      assert.equal("hello\n", fetch(rules, way))
      local port = way.url == "https" and web.https_port or web.port
      assert.same({
        ("%s for %s:%d, %s"):format(place(), "127.0.0.1", port,
          tells_proxy and "proxy" or "unknown"),
        "opened 1", "closed 1",
      }, log)
    end)

    it("a guard lets none pass, nor one that it does not name", function()
      local before = traffic()
      local easy <close> = curl.easy(proxies.options(way, "/hello"))
      local multi <close> = curl.multi { policy = policy.compose { policies.guard() } }
      errors.matches("option 'proxy'", multi.add, multi, easy)
      for _, guard in ipairs { { proxy = "10.0.0.1:1" }, { proxy = "127.0.0.1:1" } } do
        local rules = policy.compose { policy.guard(guard) }
        local body, message, why = fetch(rules, way)
        assert.same({ nil, "REFUSED" }, { body, why }, message)
      end
      assert.equal(before, traffic())
    end)

    it("a guard that names the proxy lets it pass, and does not judge what is behind it", function()
      local rules = policy.compose { policy.guard { proxy = place() } }
      assert.equal("hello\n", fetch(rules, way)) -- a private address: the proxy's to refuse
      local body, message, why = fetch(rules, way, { noproxy = "*" })
      assert.same({ nil, "REFUSED" }, { body, why }, message)
      assert.same({ guard = 1 }, rules:stats().by_policy)
    end)

    it("deny wins over proxy", function()
      local rules = policy.compose { policy.guard { proxy = place(), deny = "127.0.0.0/8" } }
      assert.equal("REFUSED", select(3, fetch(rules, way)))
    end)

    it("a kept connection stays its pool's", function()
      if not way.kept then return end
      local rules = policy.compose { policy.guard { proxy = place() } }
      local multi <close> = curl.multi { policy = rules }
      local all = proxies.options(way, "/hello")
      for n = 1, 2 do
        local easy <close> = curl.easy(all)
        assert.equal("hello\n", transfers.fetch_in(multi, easy))
        assert.equal(n == 1 and 1 or 0, easy:getinfo "num_connects")
      end
      -- Without the proxy it is not used.
      local direct <close> = curl.easy(all):setopt("proxy", "")
      assert.equal("REFUSED", select(3, transfers.run(multi, direct)))
    end)
  end)
end

describe("A guard", function()
  -- The pool is new each time; the options are those of an easy.
  local function result(guard, url, options)
    local rules = policy.compose { policy.guard(guard) }
    local ok, body, message, name = pcall(policies.fetch, rules, url, options)
    if not ok then return "raised", body end
    return body or name, message
  end

  it("is not gone round by a proxy of an option, wherever that is set", function()
    local before = traffic()
    local url = web.url .. "/hello"
    local second = "socks5h://127.0.0.1:" .. socks.port
    for _, options in ipairs {
      { proxy = tiny.url }, { proxy = second }, { pre_proxy = second },
      { proxy = "127.0.0.1", proxyport = tiny.port },
      { proxy = "", pre_proxy = second }, { proxy = tiny.url, httpproxytunnel = true },
    } do
      assert.equal("raised", (result({}, url, options)))
    end
    local rules = policy.compose { policy.guard() }
    local easy <close> = curl.easy { url = url, policy = rules, timeout = 20 }
    errors.failed("REFUSED", "", easy:perform())
    errors.matches("proxy", function() easy:setopt("proxy", tiny.url):perform() end)
    local copy <close> = easy:unset("proxy"):dup()
    errors.matches("proxy", function() copy:setopt("proxy", tiny.url):perform() end)
    local fresh <close> = easy:dup():reset():setopt { url = url, timeout = 20 }
    errors.failed("REFUSED", "", fresh:perform())
    assert.equal(before, traffic())
  end)

  it("is not gone round by an easy that dials the proxy itself", function()
    local before = traffic()
    local function to_proxy(port)
      return function(_, address)
        address.ip, address.port = "127.0.0.1", port
        return true
      end
    end
    for _, port in ipairs { tiny.port, socks.port } do
      local body, message = result({}, "http://93.184.216.34/", {
        opensocketfunction = to_proxy(port),
      })
      assert.equal("REFUSED", body, message)
    end
    assert.equal(before, traffic())
  end)

  it("is not gone round by a redirect to what only the proxy reaches", function()
    -- The first hop goes by the proxy, and so does the next: what the guard has let pass.
    local to = web.url .. "/hello"
    local options = { proxy = tiny.url, followlocation = true, timeout = 20 }
    local url = web.url .. "/redirect?to=" .. to
    assert.equal("hello\n", (result({ proxy = "127.0.0.1:" .. tiny.port }, url, options)))
    -- By noproxy the next one is dialled here, and judged.
    options.noproxy = "localhost"
    url = web.url .. "/redirect?to=" .. to:gsub("127%.0%.0%.1", "localhost")
    assert.equal("REFUSED", (result({ proxy = "127.0.0.1:" .. tiny.port }, url, options)))
  end)

  it("judges the first of two proxies, which the other is behind", function()
    local second = "socks5h://127.0.0.1:" .. socks.port
    local options = { proxy = tiny.url, pre_proxy = second, httpproxytunnel = true, timeout = 20 }
    local url = web.url .. "/hello"
    assert.equal("REFUSED", (result({ proxy = "127.0.0.1:" .. tiny.port }, url, options)))
    assert.equal("hello\n", (result({ proxy = "127.0.0.1:" .. socks.port }, url, options)))
  end)

  it("has no proxy of the environment, and with proxy= only those that it names", function()
    local before = traffic()
    local script = [[
      local curl = require "curlsock"
      local policy = require "curlsock.policy"
      local policies = require "spec.support.policies"
      local function fetch(guard)
        local multi <close> = curl.multi { policy = policy.compose { policy.guard(guard) } }
        local easy <close> = curl.easy { url = %q, timeout = 20, writefunction = function() end }
        multi:add(easy)
        require("spec.support.transfers").drive(multi)
        local _, ok, _, name = multi:results()(multi)
        multi:remove(easy)
        return ok or name
      end
      print(fetch {}, fetch { proxy = "10.0.0.1:1" })
      print(fetch { proxy = %q })
    ]]
    local function run(variable, proxy)
      return left.pass(script:format(web.url .. "/hello", proxy:match "//(.*)"), {
        [variable] = proxy, no_proxy = "",
      })
    end
    local refused, passed = "REFUSED\tREFUSED\n", "true\n"
    assert.equal(refused .. passed, run("http_proxy", tiny.url))
    assert.equal(before + 1, traffic())
    assert.equal(refused .. passed, run("all_proxy", "socks5h://127.0.0.1:" .. socks.port))
  end)

  it("passes a proxy's address as an origin where libcurl does not say which it is", function()
    local body, message = result({ proxy = "127.0.0.1:" .. web.port }, web.url .. "/hello",
      { proxy = "" })
    assert.equal(tells_proxy and "REFUSED" or "hello\n", body, message)
  end)
end)

describe("Other policies", function()
  it("limit: the pool has as many connections as it says, through proxies, too", function()
    local rules = policy.compose { policy.limit { open = 2 } }
    local multi <close>, most = curl.multi { policy = rules }, 0
    local list = {}
    for i = 1, 8 do
      list[i] = curl.easy(proxies.options(proxies.ways["SOCKS5"], "/hello")):setopt {
        writefunction = function() most = math.max(most, #multi:connections()) end,
      }
      multi:add(list[i])
    end
    assert.equal(8, transfers.drive_well(multi))
    assert.truthy(most >= 1 and most <= 2, most)
    for _, easy in ipairs(list) do
      multi:remove(easy)
      easy:close()
    end
  end)

  it("limit: body counts what came through a proxy", function()
    local rules = policy.compose { policy.limit { body = 3 } }
    assert.equal("REFUSED", select(3, fetch(rules, proxies.ways["HTTP"])))
  end)

  it("bind: the socket to the proxy has the source address", function()
    local rules = policy.compose { policy.bind { inet = "127.0.0.9" } }
    local all = proxies.options(proxies.ways["CONNECT"], "/hello")
    local from
    local multi <close> = curl.multi { policy = rules }
    local easy <close> = curl.easy(all)
    easy:setopt("prereqfunction", function(_, ip)
      from = ip
      return true
    end)
    assert.equal("hello\n", transfers.fetch_in(multi, easy))
    assert.equal("127.0.0.9", from)
  end)

  it("route: a host by a proxy is asked of the proxy, not routed", function()
    local rules = policy.compose { policy.route { ["routed.invalid"] = "127.0.0.1:" .. web.port } }
    local url = "http://routed.invalid/hello"
    assert.equal("hello\n", (policies.fetch(rules, url, { proxy = "" })))
    local before = traffic()
    local body, _, name = policies.fetch(rules, url, { proxy = tiny.url })
    assert.is_nil(body)
    assert.truthy(name, "it fails")
    assert.equal(before + 1, traffic())
  end)
end)
