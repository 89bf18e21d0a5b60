-- What is not plain public unicast, by number, and which IPv4 addresses an IPv6 address carries.
--
-- The special ranges are those of IANA's registries "IPv4 Special-Purpose Address Space" and "IPv6
-- Special-Purpose Address Space" (RFC 6890), as of October 2025 (the last additions: 5f00::/16 and
-- 3fff::/20 in 2024, 100:0:0:1::/64 in 2025), and of "IPv4 Multicast Address Space" (RFC 5771). Of
-- IPv6 only 2000::/3 is given out for global unicast ("IPv6 Address Space", RFC 4291). What is in
-- no registry is marked so.
local curl = require "curlsock"

local byte, unpack = string.byte, string.unpack

local ranges = {}

local special = curl.networks {
  ["0.0.0.0/8"] = "this network (RFC 791)",
  ["10.0.0.0/8"] = "private (RFC 1918)",
  ["100.64.0.0/10"] = "shared by carriers (RFC 6598)",
  ["127.0.0.0/8"] = "loopback (RFC 1122)",
  ["169.254.0.0/16"] = "link-local and metadata (RFC 3927)",
  ["172.16.0.0/12"] = "private (RFC 1918)",
  ["192.0.0.0/24"] = "for protocols (RFC 6890)",
  ["192.0.2.0/24"] = "documentation (RFC 5737)",
  ["192.31.196.0/24"] = "AS112 (RFC 7535)",
  ["192.52.193.0/24"] = "AMT relays (RFC 7450)",
  ["192.88.99.0/24"] = "6to4 relays (RFC 7526)",
  ["192.168.0.0/16"] = "private (RFC 1918)",
  ["192.175.48.0/24"] = "AS112 (RFC 7534)",
  ["198.18.0.0/15"] = "benchmarking (RFC 2544)",
  ["198.51.100.0/24"] = "documentation (RFC 5737)",
  ["203.0.113.0/24"] = "documentation (RFC 5737)",
  ["224.0.0.0/4"] = "multicast (RFC 5771)",
  ["240.0.0.0/4"] = "reserved (RFC 1112)",
  -- In no registry: public numbers that mean a service inside of a cloud (their manuals, 2025).
  ["168.63.129.16/32"] = "the platform of a cloud (Azure)",
  ["161.26.0.0/16"] = "services inside of a cloud (IBM)",
  ["166.8.0.0/14"] = "services inside of a cloud (IBM)",

  ["::/128"] = "unspecified (RFC 4291)",
  ["::1/128"] = "loopback (RFC 4291)",
  ["::ffff:0:0/96"] = "IPv4-mapped (RFC 4291)",
  ["::ffff:0:0:0/96"] = "IPv4-translated (RFC 2765)",
  ["::/96"] = "IPv4-compatible (RFC 4291)",
  ["64:ff9b::/96"] = "NAT64 (RFC 6052)",
  ["64:ff9b:1::/48"] = "NAT64 of local use (RFC 8215)",
  ["100::/64"] = "discarded (RFC 6666)",
  ["100:0:0:1::/64"] = "a dummy prefix (RFC 9780)",
  ["2001::/32"] = "Teredo (RFC 4380)",
  ["2001:2::/48"] = "benchmarking (RFC 5180)",
  ["2001:3::/32"] = "AMT (RFC 7450)",
  ["2001:4:112::/48"] = "AS112 (RFC 7535)",
  ["2001:10::/28"] = "ORCHID (RFC 4843)",
  ["2001:20::/28"] = "ORCHIDv2 (RFC 7343)",
  ["2001:30::/28"] = "drone remote ID (RFC 9374)",
  ["2001::/23"] = "for protocols (RFC 2928)",
  ["2001:db8::/32"] = "documentation (RFC 3849)",
  ["2002::/16"] = "6to4 (RFC 3056)",
  ["2620:4f:8000::/48"] = "AS112 (RFC 7534)",
  ["3ffe::/16"] = "the 6bone, returned (RFC 3701)",
  ["3fff::/20"] = "documentation (RFC 9637)",
  ["5f00::/16"] = "segment routing (RFC 9602)",
  ["fc00::/7"] = "private (RFC 4193)",
  ["fe80::/10"] = "link-local (RFC 4291)",
  ["fec0::/10"] = "site-local (RFC 3879)",
  ["ff00::/8"] = "multicast (RFC 4291)",
  ["::/3"] = "not global unicast (RFC 4291)",
  ["4000::/2"] = "not global unicast (RFC 4291)",
  ["8000::/1"] = "not global unicast (RFC 4291)",
}

-- RFC 5214: the second half of an ISATAP address begins with 0000:5efe or 0200:5efe.
local function is_isatap(bytes)
  local a, b, c, d = byte(bytes, 9, 12)
  return d == 0xfe and c == 0x5e and b == 0 and (a == 0 or a == 2)
end

local find = special.find

--- Why the bytes of an IP address are not plain public unicast, as text; nil if they are. (An
-- address that carries one of IPv4 is not plain.)
function ranges.find(bytes)
  local network, text = find(special, bytes)
  if network then return ("%s, %s"):format(text, network) end
  if #bytes == 16 and is_isatap(bytes) then return "ISATAP, around IPv4 (RFC 5214)" end
end

local WELL_KNOWN <const> = 0x0064ff9b00000000

--- The IPv4 addresses, as bytes, that an IPv6 address may carry: a list, mostly empty.
function ranges.carried(bytes)
  local high, low = unpack(">I8I8", bytes)
  local list = {}
  local function carries(number) list[#list + 1] = string.pack(">I4", number & 0xffffffff) end
  local middle = low >> 32
  if high == 0 and (middle == 0 or middle == 0xffff or middle == 0xffff0000) then carries(low) end
  if high == WELL_KNOWN and middle == 0 then carries(low) end
  if high >> 48 == 0x2002 then carries(high >> 16) end
  if high >> 32 == 0x20010000 then -- server and client
    carries(high)
    carries(~low)
  end
  if is_isatap(bytes) then carries(low) end
  return list
end

-- RFC 6052, 2.2: where the four bytes stand, by the length of the prefix. Byte 9 is left out, and
-- must be zero.
local places = {
  [32] = { 5, 6, 7, 8 }, [40] = { 6, 7, 8, 10 }, [48] = { 7, 8, 10, 11 },
  [56] = { 8, 10, 11, 12 }, [64] = { 10, 11, 12, 13 }, [96] = { 13, 14, 15, 16 },
}

--- A prefix of NAT64 (text such as "64:ff9b::/96") as a function that gives the bytes of the IPv4
-- address in an IPv6 address of it: nil for others, false where there can be none. Raises an error
-- if the text is no such prefix.
function ranges.nat64(text)
  local ip, bits = tostring(text):match("^([%x:]+)/(%d+)$")
  bits = math.tointeger(tonumber(bits))
  local ok, address = pcall(curl.address, ip)
  local place = places[bits]
  if not ok or address.family ~= "inet6" or not place then
    error(("nat64: a prefix of 32, 40, 48, 56, 64 or 96 bits expected, got %q"):format(
      tostring(text)), 0)
  end
  local prefix = address.bytes:sub(1, bits // 8)
  return function(bytes)
    if bytes:sub(1, #prefix) ~= prefix then return nil end
    if bits < 96 and bytes:byte(9) ~= 0 then return false end
    return string.char(bytes:byte(place[1]), bytes:byte(place[2]), bytes:byte(place[3]),
      bytes:byte(place[4]))
  end
end

return ranges
