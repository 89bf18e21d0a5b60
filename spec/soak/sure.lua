-- Transfers that must succeed, unless the program itself prevents it: what they bring is known.

local call = require "spec.soak.call"
local easies = require "spec.soak.easies"
local process = require "spec.support.process"

local sure, ops = {}, {}

local answers = 4 -- of opensocketfunction, by which it is sure to get a socket (callback.lua)

-- op: "sure", slot, place, answer, upload; cb as for "easy". It has all the time that it needs.
function ops.sure(w, op)
  local place = w.places.sure[1 + op[3] % #w.places.sure]
  local inner = { "easy", op[2], 0, op[4] % answers, op[5] == 1 and 16 or 0, 0, cb = op.cb }
  easies.easy(w, inner)
  local e, h = call.get(w, "easy", op[2])
  local version = h.version
  version.sure, version.body = true, (place[2] .. "\n"):rep(place[3])
  if version.uploads then place, version.body = w.places.upload, nil end
  version.url = place[1]
  e:setopt { url = version.url, timeout_ms = 60000 * process.patience, connecttimeout_ms = 0 }
end

-- Whether nothing but the server has had a say in it.
function sure.is(w, h)
  local version = h.version
  return version.sure and version == h.began and not (version.meddled or version.shared)
    and not (h.closed or h.held or h.talks or w.stolen)
end

-- A transfer of the loop has ended.
function sure.check(w, l, h, ok, message)
  if ok or not l.loop.multi or not sure.is(w, h) then return end
  w:fail("%s fails, and nothing has prevented it: %s", h.id, message)
end

sure.ops = ops
return sure
