-- easy:header and easy:headers: by name, origin and request.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local servers = require "spec.support.servers"

local matches = errors.matches
local server

-- Answers by the first word of the path, one connection after the other.
local answers = [[
local server, socket = ...
local answers = {
  plain = "HTTP/1.1 200 OK\r\nX-One: 1\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
    .. "X-Bytes: \xE4\xFF\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n",
  moved = "HTTP/1.1 302 Found\r\nLocation: /plain\r\nX-One: 0\r\nContent-Length: 0\r\n\r\n",
  trailer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Sum: before\r\n\r\n"
    .. "5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n",
  early = "HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n"
    .. "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  many = "HTTP/1.1 200 OK\r\n" .. ("X-Many: value\r\n"):rep(100) .. "Content-Length: 0\r\n\r\n",
}
while true do
  local s = server:accept()
  while true do
    local line = s:receive()
    if not line then break end
    repeat local header = s:receive() until not header or header == ""
    local path = line:match(" /(%a+)")
    s:send(path and answers[path] or "HTTP/1.1 200 OK\r\nX-Proxy: yes\r\n\r\n")
  end
  s:close()
end
]]

setup(function() server = servers.script(answers) end)
teardown(function() servers.stop(server) end)

local function performed(path, options)
  local easy, body = easies.new(server.url .. path, options)
  assert(easy:perform())
  return easy, body
end

describe("easy:header", function()
  it("gives all values of a name, in any case", function()
    local easy <close> = performed("/plain")
    assert.same({ "1", n = 1 }, table.pack(easy:header("x-ONE")))
    assert.same({ "a=1", "b=2", n = 2 }, table.pack(easy:header("Set-Cookie")))
    assert.equal("\xE4\xFF", easy:header("X-Bytes"))
    assert.equal("", easy:header("X-Empty"))
  end)

  it("gives nil for what there is not", function()
    local easy <close> = easies.new(server.url .. "/plain")
    assert.same({ n = 1 }, table.pack(easy:header("X-One")))
    assert(easy:perform())
    for _, name in ipairs { "x-two", "", "X-One:", "X-One " } do
      assert.same({ n = 1 }, table.pack(easy:header(name)))
    end
    for _, origin in ipairs { "trailer", "connect", "1xx", "pseudo" } do
      assert.same({ n = 1 }, table.pack(easy:header("X-One", origin)))
    end
    assert.same({ n = 1 }, table.pack(easy:header("X-One", nil, 2)))
    assert(easy:setopt("url", "file:///dev/null"):perform())
    assert.same({ n = 1 }, table.pack(easy:header("X-One")))
  end)

  it("tells the requests of a transfer apart", function()
    local easy <close> = performed("/moved", { followlocation = true })
    assert.same({ "1", "1", "0", "1" }, { easy:header("X-One"), easy:header("X-One", nil, nil),
      (easy:header("X-One", "header", 1)), (easy:header("X-One", "header", 2)) })
    assert.equal("/plain", easy:header("Location", nil, 1))
    assert.is_nil(easy:header("Location"))
    assert.same({ { "Location", "/plain" }, { "X-One", "0" }, { "Content-Length", "0" } },
      easy:headers("header", 1))
  end)

  it("tells origins apart", function()
    local easy <close>, body = performed("/trailer")
    assert.equal("hello", table.concat(body))
    assert.equal("before", easy:header("X-Sum"))
    assert.equal("42", easy:header("X-Sum", "trailer"))
    assert.same({ "before", "42" }, { easy:header("X-Sum", "any") })
    easy:setopt { url = server.url .. "/early" }
    assert(easy:perform())
    assert.equal("</style>", easy:header("Link", "1xx"))
    assert.is_nil(easy:header("Link"))
  end)

  it("knows those of a proxy", function()
    local tunnel <close> = easies.new("http://h.invalid/plain", { httpproxytunnel = true })
    assert(tunnel:setopt("proxy", server.url):perform())
    assert.equal("yes", tunnel:header("X-Proxy", "connect"))
    assert.same({ { "X-Proxy", "yes" } }, tunnel:headers("connect"))
    assert.equal("1", tunnel:header("X-One"))
  end)

  it("has the pseudo headers of HTTP/2", function()
    local easy <close> = easies.new(servers.nginx().h2c_url .. "/hello", {
      http_version = "2-prior-knowledge",
    })
    assert(easy:perform())
    assert.equal("200", easy:header(":status", "pseudo"))
    assert.equal("6", easy:header("content-length"))
    assert.same({ { ":status", "200" } }, easy:headers("pseudo"))
  end)

  it("is of the last transfer alone", function()
    local easy <close> = performed("/plain")
    assert(easy:setopt("url", server.url .. "/moved"):perform())
    assert.equal("0", easy:header("X-One"))
    local copy <close> = easy:dup()
    assert.is_nil(copy:header("X-One"))
    assert.same({}, copy:headers())
  end)

  it("may be called in callbacks, for what has come", function()
    local seen = {}
    local easy <close> = easies.new(server.url .. "/plain")
    easy:setopt("headerfunction", function(line)
      if line == "\r\n" then seen[#seen + 1] = #easy:headers() end
      if line:find("^X%-Bytes") then seen[#seen + 1] = easy:header("Set-Cookie") end
    end)
    local multi <close> = curl.multi()
    multi:add(easy)
    while assert(multi:perform()) > 0 do multi:poll(1) end
    assert.equal("a=1", seen[1])
    assert.equal(6, seen[#seen])
    assert.equal("1", easy:header("X-One")) -- while it is in the multi
  end)

  it("gives as many values as there are", function()
    local easy <close> = performed("/many")
    assert.equal(100, select("#", easy:header("x-many")))
    assert.equal(101, #easy:headers())
  end)

  -- In a state of its own, which is small: there the collector ends cycles within one call.
  local function pass_with_finalizers(script)
    left.pass(([[
      local curl = require "curlsock"
      local function performed()
        local easy = curl.easy { url = "%s/many", proxy = "" }
        assert(easy:perform())
        return easy
      end
      local function is_whole(list)
        for i = 1, 100 do assert(list[i][1] == "X-Many" and list[i][2] == "value") end
        return #list == 101
      end
      local inside, during = false, 0
      local function with_finalizers(f, call, ...)
        collectgarbage("generational", 1, 100)
        for _ = 1, 10 do
          setmetatable({}, { __gc = function()
            if inside then during = during + 1 end
            f()
          end })
        end
        inside = true
        local results = table.pack(pcall(call, ...))
        inside = false
        return table.unpack(results, 1, results.n)
      end
      for _ = 1, 30 do
        %s
      end
      assert(during > 10, during)
    ]]):format(server.url, script))
  end

  it("survives finalizers that ask and perform meanwhile", function()
    pass_with_finalizers [[
      local easy <close> = performed()
      local ok, list = with_finalizers(function()
        assert(easy:header("x-many") == "value" and is_whole(easy:headers("any", 1)))
        pcall(easy.perform, easy)
      end, easy.headers, easy)
      assert(ok and is_whole(list))
    ]]
  end)

  it("survives finalizers that close the easy meanwhile", function()
    pass_with_finalizers [[
      local easy <close> = performed()
      local ok, list = with_finalizers(function() pcall(easy.close, easy) end, easy.headers, easy)
      assert(ok and is_whole(list) or list:find("easy is closed"))
    ]]
  end)

  it("refuses wrong arguments", function()
    local easy <close> = curl.easy()
    matches("bad argument #1 to 'header' %(string expected, got no value", function()
      easy:header()
    end)
    matches("string contains NUL", easy.header, easy, "a\0b")
    for _, call in ipairs { "header", "headers" } do
      local first = call == "header" and { "x" } or {}
      local function try(...)
        local args = table.pack(table.unpack(first))
        for i = 1, select("#", ...) do args[#first + i] = (select(i, ...)) end
        return easy[call](easy, table.unpack(args, 1, #first + select("#", ...)))
      end
      matches('"header", "trailer", "connect", "1xx", "pseudo" or "any" expected, got "all"',
        try, "all")
      matches('or "any" expected, got 1', try, 1)
      for _, request in ipairs { 0, -1, 1.5, 1 << 40, "x" } do
        matches("integer", try, "any", request)
      end
      easy[call](easy, table.unpack(first))
    end
    easy:close()
    matches("easy is closed", easy.header, easy, "x")
    matches("easy is closed", easy.headers, easy)
  end)
end)
