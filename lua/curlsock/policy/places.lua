-- A list of places that policies name: networks ("10.0.0.0/8"), addresses of any port ("10.0.0.1"),
-- of one port ("10.0.0.1:8080", or an Address) and UNIX sockets ("unix:/path").
local check = require "curlsock.policy.check"
local curl = require "curlsock"

local Places = {}
Places.__index = Places

local expected = 'network ("10.0.0.0/8"), address ("10.0.0.1:80") or "unix:/path"'

-- What cannot be a network is an address; nil for neither.
local function read_address(entry)
  if curl.type(entry) == "address" then return entry:copy() end
  local ok, address = pcall(curl.address, entry)
  return ok and address or nil
end

local function exact(bytes, port)
  return bytes .. string.pack(">I2", port)
end

local function add(places, networks, name, what, entry)
  local address = read_address(entry)
  if address and address.family == "unix" then
    places.unix[address.path], places.any_unix = true, true
  elseif address and address.scope_id and address.scope_id ~= 0 then
    check.fail(name, what, "address without a zone", entry)
  elseif address and address.port ~= 0 then
    places.ports[exact(address.bytes, address.port)] = true
  else
    local text = address and address.ip or entry
    if type(text) ~= "string" then check.fail(name, what, expected, entry) end
    table.insert(text:find(":", 1, true) and networks.six or networks.four, text)
  end
end

local function read_networks(name, what, list)
  local ok, networks = pcall(curl.networks, list)
  if ok then return networks end
  for _, text in ipairs(list) do
    if not pcall(curl.networks, { text }) then check.fail(name, what, expected, text) end
  end
  error(networks, 0)
end

--- places.read(name, what, list): the places of the option that is called what, of the policy of
-- that name. Raises an error for what is no place.
local function read(name, what, list)
  local places = setmetatable({ ports = {}, unix = {}, any_unix = false }, Places)
  local networks = { four = {}, six = {} }
  for _, entry in ipairs(check.list(list)) do add(places, networks, name, what, entry) end
  places.four = read_networks(name, what, networks.four)
  places.six = read_networks(name, what, networks.six)
  places.empty = not (next(places.ports) or networks.four[1] or networks.six[1])
  return places
end

--- Whether the bytes of an IP address are in one of the networks. (IPv4 and IPv6 are apart: a mapped
-- address is none of IPv4.)
function Places:has(bytes)
  return (#bytes == 4 and self.four or self.six):find(bytes) ~= nil
end

--- Whether this port of this address is named.
function Places:has_port(bytes, port)
  return self.ports[exact(bytes, port)] == true
end

--- Whether the path of a UNIX socket is named.
function Places:has_path(path)
  return self.unix[path] == true
end

return { read = read }
