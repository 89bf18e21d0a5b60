-- fetch took a Url; with a query it raised "a Url takes no flags".
local curl = require "curlsock"
local fetch = require "curlsock.fetch"
local servers = require "spec.support.servers"

it("fetch adds a query to a Url, which stays as it was", function()
  local url = curl.url(servers.nginx().url .. "/hello?a=1")
  local response = assert(fetch(url, { query = { b = "2 3" }, curl = { proxy = "" } }))
  assert.truthy(response.url:find("/hello?a=1&b=2%203", 1, true), response.url)
  assert.equal("a=1", url:get "query")
end)

it("fetch says what libcurl refuses: it gave the method as the message, and no name", function()
  local made, message, name = fetch(servers.nginx().url, { curl = { protocols_str = "x" } })
  assert.is_nil(made)
  assert.truthy(message:find "protocols_str", message)
  assert.equal("UNSUPPORTED_PROTOCOL", name)
end)
