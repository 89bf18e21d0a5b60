-- A policy belongs to a pool: its hooks are asked about every socket, last, whatever the easies
-- say; what would lead around it is fenced. csrc/curl/policy.h.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local function no() return false, "no" end
local function yes() return true end

-- An easy that is performed in a pool of the kind ("easy", "multi", "share", "share in multi"):
-- what it gives.
local kinds = { "easy", "multi", "share", "share in multi" }

local function in_pool(kind, policy, options, body)
  policy = curl.type(policy) and policy or curl.policy(policy)
  options.proxy = options.proxy or ""
  options.writefunction = body or function() end
  if kind == "easy" then
    options.policy = policy
    local easy <close> = curl.easy(options)
    return easy:perform()
  end
  local share <close> = kind:find "share" and curl.share { share = "connect", policy = policy }
  if share then options.share = share end
  local easy <close> = curl.easy(options)
  if kind == "share" then return easy:perform() end
  local multi <close> = curl.multi { policy = policy }
  return transfers.run(multi, easy)
end

describe("curl.policy", function()
  it("is a Policy", function()
    local p = curl.policy { name = "p" }
    assert.equal("policy", curl.type(p))
    assert.matches("^policy p: ", tostring(p))
    assert.equal("p", p.name)
    assert.is_nil(p.open)
  end)

  it("raises for an unknown field, a wrong type, and names it", function()
    errors.matches("unknown field \"opn\": did you mean 'open'%?", curl.policy, { opn = no })
    errors.matches("policy: unknown field 1", curl.policy, { no })
    errors.matches("policy: unknown field .* %(rules are made by policy.compose{...}%)", curl.easy,
      { policy = require("curlsock.policy").guard() })
    errors.matches("policy.open: function expected, got boolean", curl.policy, { open = true })
    errors.matches("policy.name: string expected, got number", curl.policy, { name = 1 })
    errors.matches("policy.max_body: positive integer", curl.policy, { max_body = 0 })
    errors.matches("policy.fence: table expected", curl.policy, { fence = 1 })
  end)

  it("raises for what cannot stand in a fence", function()
    errors.matches('unknown option "prxy"', curl.policy, { fence = { prxy = "" } })
    errors.matches("'timeout' cannot stand in a fence", curl.policy, { fence = { timeout = 1 } })
    errors.matches("'writefunction' cannot", curl.policy, { fence = { writefunction = no } })
    errors.matches("'doh_url' can only be false", curl.policy, { fence = { doh_url = "" } })
    errors.matches("twice, by two names", curl.policy,
      { fence = { protocols = 1, protocols_str = "http" } })
    errors.matches("option 'proxy'.*string expected", curl.policy, { fence = { proxy = 1 } })
    errors.matches("option 'proxy'.*CR", curl.policy, { fence = { proxy = "a\rb" } })
    errors.matches("option 'netrc'", curl.policy, { fence = { netrc = "many" } })
  end)

  it("is taken once, when a pool is made", function()
    local easy <close> = curl.easy()
    local multi <close> = curl.multi()
    local share <close> = curl.share()
    for _, handle in ipairs { easy, multi, share } do
      errors.matches("'policy': it is given when", handle.setopt, handle, "policy", {})
      errors.matches("'policy': it is given when", handle.setopt, handle, { policy = {} })
    end
    errors.matches("'policy': Policy or table expected, got number", curl.easy, { policy = 1 })
    errors.matches("'policy': a share without \"connect\"", curl.share,
      { share = "dns", policy = {} })
    curl.share { share = "connect", policy = { policy = curl.policy {} } }:close()
  end)

  it("lets the options of its table be", function()
    local options = { url = "http://127.0.0.1/", policy = {} }
    curl.easy(options):close()
    assert.is_table(options.policy)
  end)
end)

describe("open of a policy", function()
  for _, kind in ipairs(kinds) do
    describe("in a pool of kind " .. kind, function()
      it("refuses, with its reason, as REFUSED", function()
        local ok, message, name = in_pool(kind, { name = "p", open = no },
          { url = easies.url "/hello" })
        assert.same({ nil, "REFUSED" }, { ok, name })
        assert.matches("127%.0%.0%.1:%d+ refused: p: no$", message)
      end)

      it("is asked last, and only true or a Socket is a yes", function()
        for _, answer in ipairs { 1, "yes", {} } do
          local _, _, name = in_pool(kind, { open = function() return answer end },
            { url = easies.url "/hello", opensocketfunction = yes })
          assert.equal("REFUSED", name)
        end
        local _, _, nothing = in_pool(kind, { open = function() end },
          { url = easies.url "/hello" })
        assert.equal("REFUSED", nothing)
        assert.is_true(in_pool(kind, { open = yes }, { url = easies.url "/hello" }))
      end)

      it("sees the address that the easy's callback left", function()
        local seen
        local ok = in_pool(kind, { open = function(_, address)
          seen = address:copy()
          return true
        end }, { url = "http://192.0.2.1/hello", opensocketfunction = function(_, address)
            address.ip, address.port = "127.0.0.1", servers.nginx().port
            return true
          end })
        assert.is_true(ok)
        assert.equal("127.0.0.1:" .. servers.nginx().port, tostring(seen))
      end)

      it("may change the address", function()
        local body = {}
        local ok = in_pool(kind, { open = function(_, address)
          address.ip, address.port = "127.0.0.1", servers.nginx().port
          return true
        end }, { url = "http://192.0.2.1/hello" }, body)
        assert.is_true(ok)
        assert.equal("hello\n", table.concat(body))
      end)

      it("ends the transfer with what it throws", function()
        local thrown = {}
        local policy = { open = function() error(thrown) end }
        if kind:find "multi" then
          assert.same({ nil, thrown, "CALLBACK" },
            { in_pool(kind, policy, { url = easies.url "/hello" }) })
        else
          assert.equal(thrown, errors.thrown(in_pool, kind, policy, { url = easies.url "/hello" }))
        end
      end)

      it("gets the easy, its Socket and a yes that is a Socket of its own", function()
        local own = curl.socket("inet", "stream")
        local seen, mine
        local policy = { open = function(purpose, address, easy, socket)
          seen = { purpose, curl.type(easy), socket }
          mine = address:socket()
          return mine
        end }
        local closed
        local ok = in_pool(kind, policy, { url = easies.url "/close",
          opensocketfunction = function() return own end,
          closesocketfunction = function(socket) closed = socket end })
        assert.is_true(ok)
        assert.same({ "ipcxn", "easy", own }, seen)
        assert.equal("owned", own:state())
        assert.equal(mine, closed)
        own:close()
      end)
    end)
  end

  it("closes the integer that the easy gave, when it refuses", function()
    local fd
    local policy = curl.policy { open = no }
    local easy <close> = easies.plain("/hello", { policy = policy,
      opensocketfunction = function()
        fd = curl.socket("inet", "stream"):detach()
        return fd
      end })
    assert.equal("REFUSED", select(3, easy:perform()))
    assert.is_nil(transfers.target(fd))
    assert.same({ asked = 1, opened = 0, refused = 1, reused = 0 }, policy:stats())
  end)

  it("is asked about FTP's listening socket as \"listen\"", function()
    local seen = {}
    local easy <close> = curl.easy { url = servers.vsftpd().url .. "/hello.txt", proxy = "",
      ftpport = "-", writefunction = function() end,
      policy = {
        open = function(purpose) seen[#seen + 1] = purpose return true end,
        sockopt = function(socket, purpose)
          seen[#seen + 1] = purpose .. (purpose == "accept" and socket:peeraddress().ip or "")
          return true
        end,
      } }
    assert.is_true(easy:perform())
    assert.same({ "ipcxn", "ipcxn", "listen", "accept127.0.0.1" }, seen)
  end)

  it("does not let another transfer's connection by: nothing unjudged is in the pool", function()
    local policy = curl.policy { open = yes }
    local multi <close> = curl.multi { policy = policy }
    for i = 1, 3 do
      local easy <close> = easies.plain "/hello"
      assert.equal("hello\n", transfers.fetch_in(multi, easy))
      assert.equal(i - 1, policy:stats().reused)
    end
    assert.equal(1, policy:stats().asked)
  end)

  it("sees the zone of a URL, which libcurl adds later", function()
    local seen
    local easy <close> = curl.easy { url = "http://u@[fe80::1%25lo]:1/", proxy = "", policy = {
      open = function(_, address) seen = address.scope_id return false end } }
    easy:perform()
    assert.is_true(seen > 0)
  end)
end)

describe("sockopt of a policy", function()
  for _, kind in ipairs(kinds) do
    it("only goes on for true, in a pool of kind " .. kind, function()
      local ok, message, name = in_pool(kind, { name = "p", sockopt = function() end },
        { url = easies.url "/hello" })
      assert.same({ nil, "REFUSED" }, { ok, name })
      assert.matches("p: not allowed$", message)
      assert.is_true(in_pool(kind, { sockopt = yes }, { url = easies.url "/hello" }))
    end)
  end

  it("comes after the easy's own", function()
    local order = {}
    local easy <close> = easies.new("/hello", {
      sockoptfunction = function() order[#order + 1] = "easy" end,
      policy = { sockopt = function(socket, purpose, e)
        order[#order + 1] = socket:state() .. purpose .. curl.type(e)
        return true
      end } })
    assert.is_true(easy:perform())
    assert.same({ "easy", "lentipcxneasy" }, order)
  end)
end)

describe("start of a policy", function()
  for _, kind in ipairs(kinds) do
    it("is asked first, in a pool of kind " .. kind, function()
      local seen = {}
      local options = { url = easies.url "/hello", opensocketfunction = function()
        seen[#seen + 1] = "open"
        return true
      end }
      local ok = in_pool(kind, { start = function(easy, url, hop)
        seen[#seen + 1] = { curl.type(easy), url, hop }
        return true
      end }, options)
      assert.is_true(ok)
      assert.same({ { "easy", options.url, 0 }, "open" }, seen)
    end)
  end

  it("refuses perform and add, with its reason", function()
    local policy = curl.policy { name = "p", start = no }
    local easy <close> = easies.plain("/hello", { policy = policy })
    assert.same({ nil, "p: no", "REFUSED" }, { easy:perform() })
    local multi <close> = curl.multi { policy = policy }
    assert.same({ nil, "p: no", "REFUSED" }, { multi:add(easy) })
    assert.same({}, multi:easies())
    assert.equal(2, policy:stats().refused)
  end)

  it("may close the easy, or start it", function()
    local easy <close> = easies.plain "/hello"
    local other <close> = curl.multi()
    local multi <close> = curl.multi { policy = { start = function(e) e:close() return true end } }
    errors.matches("easy is closed", multi.add, multi, easy)
    local busy <close> = easies.plain "/hello"
    local third <close> = curl.multi { policy = { start = function(e)
      other:add(e)
      return true
    end } }
    errors.matches("in a multi already", third.add, third, busy)
  end)

  it("is asked again for a redirect, before a byte of the request is sent", function()
    local hops = {}
    local easy <close> = easies.new("/redirect?to=/hello", { followlocation = true, policy = {
      name = "p",
      start = function(_, url, hop)
        hops[#hops + 1] = hop .. url:match "^%a+://[^/]+(.*)"
        return hop == 0, "not there"
      end } })
    local ok, message, name = easy:perform()
    assert.same({ nil, "REFUSED" }, { ok, name })
    assert.matches("p: not there$", message)
    assert.same({ "0/redirect?to=/hello", "1/hello" }, hops)
  end)

  it("is asked before the name that a redirect leads to is resolved", function()
    local order = {}
    local easy <close> = easies.new("/redirect?to=http://nowhere.invalid/", {
      followlocation = true, resolver_start_function = function()
        order[#order + 1] = "resolver"
      end, policy = { start = function(_, _, hop)
        order[#order + 1] = hop
        return hop == 0
      end } })
    assert.equal("REFUSED", select(3, easy:perform()))
    assert.same({ 0, "resolver", 1 }, order) -- the first is for 127.0.0.1
  end)
end)

describe("what a policy is told", function()
  it("request comes before each request, with whether the connection is kept", function()
    local seen = {}
    local easy <close>, body = easies.new("/hello", { policy = {
      request = function(socket, e, kept)
        seen[#seen + 1] = { curl.type(socket), curl.type(e), kept }
      end } })
    easies.fetch(easy, body)
    easies.fetch(easy, body)
    assert.same({ { "socket", "easy", false }, { "socket", "easy", true } }, seen)
  end)

  it("close comes once for each socket, after the easy's own, and outlives pools", function()
    for _, kind in ipairs(kinds) do
      local order = {}
      in_pool(kind, { close = function(socket) order[#order + 1] = "policy" .. socket:state() end },
        { url = easies.url "/hello", closesocketfunction = function(socket)
          order[#order + 1] = socket:state()
        end })
      assert.same({ "closing", "policyclosing" }, order, kind)
    end
  end)

  it("what close throws is an error of the call", function()
    local easy = easies.new("/hello", { policy = { close = function() error("boom", 0) end } })
    assert(easy:perform())
    assert.equal("boom", errors.thrown(easy.close, easy))
  end)
end)

describe("who decides", function()
  local p, q = curl.policy { name = "p" }, curl.policy { name = "q" }

  it("is the pool's owner, and an easy's own policy must be the same", function()
    local multi <close> = curl.multi { policy = p }
    local plain <close> = easies.plain "/hello"
    local same <close> = easies.plain("/hello", { policy = p })
    local other <close> = easies.plain("/hello", { policy = q })
    assert.is_true((transfers.run(multi, plain)))
    assert.is_true((transfers.run(multi, same)))
    errors.matches("multi:add: the easy has a policy of its own", multi.add, multi, other)
    local none <close> = curl.multi()
    errors.matches("multi:add: the easy has a policy of its own", none.add, none, same)
    local share <close> = curl.share { share = "connect", policy = p }
    errors.matches("'share': the easy has a policy of its own", other.setopt, other, "share", share)
    same:setopt("share", share)
    assert.is_true(same:perform())
  end)

  it("refuses a share with connections and a multi whose policies differ", function()
    for _, pair in ipairs { { p, q }, { p, nil }, { nil, p } } do
      local share <close> = curl.share { share = "connect", policy = pair[1] }
      local multi <close> = curl.multi { policy = pair[2] }
      local easy <close> = easies.plain("/hello", { share = share })
      errors.matches("multi:add: the policies of the multi and", multi.add, multi, easy)
      assert.same({}, multi:easies())
    end
  end)

  it("two reads of one table are two policies", function()
    local t = { open = yes }
    local share <close> = curl.share { share = "connect", policy = t }
    local multi <close> = curl.multi { policy = t }
    local easy <close> = easies.plain("/hello", { share = share })
    errors.matches("differ", multi.add, multi, easy)
  end)

  it("is kept by reset and copied by dup", function()
    local easy <close> = easies.plain("/hello", { policy = { open = no } })
    easy:reset()
    easy:setopt { url = easies.url "/hello", proxy = "" }
    assert.equal("REFUSED", select(3, easy:perform()))
    local copy <close> = easy:dup()
    assert.equal("REFUSED", select(3, copy:perform()))
  end)
end)

describe("the fence", function()
  it("is set on an easy that enters, and taken back when it is elsewhere", function()
    local proxy = servers.nginx() -- any server: the request would have another form there
    local easy <close>, body = easies.new("/hello", { proxy = nil })
    easy:unset "proxy"
    local to_elsewhere = { "::127.0.0.1:" .. proxy.port }
    local multi <close> = curl.multi { policy = { fence = { connect_to = to_elsewhere } } }
    easy:setopt("url", "http://192.0.2.1/hello")
    assert.is_true((transfers.run(multi, easy)))
    assert.equal("hello\n", table.concat(body))
    easy:setopt { connecttimeout = 0.05 }
    assert.is_nil((easy:perform()))
  end)

  it("raises for what the script has set, and lets an equal value be", function()
    local multi <close> = curl.multi { policy = { name = "p", fence = {
      proxy = "", netrc = 0, unix_socket_path = false } } }
    local easy <close> = easies.plain "/hello" -- proxy = ""
    assert.is_true((transfers.run(multi, easy)))
    easy:setopt("netrc", 0)
    assert.is_true((transfers.run(multi, easy)))
    for name, value in pairs { proxy = "http://127.0.0.1:1", netrc = "required",
      unix_socket_path = "/tmp/x", abstract_unix_socket = "x" } do
      local wrong <close> = easies.plain("/hello", nil):setopt(name, value)
      local stored = name:find "unix" and "unix_socket_path" or name
      errors.matches("multi:add: option '" .. stored .. "' is set to what policy p", multi.add,
        multi, wrong)
      assert.same({}, multi:easies())
    end
    easy:reset()
    easy:setopt { url = easies.url "/hello", proxy = "" }
    assert.is_true((transfers.run(multi, easy)))
  end)

  it("asks a function about other values", function()
    local asked = {}
    local policy = curl.policy { name = "p", fence = {
      protocols_str = { "http,https", function(value)
        asked[#asked + 1] = value
        return value == "http"
      end },
      httpauth = function(names)
        for _, name in ipairs(names) do
          if name == "negotiate" then return false end
        end
        return true
      end } }
    local narrow <close> = easies.new("/hello", { policy = policy, protocols_str = "http" })
    assert.is_true(narrow:perform())
    local wide <close> = easies.new("/hello", { policy = policy, protocols_str = "http,ftp" })
    errors.matches("option 'protocols_str'", wide.perform, wide)
    local twin <close> = easies.new("/hello", { policy = policy, protocols = 1 })
    errors.matches("option 'protocols_str'", twin.perform, twin)
    assert.same({ "http", "http,ftp", 1 }, asked)
    local auth <close> = easies.new("/hello", { policy = policy, httpauth = { "basic", "digest" } })
    assert.is_true(auth:perform())
    auth:setopt("httpauth", { "basic", "negotiate" })
    errors.matches("option 'httpauth'", auth.perform, auth)
  end)

  it("holds against setopt and unset while the easy is in", function()
    local multi <close> = curl.multi { policy = { name = "p", fence = {
      proxy = "", connect_to = { "a:1:b:2" }, interface = false } } }
    local easy <close> = easies.plain "/hello"
    multi:add(easy)
    errors.matches("setopt: option 'proxy' is set to what policy p", easy.setopt, easy,
      "proxy", "http://127.0.0.1")
    errors.matches("option 'proxy'", easy.unset, easy, "proxy")
    errors.matches("option 'interface'", easy.setopt, easy, { interface = "lo" })
    errors.matches("option 'connect_to'", easy.setopt, easy, { connect_to = {} })
    easy:setopt("proxy", "")
    easy:unset "interface"
    multi:remove(easy)
    easy:setopt("interface", "lo")
    errors.matches("option 'interface'", multi.add, multi, easy)
    easy:unset "interface"
    multi:add(easy)
  end)

  it("is no option of a duplicate", function()
    local multi <close> = curl.multi { policy = { fence = { protocols_str = "https" } } }
    local easy <close> = easies.plain "/hello"
    assert.is_nil((transfers.run(multi, easy)))
    local copy <close> = easy:dup()
    assert.is_true(copy:perform())
    assert.is_true(easy:perform())
  end)

  it("knows libcurl's defaults: an easy that has left works as before", function()
    local values = { proxy = "http://127.0.0.1:1", noproxy = "x", interface = "127.0.0.9",
      protocols_str = "ftp", redir_protocols_str = "ftp", localport = 1, localportrange = 1,
      netrc = "required", unrestricted_auth = 1, maxredirs = 0, followlocation = 0,
      fresh_connect = 1, forbid_reuse = 1, http_version = "1.0", maxfilesize = 1,
      ssl_verifypeer = 0, ssl_verifyhost = 0, address_scope = 7, resolve = { "a:1:127.0.0.1" } }
    local strict = curl.policy { fence = values }
    local multi <close> = curl.multi { policy = strict }
    local easy <close>, body = easies.new("/redirect?to=/hello", { proxy = nil, noproxy = nil })
    easy:unset "proxy"
    assert.is_nil((transfers.run(multi, easy)))
    easy:setopt { followlocation = true, proxy = "" }
    assert.equal("hello\n", easies.fetch(easy, body))
    assert.equal(1, easy:getinfo "redirect_count")
    assert.equal("hello\n", easies.fetch(easy, body)) -- kept: forbid_reuse is gone
    assert.equal(0, easy:getinfo "num_connects")
  end)

  it("keeps DNS over HTTPS out of every policy's pool", function()
    local easy <close> = easies.plain("/hello", { policy = {}, doh_url = "https://127.0.0.1/" })
    errors.matches("option 'doh_url' is set to what policy of this pool", easy.perform, easy)
  end)
end)

describe("under every policy", function()
  it("TFTP is refused", function()
    local easy <close> = curl.easy { url = "tftp://127.0.0.1/x", proxy = "", policy = {} }
    local ok, message, name = easy:perform()
    assert.same({ nil, "REFUSED" }, { ok, name })
    assert.matches("datagram", message)
  end)

  it("max_body ends what delivers more", function()
    local easy <close>, body = easies.new("/hello", { policy = { name = "p", max_body = 6 } })
    assert.equal("hello\n", easies.fetch(easy, body))
    local small <close> = easies.new("/hello", { policy = { name = "p", max_body = 5 } })
    local ok, message, name = small:perform()
    assert.same({ nil, "REFUSED" }, { ok, name })
    assert.matches("p: the body is over 5 bytes$", message)
  end)

  it("max_header ends what has more headers, and counts those of each answer", function()
    local big <close> = easies.plain("/redirect?to=/hello", { followlocation = true,
      policy = { name = "p", max_header = 300 } })
    local ok, message, name = big:perform()
    assert.same({ nil, "REFUSED" }, { ok, name })
    assert.matches("p: the headers are over 300 bytes$", message)
    local easy <close> = easies.plain("/hello", { policy = { max_header = 300 } })
    assert.is_true(easy:perform())
  end)

  it("a transfer whose server is dead is not REFUSED", function()
    local easy <close> = curl.easy { url = "http://127.0.0.1:1/", proxy = "",
      policy = { open = yes } }
    assert.equal("COULDNT_CONNECT", select(3, easy:perform()))
    local own <close> = easies.plain("/hello", { policy = { open = yes }, opensocketfunction = no })
    assert.equal("COULDNT_CONNECT", select(3, own:perform()))
  end)

  it("a multi has the options of its pool, and keeps them", function()
    local multi <close> = curl.multi { policy = { pool = { max_total_connections = 2 } } }
    errors.matches("'max_total_connections': the policy of the multi sets it", multi.setopt, multi,
      "max_total_connections", 9)
    multi:setopt("maxconnects", 9)
  end)
end)

describe("policy:revoke", function()
  it("ends what is kept, and what is in use when its transfer ends", function()
    local policy = curl.policy { name = "p", open = yes }
    local multi <close> = curl.multi { policy = policy }
    local slow <close> = easies.plain("/slow?rate=512k", { writefunction = function() end })
    assert.equal("hello\n", transfers.fetch_in(multi, (easies.plain "/hello")))
    local kept = multi:connections()[1].socket
    multi:add(slow)
    transfers.drive(multi, function() return slow:getinfo "size_download" > 0 end)
    assert.equal(kept, slow:socket())
    assert.equal(0, policy:revoke())
    assert.equal(1, transfers.drive_well(multi))
    assert.same({}, multi:connections())
    assert.equal("hello\n", transfers.fetch_in(multi, (easies.plain "/hello")))
    assert.equal(2, policy:stats().opened)
    assert.equal(1, policy:revoke())
  end)

  -- From 8.22 on libcurl looks whether a kept connection is alive once a second, no more.
  it("costs the requests that come at once nothing but new connections", function()
    local policy = curl.policy { open = yes }
    local multi <close> = curl.multi { policy = policy }
    local looks_seldom = curl.version_info().version_num >= 0x081600
    assert.equal("hello\n", transfers.fetch_in(multi, (easies.plain "/hello")))
    assert.equal(1, policy:revoke())
    for i = 2, 3 do
      assert.equal("hello\n", transfers.fetch_in(multi, (easies.plain "/hello")))
      assert.equal(looks_seldom and i or 2, policy:stats().opened)
    end
  end)

  it("lets one that was added before it go on by a new connection", function()
    local policy = curl.policy { open = yes }
    local multi <close> = curl.multi { policy = policy }
    assert.equal("hello\n", transfers.fetch_in(multi, (easies.plain "/hello")))
    local easy <close> = easies.plain("/hello", { writefunction = function() end })
    multi:add(easy)
    assert.equal(1, policy:revoke())
    assert.equal(1, transfers.drive_well(multi))
    assert.same({}, multi:connections())
    assert.equal(2, policy:stats().opened)
  end)

  it("takes back from those that ran what it has set, a second later at most", function()
    local policy = curl.policy {}
    local easy <close>, body = easies.new("/hello", { policy = policy })
    easies.fetch(easy, body)
    assert.equal(1, policy:revoke())
    easies.fetch(easy, body)
    assert.equal(1, easy:getinfo "num_connects")
    os.execute "sleep 1.1"
    easies.fetch(easy, body)
    assert.equal(0, easy:getinfo "num_connects")
  end)

  it("is refused inside a callback of a pool, and of what is no Policy", function()
    local policy, message = curl.policy {}, nil
    local easy <close> = easies.plain("/hello", { policy = policy, writefunction = function()
      message = select(2, pcall(policy.revoke, policy))
    end })
    assert.is_true(easy:perform())
    assert.matches("policy:revoke is not allowed inside a callback", message)
    errors.matches("curlsock.policy expected", policy.revoke, {})
  end)
end)

describe("curl.default_policy", function()
  it("is for every pool that is made from then on, and set once", function()
    local script = [[
      local curl = require "curlsock"
      local old = curl.easy { url = "http://127.0.0.1:1/", proxy = "" }
      curl.default_policy { name = "default", open = function() return false, "no" end }
      local new = curl.easy { url = "http://127.0.0.1:1/", proxy = "" }
      local multi = curl.multi { policy = { open = function() return true end } }
      multi:add(new)
      while multi:perform() > 0 do multi:poll(1) end
      local _, _, _, given = multi:results()(multi)
      multi:remove(new)
      local _, message = new:perform()
      print(select(3, old:perform()), message:match "default: no", given,
        pcall(curl.default_policy, {}))
    ]]
    local said = process.output(process.lua() .. " -e " .. process.quote(script))
    assert.matches("^COULDNT_CONNECT\tdefault: no\tCOULDNT_CONNECT\tfalse\t", said)
  end)
end)
