-- A Lua table of the open sockets of a pool, kept by a policy of two hooks, and drawn while
-- transfers run: a bar for what has arrived over each.
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
local policy = require "curlsock.policy"

-- /N is sent in N pieces.
local origin = require("origin").new("127.0.0.1:0", function(request)
  local pieces = {}
  for i = 1, tonumber(request:match("^GET /(%d+)")) do pieces[i] = ("x"):rep(10) end
  return pieces
end)

local open, transfers = {}, {} -- by Socket, what uses it: a transfer; by easy, its transfer

local table_of = {
  name = "table",
  opened = function(socket, _, easy) open[socket] = transfers[easy] end,
  closed = function(socket) open[socket] = nil end,
}

local function new_easy(pieces)
  local transfer = { wanted = pieces * 10, got = 0 }
  local easy = curl.easy {
    url = ("http://%s/%d"):format(origin.address, pieces),
    proxy = "",
    forbid_reuse = true,
    writefunction = function(data) transfer.got = transfer.got + #data end,
  }
  transfers[easy] = transfer
  return easy
end

local last
local function draw()
  local cells = {}
  for socket, transfer in pairs(open) do
    local full = 4 * transfer.got // transfer.wanted
    cells[#cells + 1] = ("%d %s%s"):format(socket:fd(), ("#"):rep(full), ("."):rep(4 - full))
  end
  table.sort(cells)
  local line = cells[1] and table.concat(cells, "  ") or "no socket"
  if line ~= last then print(line) end
  last = line
end

local rules = policy.compose { policy.limit { open = 2 }, table_of }
local multi <close> = curl.multi { policy = rules }
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
