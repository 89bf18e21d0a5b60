-- getinfo("ftp_entry_path") read what libcurl before 8.13 had freed with the connection, when
-- another handle than the easy closed that.
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("The folder that FTP begins with is not read after its connection has gone", function()
  local easy <close> = curl.easy { url = servers.vsftpd().url .. "/hello.txt", proxy = "",
    writefunction = function() end }
  local multi <close> = curl.multi()
  multi:add(easy)
  while multi:perform() > 0 do multi:poll(1) end
  multi:remove(easy)
  multi:close()
  local path, _, name = easy:getinfo "ftp_entry_path"
  local is_old = curl.version_info().version_num < 0x080d00
  assert.same(is_old and { nil, "NOT_SUPPORTED" } or { "/" }, { path, name })
end)
