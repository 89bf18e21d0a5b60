-- easy:getinfo: every information, its type, what has none, and what is refused.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local new, web, thrown = curl.easy, servers.nginx, errors.thrown
local INTEGER, FLOAT, STRING, LIST, SOCKET = "integer", "float", "string", "table", "socket"

-- All that libcurl 7.85 has.
local types = {
  activesocket = SOCKET,
  appconnect_time = FLOAT,
  appconnect_time_t = INTEGER,
  cainfo = STRING,
  capath = STRING,
  certinfo = LIST,
  condition_unmet = INTEGER,
  connect_time = FLOAT,
  connect_time_t = INTEGER,
  content_length_download = FLOAT,
  content_length_download_t = INTEGER,
  content_length_upload = FLOAT,
  content_length_upload_t = INTEGER,
  content_type = STRING,
  cookielist = LIST,
  effective_method = STRING,
  effective_url = STRING,
  filetime = INTEGER,
  filetime_t = INTEGER,
  ftp_entry_path = STRING,
  header_size = INTEGER,
  http_connectcode = INTEGER,
  http_version = STRING,
  httpauth_avail = LIST,
  lastsocket = SOCKET,
  local_ip = STRING,
  local_port = INTEGER,
  namelookup_time = FLOAT,
  namelookup_time_t = INTEGER,
  num_connects = INTEGER,
  os_errno = INTEGER,
  pretransfer_time = FLOAT,
  pretransfer_time_t = INTEGER,
  primary_ip = STRING,
  primary_port = INTEGER,
  protocol = STRING,
  proxy_error = INTEGER,
  proxy_ssl_verifyresult = INTEGER,
  proxyauth_avail = LIST,
  redirect_count = INTEGER,
  redirect_time = FLOAT,
  redirect_time_t = INTEGER,
  redirect_url = STRING,
  referer = STRING,
  request_size = INTEGER,
  response_code = INTEGER,
  retry_after = INTEGER,
  rtsp_client_cseq = INTEGER,
  rtsp_cseq_recv = INTEGER,
  rtsp_server_cseq = INTEGER,
  rtsp_session_id = STRING,
  scheme = STRING,
  size_download = FLOAT,
  size_download_t = INTEGER,
  size_upload = FLOAT,
  size_upload_t = INTEGER,
  speed_download = FLOAT,
  speed_download_t = INTEGER,
  speed_upload = FLOAT,
  speed_upload_t = INTEGER,
  ssl_engines = LIST,
  ssl_verifyresult = INTEGER,
  starttransfer_time = FLOAT,
  starttransfer_time_t = INTEGER,
  total_time = FLOAT,
  total_time_t = INTEGER,
}

-- Newer ones, with the version that brought them.
local newer = {
  conn_id = 0x080200,
  earlydata_sent_t = 0x080b00,
  httpauth_used = 0x080c00,
  posttransfer_time_t = 0x080a00,
  proxyauth_used = 0x080c00,
  queue_time_t = 0x080600,
  size_delivered = 0x081400,
  used_proxy = 0x080700,
  xfer_id = 0x080200,
}

-- libcurl may have been built without the protocol that an information is about.
local function check_all(easy)
  for name, expected in pairs(types) do
    local value, message, code = easy:getinfo(name)
    if code then
      assert.equal(name == "ftp_entry_path" and "NOT_SUPPORTED" or "UNKNOWN_OPTION", code, name)
      assert.equal("string", type(message))
    elseif expected == SOCKET then
      assert.truthy(value == nil or math.type(value) == "integer", name)
    elseif expected == STRING then
      assert.truthy(value == nil or type(value) == "string", name)
    else
      assert.equal(expected, math.type(value) or type(value), name)
    end
  end
end

describe("getinfo", function()
  it("gives every information of a new easy", function()
    local easy <close> = new()
    check_all(easy)
    assert.is_nil(easy:getinfo("activesocket"))
    assert.is_nil(easy:getinfo("content_type"))
    assert.same({}, easy:getinfo("cookielist"))
    assert.same({}, easy:getinfo("certinfo"))
    assert.equal(0, easy:getinfo("response_code"))
    assert.equal(0.0, easy:getinfo("total_time"))
    assert.equal(-1, easy:getinfo("content_length_download_t"))
  end)

  it("gives every information of a transfer that has ended, and of a failed one", function()
    local easy <close> = new { url = web().url .. "/hello", proxy = "" }
    assert(easy:perform())
    check_all(easy)
    easy:setopt("url", "http://127.0.0.1:1/")
    assert.is_nil((easy:perform()))
    check_all(easy)
    assert.equal(111, easy:getinfo("os_errno"))
    easy:reset()
    check_all(easy)
    local dup <close> = easy:dup()
    check_all(dup)
  end)

  it("gives what libcurl has since a later version", function()
    local easy <close> = new { url = web().url .. "/hello", proxy = "" }
    assert(easy:perform())
    for name, since in pairs(newer) do
      local value, message, code = easy:getinfo(name)
      if curl.version_info().version_num < since then
        assert.same({ nil, "UNKNOWN_OPTION" }, { value, code }, name)
        assert.truthy(message:find("'" .. name .. "' needs libcurl ", 1, true), name)
      else
        assert.equal(name:find("auth") and "table" or "integer", math.type(value) or type(value),
          name)
      end
    end
  end)

  it("tells about the transfer", function()
    local easy <close> = new { url = web().url .. "/upload", proxy = "", postfields = "12345" }
    assert(easy:perform())
    assert.equal(200, easy:getinfo("response_code"))
    assert.equal("text/plain", easy:getinfo("content_type"))
    assert.equal("POST", easy:getinfo("effective_method"))
    assert.equal(web().url .. "/upload", easy:getinfo("effective_url"))
    assert.equal(5, easy:getinfo("size_upload_t"))
    assert.equal(5.0, easy:getinfo("size_upload"))
    assert.equal(#"5\n", easy:getinfo("size_download_t"))
    assert.equal("127.0.0.1", easy:getinfo("primary_ip"))
    assert.equal(web().port, easy:getinfo("primary_port"))
    assert.equal("http", easy:getinfo("scheme"):lower())
    assert.equal("1.1", easy:getinfo("http_version"))
    assert.equal(1, easy:getinfo("num_connects"))
    local seconds = easy:getinfo("total_time")
    assert.truthy(seconds > 0 and seconds < 20)
    assert.truthy(math.abs(seconds * 1e6 - easy:getinfo("total_time_t")) < 1)
  end)

  it("tells about redirects", function()
    local there = web().url .. "/hello"
    local easy <close> = new { url = web().url .. "/redirect?to=" .. there, proxy = "" }
    assert(easy:perform())
    assert.equal(302, easy:getinfo("response_code"))
    assert.equal(there, easy:getinfo("redirect_url"))
    assert(easy:setopt("followlocation", true):perform())
    assert.equal(there, easy:getinfo("effective_url"))
    assert.equal(1, easy:getinfo("redirect_count"))
    assert.is_nil(easy:getinfo("redirect_url"))
  end)

  it("gives copies", function()
    local easy = new { url = web().url .. "/cookie", proxy = "", cookiefile = "" }
    assert(easy:perform())
    local url, cookies = easy:getinfo("effective_url"), easy:getinfo("cookielist")
    easy:setopt("url", "file:///dev/null"):setopt("cookielist", "ALL")
    easy:perform()
    easy:close()
    left.gc()
    assert.equal(web().url .. "/cookie", url)
    assert.truthy(cookies[1]:find("seen\tyes$"))
  end)

  it("lists the cookies", function()
    local easy <close> = new { cookielist = "Set-Cookie: a=1; domain=x.test; path=/" }
    easy:setopt("cookielist", "Set-Cookie: b=2; domain=x.test; path=/")
    local cookies = easy:getinfo("cookielist")
    assert.equal(2, #cookies)
    table.sort(cookies)
    assert.truthy(cookies[1]:find("a\t1$") and cookies[2]:find("b\t2$"))
    for i = 1, 300 do
      easy:setopt("cookielist", ("x%d.test\tFALSE\t/\tFALSE\t0\tname\tvalue"):format(i))
    end
    assert.equal(302, #easy:getinfo("cookielist"))
  end)

  it("has tables of the server's certificates", function()
    local easy <close> = new { url = web().https_url .. "/hello", proxy = "", cainfo = web().ca }
    easy:setopt("certinfo", true)
    assert(easy:perform())
    check_all(easy)
    local certificates = easy:getinfo("certinfo")
    assert.equal(1, #certificates)
    local lines = certificates[1]
    assert.truthy(#lines > 5)
    for _, line in ipairs(lines) do
      local name, value = line:match("^([^:]*):(.*)$")
      assert.equal("string", type(lines[name]), line)
      assert.truthy(lines[name] == value or name ~= "Subject")
    end
    local pem = process.read(web().ca):match("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-\n(.-)\n")
    assert.truthy(lines.Cert:find(pem, 1, true))
    assert.truthy(lines["Start date"]:find("GMT", 1, true))
  end)

  -- Two extensions with one number: openssl makes no such certificate, so the number is changed
  -- afterwards. Nobody looks at the signature.
  it("has all lines of a certificate that has two of one name, and by name the first", function()
    local base = servers.dir() .. "/twice"
    assert(process.output(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
      .. "-nodes -subj /CN=twice -addext 1.2.3.4=ASN1:UTF8String:one -addext "
      .. "1.2.3.5=ASN1:UTF8String:two -keyout %s.key -outform DER -out %s.der 2>&1")
      :format(base, base)))
    local der, changed = process.read(base .. ".der"):gsub("\6\3%*\3\5", "\6\3*\3\4")
    assert.equal(1, changed)
    process.write(base .. ".der", der)
    local port = servers.free_port()
    local server = io.popen(("openssl x509 -inform DER -in %s.der -out %s.pem && exec openssl "
      .. "s_server -accept 127.0.0.1:%d -cert %s.pem -key %s.key -www -naccept 1 2>&1 </dev/null")
      :format(base, base, port, base, base))
    repeat local line = assert(server:read()) until line:find("ACCEPT", 1, true)
    local easy <close> = new { url = ("https://127.0.0.1:%d/"):format(port), proxy = "",
      ssl_verifypeer = false, ssl_verifyhost = 0, certinfo = true }
    assert(easy:perform())
    local lines = easy:getinfo("certinfo")[1]
    server:close()
    local values = {}
    for _, line in ipairs(lines) do values[#values + 1] = line:match("^1%.2%.3%.4:(.*)$") end
    assert.equal(2, #values)
    assert.not_equal(values[1], values[2])
    assert.equal(values[1], lines["1.2.3.4"])
  end)

  it("gives the socket as a descriptor", function()
    local easy <close> = new { url = web().url .. "/hello", proxy = "", connect_only = 1 }
    assert(easy:perform())
    local fd = easy:getinfo("activesocket")
    assert.equal("integer", math.type(fd))
    assert.equal(fd, curl.sockets()[1].socket:fd())
    assert.equal(fd, easy:getinfo("lastsocket"))
  end)

  it("is allowed inside a callback, but for the socket", function()
    local easy <close> = new { url = web().url .. "/hello", proxy = "" }
    local other <close> = new()
    local seen, messages
    easy:setopt("writefunction", function()
      seen = { easy:getinfo("response_code"), easy:getinfo("primary_ip"), easy:getinfo("certinfo") }
      seen[4] = other:getinfo("activesocket") == nil
      messages = {
        thrown(easy.getinfo, easy, "activesocket"),
        thrown(easy.getinfo, easy, "lastsocket"),
      }
    end)
    assert(easy:perform())
    assert.same({ 200, "127.0.0.1", {}, true }, seen)
    assert.truthy(messages[1]:find('easy:getinfo("activesocket") is not allowed', 1, true))
    assert.truthy(messages[2]:find('easy:getinfo("lastsocket") is not allowed', 1, true))
    easy:getinfo("activesocket")
  end)

  it("throws for what has no value in Lua", function()
    local easy <close> = new()
    for _, name in ipairs { "private", "tls_session", "tls_ssl_ptr" } do
      assert.truthy(thrown(easy.getinfo, easy, name):find("cannot be read from Lua", 1, true))
    end
  end)

  it("throws for an unknown name and for what is no string", function()
    local easy <close> = new()
    for _, name in ipairs {
      "", "a", "bogus", "none", "lastone", "RESPONSE_CODE", "response_cod", "response_code\0", "z",
    } do
      local expected = "unknown information '" .. name:gsub("%z.*", "") .. "'"
      assert.truthy(thrown(easy.getinfo, easy, name):find(expected, 1, true))
    end
    for _, name in ipairs { true, {}, print, io.stdout, easy } do
      assert.truthy(thrown(easy.getinfo, easy, name):find("string expected", 1, true))
    end
    assert.truthy(thrown(easy.getinfo, easy):find("string expected", 1, true))
    assert.truthy(thrown(easy.getinfo, easy, 1):find("unknown information", 1, true))
  end)

  it("throws for a closed easy and for other objects", function()
    local easy = new()
    easy:close()
    assert.truthy(thrown(easy.getinfo, easy, "total_time"):find("easy is closed", 1, true))
    local multi <close> = curl.multi()
    for _, self in ipairs { multi, io.stdout, {}, "x", 1 } do
      assert.truthy(thrown(easy.getinfo, self, "total_time"):find("easy expected", 1, true))
    end
  end)

  it("survives that a finalizer closes the easy", function()
    left.pass([[
      local curl = require "curlsock"
      local url, ca = os.getenv("SPEC_URL"), os.getenv("SPEC_CA")
      local first = curl.easy { url = url, proxy = "", cainfo = ca, certinfo = true }
      assert(first:perform())
      local cookie = "x%d.test\tFALSE\t/\tFALSE\t0\tname\tvalue"
      for i = 1, 3000 do
        first:setopt("cookielist", cookie:format(i))
      end
      for _, name in ipairs { "certinfo", "cookielist" } do
        local during
        for _ = 1, 500 do
          local easy = first:dup()
          if name == "certinfo" then
            easy:perform()
          end
          local inside
          collectgarbage()
          collectgarbage("stop")
          setmetatable({}, { __gc = function()
            during = during or inside
            easy:close()
          end })
          if _VERSION == "Lua 5.4" then
            collectgarbage("incremental", 10, 10000)
          else
            collectgarbage("param", "stepmul", 0) -- a whole cycle in a step
          end
          inside = true
          collectgarbage("restart") -- the next allocation makes a step
          local ok, value = pcall(easy.getinfo, easy, name)
          inside = false
          assert(not ok or type(value) == "table" or value == nil)
          easy:close()
          if during then
            break
          end
        end
        assert(during, "no finalizer came in time")
      end
      first:close()
    ]], { SPEC_URL = web().https_url .. "/hello", SPEC_CA = web().ca })
  end)
end)
