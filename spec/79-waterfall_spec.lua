-- curlsock.trace: recordings of what curl.trace tells, as text, SVG, Chrome trace and HAR.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local trace = require "curlsock.trace"
local transfers = require "spec.support.transfers"

local web

-- ---- JSON, read strictly ------------------------------------------------------------------

local function decode(text)
  local at = 1
  local value
  local function skip() at = text:find("%S", at) or #text + 1 end
  local function take(pattern)
    skip()
    local from, to = text:find("^" .. pattern, at)
    if not from then return nil end
    at = to + 1
    return text:sub(from, to)
  end
  local function string()
    local raw = assert(take '"[^"\\%c]*', "string expected at " .. at)
    local out = { raw:sub(2) }
    while text:sub(at, at) == "\\" do
      local code = assert(text:match("^\\u(%x%x%x%x)", at), "escape at " .. at)
      out[#out + 1] = utf8.char(tonumber(code, 16))
      at = at + 6
      local more = text:match('^[^"\\%c]*', at)
      out[#out + 1] = more
      at = at + #more
    end
    assert(text:sub(at, at) == '"', "open string at " .. at)
    at = at + 1
    return table.concat(out)
  end
  local function list(close, item)
    if take(close) then return end
    repeat item() until not take ","
    assert(take(close), close .. " expected at " .. at)
  end
  function value()
    skip()
    local t = {}
    if take "{" then
      list("}", function()
        skip()
        local key = string()
        assert(take ":", "colon expected at " .. at)
        t[key] = value()
      end)
      return t
    elseif take "%[" then
      list("%]", function() t[#t + 1] = value() end)
      return t
    elseif text:sub(at, at) == '"' then
      return string()
    end
    return assert(tonumber(take "-?%d+%.?%d*" or nil), "number expected at " .. at)
  end
  local result = value()
  skip()
  assert(at > #text, "more at " .. at)
  return result
end

-- ---- HAR 1.2: what must be there, and of which type ---------------------------------------

local har = {
  log = { version = "string", creator = { name = "string", version = "string" } },
  entry = {
    startedDateTime = "string", time = "number", cache = {},
    request = {
      method = "string", url = "string", httpVersion = "string", cookies = {}, headers = {},
      queryString = {}, headersSize = "number", bodySize = "number",
    },
    response = {
      status = "number", statusText = "string", httpVersion = "string", cookies = {}, headers = {},
      content = { size = "number", mimeType = "string" }, redirectURL = "string",
      headersSize = "number", bodySize = "number",
    },
    timings = { send = "number", wait = "number", receive = "number" },
  },
}

local function assert_fields(schema, t, path)
  assert.is_table(t, path)
  for key, kind in pairs(schema) do
    local where = path .. "." .. key
    if type(kind) == "table" then
      assert_fields(kind, t[key], where)
    else
      assert.equal(kind, type(t[key]), where)
    end
  end
end

-- An absolute URI (RFC 3986), as HAR's schema wants it.
local function assert_uri(text)
  assert.matches("^%a[%w+.-]*:[%w%-._~:/?#%[%]@!$&'()*+,;=%%]+$", text)
  assert.is_nil(text:gsub("%%%x%x", ""):find("%", 1, true), text)
end

local function assert_har(text)
  local log = decode(text).log
  assert_fields(har.log, log, "log")
  assert.equal("1.2", log.version)
  for i, entry in ipairs(log.entries) do
    assert_fields(har.entry, entry, "entry " .. i)
    assert_uri(entry.request.url)
    assert.truthy(entry.startedDateTime:match "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$")
    local sum = 0
    for _, ms in pairs(entry.timings) do
      assert.truthy(ms == -1 or ms >= 0)
      if ms > 0 then sum = sum + ms end
    end
    assert.truthy(math.abs(sum - entry.time) < 0.01, "the sum of the timings is the time")
  end
  return log.entries
end

-- A recording of a connection that is kept, a redirect and a refusal.
local function record()
  local recording = trace.record()
  local multi <close> = curl.multi()
  local function run(path, options)
    local easy <close> = easies.plain(path, options):setopt("writefunction", function() end)
    multi:add(easy)
    transfers.drive(multi)
    multi:remove(easy)
  end
  run "/hello"
  run("/redirect?to=" .. web.url4 .. "/hello", { followlocation = true })
  run("/hello?a=1&b=<x>", { opensocketfunction = function() return false, "private <&>" end,
    fresh_connect = true })
  multi:close()
  return recording:stop()
end

describe("curlsock.trace", function()
  setup(function() web = servers.nginx() end)

  after_each(function() curl.trace(nil) end)

  it("notes transfers, their requests, and connections with who used them", function()
    local r = record()
    assert.equal(3, #r.transfers)
    assert.equal(2, #r.connections)
    local first, second, third = table.unpack(r.transfers)
    assert.equal(200, first.status)
    assert.equal("GET", first.method)
    assert.equal(1, #first.requests)
    assert.is_false(first.requests[1].kept)
    assert.equal(2, #second.requests)
    assert.is_true(second.requests[1].kept)
    assert.equal(first.requests[1].socket, second.requests[1].socket)
    assert.equal(web.url4 .. "/hello", second.requests[2].url)
    assert.equal("COULDNT_CONNECT", third.result)
    assert.truthy(third.refused[1].reason:find "private")
    assert.equal(2, #r.connections[1].uses)
    for _, t in ipairs(r.transfers) do
      assert.truthy(0 <= t.start and t.start <= t.done and t.done <= r:length())
    end
    for _, c in ipairs(r.connections) do
      assert.truthy(c.open <= c.used and c.used <= c.close)
      assert.equal("closed", c.how)
      for _, use in ipairs(c.uses) do assert.truthy(use.from <= use.to) end
    end
  end)

  it("stops, and notes no more", function()
    local r = record()
    local length = r:length()
    local easy <close> = easies.plain("/hello", { writefunction = {} })
    assert(easy:perform())
    assert.equal(3, #r.transfers)
    assert.equal(length, r:length())
  end)

  it("may be looked at while transfers run", function()
    local r = trace.record()
    local text, har_text
    local easy <close> = easies.plain("/hello", { writefunction = function()
      text, har_text = r:text(), r:har()
      assert(r:svg() and r:chrome())
    end })
    assert(easy:perform())
    r:stop()
    assert.truthy(text:find("runs", 1, true))
    assert.equal(1, #assert_har(har_text))
  end)

  it("keeps no easy, and leaves callbacks and socket.data alone", function()
    local r = trace.record()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local closed
      local easy = easies.plain("/hello", {
        writefunction = function() end,
        opensocketfunction = function(_, address)
          local socket = address:socket()
          socket.data = "mine"
          return socket
        end,
        closesocketfunction = function(socket) closed = socket.data end,
      })
      assert(easy:perform())
      easy:close()
      assert.equal("mine", closed)
      weak[easy] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    r:stop()
  end)

  it("draws a waterfall as text, of the width that is asked for", function()
    local r = record()
    local text = r:text(120)
    assert.truthy(text:find("GET http://127.0.0.1:" .. web.port .. "/hello", 1, true))
    assert.truthy(text:find("private <&>", 1, true))
    assert.truthy(text:find("2 requests", 1, true))
    for line in text:gmatch "[^\n]+" do assert.truthy(#line <= 140, line) end
  end)

  it("draws an SVG that is well-formed, whatever URLs have in them", function()
    local svg = record():svg "a <title> & more"
    local depth, tags = 0, 0
    for close, name, rest in svg:gmatch "<(/?)(%a+)([^<>]*)>" do
      tags = tags + 1
      if close == "/" then depth = depth - 1
      elseif rest:sub(-1) ~= "/" then depth = depth + 1 end
      assert.truthy(depth >= 0, name)
    end
    assert.equal(0, depth)
    assert.truthy(tags > 20)
    assert.is_nil(svg:gsub("<[^<>]*>", ""):find "[<>]")
    assert.truthy(svg:find("a &lt;title&gt; &amp; more", 1, true))
  end)

  it("draws an SVG in UTF-8, whatever URLs have in them", function()
    local recording = trace.record()
    local long = ("\xc3\xb6"):rep(200)
    for _, path in ipairs { "\1\255", "a\xc3", long, "x" .. long } do
      local easy <close> = curl.easy { url = "http://127.0.0.1:1/" .. path, proxy = "" }
      easy:perform()
    end
    local svg = recording:stop():svg("\255" .. long)
    assert.truthy(utf8.len(svg))
    assert.is_nil(svg:find "[\0-\8\11-\31\127]")
  end)

  it("writes a Chrome trace", function()
    local r = record()
    local events = decode(r:chrome()).traceEvents
    local counts = {}
    for _, e in ipairs(events) do
      counts[e.ph] = (counts[e.ph] or 0) + 1
      assert.truthy(e.pid and e.tid and e.name)
      if e.ph == "X" then assert.truthy(e.ts >= 0 and e.dur >= 0) end
    end
    -- 3 transfers, 3 requests; 2 connections, 3 uses of them; a refusal.
    assert.same({ M = 2 + 3 + 2, X = 3 + 3 + 2 + 3, i = 1 }, counts)
  end)

  it("writes HAR 1.2", function()
    local entries = assert_har(record():har())
    assert.equal(4, #entries)
    assert.equal(200, entries[1].response.status)
    assert.equal(6, entries[1].response.content.size)
    assert.equal("text/plain", entries[1].response.content.mimeType)
    assert.equal("HTTP/1.1", entries[1].response.httpVersion)
    assert.truthy(entries[1].timings.connect >= 0)
    assert.equal(-1, entries[2].timings.connect)
    assert.equal(web.url4 .. "/hello", entries[2].response.redirectURL)
    assert.same({ { name = "a", value = "1" }, { name = "b", value = "<x>" } },
      entries[4].request.queryString)
    assert.truthy(entries[4].comment:find("private <&>", 1, true))
    local names = {}
    for _, header in ipairs(entries[1].response.headers) do names[header.name:lower()] = true end
    assert.truthy(names["content-type"] or not curl.easy().headers)
  end)

  it("writes URIs in HAR, whatever the program called its URLs", function()
    local recording = trace.record()
    for _, url in ipairs { "127.0.0.1:1/x", "http://127.0.0.1:1/\u{fc}|x", "http://no such/", "",
      "a b", "http://127.0.0.1:1/%zz%41", "[::1", "http://127.0.0.1:1/{a}\"", false } do
      local easy <close> = curl.easy { url = url or nil, proxy = "" }
      easy:perform()
    end
    local entries = assert_har(recording:stop():har())
    assert.equal(9, #entries)
    local urls = {}
    for i, entry in ipairs(entries) do urls[i] = entry.request.url end
    assert.same({ "http://127.0.0.1:1/x", "http://127.0.0.1:1/%C3%BC%7Cx", "http://no%20such/" },
      { table.unpack(urls, 1, 3) })
    assert.equal("http://127.0.0.1:1/%25zz%41", urls[6])
  end)

  it("draws the picture of the README", function()
    local file = servers.dir() .. "/picture.svg"
    local text = assert(process.output(("%s scripts/picture.lua %s"):format(process.lua(), file)))
    assert.truthy(text:find("REFUSED", 1, true))
    assert.truthy(text:find("2 requests", 1, true))
    assert.truthy(process.read(file):find("^<svg "))
  end)
end)
