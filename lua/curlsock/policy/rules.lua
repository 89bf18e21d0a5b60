--- rules.policy, rules.admit: what policy.compose returns tells what the Policy has decided.
--   policy   the Policy; a pool takes the rules themselves as well (curl.multi{ policy = rules })
--   admit    what a loop asks before it begins a transfer, if a policy has it
-- -> any
local check = require "curlsock.policy.check"
local curl = require "curlsock"
local opening = require "curlsock.policy.opening"
local target = require "curlsock.policy.target"

local Rules = {}
Rules.__index = Rules

local function weak()
  return setmetatable({}, { __mode = "k" })
end

-- ---- a refusal ---------------------------------------------------------------------------------

local function shown(value)
  if type(value) == "string" then return ("%q"):format(value) end
  return value == nil and "nothing" or tostring(value)
end

-- The reason of a hook that has not said yes.
local function reason_of(answer, why)
  if why ~= nil and not answer then return tostring(why) end
  if not answer then return "it gives no reason" end
  return ("it answered %s, and only true is a yes"):format(shown(answer))
end

-- Notes a refusal of the easy (nil: rules:ask): what a hook of the Policy returns.
function Rules:refuse(easy, name, address, answer, why)
  local reason = reason_of(answer, why)
  if easy then
    local list, transfer = self.refusals[easy], self.transfers[easy]
    if not list or list.transfer ~= transfer then list = { transfer = transfer } end
    local refusal = { policy = name, reason = reason, address = address and tostring(address) }
    self.refusals[easy] = list
    list[#list + 1] = refusal
    self.refused[name] = (self.refused[name] or 0) + 1
    local told = self.phases.refused
    for i = 1, told.n do told.f[i](refusal, easy) end
  end
  return nil, name .. ": " .. reason
end

-- Asks all hooks of a phase: true, or what refuse returns.
function Rules:ask_all(phase, easy, address, ...)
  for i = 1, phase.n do
    local answer, why = phase.f[i](...)
    if answer ~= true then return self:refuse(easy, phase.policy[i].name, address, answer, why) end
  end
  return true
end

-- ---- for the script ----------------------------------------------------------------------------

--- rules:why(easy): the refusals of its last transfer that had any, in their order: each
--   policy    its name
--   reason    a text
--   address   a text, or nil
-- -> Refusal[]
function Rules:why(easy)
  return table.move(self.refusals[easy] or {}, 1, #(self.refusals[easy] or {}), 1, {})
end

--- rules:stats(): what the core counts of the sockets of all pools with these rules (asked, opened,
-- refused) and of transfers that needed none (reused), and by_policy: how often each has refused.
-- -> table<string, any>
function Rules:stats()
  local stats = self.policy:stats()
  stats.by_policy = {}
  for name, count in pairs(self.refused) do stats.by_policy[name] = count end
  return stats
end

local known = { url = true, address = true, kind = true }
local kinds = { origin = true, proxy = true, data = true, listen = true, unknown = true }

-- The address that a URL writes as a number, with its port; nil for a name.
local function address_in(text)
  local url = assert(curl.url(text, "guess_scheme", "non_support_scheme"))
  local host, port = url:get("host"), url:get("port", "default_port")
  local ok, address = pcall(curl.address, ("%s:%s"):format(host, port))
  return ok and address or nil
end

--- rules:ask{ url =, address =, kind = }: what the rules say, without a socket: start about the
-- URL, then route and judge about the address (an Address or text; by default what the URL writes
-- as a number; a name is not resolved). kind is "origin" by default. Returns true, or nil, reason,
-- name of the policy. Raises an error if it is given anything else.
-- -> true | nil, reason: string, policy: string
function Rules:ask(question)
  question = check.options("ask", question, known)
  local url, address, kind = question.url, question.address, question.kind or "origin"
  if not kinds[kind] then check.fail("ask", "kind", "kind of a target", kind) end
  check.value("ask", "url", "string", url)
  if address == nil and url then address = address_in(url) end
  if address and curl.type(address) ~= "address" then address = curl.address(address) end
  local ok, why = self:ask_url(url)
  if ok and address then
    ok, why = opening.decide(self, address:copy(), target.said(kind, url))
  end
  if ok then return true end
  return nil, why, why:match("^(.-): ")
end

function Rules:ask_url(url)
  if not url then return true end
  return self:ask_all(self.phases.start, nil, nil, nil, url, 0)
end

--- rules:revoke(): takes back what was let in: idle connections of the pools with these rules
-- are closed, and those in use are not used again. Returns how many were closed.
-- -> closed: integer
function Rules:revoke()
  return self.policy:revoke()
end

-- What a loop asks: true, seconds, or what refuse returns.
local function admission(rules)
  local phase = rules.phases.admit
  if phase.n == 0 then return nil end
  return function(easy, loop)
    for i = 1, phase.n do
      local answer, why = phase.f[i](easy, loop)
      if math.type(answer) then return answer end
      if answer ~= true then
        return rules:refuse(easy, phase.policy[i].name, nil, answer, why)
      end
    end
    return true
  end
end

--- The rules of policies with these phases, whose options have this fence. They have no Policy yet.
local function new(phases, fence)
  local rules = setmetatable({
    phases = phases, never_proxy = fence.proxy == "", refused = {},
    refusals = weak(), transfers = weak(), -- by easy; which transfer of it opened a socket last
  }, Rules)
  rules.admit = admission(rules)
  return rules
end

return { new = new }
