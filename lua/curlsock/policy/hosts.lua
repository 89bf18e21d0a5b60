-- Which hosts of a URL a policy is for.
local check = require "curlsock.policy.check"

local function any() return true end

--- A function of a target that says whether its host is in the list (or is the text); nil: all are.
local function matcher(name, list)
  if list == nil then return any end
  local set = {}
  for _, host in ipairs(check.list(list)) do
    if type(host) ~= "string" then check.fail(name, "host", "name, or a list of them", host) end
    set[host:lower()] = true
  end
  return function(target)
    local host = target.host
    return host ~= nil and set[host:lower()] == true
  end
end

return { matcher = matcher }
