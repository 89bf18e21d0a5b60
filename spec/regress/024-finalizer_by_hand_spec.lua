-- A script that calls the finalizer of what is in use freed that: so it does not get at it.
local curl = require "curlsock"

it("The metatables of what has a finalizer are hidden", function()
  local objects = { easy = curl.easy(), multi = curl.multi(), share = curl.share(),
    socket = curl.socket() }
  for name, object in pairs(objects) do
    assert.equal("curlsock." .. name, getmetatable(object))
    object:close()
    assert.equal("curlsock." .. name, getmetatable(object))
  end
end)
