-- A policy that all pools of a program have. It lets everything in and counts: whatever libcurl
-- holds must have passed it.

local curl = require "curlsock"

local methods = {}

-- The Policy for the next pool; nil if the program has none.
function methods:police()
  if self.policed and not self.policy then
    local w = self
    w.passed, w.shown = 0, 0
    w.policy = curl.policy { name = "soak", open = function(purpose, address, easy)
      if not (purpose and address and (curl.type(easy) or ""):find "easy") then
        w:fail("open of the policy got %s, %s, %s", purpose, address, easy)
      end
      w.passed = w.passed + 1
      return true
    end, sockopt = function() return true end, request = function() end }
  end
  return self.policy
end

-- At rest: each descriptor that was lent is one that the policy has let in.
function methods:check_policed()
  if not self.policy then return end
  local opened = self.policy:stats().opened
  if opened < self.opened then
    self:fail("%d descriptors were lent, %d of them under the policy", self.opened, opened)
  elseif self.passed < opened then
    self:fail("%d descriptors were lent, the policy has let %d in", opened, self.passed)
  end
end

return methods
