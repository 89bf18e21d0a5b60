-- Another Lua state in the process, which has rounds of its own at any moment of this one's, inside
-- of its callbacks, too; and ends at one of them.

local acts = require "spec.chaos.acts"
local native = require "spec.support.native"

local script = [[
  local seed, folder = ...
  local curl = require "curlsock"
  local go = require "spec.chaos.round"
  local random = require "spec.chaos.random"
  local w = require("spec.chaos.world").new(folder)
  w.policy = require("spec.chaos.callbacks").policy
  w.trace, w.null = io.open("/dev/null", "w"), io.open("/dev/null", "w")
  return function(number)
    go(w, random.stream(seed << 16 | number), "multi")
    return w.counts.transfers
  end]]

local states = {}

-- Ends it, if there is one.
function states.close(w)
  local state = w.state
  w.state = nil
  if state then native.close(state) end
end

-- Not within itself: it may be in the middle of a call.
acts.more(1, function(w, R)
  if w.in_state then return end
  debug.sethook() -- no interrupt may lose it
  w.in_state = true
  w.state = w.state or assert(native.state(script, R(1 << 30), w.folder))
  w:log "another state"
  local ok, text = native.call(w.state, R(1 << 16))
  w:log("of another state", ok, text)
  w:count "ok another state"
  if R(5) == 1 then states.close(w) end
  w.in_state = false
end)

return states
