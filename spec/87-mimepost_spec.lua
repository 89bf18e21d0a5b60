-- mimepost: a body of parts, for forms and mail; and postfields as a form.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local fetch = transfers.fetch
local peer

setup(function() peer = servers.parts() end)

local function new(parts, options)
  local easy = curl.easy { url = peer.url, proxy = "", timeout = 20, mimepost = parts }
  return assert(easy:setopt(options or {}))
end

-- What the server has read: "known" (its length was said) or "chunked", and a line for each part.
local function post(parts, options)
  local easy <close> = new(parts, options)
  return fetch(easy)
end

local function temporary(text)
  local path = os.tmpname()
  process.write(path, text)
  return path
end

-- Gives the pieces, one at a call, and then its end.
local function giving(...)
  local pieces, i = { ... }, 0
  return function()
    i = i + 1
    return pieces[i]
  end
end

describe("mimepost", function()
  it("sends strings, also empty and binary ones", function()
    assert.equal("known\n1|a||text/plain||one\n2|b||text/plain||\n3|c||text/plain||\0\255", post {
      { name = "a", data = "one" }, { name = "b", data = "" }, { name = "c", data = "\0\255" },
    })
  end)

  it("sends what each field says", function()
    assert.equal("known\n1|n%221|f;2|image/png|x-a=1,x-b=2|data", post { {
      name = 'n"1', filename = "f;2", type = "image/png", headers = { "X-A: 1", "X-B: 2" },
      data = "data",
    } })
  end)

  it("encodes", function()
    for _, encoder in ipairs { "base64", "quoted-printable", "8bit", "binary", "7bit" } do
      local got = post { { name = "a", data = "a=b", encoder = encoder } }
      assert.equal("1|a||text/plain||a=b", got:match "\n(.*)")
    end
    errors.failed("BAD_FUNCTION_ARGUMENT", "^option 'mimepost'",
      curl.easy { mimepost = { { data = "x", encoder = "rot13" } } })
  end)

  it("sends parts within parts", function()
    assert.equal("known\n1.1|a||text/plain||1\n1.2.1|b||text/plain||2\n2|c||text/plain||3", post {
      {
        name = "p",
        parts = { { name = "a", data = "1" }, { parts = { { name = "b", data = "2" } } } },
      },
      { name = "c", data = "3" },
    })
  end)

  it("reads a file when it is sent", function()
    local path = temporary "before"
    local name = path:match "[^/]+$"
    local easy <close> = new { { name = "f", file = path } }
    assert.equal(("known\n1|f|%s|application/octet-stream||before"):format(name), fetch(easy))
    local big <close> = new { { name = "f", file = path, filename = "other", type = "text/x" } }
    assert.equal("known\n1|f|other|text/x||before", fetch(big))
    assert.equal("known\n1|f|other|text/x||before", fetch(big))
    os.remove(path)
    errors.failed("READ_ERROR", "^option 'mimepost'", curl.easy { mimepost = { { file = path } } })
  end)

  it("asks a function, whose size may be known", function()
    local sizes = {}
    local read = giving("one ", "two")
    assert.equal("chunked\n1|r||text/plain||one two", post { {
      name = "r", read = function(size)
        sizes[#sizes + 1] = math.type(size)
        return read()
      end,
    } })
    assert.equal("integer", sizes[1])
    assert.equal("known\n1|r||text/plain||one two", post { {
      name = "r", size = 7, read = giving("one ", "two"),
    } })
  end)

  it("hands on in pieces what a function gives too much", function()
    local big = ("0123456789"):rep(30000)
    assert.equal("chunked\n1|r||text/plain||300003 bytes, 0123...9end", post { {
      name = "r", read = giving(big, "end"),
    } })
  end)

  it("is sent again: a function is sought, or the transfer fails", function()
    for _, seeks in ipairs { true, false } do
      local log, sent = {}, false
      local easy <close> = new({ {
        name = "r", size = 4,
        read = function()
          sent = not sent
          return sent and "body" or nil
        end,
        seek = seeks and function(offset, origin, easy)
          log[#log + 1] = { offset, origin, tostring(easy):match "^%a+" }
          sent = false
          return true
        end or nil,
      } }, { url = peer.url .. "/moved", followlocation = true, postredir = 7 })
      if seeks then
        assert.equal("known\n1|r||text/plain||body", fetch(easy))
        assert.same({ 0, "set", "easy" }, log[1])
      else
        errors.failed("SEND_FAIL_REWIND", "", fetch(easy))
      end
    end
  end)

  it("may pause in a function, and go on", function()
    local calls = 0
    local easy
    easy = new { { name = "r", read = function(_, given)
      assert.equal(easy, given)
      calls = calls + 1
      if calls % 2 == 1 then return curl.PAUSE end
      if calls < 10 then return "x" end
    end } }
    local body = {}
    local multi <close> = curl.multi():add(easy:setopt("writefunction", body))
    local limit = curl.now() + 20
    while multi:perform() > 0 and curl.now() < limit do
      multi:poll(0.02)
      easy:unpause()
    end
    assert.is_true(transfers.only_result(multi))
    assert.equal("chunked\n1|r||text/plain||xxxx", table.concat(body))
    multi:close()
    easy:close()
  end)

  it("ends the transfer when a function refuses, throws, or answers wrongly", function()
    for _, answer in ipairs { { false, "r1" }, { nil, "r1" } } do
      local easy <close> = new { { read = function() return table.unpack(answer, 1, 2) end } }
      errors.failed("ABORTED_BY_CALLBACK", "r1", fetch(easy))
    end
    local thrown = {}
    local easy <close> = new { { read = function() error(thrown, 0) end } }
    local ok, value = pcall(easy.perform, easy)
    assert.same({ false, true }, { ok, rawequal(thrown, value) })
    for _, wrong in ipairs { true, {}, print, 1, "" } do
      local other <close> = new { { read = function() return wrong end } }
      errors.matches("^mimepost: read: must return a string that is not empty, nil, ",
        other.perform, other)
    end
  end)

  it("refuses in its functions what every callback refuses", function()
    local refused = 0
    local easy
    easy = new { { name = "r", read = function()
      for _, method in ipairs { "perform", "reset", "close" } do
        local ok, message = pcall(easy[method], easy)
        if not ok and message:find("is not allowed inside a callback", 1, true) then
          refused = refused + 1
        end
      end
      for _, options in ipairs { { mimepost = {} }, { postfields = "x" }, { post = true } } do
        local ok, message = pcall(easy.setopt, easy, options)
        if not ok and message:find("cannot be changed during a transfer", 1, true) then
          refused = refused + 1
        end
      end
      easy:dup():close()
    end } }
    assert.equal("chunked\n1|r||text/plain||", fetch(easy))
    assert.equal(6, refused)
    easy:close()
  end)

  it("is what the tables were when it was set", function()
    local parts = { { name = "a", data = "1", headers = { "X-A: 1" } } }
    local easy <close> = new(parts)
    parts[1].name, parts[1].headers[1], parts[2] = "b", "X-A: 2", { data = "2" }
    assert.equal("known\n1|a||text/plain|x-a=1|1", fetch(easy))
    local copy <close> = easy:dup()
    assert.equal("known\n1|a||text/plain|x-a=1|1", fetch(copy))
  end)

  it("is duplicated with its functions, which are told whose transfer it is", function()
    local seen = {}
    local function count(_, easy)
      seen[easy] = (seen[easy] or 0) + 1
      if seen[easy] % 2 == 1 then return ("x"):rep(200000) end
    end
    local original = new { { name = "r", read = count, seek = function() return true end } }
    local copy = original:dup()
    local second = copy:dup()
    original:close()
    collectgarbage()
    assert.equal("chunked\n1|r||text/plain||200000 bytes, xxxx...xxxx", fetch(copy))
    copy:close()
    collectgarbage()
    for _ = 1, 2 do
      assert.equal("chunked\n1|r||text/plain||200000 bytes, xxxx...xxxx", fetch(second))
    end
    assert.same({ 2, 4 }, { seen[copy], seen[second] })
    second:close()
  end)

  it("serves two easies at once that are duplicates, each with its own rest", function()
    local easy = new { { name = "r", read = giving(("a"):rep(300000), ("b"):rep(300000)) } }
    local copy = easy:dup()
    local multi <close> = curl.multi()
    local bodies = { {}, {} }
    multi:add(easy:setopt("writefunction", bodies[1]))
    multi:add(copy:setopt("writefunction", bodies[2]))
    assert.equal(2, transfers.drive_well(multi))
    local total = 0
    for _, body in ipairs(bodies) do
      total = total + (tonumber(table.concat(body):match("(%d+) bytes")) or 0)
    end
    assert.equal(600000, total)
    multi:close()
    easy:close()
    copy:close()
  end)

  it("cannot be changed in a multi", function()
    local easy = new { { data = "x" } }
    local multi <close> = curl.multi():add(easy)
    for _, change in ipairs {
      function() easy:setopt("mimepost", {}) end,
      function() easy:unset "mimepost" end,
      function() easy:setopt("postfields", "x") end,
      function() easy:setopt("httpget", true) end,
      function() easy:setopt("upload", false) end,
    } do
      errors.matches("cannot be changed during a transfer or in a multi", change)
    end
    multi:close()
    easy:close()
  end)

  it("is taken back by unset, reset, another body and another method", function()
    for _, change in ipairs {
      function(easy) easy:unset "mimepost" end,
      function(easy) easy:setopt("httpget", true) end,
      function(easy) easy:reset():setopt { url = peer.url, proxy = "" } end,
    } do
      local easy <close> = new { { data = "x" } }
      assert.truthy(fetch(easy):find "^known")
      change(easy)
      assert.equal("GET", fetch(easy))
      local copy <close> = easy:dup()
      assert.equal("GET", fetch(copy))
    end
    local easy <close> = new { { read = giving "x" } }
    easy:setopt("postfields", "a=b")
    assert.equal("a=b", fetch(easy))
    local copy <close> = easy:dup()
    assert.equal("a=b", fetch(copy))
    assert.equal("known\n1|||text/plain||y", fetch(copy:setopt("mimepost", { { data = "y" } })))
  end)

  it("keeps neither the easy nor the functions", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local easy
      local function read() return easy and nil end
      easy = new { { read = read } }
      weak[1], weak[2] = easy, read
    end
    collectgarbage()
    collectgarbage()
    assert.same({}, weak)
    local easy <close> = new { { read = print } }
    do
      local function read() return easy and nil end
      weak[1] = easy:setopt("mimepost", { { read = read } }):unset "mimepost" and read
    end
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("names what is wrong, and where", function()
    local easy <close> = curl.easy()
    local deep = { { data = "x" } }
    for _ = 1, 20 do deep = { { parts = deep } } end
    for _, case in ipairs {
      { "list of parts expected, got string", "x" },
      { "%[1%]: table expected, got string", { "x" } },
      { "", { x = 1 } },
      { "%[1%]: one of data, file, read and parts expected, got 0", { {} } },
      { "%[1%]: one of data, file, read and parts expected, got 2", { { data = "", file = "x" } } },
      { "%[2%]%.data: string expected, got number", { { data = "" }, { data = 1 } } },
      { "%[1%]: unknown field 'filname': did you mean 'filename'%?",
        { { data = "", filname = "" } } },
      { "%[1%]: unknown field 'number'", { { data = "", "x" } } },
      { "%[1%]%.parts%[1%]%.name: string expected, got table", { { parts = { { name = {} } } } } },
      { "%[1%]%.name: string contains CR, LF or NUL", { { data = "", name = "a\r\nb" } } },
      { "%[1%]%.type: string contains CR, LF or NUL", { { data = "", type = "a\0" } } },
      { "%[1%]%.headers: list of strings expected, got string", { { data = "", headers = "a" } } },
      { "%[1%]%.headers%[1%]: string contains CR, LF or NUL",
        { { data = "", headers = { "a\nb" } } } },
      { "%[1%]%.headers%[2%]: string expected, got boolean",
        { { data = "", headers = { "a: b", true } } } },
      { "%[1%]%.headers: list expected, got a table with holes or names",
        { { data = "", headers = { a = "b" } } } },
      { "%[1%]%.parts: list expected, got a table with holes or names",
        { { parts = { name = "a", data = "" } } } },
      { "%[1%]%.read: function expected, got string", { { read = "x" } } },
      { "%[1%]%.seek: function expected, got table", { { read = print, seek = {} } } },
      { "%[1%]%.size: integer from 0 expected, got number", { { read = print, size = -1 } } },
      { "%[1%]%.size: integer from 0 expected, got number", { { read = print, size = 0.5 } } },
      { "%[1%]: size and seek are for read", { { data = "", size = 1 } } },
      { "%[1%]%.parts: list of parts expected, got boolean", { { parts = true } } },
      { "parts within parts are too deep", deep },
    } do
      errors.matches("^option 'mimepost': ?" .. case[1], easy.setopt, easy, "mimepost", case[2])
    end
    errors.matches("options 'mimepost' and 'postfields' set the same", easy.setopt, easy,
      { mimepost = {}, postfields = "x" })
  end)

  it("is a mail, with attachments", function()
    local path = temporary "attached"
    local easy <close> = curl.easy {
      url = peer.mail, proxy = "", timeout = 20, mail_from = "me@a.test",
      mail_rcpt = { "you@b.test", "all@b.test" }, httpheader = { "Subject: parts" },
      mimepost = {
        { parts = { { data = "text" }, { data = "<b>text</b>", type = "text/html" } },
          type = "multipart/alternative" },
        { file = path, encoder = "base64", filename = "a.bin" },
        { read = giving("from ", "a function"), type = "text/x" },
      },
    }
    assert(easy:perform())
    os.remove(path)
    assert.equal(table.concat({
      "me@a.test|you@b.test,all@b.test", "1.1|||text/plain||text", "1.2|||text/html||<b>text</b>",
      "2||a.bin|application/octet-stream||attached", "3|||text/x||from a function", "parts",
    }, "\n"), (easies.get(peer.url .. "/mail")))
  end)
end)

describe("postfields of a table", function()
  local function form(fields)
    local easy <close> = curl.easy { url = peer.url, proxy = "", postfields = fields }
    return fetch(easy)
  end

  it("are a form, sorted by name", function()
    assert.equal("a=1&b=x+y&c=%26%3D%25%C3%A9%00&d=2.5&e-._~=", form {
      e = nil, d = 2.5, c = "&=%é\0", b = "x y", a = 1, ["e-._~"] = "",
    })
  end)

  it("keep the order of a list of pairs", function()
    assert.equal("b=1&a=2&b=3", form { { "b", 1 }, { "a", "2" }, { "b", 3 } })
    assert.equal("", form {})
  end)

  it("leave the table as it was", function()
    local fields = { { 1, 2 } }
    form(fields)
    assert.same({ "integer", "integer" }, { math.type(fields[1][1]), math.type(fields[1][2]) })
  end)

  it("names what is no field", function()
    local easy <close> = curl.easy()
    for _, case in ipairs {
      { 'value of "a": string or number expected, got boolean', { a = true } },
      { "name: string or number expected, got boolean", { [true] = "a" } },
      { "%[1%]: pair of name and value expected, got string", { "a" } },
      { 'value of "a": string or number expected, got nil', { { "a" } } },
      { "", { { "a", "b" }, x = 1 } },
    } do
      errors.matches("^option 'postfields': ?" .. case[1], easy.setopt, easy, "postfields", case[2])
    end
  end)
end)
