-- easy:setopt and easy:unset: every type of option, what is refused and how, and that what
-- libcurl does not copy lives as long as libcurl reads it.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local new, web, at, get = curl.easy, servers.nginx, easies.plain, easies.get
local NAN, INF = 0 / 0, math.huge

-- What setopt(name, value) throws, without the place.
local function thrown(easy, ...)
  return errors.message(easy.setopt, easy, ...)
end

-- The same must contain the text.
local function complains(text, easy, ...)
  local message = thrown(easy, ...)
  assert.truthy(message:find(text, 1, true), message)
end

local function refused(easy, name, value, code)
  local ok, message, got = easy:setopt(name, value)
  assert.is_nil(ok)
  assert.equal(code, got)
  assert.truthy(message:find("option '" .. name .. "': ", 1, true), message)
end

describe("setopt", function()
  it("returns the easy, by name and by table", function()
    local easy <close> = new()
    assert.equal(easy, easy:setopt("url", "file:///dev/null"))
    assert.equal(easy, easy:setopt { url = "file:///dev/null", verbose = false })
    assert.equal(easy, easy:setopt {})
    assert.is_true(easy:setopt("nobody", false):setopt("timeout", 5):perform())
  end)

  it("sets what a table has, as the constructor does", function()
    assert.equal("4\none\ntwo\nthree\n", get("/header", {
      useragent = "one",
      referer = "two",
      cookie = "three",
      httpheader = { "X-Test: 4" },
    }))
  end)

  it("knows libcurl's aliases", function()
    local easy <close> = new { encoding = "", sslkeypasswd = "x", ftp_ssl = "try", post301 = 1 }
    assert.equal(easy, easy:setopt("rtspheader", { "A: b" }):unset("rtspheader"))
  end)

  it("throws for an unknown option", function()
    local easy <close> = new()
    local names = { "", "bogus", "URL", "Url", "url ", "url\0", "CURLOPT_URL", ("x"):rep(10000) }
    for _, name in ipairs(names) do
      local message = thrown(easy, name, 1)
      assert.equal("unknown option '" .. name:gsub("%z.*", "") .. "'", message:gsub(": did.*", ""))
    end
    assert.equal("unknown option 'bogus'", thrown(easy, { bogus = 1 }))
    assert.has_error(function() curl.easy { bogus = 1 } end)
  end)

  it("throws for a name that is no string", function()
    local easy <close> = new()
    for _, name in ipairs { 1, 1.5, true, print, io.stdout } do
      complains("option name: string expected", easy, name, 1)
      complains("option name: string expected", easy, { [name] = 1 })
    end
    complains("got nil", easy)
    complains("got number", easy, { "url" })
  end)

  it("throws for a closed easy and for other objects", function()
    local easy = new()
    easy:close()
    assert.error_matches(function() easy:setopt("verbose", true) end, "easy is closed")
    assert.error_matches(function() easy:unset("url") end, "easy is closed")
    local setopt = easy.setopt
    local multi <close> = curl.multi()
    for _, self in ipairs { multi, io.stdout, {}, 1, "x" } do
      assert.error_matches(function() setopt(self, "verbose", true) end, "easy expected")
    end
  end)

  it("throws for what cannot come from Lua", function()
    local easy <close> = new()
    for _, name in ipairs {
      "private", "errorbuffer", "httppost", "curlu", "stream_depends", "writedata",
      "file", "closesocketdata", "ssl_ctx_function",
    } do
      local message = "option '" .. name .. "' cannot be set from Lua"
      for _, value in ipairs { "x", 1, {}, print, io.stdout } do
        assert.equal(message, thrown(easy, name, value))
      end
      assert.error_matches(function() easy:unset(name) end, message)
    end
  end)

  it("hands on what libcurl refuses, with the option's name", function()
    local easy <close> = new()
    refused(easy, "proxytype", 77, "BAD_FUNCTION_ARGUMENT")
    refused(easy, "url", ("x"):rep(8000001), "BAD_FUNCTION_ARGUMENT")
    refused(easy, "protocols_str", "bogus", "UNSUPPORTED_PROTOCOL")
    local ok, message, name = easy:setopt { proxytype = 77 }
    assert.is_nil(ok)
    assert.equal("BAD_FUNCTION_ARGUMENT", name)
    assert.truthy(message:find("'proxytype'", 1, true))
    assert.is_nil((curl.easy { proxytype = 77 }))
  end)

  it("fails for what this libcurl was built without", function()
    local easy <close> = new()
    local ok, _, name = easy:setopt("dns_servers", "127.0.0.1")
    assert.truthy(ok == easy or name == "UNKNOWN_OPTION" or name == "NOT_SUPPORTED")
  end)

  it("has another name for libcurl's NOT_BUILT_IN, the one for all that it cannot do", function()
    local easy <close> = new()
    local ok, message, name = easy:setopt("httpauth", "only") -- nothing is left that it could do
    assert.same({ nil, "NOT_SUPPORTED" }, { ok, name })
    assert.truthy(message:find("^option 'httpauth': .*built%-in"))
  end)

  it("has that name for a version of HTTP, too", function()
    local easy <close> = new()
    local features = table.concat(curl.version_info().features or {}, " ")
    for _, version in ipairs { 3, "3", "3only" } do
      if features:find "HTTP3" then
        assert.equal(easy, easy:setopt("http_version", version))
      else
        refused(easy, "http_version", version, "NOT_SUPPORTED")
      end
    end
  end)

  it("survives that a finalizer closes the easy", function()
    left.pass [[
      local curl = require "curlsock"
      local list, names = {}, {}
      for i = 1, 3000 do
        list[i] = i / 3
      end
      for _ = 1, 50 do
        local easy = curl.easy()
        setmetatable({}, { __gc = function() easy:close() end })
        local ok, _, name = easy:setopt("httpheader", list)
        names[name or ok == easy and "set"] = true
        easy:close()
      end
      assert(names.BAD_FUNCTION_ARGUMENT, "no finalizer came in time")
      names.BAD_FUNCTION_ARGUMENT, names.set = nil, nil
      assert(next(names) == nil, next(names))
    ]]
  end)
end)

describe("a number", function()
  local server

  local function dead()
    server = server or servers.dead()
    return server
  end

  teardown(function()
    if server then
      servers.stop(server)
    end
  end)

  it("is an integer, a float without fraction, or a boolean", function()
    local easy <close> = new()
    for _, value in ipairs { 0, 1, -1, 1.0, 2 ^ 31, true, false, 1 << 40 } do
      assert.equal(easy, easy:setopt("filetime", value))
    end
    assert.equal(easy, easy:setopt("infilesize_large", 2 ^ 40))
    assert.equal("GET", get("/method", { nobody = 0.0 }):sub(1, 3))
    local head <close> = at("/method", { nobody = true })
    assert(head:perform())
    assert.equal("HEAD", head:getinfo("effective_method"))
  end)

  it("is nothing else", function()
    local easy <close> = new()
    local expected = {
      filetime = "integer or boolean",
      port = "integer from 0 to 65535",
      infilesize_large = "integer from -1",
    }
    for name, what in pairs(expected) do
      for _, value in ipairs { "80", "", {}, { 80 }, print, io.stdout, coroutine.create(print) } do
        assert.equal("option '" .. name .. "': " .. what .. " expected, got "
          .. (value == io.stdout and "FILE*" or type(value)), thrown(easy, name, value))
      end
      for _, value in ipairs { 0.5, -0.5, NAN, INF, -INF, 1e300, 2 ^ 63 } do
        complains(what:gsub(" or.*", "") .. " expected, got " .. value, easy, name, value)
      end
      complains("got nil", easy, name, nil)
    end
  end)

  it("in seconds may have a fraction, where libcurl has milliseconds too", function()
    local easy <close> = new { url = dead().url, proxy = "" }
    for _, name in ipairs { "timeout", "connecttimeout" } do
      easy:setopt { timeout = 20, connecttimeout = 20 }
      easy:setopt(name, 0.15)
      local start = curl.now()
      assert.equal("OPERATION_TIMEDOUT", select(3, easy:perform()))
      local seconds = curl.now() - start
      assert.truthy(seconds >= 0.15 and seconds < 5, seconds)
    end
  end)

  it("in seconds is rounded up, never to 0, which means no limit", function()
    local easy <close> = new { url = dead().url, proxy = "", connecttimeout = 5 }
    local start = curl.now()
    assert.equal("OPERATION_TIMEDOUT", select(3, easy:setopt("timeout", 1e-9):perform()))
    assert.truthy(curl.now() - start < 4)
  end)

  it("in seconds is no fraction below 0 and not too large", function()
    local easy <close> = new()
    for _, value in ipairs { -0.5, NAN, INF, -INF, 1e300, 2147483.9 } do
      local message = thrown(easy, "timeout", value)
      assert.truthy(message:find("seconds from 0 to 2147483 expected", 1, true))
    end
    assert.equal(easy, easy:setopt("timeout", 2147483.5))
    complains("integer from 0 expected, got 0.5", easy, "low_speed_time", 0.5)
    complains("integer from 0 expected, got 0.5", easy, "timeout_ms", 0.5)
  end)

  it("cannot be unset", function()
    local easy <close> = new()
    for _, name in ipairs { "ssl_verifypeer", "infilesize_large", "httpauth", "timeout" } do
      assert.error_matches(function() easy:unset(name) end,
        "option '" .. name .. "' has no unset: set a value")
    end
  end)
end)

describe("a value that libcurl names", function()
  local names = {
    http_version = { "none", "1.0", "1.1", "2", "2tls", "2-prior-knowledge" },
    httpauth = { "none", "basic", "digest", "digest_ie", "negotiate", "gssapi", "ntlm", "bearer",
      "aws_sigv4", "only", "any", "anysafe" },
    proxyauth = { "none", "basic", "any", "anysafe" },
    socks5_auth = { "none", "basic", "gssapi" },
    ipresolve = { "whatever", "v4", "v6" },
    sslversion = { "default", "tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3", "max_none",
      "max_default", "max_tlsv1.0", "max_tlsv1.1", "max_tlsv1.2", "max_tlsv1.3" },
    proxy_sslversion = { "default", "tlsv1.2", "max_tlsv1.3" },
    ssl_options = { "allow_beast", "no_revoke", "no_partialchain", "revoke_best_effort",
      "native_ca", "auto_client_cert" },
    proxy_ssl_options = { "allow_beast", "no_revoke" },
    use_ssl = { "none", "try", "control", "all" },
    ftp_ssl = { "none", "try", "control", "all" },
    ftpsslauth = { "default", "ssl", "tls" },
    ftp_ssl_ccc = { "none", "passive", "active" },
    ftp_filemethod = { "default", "multicwd", "nocwd", "singlecwd" },
    ftp_create_missing_dirs = { "none", "create", "retry" },
    proxytype = { "http", "http_1_0", "https", "socks4", "socks4a", "socks5", "socks5_hostname" },
    netrc = { "ignored", "optional", "required" },
    timecondition = { "none", "ifmodsince", "ifunmodsince", "lastmod" },
    rtsp_request = { "options", "describe", "announce", "setup", "play", "pause", "teardown",
      "get_parameter", "set_parameter", "record", "receive" },
    postredir = { "get_all", "post_301", "post_302", "post_303", "post_all" },
    gssapi_delegation = { "none", "policy_flag", "flag" },
    ssh_auth_types = { "none", "publickey", "password", "host", "keyboard", "agent", "gssapi",
      "any", "default" },
    headeropt = { "unified", "separate" },
    altsvc_ctrl = { "readonlyfile", "h1", "h2", "h3" },
    hsts_ctrl = { "enable", "readonlyfile" },
    mime_options = { "formescape" },
    ws_options = { "raw_mode" },
  }

  -- Whether this libcurl was built with all that an option needs is not the question.
  local built_out = { NOT_SUPPORTED = true, UNKNOWN_OPTION = true }

  for option, values in pairs(names) do
    it("can be set by name: " .. option, function()
      local easy <close> = new()
      for _, value in ipairs(values) do
        local ok, message, name = easy:setopt(option, value)
        assert.truthy(ok == easy or built_out[name] or value == "none" or value == "max_none",
          message)
      end
      complains("no value is named 'bogus' (choices: " .. values[1], easy, option, "bogus")
    end)
  end

  it("is what it says", function()
    local easy <close> = at("/hello", { http_version = "1.0" })
    local head = {}
    easy:setopt { headerfunction = head, verbose = true, nobody = true }
    easy:setopt("debugfunction", function(kind, data)
      if kind == "header_out" then
        head.sent = data
      end
    end)
    assert(easy:perform())
    assert.truthy(head.sent:find("^HEAD /hello HTTP/1%.0\r\n"))
    easy:setopt("http_version", "1.1")
    assert(easy:perform())
    assert.truthy(head.sent:find("^HEAD /hello HTTP/1%.1\r\n"))
    assert.equal("1.1", easy:getinfo("http_version"))
    local v6 <close> = new { proxy = "", ipresolve = "v6" }
    v6:setopt("url", ("http://localhost:%d/hello"):format(web().port4))
    assert.is_nil((v6:perform()))
    assert(v6:setopt("ipresolve", "v4"):perform())
  end)

  it("may be a list where values can be or-ed", function()
    local easy <close> = at("/private", { userpwd = "user:secret" })
    easy:setopt("httpauth", { "digest", "bearer" })
    assert(easy:perform())
    assert.equal(401, easy:getinfo("response_code"))
    easy:setopt("httpauth", { "digest", "basic" })
    assert(easy:perform())
    assert.equal(200, easy:getinfo("response_code"))
    assert.equal(easy, easy:setopt("httpauth", { 1, "digest", 4.0 }))
    assert.equal(easy, easy:setopt("httpauth", {}))
    assert.equal(easy, easy:setopt("sslversion", { "tlsv1.2", "max_tlsv1.3" }))
  end)

  it("is no list of something else, and none where one value counts", function()
    local easy <close> = new()
    for _, list in ipairs { { true }, { "basic", {} }, { print } } do
      complains("list of names expected", easy, "httpauth", list)
    end
    complains("integer expected, got 1.5", easy, "httpauth", { 1.5 })
    complains("'bogus'", easy, "httpauth", { "basic", "bogus" })
    for _, list in ipairs { { a = 1 }, { "basic", a = 1 }, { [2] = "basic" }, { "a", nil, "b" } } do
      complains("holes or names", easy, "httpauth", list)
    end
    for option, what in pairs {
      http_version = "version", ipresolve = "version", use_ssl = "integer",
    } do
      assert.equal("option '" .. option .. "': " .. what .. " or name expected, got table",
        thrown(easy, option, { names[option][1] }))
    end
  end)

  it("is not taken from a string of digits, nor from one with NUL", function()
    local easy <close> = new()
    complains("no value is named '1'", easy, "httpauth", "1")
    complains("no value is named", easy, "ipresolve", "v4\0")
    complains("no value is named", easy, "ipresolve", "V4")
  end)
end)

describe("a string", function()
  it("is copied", function()
    local easy <close> = new { proxy = "" }
    local body = {}
    easy:setopt("url", web().url .. table.concat { "/hel", "lo" }):setopt("writefunction", body)
    left.gc()
    assert(easy:perform())
    assert.equal("hello\n", table.concat(body))
  end)

  it("has no NUL and is nothing else", function()
    local easy <close> = new()
    assert.equal("option 'url': string contains NUL", thrown(easy, "url", "http://a\0b"))
    assert.equal("option 'url': string contains NUL", thrown(easy, { url = "\0" }))
    for _, value in ipairs { 1, 1.5, true, {}, print, setmetatable({}, { __tostring = error }) } do
      assert.equal("option 'url': string expected, got " .. type(value), thrown(easy, "url", value))
    end
  end)

  it("is unset", function()
    local easy <close> = at("/header", { useragent = "mine" })
    local body = {}
    easy:setopt("writefunction", function(data) body[1] = data end)
    assert(easy:perform())
    assert.truthy(body[1]:find("mine", 1, true))
    assert.equal(easy, easy:unset("useragent"))
    assert(easy:perform())
    assert.is_nil(body[1]:find("mine", 1, true))
    assert.equal("URL_MALFORMAT", select(3, easy:unset("url"):perform()))
  end)

  it("in a blob may have any byte", function()
    local pem = process.read(web().ca)
    local easy <close> = new { url = web().https_url .. "/hello", proxy = "" }
    assert.is_nil((easy:perform()))
    local size = (function()
      local blob = "\0\255 junk before it\n" .. pem
      assert.equal(easy, easy:setopt("cainfo_blob", blob))
      return #blob
    end)()
    left.gc()
    for i = 1, 100 do
      assert.equal(size, #string.char(i):rep(size)) -- may take the place where the blob was
    end
    assert(easy:perform())
    for _, value in ipairs { 1, true, {}, print } do
      assert.equal("option 'cainfo_blob': string expected, got " .. type(value),
        thrown(easy, "cainfo_blob", value))
    end
    easy:unset("cainfo_blob"):setopt("fresh_connect", true)
    assert.equal("PEER_FAILED_VERIFICATION", select(3, easy:perform()))
  end)
end)

describe("post fields", function()
  it("are copied, with any byte", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[i + 1] = string.char(i)
    end
    local data = table.concat(bytes):rep(100)
    for _, option in ipairs { "postfields", "copypostfields" } do
      local easy <close> = at("/post/bytes", { [option] = data .. option })
      left.gc()
      assert(easy:perform())
      assert.equal(data .. option, get("/store/bytes"))
    end
  end)

  it("may be empty, longer and shorter than the last", function()
    local easy <close> = at("/post/again")
    for _, data in ipairs { "abc", "", "\0", ("x"):rep(100000), "\0\0x", "" } do
      assert(easy:setopt("postfields", data):perform())
      assert.equal(data, get("/store/again"))
      assert.equal("POST", easy:getinfo("effective_method"))
    end
  end)

  it("are unset: back to GET", function()
    local easy <close> = at("/method", { postfields = "x" })
    assert.equal(easy, easy:unset("postfields"))
    assert(easy:perform())
    assert.equal("GET", easy:getinfo("effective_method"))
    assert.equal(0, easy:getinfo("size_upload_t"))
  end)

  it("are a string or a table", function()
    local easy <close> = new()
    for _, value in ipairs { 1, true, print } do
      assert.equal("option 'postfields': string or table expected, got " .. type(value),
        thrown(easy, "postfields", value))
    end
  end)

  it("that are too short after all are not read beyond their end", function()
    local easy <close> = at("/upload", { postfields = "abc" })
    easy:setopt { postfieldsize = 100000, httpheader = { "Expect:" }, timeout = 0.2 }
    pcall(easy.perform, easy) -- libcurl asks for the body then
  end)
end)

describe("a list of strings", function()
  local function header(options)
    return (get("/header", options):match("^[^\n]*"))
  end

  it("is kept while libcurl may read it", function()
    local easy <close> = at("/header")
    local body = {}
    easy:setopt { httpheader = { "X-Test: " .. ("a"):rep(3) }, writefunction = body }
    left.gc()
    assert(easy:perform())
    assert.truthy(table.concat(body):find("^aaa\n"))
  end)

  it("takes numbers as strings, and any number of items", function()
    local many = {}
    for i = 1, 100000 do
      many[i] = i / 2
    end
    assert.equal("", header { quote = many, httpheader = {} })
    local list = {}
    for i = 1, 200 do
      list[i] = "host" .. i .. ".test:80:127.0.0.1"
    end
    list[#list + 1] = ("last.test:%d:127.0.0.1"):format(web().port)
    local easy <close> = new { resolve = list, proxy = "" }
    easy:setopt("url", ("http://last.test:%d/hello"):format(web().port))
    assert(easy:perform())
    assert.equal(200, easy:getinfo("response_code"))
  end)

  it("is replaced, emptied and unset", function()
    local easy <close> = at("/header", { httpheader = { "X-Test: one" } })
    local body = {}
    easy:setopt("writefunction", function(data) body[1] = data:match("^[^\n]*") end)
    local function seen()
      left.gc()
      assert(easy:perform())
      return body[1]
    end
    assert.equal("one", seen())
    assert.equal(easy, easy:setopt("httpheader", { "X-Test: two" }))
    assert.equal("two", seen())
    assert.equal(easy, easy:setopt("httpheader", {}))
    assert.equal("", seen())
    easy:setopt("httpheader", { "X-Test: three" })
    assert.equal(easy, easy:unset("httpheader"))
    assert.equal("", seen())
    assert.equal(easy, easy:unset("httpheader"))
  end)

  it("has strings without NUL, no holes, no other keys", function()
    local easy <close> = new { httpheader = { "A: b" } }
    for _, list in ipairs {
      { A = "b" }, { "A: b", A = "b" }, { "A", nil, "B" }, { [2] = "A" }, { [1.5] = "A" },
    } do
      complains("holes or names", easy, "httpheader", list)
    end
    local texts = setmetatable({}, { __tostring = error })
    for _, item in ipairs { true, {}, print, io.stdout, texts } do
      assert.equal("option 'httpheader': string expected at [2], got " .. type(item),
        thrown(easy, "httpheader", { "A: b", item }))
    end
    complains("option 'httpheader': string at [1] contains NUL", easy, "httpheader", { "A\0" })
    for _, value in ipairs { "A: b", 1, true, print } do
      assert.equal("option 'httpheader': list of strings expected, got " .. type(value),
        thrown(easy, "httpheader", value))
    end
  end)

  it("runs no metamethods", function()
    local hostile = { __index = error, __len = error, __pairs = error }
    assert.equal("raw", header { httpheader = setmetatable({ "X-Test: raw" }, hostile) })
  end)

  it("may be replaced inside a callback, while libcurl reads the old one", function()
    local easy <close> = at("/redirect?to=" .. web().url .. "/header")
    local body, calls = {}, 0
    easy:setopt {
      followlocation = true,
      httpheader = { "X-Test: old", "X-Other: old" },
      writefunction = body,
      opensocketfunction = function()
        for i = 1, 50 do
          easy:setopt("httpheader", { "X-Test: new" .. i })
        end
        easy:unset("quote")
        return true
      end,
      headerfunction = function()
        calls = calls + 1
        easy:setopt("httpheader", { "X-Test: header" .. calls })
        left.gc()
      end,
    }
    assert(easy:perform())
    assert.truthy(table.concat(body):find("^header%d+\n"))
    easy:setopt("httpheader", { "X-Test: after" }):unset("headerfunction")
    body[1] = nil
    assert(easy:perform())
  end)

  -- Environment for a script: malloc overwrites what is freed, so that reading it is noticed.
  local function env(url)
    return { SPEC_URL = url, MALLOC_PERTURB_ = "85" }
  end

  it("is read to its end, though it was replaced", function()
    local server <close> = setmetatable(servers.script([[
      local client = (...):accept()
      local answers = { DATA = "354", QUIT = "221" }
      client:send("220 hello\r\n")
      local line = client:receive()
      while line do
        print(line)
        local verb = line:match("^%a+")
        client:send((answers[verb] or "250") .. " fine\r\n")
        while verb == "DATA" and line ~= "." do
          line = client:receive()
        end
        if verb == "DATA" then
          client:send("250 sent\r\n")
        end
        line = client:receive()
      end
    ]]), { __close = servers.stop })
    left.pass([[
      local curl = require "curlsock"
      local easy = curl.easy { url = os.getenv("SPEC_URL"), proxy = "", upload = true }
      easy:setopt { mail_from = "a@b", mail_rcpt = { "1@b", "2@b", "3@b", "4@b" } }
      easy:setopt("readfunction", function() return nil end)
      local replies = 0
      easy:setopt("headerfunction", function()
        replies = replies + 1
        if replies > 2 then -- the recipients are under way
          easy:setopt("mail_rcpt", { "new@b" })
        end
      end)
      assert(easy:perform())
      easy:close()
    ]], env((server.url:gsub("^http", "smtp"))))
    local recipients = {}
    for number in server:output():gmatch("RCPT TO:<(%d)@b>") do
      recipients[#recipients + 1] = number
    end
    assert.equal("1234", table.concat(recipients))
  end)

  it("of addresses that was not looked at yet is forgotten by reset", function()
    left.pass([[
      local curl = require "curlsock"
      local easy = curl.easy { resolve = { "a.test:80:127.0.0.1", "b.test:80:127.0.0.1" } }
      easy:reset():setopt("url", os.getenv("SPEC_URL")):setopt("proxy", "")
      assert(easy:perform())
      easy:close()
    ]], env(web().url .. "/hello"))
  end)

  it("may be replaced while the transfer is in a multi", function()
    local multi <close> = curl.multi()
    local easy <close> = at("/slow?rate=1m", { httpheader = { "X-Test: a" } })
    multi:add(easy)
    local rounds = 0
    while multi:perform() > 0 do
      easy:setopt("httpheader", { "X-Test: " .. rounds })
      rounds = rounds + 1
      multi:poll(0.05)
    end
    for _, ok, message in multi:results() do
      assert.is_true(ok, message)
    end
    easy:setopt("httpheader", { "X-Test: done" })
    multi:remove(easy)
  end)

  it("is copied for a duplicate, which outlives the first", function()
    local easy = at("/header", {
      httpheader = { "X-Test: dup" },
      resolve = { "a.test:80:127.0.0.1" },
      stderr = io.stderr,
    })
    local dup <close> = easy:dup()
    local third <close> = dup:dup()
    easy:setopt("httpheader", { "X-Test: changed" })
    easy:close()
    left.gc()
    local body = {}
    for _, e in ipairs { dup, third } do
      e:setopt("writefunction", function(data) body[#body + 1] = data:match("^[^\n]*") end)
      assert(e:perform())
    end
    assert.same({ "dup", "dup" }, body)
  end)

  it("is forgotten by reset", function()
    local easy <close> = new {
      httpheader = { "X-Test: x" },
      resolve = { "a.test:80:127.0.0.1" },
      stderr = io.stderr,
    }
    easy:reset()
    left.gc()
    local body = {}
    easy:setopt { url = web().url .. "/header", proxy = "", writefunction = body }
    assert(easy:perform())
    assert.truthy(table.concat(body):find("^\n"))
  end)
end)

describe("stderr", function()
  -- A transfer that tells what it does, and what the file has then.
  local function verbose(name, before)
    local path = servers.dir() .. "/" .. name
    local file <close> = assert(io.open(path, "w"))
    local easy <close> = new { url = "file:///dev/null", verbose = true, stderr = file }
    if before then
      before(easy, file)
    end
    assert(easy:perform())
    easy:close()
    local text = process.read(path)
    os.remove(path)
    return text
  end

  it("is a Lua file", function()
    assert.truthy(#verbose("stderr") > 0)
  end)

  it("may be closed by the script at any time", function()
    assert.truthy(#verbose("closed", function(_, file) file:close() end) > 0)
  end)

  it("is shared with duplicates, and unset", function()
    local dup
    local text = verbose("dup", function(easy)
      dup = easy:dup()
      easy:setopt("verbose", false)
      assert.equal(easy, easy:unset("stderr"))
      assert(dup:perform())
    end)
    dup:close()
    assert.truthy(#text > 0)
  end)

  it("may be replaced inside a callback", function()
    local text = verbose("replaced", function(easy, file)
      easy:setopt("url", "file://" .. web().root .. "/big")
      easy:setopt("writefunction", function()
        easy:setopt("stderr", file)
      end)
    end)
    assert.truthy(#text > 0)
  end)

  it("is an open file that can be written", function()
    local easy <close> = new()
    for _, value in ipairs { 1, "x", true, {}, print, easy } do
      complains("option 'stderr': open file expected", easy, "stderr", value)
    end
    local file = assert(io.open("/dev/null"))
    refused(easy, "stderr", file, "BAD_FUNCTION_ARGUMENT")
    file:close()
    complains("open file expected", easy, "stderr", file)
  end)

  it("cannot be set without a descriptor for it", function()
    local script = os.tmpname()
    process.write(script, [[
      local easy, files = require("curlsock").easy(), {}
      repeat
        local file = io.open("/dev/null", "w")
        files[#files + 1] = file
      until not file
      print(pcall(easy.setopt, easy, "stderr", files[1]))
    ]])
    local out = process.output("ulimit -n 40; " .. process.lua() .. " " .. script)
    os.remove(script)
    assert.equal("false\toption 'stderr': the file cannot be duplicated: Too many open files", out)
  end)

  it("is there to the end of the state, whatever is finalized first", function()
    left.pass [[
      local curl = require "curlsock"
      local easy = curl.easy { url = "file:///dev/null", verbose = true }
      local file = io.open("/dev/null", "w")
      easy:setopt("stderr", file)
      easy:perform()
      keep = { easy, file }
    ]]
  end)
end)

describe("setopt inside a callback", function()
  it("is allowed", function()
    local easy <close> = at("/big")
    local results = {}
    easy:setopt("writefunction", function()
      results[1] = easy:setopt { useragent = "x", verbose = false, httpheader = { "A: b" } }
      results[2] = easy:unset("useragent")
      easy:setopt("writefunction", function() end)
    end)
    assert(easy:perform())
    assert.same({ easy, easy }, results)
  end)

  it("throws for what libcurl is reading where it is", function()
    local easy <close> = at("/upload", { postfields = ("x"):rep(2000000) })
    local messages = {}
    easy:setopt("opensocketfunction", function()
      local options = { "postfields", "cainfo_blob", "sslkey", "cainfo", "proxy_sslcert" }
      for i, option in ipairs(options) do
        messages[i] = thrown(easy, option, "x")
      end
      messages[6] = thrown(easy, "upload_buffersize", 1 << 20)
      messages[7] = select(2, pcall(easy.unset, easy, "postfields")):gsub("^[^%s]+:%d+: ", "")
      return true
    end)
    assert(easy:perform())
    local expected = "^option '[%w_]+' cannot be changed during a transfer or in a multi$"
    for _, message in ipairs(messages) do
      assert.truthy(message:find(expected), message)
    end
    assert.equal(7, #messages)
    assert.equal(easy, easy:setopt { postfields = "y", sslkey = "x", upload_buffersize = 1 << 16 })
  end)

  it("throws for that while the easy is in a multi", function()
    local multi <close> = curl.multi()
    local easy <close> = new { url = "file:///dev/null" }
    multi:add(easy)
    complains("in a multi", easy, "postfields", "x")
    assert.equal(easy, easy:setopt("useragent", "x"))
    multi:remove(easy)
    assert.equal(easy, easy:setopt("postfields", "x"))
  end)

  it("is allowed for another easy that does not run", function()
    local other <close> = new()
    local easy <close> = new { url = "file://" .. web().root .. "/big" }
    easy:setopt("writefunction", function()
      other:setopt { postfields = "x", sslkey = "x", httpheader = { "A: b" } }
    end)
    assert(easy:perform())
  end)
end)

describe("unset", function()
  it("returns the easy", function()
    local easy <close> = new()
    for _, name in ipairs {
      "url", "httpheader", "cainfo_blob", "writefunction", "closesocketfunction", "share", "stderr",
      "postfields", "copypostfields", "useragent",
    } do
      assert.equal(easy, easy:unset(name))
    end
  end)

  it("removes functions", function()
    local easy <close> = new { url = "file://" .. web().root .. "/big" }
    local calls = 0
    easy:setopt("writefunction", function() calls = calls + 1 end)
    easy:unset("writefunction")
    assert(easy:perform())
    assert.equal(0, calls)
  end)

  it("throws for an unknown option and for a name that is no string", function()
    local easy <close> = new()
    assert.error_matches(function() easy:unset("bogus") end, "unknown option 'bogus'")
    for _, name in ipairs { 1, true, {}, print } do
      assert.error_matches(function() easy:unset(name) end, "string expected, got " .. type(name))
    end
    assert.error_matches(function() easy:unset() end, "got nil")
  end)

  it("hands on what libcurl refuses", function()
    local easy <close> = new()
    local ok, message, name = easy:unset("proxy_tlsauth_type")
    if not ok then
      assert.truthy(message:find("option 'proxy_tlsauth_type'", 1, true))
      assert.equal("string", type(name))
    end
  end)
end)

describe("the name of an error", function()
  it("is libcurl's", function()
    local expected = {
      ["bogus://host/"] = "UNSUPPORTED_PROTOCOL",
      ["http://:/"] = "URL_MALFORMAT",
      ["file:///nonexistent/file"] = "FILE_COULDNT_READ_FILE",
      ["http://127.0.0.1:1/"] = "COULDNT_CONNECT",
    }
    for url, name in pairs(expected) do
      local easy <close> = new { url = url, proxy = "" }
      local ok, message, got = easy:perform()
      assert.is_nil(ok)
      assert.equal("string", type(message))
      assert.equal(name, got)
    end
  end)
end)
