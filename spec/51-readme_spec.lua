-- The guard that the README begins with, as it stands there, against servers.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local function first_block()
  return process.read("README.md"):match("\n```lua\n(.-)\n```\n")
end

-- Text with one part of it replaced, which must be there.
local function replace(text, part, by)
  local first, last = text:find(part, 1, true)
  assert(first, part .. " is not in the README's block")
  return text:sub(1, first - 1) .. by .. text:sub(last + 1)
end

-- The easy of the block, with another URL and this for 127.0.0.0/8, not yet performed.
local function guarded(url, loopback)
  local text = replace(first_block(), '"http://localhost/"', ("%q"):format(url))
  text = replace(text, "print(easy:perform())", "return easy")
  if loopback then text = replace(text, '"127.0.0.0/8"', ('"%s"'):format(loopback)) end
  local env = setmetatable({ print = function() end }, { __index = _G })
  return assert(load(text, "=README.md", "t", env))():setopt("timeout", 20)
end

-- 127.0.0.1 stands for what is public.
local function public(url)
  return guarded(url, "127.0.0.2/31")
end

-- What nobody guards, and leaves its connection in the multi.
local function keep(multi, url)
  local easy <close> = easies.at(url)
  return transfers.fetch_in(multi, easy)
end

-- A server at 127.0.0.2 that keeps its connections, and says "secret".
local function private_server()
  return servers.script([[
    local server = ...
    while true do
      local client = server:accept()
      repeat
        local line = client:receive("*l")
        if line == "" then client:send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret") end
      until not line
      client:close()
    end
  ]], { host = "127.0.0.2" })
end

-- What a multi with a connection that nobody guarded gives to the easy: the body, or nil, message,
-- name.
local function fetch_beside_kept(easy, kept)
  local multi <close> = curl.multi()
  local body = {}
  assert.equal("secret", keep(multi, kept))
  local ok, message, name = transfers.run(multi, easy:setopt("writefunction", body))
  if ok then return table.concat(body) end
  assert.same({}, body)
  return nil, message, name
end

describe("The README's guard", function()
  it("says what the README says", function()
    local easy <close> = guarded("http://localhost/")
    local ok, message, name = easy:perform()
    assert.is_nil(ok)
    assert.truthy(message:find("[::1]:80 refused: it is in ::/3", 1, true)
      or message:find("127.0.0.1:80 refused: it is in 127.0.0.0/8", 1, true), message)
    assert.equal("COULDNT_CONNECT", name)
  end)

  local hosts = {
    "localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0",
  }
  if servers.has_ipv6 then
    for _, host in ipairs { "::", "::1", "::ffff:127.0.0.1", "::ffff:0:0" } do
      hosts[#hosts + 1] = ("[%s]"):format(host)
    end
  end
  for _, host in ipairs(hosts) do
    it("refuses " .. host, function()
      local easy <close> = guarded(("http://%s:%d/hello"):format(host, servers.nginx().port))
      local body, message, name = transfers.fetch(easy)
      assert.is_nil(body)
      assert.equal("COULDNT_CONNECT", name)
      assert.matches("refused: it is in ", message, 1, true)
    end)
  end

  it("refuses what a name resolves to", function()
    local port = servers.nginx().port
    local easy <close> = guarded(("http://public.test:%d/hello"):format(port))
    easy:setopt("resolve", { ("public.test:%d:127.0.0.1"):format(port) })
    assert.equal("COULDNT_CONNECT", select(3, transfers.fetch(easy)))
  end)

  it("lets go where it is public, and refuses what a redirect from there leads to", function()
    local web = servers.nginx()
    local easy <close> = public(web.url .. "/hello")
    assert.equal("hello\n", transfers.fetch(easy))
    easy:setopt("url", ("%s/redirect?to=http://127.0.0.2:%d/hello"):format(web.url, web.port))
    local body, message = transfers.fetch(easy)
    assert.is_nil(body)
    assert.matches("127.0.0.2:" .. web.port .. " refused: it is in ", message, 1, true)
  end)

  it("refuses a kept connection that nobody guarded", function()
    local url = private_server().url
    local easy <close> = public(url)
    local body, message, name = fetch_beside_kept(easy, url)
    assert.same({ nil, "ABORTED_BY_CALLBACK" }, { body, name })
    assert.matches("it is in 127.0.0.2/31", message, 1, true)
  end)

  it("refuses a redirect onto a kept connection that nobody guarded", function()
    local url = private_server().url
    local easy <close> = public(servers.nginx().url .. "/redirect?to=" .. url)
    easy:setopt { fresh_connect = true, forbid_reuse = true }
    local body, message, name = fetch_beside_kept(easy, url)
    assert.same({ nil, "ABORTED_BY_CALLBACK" }, { body, name })
    assert.matches("it is in 127.0.0.2/31", message, 1, true)
  end)

  it("refuses what is no host of the Internet, and other protocols", function()
    local web = servers.nginx()
    local easy <close> = public(web.url .. "/hello"):setopt("unix_socket_path", web.unix)
    assert.equal("COULDNT_CONNECT", select(3, transfers.fetch(easy)))
    easy:unset("unix_socket_path")
    for _, url in ipairs { "file:///etc/passwd", "ftp://127.0.0.1/" } do
      easy:setopt("url", url)
      assert.equal("UNSUPPORTED_PROTOCOL", select(3, transfers.fetch(easy)))
      easy:setopt("url", web.url .. "/redirect?to=" .. url)
      assert.equal("UNSUPPORTED_PROTOCOL", select(3, transfers.fetch(easy)))
    end
  end)

  it("asks no proxy of the environment", function()
    local proxy = private_server().url
    local file = servers.dir() .. "/guard.lua"
    finally(function() os.remove(file) end)
    process.write(file, (replace(first_block(), "http://localhost/", "http://192.168.0.1/")))
    local lua = process.lua { http_proxy = proxy, ALL_PROXY = proxy }
    assert.matches("192.168.0.1:80 refused: it is in", process.output(lua .. " " .. file), 1, true)
  end)

  it("has the networks of examples/02", function()
    local function networks(text)
      return text:match("local private = (%b{})"):gsub("%-%-[^\n]*", ""):gsub("%s", "")
    end
    assert.equal(networks(process.read("examples/02-refuse-private.lua")), networks(first_block()))
  end)
end)
