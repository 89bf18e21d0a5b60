--- policy.bind(options): what sockets are bound to before they are connected. Options:
--   inet, inet6     source address of connections over IPv4, IPv6. Where only one is given the
--                   other family is refused
--   device          network device (needs a privilege, on Linux)
--   mark, priority  of packets
--   options         any others: a list of { level, name, value }, as socket:setsockopt takes them
-- What the system refuses, the policy does. UNIX sockets leave no host, and are let alone.
-- The easy's own options interface, localport and localportrange must be unset: libcurl applies
-- them later. Raises an error for other options and for what is no address.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local curl = require "curlsock"
local fences = require "curlsock.policy.fences"

local known = {
  inet = true, inet6 = true, device = true, mark = true, priority = true, options = true,
}

-- The source, without a port, as text and as bytes.
local function read_source(family, text)
  if text == nil then return nil end
  local ok, address = pcall(curl.address, text)
  if not ok or address.family ~= family or address.port ~= 0 then
    check.fail("bind", family, "address of that family, without a port", text)
  end
  return { address = address, bytes = address.bytes }
end

-- What is set on each socket: a list of { level, name, value }.
local function read_options(options)
  local list = {}
  local function add(level, name, value)
    if value ~= nil then list[#list + 1] = { level, name, value } end
  end
  add("socket", "bindtodevice", check.value("bind", "device", "string", options.device))
  add("socket", "mark", check.value("bind", "mark", "integer", options.mark))
  add("socket", "priority", check.value("bind", "priority", "integer", options.priority))
  for _, entry in ipairs(check.value("bind", "options", "table", options.options) or {}) do
    if type(entry) ~= "table" or #entry ~= 3 then
      check.fail("bind", "options", "list of { level, name, value }", entry)
    end
    add(entry[1], entry[2], entry[3])
  end
  return list
end

local function bind(options)
  options = check.options("bind", options, known)
  local sources = {
    inet = read_source("inet", options.inet), inet6 = read_source("inet6", options.inet6),
  }
  local list, any_source = read_options(options), next(sources) ~= nil

  -- What listens is bound by libcurl (ftpport): it must be to the same address.
  local function bind_source(socket, address)
    if not any_source then return true end
    local source = sources[address.family]
    if not source then return nil, "no source address for " .. address.family end
    if address.port == 0 then
      if address.bytes == source.bytes then return true end
      return nil, "it listens on another address"
    end
    local ok, message = socket:bind(source.address)
    return ok and true, message
  end

  local function prepare(socket, address)
    if address.family == "unix" then return true end
    for i = 1, #list do
      local entry = list[i]
      local ok, message = socket:setsockopt(entry[1], entry[2], entry[3])
      if not ok then return nil, message end
    end
    return bind_source(socket, address)
  end

  return { name = "bind", fence = fences.own_address, prepare = prepare, reads_only = true }
end

return bind
