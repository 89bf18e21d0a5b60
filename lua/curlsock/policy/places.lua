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
    places.unix[address.path] = true
  elseif address and address.scope_id and address.scope_id ~= 0 then
    check.fail(name, what, "address without a zone", entry)
  elseif address and address.port ~= 0 then
    places.ports[exact(address.bytes, address.port)] = true
  else
    local text = address and address.ip or entry
    if type(text) ~= "string" then check.fail(name, what, expected, entry) end
    if not networks[text] then networks[#networks + 1], networks[text] = text, true end
  end
end

local function read_networks(name, what, texts)
  local list = table.move(texts, 1, #texts, 1, {})
  local ok, networks = pcall(curl.networks, list)
  if ok then return networks end
  for _, text in ipairs(list) do
    if not pcall(curl.networks, { text }) then check.fail(name, what, expected, text) end
  end
  error(("%s: %s: %s"):format(name, what, networks), 0)
end

--- places.read(name, what, list): the places of the option that is called what, of the policy of
-- that name. Raises an error for what is no place.
local function read(name, what, list)
  local places = setmetatable({ ports = {}, unix = {} }, Places)
  local networks = {}
  for _, entry in ipairs(check.list(list)) do add(places, networks, name, what, entry) end
  places.networks = read_networks(name, what, networks)
  places.empty = not next(places.ports) and #networks == 0
  return places
end

--- Whether the bytes of an IP address are in one of the networks. (A mapped address is none of
-- IPv4.)
function Places:has(bytes)
  return self.networks:find(bytes) ~= nil
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
