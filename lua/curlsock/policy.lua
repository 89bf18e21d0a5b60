--- curlsock.policy: ready-made policies for the pools of curlsock, and how they compose.
--
--   local policy = require "curlsock.policy"
--   local rules = policy.compose { policy.guard(), policy.limit { per_host = 6 } }
--   local multi = curl.multi { policy = rules }
--
-- Each is a file in curlsock/policy, and is loaded when it is first used.
local policy = { compose = require "curlsock.policy.compose" }

local ready = {
  allow = true, bind = true, broker = true, fault = true, guard = true, limit = true, netns = true,
  route = true, trace = true, transport = true,
}

local function load(_, name)
  if not ready[name] then error(("there is no policy.%s"):format(tostring(name)), 2) end
  policy[name] = require("curlsock.policy." .. name)
  return policy[name]
end

return setmetatable(policy, { __index = load })
