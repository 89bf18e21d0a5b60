-- A connection in a share, that a multi had left known to the kernel and heard of since, still
-- pointed to the multi when that was gone. (Seen by the sanitizers.)
local curl = require "curlsock"
local servers = require "spec.support.servers"

it("A connection of a share forgets the multi that watched it", function()
  local web = servers.nginx()
  local share <close> = curl.share { share = "connect" }
  local easy <close> = curl.easy { url = web.url .. "/brief", proxy = "", share = share }
  local multi = curl.multi()
  local fd = multi:pollfd()
  local function step(seconds)
    multi:poll(seconds)
    if fd then multi:socket_action(fd, "r") else multi:perform() end
  end
  multi:add(easy)
  repeat step(1) until #curl.sockets() == 1 and multi:results()(multi)
  local finished = curl.now() + 1.3 -- nginx closes it after a second
  while curl.now() < finished do step(0.1) end
  multi:remove(easy)
  multi:close()
  multi = nil
  collectgarbage()
  collectgarbage()
  assert.is_true(easy:setopt("url", web.url .. "/hello"):perform())
end)
