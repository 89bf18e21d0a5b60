-- The easy of a stream was closed in a callback, and libcurl's outermost call went on: reading
-- raised an error that nobody had thrown. Found by soak.
local curl = require "curlsock"
local new = require("curlsock.loop").new
local servers = require "spec.support.servers"

it("the easy of a stream may be closed inside another transfer", function()
  local url, closed, body, status = servers.nginx().url .. "/hello", nil, nil, nil
  local easy
  easy = curl.easy {
    url = url, proxy = "",
    prereqfunction = function()
      local _ <close> = easy
      closed = true
      return true
    end,
  }
  local function read()
    local loop <close> = new()
    loop:spawn(function()
      local stream <close> = loop:stream(easy)
      body = stream:read "a"
      status = stream:headers()
    end)
    loop:run()
  end
  local outer <close> = curl.easy { url = url, proxy = "", prereqfunction = function()
    read()
    return true
  end }
  assert(outer:perform())
  assert.same({ true, "hello\n", nil }, { closed, body, status })
end)
