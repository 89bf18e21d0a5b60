-- What the specs of curlsock.policy share: rules, and transfers under them.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local policy = require "curlsock.policy"
local transfers = require "spec.support.transfers"

local policies = {}

-- A guard that lets this host's loopback pass, and its UNIX sockets if they are named.
function policies.guard(options)
  local all = { allow = { "127.0.0.0/8", "::1" }, ports = "any", own = false }
  for key, value in pairs(options or {}) do all[key] = value end
  return policy.guard(all)
end

-- The body of a URL in a new multi under the rules, or nil, message, name.
function policies.fetch(rules, url, options)
  local multi <close> = curl.multi { policy = rules }
  return policies.fetch_in(multi, url, options)
end

-- The same in a multi.
function policies.fetch_in(multi, url, options)
  local easy <close> = easies.at(url, options)
  local body = {}
  local ok, message, name = multi:add(easy:setopt("writefunction", body))
  if ok then
    transfers.drive(multi)
    ok, message, name = transfers.only_result(multi)
    multi:remove(easy)
  end
  if ok then return table.concat(body) end
  return nil, message, name
end

-- A policy with that name that notes the hooks that are called, in order, in log.
function policies.noting(name, log, hooks)
  local noting = { name = name }
  for _, hook in ipairs(hooks) do
    local quiet = hook == "route" or hook == "make"
    noting[hook] = function()
      log[#log + 1] = ("%s %s"):format(name, hook)
      if not quiet then return true end
    end
  end
  return noting
end

return policies
