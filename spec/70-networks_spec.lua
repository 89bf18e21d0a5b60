-- Networks, and what of an Address a guard needs: its bytes, a copy.

local curl = require "curlsock"
local fails = require("spec.support.errors").matches
local netns = require "spec.support.netns"
local process = require "spec.support.process"
local system = require "spec.support.system"

-- The bytes that the text of an IP address means.
local function bytes(text) return curl.address(text).bytes end

describe("address.bytes", function()
  it("is the IP address in network byte order", function()
    assert.equal("\10\1\2\3", bytes "10.1.2.3:80")
    assert.equal("\0\0\0\0", bytes "0.0.0.0")
    assert.equal(("\0"):rep(15) .. "\1", bytes "[::1]:80")
    assert.equal("\xfe\x80" .. ("\0"):rep(13) .. "\1", bytes "fe80::1%2")
    assert.equal(("\0"):rep(10) .. "\xff\xff\10\0\0\1", bytes "::ffff:10.0.0.1")
  end)

  it("is nil where there is none", function()
    assert.is_nil(bytes "unix:/x")
    local s <close> = assert(curl.socketpair())
    assert.is_nil(s:localaddress().bytes)
  end)

  it("cannot be set", function()
    fails("address%.bytes cannot be set", function() curl.address("::1").bytes = "\1\2\3\4" end)
  end)
end)

describe("address:copy", function()
  it("is equal, in what == does not compare, too", function()
    for _, text in ipairs { "10.1.2.3:80", "[fe80::1%2]:80", "unix:/x", "unix:" } do
      local a = curl.address(text)
      assert.is_true(a:copy() == a)
      assert.equal(text, tostring(a:copy()))
    end
    local s <close> = assert(curl.socket("inet", "dgram"))
    assert(s:bind "127.0.0.1:0")
    local a = s:localaddress()
    local copy = a:copy()
    assert.same({ "dgram", a.protocol, a.port }, { copy.socktype, copy.protocol, copy.port })
  end)

  it("changes by itself", function()
    local a = curl.address "10.1.2.3:80"
    local copy = a:copy()
    copy.ip, copy.port = "::1", 1
    assert.equal("10.1.2.3:80", tostring(a))
    a.path = "/x"
    assert.equal("[::1]:1", tostring(copy))
  end)
end)

describe("curl.networks", function()
  it("takes texts and Addresses", function()
    local n = curl.networks { "10.0.0.0/8", "fe80::/10", "192.0.2.1", curl.address "[::1]:80" }
    assert.equal(4, #n)
    assert.equal("networks (4)", tostring(n))
    assert.same({ "10.0.0.0/8", true }, { n:find(curl.address "10.255.0.1:80") })
    assert.same({ "fe80::/10", true }, { n:find(curl.address "[fe80::1%1]:80") })
    assert.same({ "192.0.2.1", true }, { n:find(curl.address "192.0.2.1") })
    assert.same({ "::1", true }, { n:find(curl.address "::1") })
  end)

  it("takes networks with a value each", function()
    local reason = { "a table" }
    local n = curl.networks {
      ["10.0.0.0/8"] = "private", ["fc00::/7"] = reason, ["192.0.2.0/24"] = false, "127.0.0.0/8",
    }
    assert.equal(4, #n)
    assert.same({ "10.0.0.0/8", "private" }, { n:find(curl.address "10.0.0.1") })
    assert.equal(reason, select(2, n:find(curl.address "fd00::1")))
    assert.same({ "192.0.2.0/24", false }, { n:find(curl.address "192.0.2.255") })
    assert.same({ "127.0.0.0/8", true }, { n:find(curl.address "127.0.0.1") })
  end)

  it("may have none", function()
    local n = curl.networks {}
    assert.equal(0, #n)
    assert.is_nil(n:find(curl.address "::1"))
    assert.is_nil(n:find "\1\2\3\4")
  end)

  it("shows a text as it was given", function()
    assert.equal("FE80:0::/10", (curl.networks { "FE80:0::/10" }:find(bytes "fe80::1")))
  end)

  it("is read once: the table is the script's", function()
    local t = { "10.0.0.0/8" }
    local n = curl.networks(t)
    t[1] = "11.0.0.0/8"
    assert.equal("10.0.0.0/8", (n:find "\10\0\0\1"))
    assert.is_nil(n:find "\11\0\0\1")
  end)

  it("keeps its values alive", function()
    local n = curl.networks { ["::/0"] = { 42 } }
    collectgarbage()
    assert.same({ 42 }, select(2, n:find(bytes "::1")))
  end)

  local wrong = {
    { 'entry 3: network .* expected, got "10/8"', { "10.0.0.0/8", "::/0", "10/8" } },
    { 'entry 1: network .* expected, got ""', { "" } },
    { "entry 1: network .* expected, got 10", { 10 } },
    { "entry 2: network .* expected, got table", { "::1", {} } },
    { "entry 1: network .* expected, got userdata", { io.stdout } },
    { "entry 1: network .* expected, got userdata", { curl.address "unix:/x" } },
    { 'entry 1: network .* expected, got "10.0.0.1:80"', { "10.0.0.1:80" } },
    { 'entry 1: network .* expected, got "fe80::%%1/10"', { "fe80::%1/10" } },
    { 'entry "localhost": network .* expected, got "localhost"', { localhost = "mine" } },
    { "entry boolean: network .* expected, got boolean", { [true] = "::/0" } },
    { "entry 0.5: network .* expected, got 0.5", { [0.5] = "::/0" } },
    { 'entry 1: no bits expected behind the prefix, got "10.1.0.0/8"', { "10.1.0.0/8" } },
    { 'entry "::1/0": no bits expected behind the prefix', { ["::1/0"] = 1 } },
    { "entry 1: no bits expected behind the prefix", { "1.0.0.0/7" } },
    { '"::/8" and "::/8" are the same network', { "::/8", "::1", "::/8" } },
    { '"[fF][eE]80::/10" and "[fF][eE]80::/10" are', { "FE80::/10", ["fe80::/10"] = 1 } },
    { "entry 1: list without holes expected, got nil", { nil, "::/0" } },
    { "entry 2: list without holes expected, got nil", { "::/0", nil, "::1" } },
    { "entry 1: list without holes expected, got nil", { [-1] = "::/0" } },
  }
  for i, case in ipairs(wrong) do
    it(("refuses table %d, and says why: %s"):format(i, case[1]), function()
      fails("networks: .*" .. case[1], curl.networks, case[2])
    end)
  end

  it("takes prefixes whose rest is zero, at each length, and no shorter ones", function()
    for bits = 0, 128 do
      local words = {}
      for i = 1, 8 do
        local left = math.max(0, math.min(16, bits - 16 * (i - 1)))
        words[i] = ("%x"):format(0xffff << (16 - left) & 0xffff)
      end
      local ip = table.concat(words, ":")
      local text = ip .. "/" .. bits
      assert.equal(text, (curl.networks { text }:find(bytes(ip))), text)
      if bits > 0 then fails("no bits", curl.networks, { ip .. "/" .. bits - 1 }) end
    end
  end)

  it("refuses anything but a table", function()
    for _, value in ipairs { "10.0.0.0/8", 1, true, print, curl.address "::1" } do
      fails("table of networks expected", curl.networks, value)
    end
    fails("table of networks expected", curl.networks)
  end)
end)

describe("networks:find", function()
  it("finds the smallest of those that have the address", function()
    local n = curl.networks {
      "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0", "10.0.5.0/24", "10.0.5.7",
      "::/0", "fe80::/10", "fe80::/64", "fe80::1",
    }
    local expected = {
      ["9.255.255.255"] = "0.0.0.0/0", ["10.0.0.0"] = "10.0.0.0", ["10.0.0.1"] = "10.0.0.0/16",
      ["10.0.5.6"] = "10.0.5.0/24", ["10.0.5.7"] = "10.0.5.7", ["10.0.5.8"] = "10.0.5.0/24",
      ["10.0.6.0"] = "10.0.0.0/16", ["10.1.0.0"] = "10.0.0.0/8", ["11.0.0.0"] = "0.0.0.0/0",
      ["::"] = "::/0", ["fe80::"] = "fe80::/64", ["fe80::1"] = "fe80::1",
      ["fe80::2"] = "fe80::/64", ["fe80:0:0:1::"] = "fe80::/10", ["fec0::"] = "::/0",
    }
    for ip, text in pairs(expected) do
      assert.equal(text, (n:find(curl.address(ip))), ip)
      assert.equal(text, (n:find(bytes(ip))), ip)
    end
  end)

  it("knows the ends of a network", function()
    local n = curl.networks { "10.0.0.0/8", "0.0.0.0/32", "255.255.255.255", "fc00::/7" }
    for _, ip in ipairs { "10.0.0.0", "10.255.255.255", "0.0.0.0", "255.255.255.255", "fc00::",
                          "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } do
      assert.truthy(n:find(curl.address(ip)), ip)
    end
    for _, ip in ipairs { "9.255.255.255", "11.0.0.0", "0.0.0.1", "255.255.255.254", "fe00::",
                          "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::" } do
      assert.is_nil(n:find(curl.address(ip)), ip)
    end
  end)

  it("keeps IPv4 and IPv6 apart, also where one is mapped into the other", function()
    local four, six = curl.networks { "0.0.0.0/0" }, curl.networks { "::/0" }
    assert.is_nil(four:find(curl.address "::ffff:10.0.0.1"))
    assert.is_nil(six:find(curl.address "10.0.0.1"))
    assert.equal("::/0", (six:find(curl.address "::ffff:10.0.0.1")))
    local mapped = curl.networks { "::ffff:0:0/96", "10.0.0.0/8" }
    assert.equal("::ffff:0:0/96", (mapped:find(curl.address "::ffff:10.0.0.1")))
    assert.equal("10.0.0.0/8", (mapped:find(curl.address "10.0.0.1")))
  end)

  it("finds nothing for what has no IP address", function()
    local n = curl.networks { "0.0.0.0/0", "::/0" }
    assert.is_nil(n:find(curl.address "unix:/10.0.0.1"))
    assert.is_nil(n:find(curl.address "unix:"))
  end)

  for _, value in ipairs { "", "10.0.0.1", "\1\2\3", "\1\2\3\4\5", ("x"):rep(17), 1, true, {} } do
    it(("refuses %q"):format(tostring(value)), function()
      fails("Address, or its 4 or 16 bytes, expected, got", function()
        curl.networks { "::/0" }:find(value)
      end)
    end)
  end

  it("refuses nothing, and another object", function()
    local n = curl.networks {}
    fails("expected, got no value", function() n:find() end)
    fails("curlsock.networks expected", n.find, {}, "\1\2\3\4")
    fails("curlsock.networks expected", n.find, curl.address "::1", "\1\2\3\4")
  end)

  -- Beside address:within, which looks at one network, in the order of their sizes.
  it("agrees with address:within, whatever the networks are", function()
    math.randomseed(70)
    local random = math.random
    local function ip(short)
      if short then
        return ("%d.%d.%d.%d"):format(random(0, 2), random(0, 2), random(0, 2), random(0, 255))
      end
      return ("%x:%x:0:%x::%x"):format(random(0, 2), random(0, 2), random(0, 1), random(0, 2))
    end
    local function network()
      local short = random(2) == 1
      local bits = random(0, short and 32 or 128)
      local a = curl.address(ip(short))
      local size, masked = #a.bytes, {}
      for i = 1, size do
        local keep = math.max(0, math.min(8, bits - 8 * (i - 1)))
        masked[i] = a.bytes:byte(i) & (0xff << (8 - keep)) & 0xff
      end
      if short then return ("%d.%d.%d.%d"):format(table.unpack(masked)) .. "/" .. bits, bits end
      return ("%02x%02x:"):rep(7):format(table.unpack(masked, 1, 14))
        .. ("%02x%02x/%d"):format(masked[15], masked[16], bits), bits
    end
    local function smallest(sizes, address)
      local found, longest = nil, -1
      for text, bits in pairs(sizes) do
        if address:within(text) and bits > longest then found, longest = text, bits end
      end
      return found
    end
    for _ = 1, 100 do
      local sizes, list = {}, {}
      for _ = 1, random(0, 40) do
        local text, bits = network()
        if not sizes[text] then list[#list + 1] = text end
        sizes[text] = bits
      end
      local n = curl.networks(list)
      assert.equal(#list, #n)
      for i = 1, 50 do
        local address = curl.address(ip(i % 2 == 0))
        assert.equal(smallest(sizes, address), (n:find(address)), tostring(address))
      end
    end
  end)
end)

describe("Networks", function()
  it("have no other fields", function()
    local n = curl.networks {}
    assert.is_nil(n.count)
    assert.is_false(pcall(function() n.count = 1 end))
  end)
end)

describe("address:is_foreign", function()
  local function is_foreign(text)
    local foreign, message = curl.address(text):is_foreign()
    return assert(foreign ~= nil, message) and foreign
  end

  it("is false for loopback, for any address, and for paths", function()
    for _, text in ipairs { "127.0.0.1:80", "0.0.0.0:80", "[::]:80", "::ffff:127.0.0.1",
                            "::ffff:0.0.0.0", "unix:/x", "unix:" } do
      assert.is_false(is_foreign(text), text)
    end
  end)

  it("is false for a network that is routed to the host, as Linux tells", function()
    assert.equal(not system.linux, is_foreign "127.1.2.3")
  end)

  if not netns.allowed then
    print("70-networks_spec.lua: left out the 3 tests with addresses in a network namespace: "
      .. "not root, or unshare is not allowed")
    return
  end

  -- What is_foreign says in the namespace, in the order of the addresses.
  local function answers(there, ...)
    local file = os.tmpname()
    finally(function() os.remove(file) end)
    process.write(file, [[
      local curl = require "curlsock"
      for _, text in ipairs(arg) do print((curl.address(text):is_foreign())) end
    ]])
    local words = { "timeout 20", process.lua(), file, ... }
    return there:run(table.concat(words, " ") .. " 2>&1"):gsub("\n", " ")
  end

  it("knows the addresses of interfaces, and that they have gone", function()
    local there <close> = netns.new("192.0.2.1/32", "2001:db8::1/128")
    local addresses = { "192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "192.0.2.2",
                        "2001:db8::2" }
    assert.equal("false false false true true", (answers(there, table.unpack(addresses))))
    there:run "ip addr del 192.0.2.1/32 dev lo && ip addr add 192.0.2.2/32 dev lo"
    assert.equal("true true false false true", (answers(there, table.unpack(addresses))))
  end)

  it("knows networks on lo, and routes to the host", function()
    local there <close> = netns.new("203.0.113.1/24", "198.51.100.1/32")
    there:run "ip route add local 192.0.2.0/25 dev lo; ip -6 route add local 2001:db8::/64 dev lo"
    local found = answers(there, "203.0.113.77", "192.0.2.100", "192.0.2.200", "2001:db8::7",
      "2001:db8:0:1::7")
    -- Where only the source of a datagram tells, the source is another address of the host.
    assert.equal(system.linux and "false false true false true" or "true false true true true",
      found)
  end)

  it("says of what no route leads to that it is elsewhere", function()
    local there <close> = netns.new()
    local addresses = { "8.8.8.8", "2001:4860:4860::8888", "127.0.0.1" }
    assert.equal("true true false", (answers(there, table.unpack(addresses))))
  end)
end)
