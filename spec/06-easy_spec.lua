-- The easy: one transfer on a real server. Constructor, setopt, perform, reset, dup, unset,
-- close, and what getinfo tells afterwards.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"

local new, fetch, get, thrown = easies.new, easies.fetch, easies.get, errors.message
local web

-- What a failed perform returns.
local function failure(path, options)
  local easy <close> = new(path, options)
  return easy:perform()
end

local function contains(text, part)
  assert.truthy(text:find(part, 1, true), ("%q is not in %q"):format(part, text))
end

-- The server's number of the connection, and of the request on it.
local function connection(easy, body)
  local number, request = fetch(easy, body):match("^(%d+) (%d+)\n$")
  return number, tonumber(request)
end

-- An error with a __close in its way: which error arrives.
local function error_through(easy, value)
  return select(2, pcall(function()
    local _ <close> = easy
    error(value)
  end))
end

setup(function()
  web = servers.nginx()
end)

describe("curl.easy", function()
  it("makes an easy without options, which has no URL yet", function()
    local before = curl.live().easy
    local easy <close> = curl.easy()
    assert.equal(before + 1, curl.live().easy)
    local ok, message, name = easy:perform()
    assert.same({ nil, "No URL set", "URL_MALFORMAT" }, { ok, message, name })
  end)

  it("sets the options of its table", function()
    local options = { httpheader = { "x-test: one" }, useragent = "two" }
    assert.equal("one\ntwo\n\n\n", get("/header", options))
  end)

  it("returns nil, message, name for an option that libcurl refuses, and keeps nothing", function()
    local before = curl.live().easy
    local easy, message, name = curl.easy { sslengine = "no such engine" }
    assert.is_nil(easy)
    assert.equal("option 'sslengine': SSL crypto engine not found", message)
    assert.equal("SSL_ENGINE_NOTFOUND", name)
    assert.equal(before, curl.live().easy)
  end)

  it("throws for an unknown option, and what it had made is collected", function()
    local before = curl.live().easy
    assert.equal("unknown option 'no_such_option'", thrown(function()
      curl.easy { no_such_option = 1 }
    end))
    collectgarbage()
    assert.equal(before, curl.live().easy)
  end)
end)

describe("easy:setopt", function()
  it("returns the easy, with a name and with a table", function()
    local easy <close> = curl.easy()
    assert.equal(easy, easy:setopt("url", web.url))
    assert.equal(easy, easy:setopt { proxy = "", useragent = "x" })
  end)

  it("chains", function()
    local body = {}
    local easy <close> = curl.easy()
    local ok = easy:setopt("proxy", ""):setopt("url", web.url .. "/hello")
      :setopt { writefunction = body }:perform()
    assert.is_true(ok)
    assert.equal("hello\n", table.concat(body))
  end)
end)

describe("easy:perform", function()
  it("returns true alone", function()
    local easy <close> = new("/hello")
    assert.same({ n = 1, true }, table.pack(easy:perform()))
  end)

  it("transfers the body unchanged", function()
    assert.equal(web.big, get("/big"))
  end)

  it("can be called again, on the connection that it kept", function()
    local easy <close>, body = new("/connection")
    local first, one = connection(easy, body)
    assert.equal(1, easy:getinfo("num_connects"))
    local second, two = connection(easy, body)
    assert.equal(first, second)
    assert.same({ 1, 2 }, { one, two })
    assert.equal(0, easy:getinfo("num_connects"))
  end)

  it("of two easies uses two connections: each easy has its own pool", function()
    local a <close>, body_a = new("/connection")
    local b <close>, body_b = new("/connection")
    assert.not_equal(connection(a, body_a), (connection(b, body_b)))
  end)

  it("sends form fields by POST, binary ones too", function()
    local easy <close>, body = new("/upload", { postfields = "a\0b" })
    assert.equal("3\n", fetch(easy, body))
    assert.equal("POST", easy:getinfo("effective_method"))
    assert.equal(3, easy:getinfo("size_upload_t"))
  end)

  it("makes a HEAD request without a body", function()
    local easy <close>, body = new("/hello", { nobody = true })
    assert.equal("", fetch(easy, body))
    assert.equal("HEAD", easy:getinfo("effective_method"))
    assert.equal(6, easy:getinfo("content_length_download_t"))
  end)

  it("sends its own method, range and cookie", function()
    assert.equal("PURGE\n", get("/method", { customrequest = "PURGE" }))
    assert.equal("23456", get("/big", { range = "2-6" }))
    assert.equal("\n\n\na=b\n", get("/header", { cookie = "a=b" }))
  end)

  it("unpacks what the server compressed", function()
    local easy <close>, body = new("/gzip", { accept_encoding = "gzip" })
    assert.equal(web.big, fetch(easy, body))
    assert.truthy(easy:getinfo("size_download_t") < #web.big)
  end)

  it("logs in", function()
    local easy <close>, body = new("/private", { userpwd = "user:secret" })
    assert.equal("private\n", fetch(easy, body))
    assert.equal(200, easy:getinfo("response_code"))
    easy:setopt("userpwd", "user:wrong")
    fetch(easy, body)
    assert.equal(401, easy:getinfo("response_code"))
  end)

  it("keeps cookies from one transfer to the next", function()
    local easy <close>, body = new("/cookie", { cookiefile = "" })
    fetch(easy, body)
    easy:setopt("url", web.url .. "/header")
    assert.equal("\n\n\nseen=yes\n", fetch(easy, body))
  end)

  it("talks to a UNIX socket", function()
    local easy <close>, body = new("http://anything/hello", { unix_socket_path = web.unix })
    assert.equal("hello\n", fetch(easy, body))
  end)

  it("follows redirects when told to, and counts them", function()
    local target = web.url .. "/hello"
    local easy <close>, body = new("/redirect?to=" .. target)
    fetch(easy, body)
    assert.same({ 302, 0, target }, {
      easy:getinfo("response_code"),
      easy:getinfo("redirect_count"),
      easy:getinfo("redirect_url"),
    })
    easy:setopt("followlocation", true)
    assert.equal("hello\n", fetch(easy, body))
    assert.same({ 200, 1, target }, {
      easy:getinfo("response_code"),
      easy:getinfo("redirect_count"),
      easy:getinfo("effective_url"),
    })
    assert.is_nil(easy:getinfo("redirect_url"))
  end)

  it("fails after maxredirs redirects", function()
    local easy <close> = new("/redirect?to=/redirect?to=/hello",
      { followlocation = true, maxredirs = 1 })
    local ok, message, name = easy:perform()
    assert.same({ nil, "Maximum (1) redirects followed", "TOO_MANY_REDIRECTS" },
      { ok, message, name })
  end)

  it("is refused while the easy is in a multi, and harmless", function()
    local multi <close> = curl.multi()
    local easy <close> = new("/hello")
    multi:add(easy)
    assert.equal("easy:perform: the easy is in a multi", thrown(function()
      easy:perform()
    end))
    multi:remove(easy)
    assert.is_true(easy:perform())
  end)
end)

describe("a failed perform", function()
  it("returns nil, libcurl's message and the name: connection refused", function()
    local port = servers.free_port()
    local ok, message, name = failure("http://127.0.0.1:" .. port .. "/")
    assert.is_nil(ok)
    assert.truthy(message:match("^Failed to connect to 127%.0%.0%.1.*" .. port), message)
    assert.equal("COULDNT_CONNECT", name)
  end)

  it("names a status that failonerror forbids", function()
    local ok, message, name = failure("/status/404", { failonerror = true })
    assert.same({ nil, "The requested URL returned error: 404", "HTTP_RETURNED_ERROR" },
      { ok, message, name })
  end)

  it("names a timeout", function()
    local _, message, name = failure("/slow?rate=1000", { timeout = 0.1 })
    contains(message, "Operation timed out after")
    assert.equal("OPERATION_TIMEDOUT", name)
  end)

  it("names an unknown scheme", function()
    local _, message, name = failure("nonsense://127.0.0.1/")
    contains(message, 'Protocol "nonsense" not supported')
    assert.equal("UNSUPPORTED_PROTOCOL", name)
  end)

  it("names a connection that was cut off", function()
    local server = servers.script [[
      local server = ...
      local client = server:accept()
      repeat local line = client:receive() until line == ""
      client:close()]]
    local _, message, name = failure(server.url)
    assert.same({ "Empty reply from server", "GOT_NOTHING" }, { message, name })
    servers.stop(server)
  end)

  it("leaves no message behind for the next transfer that fails", function()
    local easy <close> = new("/status/404", { failonerror = true })
    easy:perform()
    easy:setopt { url = web.url .. "/hello", range = "x-", failonerror = false }
    easy:setopt("writefunction", function()
      return false
    end)
    local _, message, name = easy:perform()
    assert.equal("WRITE_ERROR", name)
    assert.is_nil(message:find("404", 1, true))
  end)

  it("leaves the easy usable", function()
    local easy <close>, body = new("http://127.0.0.1:" .. servers.free_port() .. "/")
    assert.is_nil(easy:perform())
    easy:setopt("url", web.url .. "/hello")
    assert.equal("hello\n", fetch(easy, body))
  end)
end)

describe("HTTPS", function()
  it("works with the server's certificate as cainfo", function()
    local easy <close>, body = new(web.https_url .. "/hello", { cainfo = web.ca })
    assert.equal("hello\n", fetch(easy, body))
    assert.equal("https", easy:getinfo("scheme"):lower())
    assert.equal(0, easy:getinfo("ssl_verifyresult"))
    assert.truthy(easy:getinfo("appconnect_time") > 0)
  end)

  it("works with the certificate as a blob", function()
    local options = { cainfo_blob = process.read(web.ca) }
    assert.equal("hello\n", get(web.https_url .. "/hello", options))
  end)

  it("refuses a certificate that nobody vouches for", function()
    local _, message, name = failure(web.https_url .. "/hello")
    contains(message, "SSL certificate")
    contains(message, "self-signed certificate")
    assert.equal("PEER_FAILED_VERIFICATION", name)
  end)

  it("refuses a certificate for another name", function()
    local _, _, name = failure("https://example.com:" .. web.https_port .. "/hello", {
      cainfo = web.ca,
      resolve = { "example.com:" .. web.https_port .. ":127.0.0.1" },
    })
    assert.equal("PEER_FAILED_VERIFICATION", name)
  end)
end)

describe("HTTP/2", function()
  it("is agreed on with TLS", function()
    local easy <close>, body = new(web.h2_url .. "/hello", { cainfo = web.ca })
    assert.equal("hello\n", fetch(easy, body))
    assert.equal("2", easy:getinfo("http_version"))
  end)

  it("is not used if the script wants HTTP/1.1", function()
    local easy <close>, body = new(web.h2_url .. "/hello",
      { cainfo = web.ca, http_version = "1.1" })
    assert.equal("hello\n", fetch(easy, body))
    assert.equal("1.1", easy:getinfo("http_version"))
  end)

  it("works without TLS, with prior knowledge", function()
    local easy <close>, body = new(web.h2c_url .. "/big",
      { http_version = "2-prior-knowledge" })
    assert.equal(web.big, fetch(easy, body))
    assert.equal("2", easy:getinfo("http_version"))
  end)
end)

describe("easy:getinfo", function()
  it("tells about the last transfer", function()
    local easy <close>, body = new("/hello")
    fetch(easy, body)
    assert.same({ 200, 6, "text/plain", "127.0.0.1", web.port, "GET", web.url .. "/hello", 1 }, {
      easy:getinfo("response_code"),
      easy:getinfo("size_download_t"),
      easy:getinfo("content_type"),
      easy:getinfo("primary_ip"),
      easy:getinfo("primary_port"),
      easy:getinfo("effective_method"),
      easy:getinfo("effective_url"),
      easy:getinfo("num_connects"),
    })
    assert.equal("float", math.type(easy:getinfo("total_time")))
    assert.equal("integer", math.type(easy:getinfo("total_time_t")))
    assert.truthy(easy:getinfo("total_time") > 0)
  end)

  it("tells of the next transfer after that", function()
    local easy <close>, body = new("/hello")
    fetch(easy, body)
    easy:setopt("url", web.url .. "/status/404")
    fetch(easy, body)
    assert.equal(404, easy:getinfo("response_code"))
  end)

  it("tells the descriptor of the connection that is kept", function()
    local easy <close>, body = new("/hello")
    assert.is_nil(easy:getinfo("activesocket"))
    fetch(easy, body)
    local held = curl.sockets()
    assert.equal(1, #held)
    assert.equal(held[1].socket:fd(), easy:getinfo("activesocket"))
    assert.equal(easy, held[1].pool)
  end)
end)

describe("easy:reset", function()
  it("returns the easy", function()
    local easy <close> = new("/hello")
    assert.equal(easy, easy:reset())
  end)

  it("forgets options and callbacks", function()
    local lines, options = {}, { httpheader = { "x-test: one" }, headerfunction = {} }
    local easy <close>, body = new("/header", options)
    assert.equal("one\n\n\n\n", fetch(easy, body))
    local headers = #options.headerfunction
    easy:reset()
    assert.equal("URL_MALFORMAT", (select(3, easy:perform())))
    easy:setopt { url = web.url .. "/header", proxy = "", writefunction = lines }
    assert.is_true(easy:perform())
    assert.equal("\n\n\n\n", table.concat(lines))
    assert.equal(1, #body)
    assert.equal(headers, #options.headerfunction)
  end)

  it("forgets lists for good: a dup has none of them", function()
    local easy <close> = new("/header", { httpheader = { "x-test: one" } })
    easy:reset()
    local body = {}
    local copy <close> = easy:dup()
    copy:setopt { url = web.url .. "/header", proxy = "", writefunction = body }
    assert.equal("\n\n\n\n", fetch(copy, body))
  end)

  it("keeps connections and cookies", function()
    -- cookiefile would do as well, but curl_easy_reset of libcurl 7.88 leaks the name.
    local easy <close>, body = new("/cookie", { cookiejar = "/dev/null" })
    fetch(easy, body)
    local held = curl.sockets()[1].socket
    easy:reset():setopt { url = web.url .. "/header", proxy = "", writefunction = body }
    easy:setopt("cookiefile", "")
    assert.equal("\n\n\nseen=yes\n", fetch(easy, body))
    assert.equal(0, easy:getinfo("num_connects"))
    assert.equal(held, curl.sockets()[1].socket)
  end)

  it("installs the socket callbacks again: later ones are called", function()
    local easy <close>, body = new("/hello")
    local opened = 0
    easy:reset():setopt { url = web.url .. "/hello", proxy = "", writefunction = body }
    easy:setopt("opensocketfunction", function()
      opened = opened + 1
      return true
    end)
    fetch(easy, body)
    assert.equal(1, opened)
    assert.equal("lent", curl.sockets()[1].state)
  end)

  it("is refused while the easy is in a multi, and changes nothing", function()
    local multi <close> = curl.multi()
    local easy <close>, body = new("/hello")
    multi:add(easy)
    assert.equal("easy:reset: the easy is in a multi", thrown(function()
      easy:reset()
    end))
    multi:remove(easy)
    assert.equal("hello\n", fetch(easy, body))
  end)
end)

describe("easy:dup", function()
  it("makes another easy with the same options and callbacks", function()
    local easy <close>, body = new("/header", { httpheader = { "x-test: one" } })
    local copy <close> = easy:dup()
    assert.not_equal(easy, copy)
    assert.equal("one\n\n\n\n", fetch(copy, body))
  end)

  it("makes one that outlives the first, with its lists", function()
    local easy, body = new("/header", { httpheader = { "x-test: one" }, postfields = "abc" })
    local copy <close> = easy:dup()
    easy:close()
    assert.equal("one\n\n\n\n", fetch(copy, body))
    assert.equal(3, copy:getinfo("size_upload_t"))
  end)

  it("makes one that changes alone", function()
    local easy <close>, body = new("/header", { httpheader = { "x-test: one" } })
    local copy <close> = easy:dup()
    local other = {}
    copy:setopt { httpheader = { "x-test: two" }, writefunction = other }
    assert.equal("two\n\n\n\n", fetch(copy, other))
    assert.equal("one\n\n\n\n", fetch(easy, body))
  end)

  it("has callbacks of its own: unsetting one does not reach the first", function()
    local opened = {}
    local easy <close>, body = new("/close", {
      opensocketfunction = function(_, _, which)
        opened[#opened + 1] = which
        return true
      end,
    })
    local copy <close> = easy:dup()
    fetch(copy, body)
    copy:unset("opensocketfunction")
    fetch(copy, body)
    fetch(easy, body)
    assert.same({ copy, easy }, opened)
    assert.equal(copy, opened[1])
  end)

  it("does not share connections", function()
    local easy <close>, body = new("/connection")
    local first = connection(easy, body)
    local copy <close> = easy:dup()
    assert.not_equal(first, (connection(copy, body)))
    assert.equal(2, #curl.sockets())
  end)

  it("of an easy in a multi is in none", function()
    local multi <close> = curl.multi()
    local easy <close>, body = new("/hello")
    multi:add(easy)
    local copy <close> = easy:dup()
    assert.equal("hello\n", fetch(copy, body))
  end)

  it("of a dup works like the first", function()
    local easy, body = new("/header", { httpheader = { "x-test: one" } })
    local second = easy:dup()
    easy:close()
    local third <close> = second:dup()
    second:close()
    assert.equal("one\n\n\n\n", fetch(third, body))
  end)
end)

describe("easy:unset", function()
  it("returns the easy", function()
    local easy <close> = new("/hello")
    assert.equal(easy, easy:unset("url"))
  end)

  it("takes a string, a list, a callback and post fields back", function()
    local headers = {}
    local easy <close>, body = new("/header", {
      useragent = "agent",
      httpheader = { "x-test: one" },
      postfields = "abc",
      headerfunction = headers,
    })
    assert.equal("one\nagent\n\n\n", fetch(easy, body))
    assert.equal("POST", easy:getinfo("effective_method"))
    local count = #headers
    easy:unset("useragent"):unset("httpheader"):unset("headerfunction"):unset("postfields")
    assert.equal("\n\n\n\n", fetch(easy, body))
    assert.equal("GET", easy:getinfo("effective_method"))
    assert.equal(count, #headers)
  end)

  it("takes the URL back", function()
    local easy <close> = new("/hello")
    easy:unset("url")
    assert.equal("URL_MALFORMAT", (select(3, easy:perform())))
  end)
end)

describe("tostring(easy)", function()
  it("tells an open easy from a closed one, by the same address", function()
    local easy = curl.easy()
    local address = tostring(easy):match("^easy: (0x%x+)$")
    assert.is_string(address)
    easy:close()
    assert.equal("easy (closed): " .. address, tostring(easy))
  end)

  it("tells two easies apart", function()
    local a <close> = curl.easy()
    local b <close> = curl.easy()
    assert.not_equal(tostring(a), tostring(b))
  end)
end)

describe("easy:close", function()
  it("closes the connections at once and returns nothing", function()
    local easy, body = new("/hello")
    fetch(easy, body)
    local socket = curl.sockets()[1].socket
    assert.equal("lent", socket:state())
    local before = curl.live().easy
    assert.equal(0, select("#", easy:close()))
    assert.equal("closed", socket:state())
    assert.same({}, curl.sockets())
    assert.equal(before - 1, curl.live().easy)
  end)

  it("does nothing the second time", function()
    local easy = curl.easy()
    easy:close()
    local before = curl.live().easy
    assert.equal(0, select("#", easy:close()))
    assert.equal(before, curl.live().easy)
  end)

  it("makes every other method throw", function()
    local easy = new("/hello")
    easy:close()
    surface.assert_closed("easy", easy)
  end)

  it("happens at the end of a <close> variable", function()
    local before = curl.live().easy
    local kept
    do
      local easy <close> = curl.easy()
      kept = easy
      assert.equal(before + 1, curl.live().easy)
    end
    assert.equal(before, curl.live().easy)
    assert.equal("easy (closed)", tostring(kept):match("^[^:]+"))
  end)

  it("happens when an error leaves the block, and that error arrives", function()
    local easy, value = curl.easy(), {}
    assert.equal(value, error_through(easy, value))
    assert.equal("easy (closed)", tostring(easy):match("^[^:]+"))
  end)

  it("before the end of a <close> variable is no error", function()
    local easy <close> = curl.easy()
    easy:close()
  end)

  it("happens when the easy is collected", function()
    local before = curl.live().easy
    do
      local easy, body = new("/hello")
      fetch(easy, body)
      assert.equal(1, #curl.sockets())
    end
    collectgarbage()
    assert.equal(before, curl.live().easy)
    assert.same({}, curl.sockets())
  end)
end)
