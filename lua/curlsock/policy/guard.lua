--- policy.guard([options]): only plain public unicast addresses, over TCP to ports 80 and 443, by
-- http and https. Whatever is not that is refused: special ranges, IPv4 inside of IPv6, zones, UNIX
-- sockets, datagrams, what listens, this host's own addresses, proxies of options and of the
-- environment. It decides on what is dialled, as numbers; names play no part.
-- Options, each of which opens one thing (raises for others, and for what cannot be read):
--   ports       list of ports, or "any"; by default { 80, 443 }
--   protocols   as the option protocols_str, or a list; by default "http,https"
--   allow       places, as policy.allow takes them, that pass whatever else is said, except deny;
--               one that is named with its port passes there, else ports counts
--   deny        places that never pass, nor what carries one of them inside
--   nat64       a prefix of NAT64, or a list: what is inside is judged
--   own         false: this host's own addresses pass, too
--   proxy       places that are proxies: these, and no others, may be used. (Before libcurl 8.7
--               they pass as origins, too.) What is behind one is not judged
--   quic        true: datagrams pass, too, for HTTP/3
--   lifetime    seconds after which a kept connection is not used again
-- -> PolicyPart
local check = require "curlsock.policy.check"
local curl = require "curlsock"
local fences = require "curlsock.policy.fences"
local places = require "curlsock.policy.places"
local ranges = require "curlsock.policy.ranges"

local find = ranges.find
local any = curl.address "127.0.0.1"
local unpack, is_foreign = any.unpack, any.is_foreign -- quicker than as methods

local known = {
  ports = true, protocols = true, allow = true, deny = true, nat64 = true, own = true,
  proxy = true, quic = true, lifetime = true,
}

-- A set of them; nil: any.
local function read_ports(list)
  if list == "any" then return nil end
  local set = {}
  for _, port in ipairs(check.list(list or { 80, 443 })) do
    local number = math.tointeger(port)
    if not number or number < 1 or number > 65535 then
      check.fail("guard", "ports", "port, a list of them, or \"any\"", port)
    end
    set[number] = true
  end
  return set
end

local function read_nat64(list)
  local prefixes = {}
  for i, text in ipairs(check.list(list)) do
    local ok, prefix = pcall(ranges.nat64, text)
    if not ok then error("guard: " .. prefix, 0) end
    prefixes[i] = prefix
  end
  return prefixes
end

-- The options as the judge uses them. allowed is what policy.allow adds.
local function read(options, allowed)
  options = check.options("guard", options, known)
  local allow = table.move(check.list(options.allow), 1, #check.list(options.allow), 1, {})
  table.move(allowed, 1, #allowed, #allow + 1, allow)
  return {
    ports = read_ports(options.ports),
    allow = places.read("guard", "allow", allow),
    deny = places.read("guard", "deny", options.deny),
    nat64 = read_nat64(options.nat64),
    proxy = options.proxy ~= nil and places.read("guard", "proxy", options.proxy) or nil,
    own = check.value("guard", "own", "boolean", options.own) ~= false,
    quic = check.value("guard", "quic", "boolean", options.quic) or false,
  }
end

-- The IPv4 address inside of an IPv6 one that has a prefix of NAT64; false: none can be; nil: it
-- has no such prefix.
local function inside(rules, bytes)
  for _, decode in ipairs(rules.nat64) do
    local found = decode(bytes)
    if found ~= nil then return found end
  end
end

local function names(list, bytes, port)
  return list:has(bytes) or port ~= 0 and list:has_port(bytes, port)
end

-- Whether deny has it, or what it carries inside.
local function is_denied(rules, bytes, port)
  local deny = rules.deny
  if deny.empty then return false end
  if names(deny, bytes, port) then return true end
  if #bytes == 4 then return false end
  local decoded = inside(rules, bytes)
  if decoded and names(deny, decoded, port) then return true end
  for _, carried in ipairs(ranges.carried(bytes)) do
    if names(deny, carried, port) then return true end
  end
  return false
end

-- Why the number is not plain and public; nil if it is.
local function not_public(rules, bytes)
  if #bytes == 4 or not rules.nat64[1] then return find(bytes) end
  local decoded = inside(rules, bytes)
  if decoded == nil then return find(bytes) end
  if not decoded then return "no address of NAT64 (RFC 6052)" end
  local found = not rules.allow:has(decoded) and find(decoded)
  return found and "NAT64 of what is " .. found or nil
end

local function bad_port(rules, port)
  if port == 0 or not rules.ports or rules.ports[port] then return nil end
  return ("port %d is not allowed"):format(port)
end

-- Why an IP address that deny and allow do not name is refused; nil if it is not.
local function why_not(rules, address, bytes, port)
  local found = not_public(rules, bytes)
  if found then return "it is " .. found end
  if rules.own and is_foreign(address) ~= true then return "it is an address of this host" end
  return bad_port(rules, port)
end

local function judge_unix(rules, address)
  if rules.deny:has_path(address.path) then return "it is denied" end
  if rules.allow:has_path(address.path) then return nil end
  return "it is a UNIX socket"
end

-- Whether it is one of the proxies, where the rules have any: nil where that cannot be told.
local function as_proxy(rules, bytes, port, target)
  local kind = target and target.kind or "origin"
  if kind ~= "proxy" and kind ~= "unknown" then return nil end
  if names(rules.proxy, bytes, port) then return true end
  return kind == "proxy" and false or nil
end

-- Why it is refused; nil: it passes.
local function reason(rules, address, target)
  local family, bytes, port, socktype, zone = unpack(address)
  if not bytes then
    return family == "unix" and judge_unix(rules, address) or family ~= "unix" and
      "it is no address of the Internet" or nil
  end
  if zone and zone ~= 0 then return "it has a zone" end
  if socktype ~= "stream" and not rules.quic then return "it is not TCP" end
  if is_denied(rules, bytes, port) then return "it is denied" end
  local is_proxy = rules.proxy and as_proxy(rules, bytes, port, target)
  if is_proxy then return nil end
  if is_proxy == false then return "it is not one of the proxies" end
  local allow = rules.allow
  if not allow.empty then
    if allow:has_port(bytes, port) then return nil end
    if allow:has(bytes) then return bad_port(rules, port) end
  end
  return why_not(rules, address, bytes, port)
end

-- What judge does under these rules; it takes the target only if it needs it.
local function new_judge(rules)
  local function judge(address, target)
    if address.port == 0 then return nil, "it listens, or has no port" end
    local why = reason(rules, address, target)
    if why then return nil, why end
    return true
  end
  if rules.proxy then return judge end
  local own, ports = rules.own, rules.ports or {}
  local plain = rules.deny.empty and rules.allow.empty and not rules.nat64[1]
  return function(address)
    -- The short way, for what passes under the rules that most have.
    local _, bytes, port, socktype, zone = unpack(address)
    if plain and ports[port] and socktype == "stream" and (not zone or zone == 0)
      and not find(bytes) and not (own and is_foreign(address) ~= true) then
      return true
    end
    return judge(address)
  end
end

local function refuse_accepted()
  return nil, "it was accepted, not dialled"
end

local guard = {}

--- guard.reason(address [, options]): why policy.guard(options) refuses the Address, or its text;
-- nil if it does not. An address without a port is judged by its number alone.
-- -> string | nil
function guard.reason(address, options)
  if curl.type(address) ~= "address" then address = curl.address(address) end
  return reason(read(options, {}), address)
end

-- The policy with these options; allowed is what the composition's policy.allow adds.
local function make(options, allowed)
  local fence = fences.guard(options, allowed)
  return {
    name = "guard", fence = fence, judge = new_judge(read(options, allowed)), reads_only = true,
    accept = not fences.only_dials(fence) and refuse_accepted or nil,
  }
end

function guard.__call(_, options)
  local given = {}
  for key, value in pairs(check.options("guard", options, known)) do given[key] = value end
  local policy = make(given, {})

  function policy.join(list)
    local allowed = {}
    for _, other in ipairs(list) do
      for _, place in ipairs(other.allows or {}) do allowed[#allowed + 1] = place end
    end
    return make(given, allowed)
  end

  return policy
end

return setmetatable(guard, guard)
