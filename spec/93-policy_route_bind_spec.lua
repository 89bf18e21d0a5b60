-- policy.route and policy.bind, on real servers.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

local fetch, guard = policies.fetch, policies.guard

local function rules_of(...)
  return policy.compose { ... }
end

-- A server that answers by its name.
local function server(name, options)
  return servers.script(([[
    local server = ...
    while true do
      local client = server:accept()
      repeat
        local line = client:receive("*l")
        if line and line:find("^Host:") then host = line end
        if line == "" then
          client:send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s")
        end
      until not line
      client:close()
    end]]):format(#name, name), options)
end

describe("policy.route", function()
  local app, other

  setup(function()
    app, other = server("app", { unix = true }), server("other")
  end)

  teardown(function()
    servers.stop(app)
    servers.stop(other)
  end)

  local function routes()
    return policy.route {
      app = "unix:" .. app.unix, ["other:8080"] = "127.0.0.1:" .. other.port, plain = "127.0.0.1",
    }
  end

  local function spelled(text)
    return (text:gsub("PORT", servers.nginx().port))
  end

  for url, body in pairs {
    ["http://app/"] = "app", ["HTTP://APP/"] = "app", ["http://app:1/"] = "app",
    ["http://x@app/"] = "app", ["http://x:y@app:99/path?app"] = "app", ["app/"] = "app",
    ["http://other:8080/"] = "other", ["http://plain:PORT/hello"] = "hello\n",
    ["http://app:x@127.0.0.1:PORT/hello"] = "hello\n",
    ["http://127.0.0.1:PORT/hello?http://app/#app"] = "hello\n",
    ["http://app@127.0.0.1:PORT/hello"] = "hello\n",
  } do
    it("sends " .. url .. " where libcurl's host leads", function()
      assert.equal(body, fetch(rules_of(routes()), spelled(url)))
    end)
  end

  it("leaves other ports and hosts alone", function()
    local body, _, name = fetch(rules_of(routes()), "http://other:8081/")
    assert.same({ nil, "COULDNT_RESOLVE_HOST" }, { body, name })
    body = fetch(rules_of(routes()), "http://apps/")
    assert.is_nil(body)
  end)

  it("follows redirects to a host that it has", function()
    local url = servers.nginx().url .. "/redirect?to=http://app/"
    assert.equal("app", fetch(rules_of(routes()), url, { followlocation = true }))
  end)

  it("keeps the script's own connect_to", function()
    local options = { connect_to = { "mine::127.0.0.1:" .. other.port } }
    assert.equal("other", fetch(rules_of(routes()), "http://mine/", options))
    assert.equal("app", fetch(rules_of(routes()), "http://app/", options))
  end)

  it("keeps its connections, apart from those of others", function()
    local rules = rules_of(routes())
    local multi <close> = curl.multi { policy = rules }
    for _ = 1, 3 do assert.equal("app", policies.fetch_in(multi, "http://app/")) end
    assert.equal(2, rules:stats().reused)
    local options = { resolve = { "app.test:80:127.0.0.1" } }
    local body = policies.fetch_in(multi, "http://app.test/", options)
    assert.not_equal("app", body)
  end)

  it("is judged by where it leads", function()
    local body, message, name = fetch(rules_of(routes(), guard()), "http://app/")
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("guard: it is a UNIX socket", message, 1, true)
    local allowed = policy.allow { "unix:" .. app.unix }
    for _, list in ipairs {
      { routes(), guard(), allowed }, { allowed, guard(), routes() },
      { guard(), routes(), allowed },
    } do
      assert.equal("app", fetch(policy.compose(list), "http://app/"))
    end
    local there = policy.route { public = "10.0.0.1" }
    assert.equal("REFUSED", (select(3, fetch(rules_of(guard(), there), "http://public/"))))
  end)

  it("takes functions, Addresses and Sockets", function()
    local asked = 0
    local port = other.port
    local rules = rules_of(policy.route {
      a = curl.address("127.0.0.1:" .. port),
      b = function(address, easy)
        asked = asked + 1
        assert(curl.type(address) == "address" and curl.type(easy) == "easy")
        return "127.0.0.1:" .. port
      end,
      c = function() return nil, "not today" end,
      d = function() end,
    })
    assert.equal("other", fetch(rules, "http://a/"))
    assert.equal("other", fetch(rules, "http://b/"))
    assert.equal(1, asked)
    assert.matches("route: not today", (select(2, fetch(rules, "http://c/"))), 1, true)
    local message = select(2, fetch(rules, "http://d/"))
    assert.matches("route: the function gives no address", message, 1, true)
  end)

  it("gives libcurl a Socket that is connected already, once", function()
    local socket = curl.socket("inet")
    assert(socket:connect("127.0.0.1:" .. other.port, 5))
    local body, message, name = fetch(rules_of(policy.route { a = socket }, guard()), "http://a/")
    if name == "NOT_SUPPORTED" then -- libcurl 7.88
      socket:close()
      return
    end
    assert.equal("other", body, message)
    local unconnected <close> = curl.socket("inet")
    body, message = fetch(rules_of(policy.route { a = unconnected }), "http://a/")
    assert.is_nil(body)
    assert.matches("the Socket is not connected", message, 1, true)
  end)

  it("raises for what is no host and no place", function()
    errors.matches("table of hosts expected, got nil", policy.route)
    for _, key in ipairs { "a b", "http://a/", "a@b", "", "a:b" } do
      errors.matches("host, or host and port expected", policy.route, { [key] = "127.0.0.1" })
    end
    errors.matches("a: address, Socket or function expected, got \"nowhere\"", policy.route,
      { a = "nowhere" })
    errors.matches("got boolean", policy.route, { a = true })
  end)
end)

describe("policy.bind", function()
  local echo

  -- Says who has connected.
  setup(function()
    echo = servers.script [[
      local server = ...
      while true do
        local client = server:accept()
        repeat
          local line = client:receive("*l")
          local peer = client:getpeername() or "?"
          if line == "" then
            client:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#peer, peer))
          end
        until not line
        client:close()
      end]]
  end)

  teardown(function() servers.stop(echo) end)

  it("gives a source address", function()
    assert.equal("127.0.0.1", fetch(rules_of(policy.bind {}), echo.url))
    assert.equal("127.0.0.9", fetch(rules_of(policy.bind { inet = "127.0.0.9" }), echo.url))
  end)

  it("refuses the other family, where it has no address for it", function()
    local body, message, name = fetch(rules_of(policy.bind { inet6 = "::1" }), echo.url)
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("bind: no source address for inet", message, 1, true)
  end)

  it("refuses an address that is not this host's", function()
    local body, message, name = fetch(rules_of(policy.bind { inet = "192.0.2.1" }), echo.url)
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("bind: .*192.0.2.1", message)
  end)

  it("sets options before it connects, and refuses what the system refuses", function()
    local seen
    local look = {
      name = "look",
      opened = function(socket)
        seen = { socket:getsockopt("ip", "tos") }
      end,
    }
    local bound = policy.bind {
      priority = system.linux and 3 or nil, options = { { "ip", "tos", 16 } },
    }
    assert.equal("127.0.0.1", fetch(rules_of(look, bound), echo.url))
    assert.equal(16, seen[1])
    local body, message, name = fetch(rules_of(policy.bind { device = "none0" }), echo.url)
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("bind: ", message, 1, true)
    body, message = fetch(rules_of(policy.bind { options = { { "tcp", "nothing", 1 } } }), echo.url)
    assert.is_nil(body)
    assert.truthy(message)
  end)

  it("comes after the easy's own sockoptfunction", function()
    local tos
    local rules = rules_of(policy.bind { options = { { "ip", "tos", 16 } } }, {
      name = "look", opened = function(socket) tos = socket:getsockopt("ip", "tos") end,
    })
    assert.equal("127.0.0.1", fetch(rules, echo.url, {
      sockoptfunction = function(socket) socket:setsockopt("ip", "tos", 8) end,
    }))
    assert.equal(16, tos)
  end)

  it("forbids the options that libcurl would apply later", function()
    for name, value in pairs { interface = "127.0.0.1", localport = 4000, localportrange = 5 } do
      errors.matches("option '" .. name .. "'", fetch, rules_of(policy.bind {}), echo.url,
        { [name] = value })
    end
  end)

  it("lets UNIX sockets alone", function()
    local rules = rules_of(policy.bind { inet = "127.0.0.9", mark = 1, priority = 3 })
    local options = { unix_socket_path = servers.nginx().unix }
    assert.equal("hello\n", fetch(rules, "http://x/hello", options))
  end)

  it("raises for other options and values", function()
    errors.matches("unknown option 'source'", policy.bind, { source = "127.0.0.1" })
    errors.matches("inet: address of that family", policy.bind, { inet = "::1" })
    errors.matches("inet6: address of that family", policy.bind, { inet6 = "127.0.0.1" })
    errors.matches("inet: address of that family", policy.bind, { inet = "127.0.0.1:80" })
    errors.matches("mark: integer expected", policy.bind, { mark = "1" })
    errors.matches("options: list of", policy.bind, { options = { { "ip", "tos" } } })
    errors.matches("table of options expected", policy.bind, "127.0.0.1")
  end)
end)

describe("A name that is routed", function()
  it("is asked of no name server", function()
    local lua = process.lua()
    if not process.output("command -v strace") then return pending("strace is not installed") end
    local path = servers.nginx().unix
    local script = ([[
      local curl, policy = require "curlsock", require "curlsock.policy"
      local rules = policy.compose { policy.route { app = "unix:%s" } }
      local easy = curl.easy { url = "http://app/hello", policy = rules, writefunction = {} }
      assert(easy:perform())]]):format(path)
    local file = servers.dir() .. "/routed.lua"
    process.write(file, script)
    finally(function() os.remove(file) end)
    local calls = process.output(("strace -f -e trace=connect,sendto %s %s 2>&1"):format(lua, file))
    assert.matches("AF_UNIX", calls, 1, true)
    assert.is_nil(calls:find("AF_INET", 1, true), calls)
  end)
end)
