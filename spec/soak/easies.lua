-- Operations on easies.

local callback = require "spec.soak.callback"
local call = require "spec.soak.call"
local curl = require "curlsock"
local attempt, get, method = call.attempt, call.get, call.method

local ops = {}

local flags = {
  reuse = 1, silent = 2, unseen = 4, verbose = 8, upload = 16, fresh = 32, active = 64, only = 128,
  url = 256, hsts = 512,
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
  o.connect_only = has(op[5], "only")
  o.hsts_ctrl = has(op[5], "hsts") and 1 or nil
  version.only = o.connect_only
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

-- A function that gives three pieces, and one that goes back to the first.
local function reader(w, version)
  local left = 3
  return callback.on_data(w, version, "read", function()
    left = left - 1
    return left >= 0 and ("x"):rep(9000) or nil
  end), function()
    left = 3
    return true
  end
end

-- The same as parts of a body.
local function parts(w, version, kind)
  local read, seek = reader(w, version)
  local part = { name = "a", read = read, seek = seek, size = kind % 2 == 0 and 27000 or nil }
  return { { data = "b", headers = { "X-A: b" } }, { parts = { part, { data = "c" } } } }
end

-- What is sent, and where the answer goes: functions, or what may stand in for them.
local function data(w, version, o, kind)
  local sources = {
    [0] = function() return (reader(w, version)) end,
    function() return ("x"):rep(27000) end,
    function() return w:file(("x"):rep(27000)) end,
  }
  if kind > 5 then
    version.uploads = true
    o.upload, o.mimepost = false, parts(w, version, kind)
  elseif version.uploads then
    o.readfunction = sources[kind % 3]()
  end
  if kind >= 3 and kind < 8 then o.writefunction = w:file "" end
end

-- A name is looked up by a thread, whose descriptors would get the numbers that are stolen.
local function allowed(w, number)
  local at = w.places[1 + number % #w.places]
  if at[2] ~= "nowhere" then return at end
  w.threads = w.threads or not w.stolen
  return w.threads and at or w.places[1]
end

-- What cannot be changed while it runs.
local function place(w, op, o, version)
  local at = allowed(w, op[3])
  o.url, o.proxy, o.cainfo = at[1], "", w.places.ca
  o.resolve, o.followlocation, o.redir_protocols_str = w.places.resolve, true, "http,https,ftp"
  version.fails, version.whole = at[2], o.url:find "/upload$" ~= nil
  version.ftp, version.file = o.url:find "ftp://" ~= nil, o.url:find "^file" ~= nil
  o.use_ssl = o.url:find(w.places.ftps, 1, true) and "all" or "none"
  -- To log in takes 10 and more; vsftpd itself waits 200 over TLS.
  if version.ftp then o.timeout_ms = o.use_ssl == "all" and 400 or 60 end
  o.http_version = at[3] or "2tls"
  if at[3] then o.timeout_ms = 400 end
  version.uploads = has(op[5], "upload")
  o.upload = version.uploads
  data(w, version, o, op[6] or 0)
  version.data = { writefunction = o.writefunction, headerfunction = o.headerfunction,
    readfunction = o.readfunction }
  if has(op[5], "url") then o.url = assert(curl.url(o.url)) end
  return o
end

function ops.easy(w, op)
  local o, version = options(w, op)
  place(w, op, o, version).policy = w:police()
  local easy = curl.easy(o)
  w:put("easy", op[2], easy).version = version
end

-- Where the transfer goes, whatever its callbacks are by now.
local function stays(version, old)
  for _, name in ipairs { "fails", "whole", "ftp", "file", "uploads", "data", "ssh" } do
    version[name] = old[name]
  end
end

function ops.setopt(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  if h.closed then return method(w, h, e, "setopt", nil, {}) end
  local o, version = options(w, op, e)
  if w:running(h) == false and not h.multi then
    place(w, op, o, version)
    e:unset "mimepost"
  else
    stays(version, h.version)
  end
  e:setopt(o)
  h.version.shared = true
  h.version = version
end

function ops.perform(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  local before, began, multi = h.opens, h.began, h.multi
  local ok, message = attempt(w, {
    what = h.id .. ":perform", held = { h }, frame = { handle = h },
    conditions = {
      { "closed", h.closed }, { "inside", w:running(h) }, { "added", w:is_in(h) },
      { "talks", h.talks },
    },
    before = function()
      call.begin(h)
      h.multi, h.parting = nil, nil -- or it will be refused
    end,
    undo = function(refusal)
      if refusal then h.began, h.multi = began, multi end
    end,
    after = function()
      h.last, h.alone = h.share and h.share.connect and h.share or h, true
    end,
  }, e.perform, e)
  if message then call.check_message(w, h, message) end
  if ok then call.check_success(w, h) end
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
    h.version, h.last = { cb = {}, counts = {}, answer = 0 }, nil
  end
end

function ops.dup(w, op)
  local e, h = get(w, "easy", op[2])
  if not e or h.streams then return end
  local copy = attempt(w, {
    what = h.id .. ":dup", held = { h }, frame = { handle = h }, -- hstsreadfunction is called in it
    conditions = { { "closed", h.closed } },
  }, e.dup, e)
  if not copy then
    w.unborn = w.unborn + 1
    return
  end
  h.version.shared = true
  w:put("easy", op[3], copy).version = h.version
end

local function is_lent(w, fd, pool)
  for _, entry in ipairs(curl.sockets()) do
    local socket = entry.socket
    if socket and socket:fd() == fd and w.of[entry.pool] == pool then return true end
  end
end

-- The connection that a transfer with connect_only has made: one of its pool, and of no other. (In
-- a multi, nobody says when a transfer has ended; and of an easy that has performed on its own
-- libcurl looks in the pool of then.)
function ops.info(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  local pool = w:pool_of(h)
  local elsewhere = h.last and h.last ~= pool and (not h.multi or "maybe")
  local fd = attempt(w, {
    what = h.id .. ":getinfo", held = { h }, frame = { handle = h },
    conditions = {
      { "closed", h.closed }, { "inside", w:running(h) }, { "elsewhere", elsewhere },
      { "strange", (w.stolen or h.alone and h.multi) and "maybe" },
    },
  }, e.getinfo, e, "activesocket")
  if fd and not is_lent(w, fd, pool) then w:fail("%s is said to have socket %d", h.id, fd) end
end

-- BAD_FUNCTION_ARGUMENT says that there is nothing to do it with, and is no misuse here.
local function mild(f)
  return function(...)
    local result, message, name = f(...)
    if name == "BAD_FUNCTION_ARGUMENT" then return nil end
    return result, message, name
  end
end

-- op: "hold", slot, what, whether it goes on. Who has been told to go on is paused no longer.
function ops.hold(w, op)
  local e, h = get(w, "easy", op[2])
  if not e or h.version.sure then return end
  local name = op[4] == 1 and "unpause" or "pause"
  attempt(w, {
    what = h.id .. ":" .. name, held = { h }, frame = { handle = h },
    conditions = {
      { "closed", h.closed }, { "telling", h.multi and h.multi.raw and w.calls > 0 and "maybe" },
    },
    before = function()
      if name == "unpause" then h.version.paused = nil else h.held = true end
    end,
  }, mild(e[name]), e, ({ [0] = "all", "recv", "send" })[op[3] % 3])
end

local words = {
  [0] = { "send", "GET / HTTP/1.0\r\n\r\n" }, { "recv" }, { "ws_send", "hello", "text" },
  { "ws_recv" },
}

-- op: "talk", slot, which. From the first byte on the connection is the script's.
function ops.talk(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  local word, begun = words[op[3] % 4], false
  local name = word[1]
  local pool = w:pool_of(h)
  local last = h.last and h.last ~= pool and (not h.multi or "maybe")
  attempt(w, {
    what = h.id .. ":" .. name, held = { h }, frame = { handle = h },
    conditions = {
      { "closed", h.closed }, { "inside", w:running(h) },
      { "plain", (not h.version.only or h.version.shared) and "maybe" }, { "elsewhere", last },
      { "strange", (w.stolen or h.alone and h.multi) and "maybe" }, { "another", "maybe" },
      { "http2", "maybe" },
    },
    after = function() h.talks = begun or h.talks end,
  }, function()
    local result, message, why = e[name](e, word[2], word[3])
    begun = why ~= "BAD_FUNCTION_ARGUMENT" and (op[3] % 4 < 2 or "maybe")
    if begun then return result, message, why end
  end)
end

function ops.upkeep(w, op)
  local e, h = get(w, "easy", op[2])
  if e then method(w, h, e, "upkeep") end
end

-- The headers of its last transfer, or what has come of the running one.
function ops.headers(w, op)
  local e, h = get(w, "easy", op[2])
  if not e then return end
  local list = attempt(w, {
    what = h.id .. ":headers", held = { h }, conditions = { { "closed", h.closed } },
  }, e.headers, e, "any")
  for _, pair in ipairs(list or {}) do
    if type(pair[1]) ~= "string" or type(pair[2]) ~= "string" then w:fail("%s: no header", h.id) end
  end
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
      { "talks", h.talks },
    },
    before = function() h.share = hs end,
    undo = function() h.share = old end,
    after = function()
      if old and h.share ~= old then w:leave(old) end
    end,
  }, e.setopt, e, "share", s)
end

return ops
