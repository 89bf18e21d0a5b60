-- One call for what most scripts want (curlsock.fetch): blocking, and in loops.

local curl = require "curlsock"
local echo_server = require "spec.support.echo_server"
local fetch = require "curlsock.fetch"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local web, echo, silent, refused

setup(function()
  web, echo, silent = servers.nginx(), servers.script(echo_server), servers.silent()
  refused = "http://127.0.0.1:" .. servers.free_port()
end)

teardown(function()
  servers.stop(echo)
  servers.stop(silent)
end)

local number = 0

-- A path that the echo server has not seen yet.
local function fresh(path)
  number = number + 1
  return ("%s%s%sn=%d"):format(echo.url, path, path:find("?", 1, true) and "&" or "?", number)
end

local function describe_fetch(title, new_loop)
  describe(title, function()
    local function get(url, options)
      local loop <close> = new_loop and new_loop() or nil
      options = options or {}
      options.curl = options.curl or {}
      options.curl.proxy = ""
      options.loop = loop
      return fetch(url, options)
    end

    it("gives a response: status, headers, body, url, timing", function()
      local response = assert(get(echo.url .. "/here"))
      assert.same({ 200, true, 1 }, { response.status, response.ok, response.attempts })
      assert.equal(echo.url .. "/here", response.url)
      assert.matches("^GET /here HTTP/1.1\n", response.body)
      assert.equal("1", response.headers["x-one"])
      assert.equal("1", response.headers["X-ONE"])
      assert.same({ "a=1", "b=2" }, response.headers("Set-Cookie"))
      assert.equal("a=1", response.headers["set-cookie"])
      assert.is_nil(response.headers["x-two"])
      assert.same({}, response.headers("x-two"))
      local names = {}
      for _, header in ipairs(response.headers) do names[#names + 1] = header[1] end
      assert.same({ "Content-Length", "Connection", "X-One", "Set-Cookie", "set-cookie" }, names)
      assert.truthy(response.timing.total > 0 and response.timing.connect > 0)
    end)

    it("takes a table alone, and a Url", function()
      assert.equal("hello\n", assert(get { url = web.url .. "/hello" }).body)
      assert.equal("hello\n", assert(get(curl.url(web.url .. "/hello"))).body)
    end)

    it("gives a response whatever the status, and a failure without one", function()
      local response = assert(get(web.url .. "/status/404"))
      assert.same({ 404, false }, { response.status, response.ok })
      local none, message, name = get(refused)
      assert.same({ nil, "COULDNT_CONNECT" }, { none, name })
      assert.matches("^Failed to connect", message)
      local wrong, _, why = get("http://exa mple/")
      assert.same({ nil, "URL_MALFORMAT" }, { wrong, why })
    end)

    it("sends headers, ours only where the script has none", function()
      local body = assert(get(echo.url, {
        headers = { Accept = "text/x", ["X-Empty"] = "", ["X-List"] = { "1", "2" } },
      })).body
      assert.matches("\naccept: text/x\n", body, 1, true)
      assert.matches("\nx-empty:\n", body, 1, true)
      assert.matches("\nx-list: 1\nx-list: 2\n", body, 1, true)
      assert.matches("\naccept%-encoding: [^\n]*gzip", body)
      local json = assert(get(echo.url, {
        json = "{}",
        headers = { ["CONTENT-type"] = "x/y" },
      })).body
      assert.matches("\ncontent-type: x/y\n", json, 1, true)
      assert.is_nil(json:find("application/json", 1, true))
    end)

    it("adds a query to the url", function()
      local function line(url, query)
        return assert(get(url, { query = query })).body:match("^GET (%S+)"):lower()
      end
      assert.equal("/?a=1&b=x%20%26%3d&c=1&c=2",
        line(echo.url, { b = "x &=", a = 1, c = { 1, 2 } }))
      assert.equal("/p?z=0&a=1", line(echo.url .. "/p?z=0", { a = 1 }))
      local none, _, name = get("http://[", { query = { a = 1 } })
      assert.is_nil(none)
      assert.is_string(name)
    end)

    it("knows the methods, and what each sends", function()
      for _, method in ipairs { "GET", "DELETE", "OPTIONS", "PATCH", "PUT", "POST", "delete" } do
        local response = assert(get(echo.url, { method = method }))
        assert.matches("^" .. method:upper() .. " / ", response.body)
      end
      local head = assert(get(echo.url, { method = "HEAD" }))
      assert.same({ 200, "", "1" }, { head.status, head.body, head.headers["x-one"] })
      for _, method in ipairs { "DELETE", "PATCH", "PUT", "put", "POST" } do
        local response = assert(get(echo.url, { method = method, body = "a\0b" }))
        assert.matches("^" .. method:upper() .. " / ", response.body)
        assert.equal("a\0b", response.body:match("\n\n(.*)$"))
        assert.is_nil(response.body:find("\ncontent-type:", 1, true))
        assert.is_nil(response.body:find("\nexpect:", 1, true))
      end
    end)

    it("sends a form, a text of json, a file and what a function gives", function()
      local form = assert(get(echo.url, { form = { b = "x y", a = { 1, "ä" } } })).body
      assert.matches("^POST / ", form)
      assert.matches("\ncontent-type: application/x-www-form-urlencoded\n", form, 1, true)
      assert.equal("a=1&a=%C3%A4&b=x%20y", form:match("\n\n(.*)$"))
      local json = assert(get(echo.url, { json = '{"a":1}' })).body
      assert.matches("\ncontent-type: application/json\n", json, 1, true)
      assert.equal('{"a":1}', json:match("\n\n(.*)$"))
      local file <close> = assert(io.open("README.md"))
      local sent = assert(get(echo.url, { body = file })).body
      assert.matches("^POST / ", sent)
      assert.equal(process.read("README.md"), sent:match("\n\n(.*)$"))
      local pieces = { "one ", "two ", "three" }
      local from = assert(get(echo.url, {
        method = "PUT",
        body = function() return table.remove(pieces, 1) end,
      })).body
      assert.matches("^PUT / ", from)
      assert.equal("one two three", from:match("\n\n(.*)$"))
    end)

    it("gives the body to a file or a function", function()
      local name = os.tmpname()
      do
        local file <close> = assert(io.open(name, "w"))
        local response = assert(get(web.url .. "/big", { to = file }))
        assert.is_nil(response.body)
      end
      assert.equal(web.big, process.read(name))
      os.remove(name)
      local parts = {}
      assert(get(web.url .. "/big", { to = function(data) parts[#parts + 1] = data end }))
      assert.equal(web.big, table.concat(parts))
      local failure = {}
      local ok, err = pcall(get, web.url .. "/hello", { to = function() error(failure) end })
      assert.same({ false, true }, { ok, rawequal(failure, err) })
      assert.equal("WRITE_ERROR", select(3, get(web.url .. "/hello", {
        to = function() return false, "full" end,
      })))
    end)

    it("follows redirects, no more than it is told", function()
      local to = web.url .. "/redirect?to=" .. web.url .. "/hello"
      local response = assert(get(to))
      assert.same({ 200, web.url .. "/hello" }, { response.status, response.url })
      for _, none in ipairs { false, 0 } do
        assert.equal(302, assert(get(to, { redirects = none })).status)
      end
      local circle = web.url .. "/redirect?to=/redirect?to=/redirect"
      assert.equal("TOO_MANY_REDIRECTS", select(3, get(circle, { redirects = 1 })))
    end)

    it("ends after its time", function()
      local start = curl.now()
      local none, _, name = get(silent.url, { timeout = 0.1, retries = 5 })
      assert.same({ nil, "OPERATION_TIMEDOUT" }, { none, name })
      assert.truthy(curl.now() - start < 2 * process.patience)
    end)

    it("tries again what may succeed then", function()
      for _, code in ipairs { 408, 429, 500, 502, 503, 504 } do
        local response = assert(get(fresh("/fail/1?" .. code), { retries = 1 }))
        assert.same({ 200, 2 }, { response.status, response.attempts })
      end
      local cut = assert(get(fresh("/cut"), { retries = 1 }))
      assert.same({ 200, 2 }, { cut.status, cut.attempts })
      local start = curl.now()
      local none, _, name = get(refused, { retries = 2, method = "POST", body = "x" })
      assert.same({ nil, "COULDNT_CONNECT" }, { none, name })
      assert.truthy(curl.now() - start >= 0.25 * (1 + 2) / 1.01, curl.now() - start)
    end)

    it("sends the same body again", function()
      local file <close> = assert(io.open("LICENSE"))
      for _, body in ipairs { "a body", file } do
        local response = assert(get(fresh("/fail/1?503"), {
          method = "PUT", body = body, retries = 1,
        }))
        local expected = body == file and process.read("LICENSE") or body
        assert.equal(2, response.attempts)
        assert.equal(expected, response.body:match("\n\n(.*)$"))
      end
    end)

    it("tries no more than it may, and nothing that could be done twice", function()
      local url = fresh("/fail/9?503")
      assert.same({ 503, 1 }, { assert(get(url)).status, assert(get(url)).attempts })
      local twice = assert(get(fresh("/fail/9?503"), { retries = 1 }))
      assert.same({ 503, 2 }, { twice.status, twice.attempts })
      assert.matches("^GET /fail", twice.body)
      local post = assert(get(fresh("/fail/1?503"), { retries = 3, body = "x" }))
      assert.same({ 503, 1 }, { post.status, post.attempts })
      local read = assert(get(fresh("/fail/1?503"), {
        retries = 3, method = "PUT", body = function() return nil end,
      }))
      assert.same({ 503, 1 }, { read.status, read.attempts })
      local other = assert(get(web.url .. "/status/404", { retries = 3 }))
      assert.same({ 404, 1 }, { other.status, other.attempts })
    end)

    it("gives a file or a function no body twice", function()
      local parts = {}
      local function to(data) parts[#parts + 1] = data end
      local response = assert(get(fresh("/fail/1?503"), { retries = 1, to = to }))
      assert.same({ 200, 2 }, { response.status, response.attempts })
      local _, count = table.concat(parts):gsub("GET /fail", "")
      assert.equal(1, count)
      parts = {}
      local none, _, name = get(fresh("/cut"), { retries = 3, to = to })
      assert.same({ nil, "PARTIAL_FILE" }, { none, name })
      _, count = table.concat(parts):gsub("GET /cut", "")
      assert.equal(1, count)
    end)

    it("waits as long as Retry-After says, but not for hours, nor longer than its time", function()
      local start = curl.now()
      local response = assert(get(fresh("/late?1"), { retries = 1 }))
      assert.same({ 200, 2 }, { response.status, response.attempts })
      assert.truthy(curl.now() - start >= 1)
      for _, options in ipairs { { retries = 1 }, { retries = 1, timeout = 5 } } do
        local now = curl.now()
        local late = assert(get(fresh(options.timeout and "/late?30" or "/late?3600"), options))
        assert.same({ 503, 1 }, { late.status, late.attempts })
        assert.truthy(curl.now() - now < 3)
      end
    end)

    it("has the body of the last answer, if the pause before another is too long", function()
      for _, options in ipairs { { retries = 1 }, { retries = 1, timeout = 5 } } do
        for _, to in ipairs { false, true } do
          local parts = {}
          options.to = to and function(data) parts[#parts + 1] = data end or nil
          local late = assert(get(fresh(options.timeout and "/late?30" or "/late?3600"), options))
          assert.matches("^GET /late", to and table.concat(parts) or late.body)
        end
      end
    end)

    it("keeps cookies between redirects, and no longer", function()
      assert.matches("\ncookie: to=1\n", assert(get(fresh "/to302?/here")).body)
      assert.not_matches("\ncookie", assert(get(fresh "/here")).body)
    end)

    it("has written all of a file when it returns, or says why not", function()
      local name = servers.dir() .. "/fetched"
      local file <close> = assert(io.open(name, "w"))
      assert(get(web.url .. "/hello", { to = file }))
      assert.equal("hello\n", process.read(name))
      local full <close> = assert(io.open("/dev/full", "w"))
      local none, message, why = get(web.url .. "/hello", { to = full })
      assert.same({ nil, "WRITE_ERROR" }, { none, why })
      assert.matches("No space left", message, 1, true)
    end)

    it("takes no time, and all there is", function()
      for _, seconds in ipairs { 0, 1e-9 } do
        assert.equal("OPERATION_TIMEDOUT", select(3, get(silent.url, { timeout = seconds })))
      end
      assert.equal(200, assert(get(web.url .. "/hello", { timeout = math.huge })).status)
    end)

    it("raises for what it does not know", function()
      for text, options in pairs {
        ["fetch: unknown option 'headres'"] = { headres = {} },
        ["fetch: option 'method': string expected, got table"] = { method = {} },
        ["fetch: option 'to': function or userdata expected, got string"] = { to = "x" },
        ["fetch: both 'form' and 'json'"] = { form = {}, json = "" },
        ["fetch: option 'timeout': 0 or more expected, got -1"] = { timeout = -1 },
        ["fetch: option 'timeout': 0 or more expected, got "] = { timeout = 0 / 0 },
        ["fetch: option 'retries': 0 or more expected, got -0.5"] = { retries = -0.5 },
        ["fetch: option 'redirects': 0 or more expected, got -1"] = { redirects = -1 },
        ["fetch: option 'method': a name expected, got 'GET /x'"] = { method = "GET /x" },
        ["fetch: option 'method': a name expected, got ''"] = { method = "" },
        ["fetch: option 'headers': names expected"] = { headers = { "A: b" } },
        ["fetch: option 'query': names expected"] = { query = { "a", b = 1 } },
        ["fetch: option 'form': 'a' has a function"] = { form = { a = print } },
        ["fetch: option 'headers': 'a' has a table"] = { headers = { a = { {} } } },
        ["fetch: option 'retries': 0 or more expected, got "] = { retries = 0 / 0 },
      } do
        assert.error_matches(function() get(web.url, options) end, text, 1, true)
      end
      assert.error_matches(function() get {} end, "fetch: no url", 1, true)
      assert.error_matches(function() fetch() end, "fetch: no url", 1, true)
      local _, message = pcall(function() return (fetch {}) end)
      assert.matches("84%-fetch_spec.lua:%d+: fetch: no url", message) -- where the script called it
    end)

    it("takes options of the easy, which come last", function()
      local body = assert(get(echo.url, { curl = { useragent = "mine" } })).body
      assert.matches("\nuser-agent: mine\n", body, 1, true)
      assert.equal(302, assert(get(web.url .. "/redirect?to=/hello", {
        curl = { followlocation = false },
      })).status)
    end)
  end)
end

describe_fetch("Blocking, fetch")

for _, name in ipairs { "loop", "select" } do
  describe_fetch(("In curlsock.%s fetch"):format(name), require("curlsock." .. name).new)
end

it("fetch may have a policy of its own", function()
  local none, message, name = fetch(web.url .. "/hello", {
    policy = { name = "mine", start = function() return nil, "not today" end },
    curl = { proxy = "" },
  })
  assert.same({ nil, "REFUSED" }, { none, name })
  assert.matches("mine: not today", message, 1, true)
end)

for _, name in ipairs(loops.names) do
  it("fetch runs beside others in curlsock." .. name, function()
    local out, err = left.pass(([[
      local fetch = require "curlsock.fetch"
      local loop <close> = require("curlsock.%s").new()
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = loop:spawn(function()
          local path = (i %% 5 == 0 and "/fail/1?503&" or "/?") .. "%s" .. i
          local response = assert(fetch(%q .. path, {
            loop = loop, retries = 1, curl = { proxy = "" },
          }))
          return response.status, response.attempts
        end)
      end
      for i = 1, 20 do
        local status, attempts = tasks[i]:wait()
        assert(status == 200 and attempts == (i %% 5 == 0 and 2 or 1), i)
      end
      print "done"
    ]]):format(name, name, echo.url))
    assert.same({ "done\n", "" }, { out, err })
  end)
end

it("fetch says that the loop was closed, also between two attempts", function()
  local loop <close> = require("curlsock.loop").new()
  local task = loop:spawn(function()
    return fetch("http://127.0.0.1:" .. servers.free_port(), { loop = loop, retries = 9 })
  end)
  loop:sleep(0.05)
  loop:close()
  local none, _, name = task:wait()
  assert.same({ nil, "CLOSED" }, { none, name })
end)
