-- What may happen at any moment: between transfers, inside every callback, in a finalizer, in a
-- coroutine.

local curl = require "curlsock"
local names = require "spec.chaos.options"
local random = require "spec.chaos.random"
local surface = require "spec.support.surface"
local value = require "spec.chaos.values"

local pick, stream = random.pick, random.stream
local acts = {}

-- Sets an option to something that it takes, if there is such a thing among a few.
function acts.setopt(w, R, e)
  local name = pick(R, names.options)
  for _ = 1, 4 do
    local ok, done = w:try(e, "setopt", name, value(R))
    if ok and done then break end
  end
  if R(5) == 1 then w:try(e, "unset", name) end
end

local methods = {
  socket = { "accept", "bind", "connect", "fd", "getsockopt", "setsockopt", "info", "listen",
    "localaddress", "peeraddress", "recv", "send", "state", "detach" },
}

-- Handles are closed by an act of their own.
for _, kind in ipairs(surface.handles) do
  methods[kind] = {}
  for _, method in ipairs(surface.sorted(surface.methods[kind])) do
    if method ~= "close" then table.insert(methods[kind], method) end
  end
end

methods.url = { "dup", "get", "set" }

-- What would wait for ever is told for how long.
local bounded = {
  poll = { 0.01 }, accept = { 0.01 }, recv = { 100, 0.01 }, send = { "x", 0.01 },
  connect = { "127.0.0.1:80", 0.01 },
}

-- The arguments of a call: right ones, or a few of anything.
local function arguments_of(w, R, kind, method)
  if bounded[method] then return bounded[method] end
  local entry = surface.methods[kind][method]
  if R(2) == 1 then
    return (surface.arguments(entry, { easy = w:any(R, "easy"), address = "127.0.0.1:0" }))
  end
  local arguments = {}
  for i = 1, R(0, 3) do
    local handle = R(3) == 1 and w:any(R, pick(R, { "easy", "multi", "share", "socket" }))
    arguments[i] = handle or value(R)
  end
  return arguments
end

-- Any method with anything.
function acts.call(w, R)
  local kind = pick(R, { "easy", "easy", "multi", "share", "socket", "url" })
  local object, method = w:any(R, kind), pick(R, methods[kind])
  if not object or method == "perform" then return end
  local arguments = arguments_of(w, R, kind, method)
  if method == "detach" then debug.sethook() end -- no interrupt may lose what it returns
  local ok, fd = w:try(object, method, table.unpack(arguments))
  if method == "detach" and ok and fd then w:keep(R, "socket", curl.adopt(fd)) end
end

-- A transfer inside of whatever runs.
function acts.perform(w, R)
  local e = w:any(R, "easy")
  if not e or w.depth > 3 then return end
  w.depth = w.depth + 1
  w:try(e, "setopt", "timeout_ms", 100)
  w:try(e, "perform")
  w.depth = w.depth - 1
end

function acts.socket(w, R)
  local one, other = curl.socketpair()
  w:keep(R, "socket", one)
  if R(2) == 1 then w:keep(R, "socket", other) end
end

function acts.sockets(w, R)
  for _, s in ipairs(curl.sockets()) do
    w:try(s.socket, pick(R, methods.socket))
    w:try(s.socket, "close")
    tostring(s.pool)
  end
end

function acts.collect(_, R)
  collectgarbage(pick(R, { "collect", "step", "generational", "incremental" }))
end

function acts.finalizer(w, R)
  local own = stream(R(1 << 40))
  setmetatable({}, { __gc = function() pcall(acts.any, w, own) end })
end

local function share(w, R)
  local s = w:any(R, "share")
  if R(2) == 1 or not s then
    local data = pick(R, { { "connect", "dns" }, { "connect", "ssl_session", "cookie" },
      { "connect" }, { "cookie", "psl", "hsts" } })
    local policy = w.policy and data[1] == "connect" and R(4) == 1 and w.policy(w, R) or nil
    s = w:keep(R, "share", curl.share { share = data, policy = policy })
  end
  return s
end

acts.share = share

-- Who is told of all connections of the state, and acts on that now and then.
local function trace(w, R)
  local own = stream(R(1 << 40))
  w:log "trace"
  curl.trace(R(3) > 1 and function()
    if own(200) == 1 then acts.any(w, own) end
  end or nil)
end

local function pause(w, R, e)
  w:try(e, pick(R, { "pause", "unpause", "unpause" }), pick(R, { "recv", "send", "all" }))
end

-- On the connection that connect_only has left.
function acts.talk(w, R, e)
  local calls = { { "send", "GET / HTTP/1.1\r\n\r\n" }, { "recv" }, { "recv", 1 }, { "socket" },
    { "ws_send", "text", "text" }, { "ws_send", "x", "close" }, { "ws_recv" }, { "upkeep" },
    { "perform" }, { "getinfo", "activesocket" }, { "close_idle" }, { "dup" } }
  for _ = 1, R(6) do
    local call = pick(R, calls)
    local ok, done = w:try(e, table.unpack(call))
    if ok and done and call[1] ~= "dup" then w:count("ok " .. call[1]) end
    if ok and done and call[1] == "dup" then w:keep(R, "easy", done) end
  end
end

local function infos(w, R, e)
  for _ = 1, 3 do
    w:try(e, "getinfo", pick(R, names.infos))
  end
  w:try(e, "getinfo", "activesocket")
  w:try(e, "header", pick(R, { "content-type", "location", "set-cookie" }), "any")
  w:try(e, "headers", pick(R, { "header", "trailer", "connect", "1xx", "pseudo", "any" }))
end

local function copy(w, R, e)
  local ok, d = w:try(e, "dup")
  if ok and d then w:keep(R, "easy", d) end
end

local function use_share(w, R, e)
  if R(3) == 1 then w:try(e, "unset", "share") else w:try(e, "setopt", "share", share(w, R)) end
end

local function membership(w, R, e)
  local m = w:any(R, "multi")
  if m then w:try(m, R(2) == 1 and "add" or "remove", e) end
end

local function pump(w, R)
  local m = w:any(R, "multi")
  if m then w:try(m, "perform") end
end

local function scope(w, _, e)
  w:log("<close>", e)
  local _ <close> = e
end

local function coroutines()
  local co = coroutine.create(function()
    local _ <close> = setmetatable({}, { __close = function() error "closed" end })
    coroutine.yield()
  end)
  coroutine.resume(co)
  coroutine.close(co)
end

-- Each with how often; "here" acts on the easy whose callback it is.
local table_of = {
  { 8, acts.setopt }, { 4, infos }, { 2, copy }, { 1, scope }, { 2, use_share }, { 3, membership },
  { 1, function(w, _, e) w:try(e, "close") end }, { 1, function(w, _, e) w:try(e, "reset") end },
  { 6, acts.call }, { 2, acts.perform }, { 1, acts.socket }, { 1, acts.sockets },
  { 3, acts.collect }, { 4, pause }, { 1, acts.finalizer }, { 2, pump }, { 1, coroutines },
  { 1, trace },
  { 1, function(w, R)
    local kind = pick(R, { "easy", "multi", "share", "socket", "loop" })
    local h = w:any(R, kind)
    if h then w:try(h, "close") end
  end },
  { 1, function(w, R) w:log "throws" error(pick(R, { "boom", {}, false, 1,
    setmetatable({}, { __tostring = function() error "no text" end }) }), 0) end },
  { 1, function() error(nil) end },
  { 1, function() coroutine.yield(1) end },
}

local bag = {}

-- What others have beside these, and how often.
function acts.more(weight, f)
  for _ = 1, weight do
    bag[#bag + 1] = f
  end
end

for _, entry in ipairs(table_of) do
  acts.more(entry[1], entry[2])
end

-- One of them. It may raise.
function acts.any(w, R, e)
  e = e or w:any(R, "easy")
  if e and not w.ending then pick(R, bag)(w, R, e) end
end

return acts
