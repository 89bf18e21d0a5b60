-- Address: text, fields, comparing, networks.

local curl = require "curlsock"
local lfs = require "lfs"
local fails = require("spec.support.errors").matches
local system = require "spec.support.system"

-- All fields of an Address in one table.
local function all_fields(a)
  return {
    family = a.family, ip = a.ip, port = a.port, path = a.path, scope_id = a.scope_id,
    socktype = a.socktype, protocol = a.protocol,
  }
end

local function fields(text)
  return all_fields(curl.address(text))
end

local function inet(ip, port)
  return { family = "inet", ip = ip, port = port, socktype = "stream", protocol = 0 }
end

local function inet6(ip, port, scope)
  return {
    family = "inet6", ip = ip, port = port, scope_id = scope or 0, socktype = "stream",
    protocol = 0,
  }
end

local function unix(path)
  return { family = "unix", path = path, socktype = "stream", protocol = 0 }
end

-- Takes the names of abstract UNIX sockets out of a table of texts where there are none.
local function take_abstract(texts)
  local taken = {}
  for text in pairs(texts) do
    if text:find("^unix:@") and not system.linux then
      taken[#taken + 1] = text
      texts[text] = nil
    end
  end
  return taken
end

local function assign(text, key, value)
  local a = curl.address(text)
  a[key] = value
  return a
end

describe("curl.address", function()
  local texts = {
    ["127.0.0.1:80"] = inet("127.0.0.1", 80),
    ["127.0.0.1"] = inet("127.0.0.1", 0),
    ["0.0.0.0:65535"] = inet("0.0.0.0", 65535),
    ["[::1]:80"] = inet6("::1", 80),
    ["[::1]"] = inet6("::1", 0),
    ["::1"] = inet6("::1", 0),
    ["::"] = inet6("::", 0),
    ["[fe80::1%2]:80"] = inet6("fe80::1", 80, 2),
    ["fe80::1%4294967295"] = inet6("fe80::1", 0, 4294967295),
    ["[fe80::1%lo]:80"] = inet6("fe80::1", 80, 1),
    ["[::ffff:10.0.0.1]:1"] = inet6("::ffff:10.0.0.1", 1),
    ["unix:/tmp/s"] = unix("/tmp/s"),
    ["unix:relative"] = unix("relative"),
    ["unix:@abstract"] = unix("@abstract"),
    ["unix:@"] = unix("@"),
    ["unix:"] = unix(""),
    ["unix:@a\0b"] = unix("@a\0b"),
    ["unix:/a:80"] = unix("/a:80"),
    ["unix:/" .. ("x"):rep(106)] = unix("/" .. ("x"):rep(106)),
    ["unix:@" .. ("x"):rep(107)] = unix("@" .. ("x"):rep(107)),
  }
  for _, text in ipairs(take_abstract(texts)) do
    it(("refuses %q, which only Linux has"):format(text), function()
      fails('or, on Linux, "unix:@abstract", .* expected, got "unix:@', curl.address, text)
    end)
  end
  for text, expected in pairs(texts) do
    it(("reads %q"):format(text), function()
      assert.same(expected, fields(text))
    end)

    it(("writes %q so that it reads it again"):format(text), function()
      local a = curl.address(text)
      assert.is_true(curl.address(tostring(a)) == a)
    end)
  end

  local wrong = {
    "", "localhost", "localhost:80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
    "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:0x50", "127.0.0.1:99999999999999999999",
    "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1/8", "127.1", "127.0.0.256", "127.0.0.01",
    "0x7f000001", "2130706433", "127.0.0.1%lo", ":80", "::1:", "[::1", "[::1]80", "[::1]:",
    "[::1]:x", "[]:80", "[", "]", "[127.0.0.1]:80", "[fe80::1%]:80", "[fe80::1%nowhere]:80",
    "[fe80::1%4294967296]:80", "[fe80::1%0lo]:80", "[fe80::1%-1]:80", "[fe80::1%2%3]:80", "%2",
    "::%", "inet",
    "http://127.0.0.1", "Unix:/x", "unix", "127.0.0.1\0:80", "127.0.0.1:80\0", "\0", "[::1\0]:80",
    "unix:/a\0b", "unix:/" .. ("x"):rep(107), "unix:@" .. ("x"):rep(108), ("1"):rep(100000),
    "unix:" .. ("x"):rep(100000), ("["):rep(1000), (":"):rep(1000), "::1" .. ("0"):rep(1000),
  }
  for _, text in ipairs(wrong) do
    it(("refuses %q"):format(text:sub(1, 40)), function()
      fails("address .* expected, got \"", curl.address, text)
    end)
  end

  it("shows the text that it refuses, without control characters", function()
    fails('got "a%?b%?c%?d"', curl.address, "a\0b\nc\127d")
  end)

  it("cuts a long text that it refuses", function()
    fails('got "x+"%.%.%.%)$', curl.address, ("x"):rep(1000))
  end)

  for _, value in ipairs { 80, 1.5, true, {}, print } do
    it("refuses a " .. type(value), function()
      fails("text of an address expected", curl.address, value)
    end)
  end

  it("refuses nothing", function()
    fails("text of an address expected", curl.address)
  end)

  it("refuses an Address", function()
    fails("text of an address expected", curl.address, curl.address("::1"))
  end)
end)

describe("tostring(address)", function()
  local texts = {
    ["127.0.0.1"] = "127.0.0.1:0",
    ["[0:0::1]:80"] = "[::1]:80",
    ["[fe80::1%2]:80"] = "[fe80::1%2]:80",
    ["[fe80::1%0]:80"] = "[fe80::1]:80",
    ["unix:/tmp/s"] = "unix:/tmp/s",
    ["unix:@abstract"] = "unix:@abstract",
    ["unix:@a\0b"] = "unix:@a\0b",
    ["unix:"] = "unix:",
  }
  take_abstract(texts)
  for text, expected in pairs(texts) do
    it(("of %q"):format(text), function()
      assert.equal(expected, tostring(curl.address(text)))
    end)
  end
end)

describe("address.family", function()
  it("changed to inet6 is the any-address, with the same port", function()
    assert.equal("[::]:80", tostring(assign("127.0.0.1:80", "family", "inet6")))
  end)

  it("changed to inet is the any-address, with the same port", function()
    assert.equal("0.0.0.0:80", tostring(assign("[fe80::1%2]:80", "family", "inet")))
  end)

  it("changed to unix has no path and no port", function()
    local a = assign("127.0.0.1:80", "family", "unix")
    assert.same({ "unix", "" }, { a.family, a.path })
    assert.is_nil(a.port)
    assert.is_nil(a.ip)
  end)

  it("changed from unix has port 0", function()
    assert.equal("0.0.0.0:0", tostring(assign("unix:/x", "family", "inet")))
  end)

  it("set to what it is changes nothing", function()
    assert.equal("127.0.0.1:80", tostring(assign("127.0.0.1:80", "family", "inet")))
  end)

  for _, value in ipairs { "ipv4", "", "inet\0", 2, true, {} } do
    it(("refuses %s"):format(tostring(value)), function()
      fails("address%.family: \"inet\", \"inet6\" or \"unix\" expected", assign, "::1", "family",
        value)
    end)
  end
end)

describe("address.ip", function()
  it("is changed", function()
    assert.equal("10.0.0.1:80", tostring(assign("127.0.0.1:80", "ip", "10.0.0.1")))
  end)

  it("changes the family and keeps the port", function()
    assert.equal("[::1]:80", tostring(assign("127.0.0.1:80", "ip", "::1")))
    assert.equal("10.0.0.1:80", tostring(assign("[::1]:80", "ip", "10.0.0.1")))
  end)

  it("makes an IP address of a UNIX address", function()
    assert.equal("10.0.0.1:0", tostring(assign("unix:/x", "ip", "10.0.0.1")))
  end)

  it("clears the scope, or sets it", function()
    assert.equal(0, assign("fe80::1%2", "ip", "::1").scope_id)
    assert.equal(3, assign("fe80::1%2", "ip", "fe80::2%3").scope_id)
  end)

  for _, value in ipairs { "localhost", "", "1.2.3.4:80", "[::1]", "1.2.3.4\0", 127, false, {} } do
    it(("refuses %q"):format(tostring(value)), function()
      fails("address%.ip: IPv4 or IPv6 address expected, got", assign, "127.0.0.1:80", "ip", value)
    end)
  end

  it("stays as it was when a value is refused", function()
    local a = curl.address("127.0.0.1:80")
    pcall(function() a.ip = "nonsense" end)
    assert.equal("127.0.0.1:80", tostring(a))
  end)

  it("refuses nil", function()
    fails("address%.ip: .* got nil", assign, "127.0.0.1:80", "ip", nil)
  end)
end)

describe("address.port", function()
  it("is changed", function()
    assert.equal("127.0.0.1:65535", tostring(assign("127.0.0.1:80", "port", 65535)))
    assert.equal("[::1]:0", tostring(assign("[::1]:80", "port", 0)))
  end)

  it("takes a float with an integer value", function()
    assert.equal(8080, assign("127.0.0.1:80", "port", 8080.0).port)
  end)

  for _, value in ipairs { -1, 65536, 80.5, math.mininteger, math.huge, 0 / 0, "80", true, {} } do
    it(("refuses %s, a %s"):format(tostring(value), type(value)), function()
      fails("address%.port: integer from 0 to 65535 expected, got", assign, "127.0.0.1:80",
        "port", value)
    end)
  end

  it("is none of a UNIX address", function()
    fails("address%.port: .*inet", assign, "unix:/x", "port", 80)
  end)
end)

describe("address.path", function()
  it("makes it a UNIX address", function()
    assert.equal("unix:/tmp/s", tostring(assign("127.0.0.1:80", "path", "/tmp/s")))
  end)

  it("replaces a longer one", function()
    assert.equal("/b", assign("unix:/" .. ("x"):rep(100), "path", "/b").path)
  end)

  it("may be abstract, on Linux", function()
    if system.linux then
      assert.equal("unix:@x\0y", tostring(assign("unix:/x", "path", "@x\0y")))
    else
      fails("path or, on Linux, \"@name\", .* expected, got", assign, "unix:/x", "path", "@x\0y")
    end
  end)

  it("may be empty", function()
    assert.equal("", assign("unix:/x", "path", "").path)
  end)

  local values = { ("x"):rep(108), "@" .. ("x"):rep(108), "/a\0b", "\0", 1, true, {} }
  for i, value in ipairs(values) do
    it(("refuses value %d"):format(i), function()
      fails("address%.path: path .* expected, got", assign, "unix:/x", "path", value)
    end)
  end
end)

describe("address.scope_id", function()
  it("is changed", function()
    assert.equal("[fe80::1%7]:0", tostring(assign("fe80::1", "scope_id", 7)))
  end)

  for _, value in ipairs { -1, 4294967296, 1.5, "1", false } do
    it(("refuses %s"):format(tostring(value)), function()
      fails("address%.scope_id: integer of 32 bits expected, got", assign, "::1", "scope_id", value)
    end)
  end

  it("is none of an IPv4 address", function()
    assert.is_nil(curl.address("127.0.0.1").scope_id)
    fails("address%.scope_id: .*inet6", assign, "127.0.0.1:80", "scope_id", 1)
  end)
end)

describe("an Address", function()
  for _, key in ipairs { "socktype", "protocol" } do
    it("does not let its " .. key .. " be set", function()
      fails("address%." .. key .. " cannot be set", assign, "::1", key, 1)
    end)
  end

  for _, key in ipairs { "IP", "adress", "", "ip\0", "within", 1, true } do
    it(("has no field %s to be set"):format(tostring(key)), function()
      fails("Address has no field", assign, "::1", key, "x")
    end)
  end

  for _, key in ipairs { "IP", "addr", "", "ip\0", 1, true } do
    it(("has no field %s"):format(tostring(key)), function()
      fails("Address has no field", function() return curl.address("::1")[key] end)
    end)
  end

  it("names the field that it has not", function()
    fails('no field "prot"', function() return curl.address("::1").prot end)
  end)

  it("is not mistaken for something else", function()
    local mt = getmetatable(curl.address("::1"))
    for _, other in ipairs { io.stdout, {}, "::1", 1, curl.socketpair() } do
      fails("curlsock.address expected", mt.__index, other, "ip")
      fails("curlsock.address expected", mt.__newindex, other, "ip", "::1")
      fails("curlsock.address expected", mt.__tostring, other)
      fails("curlsock.address expected", curl.address("::1").within, other, "::/0")
      fails("curlsock.address expected", curl.address("::1").socket, other)
    end
  end)
end)

-- A socket of a family that has no name here, and that any user may have: AF_NETLINK.
local function netlink()
  return assert(curl.socket(16, "raw", 0))
end

describe("an Address of another family", function()
  it("has the family's number, and no IP, port or path", function()
    local a = netlink():localaddress()
    assert.same({ family = 16, socktype = "raw", protocol = 0 }, all_fields(a))
    assert.equal("family 16", tostring(a))
    assert.is_false(a:within("0.0.0.0/0"))
  end)
end)

describe("an Address of a file", function()
  it("that begins with @ is not written as an abstract name", function()
    local here, folder = lfs.currentdir(), os.tmpname()
    os.remove(folder)
    assert(lfs.mkdir(folder) and lfs.chdir(folder))
    finally(function()
      lfs.chdir(here)
      os.remove(folder .. "/@x")
      lfs.rmdir(folder)
    end)
    local server = require "socket.unix"()
    assert(server:bind("@x") and server:listen())
    local a = assert(curl.socket("unix"):connect("unix:./@x")):peeraddress()
    server:close()
    assert.equal("unix:./@x", tostring(a))
    assert.equal("./@x", a.path)
    assert.is_true(a == curl.address("unix:./@x"))
  end)
end)

describe("address == other", function()
  local function equal(a, b)
    return curl.address(a) == curl.address(b)
  end

  it("compares IP, port and scope", function()
    assert.is_true(equal("127.0.0.1:80", "127.0.0.1:80"))
    assert.is_true(equal("[::1]:80", "[0::0:1]:80"))
    assert.is_false(equal("127.0.0.1:80", "127.0.0.1:81"))
    assert.is_false(equal("127.0.0.1:80", "127.0.0.2:80"))
    assert.is_false(equal("[fe80::1%1]:80", "[fe80::1%2]:80"))
  end)

  it("compares paths", function()
    assert.is_true(equal("unix:/a", "unix:/a"))
    assert.is_false(equal("unix:/a", "unix:/ab"))
  end)

  it("compares abstract names, on Linux", function()
    if not system.linux then return fails("or, on Linux,", equal, "unix:@a", "unix:@a") end
    assert.is_true(equal("unix:@a\0b", "unix:@a\0b"))
    assert.is_false(equal("unix:@a\0b", "unix:@a\0c"))
    assert.is_false(equal("unix:@a", "unix:@a\0"))
    assert.is_false(equal("unix:", "unix:@"))
  end)

  it("compares families", function()
    assert.is_false(equal("::ffff:127.0.0.1", "127.0.0.1"))
    assert.is_false(equal("0.0.0.0", "unix:"))
  end)

  it("does not compare the socket type", function()
    local s = assert(curl.socket("inet", "dgram"))
    assert(s:bind("127.0.0.1:0"))
    local a = s:localaddress()
    assert.equal("dgram", a.socktype)
    assert.is_true(a == curl.address(tostring(a)))
  end)

  it("compares the bytes of families without a text", function()
    local s = netlink()
    local before = s:localaddress()
    assert.is_true(before == s:localaddress())
    assert.is_false(before == curl.address("unix:"))
    assert.equal(1, s:send("x")) -- the kernel gives it an address for that
    assert.is_false(before == s:localaddress())
    assert.equal(tostring(before), tostring(s:localaddress()))
  end)

  it("is false for anything else", function()
    assert.is_false(curl.address("::1") == io.stdout)
    assert.is_false(curl.address("::1") == "[::1]:0")
  end)
end)

describe("address:within", function()
  local function within(ip, network)
    return curl.address(ip):within(network)
  end

  local inside = {
    { "10.0.0.1", "10.0.0.0/8" }, { "10.255.255.255", "10.0.0.0/8" }, { "10.0.0.1", "0.0.0.0/0" },
    { "10.1.2.3:80", "10.9.9.9/8" }, { "172.31.255.255", "172.16.0.0/12" },
    { "192.168.1.1", "192.168.1.1/32" }, { "192.168.1.1", "192.168.1.1" },
    { "127.0.0.1", "127.0.0.0/31" }, { "::1", "::1/128" }, { "::1", "::1" }, { "::1", "::/0" },
    { "fd00::1", "fc00::/7" }, { "fe80::1%2", "fe80::/10" },
    { "[2001:db8::1]:80", "2001:db8::/32" },
    { "::ffff:10.0.0.1", "10.0.0.0/8" }, { "::ffff:10.0.0.1", "0.0.0.0/0" },
    { "::ffff:127.0.0.1", "127.0.0.1" }, { "::ffff:10.0.0.1", "::ffff:0:0/96" },
    { "::ffff:10.0.0.1", "::ffff:10.0.0.0/104" }, { "::ffff:10.0.0.1", "::/0" },
  }
  for _, case in ipairs(inside) do
    it(("finds %s in %s"):format(case[1], case[2]), function()
      assert.is_true(within(case[1], case[2]))
    end)
  end

  local outside = {
    { "11.0.0.1", "10.0.0.0/8" }, { "9.255.255.255", "10.0.0.0/8" },
    { "172.32.0.0", "172.16.0.0/12" }, { "192.168.1.1", "192.168.1.0/32" },
    { "127.0.0.2", "127.0.0.0/31" }, { "::2", "::1/128" }, { "fe00::1", "fc00::/7" },
    { "10.0.0.1", "::ffff:10.0.0.0/104" }, { "10.0.0.1", "::/0" }, { "::1", "0.0.0.0/0" },
    { "::10.0.0.1", "10.0.0.0/8" }, { "::ffff:11.0.0.1", "10.0.0.0/8" },
    { "unix:/10.0.0.1", "10.0.0.0/8" }, { "unix:", "0.0.0.0/0" }, { "unix:", "::/0" },
  }
  for _, case in ipairs(outside) do
    it(("does not find %s in %s"):format(case[1], case[2]), function()
      assert.is_false(within(case[1], case[2]))
    end)
  end

  local wrong = {
    "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/8x", "10/8",
    "::/129", "::/", "[::1]/128", "fe80::%2/10", "fe80::%2", "10.0.0.0/8/8", "10.0.0.0\0/8",
    "10.0.0.0/8\0", "localhost", "10.0.0.0/255.0.0.0", "unix:/x", ("1"):rep(10000), 10, true,
    {},
  }
  for i, network in ipairs(wrong) do
    it(("refuses network %d, %q"):format(i, tostring(network):sub(1, 20)), function()
      fails("network .* expected, got", within, "10.0.0.1", network)
      fails("network .* expected, got", within, "unix:/x", network)
    end)
  end

  it("refuses no network", function()
    fails("network .* expected, got no value", curl.address("::1").within, curl.address("::1"))
  end)
end)

describe("address:socket", function()
  for _, case in ipairs { { "127.0.0.1:80", "inet" }, { "::1", "inet6" }, { "unix:/x", "unix" } } do
    it("makes a Socket of family " .. case[2], function()
      local s = assert(curl.address(case[1]):socket())
      assert.same({ case[2], "stream", "owned" },
        { s:getsockopt("socket", "domain"), s:getsockopt("socket", "type"), s:state() })
      s:close()
    end)
  end

  it("makes a Socket of the address's type and protocol", function()
    local bound = assert(curl.socket("inet", "dgram"))
    assert(bound:bind("127.0.0.1:0"))
    local a = bound:localaddress()
    assert.equal(17, a.protocol)
    assert.equal("dgram", assert(a:socket()):getsockopt("socket", "type"))
  end)

  it("has no protocol left of IP when the address became a UNIX address", function()
    local bound = assert(curl.socket("inet", "stream", 6))
    local a = bound:localaddress()
    assert.equal(6, a.protocol)
    a.path = "/x"
    assert.equal(0, a.protocol)
    assert.truthy(a:socket())
  end)
end)
