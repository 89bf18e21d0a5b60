-- Operations on easies.

local callback = require "spec.soak.callback"
local call = require "spec.soak.call"
local curl = require "curlsock"
local attempt, get, method = call.attempt, call.get, call.method

local ops = {}

local flags = {
  reuse = 1, silent = 2, unseen = 4, verbose = 8, upload = 16, fresh = 32, active = 64,
}

local function has(number, flag)
  return number & flags[flag] ~= 0
end

-- op: name, slot, place, answer, flags. What the callbacks of these options do stays with them
-- when the easy is given others: that is a version.
local function options(w, op, easy)
  local version = { cb = op.cb or {}, counts = {}, answer = op[4] }
  -- Nobody is shown the socket on which FTP listens: it must be known from the beginning.
  if has(op[5], "active") and op[4] % 3 == 0 then version.answer = 1 end
  version.tells = not has(op[5], "silent")
  local o = callback.all(w, version)
  o.noprogress, o.verbose = false, has(op[5], "verbose")
  o.forbid_reuse, o.fresh_connect = has(op[5], "reuse"), has(op[5], "fresh")
  o.timeout_ms, o.happy_eyeballs_timeout_ms = 25, 4
  o.ftpport = has(op[5], "active") and "-" or nil
  if not version.tells then o.closesocketfunction = nil end
  -- Where only sockoptfunction tells which descriptor it is, there is one.
  local known = version.answer % 3 == 1 or version.answer == 2
  if known and has(op[5], "unseen") then o.sockoptfunction = nil end
  if easy then
    for _, name in ipairs { "closesocketfunction", "sockoptfunction", "ftpport" } do
      if not o[name] then easy:unset(name) end
    end
  end
  return o, version
end

-- What cannot be changed while it runs.
local function place(w, op, o, version)
  o.url, o.proxy, o.cainfo = w.places[1 + op[3] % #w.places], "", w.places.ca
  o.resolve = w.places.resolve
  version.ftp, version.whole = o.url:find "^ftp" ~= nil, o.url:find "/upload$" ~= nil
  if version.ftp then o.timeout_ms = 60 end -- to log in takes 10
  if has(op[5], "upload") then
    local left = 3
    o.upload, version.uploads = true, true
    o.readfunction = callback.on_data(w, version, "read", function()
      left = left - 1
      return left >= 0 and ("x"):rep(9000) or nil
    end)
  end
  return o
end

function ops.easy(w, op)
  local o, version = options(w, op)
  local easy = curl.easy(place(w, op, o, version))
  w:put("easy", op[2], easy).version = version
end

function ops.setopt(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  if h.closed then return method(w, h, e, "setopt", nil, {}) end
  local o, version = options(w, op, e)
  if w:running(h) == false and not h.multi then place(w, op, o, version) end
  e:setopt(o)
  h.version.shared = true
  h.version = version
end

function ops.perform(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  local before = h.opens
  h.version.paused = nil
  local ok, message = method(w, h, e, "perform", { "added", w:is_in(h) })
  if message then call.check_message(w, h, message) end
  if ok and not h.closed then
    local made, opened = e:getinfo "num_connects", h.opens - before
    if made > opened then
      w:fail("%s made %d connections: opensocketfunction was called %d times", h.id, made, opened)
    end
  end
end

function ops.reset(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  if method(w, h, e, "reset", { "added", w:is_in(h) }) then
    h.version = { cb = {}, counts = {}, answer = 0 }
  end
end

function ops.dup(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  local copy = attempt(w, {
    what = h.id .. ":dup", held = { h }, conditions = { { "closed", h.closed } },
  }, e.dup, e)
  if not copy then return end
  h.version.shared = true
  w:put("easy", op[3], copy).version = h.version
end

function ops.info(w, op)
  local e, h = get(w, "easy", op[2])
  if e then method(w, h, e, "getinfo", nil, "activesocket") end
end

-- The easy uses the share, or none (slot 0).
function ops.use(w, op)
  local e, h = get(w, "easy", op[2])
  local s, hs = get(w, "share", op[3])
  if not e then return end
  local old = h.share
  attempt(w, {
    what = h.id .. ":setopt share", held = { h, hs }, frame = { handle = h, unsure = true },
    conditions = {
      { "closed", h.closed }, { "share", hs and hs.closed },
      { "inside", hs and w:running(hs) }, { "inside", w:running(h) }, { "added", w:is_in(h) },
    },
    before = function() h.share = hs end,
    undo = function() h.share = old end,
    after = function()
      if old and h.share ~= old then w:leave(old) end
    end,
  }, e.setopt, e, "share", s)
end

return ops
