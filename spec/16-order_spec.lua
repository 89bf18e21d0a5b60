-- A table of options means the same whatever order its keys are in: of an easy, a multi, a share.

local curl = require "curlsock"
local servers = require "spec.support.servers"

local ORDERS = 20

local function web()
  return servers.nginx()
end

local function shuffled(list)
  local copy = table.move(list, 1, #list, 1, {})
  for i = #copy, 2, -1 do
    local j = math.random(i)
    copy[i], copy[j] = copy[j], copy[i]
  end
  return copy
end

-- The same keys and values in another order: others that take their places go afterwards.
local function reordered(options)
  local keys, fillers, copy = {}, {}, {}
  for key in pairs(options) do keys[#keys + 1] = key end
  for i = 1, math.random(0, 60) do fillers[i] = "filler" .. math.random(1000000) end
  table.move(fillers, 1, #fillers, #keys + 1, keys)
  for _, key in ipairs(shuffled(keys)) do
    if options[key] == nil then copy[key] = true else copy[key] = options[key] end
  end
  for _, key in ipairs(fillers) do copy[key] = nil end
  return copy
end

local function order_of(options)
  local keys = {}
  for key in pairs(options) do keys[#keys + 1] = key end
  return table.concat(keys, " ")
end

-- Calls f with the options in many orders: at least two of them differ.
local function in_orders(options, f)
  local first = order_of(options)
  local differ = false
  for i = 1, 1000 do
    local copy = reordered(options)
    differ = differ or order_of(copy) ~= first
    if i <= ORDERS or differ then f(copy) end
    if i >= ORDERS and differ then return end
  end
  error("one order only")
end

-- What the web server answers for a path.
local function answer(path, options)
  local body = {}
  local easy <close> = assert(curl.easy { url = web().url .. path, proxy = "" })
  assert(easy:setopt(options))
  assert(easy:setopt("writefunction", body):perform())
  return table.concat(body)
end

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^%s]+:%d+: ", ""))
end

describe("a table of options", function()
  local methods = {
    { "POST", { postfields = "x", upload = false } },
    { "POST", { postfields = "x", httpget = true } },
    { "POST", { postfields = "", nobody = false, post = false, httpheader = { "X-Test: a" } } },
    { "POST", { post = true, nobody = true, postfieldsize = 0, timeout = 10 } },
    { "PUT", { upload = true, httpget = 0, nobody = 0.0, infilesize = 0 } },
    { "GET", { upload = false, httpget = true, post = 0 } },
    { "HEAD", { nobody = true, post = false, upload = false } },
  }
  for i, case in ipairs(methods) do
    it(("sets one method, %s: %d"):format(case[1], i), function()
      in_orders(case[2], function(options)
        local easy <close> = assert(curl.easy { url = web().url .. "/method", proxy = "" })
        assert(easy:setopt(options):perform())
        assert.equal(case[1], easy:getinfo("effective_method"))
      end)
    end)
  end

  it("is the same for the constructor", function()
    local options = { url = web().url .. "/method", proxy = "", postfields = "x", httpget = true,
      upload = false, nobody = false }
    in_orders(options, function(copy)
      local easy <close> = curl.easy(copy)
      assert(easy:perform())
      assert.equal("POST", easy:getinfo("effective_method"))
    end)
  end)

  it("has the size of the body after the body", function()
    in_orders({ postfields = "abcdef", postfieldsize = 3, timeout = 10 }, function(options)
      assert.equal("3\n", answer("/upload", options))
    end)
  end)

  it("has the user name after what has user name and password", function()
    in_orders({ username = "user", userpwd = "other:secret", httpauth = "basic" },
      function(options)
        local easy <close> = assert(curl.easy { url = web().url .. "/private", proxy = "" })
        assert(easy:setopt(options):perform())
        assert.equal(200, easy:getinfo("response_code"))
      end)
  end)

  it("has the share first, and a cookie after all that has to do with cookies", function()
    in_orders({ cookiefile = "", cookiesession = true,
      cookielist = "Set-Cookie: a=1; domain=127.0.0.1; path=/" }, function(options)
        local share <close> = curl.share { share = "cookie" }
        options.share = share
        local body = answer("/header", options)
        assert.equal("a=1", body:match "([^\n]*)\n$")
      end)
  end)

  it("has what hides the progress after what shows it", function()
    local calls = 0
    local function count() calls = calls + 1 end
    in_orders({ xferinfofunction = count, noprogress = true }, function(options)
      answer("/hello", options)
    end)
    assert.equal(0, calls)
    in_orders({ xferinfofunction = count, noprogress = false }, function(options)
      answer("/hello", options)
    end)
    assert.truthy(calls >= ORDERS)
  end)

  it("may have many options", function()
    local options = {
      accept_encoding = "", autoreferer = true, buffersize = 20000,
      connecttimeout = 5, cookie = "c", cookiefile = "", crlf = false, dirlistonly = false,
      dns_cache_timeout = 5, failonerror = false, filetime = true, followlocation = true,
      forbid_reuse = true, fresh_connect = true, header = false, http_version = "1.1",
      httpget = true, ipresolve = "v4", login_options = "x", low_speed_limit = 1,
      low_speed_time = 100, maxconnects = 3, maxredirs = 3, nobody = false, noproxy = "*",
      password = "p", path_as_is = true, port = web().port, postredir = 7, proxy = "",
      range = "0-9", referer = "r", tcp_keepalive = true, tcp_nodelay = true, timeout = 10,
      transfertext = false, upload = false, url = "http://127.0.0.1/header", useragent = "many",
      userpwd = "a:b", verbose = false,
    }
    in_orders(options, function(copy)
      local body = {}
      copy.writefunction = body
      local easy <close> = curl.easy(copy)
      assert(easy:perform())
      assert.equal("\nmany\nr\nc\n", table.concat(body))
    end)
  end)

  it("raises before anything is set when a name is unknown", function()
    in_orders({ useragent = "new", referer = "new", bogus = 1, timeout = 10 }, function(options)
      local easy <close> = assert(curl.easy { url = web().url .. "/header", proxy = "" })
      assert.equal("unknown option 'bogus'", message_of(easy.setopt, easy, options))
      local body = {}
      assert(easy:setopt("writefunction", body):perform())
      assert.is_nil(table.concat(body):find "new")
    end)
  end)
end)

describe("one table", function()
  local twins = {
    { "accept_encoding", "encoding", "" },
    { "httpheader", "rtspheader", {} },
    { "post301", "postredir", 1 },
    { "keypasswd", "sslkeypasswd", "x" },
    { "timeout", "timeout_ms", 1 },
    { "connecttimeout", "connecttimeout_ms", 1 },
    { "infilesize", "infilesize_large", 1 },
    { "resume_from", "resume_from_large", 1 },
    { "maxfilesize", "maxfilesize_large", 1 },
    { "timevalue", "timevalue_large", 1 },
    { "postfieldsize", "postfieldsize_large", 1 },
    { "protocols_str", "protocols", "http", 1 },
    { "redir_protocols_str", "redir_protocols", "http", 1 },
    { "abstract_unix_socket", "unix_socket_path", "x" },
    { "proxy_service_name", "socks5_gssapi_service", "x" },
    { "copypostfields", "postfields", "x" },
    { "mimepost", "postfields", {}, "x" },
    { "httppost", "mimepost", {} },
    { "put", "upload", true, false },
    { "put", "upload", false, true },
  }
  for _, case in ipairs(twins) do
    local a, b, x, y = table.unpack(case)
    local value = type(x) == "table" and "{}" or tostring(x)
    it(("cannot have %s and %s (%s)"):format(a, b, value), function()
      local names = { a, b }
      table.sort(names)
      local expected = ("options '%s' and '%s' set the same: one table has both")
        :format(names[1], names[2])
      local easy <close> = curl.easy()
      for _ = 1, ORDERS do
        local options = reordered { [a] = x, [b] = y == nil and x or y, useragent = "x" }
        assert.equal(expected, message_of(easy.setopt, easy, options))
        assert.equal(expected, message_of(curl.easy, options))
      end
    end)
  end

  it("can have what is stored in two places", function()
    local easy <close> = curl.easy { userpwd = "a:b", username = "a", password = "b",
      proxyuserpwd = "a:b", proxyusername = "a", timeout = 1, connecttimeout_ms = 1,
      accepttimeout_ms = 1, max_recv_speed_large = 1, sslcert = "x", useragent = "" }
    assert.truthy(easy)
    assert.equal(easy, easy:setopt("timeout", 1):setopt("timeout_ms", 1))
  end)
end)

describe("a table of options of a multi", function()
  it("raises before anything is set when a name is unknown", function()
    in_orders({ max_total_connections = 1, maxconnects = 1, bogus = 1 }, function(options)
      local multi <close> = curl.multi()
      assert.equal('unknown multi option "bogus"', message_of(multi.setopt, multi, options))
      local easies = {}
      for i = 1, 3 do
        easies[i] = assert(curl.easy { url = web().url .. "/slow?rate=1m", proxy = "" })
        multi:add(easies[i])
      end
      multi:perform()
      while #curl.sockets() < 3 and multi:perform() > 0 do multi:poll(0.05) end
      assert.equal(3, #curl.sockets())
      for i = 1, 3 do easies[i]:close() end
    end)
  end)

  it("is set in one order: the first wrong value is always the same", function()
    in_orders({ pipelining = "a", maxconnects = "b", timerfunction = "c", socketfunction = "d" },
      function(options)
        assert.equal("option 'pipelining': integer from 0 to 2147483647 expected, got string",
          message_of(curl.multi, options))
        options.pipelining, options.maxconnects = nil, nil
        assert.equal("option 'socketfunction': function expected, got string",
          message_of(curl.multi, options))
      end)
  end)
end)

describe("a table of options of a share", function()
  it("shares first, then unshares", function()
    in_orders({ share = { "cookie", "dns" }, unshare = "cookie" }, function(options)
      local share <close> = curl.share(options)
      local one <close> = curl.easy { share = share, cookiefile = "",
        cookielist = "Set-Cookie: a=1; domain=x.test; path=/" }
      local other <close> = curl.easy { share = share, cookiefile = "" }
      assert.equal(1, #one:getinfo("cookielist"))
      assert.equal(0, #other:getinfo("cookielist"))
    end)
  end)

  it("raises before anything is set when a name is unknown", function()
    in_orders({ share = "cookie", bogus = "dns" }, function(options)
      local share <close> = curl.share()
      assert.truthy(message_of(share.setopt, share, options):find 'unknown share option "bogus"')
      local one <close> = curl.easy { share = share, cookiefile = "",
        cookielist = "Set-Cookie: a=1; domain=x.test; path=/" }
      local other <close> = curl.easy { share = share, cookiefile = "" }
      assert.equal(1, #one:getinfo("cookielist"))
      assert.equal(0, #other:getinfo("cookielist"))
    end)
  end)
end)
