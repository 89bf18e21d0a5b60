-- connect_only: a connection on which the script itself sends and receives, through TLS too.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local web

setup(function() web = servers.nginx() end)

local request = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

local function new(base, options)
  local easy = curl.easy { url = base or web.url, proxy = "", cainfo = web.ca, connect_only = true,
    http_version = "1.1", timeout = 20 }
  return assert(easy:setopt(options or {}))
end

-- Calls until it is not "AGAIN" any more.
local function patiently(easy, method, ...)
  local deadline = curl.now() + 20
  while true do
    local value, message, name = easy[method](easy, ...)
    if name ~= "AGAIN" then return value, message, name end
    assert(curl.now() < deadline, "nothing comes")
    os.execute "sleep 0.01"
  end
end

local function send_all(easy, text)
  local sent = 0
  while sent < #text do sent = sent + assert(patiently(easy, "send", text:sub(sent + 1))) end
end

local function recv_all(easy, size)
  local pieces = {}
  repeat
    local piece = assert(patiently(easy, "recv", size))
    pieces[#pieces + 1] = piece
  until piece == ""
  return table.concat(pieces)
end

-- Connects: by perform, or in a multi.
local ways = {
  perform = function(easy) assert(easy:perform()) end,
  multi = function(easy, multi)
    multi:add(easy)
    transfers.drive(multi)
    assert.is_true(transfers.only_result(multi))
  end,
}

describe("easy:send and easy:recv", function()
  for how, connect in pairs(ways) do
    for _, tls in ipairs { false, true } do
      it(("speak, %s, after %s"):format(tls and "TLS" or "plain", how), function()
        local multi <close> = curl.multi()
        local closed = 0
        local easy = new(tls and web.https_url or web.url, {
          closesocketfunction = function() closed = closed + 1 end,
        })
        connect(easy, multi)
        assert.equal("lent", easy:socket():state())
        send_all(easy, request)
        local answer = recv_all(easy, 10)
        assert.truthy(answer:find("^HTTP/1.1 200 OK\r\n") and answer:find("hello\n$"), answer)
        assert.equal("", patiently(easy, "recv"))
        assert.equal(0, closed)
        if how == "multi" then multi:remove(easy) end
        easy:close()
        multi:close()
        assert.equal(1, closed)
      end)
    end
  end

  it("say AGAIN while nothing comes, and when the peer reads nothing", function()
    local silent <close> = curl.socket()
    assert(silent:bind(curl.address("127.0.0.1:0"))):listen(5)
    local easy <close> = new("http://" .. tostring(silent:localaddress()))
    assert(easy:perform())
    errors.failed("AGAIN", "", easy:recv())
    assert.equal(0, easy:send(""))
    local sent, piece = 0, ("x"):rep(100000)
    for _ = 1, 1000 do
      local n, _, name = easy:send(piece)
      if not n then
        assert.equal("AGAIN", name)
        break
      end
      sent = sent + n
    end
    assert.truthy(sent > 0 and sent < 100000000)
  end)

  it("fail where the peer has gone", function()
    local listener = assert(curl.socket():bind(curl.address("127.0.0.1:0"))):listen(5)
    local easy <close> = new("http://" .. tostring(listener:localaddress()))
    assert(easy:perform())
    listener:accept(5):close()
    listener:close()
    assert.equal("", patiently(easy, "recv"))
    local name
    for _ = 1, 10 do name = name or select(3, easy:send("x")) end
    assert.equal("SEND_ERROR", name)
  end)

  it("need connect_only, and a connection", function()
    local easy <close> = easies.new("/hello")
    assert(easy:perform())
    for _, method in ipairs { "send", "recv" } do
      errors.matches(("^easy:%s: connect_only is not set"):format(method), easy[method], easy,
        method == "send" and "x" or nil)
    end
    local other <close> = new()
    errors.failed("BAD_FUNCTION_ARGUMENT", "^no transfer has left a connection", other:send("x"))
    errors.failed("BAD_FUNCTION_ARGUMENT", "^no transfer has left a connection", other:recv())
    for _, size in ipairs { 0, -1, 1 << 31 } do
      errors.matches("size out of range", other.recv, other, size)
    end
    errors.matches("string expected", other.send, other)
  end)

  it("make the connection the script's: the easy performs no more", function()
    local easy = new()
    assert(easy:perform())
    send_all(easy, request)
    errors.matches("^easy:perform: the script has the easy's connection", easy.perform, easy)
    local multi <close> = curl.multi()
    errors.matches("^multi:add: the script has the easy's connection", multi.add, multi, easy)
    assert.truthy(recv_all(easy):find "hello\n$")
    local copy <close> = easy:dup()
    easy:close()
    assert(copy:setopt { connect_only = false, url = web.url .. "/hello", writefunction = {} }
      :perform())
  end)

  it("refuse another pool than that of the last transfer", function()
    local easy, multi = new(), curl.multi()
    ways.multi(easy, multi)
    multi:remove(easy)
    local ok, result, name = pcall(easy.send, easy, request)
    assert.truthy(not ok and result:find("was in another pool", 1, true)
      or ok and name, tostring(result))
    multi:close()
    easy:close()
  end)

  it("speak each on its own connection, of several in one pool", function()
    local multi = curl.multi()
    local list = {}
    for i = 1, 4 do
      list[i] = new()
      multi:add(list[i])
    end
    assert.equal(4, transfers.drive_well(multi))
    local fds = {}
    for i, easy in ipairs(list) do
      fds[easy:socket():fd()] = true
      send_all(easy, request:gsub("/hello", "/status/" .. (i % 2 == 0 and 404 or 500)))
    end
    local n = 0
    for _ in pairs(fds) do n = n + 1 end
    assert.equal(4, n)
    for i, easy in ipairs(list) do
      assert.truthy(recv_all(easy):find("^HTTP/1.1 " .. (i % 2 == 0 and 404 or 500)))
    end
    multi:close()
    for _, easy in ipairs(list) do easy:close() end
  end)

  it("leave nothing when all is dropped", function()
    do
      local easy = new()
      assert(easy:perform())
      send_all(easy, request)
    end
    collectgarbage()
    collectgarbage()
    assert.same({}, curl.sockets())
  end)
end)

describe("easy:upkeep", function()
  it("looks after the connections", function()
    local easy <close>, body = easies.new("/hello", { upkeep_interval_ms = 0 })
    assert.equal(easy, easy:upkeep())
    for _ = 1, 2 do
      assert.equal("hello\n", easies.fetch(easy, body))
      assert.equal(easy, easy:upkeep())
    end
  end)
end)
