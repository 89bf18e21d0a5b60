--- policy.route{ host = where, ... }: connections for that host go elsewhere. The host is a name as
-- libcurl compares it, in the form that DNS has ("app", "xn--bcher-kva.example"), or "app:8080" for
-- one port. where is an address ("10.0.0.1:8080", "unix:/run/app.sock", or without a port: that of
-- the URL), an Address, a Socket that is connected already (for one connection), or a function that
-- returns one of these, or nil and a reason. The name is not resolved: libcurl is told to connect
-- to a placeholder that nobody else knows (connect_to), and the pool keeps these connections apart.
-- What a guard of the same composition judges is where it goes. It does not apply to what goes by a
-- proxy, which is asked for the placeholder, in vain; nor under ipresolve = v4.
-- Raises an error for what is no host, or no place.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local curl = require "curlsock"

-- An address that nobody has: 100::/64 is to be discarded (RFC 6666).
local function new_placeholder()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = assert(file:read(8))
  file:close()
  return curl.address(("[100::%x:%x:%x:%x]:0"):format(string.unpack(">I2I2I2I2", bytes)))
end

-- "app:8080" as "app" and "8080"; the port may be "".
local function read_host(text)
  if type(text) == "string" then
    local host, port = text:match("^(%[[%x:.]+%]):?(%d*)$")
    if not host then host, port = text:match("^([^%s%c:/@%[%]]+):?(%d*)$") end
    if host then return host, port end
  end
  check.fail("route", "key", "host, or host and port", text)
end

local function read_place(host, where)
  local kind = curl.type(where)
  if type(where) == "function" or kind == "address" or kind == "socket" then return where end
  local ok, address = pcall(curl.address, where)
  if not ok then check.fail("route", host, "address, Socket or function", where) end
  return address
end

-- The Address, with this port if it has none.
local function with_port(address, port)
  local to = address:copy()
  if to.port == 0 then to.port = port end
  return to
end

local function route(hosts)
  if type(hosts) ~= "table" then check.fail("route", "argument", "table of hosts", hosts) end
  local connect_to, places = {}, {}
  for text, where in pairs(hosts) do
    local host, port = read_host(text)
    local placeholder = new_placeholder()
    places[placeholder.bytes] = read_place(text, where)
    connect_to[#connect_to + 1] = ("%s:%s:[%s]:"):format(host, port, placeholder.ip)
  end
  table.sort(connect_to, function(a, b) return #a > #b or #a == #b and a < b end)
  local waiting = setmetatable({}, { __mode = "k" }) -- easy -> the Socket that it is to get
  local policy = { name = "route", fence = { connect_to = connect_to }, reads_only = true }

  local function where(entry, address, easy)
    if type(entry) == "function" then
      local why
      entry, why = entry(address:copy(), easy)
      if not entry then return nil, why or "the function gives no address" end
      entry = read_place("function", entry)
    end
    if curl.type(entry) == "address" then return with_port(entry, address.port) end
    local peer = entry:peeraddress()
    if not peer then return nil, "the Socket is not connected" end
    if easy then waiting[easy] = entry end
    return peer
  end

  function policy.route(address, _, easy)
    local entry = places[address.bytes]
    if entry then return where(entry, address, easy) end
  end

  function policy.make(_, _, easy)
    local socket = waiting[easy]
    waiting[easy] = nil
    return socket
  end

  return policy
end

return route
