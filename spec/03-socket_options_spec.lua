-- Socket: options, and what the kernel tells of a connection.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local lfs = require "lfs"
local sockets = require "spec.support.sockets"
local system = require "spec.support.system"

local fails, failed = errors.matches, errors.failed
local listener, connection = sockets.listener, sockets.connection

-- That both methods say that this system does not have the option.
local function absent(s, level, name, value)
  failed("ENOPROTOOPT", "^setsockopt " .. name .. ": Protocol not available$",
    s:setsockopt(level, name, value))
  failed("ENOPROTOOPT", "^getsockopt " .. name .. ": ", s:getsockopt(level, name))
end

describe("socket:setsockopt", function()
  local function roundtrip(level, name, value, s)
    s = s or curl.socket()
    assert.equal(s, s:setsockopt(level, name, value))
    return s:getsockopt(level, name)
  end

  -- An option that only Linux has is then what is expected, by default the value.
  local function on_linux(level, name, value, s, expected)
    s = s or curl.socket()
    if not system.linux then return absent(s, level, name, value) end
    assert.equal(expected or value, roundtrip(level, name, value, s))
  end

  it("sets booleans", function()
    for _, name in ipairs { "reuseaddr", "reuseport", "keepalive", "dontroute", "oobinline" } do
      assert.is_false(curl.socket():getsockopt("socket", name))
      assert.is_true(roundtrip("socket", name, true))
      assert.is_false(roundtrip("socket", name, false))
    end
    assert.is_true(roundtrip("tcp", "nodelay", true))
    assert.is_true(roundtrip("ipv6", "v6only", true, curl.socket("inet6")))
    assert.is_true(roundtrip("socket", "broadcast", true, curl.socket("inet", "dgram")))
    on_linux("tcp", "cork", true)
    on_linux("ip", "freebind", true)
    on_linux("ip", "bind_address_no_port", true)
    on_linux("udp", "cork", true, curl.socket("inet", "dgram"))
  end)

  it("sets integers", function()
    assert.equal(16384, roundtrip("socket", "sndbuf", 8192)) -- Linux doubles it
    assert.equal(16, roundtrip("ip", "tos", 16))
    assert.equal(9, roundtrip("ip", "ttl", 9))
    assert.equal(7, roundtrip("tcp", "keepcnt", 7.0))
    assert.equal(32, roundtrip("ipv6", "tclass", 32, curl.socket("inet6")))
    on_linux("socket", "priority", 3)
    on_linux("tcp", "keepidle", 77)
  end)

  it("sets times in seconds", function()
    assert.equal(1.5, roundtrip("socket", "rcvtimeo", 1.5))
    assert.equal(0.0, roundtrip("socket", "sndtimeo", 0))
    assert.is_true(roundtrip("socket", "sndtimeo", 1e-9) > 0)
    on_linux("tcp", "user_timeout", 1.25)
    on_linux("tcp", "user_timeout", 1e-9, nil, 0.001)
    on_linux("socket", "busy_poll", 0, nil, 0.0)
  end)

  it("sets linger to seconds, or off", function()
    assert.is_false(curl.socket():getsockopt("socket", "linger"))
    assert.equal(0, roundtrip("socket", "linger", 0))
    assert.equal(5, roundtrip("socket", "linger", 5))
    assert.is_false(roundtrip("socket", "linger", false))
    assert.is_false(roundtrip("socket", "linger", nil))
  end)

  it("sets strings", function()
    local s = curl.socket()
    if not system.linux then
      absent(s, "tcp", "congestion", "reno")
      return absent(s, "socket", "bindtodevice", "lo")
    end
    local name = s:getsockopt("tcp", "congestion")
    assert.truthy(name:find("^%l+$"))
    assert.equal(name, roundtrip("tcp", "congestion", name))
    assert.equal("", s:getsockopt("socket", "bindtodevice"))
  end)

  it("sets what root may", function()
    local s = curl.socket()
    if not system.linux then return absent(s, "socket", "mark", 7) end
    local ok, _, name = s:setsockopt("socket", "mark", 4294967295)
    if not ok then
      assert.equal("EPERM", name)
      return
    end
    assert.equal(4294967295, s:getsockopt("socket", "mark"))
    assert.equal(7, roundtrip("socket", "mark", 7))
    assert.equal(5e-05, roundtrip("socket", "busy_poll", 4.95e-05))
    assert.equal("lo", roundtrip("socket", "bindtodevice", "lo"))
  end)

  it("sets a rate, or none", function()
    on_linux("socket", "max_pacing_rate", 100000)
    on_linux("socket", "max_pacing_rate", -1)
  end)

  it("takes integers of the system", function()
    local s = curl.socket()
    assert.equal(s, s:setsockopt(1, 9, 1))
    assert.equal(1, s:getsockopt(1, 9))
    assert.is_true(s:getsockopt(1, "keepalive"))
    assert.equal(1, s:getsockopt("socket", 9))
    assert.equal(s, s:setsockopt(1, 9, "\0\0\0\0"))
    assert.equal("\0\0\0\0", s:getsockopt(1, 9, 4))
    assert.equal("\0", s:getsockopt(1, 9, 1))
    assert.equal(s, s:setsockopt(6.0, 1.0, 1.0))
  end)

  it("returns what the system refuses", function()
    failed("EINVAL", "^setsockopt ttl: ", curl.socket():setsockopt("ip", "ttl", 1000))
    failed(system.linux and "ENODEV" or "ENOPROTOOPT", "^setsockopt bindtodevice: ",
      curl.socket():setsockopt("socket", "bindtodevice", "nowhere0"))
    failed("ENOPROTOOPT", "^setsockopt: ", curl.socket():setsockopt(1, 12345, 1))
    failed("EOPNOTSUPP", "^setsockopt nodelay: ",
      curl.socket("unix"):setsockopt("tcp", "nodelay", true))
  end)

  it("refuses other levels", function()
    local s = curl.socket()
    for _, value in ipairs { "sol_socket", "", "tcp\0", true, {}, 1.5, 2 ^ 31 } do
      fails('"socket", "tcp", "udp", "ip", "ipv6" or an integer expected', s.setsockopt, s, value,
        "keepalive", true)
    end
    fails("or an integer expected, got nil", s.setsockopt, s)
  end)

  it("refuses other options, and names them", function()
    local s = curl.socket()
    fails('unknown option "nodelay" of level "socket"', s.setsockopt, s, "socket", "nodelay", true)
    fails('unknown option "x" of level 6', s.setsockopt, s, 6, "x", true)
    fails('unknown option "nodelay" of level 77', s.setsockopt, s, 77, "nodelay", true)
    for _, value in ipairs { "", "nodelay\0", true, {}, 1.5, 2 ^ 31 } do
      fails('unknown option .* of level "tcp"', s.setsockopt, s, "tcp", value, true)
    end
  end)

  local wrong = {
    { "socket", "keepalive", "boolean", { 1, "true", {} } },
    { "socket", "sndbuf", "integer of 32 bits", { "1", true, 1.5, 2 ^ 31, -2 ^ 31 - 1, 0 / 0 } },
    { "socket", "mark", "integer of 32 bits, not negative,", { -1, 2 ^ 32, "7" } },
    { "socket", "rcvtimeo", "seconds, not negative,", { -1, math.huge, 0 / 0, 1e300, "1", true } },
    { "tcp", "user_timeout", "f?e?w?e?r? ?seconds", { -1, math.huge, 0 / 0, 1e9, "1", true } },
    { "socket", "linger", "whole seconds", { -1, 1.5, 2 ^ 31, "1", true } },
    { "socket", "max_pacing_rate", "integer, %-1 or more,", { -2, 1.5, "1" } },
    { "socket", "bindtodevice", "string of at most 15 bytes without NUL",
      { ("x"):rep(16), "lo\0", "\0", 1, true, {} } },
  }
  for _, case in ipairs(wrong) do
    local level, name, expected, values = table.unpack(case)
    it("refuses other values for " .. name, function()
      local s = curl.socket()
      for _, value in ipairs(values) do
        fails("option '" .. name .. "': " .. expected .. ".* expected, got", s.setsockopt, s, level,
          name, value)
      end
    end)
  end

  it("refuses to set what can only be read", function()
    local s = curl.socket()
    for _, name in ipairs { "type", "domain", "protocol", "acceptconn", "error", "cookie" } do
      fails("option '" .. name .. "' can only be read", s.setsockopt, s, "socket", name, 1)
    end
  end)

  it("refuses other values for integers of the system", function()
    local s = curl.socket()
    for _, value in ipairs { true, {}, 1.5, 2 ^ 31 } do
      fails("integer of 32 bits, or string, expected", s.setsockopt, s, 1, 9, value)
    end
    fails("expected, got nil", s.setsockopt, s, 1, 9)
  end)
end)

describe("socket:getsockopt", function()
  it("names domain and type", function()
    local s = curl.socket("inet6", "dgram")
    assert.equal("inet6", s:getsockopt("socket", "domain"))
    assert.equal("dgram", s:getsockopt("socket", "type"))
    assert.equal(17, s:getsockopt("socket", "protocol"))
    assert.equal(16, curl.socket(16, "raw"):getsockopt("socket", "domain")) -- AF_NETLINK
  end)

  it("names the pending error", function()
    local client, server = connection()
    assert.is_false(client:getsockopt("socket", "error"))
    server:setsockopt("socket", "linger", 0)
    server:close()
    assert.equal("ECONNRESET", client:getsockopt("socket", "error"))
    assert.is_false(client:getsockopt("socket", "error"))
  end)

  it("tells the kernel's cookie", function()
    local a, b = curl.socket(), curl.socket()
    if not system.linux then
      return failed("ENOPROTOOPT", "^getsockopt cookie: ", a:getsockopt("socket", "cookie"))
    end
    assert.not_equal(a:getsockopt("socket", "cookie"), b:getsockopt("socket", "cookie"))
  end)

  it("tells who the peer is, on Linux", function()
    if not system.linux then
      return failed("ENOPROTOOPT", "^getsockopt peercred: Protocol not available$",
        curl.socketpair():getsockopt("socket", "peercred"))
    end
    local cred = curl.socketpair():getsockopt("socket", "peercred")
    assert.same({ "integer", "integer", "integer" },
      { math.type(cred.pid), math.type(cred.uid), math.type(cred.gid) })
    assert.truthy(lfs.attributes("/proc/" .. cred.pid))
  end)

  it("returns what the system refuses", function()
    failed(system.linux and "ENOTCONN" or "ENOPROTOOPT", "^getsockopt mtu: ",
      curl.socket():getsockopt("ip", "mtu"))
    failed("ENOPROTOOPT", "^getsockopt: ", curl.socket():getsockopt(1, 12345))
    failed("ENOPROTOOPT", "^getsockopt: ", curl.socket():getsockopt(1, 12345, 8))
  end)

  it("refuses other options", function()
    local s = curl.socket()
    fails('unknown option "x" of level "tcp"', s.getsockopt, s, "tcp", "x")
    fails('unknown option nil of level "tcp"', s.getsockopt, s, "tcp")
    fails("expected, got nil", s.getsockopt, s)
  end)

  it("refuses other sizes", function()
    local s = curl.socket()
    for _, value in ipairs { 0, -1, 65537, math.maxinteger } do
      fails("size from 1 to 65536 expected", s.getsockopt, s, 1, 9, value)
    end
    fails("number expected", s.getsockopt, s, 1, 9, {})
  end)
end)

describe("socket:info", function()
  if not system.linux then
    it("says that only Linux tells", function()
      failed("ENOSYS", "^info: Function not implemented$", connection():info())
    end)
    return
  end

  it("tells the state", function()
    assert.equal("close", curl.socket():info().state)
    assert.equal("listen", listener():info().state)
    assert.equal("established", connection():info().state)
  end)

  it("tells counts as integers", function()
    local client, server = connection()
    client:send("hello")
    server:recv(5, 1)
    local info = server:info()
    assert.equal(5, info.bytes_received)
    assert.equal("integer", math.type(info.snd_cwnd))
    assert.equal(0, info.total_retrans)
  end)

  it("tells times in seconds", function()
    local rtt = connection():info().rtt
    assert.equal("float", math.type(rtt))
    assert.is_true(rtt > 0 and rtt < 1)
  end)

  it("returns what the system refuses", function()
    failed("EOPNOTSUPP", "^info: ", curl.socket("unix"):info())
    failed("EOPNOTSUPP", "^info: ", curl.socket("inet", "dgram"):info())
  end)
end)
