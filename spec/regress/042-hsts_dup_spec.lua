-- easy:dup() of an easy with option hsts: libcurl 7.88.0 to 8.4.0 gave both the same list, which
-- the first that was closed freed.
local curl = require "curlsock"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"

it("An easy with hsts is duplicated only where libcurl can", function()
  local easy <close> = curl.easy { hsts = servers.dir() .. "/hsts" } -- written when it closes
  local version = curl.version_info().version_num
  if version >= 0x075800 and version < 0x080500 then
    errors.matches("^easy:dup: ", easy.dup, easy)
    easy:unset "hsts"
  end
  local copy <close> = easy:dup()
  easy:close()
  assert.truthy(copy:setopt("url", "file:///etc/hostname"))
end)
