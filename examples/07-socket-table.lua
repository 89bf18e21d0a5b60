-- A Lua table of the open sockets by descriptor, kept by the open and close callbacks alone,
-- and drawn while transfers run: a bar for what has arrived over each.
--
-- Run:      lua5.4 examples/07-socket-table.lua
-- Expected (descriptors and steps differ):
--   no socket
--   6 ....  7 ....
--   6 #...  7 ##..
--   6 ##..  7 ....
--   6 ###.  7 ....
--   7 ##..
--   no socket
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"

-- /N is sent in N pieces.
local origin = require("origin").new("127.0.0.1:0", function(request)
  local pieces = {}
  for i = 1, tonumber(request:match("^GET /(%d+)")) do pieces[i] = ("x"):rep(10) end
  return pieces
end)

local open = {} -- descriptor -> its Socket, whose data is the transfer that uses it

local function new_easy(pieces)
  local transfer = { wanted = pieces * 10, got = 0 }
  return curl.easy {
    url = ("http://%s/%d"):format(origin.address, pieces),
    proxy = "",
    forbid_reuse = true,
    opensocketfunction = function(_, address)
      local socket = assert(address:socket())
      socket.data = transfer
      open[socket:fd()] = socket
      return socket
    end,
    closesocketfunction = function(socket) open[socket:fd()] = nil end,
    writefunction = function(data) transfer.got = transfer.got + #data end,
  }
end

local last
local function draw()
  local cells = {}
  for fd, socket in pairs(open) do
    local full = 4 * socket.data.got // socket.data.wanted
    cells[#cells + 1] = ("%d %s%s"):format(fd, ("#"):rep(full), ("."):rep(4 - full))
  end
  table.sort(cells)
  local line = cells[1] and table.concat(cells, "  ") or "no socket"
  if line ~= last then print(line) end
  last = line
end

local multi <close> = curl.multi { max_total_connections = 2 }
for _, pieces in ipairs { 4, 2, 2 } do multi:add(new_easy(pieces)) end
draw()
repeat
  local running = assert(multi:perform())
  draw()
  origin:step()
  multi:poll(0.001)
until running == 0
for _, ok, message in multi:results() do assert(ok, message) end
origin:close()
