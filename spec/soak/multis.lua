-- Operations on multis and shares.

local call = require "spec.soak.call"
local called = require("spec.soak.callback").called
local curl = require "curlsock"
local surface = require "spec.support.surface"
local target = require("spec.soak.lent").target
local attempt, get, method = call.attempt, call.get, call.method

local ops = {}

local function watch(w, h)
  h.watched, h.watches = {}, {}
  local options = {
    socketfunction = function(fd, events)
      h.watched[fd], h.watches[fd] = events, events and target(fd)
      called(w, h.version, "watch", {})
    end,
    timerfunction = function()
      local verdict = called(w, h.version, "timer", {})
      if verdict.throw then error(verdict.throw, 0) end
    end,
  }
  for _, name in ipairs(surface.multi_callbacks) do
    assert(options[name], name .. " is not in spec/soak/multis.lua")
  end
  return options
end

-- op: "multi", slot, mode (bit 1: raw, bit 2: pollfd), maxconnects.
function ops.multi(w, op)
  local multi = curl.multi { maxconnects = op[4], policy = w:police() }
  local h = w:put("multi", op[2], multi)
  h.version = { cb = op.cb or {}, counts = {} }
  h.raw = op[3] & 1 ~= 0
  if h.raw then multi:setopt(watch(w, h)) end
  if op[3] & 2 ~= 0 then h.fd = method(w, h, multi, "pollfd") end
end

-- libcurl 7.88 loses the sessions that an easy has when it comes to share them (a leak).
local keeps_sessions = curl.version_info().version_num >= 0x080e00
local several = { "connect", "dns", "cookie", keeps_sessions and "ssl_session" or nil }
local kinds = { "connect", several, "dns" }

function ops.share(w, op)
  local which = 1 + op[3] % #kinds
  local share = curl.share { share = kinds[which], policy = which < 3 and w:police() or nil }
  w:put("share", op[2], share).connect = which < 3
end

function ops.add(w, op)
  local m, hm = get(w, "multi", op[2])
  local e, h = get(w, "easy", op[3])
  if not m or not e then return end
  local already = h.multi
  attempt(w, {
    what = ("%s:add %s"):format(hm.id, h.id), held = { hm, h }, frame = { handle = hm },
    conditions = {
      { "closed", hm.closed }, { "inside", w:running(hm) },
      { "closed", h.closed }, { "inside", w:running(h) }, { "added", w:is_in(h) },
      { "talks", h.talks },
    },
    before = function()
      h.multi = hm
      call.begin(h)
    end,
    undo = function() h.multi = already end,
  }, m.add, m, e)
end

local function absent(inside)
  return inside == "maybe" and inside or not inside
end

local function remove(w, m, hm, e)
  local h = w.of[e]
  attempt(w, {
    what = ("%s:remove %s"):format(hm.id, h.id), held = { hm, h }, frame = { handle = hm },
    conditions = {
      { "closed", hm.closed }, { "inside", w:running(hm) },
      { "closed", h.closed }, { "absent", absent(w:is_in(h, hm)) },
    },
    after = function() h.multi, h.last = nil, nil end,
  }, m.remove, m, e)
end

function ops.remove(w, op)
  local m, hm = get(w, "multi", op[2])
  local e = get(w, "easy", op[3])
  if m and e then remove(w, m, hm, e) end
end

-- One round of driving; how many transfers run, or nil.
local function step(w, m, hm)
  if hm.fd then
    method(w, hm, m, "poll", nil, 0.002)
    return method(w, hm, m, "socket_action", nil, hm.fd, "r")
  elseif not hm.raw then
    method(w, hm, m, "poll", nil, 0.002)
    return method(w, hm, m, "perform")
  end
  local running = method(w, hm, m, "socket_action")
  for _, entry in ipairs(curl.sockets()) do
    local fd = entry.socket and entry.socket:fd()
    local events = hm.watched[fd]
    if events then running = method(w, hm, m, "socket_action", nil, fd, events) end
  end
  return running
end

-- The results so far: the easies; what a callback threw is what comes.
local function results(w, m, hm)
  local next_result, state = method(w, hm, m, "results")
  local list = {}
  if not next_result then return list end
  for e, ok, message, name in next_result, state do
    local h = w.of[e]
    w:expect(hm, h.multi, "the multi of a result of %s", h.id)
    if not ok and name == "CALLBACK" then call.check_error(w, h.id .. "'s result", message, 0) end
    if call.is_misuse(name, { h }) then w:fail("%s: %s, %s", h.id, message, name) end
    if not ok and name ~= "CALLBACK" then call.check_message(w, h, message) end
    if ok then call.check_success(w, h) end
    list[#list + 1] = e
  end
  return list
end

-- op: "drive", slot, rounds, whether easies that are done are removed.
function ops.drive(w, op)
  local m, hm = get(w, "multi", op[2])
  if not m then return end
  for _ = 1, op[3] do
    local running = step(w, m, hm)
    if not running or running == 0 or w.failure then break end
  end
  for _, e in ipairs(results(w, m, hm)) do
    if op[4] == 1 and w.of[e].multi == hm then remove(w, m, hm, e) end
  end
end

return ops
