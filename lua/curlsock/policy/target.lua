-- What a socket is for: its host and port, as the URL has them, and what kind it is. It is found
-- out when it is asked for.
local curl = require "curlsock"

local target = {}

-- From 8.7 on libcurl says, before it connects, whether a transfer goes by a proxy.
local number = curl.version_info().version_num
local tells_proxy = number and number >= 0x080700

local Target = {}

local find = {}

-- The URL of the request that needs the socket: after a redirect the next one.
local function url_of(self)
  local text = self.easy and self.easy:getinfo("effective_url") or self.url
  local ok, url = pcall(curl.url, text, "guess_scheme", "non_support_scheme")
  return ok and url or nil
end

function find.host(self)
  local url = url_of(self)
  return url and url:get("host")
end

function find.port(self)
  local url = url_of(self)
  return url and math.tointeger(tonumber(url:get("port", "default_port")))
end

local function uses_proxy(self)
  if self.never_proxy or not self.easy then return false end
  if not tells_proxy then return nil end
  return self.easy:getinfo("used_proxy") == 1
end

-- FTP's data connection goes to another port than its first. (A server may name the same port: it
-- looks like an origin then. Nothing depends on that but what a policy makes of the kind.)
local function is_data(self)
  local url = url_of(self)
  local scheme = url and url:get("scheme")
  return (scheme == "ftp" or scheme == "ftps") and self.address_port ~= self.port
end

function find.kind(self)
  if self.purpose ~= "ipcxn" then return "listen" end
  local proxy = uses_proxy(self)
  if proxy == nil then return "unknown" end
  if proxy then return "proxy" end
  return is_data(self) and "data" or "origin"
end

function Target:__index(name)
  local f = find[name]
  if not f then return nil end
  local value = f(self)
  rawset(self, name, value)
  return value
end

--- The target of a socket; never_proxy: the fence allows none.
function target.new(purpose, address, easy, never_proxy)
  return setmetatable({
    purpose = purpose, address_port = address.port, easy = easy, never_proxy = never_proxy,
  }, Target)
end

--- The same, as rules:ask has it.
function target.said(kind, url)
  return setmetatable({ kind = kind or "origin", url = url }, Target)
end

return target
