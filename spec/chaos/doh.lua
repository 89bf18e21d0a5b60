-- Which shares were used with DNS over HTTPS. Before 8.9 libcurl loses its own transfers for that
-- when they are cut short and made again, and each keeps the share that its easy had.

local curl = require "curlsock"

local doh = { shares = 0 }
local loses = curl.version_info().version_num < 0x080900
local weak = { __mode = "k" }
local urls, shares, met = setmetatable({}, weak), setmetatable({}, weak), setmetatable({}, weak)

local function set(easy, name, value)
  if name == "doh_url" then urls[easy] = value end
  if name == "share" then shares[easy] = value end
  local share = urls[easy] and shares[easy]
  if not share or met[share] then return end
  met[share] = true
  doh.shares = doh.shares + 1
end

local methods = {
  setopt = function(easy, _, name, value)
    if type(name) ~= "table" then return set(easy, name, value) end
    for _, option in ipairs { "share", "doh_url" } do
      if name[option] then set(easy, option, name[option]) end
    end
  end,
  unset = function(easy, _, name) set(easy, name, nil) end,
  reset = function(easy) set(easy, "doh_url", nil) end,
  dup = function(easy, copy) set(copy, "doh_url", urls[easy]) end,
}

-- object:method(...) was called, and returned result.
function doh.called(object, method, result, ...)
  local note = loses and methods[method]
  if note and result and curl.type(object) == "easy" then note(object, result, ...) end
end

return doh
