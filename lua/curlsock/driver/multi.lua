-- The multi of a loop, from the loop's options.
local curl = require "curlsock"

--- What the loop's options are to the multi; policy is looked at by admission.lua.
local function new_multi(options)
  local own = {}
  for name, value in pairs(options or {}) do own[name] = value end
  own.policy = nil
  return assert(curl.multi(own))
end

return { new = new_multi }
