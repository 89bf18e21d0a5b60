-- Sockets as the specs of their methods make them.

local assert = require "luassert"
local curl = require "curlsock"

local sockets = {}

-- What is no size, no number of an option, no descriptor.
sockets.huge = { -1, 2 ^ 31, math.maxinteger, math.mininteger, 1.5, math.huge, 0 / 0, 1e300 }

-- Whether a program that is started does not inherit the descriptor.
function sockets.is_cloexec(fd)
  for line in io.lines("/proc/self/fdinfo/" .. fd) do
    local flags = line:match("^flags:%s*(%d+)")
    if flags then
      return tonumber(flags, 8) & tonumber("2000000", 8) ~= 0
    end
  end
end

-- A listening Socket, on loopback or that address.
function sockets.listener(address)
  local a = curl.address(address or "127.0.0.1:0")
  return assert(assert(a:socket()):bind(a)):listen()
end

-- Both ends of a TCP connection, and the listener.
function sockets.connection()
  local server = sockets.listener()
  local client = assert(curl.socket():connect(server:localaddress(), 1))
  return client, assert(server:accept(1)), server
end

local some = {
  { "ip", "tos", 0x10 }, { "tcp", "keepcnt", 5 }, { "socket", "linger", 7 },
  { "socket", "rcvtimeo", 12.5 },
}

-- Sets options of each kind.
function sockets.set_some(socket)
  for _, option in ipairs(some) do
    assert(socket:setsockopt(table.unpack(option)))
  end
end

function sockets.assert_some(socket)
  for _, option in ipairs(some) do
    assert.equal(option[3], socket:getsockopt(option[1], option[2]))
  end
end

-- A path where nothing is.
function sockets.path()
  local name = os.tmpname()
  os.remove(name)
  return name
end

-- Calls f with a Socket that is lent to libcurl, and then one(socket) in its close callback.
function sockets.lent(f, one)
  local server = sockets.listener()
  local given
  local easy = curl.easy {
    url = "http://" .. tostring(server:localaddress()),
    connect_only = true,
    opensocketfunction = function(_, address)
      given = assert(address:socket())
      return given
    end,
    closesocketfunction = one,
  }
  assert(easy:perform())
  local ok, message = pcall(f or function() end, given)
  easy:close()
  assert(ok, message)
  return given
end

-- Calls f with a Socket in its close callback.
function sockets.closing(f)
  local done
  local socket = sockets.lent(nil, function(s)
    f(s)
    done = true
  end)
  assert.is_true(done)
  return socket
end

return sockets
