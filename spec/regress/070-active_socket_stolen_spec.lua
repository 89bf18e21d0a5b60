-- getinfo("activesocket") gave the number of a kept connection although somebody had closed its
-- descriptor and another socket had the number.
local curl = require "curlsock"
local servers = require "spec.support.servers"
local steal = require "spec.support.steal"

it("activesocket is no number that has become a stranger's", function()
  local easy <close> = curl.easy { url = servers.nginx().url .. "/ok", proxy = "",
    writefunction = function() end }
  assert.is_true(easy:perform())
  local fd = easy:getinfo "activesocket"
  steal(fd)
  local stranger <close> = curl.socket("inet", "dgram")
  assert.equal(fd, stranger:fd())
  local ok, found = pcall(easy.getinfo, easy, "activesocket") -- newer libcurls say none
  assert.truthy(found == nil or not ok and found:find("of somebody else", 1, true))
end)
