-- docs/cookbook.md: each of its programs runs as it stands there, against real servers, and does
-- what its heading says. Only hosts, and what would take long, are others.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local http3 = require "spec.support.http3"
local lfs = require "lfs"
local loops = require "spec.support.loops"
local netns = require "spec.support.netns"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local programs = require "spec.support.programs"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

local PAGE <const> = "docs/cookbook.md"

-- Answers with the request, but: /busy, twice 503; /events, one event for each connection, but
-- none that the client says it has.
local echo_server = [[
  local server = ...
  local busy = 2
  local answers = {}

  function answers.busy()
    busy = busy - 1
    if busy >= 0 then return "503 Busy", "Retry-After: 0\r\n", "" end
    return "200 OK", "", "at last"
  end

  function answers.events(head)
    local last = tonumber(head:match("\nLast%-Event%-ID: (%d+)")) or 0
    local body = (": hello\n\nid: %d\ndata: number\ndata: %d\n\n"):format(last + 1, last + 1)
    return "200 OK", "Content-Type: text/event-stream\r\n", body
  end

  while true do
    local peer = server:accept()
    local lines = {}
    repeat
      local line = peer:receive()
      lines[#lines + 1] = line
    until not line or line == ""
    local head = table.concat(lines, "\n")
    local size = tonumber(head:match("\nContent%-Length: (%d+)"))
    local body = size and peer:receive(size) or ""
    local answer = answers[head:match("^%u+ /(%l*)") or ""]
    local status, headers, text = "200 OK", "", head .. body
    if answer then status, headers, text = answer(head) end
    peer:send(("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s"):format(status,
      #text, headers, text))
    peer:close()
  end
]]

local web, echo, parts

setup(function()
  web, echo, parts = servers.nginx(), servers.script(echo_server), servers.parts()
end)

teardown(function() servers.stop(echo) end)

local run = programs.run
local checks = {}

local function has(out, ...)
  for _, text in ipairs { ... } do assert.matches(text, out, 1, true) end
end

-- ---- HTTP -------------------------------------------------------------------------------------

checks["Get JSON"] = function(text)
  process.write(web.root .. "/user", '{"name": "Ann"}')
  assert.equal("text/plain\tAnn\n", run(text, { { "https://api.example.com/users/42",
    web.url .. "/user" } }))
end

checks["Post JSON"] = function(text)
  local out = run(text, { { "https://api.example.com", echo.url } })
  has(out, "200\tPOST /messages HTTP/1.1\n", "\ncontent-type: application/json\n", '"text":"hello"',
    '"to":["ann","bob"]')
end

checks["Send a form"] = function(text)
  assert.equal("200\tq=lua%20%26%20curl&tag=net&tag=http\n",
    run(text, { { "https://example.com/search", parts.url .. "/" } }))
end

checks["Send a form with files"] = function(text)
  local out = run(text, { { "https://example.com/photos", parts.url .. "/" },
    files = { ["beach.jpg"] = "sand" } })
  assert.equal(table.concat({ "200\tknown", "1|title||text/plain||On the beach",
    "2|photo|beach.jpg|image/jpeg||sand", "3|notes|notes.txt|text/plain||sand<LF>sun<LF>" }, "\n"),
    (out:gsub("\n$", "")))
end

checks["Look at headers and redirects"] = function(text)
  local out = run(text, { { "https://example.com/old",
    ("%s/redirect?to=%s/hello"):format(web.url, web.url) } })
  local hello = web.url .. "/hello\n"
  has(out, "302\t" .. hello, "200\t" .. hello, "Content-Length: 6\n")
end

checks["Download, resume, show progress"] = function(text)
  local with = { { "https://example.com/image.iso", web.url .. "/big" } }
  local out, folder = run(text, with)
  has(out, "\r100 % 1048576 bytes, 1048576 of them new")
  assert.is_true(process.read(folder .. "/image.iso") == web.big)
  with.files = { ["image.iso"] = web.big:sub(1, 1000) }
  out, folder = run(text, with)
  has(out, "\r100 % 1048576 bytes, 1047576 of them new")
  assert.is_true(process.read(folder .. "/image.iso") == web.big)
end

checks["Upload a file"] = function(text)
  local content = ("zipped\0"):rep(5000)
  assert.equal("201\n", run(text, { { "https://example.com/backups", web.url .. "/store" },
    files = { ["backup.tar.gz"] = content } }))
  assert.equal(content, process.read(web.root .. "/store/today.tar.gz"))
end

checks["Upload what a function makes"] = function(text)
  assert.equal("201\n", run(text, { { "https://example.com", web.url .. "/store" } }))
  local lines = process.read(web.root .. "/store/squares.csv")
  assert.matches("^number,square\n1,1\n2,4\n.*\n1000,1000000\n$", lines)
end

checks["Stay logged in by cookies"] = function(text)
  local out, folder = run(text, { { "https://example.com/login", web.url .. "/cookie" },
    { "https://example.com/account", web.url .. "/header" } })
  has(out, "200\t", "\nseen=yes\n")
  has(process.read(folder .. "/cookies.txt"), "127.0.0.1\t", "\tseen\tyes\n")
end

checks["Log in with a password or a token"] = function(text)
  local out = run(text, { { "https://example.com", web.url },
    { "https://api.example.com", echo.url }, { '"ann"', '"user"' },
    env = { API_TOKEN = "a-token" } })
  has(out, "200\tprivate\n", "GET /me HTTP/1.1\n", "\nAuthorization: Bearer a-token\n")
  assert.is_nil(out:find("Basic", 1, true))
end

checks["Go by a proxy"] = function(text)
  local tiny = servers.tinyproxy()
  local with = { { "http://proxy.example.com:3128", tiny.auth_url }, { "ann:secret", "me:secret" },
    { "http://example.com/", web.url .. "/hello" } }
  assert.equal("200\thello\n\n", run(text, with))
  with[2][2] = "me:wrong"
  assert.matches("^40[17]\t", run(text, with))
  with[1][2] = tiny.url
  with[3][2] = web.url .. "/proxied"
  has(run(text, with), "404\t")
  assert(servers.wait(function()
    return process.read(tiny.log):find("/proxied HTTP", 1, true)
  end))
  local socks = servers.socks()
  local asked = socks.asked()
  with[1][2] = ("socks5h://%s:%d"):format(socks.host, socks.port)
  has(run(text, with), "404\t")
  assert(servers.wait(function() return socks.asked() > asked end))
end

checks["Try again after a pause"] = function(text)
  assert.equal("200\tafter 3 attempts\n", run(text, { { "https://api.example.com", echo.url } }))
end

checks["Give up in time"] = function(text)
  local dead = servers.dead()
  local with = { { "https://example.com/big.tar.gz", dead.url }, { "connecttimeout = 5",
    "connecttimeout = 0.3" } }
  has(run(text, with), "too slow: ")
  servers.stop(dead)
  with[1][2] = web.url .. "/big"
  local out, folder = run(text, with)
  has(out, "done in 0.")
  assert.is_true(process.read(folder .. "/big.tar.gz") == web.big)
end

local function pin_of(file)
  return "sha256//" .. process.output(("openssl x509 -in '%s' -pubkey -noout | openssl pkey -pubin "
    .. "-outform der | openssl dgst -sha256 -binary | openssl enc -base64"):format(file))
end

checks["Check certificates your way"] = function(text)
  local pin = text:match('"(sha256//[^"]*)"')
  local with = { { "https://intranet.example.com", web.https_url }, { "company-ca.pem", web.ca } }
  has(run(text, with), "SSL_PINNEDPUBKEYNOTMATCH\t")
  with[3] = { pin, pin_of(web.ca) }
  assert.equal("hello\n", run(text, with))
  with[2] = { 'cainfo = "company-ca.pem",', "" }
  has(run(text, with), "PEER_FAILED_VERIFICATION\t")
end

checks["Speak HTTP/2 and HTTP/3"] = function(text)
  local server = http3.here and servers.http3() or web
  local url = http3.here and server.url or server.h2_url
  local out = run(text, { { 'url = "https://example.com/hello"',
    ('url = "%s/hello", cainfo = "%s"'):format(url, server.ca) } })
  has(out, "hello\n", http3.here and "HTTP/3" or "HTTP/2")
  assert.equal(not http3.here, out:find("NOT_SUPPORTED", 1, true) ~= nil)
end

-- ---- many at once -----------------------------------------------------------------------------

checks["Fetch 200 at a time"] = function(text)
  assert.equal("2000 pages, 12000 bytes\n", run(text, { { "https://example.com/pages/",
    web.url .. "/hello?" } }))
end

checks["Take the first answer"] = function(text)
  local dead = servers.dead()
  local with = { { "https://one.example.com", dead.url }, { "https://two.example.com", web.url },
    { "/time", "/hello" } }
  assert.equal(web.url .. "\thello\n\n", run(text, with))
  with[2][2] = dead.url
  with[4] = { "wait(2)", "wait(0.2)" }
  assert.equal("nobody answers\n", run(text, with))
  servers.stop(dead)
end

checks["Be polite"] = function(text)
  local with = { { "https://example.com/pages/", web.url .. "/hello?" } }
  local start = curl.now()
  assert.equal(("200\n"):rep(5), run(text, with))
  assert.truthy(curl.now() - start >= 0.39)
  with[1][2] = web.url .. "/big?"
  with[2] = { "1 << 20", "1 << 19" }
  has(run(text, with), "the body is over 524288 bytes")
end

checks["Fetch in the loop of your program"] = function(text)
  for _, name in ipairs(loops.missing) do
    if name == "luv" then return pending "luv is not there for this Lua" end
  end
  assert.equal("200\t1048576\tand the timer ticked\n",
    run(text, { { "https://example.com/slow", web.url .. "/slow?rate=2m" } }))
end

-- ---- streams ----------------------------------------------------------------------------------

checks["Read an answer line by line"] = function(text)
  local lines = {}
  for i = 1, 3 do lines[i] = ('{"id": %d, "kind": "kind %d"}\n'):format(i, i) end
  process.write(web.root .. "/events.ndjson", table.concat(lines))
  local with = { { "https://example.com", web.url } }
  assert.equal("1\tkind 1\n2\tkind 2\n3\tkind 3\n", run(text, with))
end

checks["Follow server-sent events"] = function(text)
  local with = { { "https://example.com", echo.url }, { "1, 100", "1, 3" },
    { "sleep(1)", "sleep(0.01)" } }
  assert.equal("1\tnumber\n1\n2\tnumber\n2\n3\tnumber\n3\n", run(text, with))
  with[1][2] = "http://127.0.0.1:" .. servers.free_port()
  has(run(text, with), "lost: Failed to connect")
end

checks["Speak WebSocket"] = function(text)
  local out = run(text, { { "wss://example.com", servers.websocket().url } })
  if system.websocket then
    assert.equal("text\techo hello\n", out)
  else
    has(out, "NOT_SUPPORTED\twebsocket: libcurl ")
  end
end

-- ---- where connections go ---------------------------------------------------------------------

checks["Call a webhook with the guard"] = function(text)
  local out = run(text, { { "https://customer.example.com/hook", web.url .. "/upload" },
    { "policy.guard()", "policy.guard { allow = { '127.0.0.1' }, ports = 'any', own = false }" } })
  local lines = {}
  for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
  assert.equal(web.url .. "/upload\t200", lines[1])
  assert.matches("latest/meta%-data/\tREFUSED\t.* refused: guard: ", lines[2])
  assert.matches("6379/\tREFUSED\t.* refused: guard: ", lines[3])
  assert.equal(3, #lines)
end

checks["Ask Docker over its UNIX socket"] = function(text)
  assert(os.execute(("mkdir -p '%s/containers'"):format(web.root)))
  process.write(web.root .. "/containers/json", '[{"Names": ["/db"], "State": "running"}]')
  assert.equal("/db\trunning\n", run(text, { { "/var/run/docker.sock", web.unix } }))
end

checks["Ask one server of several"] = function(text)
  local out = run(text, { { '":80"', ('":%d"'):format(web.port) }, { "/health", "/hello" },
    { "192.0.2.10", "127.0.0.1" }, { "192.0.2.11", "127.0.0.77" } })
  has(out, "127.0.0.1\t200\n127.0.0.77\tFailed to connect")
end

checks["Choose the source address"] = function(text)
  assert.matches("^127%.0%.0%.7 %d+\n", run(text, { { "https://example.com", web.url },
    { "192.0.2.7", "127.0.0.7" } }))
end

-- A web server in the namespace, which ends with the result.
local function serve_in(there, folder)
  local command = "echo $$; cd '%s' && exec nsenter --net=%s python3 -m http.server "
    .. "--bind 192.0.2.1 80 2>/dev/null"
  local pipe = assert(io.popen(command:format(folder, there.path)))
  local pid = pipe:read "n"
  return setmetatable({}, { __close = function()
    os.execute("kill " .. pid)
    pipe:close()
  end })
end

local function answers_in(there)
  local easy <close> = curl.easy { url = "http://192.0.2.1/", proxy = "",
    policy = policy.compose { policy.netns(there.path) } }
  return easy:perform()
end

checks["Speak from another network namespace"] = function(text)
  if not netns.allowed then
    assert.is_nil(os.getenv("CURLSOCK_NAMESPACES"), "there must be namespaces")
    return pending "no network namespaces"
  end
  local there <close> = netns.new "192.0.2.1/32"
  local folder = servers.dir() .. "/there"
  lfs.mkdir(folder)
  process.write(folder .. "/index.html", "from there")
  local _ <close> = serve_in(there, folder)
  assert(servers.wait(function() return answers_in(there) end))
  assert.equal("200\tfrom there\n", run(text, { { "http://example.com/", "http://192.0.2.1/" },
    { "/var/run/netns/vpn", there.path } }))
end

checks["Speak a protocol of your own"] = function(text)
  local out = run(text, { { 'url = "https://redis.example.com:6380"',
    ('url = "%s", cainfo = "%s"'):format(web.https_url, web.ca) },
    { "PING\\r\\n", "GET /hello HTTP/1.0\\r\\n\\r\\n" } })
  assert.matches("^HTTP/1.1 200 OK\r\n.*\r\n\r\nhello\n", out)
end

-- ---- other protocols --------------------------------------------------------------------------

checks["Fetch a folder by FTP"] = function(text)
  local ftp = servers.vsftpd()
  local out, folder = run(text, { { "ftp://ftp.example.com/pub/", ftp.url .. "/" } })
  has(out, "hello.txt\t6\n", "big.bin\t1048576\n")
  assert.equal("hello\n", process.read(folder .. "/hello.txt"))
  assert.is_true(process.read(folder .. "/big.bin") == ftp.big)
end

-- A home with the key of the user, and with a server's key.
local function home_for(ssh, host_key)
  local home = servers.dir() .. "/home"
  lfs.mkdir(home)
  lfs.mkdir(home .. "/.ssh")
  local key = ssh.options.ssh_private_keyfile
  process.write(home .. "/.ssh/id_ecdsa", process.read(key))
  process.write(home .. "/.ssh/id_ecdsa.pub", process.read(key .. ".pub"))
  process.write(home .. "/.ssh/known_hosts", ("[127.0.0.1]:%d ecdsa-sha2-nistp256 %s\n"):format(
    ssh.port, host_key))
  return home
end

checks["Upload by SFTP"] = function(text)
  local ssh = servers.sshd()
  local with = { { "sftp://files.example.com/upload", ssh.url },
    { '"ann"', ("%q"):format(ssh.options.username) }, files = { ["report.txt"] = "all is well\n" },
    env = { HOME = home_for(ssh, ssh.hostkey) } }
  assert.equal("12\n", run(text, with))
  local stored = ssh.url:match(":%d+(/.*)") .. "/report.txt"
  assert.equal("all is well\n", process.read(stored))
  home_for(ssh, process.read(ssh.options.ssh_public_keyfile):match("^%S+ (%S+)"))
  assert.error_matches(function() run(text, with) end, "SSH remote key was not OK")
end

checks["Send a mail with an attachment"] = function(text)
  assert.equal("", run(text, { { "smtp://mail.example.com", parts.mail },
    files = { ["invoice.pdf"] = "%PDF-1.4" } }))
  assert.equal(table.concat({ "shop@example.com|ann@example.org,bob@example.org",
    "1|||text/plain||Dear both,<CRLF>the invoice is attached.<CRLF>",
    "2||invoice.pdf|application/pdf||%PDF-1.4", "Your invoice" }, "\n"),
    (easies.get(parts.url .. "/mail")))
end

checks["Read mail by IMAP"] = function(text)
  local mail = servers.dovecot()
  for _, subject in ipairs { "hello", "Your invoice", "bye" } do
    local letter = ("Subject: %s\r\n\r\ntext\r\n"):format(subject)
    local easy <close> = curl.easy { url = mail.url .. "/INBOX", username = "ann@example.com",
      password = "secret", proxy = "", upload = true, readfunction = letter,
      infilesize_large = #letter }
    assert(easy:perform())
  end
  local out = run(text, { { "imaps://mail.example.com", mail.tls_url },
    { "username", ("cainfo = %q, username"):format(mail.ca) }, env = { MAIL_PASSWORD = "secret" } })
  assert.equal("2\tSubject: Your invoice\n", out)
end

-- ---- tests ------------------------------------------------------------------------------------

checks["Test against a server that is a function"] = function(text)
  assert.equal("passed\n", run(text))
end

checks["Test with a bad network"] = function(text)
  local good, attempts = run(text, { { "http://example.com", web.url } }):match(
    "^(%d) of 6 pages, (%d+) attempts\n$")
  assert.equal("6", good)
  assert.truthy(tonumber(attempts) > 8)
end

checks["See where the time goes"] = function(text)
  local out, folder = run(text, { { "https://example.com/pages/", web.url .. "/hello?" } })
  local _, transfers = out:gsub("GET " .. web.url:sub(1, 20), "")
  assert.equal(4, transfers)
  has(out, "\n#", "127.0.0.1:" .. web.port)
  assert.matches("[2-4] requests\n", out)
  assert.matches("^<svg .*Four transfers over two connections.*</svg>\n$",
    process.read(folder .. "/trace.svg"))
end

describe("The cookbook's program", function()
  local known = {}
  for _, program in ipairs(programs.of(PAGE)) do
    known[program.title] = true
    it(program.title .. " runs, and does that", function()
      local check = checks[program.title] or error("no check of " .. program.title)
      check(program.text)
    end)
  end

  it("is checked by nothing that is not there", function()
    for title in pairs(checks) do assert.is_true(known[title], title) end
  end)

  it("is found in the contents of the page", function()
    local page = process.read(PAGE)
    for title in pairs(known) do
      local anchor = title:lower():gsub("[^%w -]", ""):gsub(" ", "-")
      assert.matches("](#" .. anchor .. ")", page, 1, true)
    end
  end)
end)
