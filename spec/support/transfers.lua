-- Transfers as many specs make them.

local assert = require "luassert"
local curl = require "curlsock"
local lfs = require "lfs"

local transfers = {}

-- Performs: the body, or nil, message, name.
function transfers.fetch(easy)
  local body = {}
  local ok, message, name = easy:setopt("writefunction", body):perform()
  if ok then return table.concat(body) end
  return nil, message, name
end

-- Drives the multi until done() is true, or no transfer runs. libcurl 7.88 tries the next
-- address only when it is driven after it gave the last one up.
function transfers.drive(multi, done)
  local deadline = curl.now() + 20
  while assert(multi:perform()) > 0 and not (done and done()) do
    assert(curl.now() < deadline, "the transfers do not end")
    assert(multi:poll(0.02))
  end
end

-- Drives the multi to the end of its transfers, which must all succeed: how many there were.
function transfers.drive_well(multi)
  transfers.drive(multi)
  local count = 0
  for _, ok, message in multi:results() do
    assert(ok, message)
    count = count + 1
  end
  return count
end

-- The result of the only transfer that has ended: true, or nil, message, name.
function transfers.only_result(multi)
  local next_result, state = multi:results()
  local first = table.pack(next_result(state))
  assert.is_nil(next_result(state))
  return table.unpack(first, 2, first.n)
end

-- A whole transfer of the easy in the multi, which it leaves: true, or nil, message, name. drive,
-- a function, may drive it.
function transfers.run(multi, easy, drive)
  multi:add(easy)
  if drive then drive() else transfers.drive(multi) end
  local result = table.pack(transfers.only_result(multi))
  multi:remove(easy)
  return table.unpack(result, 1, result.n)
end

-- The same, which must succeed: the body.
function transfers.fetch_in(multi, easy)
  local body = {}
  assert(transfers.run(multi, easy:setopt("writefunction", body)))
  return table.concat(body)
end

-- What libcurl holds: exactly one Socket.
function transfers.held()
  local sockets = curl.sockets()
  assert.equal(1, #sockets)
  return sockets[1].socket
end

-- What the descriptor is, as the kernel tells it: "socket:[123]"; nil if it is closed.
function transfers.target(fd)
  return (lfs.symlinkattributes(("/proc/self/fd/%d"):format(fd), "target"))
end

-- A callback that returns these values.
function transfers.returning(...)
  local values = table.pack(...)
  return function() return table.unpack(values, 1, values.n) end
end

return transfers
