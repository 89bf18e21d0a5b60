-- IMAP with dovecot: list, append, fetch, search, over kept connections; STARTTLS and TLS; in a
-- multi, in a loop, and when the server goes.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local lives = require "spec.support.lives"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local mail
local users = 0

setup(function() mail = servers.dovecot() end)

-- A mailbox that nothing is in.
local function new_user()
  users = users + 1
  return "user" .. users
end

local function new_easy(log, user, options)
  local easy = lives.new_easy(log, "A", { username = user, password = "secret", cainfo = mail.ca })
  return easy:setopt(options or {})
end

-- What the server answers to a command; without one libcurl's own for the path.
local function ask(easy, path, command, base)
  easy:setopt("url", (base or mail.url) .. path)
  if command then easy:setopt("customrequest", command) else easy:unset("customrequest") end
  return transfers.fetch(easy)
end

local function letter(subject, text)
  return {
    { data = text, type = "text/plain" },
    { data = ("\0\1\2\255"):rep(1000), type = "application/octet-stream", filename = "data.bin",
      encoder = "base64" },
  }, { "Subject: " .. subject, "From: <me@localhost>", "To: <you@localhost>" }
end

-- Appends a letter with an attachment.
local function append(easy, subject, text)
  local parts, headers = letter(subject, text)
  easy:setopt { url = mail.url .. "/INBOX", mimepost = parts, httpheader = headers, upload = true }
  local ok, message, name = easy:perform()
  easy:setopt { upload = false }
  easy:unset "mimepost"
  return ok, message, name
end

-- The subject of a letter, what its first part says, and its attachment.
local function read_letter(text)
  local subject = text:match "\nSubject: ([^\r]*)"
  local boundary = text:match 'boundary="?([%w-]+)'
  local parts = {}
  for part in text:gsub("\r\n", "\n"):gmatch("(.-)\n%-%-" .. boundary:gsub("%-", "%%-")) do
    parts[#parts + 1] = part:match "\n\n(.*)$"
  end
  return subject, parts[1], parts[2]
end

describe("IMAP", function()
  it("lists, appends, fetches and searches over one connection", function()
    local log, user = lives.new_log(), new_user()
    local easy = new_easy(log, user)
    assert.truthy(ask(easy, "/"):find '"." INBOX\r\n$')
    assert.equal("", ask(easy, "/", "CREATE Archive"))
    assert.truthy(ask(easy, "/"):find "Archive")
    easy:unset "customrequest"
    for i = 1, 2 do assert(append(easy, "letter " .. i, "text " .. i)) end
    for i = 1, 2 do
      local subject, text, data = read_letter(assert(ask(easy, "/INBOX;MAILINDEX=" .. i)))
      assert.same({ "letter " .. i, "text " .. i }, { subject, text })
      assert.truthy(data:find "^AAEC/wABAv8AAQL/")
    end
    local found = ask(easy, "/INBOX?SUBJECT%20%22letter%202%22")
    assert.equal("* SEARCH 2\r\n", found)
    local header = ask(easy, "/INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)")
    assert.equal("Subject: letter 1\r\n\r\n", header)
    assert.equal("* STATUS INBOX (MESSAGES 2)\r\n", ask(easy, "/", "STATUS INBOX (MESSAGES)"))
    assert.equal(0, easy:getinfo "num_connects")
    assert.equal(1, #log.records)
    easy:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("appends from a function, whose size it is told", function()
    local log, user = lives.new_log(), new_user()
    local easy = new_easy(log, user, { url = mail.url .. "/INBOX", upload = true })
    local text = "Subject: plain\r\n\r\n" .. ("a line of it\r\n"):rep(5000)
    local at = 0
    easy:setopt {
      infilesize_large = #text,
      readfunction = function()
        local piece = text:sub(at + 1, at + 1000)
        at = at + #piece
        return piece ~= "" and piece or nil
      end,
    }
    assert(easy:perform())
    easy:setopt { upload = false }
    assert.equal(text, ask(easy, "/INBOX;MAILINDEX=1"))
    easy:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("fails for a wrong password, a missing mailbox and letter, and keeps nothing wrong", function()
    local log, user = lives.new_log(), new_user()
    local wrong <close> = new_easy(log, user, { password = "wrong", url = mail.url })
    errors.failed("LOGIN_DENIED", "", wrong:perform())
    local easy <close> = new_easy(log, user)
    assert.is_nil((ask(easy, "/Missing;MAILINDEX=1")))
    assert.is_nil((ask(easy, "/INBOX;MAILINDEX=7")))
    assert(append(easy, "after that", "x"))
    assert.equal("after that", (read_letter(ask(easy, "/INBOX;MAILINDEX=1"))))
  end)

  it("speaks TLS, from the beginning or by STARTTLS", function()
    local user, log = new_user(), lives.new_log()
    for _, way in ipairs { { mail.tls_url }, { mail.url, "all" } } do
      local easy <close> = new_easy(log, user, way[2] and { use_ssl = way[2] })
      for _ = 1, 2 do assert.truthy(ask(easy, "/", nil, way[1]):find "INBOX") end
      assert.equal(0, easy:getinfo "num_connects")
      assert.equal(0, easy:getinfo "ssl_verifyresult")
    end
    assert.same({ "A, closing for A", "A, closing for A" }, log.lives())
    -- A certificate that is nobody's ends it.
    local easy <close> = new_easy(log, user, { url = mail.url, use_ssl = "all" })
    easy:setopt("cainfo", "/dev/null")
    local ok, _, name = easy:perform()
    assert.truthy(not ok and name:find "^PEER_FAILED" or name:find "^SSL_", name)
    -- What wants TLS does not speak without to a server on the TLS port.
    local plain <close> = new_easy(log, user, { url = ("imap://127.0.0.1:%d"):format(mail.tls_port),
      use_ssl = "all", timeout = 1 })
    assert.is_nil((plain:perform()))
  end)

  it("goes in a multi, several at once, each socket closed once", function()
    local log, user, multi = lives.new_log(), new_user(), curl.multi()
    local setup <close> = new_easy(log, user)
    for i = 1, 3 do assert(append(setup, "letter " .. i, "text " .. i)) end
    local list = {}
    for round = 1, 2 do
      for i = 1, 3 do
        list[i] = list[i] or new_easy(log, user, {
          url = ("%s/INBOX;MAILINDEX=%d"):format(mail.url, i),
        })
        local body = {}
        list[i]:setopt("writefunction", body)
        list["body" .. i] = body
        multi:add(list[i])
      end
      assert.equal(3, transfers.drive_well(multi))
      for i = 1, 3 do
        assert.equal("letter " .. i, (read_letter(table.concat(list["body" .. i]))), round)
        multi:remove(list[i])
      end
    end
    multi:close()
    for i = 1, 3 do list[i]:close() end
    setup:close()
    assert.truthy(#log.records <= 4, #log.records)
    for _, life in ipairs(log.lives()) do assert.equal("A, closing for A", life) end
  end)

  it("goes in a loop, by streams, too", function()
    local log, user = lives.new_log(), new_user()
    local loop <close> = require("curlsock.loop").new()
    local easy <close> = new_easy(log, user)
    assert(append(easy, "a letter", ("many lines\r\n"):rep(20000)))
    local sizes = {}
    for i = 1, 3 do
      loop:spawn(function()
        local own <close> = new_easy(log, user, { url = mail.url .. "/INBOX;MAILINDEX=1" })
        local stream <close> = loop:stream(own)
        sizes[i] = #stream:read "a"
      end)
    end
    loop:run()
    assert.truthy(sizes[1] > 240000)
    assert.same({ sizes[1], sizes[1], sizes[1] }, sizes)
  end)

  it("connects again when the server has gone meanwhile", function()
    local log, user = lives.new_log(), new_user()
    local easy = new_easy(log, user)
    assert.truthy(ask(easy, "/"):find "INBOX")
    servers.restart(mail)
    -- From 8.22 on libcurl looks at a connection once a second only.
    if curl.version_info().version_num >= 0x081600 then curl.multi():poll(1.1) end
    assert.truthy(ask(easy, "/"):find "INBOX")
    assert.equal(1, easy:getinfo "num_connects")
    easy:close()
    for _, life in ipairs(log.lives()) do
      assert.truthy(life == "A, closing for A" or life == "A, closed for A", life)
    end
  end)
end)
