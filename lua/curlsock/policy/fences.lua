-- What policies force of an easy's options, because it would lead around them. An entry is a value,
-- false (must be unset), a function that says whether what the script has set may stay, or both,
-- { value, function }.
local check = require "curlsock.policy.check"
local curl = require "curlsock"

local fences = {}

-- By the names that libcurl has for them, or by bits: Kerberos and winbind talk to others by
-- sockets of their own, which nobody sees.
local by_themselves = { negotiate = 4, gssnegotiate = 4, gssapi = 4, ntlm_wb = 32 }

local function talks_by_itself(methods)
  if math.type(methods) == "integer" then
    for _, bit in pairs(by_themselves) do
      if methods & bit ~= 0 then return true end
    end
    return false
  end
  for _, method in ipairs(check.list(methods)) do
    local name = tostring(method):lower()
    if by_themselves[name] or name == "any" or name == "anysafe" then return true end
  end
  return false
end

local function without_kerberos(methods)
  return not talks_by_itself(methods)
end

local bits = { http = 1, https = 2, ftp = 4, ftps = 8, scp = 16, sftp = 32 }

-- Whether all protocols of the script's value, a text, a list, or libcurl's old bits, are in the
-- set.
local function only(set, value)
  if math.type(value) == "integer" then
    local allowed = 0
    for name in pairs(set) do allowed = allowed | (bits[name] or 0) end
    return value & ~allowed == 0
  end
  for _, name in ipairs(check.words("guard", "protocols", value)) do
    if not set[name] then return false end
  end
  return true
end

local function protocols(value)
  local list, set = check.words("guard", "protocols", value or "http,https"), {}
  for _, name in ipairs(list) do set[name] = true end
  if not list[1] then check.fail("guard", "protocols", "names of protocols", value) end
  local text = table.concat(list, ",")
  return { text, function(given) return only(set, given) end }
end

-- A shorter life is fine.
local function lifetime(seconds)
  return { seconds, function(given)
    return math.type(given) ~= nil and given > 0 and given <= seconds
  end }
end

local function any_unix(list)
  for _, place in ipairs(list) do
    if curl.type(place) == "address" and place.family == "unix" then return true end
    if type(place) == "string" and place:find("^unix:") then return true end
  end
  return false
end

--- The fence of policy.guard(options), where these places are allowed besides.
function fences.guard(options, allowed)
  local listed = protocols(options.protocols)
  local fence = {
    protocols_str = listed, redir_protocols_str = listed,
    dns_servers = false, dns_interface = false, dns_local_ip4 = false, dns_local_ip6 = false,
    doh_url = false, ftpport = false, krblevel = false, address_scope = 0, netrc = 0,
    unrestricted_auth = 0, httpauth = without_kerberos, proxyauth = without_kerberos,
  }
  if options.proxy ~= nil then
    fence.socks5_auth = { "basic", without_kerberos } -- by default it is that and Kerberos
  else
    fence.proxy, fence.pre_proxy = "", false
  end
  if not (any_unix(check.list(options.allow)) or any_unix(allowed or {})) then
    fence.unix_socket_path = false -- and abstract_unix_socket: libcurl has one place for both
  end
  if options.lifetime ~= nil then
    fence.maxlifetime_conn = lifetime(check.number("guard", "lifetime", options.lifetime, 1))
  end
  return fence
end

local dials = { http = true, https = true, ws = true, wss = true }

--- Whether all protocols of the fence of a guard dial, and accept nothing: to ask about each socket
-- whether it was accepted would be in vain.
function fences.only_dials(fence)
  return only(dials, fence.protocols_str[1])
end

--- For policies whose socket options libcurl would apply its own after.
fences.own_address = { interface = false, localport = false, localportrange = false }

--- For those that have the other end of a connection, where somebody waits as long as it is kept.
fences.one_transfer = { forbid_reuse = 1 }

return fences
