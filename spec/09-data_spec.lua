-- The callbacks that carry data, on real transfers: write, header, read, seek, xferinfo,
-- debug and prereq; files and tables in place of the first two; and that nothing is printed.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local drive = require("spec.support.transfers").drive

local new, get = easies.plain, easies.get

local web

-- One transfer; what perform returned.
local function perform(path, options)
  local easy <close> = new(path, options)
  return easy:perform()
end

-- What a transfer throws, without the place.
local function thrown(...) return errors.message(perform, ...) end

local function ends_with(text, part)
  assert.equal(part, text:sub(-#part))
end

-- A readfunction for a text, in pieces of that size, with its seekfunction.
local function reader(text, size)
  local self = { at = 1, calls = 0, seeks = {} }
  function self.read()
    self.calls = self.calls + 1
    local piece = text:sub(self.at, self.at + size - 1)
    self.at = self.at + #piece
    if piece ~= "" then
      return piece
    end
  end
  function self.seek(offset, whence)
    self.seeks[#self.seeks + 1] = { offset, whence }
    self.at = offset + 1
    return true
  end
  return self
end

-- A long text in which every place is another.
local function numbers(count)
  local list = {}
  for i = 1, count do
    list[i] = ("%07d"):format(i)
  end
  return table.concat(list)
end

-- Options of a PUT, or POST, of a text whose length is told.
local function put(text, source, post)
  return {
    upload = not post or nil,
    post = post,
    infilesize_large = #text,
    postfieldsize = post and #text,
    httpheader = { "Expect:" },
    readfunction = source.read,
    seekfunction = source.seek,
  }
end

-- 200 with the request's body, but /late and /early redirect with 307, which must repeat the
-- body: one after it has all of it, one when it has only the start.
local echo = [[
local server = ...
local function answer(client, head, body)
  client:send("HTTP/1.1 " .. head .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body)
end
local function serve(client)
  while true do
    local path = (client:receive() or ""):match("^%S+ (%S+)")
    if not path then return end
    local length = 0
    repeat
      local line = client:receive()
      if not line then return end
      length = tonumber(line:lower():match("^content%-length: (%d+)")) or length
    until line == ""
    if path == "/early" then
      client:receive(100000)
      answer(client, "307 Again\r\nLocation: /echo", "")
      repeat until not client:receive(65536)
      return
    end
    local body = client:receive(length)
    if not body then return end
    answer(client, path == "/late" and "307 Again\r\nLocation: /echo" or "200 OK", body)
  end
end
while true do
  local client = server:accept()
  serve(client)
  client:close()
end]]

setup(function()
  web = servers.nginx()
end)

describe("writefunction", function()
  it("gets the body in pieces, in order", function()
    local pieces = {}
    assert.is_true(perform("/big", {
      writefunction = function(...)
        assert.equal(1, select("#", ...))
        pieces[#pieces + 1] = ...
      end,
    }))
    assert.truthy(#pieces > 1)
    assert.equal(web.big, table.concat(pieces))
  end)

  it("gets bytes unchanged", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[i + 1] = string.char(i)
    end
    bytes = table.concat(bytes):rep(4)
    process.write(web.root .. "/bytes", bytes)
    assert.equal(bytes, get("/bytes"))
  end)

  it("is not called for an empty body", function()
    local calls = 0
    assert.is_true(perform("/status/204", {
      writefunction = function()
        calls = calls + 1
      end,
    }))
    assert.equal(0, calls)
  end)

  for _, answer in ipairs { "nothing", "nil", "true" } do
    it("goes on after " .. answer, function()
      local bytes = 0
      assert.is_true(perform("/big", {
        writefunction = function(data)
          bytes = bytes + #data
          if answer == "true" then
            return true
          elseif answer == "nil" then
            return nil
          end
        end,
      }))
      assert.equal(#web.big, bytes)
    end)
  end

  it("aborts with false and a reason, which is in the message", function()
    local calls = 0
    local ok, message, name = perform("/big", {
      writefunction = function()
        calls = calls + 1
        return false, "the disk is full"
      end,
    })
    assert.is_nil(ok)
    ends_with(message, ": the disk is full")
    assert.equal("WRITE_ERROR", name)
    assert.equal(1, calls)
  end)

  it("aborts with false alone", function()
    local ok, message, name = perform("/hello", {
      writefunction = function()
        return false
      end,
    })
    assert.is_nil(ok)
    assert.is_string(message)
    assert.is_nil(message:find("%(nil%)"))
    assert.equal("WRITE_ERROR", name)
  end)

  it("may give a reason of any type", function()
    local reason = setmetatable({}, {
      __tostring = function()
        return "an object's words"
      end,
    })
    local _, message = perform("/hello", {
      writefunction = function()
        return false, reason
      end,
    })
    ends_with(message, ": an object's words")
  end)

  for _, answer in ipairs { 6, 0, "true", {}, print } do
    it(("throws for an answer that is a %s: %s"):format(type(answer), tostring(answer):sub(1, 5)),
      function()
        local message = thrown("/hello", {
          writefunction = function()
            return answer
          end,
        })
        assert.equal("writefunction: must return nothing, true, curl.PAUSE, or false and a reason,"
          .. " got " .. errors.shown(answer), message)
      end)
  end

  it("that was unset drops the body", function()
    local body = {}
    local easy <close> = new("/hello", { writefunction = body })
    easy:unset("writefunction")
    assert.is_true(easy:perform())
    assert.same({}, body)
    assert.equal(6, easy:getinfo("size_download_t"))
  end)
end)

describe("curl.PAUSE", function()
  it("stops a transfer in a multi, which goes on with the others", function()
    local multi <close> = curl.multi()
    local calls, other = 0, {}
    local easy <close> = new("/big", {
      writefunction = function()
        calls = calls + 1
        return curl.PAUSE
      end,
    })
    multi:add(easy)
    drive(multi, function()
      return calls > 0
    end)
    multi:add(new("/big", { writefunction = other }))
    drive(multi, function()
      return #table.concat(other) == #web.big
    end)
    drive(multi, function()
      return next({ multi:results()(multi) }) ~= nil
    end)
    assert.equal(1, calls)
    assert.equal(1, multi:perform())
    local socket = curl.sockets()[1].socket
    multi:remove(easy)
    assert.equal("closed", socket:state())
    assert.equal(0, multi:perform())
    assert.equal(1, calls)
  end)

  it("of a transfer in perform lasts until its timeout", function()
    local calls = 0
    local _, _, name = perform("/big", {
      timeout = 0.2,
      writefunction = function()
        calls = calls + 1
        return curl.PAUSE
      end,
    })
    assert.equal("OPERATION_TIMEDOUT", name)
    assert.equal(1, calls)
  end)

  it("of a readfunction stops the upload, and the easy can be removed", function()
    local multi <close> = curl.multi()
    local calls = 0
    local easy <close> = new("/upload", {
      upload = true,
      readfunction = function()
        calls = calls + 1
        return curl.PAUSE
      end,
    })
    multi:add(easy)
    drive(multi, function()
      return calls > 0
    end)
    for _ = 1, 5 do
      assert.equal(1, multi:perform())
      multi:poll(0.01)
    end
    assert.equal(1, calls)
    multi:remove(easy)
    assert.same({}, curl.sockets())
  end)

  it("is its own value", function()
    assert.equal("userdata", type(curl.PAUSE))
    assert.equal(curl.PAUSE, require "curlsock.core".PAUSE)
  end)
end)

describe("a table as writefunction", function()
  it("gets each piece appended", function()
    local body = { "before\n" }
    assert.is_true(perform("/hello", { writefunction = body }))
    assert.same({ "before\n", "hello\n" }, body)
  end)

  it("gets all of a large body", function()
    local body = {}
    assert.is_true(perform("/big", { writefunction = body }))
    assert.equal(web.big, table.concat(body))
  end)
end)

describe("a file as writefunction", function()
  local function with_file(path, mode, f)
    local file = assert(io.open(path, mode))
    local ok, err = pcall(f, file)
    if io.type(file) == "file" then
      file:close()
    end
    assert(ok, err)
  end

  it("gets the body, from where it stands", function()
    local path = servers.dir() .. "/sink"
    with_file(path, "w", function(file)
      file:write("before ")
      assert.is_true(perform("/big", { writefunction = file }))
      file:write(" after")
    end)
    assert.equal("before " .. web.big .. " after", process.read(path))
  end)

  it("that is closed throws", function()
    with_file("/dev/null", "w", function(file)
      file:close()
      assert.equal("writefunction: the file is closed",
        thrown("/hello", { writefunction = file }))
    end)
  end)

  it("that is closed in the middle throws then", function()
    with_file("/dev/null", "w", function(file)
      local lines = 0
      assert.equal("writefunction: the file is closed", thrown("/hello", {
        writefunction = file,
        headerfunction = function()
          lines = lines + 1
          if lines == 2 then
            file:close()
          end
        end,
      }))
      assert.truthy(lines > 2)
    end)
  end)

  it("that is full fails with the system's reason", function()
    with_file("/dev/full", "w", function(file)
      file:setvbuf("no")
      local ok, message, name = perform("/hello", { writefunction = file })
      assert.is_nil(ok)
      ends_with(message, ": No space left on device")
      assert.equal("WRITE_ERROR", name)
    end)
  end)

  it("that is for reading fails with the system's reason", function()
    with_file("/dev/null", "r", function(file)
      local _, message, name = perform("/hello", { writefunction = file })
      ends_with(message, ": Bad file descriptor")
      assert.equal("WRITE_ERROR", name)
    end)
  end)

  it("may be a pipe", function()
    local path = servers.dir() .. "/piped"
    local pipe = assert(io.popen("cat >" .. process.quote(path), "w"))
    assert.is_true(perform("/big", { writefunction = pipe }))
    pipe:close()
    assert.equal(web.big, process.read(path))
  end)
end)

describe("headerfunction", function()
  it("gets the status line, each header, and the empty line, as they came", function()
    local lines = {}
    assert.is_true(perform("/cookie", {
      headerfunction = function(line)
        lines[#lines + 1] = line
      end,
    }))
    assert.equal("HTTP/1.1 200 OK\r\n", lines[1])
    assert.equal("\r\n", lines[#lines])
    local cookies = 0
    for _, line in ipairs(lines) do
      assert.equal("\r\n", line:sub(-2))
      cookies = cookies + (line == "Set-Cookie: seen=yes\r\n" and 1 or 0)
    end
    assert.equal(1, cookies)
  end)

  it("gets them before the body", function()
    local order = {}
    assert.is_true(perform("/hello", {
      headerfunction = function(line)
        order[#order + 1] = line == "\r\n" and "end" or nil
      end,
      writefunction = function()
        order[#order + 1] = "body"
      end,
    }))
    assert.same({ "end", "body" }, order)
  end)

  it("gets those of each answer on the way", function()
    local status = {}
    assert.is_true(perform("/redirect?to=/hello", {
      followlocation = true,
      headerfunction = function(line)
        status[#status + 1] = line:match("^HTTP/1%.1 (%d+)")
      end,
    }))
    assert.same({ "302", "200" }, status)
  end)

  it("gets a long header whole", function()
    local long
    assert.is_true(perform("/large-header", {
      headerfunction = function(line)
        long = line:match("^X%-Large: (x+)\r\n$") or long
      end,
    }))
    assert.equal(16384, #long)
  end)

  it("aborts with false and a reason", function()
    local ok, message, name = perform("/hello", {
      headerfunction = function()
        return false, "not this one"
      end,
    })
    assert.is_nil(ok)
    ends_with(message, ": not this one")
    assert.equal("WRITE_ERROR", name)
  end)

  it("throws for any other answer", function()
    assert.equal("headerfunction: must return nothing, true, curl.PAUSE, or false and a reason,"
      .. " got 17", thrown("/hello", {
      headerfunction = function(line)
        return #line
      end,
    }))
  end)

  it("may be a table or a file", function()
    local lines, path = {}, servers.dir() .. "/headers"
    assert.is_true(perform("/hello", { headerfunction = lines }))
    local file = assert(io.open(path, "w"))
    assert.is_true(perform("/hello", { headerfunction = file }))
    file:close()
    assert.equal("HTTP/1.1 200 OK\r\n", lines[1])
    assert.equal(#table.concat(lines), #process.read(path))
  end)

  it("that was unset leaves the body alone", function()
    local lines, body = {}, {}
    local easy <close> = new("/hello", { headerfunction = lines, writefunction = body })
    easy:unset("headerfunction")
    assert.is_true(easy:perform())
    assert.same({}, lines)
    assert.equal("hello\n", table.concat(body))
  end)
end)

describe("readfunction", function()
  local function stored(name)
    return process.read(web.root .. "/store/" .. name)
  end

  it("is asked for so many bytes until it returns nil", function()
    local sizes, text = {}, {}
    assert.is_true(perform("/store/read", {
      upload = true,
      readfunction = function(size, ...)
        assert.equal(0, select("#", ...))
        sizes[#sizes + 1] = size
        if #sizes <= 3 then
          text[#sizes] = ("%d"):format(#sizes):rep(#sizes)
          return text[#sizes]
        end
      end,
    }))
    assert.equal(4, #sizes)
    for _, size in ipairs(sizes) do
      assert.equal("integer", math.type(size))
      assert.truthy(size > 0)
    end
    assert.equal("122333", stored("read"))
  end)

  it("may return more than it was asked for: it is handed on in pieces", function()
    local text = numbers(150000)
    local calls = 0
    assert.is_true(perform("/store/long", {
      upload = true,
      readfunction = function(size)
        calls = calls + 1
        assert.truthy(size < #text)
        if calls <= 2 then
          return text
        end
      end,
    }))
    assert.equal(3, calls)
    assert.equal(text .. text, stored("long"))
  end)

  it("sends any bytes", function()
    local bytes = "\0\1\r\n\255\0"
    local source = reader(bytes, 2)
    assert.is_true(perform("/store/bytes", put(bytes, source)))
    assert.equal(bytes, stored("bytes"))
  end)

  it("serves POST too", function()
    local source = reader("0123456789", 3)
    assert.equal("10\n", get("/upload", {
      post = true,
      postfieldsize = 10,
      readfunction = source.read,
    }))
  end)

  it("starts anew with each transfer: nothing is left of one that was aborted", function()
    local first = true
    local easy <close> = new("/store/anew", {
      upload = true,
      readfunction = function()
        if first then
          return ("x"):rep(10000000)
        end
      end,
      xferinfofunction = function(_, _, _, sent)
        return not (first and sent > 0)
      end,
    })
    assert.equal("ABORTED_BY_CALLBACK", (select(3, easy:perform())))
    first = false
    assert.is_true(easy:perform())
    assert.equal("", stored("anew"))
  end)

  it("aborts with false and a reason", function()
    local ok, message, name = perform("/upload", {
      upload = true,
      readfunction = function()
        return false, "the source is gone"
      end,
    })
    assert.is_nil(ok)
    ends_with(message, ": the source is gone")
    assert.equal("ABORTED_BY_CALLBACK", name)
  end)

  for _, answer in ipairs { "", 7, true, {} } do
    it(("throws for an answer that is %q"):format(tostring(answer):sub(1, 5)), function()
      assert.equal("readfunction: must return a string that is not empty, nil, curl.PAUSE, "
        .. "or false and a reason, got " .. errors.shown(answer), thrown("/upload", {
        upload = true,
        readfunction = function()
          return answer
        end,
      }))
    end)
  end

  it("that is missing is a clear error, and nothing is read from standard input", function()
    local out = left.pass(([[
      local curl = require "curlsock"
      local easy = curl.easy { url = %q, proxy = "", upload = true }
      print(select(2, pcall(easy.perform, easy)))
      print(io.read("a"))]]):format(web.url .. "/upload"))
    assert.equal("readfunction: not set, but there is data to be sent\n\n", out)
  end)

  it("that is missing fails the transfer alone in a multi", function()
    local multi <close> = curl.multi()
    multi:add(new("/upload", { upload = true }))
    drive(multi)
    local _, ok, message, name = multi:results()(multi)
    assert.is_nil(ok)
    assert.equal("readfunction: not set, but there is data to be sent", message)
    assert.equal("CALLBACK", name)
  end)
end)

describe("seekfunction", function()
  local server

  setup(function()
    server = servers.script(echo)
  end)

  teardown(function()
    servers.stop(server)
  end)

  local function send(path, text, source, options)
    local body = {}
    local easy <close> = new(server.url .. path, options or put(text, source))
    easy:setopt { followlocation = true, writefunction = body }
    local ok, message, name = easy:perform()
    return ok and table.concat(body), message, name
  end

  it("rewinds what a redirect makes libcurl send again", function()
    local text = numbers(7000)
    local source = reader(text, 7000)
    assert.equal(text, send("/late", text, source))
    assert.same({ { 0, "set" } }, source.seeks)
  end)

  it("drops what the readfunction had returned too much", function()
    local text = numbers(1000000)
    local source = reader(text, #text)
    assert.equal(text, send("/early", text, source))
    assert.same({ { 0, "set" } }, source.seeks)
  end)

  it("rewinds a POST", function()
    local source = reader("0123456789", 4)
    local options = put("0123456789", source, true)
    assert.equal("0123456789", send("/late", "0123456789", source, options))
    assert.same({ { 0, "set" } }, source.seeks)
  end)

  for name, answer in pairs { ["nil"] = {}, ["false"] = { false } } do
    it("that returns " .. name .. " where there is no other way fails the transfer", function()
      local source = reader("0123456789", 4)
      source.seek = function()
        return table.unpack(answer)
      end
      local ok, _, error_name = send("/late", "0123456789", source)
      assert.same({ nil, "SEND_FAIL_REWIND" }, { ok, error_name })
    end)
  end

  it("gives its reason to the message", function()
    local source = reader("0123456789", 4)
    source.seek = function()
      return false, "tapes do not turn back"
    end
    local _, message = send("/late", "0123456789", source)
    ends_with(message, ": tapes do not turn back")
  end)

  it("that is missing where it is needed is an error of the transfer", function()
    local source = reader("0123456789", 4)
    source.seek = nil
    local ok, _, name = send("/late", "0123456789", source)
    assert.same({ nil, "SEND_FAIL_REWIND" }, { ok, name })
  end)

  local function resume(source)
    local options = put("0123456789", source)
    options.resume_from_large = 3
    return send("/echo", "0123456789", source, options)
  end

  if curl.version_info().version_num >= 0x081700 then
    it("is not asked by a resumed upload, which libcurl 8.23 refuses for HTTP", function()
      local source = reader("0123456789", 4)
      local ok, message, name = resume(source)
      assert.same({ nil, "HTTP upload cannot be resumed", "BAD_FUNCTION_ARGUMENT" },
        { ok, message, name })
      assert.same({}, source.seeks)
      assert.equal(0, source.calls)
    end)
  else
    it("is told where a resumed upload starts", function()
      local source = reader("0123456789", 4)
      assert.equal("3456789", resume(source))
      assert.same({ { 3, "set" } }, source.seeks)
    end)

    it("that returns nil there makes libcurl read up to it", function()
      local source = reader("0123456789", 4)
      source.seek = function() end
      assert.equal("3456789", resume(source))
    end)

    it("that returns false there fails the transfer", function()
      local source = reader("0123456789", 4)
      source.seek = function()
        return false
      end
      local ok, _, name = resume(source)
      assert.same({ nil, "READ_ERROR" }, { ok, name })
      assert.equal(0, source.calls)
    end)
  end

  it("throws for any other answer", function()
    local source = reader("0123456789", 4)
    source.seek = function()
      return "0"
    end
    local ok, message = pcall(send, "/late", "0123456789", source)
    assert.is_false(ok)
    assert.truthy(message:find("seekfunction: must return true, a number, nil, or false and a "
      .. 'reason, got "0"', 1, true))
  end)
end)

describe("xferinfofunction", function()
  it("counts what comes", function()
    local last
    assert.is_true(perform("/big", {
      xferinfofunction = function(...)
        assert.equal(4, select("#", ...))
        local _, now, _, up = ...
        assert.equal("integer", math.type(now))
        assert.equal(0, up)
        assert.truthy(not last or now >= last[2])
        last = { ... }
      end,
    }))
    assert.same({ #web.big, #web.big, 0, 0 }, last)
  end)

  it("counts what goes", function()
    local text, last = ("x"):rep(300000), nil
    local options = put(text, reader(text, 50000))
    options.xferinfofunction = function(...)
      last = { ... }
      return true
    end
    assert.is_true(perform("/upload", options))
    assert.same({ 300000, 300000 }, { last[3], last[4] })
  end)

  it("aborts with false and a reason", function()
    local calls = 0
    local ok, message, name = perform("/slow?rate=100k", {
      xferinfofunction = function(_, now)
        calls = calls + 1
        if now > 1000 then
          return false, "that is enough"
        end
      end,
    })
    assert.is_nil(ok)
    ends_with(message, ": that is enough")
    assert.equal("ABORTED_BY_CALLBACK", name)
  end)

  it("throws for any other answer", function()
    assert.equal("xferinfofunction: must return nothing, true, or false and a reason, got 0",
      thrown("/hello", {
        xferinfofunction = function()
          return 0
        end,
      }))
  end)

  it("is called no more after noprogress, or when it was unset", function()
    local calls = 0
    local easy <close> = new("/hello", {
      xferinfofunction = function()
        calls = calls + 1
      end,
    })
    assert.is_true(easy:perform())
    assert.truthy(calls > 0)
    easy:setopt("noprogress", true)
    calls = 0
    assert.is_true(easy:perform())
    easy:setopt("noprogress", false):unset("xferinfofunction")
    assert.is_true(easy:perform())
    assert.equal(0, calls)
  end)
end)

describe("debugfunction", function()
  -- All that it was told, by kind.
  local function trace(path, options)
    local told = {}
    options = options or {}
    options.verbose = true
    options.debugfunction = function(kind, data, ...)
      assert.equal(0, select("#", ...))
      told[kind] = (told[kind] or "") .. data
    end
    assert.is_true(perform(path, options))
    return told
  end

  local function kinds(told)
    local names = {}
    for kind in pairs(told) do
      names[#names + 1] = kind
    end
    table.sort(names)
    return names
  end

  it("tells text, headers and data of both directions", function()
    local told = trace("/upload", { postfields = "a=b" })
    assert.same({ "data_in", "data_out", "header_in", "header_out", "text" }, kinds(told))
    assert.equal("a=b", told.data_out)
    assert.equal("3\n", told.data_in)
    assert.equal("POST /upload HTTP/1.1\r\n", told.header_out:match("^[^\n]*\n"))
    assert.equal("HTTP/1.1 200 OK\r\n", told.header_in:match("^[^\n]*\n"))
    assert.truthy(told.text:find("Connected to", 1, true) or told.text:find("Established", 1, true))
  end)

  it("tells the bytes of TLS too", function()
    local told = trace(web.https_url .. "/hello", { cainfo = web.ca })
    assert.is_string(told.ssl_data_in)
    assert.is_string(told.ssl_data_out)
    assert.equal("hello\n", told.data_in)
  end)

  it("is told only: no answer changes anything", function()
    for _, answer in ipairs { false, 1, "no" } do
      assert.is_true(perform("/hello", {
        verbose = true,
        debugfunction = function()
          return answer, "reason"
        end,
      }))
    end
  end)

  it("is not called without verbose", function()
    local calls = 0
    assert.is_true(perform("/hello", {
      debugfunction = function()
        calls = calls + 1
      end,
    }))
    assert.equal(0, calls)
  end)
end)

describe("prereqfunction", function()
  it("gets both addresses and both ports", function()
    local got
    local easy <close> = new("/hello", {
      prereqfunction = function(...)
        got = table.pack(...)
        return true
      end,
    })
    assert.is_true(easy:perform())
    assert.same({
      n = 6, "127.0.0.1", "127.0.0.1", web.port, easy:getinfo("local_port"), easy:socket(), easy,
    }, got)
  end)

  it("is asked for each request, also on a kept connection", function()
    local calls = 0
    local easy <close> = new("/redirect?to=/hello", {
      followlocation = true,
      prereqfunction = function()
        calls = calls + 1
        return true
      end,
    })
    assert.is_true(easy:perform())
    assert.equal(2, calls)
    assert.equal(1, easy:getinfo("num_connects"))
  end)

  it("aborts with false and a reason, before the request is sent", function()
    local ok, message, name = perform("/hello?never", {
      prereqfunction = function()
        return false, "not over this interface"
      end,
    })
    assert.is_nil(ok)
    ends_with(message, ": not over this interface")
    assert.equal("ABORTED_BY_CALLBACK", name)
    get("/hello?later")
    servers.wait(function() -- nginx writes its log when it has answered
      return process.read(web.log):find("/hello?later", 1, true)
    end)
    assert.is_nil(process.read(web.log):find("/hello?never", 1, true))
  end)

  it("throws for any other answer", function()
    assert.equal("prereqfunction: must return true, or false and a reason, got 0",
      thrown("/hello", {
        prereqfunction = function()
          return 0
        end,
      }))
  end)
end)

describe("data callbacks of transfers in a multi", function()
  it("are those of each easy", function()
    local multi <close> = curl.multi()
    local names, got = { "a", "b", "c" }, {}
    for _, name in ipairs(names) do
      local source, body = reader(name:rep(100000), 30000), {}
      got[name] = { body = body, lines = 0, source = source }
      local options = put(name:rep(100000), source)
      options.writefunction = body
      options.headerfunction = function()
        got[name].lines = got[name].lines + 1
      end
      options.xferinfofunction = function(_, _, _, sent)
        got[name].sent = sent
      end
      multi:add(new("/store/multi-" .. name, options))
    end
    drive(multi)
    for _, name in ipairs(names) do
      assert.equal(name:rep(100000), process.read(web.root .. "/store/multi-" .. name))
      assert.equal(100000, got[name].sent)
      assert.truthy(got[name].lines > 3)
    end
  end)
end)

describe("the module", function()
  it("prints nothing where libcurl would: body, headers, progress", function()
    local out, err = left.pass(([[
      local curl = require "curlsock"
      local url = %q
      local easy = curl.easy { url = url, proxy = "" }
      assert(easy:perform())
      easy:setopt("header", true)
      assert(easy:perform())
      easy:setopt("noprogress", false)
      assert(easy:perform())
      assert(easy:dup():perform())
      easy:reset():setopt { url = url, proxy = "", noprogress = false }
      assert(easy:perform())
      easy:setopt("writefunction", {}):unset("writefunction")
      easy:setopt("headerfunction", {}):unset("headerfunction")
      easy:setopt("xferinfofunction", print):unset("xferinfofunction")
      assert(easy:perform())
      local multi = curl.multi()
      multi:add(easy)
      while multi:perform() > 0 do multi:poll(1) end]]):format(web.url .. "/hello"))
    assert.equal("", out)
    assert.equal("", err)
  end)
end)
