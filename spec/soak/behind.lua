-- Descriptors that somebody else closes behind libcurl's back, and whose numbers are taken.

local curl = require "curlsock"
local luasocket = require "socket"
local steal = require "spec.support.steal"

local ops = {}

-- What make() makes at the number, which is free: each new descriptor has the lowest free one.
local function take(fd, make)
  local others, taker = {}, make()
  while taker:getfd() ~= fd do
    others[#others + 1], taker = taker, make()
  end
  for _, other in ipairs(others) do
    other:close()
  end
  return taker
end

-- Whom the number goes to; the taker has it until the program ends: of two connections that have
-- the same number for libcurl nobody can tell which one it means.
local takers = {
  function(fd) return take(fd, luasocket.udp4) end,
  function(fd) return take(fd, curl.socket) end,
  function(fd) return (take(fd, curl.socket):detach()) end,
}

local function slot_of(w, h)
  for slot, object in pairs(w.slots[h.kind]) do
    if w.of[object] == h then return slot end
  end
end

-- Nobody takes the number: the connection must go before anything is opened.
local function close_pool(w, r)
  w.muted = true
  w.run(w, { { "close", r.pool.kind == "easy" and 0 or 1, slot_of(w, r.pool) } }, {})
  w.muted = false
end

-- Until libcurl 8.2 a socket is closed by its number, unseen, as long as it is not connected. When
-- one is closed that has no callback, the model could not tell.
local unseen = require("spec.soak.lent").unseen

local function pick(n)
  local list = {}
  for _, entry in ipairs(curl.sockets()) do
    local socket = entry.socket
    local r = socket and socket.data
    if r and r.told and socket:fd() and (r.connected or not unseen) then
      list[#list + 1] = socket
    end
  end
  return list[1 + n % math.max(1, #list)]
end

-- op: "behind", number of the descriptor, who takes it (0: nobody). Not while a thread that looks
-- up a name may have opened one: it would get that number.
function ops.behind(w, op)
  local host = w.loop and w.loop.name ~= "loop" -- which would meet what is closed
  local socket = not w.threads and not host and pick(op[2])
  if not socket then return end
  local r, fd, way = socket.data, socket:fd(), op[3] % 4
  local can_close = w.calls == 0 and r.pool.kind ~= "share" and slot_of(w, r.pool)
  collectgarbage "stop" -- a finalizer would open or close others
  r.behind, w.stolen = true, true
  r.aside = way > 1 -- the number is another Socket's
  steal(fd)
  if way == 0 and can_close then
    close_pool(w, r)
  else
    w:add_stranger(fd, takers[math.max(1, way)](fd))
  end
  if w.collects then collectgarbage "restart" end
end

return ops
