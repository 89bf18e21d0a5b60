-- The server of policies.lua: keeps its connections, and answers each request with six bytes.
local socket = require "socket"
local server = assert(socket.bind("93.184.216.34", 80))
local peers = { server }

while true do
  for _, peer in ipairs((socket.select(peers))) do
    if peer == server then
      local new = server:accept()
      new:setoption("tcp-nodelay", true)
      peers[#peers + 1] = new
    else
      local line
      repeat line = peer:receive() until not line or line == ""
      if line then
        peer:send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
      else
        peer:close()
        for i, other in ipairs(peers) do
          if other == peer then table.remove(peers, i) end
        end
      end
    end
  end
end
