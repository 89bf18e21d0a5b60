-- One rule for what a callback returns, in every callback that can refuse; and what may stand in
-- for a function that carries data.

local curl = require "curlsock"
local described = require "spec.support.described"
local easies = require "spec.support.easies"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local callbacks = {}
for _, callback in ipairs(surface.callbacks) do callbacks[callback.name] = callback end

-- What a transfer of the callback's own returns when it answers so, at its first call.
local function answering(name, ...)
  local callback, answer, called = callbacks[name], table.pack(...), false
  local easy <close> = easies.plain(callback.path or "/hello", callback.options)
  easy:setopt { writefunction = {}, [name] = function()
    if called and callback.answer == nil and name == "readfunction" then return nil end
    called = true
    return table.unpack(answer, 1, answer.n)
  end }
  local result = table.pack(pcall(easy.perform, easy))
  assert.is_true(called)
  return table.unpack(result, 1, result.n)
end

local function goes_on(name, ...)
  assert.same({ true, true, n = 2 }, table.pack(answering(name, ...)))
end

local function refuses(reason, name, ...)
  local ok, result, message = answering(name, ...)
  assert.is_true(ok)
  assert.is_nil(result)
  assert.truthy(not reason or message:find(reason, 1, true), message)
end

local function is_wrong(name, ...)
  local ok, message = answering(name, ...)
  assert.is_false(ok)
  assert.truthy(message:find(name .. ": ", 1, true), message)
  if name == "opensocketfunction" then return end -- says it in its own way
  assert.truthy(message:find(": must return " .. described.must_return(name), 1, true), message)
end

-- Of those that can refuse: what nothing, or nil alone, means to each.
local nothing = {
  opensocketfunction = refuses, prereqfunction = refuses, sockoptfunction = goes_on,
  writefunction = goes_on, headerfunction = goes_on, xferinfofunction = goes_on,
  readfunction = goes_on, seekfunction = refuses, resolver_start_function = goes_on,
}

describe("a callback that can refuse,", function()
  for name, means in pairs(nothing) do
    describe(name .. ",", function()
      it("refuses with false", function() refuses(nil, name, false) end)

      it("refuses with false and a reason", function() refuses("r1", name, false, "r1") end)

      it("refuses with nil and a reason, as Lua's own functions fail", function()
        refuses("r2", name, nil, "r2")
        refuses("No such file", name, io.open("/no/such/file"))
      end)

      it("has one meaning for nothing and for nil alone", function()
        local reason = means == goes_on and name or nil
        if reason then
          goes_on(name)
          goes_on(name, nil)
        else
          refuses(nil, name)
          refuses(nil, name, nil)
        end
      end)

      if name ~= "readfunction" then
        it("goes on for true", function() goes_on(name, true) end)
      end

      if name ~= "readfunction" and name ~= "opensocketfunction" then
        it("goes on for a file, as file:write returns it", function()
          local file <close> = assert(io.tmpfile())
          goes_on(name, file:write("x"))
        end)
      end

      it("throws for anything else", function()
        is_wrong(name, {})
        is_wrong(name, print)
      end)
    end)
  end

  it("prereqfunction, says in the message that it did not allow", function()
    refuses("refused by prereqfunction", "prereqfunction")
  end)

  it("seekfunction, goes on for a number, as file:seek returns it", function()
    local file <close> = assert(io.tmpfile())
    file:write("0123")
    goes_on("seekfunction", file:seek("set"))
  end)

  it("is refused data by io.write when that fails", function()
    local full <close> = assert(io.open("/dev/full", "w"))
    full:setvbuf("no")
    local easy <close> = easies.plain("/hello",
      { writefunction = function(data) return full:write(data) end })
    local ok, message, name = easy:perform()
    assert.same({ nil, "WRITE_ERROR" }, { ok, name })
    assert.truthy(message:find("No space left on device", 1, true))
  end)
end)

describe("a file in place of writefunction", function()
  local function into_full(run)
    local full <close> = assert(io.open("/dev/full", "w"))
    local easy <close> = easies.plain("/hello", { writefunction = full })
    local ok, message, name = run(easy)
    assert.same({ nil, "WRITE_ERROR" }, { ok, name })
    assert.truthy(message:find("No space left on device", 1, true))
  end

  it("is flushed at the end, and a full disk fails the transfer", function()
    into_full(function(easy) return easy:perform() end)
  end)

  it("is the same in a multi", function()
    into_full(function(easy)
      local multi <close> = curl.multi()
      return transfers.run(multi, easy)
    end)
  end)

  it("has all of the body when perform returns", function()
    local path = servers.dir() .. "/flushed"
    local file <close> = assert(io.open(path, "w"))
    local easy <close> = easies.plain("/hello", { writefunction = file })
    assert.is_true(easy:perform())
    assert.equal("hello\n", process.read(path))
  end)

  local function headers_kept(run)
    local path = servers.dir() .. "/headers"
    local file <close> = assert(io.open(path, "w"))
    run(file)
    assert.truthy(process.read(path):find("^HTTP/1.1 "))
  end

  it("has what came before the transfer failed, or a callback threw", function()
    headers_kept(function(file)
      local easy <close> = easies.plain("/missing", { headerfunction = file, failonerror = true })
      assert.same("HTTP_RETURNED_ERROR", select(3, easy:perform()))
    end)
    headers_kept(function(file)
      local easy <close> = easies.plain("/hello",
        { headerfunction = file, writefunction = function() error("thrown", 0) end })
      assert.same({ false, "thrown" }, { pcall(easy.perform, easy) })
    end)
  end)

  it("has what came before the easy was removed from its multi", function()
    headers_kept(function(file)
      local multi <close>, came = curl.multi(), false
      local easy <close> = easies.plain("/hello",
        { headerfunction = file, writefunction = function() came = true return curl.PAUSE end })
      multi:add(easy)
      transfers.drive(multi, function() return came end)
      multi:remove(easy)
    end)
  end)

  it("tells of a full disk, and of the failure that was first", function()
    local full <close> = assert(io.open("/dev/full", "w"))
    local easy <close> = easies.plain("/missing", { headerfunction = full, failonerror = true })
    local ok, message, name = easy:perform()
    assert.same({ nil, "HTTP_RETURNED_ERROR" }, { ok, name })
    assert.truthy(message:find("404.*: No space left on device"))
  end)

  it("may be closed by the last callback", function()
    local file = assert(io.open(servers.dir() .. "/closed", "w"))
    local easy <close> = easies.plain("/hello", {
      headerfunction = file,
      writefunction = function() return (file:close()) end,
    })
    assert.is_true(easy:perform())
  end)
end)

describe("in place of readfunction", function()
  local text = ("0123456789"):rep(20000)

  local function file_with(data, at)
    local file = assert(io.tmpfile())
    file:write(data)
    file:seek("set", at or 0)
    return file
  end

  local function send(path, source, options)
    local body = {}
    local easy <close> = easies.plain(path, {
      upload = true, followlocation = true, readfunction = source, writefunction = body,
      infilesize_large = #text,
    })
    easy:setopt(options or {})
    local ok, message, name = easy:perform()
    if not ok then return nil, message, name end
    return table.concat(body)
  end

  local sources = {
    string = function() return text end,
    file = function() return file_with(text) end,
    ["file that does not stand at its start"] = function() return file_with("head" .. text, 4) end,
  }

  for name, new in pairs(sources) do
    it("a " .. name .. " is sent", function()
      assert.equal(#text .. "\n", send("/upload", new()))
    end)

    it("a " .. name .. " is sent again where a redirect wants that", function()
      assert.equal(#text .. "\n", send("/moved-upload", new()))
    end)
  end

  it("a string is sent whole by each transfer", function()
    local easy <close> = easies.plain("/upload", { upload = true, readfunction = text })
    for _ = 1, 2 do
      local body = {}
      easy:setopt("writefunction", body)
      assert.is_true(easy:perform())
      assert.equal(#text .. "\n", table.concat(body))
    end
  end)

  it("a string is the same for a duplicate", function()
    local easy <close> = easies.plain("/moved-upload",
      { upload = true, readfunction = text, infilesize_large = #text, followlocation = true })
    local copy <close> = easy:dup()
    local body = {}
    copy:setopt("writefunction", body)
    assert.is_true(copy:perform())
    assert.equal(#text .. "\n", table.concat(body))
  end)

  it("a pipe cannot be sought", function()
    local pipe <close> = assert(io.popen("printf %s " .. ("x"):rep(100)))
    local ok, _, name = send("/moved-upload", pipe, { infilesize_large = 100 })
    assert.same({ nil, "SEND_FAIL_REWIND" }, { ok, name })
  end)

  it("a file that cannot be read fails the transfer with the reason", function()
    local file <close> = assert(io.open(servers.dir() .. "/written", "w"))
    local ok, message, name = send("/upload", file)
    assert.same({ nil, "ABORTED_BY_CALLBACK" }, { ok, name })
    assert.truthy(message:find("Bad file descriptor", 1, true), message)
  end)

  it("a file that is closed throws", function()
    local file = file_with(text)
    file:close()
    local ok, message = pcall(send, "/upload", file)
    assert.is_false(ok)
    assert.truthy(message:find("readfunction: the file is closed", 1, true))
  end)

  it("a function put there during the transfer goes on", function()
    local easy, calls = nil, 0
    easy = easies.plain("/upload", {
      upload = true, readfunction = "abc", writefunction = {},
      sockoptfunction = function()
        easy:setopt("readfunction", function()
          calls = calls + 1
          return calls == 1 and "12345" or nil
        end)
      end,
    })
    assert.is_true(easy:perform())
    easy:close()
    assert.equal(2, calls)
  end)
end)

describe("a refusal", function()
  it("keeps its message when a close callback performs the same easy again", function()
    local web = servers.nginx()
    local again, inner, outer
    local other = easies.plain("/hello", {
      closesocketfunction = function() if again then inner = { outer:perform() } end end,
      writefunction = {},
    })
    assert.is_true(other:perform())
    local calls = 0
    outer = easies.plain("/hello", { writefunction = {}, opensocketfunction = function(_, address)
      calls = calls + 1
      if calls > 1 then
        assert(address.port == web.port)
        return true
      end
      again = true
      do local _ <close> = other end -- waits for the end of the outermost frame
      return nil, "private network"
    end })
    local _, message = outer:perform()
    assert.same({ true }, inner)
    assert.truthy(message:find("private network", 1, true), message)
    outer:close()
  end)
end)

describe("descriptors", function()
  local path = "/proc/self/fdinfo/%d"

  local function is_inherited(fd)
    local flags = process.read(path:format(fd)):match("flags:%s*(%d+)")
    return tonumber(flags, 8) & tonumber("2000000", 8) == 0
  end

  it("that FTP accepts are not inherited by programs that a callback starts", function()
    local seen
    local easy <close> = curl.easy {
      url = servers.vsftpd().url .. "/hello.txt", ftpport = "127.0.0.1", writefunction = {},
      sockoptfunction = function(socket, purpose)
        if purpose == "accept" then seen = is_inherited(socket:fd()) end
      end,
    }
    local ok, message = easy:perform()
    assert(ok, message)
    assert.is_false(seen)
  end)

  local steal = require "spec.support.steal"

  it("that took the number of a multi's pollfd are left alone when it is closed", function()
    local multi = curl.multi()
    local fd = multi:pollfd()
    steal(fd)
    local socket = curl.socket()
    assert.equal(fd, socket:fd())
    multi:close()
    assert.equal("owned", socket:state())
    assert.equal(fd, socket:fd())
    socket:close()
  end)

  it("of another multi's pollfd are left alone, too", function()
    local multi, other = curl.multi(), curl.multi()
    local fd = multi:pollfd()
    steal(fd)
    local taken = other:pollfd()
    multi:close()
    assert(easies.get("/hello") == "hello\n")
    local easy <close> = easies.plain("/hello", { writefunction = {} })
    assert(other:add(easy))
    while other:socket_action(taken, "r") > 0 do other:poll(1) end
    assert.is_true(select(2, other:results()(other)))
    other:close()
  end)

  it("that are gone fail the step that needs them", function()
    local multi <close> = curl.multi()
    local fd = multi:pollfd()
    steal(fd)
    local _, _, name = multi:socket_action(fd, "r")
    assert.equal("UNRECOVERABLE_POLL", name)
  end)
end)
