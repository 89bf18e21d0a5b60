-- libcurl (7.88 to 8.14) crashes when it is to receive on a connection of connect_only for which
-- TLS has agreed upon HTTP/2, as it does by default: there is no stream.
local left = require "spec.support.left"
local servers = require "spec.support.servers"

describe("A connection of connect_only that may be HTTP/2", function()
  local script = [[
    local curl = require "curlsock"
    local request = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    local function new(url, options)
      return curl.easy { url = url, proxy = "", ssl_verifypeer = false, ssl_verifyhost = 0,
        fresh_connect = true, timeout = 20, writefunction = {} }:setopt(options)
    end
    local function refused(easy)
      for name, argument in pairs { send = "x", recv = 1 } do
        local ok, message = pcall(easy[name], easy, argument)
        assert(not ok and message:find("easy:" .. name .. ": this may be HTTP/2", 1, true), message)
      end
    end
    local function answer(easy)
      assert(easy:perform())
      assert(easy:send(request))
      local text, message, name
      repeat
        text, message, name = easy:recv()
        assert(text or name == "AGAIN", message)
      until text
      assert(text:find "^HTTP/1.1 200")
      easy:close()
    end
    answer(new(os.getenv "URL", { connect_only = true }))
    answer(new(os.getenv "URL", { connect_only = true }):dup())
    answer(new(os.getenv "PLAIN", { connect_only = true }))

    local asked = new(os.getenv "URL", { connect_only = true, http_version = 2 })
    assert(asked:perform())
    refused(asked)
    asked:setopt("http_version", 1.1) -- too late
    refused(asked)

    local late = new(os.getenv "URL", {})
    assert(late:perform())
    assert(late:getinfo "http_version" == "2")
    refused(late:setopt("connect_only", true))

    -- Without it all is as before.
    local again = new(os.getenv "URL", { connect_only = true })
    assert(again:perform())
    assert(again:dup():setopt { connect_only = false, writefunction = {} }:perform())
    assert(again:setopt("connect_only", false):perform())
    assert(again:getinfo "http_version" == "2")]]

  it("is not agreed upon, or send and recv are refused", function()
    local web = servers.nginx()
    left.pass(script, { URL = web.h2_url .. "/hello", PLAIN = web.url .. "/hello" })
  end)
end)
