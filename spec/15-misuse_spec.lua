-- What a script may get wrong with options, and what it is told: names, numbers, booleans, lines.

local curl = require "curlsock"
local native = require "spec.support.native"
local servers = require "spec.support.servers"

local options = native.options() -- the type of each, by its name

-- What f throws, without the place.
local function thrown(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok, "an error was expected")
  return (message:gsub("^[^%s]+:%d+: ", ""))
end

local function of_type(type)
  local names = {}
  for name, what in pairs(options) do
    if what == type then names[#names + 1] = name end
  end
  table.sort(names)
  assert.truthy(#names > 0)
  return ipairs(names)
end

local function set_of(text)
  local set = {}
  for name in text:gmatch "%S+" do set[name] = true end
  return set
end

-- What setting the option came to: "set", the name of libcurl's error, or the message thrown.
local function outcome(name, value)
  local easy <close> = curl.easy()
  local ok, result, _, code = pcall(easy.setopt, easy, name, value)
  if not ok then return (result:gsub("^[^%s]+:%d+: ", "")) end
  return result and "set" or code
end

describe("a name that there is not", function()
  local nearest = {
    connect_timeout = "connecttimeout", URL = "url", Url = "url", CURLOPT_URL = "url", urll = "url",
    user_agent = "useragent", follow_location = "followlocation", httpheaders = "httpheader",
    ["timeout-ms"] = "timeout_ms", writefuncton = "writefunction", opensockefunction =
    "opensocketfunction", ssl_verify_peer = "ssl_verifypeer", maxredir = "maxredirs",
    tiemout = "timeout",
  }
  for wrong, right in pairs(nearest) do
    it("is answered with the nearest: " .. wrong, function()
      local easy <close> = curl.easy()
      local expected = ("unknown option '%s': did you mean '%s'?"):format(wrong, right)
      assert.equal(expected, thrown(easy.setopt, easy, wrong, 1))
      assert.equal(expected, thrown(curl.easy, { [wrong] = 1 }))
      assert.equal(expected, thrown(easy.unset, easy, wrong))
    end)
  end

  local words = {
    headers = "httpheader", method = "customrequest", body = "postfields", data = "postfields",
    json = "postfields", params = "url", verify = "ssl_verifypeer", auth = "userpwd",
    cookies = "cookie", user = "username", form = "mimepost", follow = "followlocation",
  }
  for word, right in pairs(words) do
    it("is answered with what libcurl calls it: " .. word, function()
      assert.equal(("unknown option '%s': did you mean '%s'?"):format(word, right),
        thrown(curl.easy, { [word] = 1 }))
      assert.truthy(options[right])
    end)
  end

  for _, name in ipairs { "", "x", "bogus", "no_such_option", ("url"):rep(30), "frobnicate" } do
    it(("is like no other: %q"):format(name), function()
      assert.equal("unknown option '" .. name .. "'", thrown(curl.easy, { [name] = 1 }))
    end)
  end

  it("of an information is answered with the nearest", function()
    local easy <close> = curl.easy()
    for wrong, right in pairs {
      respose_code = "response_code", Total_Time = "total_time", contenttype = "content_type",
      http_code = "response_code", CURLINFO_RESPONSE_CODE = "response_code",
    } do
      local message = thrown(easy.getinfo, easy, wrong)
      assert.truthy(message:find(("unknown information '%s': did you mean '%s'?")
        :format(wrong, right), 1, true), message)
    end
    assert.is_nil(thrown(easy.getinfo, easy, "bogus"):find "mean")
  end)

  it("of an option of a multi is answered with the nearest", function()
    assert.equal('unknown multi option "max_connects": did you mean \'maxconnects\'?',
      thrown(curl.multi, { max_connects = 1 }))
    local multi <close> = curl.multi()
    assert.equal('unknown multi option "socket_function": did you mean \'socketfunction\'?',
      thrown(multi.setopt, multi, "socket_function", print))
  end)

  it("of a socket option is answered with the nearest", function()
    local socket <close> = curl.socket("inet")
    local message = thrown(socket.setsockopt, socket, "tcp", "no_delay", true)
    assert.truthy(message:find(
      'unknown option "no_delay" of level "tcp": did you mean \'nodelay\'?', 1, true), message)
  end)
end)

describe("a function that is called as a method", function()
  for _, name in ipairs { "easy", "multi", "share" } do
    it("says so: curl:" .. name, function()
      local expected = ("curl.%s is no method: call it as curl.%s{...}, not curl:%s{...}")
        :format(name, name, name)
      assert.equal(expected, thrown(curl[name], curl, {}))
      assert.equal(expected, thrown(curl[name], curl))
    end)
  end
end)

describe("nil", function()
  it("is no value, but unset is named", function()
    local easy <close> = curl.easy()
    for _, name in ipairs { "url", "httpheader", "cainfo_blob", "postfields", "stderr" } do
      assert.equal(("option '%s': got nil: unset(%q) takes its value back"):format(name, name),
        thrown(easy.setopt, easy, name, nil))
      assert.equal(easy, easy:unset(name))
    end
    assert.equal("option 'private' cannot be set from Lua",
      thrown(easy.setopt, easy, "private", nil))
    assert.equal("option 'verbose': integer or boolean expected, got nil",
      thrown(easy.setopt, easy, "verbose", nil))
  end)

  it("takes back a function and a share", function()
    local easy <close> = curl.easy()
    local names = "writefunction headerfunction closesocketfunction prereqfunction share"
    for name in pairs(set_of(names)) do
      assert.equal(easy, easy:setopt(name, nil))
    end
  end)
end)

describe("a boolean", function()
  -- All that libcurl 7.85 has, and newer ones.
  local flags = set_of [[
    append autoreferer certinfo connect_only cookiesession crlf dirlistonly
    disallow_username_in_url dns_shuffle_addresses dns_use_global_cache doh_ssl_verifyhost
    doh_ssl_verifypeer doh_ssl_verifystatus failonerror filetime followlocation forbid_reuse
    fresh_connect ftp_create_missing_dirs ftp_skip_pasv_ip ftp_use_eprt ftp_use_epsv ftp_use_pret
    haproxyprotocol header http09_allowed http_content_decoding http_transfer_decoding httpget
    httpproxytunnel ignore_content_length keep_sending_on_error mail_rcpt_allowfails
    mail_rcpt_alllowfails nobody noprogress nosignal path_as_is pipewait post proxy_ssl_verifyhost
    proxy_ssl_verifypeer proxy_transfer_mode put quick_exit sasl_ir socks5_gssapi_nec
    ssh_compression ssl_enable_alpn ssl_enable_npn ssl_falsestart ssl_sessionid_cache
    ssl_verifyhost ssl_verifypeer ssl_verifystatus sslengine_default suppress_connect_headers
    tcp_fastopen tcp_keepalive tcp_nodelay tftp_no_options transfer_encoding transfertext
    unrestricted_auth upload verbose wildcardmatch
  ]]

  it("is taken where libcurl has 0 and 1", function()
    for name in pairs(flags) do
      local text = outcome(name, true)
      assert.truthy(not options[name] or not text:find("expected", 1, true), name .. ": " .. text)
    end
  end)

  it("is misuse for every other number", function()
    for _, type in ipairs { "long", "values", "off_t" } do
      for _, name in of_type(type) do
        if not flags[name] then
          for _, value in ipairs { true, false } do
            local text = outcome(name, value)
            assert.truthy(text:find("expected, got boolean", 1, true), name .. ": " .. text)
          end
        end
      end
    end
  end)
end)

describe("a number out of its range", function()
  local wrong = {
    { "timeout", -1 }, { "timeout", 2147484 }, { "timeout_ms", -1 }, { "connecttimeout", -1 },
    { "connecttimeout_ms", -5 }, { "port", -1 }, { "port", 65536 }, { "proxyport", 65536 },
    { "localport", 65536 }, { "maxredirs", -2 }, { "buffersize", -1 }, { "infilesize", -2 },
    { "infilesize_large", -2 }, { "max_recv_speed_large", -1 }, { "low_speed_limit", -1 },
    { "new_file_perms", 644 }, { "postredir", 301 }, { "maxconnects", -1 },
    { "stream_weight", 0 }, { "stream_weight", 257 }, { "dns_cache_timeout", -2 },
    { "postfieldsize", -2 }, { "resume_from", -2 }, { "tcp_keepidle", -1 },
  }
  for _, case in ipairs(wrong) do
    local name, value = table.unpack(case)
    it(("throws: %s = %d"):format(name, value), function()
      local text = outcome(name, value)
      local got = text:match("^option '" .. name .. "': integer from %-?%d+.* expected, got (.*)$")
      assert.equal(tostring(value), got, text)
      assert.equal(text, thrown(curl.easy, { [name] = value }))
    end)
  end

  it("is none at the ends of the range", function()
    local weighed = curl.version_info().version_num < 0x080200 and "NOT_SUPPORTED" or "set"
    for _, case in ipairs {
      { "timeout", 0 }, { "timeout", 2147483 }, { "port", 0 }, { "port", 65535 },
      { "maxredirs", -1 }, { "infilesize_large", -1 }, { "infilesize_large", math.maxinteger },
      { "dns_cache_timeout", -1 }, { "new_file_perms", 511 }, { "postredir", 7 },
      { "stream_weight", 1, weighed }, { "stream_weight", 256, weighed }, { "protocols", -1 },
    } do
      assert.equal(case[3] or "set", outcome(case[1], case[2]), case[1])
    end
  end)
end)

describe("a version as a number", function()
  local function request_line(version)
    local sent
    local easy <close> = curl.easy { url = servers.nginx().url .. "/hello", proxy = "",
      verbose = true, http_version = version, debugfunction = function(kind, data)
        if kind == "header_out" then sent = data end
      end }
    assert(easy:perform())
    return sent:match "HTTP/[%d.]+", sent:match "Upgrade: (%S+)", easy:getinfo "http_version"
  end

  it("is the version that it says", function()
    for _, version in ipairs { 1, 1.0, "1.0" } do
      assert.equal("HTTP/1.0", (request_line(version)))
    end
    for _, version in ipairs { 1.1, "1.1" } do
      assert.same({ "HTTP/1.1", nil, "1.1" }, { request_line(version) })
    end
    for _, version in ipairs { 2, 2.0, "2" } do
      assert.same({ "HTTP/1.1", "h2c", "1.1" }, { request_line(version) })
    end
  end)

  it("is 3 if libcurl has HTTP/3", function()
    assert.equal(outcome("http_version", "3"), outcome("http_version", 3))
  end)

  it("is of TLS or IP, too", function()
    for _, name in ipairs { "sslversion", "proxy_sslversion" } do
      for _, version in ipairs { 1, 1.1, 1.2, 1.3, { 1.2, "max_tlsv1.3" } } do
        assert.equal("set", outcome(name, version))
      end
    end
    local easy <close> = curl.easy { proxy = "", ipresolve = 6, timeout = 20 }
    easy:setopt("url", ("http://localhost:%d/hello"):format(servers.nginx().port4))
    assert.is_nil((easy:perform()))
    assert(easy:setopt("ipresolve", 4):perform())
  end)

  it("is no number of libcurl's own", function()
    local wrong = {
      http_version = { 0, -1, 4, 5, 30, 31, 1.5, 11, 20, 0 / 0, math.huge },
      sslversion = { 0, 4, 6, 7, 1.4, 7 << 16 },
      ipresolve = { 0, 1, 2 },
    }
    for name, values in pairs(wrong) do
      for _, value in ipairs(values) do
        local text = outcome(name, value)
        assert.truthy(text:find(("option '%s': no value is named '%s' (choices: ")
          :format(name, value), 1, true), text)
      end
    end
  end)
end)

describe("getinfo", function()
  it("answers what setopt takes", function()
    local easy <close> = curl.easy { url = servers.nginx().url .. "/private", proxy = "",
      userpwd = "user:wrong", httpauth = "any" }
    assert.is_nil(easy:getinfo "http_version")
    assert.is_nil(easy:getinfo "protocol")
    assert.same({}, easy:getinfo "httpauth_avail")
    assert(easy:perform())
    assert.equal("1.1", easy:getinfo "http_version")
    assert.equal("http", easy:getinfo "protocol")
    assert.same({ "basic" }, easy:getinfo "httpauth_avail")
    assert.same({}, easy:getinfo "proxyauth_avail")
    assert.equal(easy, easy:setopt {
      http_version = easy:getinfo "http_version", protocols_str = easy:getinfo "protocol",
      httpauth = easy:getinfo "httpauth_avail",
    })
    local version = curl.version_info().version_num
    local ok, used = pcall(easy.getinfo, easy, "httpauth_used")
    if ok and version >= 0x080c00 then assert.same({ "basic" }, used) end
  end)

  it("tells the protocol of a file", function()
    local easy <close> = curl.easy { url = "file:///dev/null" }
    assert(easy:perform())
    assert.same({ "file" }, { easy:getinfo "protocol", easy:getinfo "http_version" })
  end)

  it("lists several", function()
    local server <close> = setmetatable(servers.script([[
      local client = (...):accept()
      repeat local line = client:receive() until line == ""
      client:send("HTTP/1.1 401 no\r\nWWW-Authenticate: Digest realm=x, nonce=y\r\n"
        .. "WWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: Bearer\r\n"
        .. "Content-Length: 0\r\n\r\n")
      client:receive()
    ]]), { __close = servers.stop })
    local easy <close> = curl.easy { url = server.url, proxy = "" }
    assert(easy:perform())
    assert.same({ "basic", "digest", "bearer" }, easy:getinfo "httpauth_avail")
  end)
end)

describe("a line", function()
  -- Names of files, and secrets that are not sent.
  local others = set_of [[
    abstract_unix_socket altsvc cainfo capath cookiefile cookiejar crlfile egdsocket hsts issuercert
    keypasswd netrc_file pinnedpublickey proxy_cainfo proxy_capath proxy_crlfile proxy_issuercert
    proxy_keypasswd proxy_pinnedpublickey proxy_sslcert proxy_sslkey proxy_tlsauth_password
    random_file ssh_knownhosts ssh_private_keyfile ssh_public_keyfile sslcert sslcertpasswd sslkey
    sslkeypasswd tlsauth_password unix_socket_path
  ]]
  local bytes = { CR = "\r", LF = "\n", NUL = "\0" }
  local folder = servers.dir() .. "/" -- libcurl writes some of the files

  it("has no CR, LF or NUL, in any string that may be sent", function()
    for _, name in of_type "string" do
      for what, byte in pairs(bytes) do
        local text = outcome(name, (others[name] and folder or "") .. "a" .. byte .. "b")
        if what == "NUL" or not others[name] then
          assert.equal(("option '%s': string contains %s"):format(name, what), text)
        else
          assert.is_nil(text:find("string contains", 1, true), name)
        end
      end
    end
  end)

  it("has none in any list", function()
    for _, name in of_type "slist" do
      for what, byte in pairs(bytes) do
        assert.equal(("option '%s': string at [2] contains %s"):format(name, what),
          outcome(name, { "good: 1", "a" .. byte .. "b", byte }))
      end
    end
  end)

  it("cannot end and begin another", function()
    local easy <close> = curl.easy { url = servers.nginx().url .. "/header", proxy = "" }
    local body = {}
    easy:setopt("writefunction", body)
    for name, value in pairs {
      httpheader = { "X: a\r\nX-Test: injected" }, useragent = "a\r\nX-Test: injected",
      referer = "a\r\nX-Test: injected", cookie = "a\nX-Test: injected",
      customrequest = "GET / HTTP/1.1\r\nX-Test: injected\r\nX: ",
      range = "0-1\r\nX-Test: injected",
      url = servers.nginx().url .. "/header HTTP/1.1\r\nX-Test: injected\r\n",
    } do
      thrown(easy.setopt, easy, name, value)
    end
    assert(easy:perform())
    assert.is_nil(table.concat(body):find "injected")
  end)

  it("is no body, no blob and no file name", function()
    assert.equal("set", outcome("postfields", "a\r\nb\0c"))
    assert.equal("set", outcome("cainfo_blob", "a\r\nb\0c"))
    assert.equal("set", outcome("unix_socket_path", "/tmp/a\nb"))
    assert.equal("set", outcome("keypasswd", "a\nb"))
  end)
end)
