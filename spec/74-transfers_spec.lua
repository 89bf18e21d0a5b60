-- What options do to a transfer, where other specs only see that they can be set: ranges, uploads
-- of unknown size, limits, sources, dates, bytes of any kind, FTP's commands. (The tests of pycurl
-- look at each of these.)

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local failed = errors.failed
local web

setup(function() web = servers.nginx() end)

-- The lines that libcurl sends, one after the other, of the kind that a debugfunction is told.
local function sent_by(easy)
  local sent = {}
  easy:setopt { verbose = true, debugfunction = function(kind, data)
    if kind == "header_out" then sent[#sent + 1] = data end
  end }
  return function() return table.concat(sent) end
end

-- Hands out the pieces one after the other.
local function pieces(...)
  local list, i = { ... }, 0
  return function()
    i = i + 1
    return list[i]
  end
end

-- A server that answers each request on its first connection with this text.
local function answering(text)
  return servers.script(([[
    local server, socket = ...
    while true do
      local s = server:accept()
      repeat
        local line
        repeat line = s:receive() until not line or line == ""
        if line then s:send(%q) end
      until not line
      s:close()
    end
  ]]):format(text))
end

describe("a range", function()
  it("is asked for, and no more when it is unset", function()
    local easy <close>, body = easies.new("/big", { range = "2-5" })
    assert.equal("2345", easies.fetch(easy, body))
    assert.equal(206, easy:getinfo("response_code"))
    easy:unset("range")
    assert.equal(#web.big, #easies.fetch(easy, body))
    assert.equal(200, easy:getinfo("response_code"))
  end)
end)

describe("an upload of unknown size", function()
  local function stored(name) return process.read(web.root .. "/store/" .. name) end

  it("is chunked, with PUT", function()
    local easy <close> = easies.new("/store/chunked-put", {
      upload = true, readfunction = pieces("one ", "two ", ("x"):rep(70000)),
    })
    local sent = sent_by(easy)
    assert(easy:perform())
    assert.truthy(sent():find("\r\nTransfer-Encoding: chunked\r\n", 1, true))
    assert.is_nil(sent():find("Content-Length", 1, true))
    assert.equal("one two " .. ("x"):rep(70000), stored("chunked-put"))
  end)

  it("is chunked, with POST and the header", function()
    local easy <close> = easies.new("/post/chunked-post", {
      post = true, httpheader = { "Transfer-Encoding: chunked", "Expect:" },
      readfunction = pieces("three ", "four"),
    })
    local sent = sent_by(easy)
    assert(easy:perform())
    assert.truthy(sent():find("^POST .*\r\nTransfer%-Encoding: chunked\r\n"))
    assert.equal("three four", stored("chunked-post"))
  end)
end)

describe("limits", function()
  it("low_speed_limit and low_speed_time end a transfer that is too slow", function()
    local easy <close> = easies.new("/slow?rate=1k", { low_speed_limit = 1 << 20,
      low_speed_time = 1, timeout = 20 * process.patience })
    local start = curl.now()
    failed("OPERATION_TIMEDOUT", "Operation too slow", easy:perform())
    local took = curl.now() - start
    assert.truthy(took >= 0.9 and took < 10 * process.patience, took)
  end)

  it("low_speed_time does not count while the transfer is paused", function()
    local calls = 0
    local easy <close> = easies.new("/hello", { low_speed_limit = 1 << 20, low_speed_time = 1,
      writefunction = function()
        calls = calls + 1
        return calls == 1 and curl.PAUSE or true
      end })
    local multi <close> = curl.multi():add(easy)
    local start = curl.now()
    while curl.now() - start < 2.5 do
      assert.equal(1, (assert(multi:perform())))
      multi:poll(0.1)
    end
    assert(easy:unpause())
    transfers.drive(multi)
    assert.equal(2, calls)
    assert.same({ easy, true }, { multi:results()(multi) })
  end)

  it("maxfilesize refuses what is announced to be longer", function()
    local easy <close>, body = easies.new("/big", { maxfilesize = #web.big - 1 })
    failed("FILESIZE_EXCEEDED", "[Mm]aximum file size", easy:perform())
    assert.equal("", table.concat(body))
    easy:setopt("maxfilesize", #web.big)
    assert.equal(#web.big, #easies.fetch(easy, body))
  end)
end)

describe("where a connection comes from", function()
  it("is localport", function()
    local port = servers.free_port()
    local easy <close>, body = easies.new("/peer", { localport = port })
    assert.equal(("127.0.0.1 %d\n"):format(port), easies.fetch(easy, body))
    assert.equal(port, easy:getinfo("local_port"))
  end)

  it("is interface, an address", function()
    local easy <close>, body = easies.new("/peer", { interface = "127.0.0.2" })
    assert.truthy(easies.fetch(easy, body):find("^127%.0%.0%.2 "))
    assert.equal("127.0.0.2", easy:getinfo("local_ip"))
    easy:setopt { interface = "192.0.2.1", fresh_connect = true }
    failed("INTERFACE_FAILED", "", easy:perform())
  end)

  it("keeps it alive with tcp_keepalive", function()
    local seen = {}
    local easy <close> = easies.new("/hello", { tcp_keepalive = true, tcp_keepidle = 77,
      tcp_keepintvl = 33, closesocketfunction = function(socket)
        seen = { socket:getsockopt("socket", "keepalive"), socket:getsockopt("tcp", "keepidle"),
          socket:getsockopt("tcp", "keepintvl") }
      end })
    assert(easy:perform())
    easy:close()
    assert.same({ true, 77, 33 }, seen)
  end)
end)

describe("bytes that are no UTF-8", function()
  local bytes <const> = "\xE4\xFF\x80"

  it("are sent as they are", function()
    local easy <close>, body = easies.new("/header", {
      httpheader = { "x-test: " .. bytes }, useragent = "agent " .. bytes,
      referer = "from " .. bytes, cookie = "a=" .. bytes,
    })
    assert.equal(("%s\nagent %s\nfrom %s\na=%s\n"):format(bytes, bytes, bytes, bytes),
      easies.fetch(easy, body))
  end)

  it("are received as they are", function()
    local server = answering(("HTTP/1.1 200 %s\r\nX-Bytes: %s\r\nContent-Type: text/%s\r\n"
      .. "Set-Cookie: a=%s\r\nContent-Length: 3\r\n\r\n%s")
      :format(bytes, bytes, bytes, bytes, bytes))
    local lines = {}
    local easy <close>, body = easies.new(server.url .. "/", { headerfunction = lines,
      cookiefile = "" })
    assert.equal(bytes, easies.fetch(easy, body))
    assert.equal("HTTP/1.1 200 " .. bytes .. "\r\n", lines[1])
    assert.equal("X-Bytes: " .. bytes .. "\r\n", lines[2])
    assert.equal(bytes, easy:header("x-bytes"))
    assert.equal("text/" .. bytes, easy:getinfo("content_type"))
    assert.truthy(easy:getinfo("cookielist")[1]:find("\ta\t" .. bytes .. "$"))
    servers.stop(server)
  end)

  it("stay in the message of a failure", function()
    local server = answering(("HTTP/1.1 404 %s\r\nContent-Length: 0\r\n\r\n"):format(bytes))
    local easy <close> = easies.new(server.url .. "/" .. bytes, { failonerror = true })
    failed("HTTP_RETURNED_ERROR", "404", easy:perform())
    assert.equal(server.url .. "/" .. bytes, easy:getinfo("effective_url"))
    servers.stop(server)
  end)
end)

describe("a callback that is set to nil", function()
  for _, callback in ipairs(surface.callbacks) do
    it("is not called: " .. callback.name, function()
      local calls, nowhere = 0, assert(io.open("/dev/null", "w"))
      local easy <close> = easies.new(callback.path or "/hello", callback.options)
      easy:setopt(callback.name, function() calls = calls + 1 end)
      assert.equal(easy, easy:setopt(callback.name, nil))
      easy:setopt("stderr", nowhere) -- where libcurl writes if nobody is told
      nowhere:close()
      local ok, message = pcall(easy.perform, easy)
      assert.truthy(ok or message:find("not set, but there is data to be sent", 1, true))
      easy:close()
      assert.equal(0, calls)
    end)
  end
end)

-- As Ctrl-C in lua does, while the callback runs.
describe("an error of a debug hook", function()
  local function interrupted()
    debug.sethook(function()
      debug.sethook()
      error("interrupted", 0)
    end, "", 1)
    for _ = 1, 10 do end
  end

  for _, callback in ipairs(surface.callbacks) do
    it("comes out of perform, and leaves nothing over: " .. callback.name, function()
      local easy <close> = easies.new(callback.path or "/hello", callback.options)
      easy:setopt(callback.name, interrupted)
      assert.same({ false, "interrupted" }, { pcall(easy.perform, easy) })
      easy:unset(callback.name)
      -- (libcurl 8.14 and 8.15 rewind for ever what could not be rewound: not a duplicate.)
      local again <close> = easy:dup()
      again:setopt { url = web.url .. "/hello", upload = false, verbose = false }
      assert.is_true(again:perform())
    end)
  end
end)

describe("numbers over 2^32", function()
  local huge <const> = (1 << 32) + 5

  it("are taken by all options that say off_t", function()
    local easy <close> = curl.easy()
    for name, kind in curl.options() do
      if kind == "off_t" then assert.equal(easy, easy:setopt(name, huge), name) end
    end
  end)

  it("are the size of an upload", function()
    local function sent_with(options)
      local easy <close> = easies.plain("/store/huge", options)
      local piece = pieces("x")
      easy:setopt("readfunction", function() return piece() or false, "enough" end)
      local sent = sent_by(easy)
      easy:perform() -- nginx may refuse it before the callback does
      return sent()
    end
    local length = ("\r\nContent-Length: %d\r\n"):format(huge)
    local expect = { "Expect:" }
    local put = sent_with { upload = true, infilesize_large = huge, httpheader = expect }
    assert.truthy(put:find(length, 1, true))
    local post = sent_with { post = true, postfieldsize_large = huge, httpheader = expect }
    assert.truthy(post:find(length, 1, true))
  end)

  it("are where a download goes on", function()
    local easy <close> = easies.new("/big", { resume_from_large = huge })
    local sent = sent_by(easy)
    easy:perform()
    assert.truthy(sent():find(("\r\nRange: bytes=%d-\r\n"):format(huge), 1, true))
  end)

  it("are the limit of a size", function()
    local server = answering(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(huge))
    local easy <close> = easies.new(server.url .. "/", { maxfilesize_large = huge - 1 })
    failed("FILESIZE_EXCEEDED", "", easy:perform())
    easy:setopt { maxfilesize_large = huge, nobody = true }
    assert(easy:perform())
    assert.equal(huge, easy:getinfo("content_length_download_t"))
    servers.stop(server)
  end)

  it("are dates", function()
    local easy <close> = easies.new("/big", { timecondition = "ifmodsince",
      timevalue_large = huge })
    local sent = sent_by(easy)
    assert(easy:perform())
    local date = sent():match("\r\nIf%-Modified%-Since: ([^\r]*)\r\n")
    assert.equal(huge, curl.getdate(date))
  end)
end)

describe("timecondition", function()
  it("asks whether something is newer", function()
    local easy <close>, body = easies.new("/big", { filetime = true })
    easies.fetch(easy, body)
    local time = easy:getinfo("filetime_t")
    assert.truthy(math.abs(time - os.time()) < 86400)
    easy:setopt { timecondition = "ifmodsince", timevalue_large = time }
    assert.equal("", easies.fetch(easy, body))
    assert.same({ 304, 1 }, { easy:getinfo("response_code"), easy:getinfo("condition_unmet") })
    easy:setopt { timecondition = "ifunmodsince", timevalue_large = time + 1 }
    assert.equal(#web.big, #easies.fetch(easy, body))
    assert.equal(0, easy:getinfo("condition_unmet"))
  end)
end)

describe("TLS", function()
  it("fails with a blob that has no certificate, and does not go on without", function()
    local easy <close>, body = easies.new(web.https_url .. "/hello", { cainfo_blob = "none" })
    failed("SSL_CACERT_BADFILE", "", easy:perform())
    assert.equal("", table.concat(body))
    easy:setopt("cainfo_blob", process.read(web.ca))
    assert.equal("hello\n", easies.fetch(easy, body))
  end)
end)

describe("http_version", function()
  it("is what was negotiated", function()
    local expected = { ["1.0"] = "1.1", ["1.1"] = "1.1", ["2tls"] = "2", ["2"] = "2" }
    for asked, got in pairs(expected) do
      local easy <close> = easies.new(web.h2_url .. "/hello", { cainfo = web.ca })
      if not easy:setopt("http_version", asked) then break end -- built without
      assert(easy:perform())
      assert.equal(got, easy:getinfo("http_version"), asked)
    end
  end)
end)

describe("a body that was sent in vain", function()
  it("is sought back and sent again, when the server wants a login", function()
    local server = servers.script [[
      local server = ...
      local s = server:accept()
      for i, answer in ipairs {
        'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
          .. "Content-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      } do
        local length, login = 0, ""
        repeat
          local line = s:receive()
          length = tonumber(line:match("^Content%-Length: (%d+)")) or length
          login = line:match("^Authorization: (%a+)") or login
        until line == ""
        print(i, login, length > 0 and s:receive(length) or "")
        s:send(answer)
      end
    ]]
    local seeks, position = {}, 0
    local data <const> = "the body"
    local easy <close> = easies.new(server.url .. "/", {
      httpauth = { "basic", "digest" }, userpwd = "user:secret", post = true,
      httpheader = { "Expect:" }, postfieldsize_large = #data,
      readfunction = function(size)
        local piece = data:sub(position + 1, position + size)
        position = position + #piece
        return piece ~= "" and piece or nil
      end,
      seekfunction = function(offset, whence)
        seeks[#seeks + 1] = { offset, whence }
        position = offset
        return true
      end,
    })
    assert(easy:perform())
    assert.equal(200, easy:getinfo("response_code"))
    assert.same({ "digest" }, easy:getinfo("httpauth_avail"))
    servers.wait(function() return server:output():find("\n2") end)
    assert.equal("1\t\tthe body\n2\tDigest\tthe body", server:output():match("1\t.*body"))
    assert.same({ { 0, "set" } }, seeks)
    servers.stop(server)
  end)
end)

describe("FTP", function()
  local function commands(options)
    local ftp = servers.vsftpd()
    local easy <close>, body = easies.new(ftp.url .. "/hello.txt", options)
    local sent = sent_by(easy)
    assert.equal("hello\n", easies.fetch(easy, body))
    return sent()
  end

  it("sends quote before and postquote after the transfer", function()
    local sent = commands { quote = { "NOOP" }, postquote = { "STAT", "*SITE bogus" } }
    assert.truthy(sent:find("NOOP\r\n.*RETR hello%.txt\r\n.*STAT\r\nSITE bogus\r\n"), sent)
    local easy <close> = easies.new(servers.vsftpd().url .. "/hello.txt", { quote = { "BOGUS" } })
    failed("QUOTE_ERROR", "500", easy:perform())
  end)

  it("takes PASV where EPSV is not wanted", function()
    assert.truthy(commands():find("EPSV\r\n", 1, true))
    local sent = commands { ftp_use_epsv = false }
    assert.truthy(sent:find("PASV\r\n", 1, true) and not sent:find("EPSV", 1, true))
  end)

  it("is connected to with ftpport, by EPRT or PORT, and says so to the callbacks", function()
    for _, case in ipairs { { true, "EPRT |1|127.0.0.1|" }, { false, "PORT 127,0,0,1," } } do
      local purposes = {}
      local sent = commands { ftpport = "127.0.0.1", ftp_use_eprt = case[1],
        sockoptfunction = function(_, purpose) purposes[#purposes + 1] = purpose end }
      assert.truthy(sent:find(case[2], 1, true), sent)
      assert.same({ "ipcxn", "accept" }, purposes)
    end
  end)
end)
