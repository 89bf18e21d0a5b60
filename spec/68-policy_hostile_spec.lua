-- What a policy asks may do anything: close handles, start transfers, change the easy that is
-- judged. Nothing of that gets round the policy, and nothing crashes.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local policies = require "curlsock.policy"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local function yes() return true end

local function collect()
  collectgarbage()
  collectgarbage()
end

-- What a policy refuses, noting the address that is dialled.
local function seer(fields)
  local seen = {}
  fields.open = function(_, address)
    seen[#seen + 1] = tostring(address)
    return false, "seen"
  end
  return curl.policy(fields), seen
end

local elsewhere = "http://192.0.2.1:9/"
local changed = "the policy's functions have changed"

describe("start of a policy that", function()
  it("closes the pool and refuses", function()
    local easy
    local multi
    local function refuse(handle)
      return function()
        handle():close()
        collect()
        return false, "no"
      end
    end
    easy = easies.plain("/hello", { policy = { name = "p",
      start = refuse(function() return easy end) } })
    assert.same({ nil, "p: no", "REFUSED" }, { easy:perform() })
    multi = curl.multi { policy = { name = "p", start = refuse(function() return multi end) } }
    local other <close> = easies.plain "/hello"
    assert.same({ nil, "p: no", "REFUSED" }, { multi:add(other) })
  end)

  it("sets an option that is fenced", function()
    local policy, seen = seer { fence = { proxy = "" }, start = function(easy)
      easy:setopt("proxy", "http://127.0.0.1:1")
      return true
    end }
    local easy <close> = easies.new(elsewhere)
    easy:unset "proxy"
    local multi <close> = curl.multi { policy = policy }
    errors.matches("multi:add: " .. changed, multi.add, multi, easy)
    errors.matches("option 'proxy' is set to what", multi.add, multi, easy)
    assert.same({}, seen)
    assert.same({}, multi:easies())
  end)

  it("takes the easy through another pool", function()
    local other <close> = curl.multi()
    local policy, seen = seer { fence = { connect_to = { "::127.0.0.1:9" } }, start = function(easy)
      other:add(easy)
      other:remove(easy)
      return true
    end }
    local multi <close> = curl.multi { policy = policy }
    local easy <close> = easies.plain(elsewhere)
    errors.matches("multi:add: " .. changed, multi.add, multi, easy)
    assert.same({}, seen)
  end)

  it("changes the URL, or resets", function()
    for _, change in ipairs {
      function(easy) easy:setopt("url", elsewhere) end,
      function(easy) easy:unset "url" end,
      function(easy) easy:reset() end,
    } do
      local easy <close> = easies.plain("/hello", { policy = { start = function(easy)
        change(easy)
        return true
      end } })
      errors.matches("easy:perform: " .. changed, easy.perform, easy)
    end
  end)

  it("moves the easy to another share", function()
    local plain <close> = curl.share { share = "connect" }
    local share <close> = curl.share { share = "connect", policy = { start = function(easy)
      easy:setopt("share", plain)
      return true
    end } }
    local easy <close> = easies.plain("/hello", { share = share })
    errors.matches("easy:perform: " .. changed, easy.perform, easy)
  end)

  it("performs the easy once more", function()
    local inside = 0
    local easy <close> = easies.plain("/hello", { policy = { start = function(e)
      inside = inside + 1
      return inside > 1 or e:perform()
    end } })
    assert.is_true(easy:perform())
    assert.equal(2, inside)
  end)
end)

describe("the function of a fence that", function()
  local function fence(act)
    return { name = "p", fence = { connect_to = { "a:1:b:2" }, netrc = 0, httpauth = function()
      act()
      return true
    end } }
  end

  it("closes the easy or the multi", function()
    local easy, multi
    local function close(handle) handle:close() collect() end
    easy = easies.plain("/hello", { httpauth = "basic",
      policy = fence(function() close(easy) end) })
    errors.matches("easy is closed", easy.perform, easy)
    local other <close> = easies.plain("/hello", { httpauth = "basic" })
    multi = curl.multi { policy = fence(function() close(multi) end) }
    errors.matches("multi is closed", multi.add, multi, other)
    assert.is_true(other:perform())
  end)

  it("puts the easy into another multi, which it enters as that wants it", function()
    local other <close> = curl.multi()
    local easy <close>, body = easies.new("/hello", { httpauth = "basic" })
    local multi <close> = curl.multi { policy = { fence = {
      connect_to = { "::127.0.0.1:1" }, httpauth = function()
        other:add(easy)
        return true
      end } } }
    errors.matches("in a multi already", multi.add, multi, easy)
    transfers.drive(other)
    assert.is_true(transfers.only_result(other))
    assert.equal("hello\n", table.concat(body))
  end)

  it("sets another option, which was looked at", function()
    local easy
    local policy = curl.policy { fence = { netrc = 0, proxyauth = function()
      easy:setopt("netrc", "required")
      return true
    end } }
    easy = easies.plain("/hello", { policy = policy, netrc = 0, proxyauth = "basic" })
    errors.thrown(easy.perform, easy) -- that, or what it has set, if that was looked at later
    errors.matches("option 'netrc' is set to what", easy.perform, easy)
    easy:close()
  end)
end)

describe("a Policy", function()
  it("may be used by a finalizer after its own", function()
    local said = {}
    local last = setmetatable({}, { __gc = function(t)
      said = { pcall(t.policy.stats, t.policy) }
      said[3] = tostring(t.policy)
      said[4] = t.policy.name
      said[5], said[6] = pcall(curl.multi, { policy = t.policy })
    end })
    last.policy = curl.policy { name = "late" } -- its finalizer is called first
    last = nil
    collect()
    assert.is_nil(last)
    assert.is_false(said[1])
    assert.matches("the Policy has been collected", said[2])
    assert.matches("^policy late", said[3])
    assert.equal("late", said[4])
    assert.is_false(said[5])
    assert.matches("'policy': Policy or table expected", said[6])
  end)

  it("whose options the multi does not take is freed", function() -- seen by the sanitizer
    errors.matches("unknown multi option", curl.multi, { policy = { pool = { nonsense = 1 } } })
    errors.matches("'maxconnects'", curl.multi, { policy = { pool = { maxconnects = "x" } } })
  end)

  it("of a share decides as long as easies use that, also when it is closed", function()
    local policy, seen = seer { name = "p", fence = { netrc = 0 } }
    local share = curl.share { share = "connect", policy = policy }
    local easy <close> = easies.plain("/hello", { share = share })
    local multi <close> = curl.multi { policy = policy }
    share:close()
    share, policy = nil, nil
    collect()
    assert.is_nil(share or policy)
    assert.equal("REFUSED", select(3, easy:perform()))
    assert.equal("REFUSED", select(3, transfers.run(multi, easy)))
    assert.equal(2, #seen)
    multi:add(easy)
    errors.matches("option 'netrc'", easy.setopt, easy, "netrc", "required")
  end)
end)

describe("a redirect", function()
  -- The web server, and how many connections it has accepted there.
  local function counted()
    local listener = assert(curl.socket("inet", "stream"))
    assert(listener:bind "127.0.0.1:0")
    assert(listener:listen(8))
    return listener, "http://" .. tostring(listener:localaddress()) .. "/"
  end

  it("that start refuses dials nothing, also where the host is a number", function()
    local listener <close>, to = counted()
    local opened = {}
    local easy <close> = easies.new("/redirect?to=" .. to, { followlocation = true, policy = {
      start = function(_, _, hop) return hop == 0, "not there" end,
      open = function(_, address)
        opened[#opened + 1] = address.port
        return true
      end } })
    local ok, message, name = easy:perform()
    assert.same({ nil, "REFUSED" }, { ok, name })
    assert.matches("not there$", message)
    assert.same({ servers.nginx().port }, opened)
    assert.is_nil((listener:accept(0)))
  end)

  it("start is asked about a URL that a callback has set", function()
    local asked = {}
    local easy
    easy = easies.plain("/hello", { policy = { start = function(_, url, hop)
      asked[#asked + 1] = { url, hop }
      return true
    end }, opensocketfunction = function(_, _, e)
      e:setopt("url", easies.url "/other")
      return true
    end, writefunction = yes })
    assert.is_true(easy:perform())
    assert.same({ { easies.url "/hello", 0 }, { easies.url "/other", 0 } }, asked)
    easy:close()
  end)
end)

describe("what open of a policy sees", function()
  local function seen_at(url, options)
    local seen = {}
    options.policy = { open = function(purpose, address, _, socket)
      seen[#seen + 1] = { purpose, tostring(address), address.socktype, socket }
      return false
    end }
    local easy <close> = easies.plain(url, options)
    easy:perform()
    return table.unpack(seen[1])
  end

  it("is the zone of option address_scope, too", function()
    local _, address = seen_at("http://[fe80::1]:1/", { address_scope = 7 })
    assert.matches("%%7%]:1$", address)
    local set <close> = curl.easy { url = "http://[fe80::1]:1/", proxy = "", policy = {
      fence = { address_scope = 5 }, open = function(_, a)
        address = a.scope_id
        return false
      end } }
    set:perform()
    assert.equal(5, address)
    local _, own = seen_at("http://[fe80::1%251]:1/", { address_scope = 7,
      opensocketfunction = function(_, a)
        a.scope_id = 9
        return true
      end })
    assert.matches("%%1%]:1$", own) -- what libcurl will make of it
  end)

  it("is no listening socket where the easy's callback has put a port", function()
    assert.equal("listen", (seen_at("http://127.0.0.1:0/", {})))
    assert.equal("ipcxn", (seen_at("http://127.0.0.1:0/", { opensocketfunction = function(_, a)
      a.port = 1
      return true
    end })))
  end)

  it("is the type of the easy's own Socket", function()
    local own <close> = curl.socket("inet", "dgram")
    local _, _, socktype, socket = seen_at("http://127.0.0.1:1/", { opensocketfunction = function()
      return own
    end })
    assert.same({ "dgram", own }, { socktype, socket })
  end)

  it("is what is dialled, also if the Address is changed later", function()
    local listener <close> = assert(curl.socket("inet", "stream"))
    assert(listener:bind "127.0.0.1:0")
    assert(listener:listen(8))
    local port = listener:localaddress().port
    local easy <close> = easies.new("/hello", { fresh_connect = true, policy = {
      open = function(_, address)
        setmetatable({}, { __gc = function() address.port = port end })
        return true
      end } })
    finally(function() collectgarbage("incremental", 200, 100, 13) end)
    collectgarbage("incremental", 1, 1000, 1)
    for _ = 1, 50 do assert.is_true(easy:perform()) end
    assert.is_nil((listener:accept(0)))
  end)

  it("is a Socket that nobody connects meanwhile", function()
    local easy <close> = easies.new("/hello", {
      opensocketfunction = function(_, address) return address:socket() end,
      policy = { open = function(_, address, _, socket)
        assert(socket:connect(address, 1))
        return true
      end } })
    errors.matches("was connected while it was judged", easy.perform, easy)
  end)
end)

describe("a socket that the script connects by another descriptor of it", function()
  local takes_connected = curl.version_info().version_num > 0x075801

  local function listener()
    local socket = assert(curl.socket("inet", "stream"))
    assert(socket:bind "127.0.0.1:0")
    assert(socket:listen(8))
    return socket, socket:localaddress()
  end

  -- The options of an easy whose socket is connected to that address when it is shown: what its
  -- sockoptfunction answers then.
  local function connecting(to, answer)
    local own
    return { opensocketfunction = function(_, address)
      own = address:socket()
      return { getfd = function() return own:fd() end }
    end, sockoptfunction = function()
      assert(own:connect(to, 1))
      return answer
    end, timeout = 0.3 }
  end

  it("is judged by its peer, whatever sockoptfunction says of it", function()
    local there <close>, to = listener()
    for _, answer in ipairs { true, takes_connected and "connected" or nil } do
      local seen = {}
      local options = connecting(to, answer)
      options.policy = { open = function(_, address)
        seen[#seen + 1] = address.port
        return address.port ~= to.port, "not there"
      end }
      local easy <close> = easies.plain("/hello", options)
      local _, message, name = easy:perform()
      assert.same({ servers.nginx().port, to.port }, seen)
      assert.equal("REFUSED", name)
      assert.matches("not there$", message)
      local socket <close> = there:accept(1)
      assert.equal("", (socket:recv(100, 1)) or "")
    end
  end)

  it("is opened and closed once for a composition", function()
    local there <close>, to = listener()
    local told = {}
    local options = connecting(to, takes_connected and "connected" or true)
    options.policy = policies.compose { { name = "p", judge = yes,
      prepare = function(_, address) told[#told + 1] = "prepare " .. address.port return true end,
      opened = function(_, address) told[#told + 1] = "opened " .. address.port end,
      closed = function() told[#told + 1] = "closed" end } }
    local easy = easies.plain("/hello", options)
    easy:perform()
    easy:close()
    assert.same({ "prepare " .. to.port, "opened " .. to.port, "closed" }, told)
    there:close()
  end)
end)
