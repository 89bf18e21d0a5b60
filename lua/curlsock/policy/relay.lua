-- Passes on what comes over two connections, later or not all of it.
local relay = {}

local PIECE <const> = 65536
local PAUSE <const> = 0.002 -- seconds

-- Sends all of it; false when the other end has gone. (The descriptor is waited for already, by who
-- reads from it, so that this has to look now and then.)
local function send_all(loop, socket, data)
  while data ~= "" do
    local sent, _, name = socket:send(data, 0)
    if sent then
      data = data:sub(sent + 1)
    elseif name ~= "EAGAIN" or not loop:sleep(PAUSE) then
      return false
    end
  end
  return true
end

-- The next piece, "" at the end, or nil.
local function receive(loop, socket)
  while true do
    local data, _, name = socket:recv(PIECE, 0)
    if data or name ~= "EAGAIN" then return data end
    if not loop:wait(socket, "r") then return nil end
  end
end

-- From one to the other until either ends, so much later; at most so many bytes, if that is given.
local function pass(loop, from, to, seconds, bytes)
  repeat
    local data = receive(loop, from)
    if not data or data == "" then return end
    if seconds > 0 then loop:sleep(seconds) end
    if bytes then
      data = data:sub(1, bytes)
      bytes = bytes - #data
    end
  until not send_all(loop, to, data) or bytes == 0
end

--- Runs in a coroutine of the loop: accepts what libcurl connects to the inlet, dials the address
-- and passes on both ways. dial(address) makes the socket.
function relay.run(inlet, loop, address, dial, seconds, bytes)
  local inside <close> = inlet
  local near <close> = inside:accept(loop)
  if not near then return end
  local far <close> = dial(address)
  if not far or not far:connect(address, 0) and not loop:wait(far, "w") then return end
  local up <close> = loop:group()
  up:spawn(pass, loop, near, far, 0)
  pass(loop, far, near, seconds, bytes)
end

return relay
