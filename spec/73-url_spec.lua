-- curl.url: a URL taken apart and put together as libcurl does it, and as the value of an option.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local servers = require "spec.support.servers"

local failed, matches = errors.failed, errors.matches
local version = curl.version_info().version_num

local PARTS <const> = {
  "scheme", "user", "password", "options", "host", "port", "path", "query", "fragment", "zoneid",
}

local function parts(url)
  local t = {}
  for _, part in ipairs(PARTS) do t[part] = url:get(part) end
  return t
end

describe("curl.url", function()
  it("takes a URL apart", function()
    local text = "https://us%40er:secret@[fe80::1%25eth0]:8080/a/b?q=1&r#top"
    local url = curl.url(text)
    assert.same({
      scheme = "https", user = "us%40er", password = "secret", host = "[fe80::1]", port = "8080",
      path = "/a/b", query = "q=1&r", fragment = "top", zoneid = "eth0",
    }, parts(url))
    assert.same({ text, text }, { url:get("url"), tostring(url) })
  end)

  it("has nil, and no message, for a part that is not there", function()
    local url = curl.url("http://h")
    for _, part in ipairs { "user", "options", "port", "query", "fragment", "zoneid" } do
      assert.same({ n = 1 }, table.pack(url:get(part)))
    end
    assert.equal("/", url:get("path"))
    assert.same({ n = 1 }, table.pack(curl.url():get("scheme")))
  end)

  it("puts one together", function()
    local url = curl.url()
    failed("NO_HOST", "host", url:get("url"))
    assert.truthy(tostring(url):find("^url: 0x%x+ %(.*host"))
    assert.equal(url, url:set("host", "h"):set("scheme", "http"))
    assert.equal("http://h/", tostring(url))
  end)

  it("normalizes as libcurl does before it connects", function()
    local function host(text) return curl.url(text, "guess_scheme"):get("host") end
    assert.same({ "127.0.0.1", "127.0.0.1", "10.0.0.1", "0.0.0.0" },
      { host "http://0x7f000001/", host "http://127.1/", host "012.1", host "0" })
    assert.equal("/b", curl.url("http://h/a/../b"):get("path"))
    assert.equal("/a/../b", curl.url("http://h/a/../b", "path_as_is"):get("path"))
    assert.equal("good", curl.url("http://evil@good/"):get("host"))
  end)

  it("takes flags when it reads", function()
    failed("BAD_SCHEME", "scheme", curl.url("example.com"))
    assert.equal("http://example.com/", tostring(curl.url("example.com", "guess_scheme")))
    assert.equal("ftp://ftp.example.com/", tostring(curl.url("ftp.example.com", "guess_scheme")))
    failed("UNSUPPORTED_SCHEME", "scheme", curl.url("soap://h/"))
    assert.equal("soap", curl.url("soap://h/", "non_support_scheme"):get("scheme"))
    failed("USER_NOT_ALLOWED", "redential", curl.url("http://u@h/", "disallow_user"))
    assert.equal("/a%20b", curl.url("http://h/a b", "urlencode", "allow_space"):get("path"))
  end)

  it("says why a text is no URL, and never raises for a text", function()
    failed("BAD_PORT_NUMBER", "ort", curl.url("http://h:99999/"))
    for _, text in ipairs { "http://h/\0", "http://h/\r\nX: y", "http://a b/", "", "\0" } do
      local url, message, name = curl.url(text)
      assert.is_nil(url)
      assert.equal("string", type(message))
      assert.is_not_equal("UNKNOWN", name)
    end
  end)

  it("refuses what is neither text nor Url, and unknown names, with the nearest one", function()
    matches("text, or Url, expected, got table", curl.url, {})
    matches("text, or Url, expected, got nil", curl.url, nil)
    matches("text, or Url, expected, got 1", curl.url, 1)
    matches('unknown flag of a URL "urlencod": did you mean \'urlencode\'', curl.url, "h",
      "urlencod")
    matches("flag of a URL expected, got nil", curl.url, "h", nil)
    local url = curl.url("http://h/")
    matches('unknown part of a URL "hots": did you mean \'host\'', url.get, url, "hots")
    matches("part of a URL expected, got no value", url.get, url)
    matches("text or nil expected, got no value", url.set, url, "host")
    matches("text or nil expected, got 1", url.set, url, "host", 1)
    matches("text, integer or nil expected, got 1.5", url.set, url, "port", 1.5)
    matches("a Url takes no flags", curl.url, url, "urlencode")
    matches("curlsock.url expected", url.get, curl.address "127.0.0.1", "host")
  end)

  it("knows flags by the version that brought them", function()
    local since = { punycode = 0x075800, puny2idn = 0x080300, get_empty = 0x080800,
      no_guess_scheme = 0x080900 }
    for flag, needed in pairs(since) do
      local url, message, name = curl.url("http://h/", flag)
      if version >= needed then
        assert.equal("url", curl.type(url))
      else
        assert.same({ nil, "NOT_SUPPORTED" }, { url, name })
        matches("^flag '" .. flag .. "' needs libcurl %d+%.%d+%.0, this is " ..
          curl.version_info().version:gsub("%p", "%%%0"), error, message, 0)
      end
    end
  end)
end)

describe("url:set", function()
  it("changes parts, and returns the url", function()
    local url = curl.url("http://h/")
    url:set("scheme", "https"):set("user", "me"):set("host", "[::1]"):set("port", 8443)
    assert.equal(url, url:set("path", "/p"):set("query", "q"):set("fragment", "f"))
    assert.equal("https://me@[::1]:8443/p?q#f", tostring(url))
  end)

  it("takes a part away with nil", function()
    local url = curl.url("http://u:p@h:81/p?q#f")
    for _, part in ipairs { "user", "password", "port", "query", "fragment" } do
      assert.equal(url, url:set(part, nil))
    end
    assert.equal("http://h/p", tostring(url))
    url:set("url", nil)
    assert.same({ path = "/" }, parts(url))
  end)

  it("encodes, and appends to the query", function()
    local url = curl.url("http://h/?a=1")
    assert(url:set("query", "name=J & K\r\n", "urlencode", "appendquery"))
    assert(url:set("query", "more", "appendquery"))
    assert.equal("a=1&name=J+%26+K%0d%0a&more", url:get("query"):gsub("%%%x%x", string.lower))
    assert(url:set("path", "/a b/ä", "urlencode"))
    assert.equal("/a b/ä", url:get("path", "urldecode"))
  end)

  -- libcurl 7.88 read a NULL then.
  it("encodes nothing, too", function()
    for _, part in ipairs(PARTS) do
      local url = curl.url("http://h/p?q#f")
      for _, more in ipairs { "urlencode", "appendquery" } do
        local ok, _, name = url:set(part, "", "urlencode", more)
        assert.truthy(ok == url or name ~= "UNKNOWN", part)
      end
      assert.equal("q", curl.url("http://h/?q"):set("query", "", "urlencode", "appendquery")
        :get("query"):match("^q"))
    end
  end)

  it("resolves what is relative", function()
    local url = curl.url("http://h/a/b/c?q#f")
    assert.equal("http://h/a/d", tostring(url:set("url", "../d")))
    assert.equal("http://other/", tostring(url:set("url", "//other/")))
  end)

  it("leaves the part as it is when libcurl refuses it", function()
    local url = curl.url("http://h:80/")
    failed("BAD_PORT_NUMBER", "ort", url:set("port", "http"))
    failed("BAD_PORT_NUMBER", "ort", url:set("port", 65536))
    failed("MALFORMED_INPUT", "", url:set("path", "/a\r\nX: y"))
    failed("MALFORMED_INPUT", "", url:set("path", "/a\0b", "urlencode"))
    assert.equal("http://h:80/", tostring(url))
  end)
end)

describe("url:get", function()
  it("takes flags", function()
    local url = curl.url("https://a%20b@h/")
    assert.equal("443", url:get("port", "default_port"))
    assert.equal("a b", url:get("user", "urldecode"))
    assert.is_nil(curl.url("https://h:443/"):get("port", "no_default_port"))
    failed("URLDECODE", "", curl.url("http://a%00b@h/"):get("user", "urldecode"))
  end)
end)

describe("Urls", function()
  it("are copied, with all parts", function()
    local url = curl.url("http://u:p@[fe80::1%25eth0]:8080/a?q#f")
    for _, copy in ipairs { url:dup(), curl.url(url) } do
      assert.same(parts(url), parts(copy))
      assert.is_true(url == copy)
      copy:set("host", "other")
      assert.is_false(url == copy)
      assert.equal("[fe80::1]", url:get("host"))
    end
  end)

  it("are equal by their parts", function()
    assert.is_true(curl.url("HTTP://h") == curl.url("http://h/"))
    assert.is_false(curl.url("http://h/") == curl.url("http://h/?q"))
    assert.is_false(curl.url("http://h/") == curl.url("http://h:80/"))
    assert.is_true(curl.url("http://h/#") == curl.url("http://h"))
    assert.is_true(curl.url() == curl.url())
    assert.is_false(curl.url() == {})
  end)

  it("are no more usable when they were finalized", function()
    local seen
    do
      local kept = setmetatable({}, { __gc = function(kept)
        seen = { curl.type(kept.url), pcall(tostring, kept.url) }
      end })
      kept.url = curl.url("http://h/")
    end
    collectgarbage()
    collectgarbage()
    assert.same({ "closed url", false }, { seen[1], seen[2] })
    assert.truthy(seen[3]:find("url is closed", 1, true))
  end)

  it("live in a state that is being closed", function()
    left.pass [[
      local curl = require "curlsock"
      kept = {}
      setmetatable(kept, { __gc = function()
        kept[1] = curl.url("http://h/")
        assert(kept[1]:get("host") == "h" and curl.easy { url = kept[1] })
      end })
      setmetatable({}, { __gc = function() kept[2] = curl.url("http://h/") end })
    ]]
  end)
end)

describe("a Url as the value of an option", function()
  it("is where the transfer goes", function()
    local url = curl.url(servers.nginx().url)
    local easy <close>, body = easies.new("/", { url = url:set("path", "/hello") })
    easy:setopt("url", url)
    assert.equal("hello\n", easies.fetch(easy, body))
    assert.equal(tostring(url), easy:getinfo("effective_url"))
  end)

  it("is taken as it is then: later changes do nothing", function()
    local url = curl.url(servers.nginx().url):set("path", "/hello")
    local easy <close>, body = easies.new("/hello")
    easy:setopt("url", url)
    url:set("host", "changed.invalid")
    assert.equal("hello\n", easies.fetch(easy, body))
    assert.equal(url, url:set("url", nil))
    assert.equal("hello\n", easies.fetch(easy, body))
  end)

  it("may be a proxy or a referer", function()
    local easy <close>, body = easies.new("http://h.invalid/hello")
    easy:setopt { proxy = curl.url(servers.nginx().url), referer = curl.url("http://r/") }
    assert.equal("hello\n", easies.fetch(easy, body))
    assert.equal("http://r/", easy:getinfo("referer"))
  end)

  it("is refused when its text would mean another URL", function()
    local function url() return curl.url("http://good/") end
    local wrong = {
      url():set("user", "evil.com/"), url():set("path", "/?q"), url():set("query", "a#b"),
      url():set("path", "/a b"), curl.url(), curl.url():set("host", "h"),
      url():set("options", "o"),
    }
    for i, u in ipairs(wrong) do
      local easy, message, name = curl.easy { url = u }
      assert.same({ nil, "URL_MALFORMAT" }, { easy, name }, i)
      assert.truthy(message:find("option 'url'", 1, true))
    end
    for _, part in ipairs { "user", "path", "query" } do
      local u = url():set(part, "/evil.com?#@:", "urlencode")
      assert(curl.easy { url = u }):close()
      assert.equal("good", curl.url(tostring(u)):get("host"))
    end
  end)

  it("may have empty parts, and a path without its slash", function()
    local easy <close>, body = easies.new("/hello")
    local url = curl.url(servers.nginx().url)
    assert(url:set("path", "hello"):set("query", ""):set("fragment", ""))
    assert.equal("hello\n", easies.fetch(easy:setopt("url", url), body))
  end)

  it("is refused by options that are no URL", function()
    matches("option 'useragent': string expected, got curlsock.url",
      curl.easy, { useragent = curl.url("http://h/") })
  end)
end)
