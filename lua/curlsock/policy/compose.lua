--- policy.compose{ p1, p2, ... }: rules from small policies. Each is a table with a name and some
-- of these hooks. Their phases are fixed, so that the order of the list opens no hole; within a
-- phase the order is the list's.
--   name                              stands before each reason
--   fence                             easy options that are forced, by name: a value; false (it
--                                     must be unset); a function that says whether what the script
--                                     has set may stay; or { value, function }
--   start(easy, url, hop)             asked before a request, and before each redirect
--   route(address, target, easy)      an Address to dial in the place of this one; nil: not mine
--   judge(address, target, easy)      asked about every address. It gets a copy
--   make(address, target, easy)       a Socket for it, and an Address if it is to be connected to
--                                     another; nil: not mine
--   prepare(socket, address, easy)    asked before it is connected, after the easy's own callback
--   accept(socket, peer, easy)        asked about a socket that FTP has accepted
--   opened(socket, address, easy)     is told
--   request(socket, easy, kept)       is told, before each request: on a new connection or a kept
--                                     one
--   closed(socket)                    is told
--   refused(refusal, easy)            is told of each { policy=, reason=, address= }
-- What is asked says yes by true and by nothing else; nil and a reason refuses, as does anything
-- else, two that answer route or make, and an address that was changed after it was judged. What a
-- hook throws fails the transfer. Hooks cannot wait. closed follows each opened once, with the same
-- Socket: a weak table holds what a policy remembers of it.
-- target has host and port, as the URL has them, and kind: "origin", "proxy", "data" (of FTP),
-- "listen" or "unknown".
-- A policy may also have
--   admit(easy, loop)   asked by a loop before it begins a transfer: true, seconds to wait, or nil
--                       and a reason
--   join(list)          what it is in this composition: a table of hooks, made for it
--   allows              places that a guard lets pass
--   body, header, pool  limits of the core: bytes of a body, of headers, options of the multi
--   opener              true: its make answers for every address. There can be one
--   reads_only          true: its hooks neither change nor keep an address, and need no copy
--   trusted             true: a Socket that it makes stands for the address that was judged: it is
--                       not judged by its peer, nor prepared
-- Raises an error for unknown hooks, two openers, and options that two fence differently.
-- -> Rules
local check = require "curlsock.policy.check"
local curl = require "curlsock"
local opening = require "curlsock.policy.opening"
local rules_of = require "curlsock.policy.rules"

local hooks = {
  "start", "route", "judge", "make", "prepare", "accept", "opened", "request", "closed", "refused",
  "admit", "join",
}
local others = {
  name = "string", fence = "table", allows = "table", body = "integer", header = "integer",
  pool = "table",
  opener = "boolean", reads_only = "boolean", trusted = "boolean",
}
local kinds = {}
for name, kind in pairs(others) do kinds[name] = kind end
for _, name in ipairs(hooks) do kinds[name] = "function" end

local function check_policy(policy, place)
  if type(policy) ~= "table" then check.fail("compose", "policy " .. place, "table", policy) end
  if type(policy.name) ~= "string" or policy.name == "" then
    check.fail("compose", "name of policy " .. place, "string", policy.name)
  end
  for key, value in pairs(policy) do
    local kind = kinds[key]
    if not kind then
      error(("compose: policy %s has no hook '%s'"):format(policy.name, tostring(key)), 0)
    end
    check.value("compose", ("%s of policy %s"):format(key, policy.name), kind, value)
  end
  return policy
end

-- A list is of options that take lists, and these come together. (A pair is none: fences.lua.)
local function is_list(value)
  return type(value) == "table" and type(value[2]) ~= "function"
end

-- Adds the fence of a policy; owners: who has said what.
local function add_fence(fence, owners, policy)
  for option, value in pairs(policy.fence or {}) do
    local old = fence[option]
    if is_list(value) and (old == nil or is_list(old)) then
      fence[option] = table.move(value, 1, #value, #(old or {}) + 1, old or {})
    elseif old ~= nil and old ~= value then
      error(("compose: policies %s and %s fence option '%s' differently"):format(owners[option],
        policy.name, option), 0)
    else
      fence[option] = value
    end
    owners[option] = owners[option] or policy.name
  end
end

-- The hooks of that name: { functions, policies of each }.
local function phase(list, name)
  local functions, owners = {}, {}
  for _, policy in ipairs(list) do
    if policy[name] then
      functions[#functions + 1], owners[#owners + 1] = policy[name], policy
    end
  end
  return { f = functions, policy = owners, n = #functions }
end

local function join(list)
  local joined, opener = {}, nil
  for i, policy in ipairs(list) do
    local own = policy.join and policy.join(list) or policy
    joined[i] = check_policy(own, i)
    if own.opener and opener then
      error(("compose: both %s and %s open every socket"):format(opener, own.name), 0)
    end
    opener = opener or own.opener and own.name
  end
  return joined
end

-- The least of what policies say of a limit.
local function least(old, new)
  return old and new and math.min(old, new) or old or new
end

local function limits_of(list)
  local body, header, pool = nil, nil, nil
  for _, policy in ipairs(list) do
    body, header = least(body, policy.body), least(header, policy.header)
    for option, value in pairs(policy.pool or {}) do
      pool = pool or {}
      pool[option] = least(pool[option], value)
    end
  end
  return body, header, pool
end

local function compose(list)
  if type(list) ~= "table" then check.fail("compose", "argument", "list of policies", list) end
  local count = 0
  for _ in pairs(list) do count = count + 1 end
  if count ~= #list then error("compose: a list of policies expected, and nothing else", 0) end
  for i, policy in ipairs(list) do check_policy(policy, i) end
  local joined, fence, owners, phases = join(list), {}, {}, {}
  for _, policy in ipairs(joined) do add_fence(fence, owners, policy) end
  for _, name in ipairs(hooks) do phases[name] = phase(joined, name) end
  local rules = rules_of.new(phases, fence)
  local core = opening.hooks(rules)
  core.fence, core.admit = fence, rules.admit
  core.max_body, core.max_header, core.pool = limits_of(joined)
  rules.policy = curl.policy(core)
  return rules
end

return compose
