-- The share: what several easies have in common, and how long it lives.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"

local fetch, thrown = easies.fetch, errors.message
local version = curl.version_info()
local web

local function has_feature(name)
  for _, feature in ipairs(version.features) do
    if feature == name then
      return true
    end
  end
  return false
end

-- An easy for a path of the web server, or a URL, and the list that its body goes to.
local function new(path, share, options)
  local easy, body = easies.new(path, options)
  return easy:setopt("share", share), body
end

-- The body for that path with an easy that exists for this transfer only.
local function get(path, share, options)
  local easy <close>, body = new(path, share, options)
  return fetch(easy, body)
end

-- The server's number of the connection that the transfer used.
local function connection(share, options)
  return assert(get("/connection", share, options):match("^(%d+) "))
end

setup(function()
  web = servers.nginx()
end)

describe("curl.share", function()
  it("shares nothing without options", function()
    local share <close> = curl.share()
    get("/cookie", share, { cookiefile = "" })
    assert.equal("\n\n\n\n", get("/header", share, { cookiefile = "" }))
    assert.not_equal(connection(share), connection(share))
  end)

  it("takes one kind, or a list of kinds", function()
    for _, kinds in ipairs { "cookie", { "cookie" }, { "dns", "cookie", "ssl_session" } } do
      local share <close> = curl.share { share = kinds }
      get("/cookie", share, { cookiefile = "" })
      assert.equal("\n\n\nseen=yes\n", get("/header", share, { cookiefile = "" }))
    end
  end)

  for kind, feature in pairs { psl = "PSL", hsts = "HSTS" } do
    it(has_feature(feature) and "shares " .. kind
      or "fails for " .. kind .. ", that this libcurl was built without", function()
      local before = curl.live().share
      local share, message, name = curl.share { share = kind }
      if has_feature(feature) then
        assert.equal(before + 1, curl.live().share)
        share:close()
      else
        assert.same({ "option 'share': Feature not enabled in this library", "NOT_SUPPORTED" },
          { message, name })
        assert.is_nil(share)
      end
      assert.equal(before, curl.live().share)
    end)
  end

  it("throws for an unknown kind and an unknown option", function()
    local kinds = '"connect", "cookie", "dns", "hsts", "psl", "ssl_session", or a list of them'
    assert.equal("option 'share': " .. kinds .. " expected, got string",
      thrown(curl.share, { share = "cookies" }))
    assert.equal("option 'share': " .. kinds .. " expected, got boolean",
      thrown(curl.share, { share = { "dns", true } }))
    assert.equal('unknown share option "cookie": "share" or "unshare" expected',
      thrown(curl.share, { cookie = true }))
  end)
end)

describe("share:setopt", function()
  it("returns the share, with a name and with a table", function()
    local share <close> = curl.share()
    assert.equal(share, share:setopt("share", "cookie"))
    assert.equal(share, share:setopt { share = { "dns", "connect" } })
  end)

  it("with unshare takes back what was shared", function()
    local share <close> = curl.share { share = "cookie" }
    share:setopt("unshare", "cookie")
    get("/cookie", share, { cookiefile = "" })
    assert.equal("\n\n\n\n", get("/header", share, { cookiefile = "" }))
  end)

  it("fails while an easy uses the share, and changes nothing", function()
    local share <close> = curl.share { share = "cookie" }
    local easy <close> = new("/hello", share)
    for _, option in ipairs { "share", "unshare" } do
      local ok, message, name = share:setopt(option, "cookie")
      assert.same({ n = 3, nil, "option '" .. option .. "': Share currently in use", "IN_USE" },
        { n = 3, ok, message, name })
    end
    easy:close()
    get("/cookie", share, { cookiefile = "" })
    assert.equal("\n\n\nseen=yes\n", get("/header", share, { cookiefile = "" }))
  end)

  it("refuses to unshare connections, which libcurl would lose", function()
    local share <close> = curl.share { share = "connect" }
    local first = connection(share)
    assert.equal("option 'unshare': connections cannot be unshared",
      thrown(share.setopt, share, "unshare", "connect"))
    assert.equal("option 'unshare': connections cannot be unshared",
      thrown(share.setopt, share, { unshare = { "connect" } }))
    assert.equal(first, connection(share))
    assert.equal(1, #curl.sockets())
  end)

  it("keeps the connections when they are shared a second time", function()
    local share <close> = curl.share { share = "connect" }
    local first = connection(share)
    assert.equal(share, share:setopt("share", "connect"))
    assert.equal(share, share:setopt("share", { "connect", "connect" }))
    assert.equal(first, connection(share))
    assert.equal(1, #curl.sockets())
  end)
end)

describe("shared cookies", function()
  it("that one easy got are sent by another", function()
    local share <close> = curl.share { share = "cookie" }
    get("/cookie", share, { cookiefile = "" })
    assert.equal("\n\n\nseen=yes\n", get("/header", share, { cookiefile = "" }))
  end)

  it("are not those of an easy outside the share", function()
    local share <close> = curl.share { share = "cookie" }
    get("/cookie", share, { cookiefile = "" })
    assert.equal("\n\n\n\n", get("/header", nil, { cookiefile = "" }))
  end)

  it("do not make the share a pool: each easy has its own connections", function()
    local share <close> = curl.share { share = "cookie" }
    local easy <close>, body = new("/hello", share)
    fetch(easy, body)
    assert.equal(easy, curl.sockets()[1].pool)
  end)
end)

describe("shared names", function()
  it("are known to every easy", function()
    local share <close> = curl.share { share = "dns" }
    local host = ("shared.test:%d"):format(web.port)
    local url = "http://" .. host .. "/hello"
    assert.equal("hello\n", get(url, share, { resolve = { host .. ":127.0.0.1" } }))
    assert.equal("hello\n", get(url, share))
  end)
end)

describe("shared TLS sessions", function()
  local function offers_session(share)
    local offered = false
    get(web.https_url .. "/close", share, {
      cainfo = web.ca,
      verbose = true,
      debugfunction = function(kind, data)
        offered = offered or kind == "text" and data:find("SSL re%-?using session") ~= nil
      end,
    })
    return offered
  end

  it("are offered by the next easy", function()
    local share <close> = curl.share { share = "ssl_session" }
    assert.is_false(offers_session(share))
    assert.is_true(offers_session(share))
  end)

  it("are not offered by an easy outside the share", function()
    local share <close> = curl.share { share = "ssl_session" }
    offers_session(share)
    assert.is_false(offers_session())
  end)
end)

describe("shared connections", function()
  it("of one easy are reused by another, also when the first is closed", function()
    local share <close> = curl.share { share = "connect" }
    assert.equal(connection(share), connection(share))
    assert.equal(1, #curl.sockets())
  end)

  it("belong to the share, which is their pool", function()
    local share <close> = curl.share { share = "connect" }
    connection(share)
    assert.equal(share, curl.sockets()[1].pool)
  end)

  it("are reused from one multi to another, and outlive both", function()
    local share <close> = curl.share { share = "connect" }
    local seen = {}
    for i = 1, 2 do
      local multi <close> = curl.multi()
      local easy <close>, body = new("/connection", share)
      multi:add(easy)
      while assert(multi:perform()) > 0 do
        multi:poll(1)
      end
      assert.equal(share, curl.sockets()[1].pool)
      multi:remove(easy)
      seen[i] = table.concat(body):match("^%d+")
    end
    assert.equal(seen[1], seen[2])
    assert.equal(1, #curl.sockets())
  end)

  it("that are busy are not reused: a second one is opened", function()
    local share <close> = curl.share { share = "connect" }
    local multi <close> = curl.multi()
    for _ = 1, 2 do
      multi:add((new("/slow?rate=4m", share)))
    end
    while assert(multi:perform()) > 0 do
      multi:poll(1)
    end
    assert.equal(2, #curl.sockets())
  end)

  it("call the close callback of the easy that opened them, when the share closes", function()
    local share = curl.share { share = "connect" }
    local closed = {}
    local function options(name)
      return {
        closesocketfunction = function(socket)
          closed[#closed + 1] = { name, socket }
        end,
      }
    end
    local first = connection(share, options "first")
    local socket = curl.sockets()[1].socket
    assert.equal(first, connection(share, options "second"))
    assert.same({}, closed)
    share:close()
    assert.same({ { "first", socket } }, closed)
    assert.equal(socket, closed[1][2])
    assert.equal("closed", socket:state())
  end)
end)

describe("a share in use", function()
  it("is closed with its last easy, and works until then", function()
    local before = curl.live().share
    local share = curl.share { share = { "connect", "cookie" } }
    local a, body_a = new("/cookie", share, { cookiefile = "" })
    local b, body_b = new("/header", share, { cookiefile = "" })
    share:close()
    assert.equal("share (closed)", tostring(share):match("^[^:]+"))
    fetch(a, body_a)
    assert.equal("\n\n\nseen=yes\n", fetch(b, body_b))
    assert.equal(0, b:getinfo("num_connects"))
    a:close()
    assert.equal(before + 1, curl.live().share)
    assert.equal(1, #curl.sockets())
    b:close()
    assert.equal(before, curl.live().share)
    assert.same({}, curl.sockets())
  end)

  it("is collected with its last easy, not before, when nothing else mentions it", function()
    local before = curl.live().share
    do
      local easy <close>, body = new("/hello", (curl.share { share = "connect" }))
      collectgarbage()
      collectgarbage()
      assert.equal("hello\n", fetch(easy, body))
      assert.equal(before + 1, curl.live().share)
      assert.equal(1, #curl.sockets())
    end
    collectgarbage()
    assert.equal(before, curl.live().share)
    assert.same({}, curl.sockets())
  end)

  it("is closed when the last easy gives it up", function()
    local before = curl.live().share
    local share = curl.share { share = "connect" }
    local easy <close>, body = new("/hello", share)
    fetch(easy, body)
    share:close()
    assert.equal(before + 1, curl.live().share)
    easy:unset("share")
    assert.equal(before, curl.live().share)
    assert.equal("hello\n", fetch(easy, body))
    assert.equal(easy, curl.sockets()[1].pool)
  end)

  it("is closed when the last easy takes another", function()
    local before = curl.live().share
    local first, second <close> = curl.share(), curl.share { share = "connect" }
    local easy <close>, body = new("/hello", first)
    first:close()
    easy:setopt("share", second)
    assert.equal(before + 1, curl.live().share)
    assert.equal("hello\n", fetch(easy, body))
    assert.equal(second, curl.sockets()[1].pool)
  end)

  it("takes no new easies after close", function()
    local share = curl.share()
    local _ <close> = new("/hello", share)
    share:close()
    local other <close> = curl.easy()
    assert.equal("option 'share': open share expected, got curlsock.share",
      thrown(other.setopt, other, "share", share))
  end)
end)

describe("the option share of an easy", function()
  it("cannot change while the easy is in a multi", function()
    local share <close> = curl.share { share = "connect" }
    local multi <close> = curl.multi()
    local easy <close>, body = new("/hello")
    multi:add(easy)
    local message = "option 'share': the easy is in a multi"
    assert.equal(message, thrown(easy.setopt, easy, "share", share))
    assert.equal(message, thrown(easy.unset, easy, "share"))
    while assert(multi:perform()) > 0 do
      multi:poll(1)
    end
    assert.equal("hello\n", table.concat(body))
    assert.equal(multi, curl.sockets()[1].pool)
  end)

  it("survives a reset", function()
    local share <close> = curl.share { share = "connect" }
    local easy <close>, body = new("/hello", share)
    easy:reset()
    easy:setopt { url = web.url .. "/hello", proxy = "", writefunction = body }
    fetch(easy, body)
    assert.equal(share, curl.sockets()[1].pool)
    assert.equal("IN_USE", (select(3, share:setopt("share", "dns"))))
  end)

  it("is not copied to a dup", function()
    local share <close> = curl.share { share = "connect" }
    local easy <close>, body = new("/hello", share)
    local copy <close> = easy:dup()
    fetch(copy, body)
    assert.equal(copy, curl.sockets()[1].pool)
  end)

  it("unset goes back to connections of the easy's own", function()
    local share <close> = curl.share { share = "connect" }
    local easy <close>, body = new("/connection", share)
    local first = fetch(easy, body):match("^%d+")
    easy:unset("share")
    assert.not_equal(first, (fetch(easy, body):match("^%d+")))
    assert.equal(2, #curl.sockets())
  end)
end)

describe("tostring(share)", function()
  it("tells an open share from a closed one", function()
    local share = curl.share()
    local address = tostring(share):match("^share: (0x%x+)$")
    assert.is_string(address)
    share:close()
    assert.equal("share (closed): " .. address, tostring(share))
  end)
end)

describe("share:close", function()
  it("returns nothing, and does nothing the second time", function()
    local before = curl.live().share
    local share = curl.share { share = "connect" }
    assert.equal(0, select("#", share:close()))
    assert.equal(before, curl.live().share)
    assert.equal(0, select("#", share:close()))
    assert.equal(before, curl.live().share)
  end)

  it("twice with an easy in use does not free it twice", function()
    local before = curl.live().share
    local share = curl.share { share = "connect" }
    local easy, body = new("/hello", share)
    share:close()
    share:close()
    assert.equal("hello\n", fetch(easy, body))
    easy:close()
    share:close()
    assert.equal(before, curl.live().share)
  end)

  it("makes setopt throw", function()
    local share = curl.share()
    share:close()
    surface.assert_closed("share", share)
  end)

  it("happens at the end of a <close> variable, and when it is collected", function()
    local before = curl.live().share
    do
      local share <close> = curl.share { share = "connect" }
      connection(share)
    end
    assert.equal(before, curl.live().share)
    assert.same({}, curl.sockets())
    do
      local share = curl.share { share = "connect" }
      connection(share)
      assert.equal(1, #curl.sockets())
    end
    collectgarbage()
    assert.equal(before, curl.live().share)
    assert.same({}, curl.sockets())
  end)
end)
