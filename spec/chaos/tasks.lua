-- What goes on in a loop beside plain transfers: tasks and groups, streams, WebSockets, fetch. Each
-- may be left, ended or asked for anything at any moment.

local acts = require "spec.chaos.acts"
local callbacks = require "spec.chaos.callbacks"
local fetch = require "curlsock.fetch"
local parts = require "spec.chaos.parts"
local place = require "spec.chaos.places"
local random = require "spec.chaos.random"
local value = require "spec.chaos.values"

local pick = random.pick

-- ---- streams and WebSockets ---------------------------------------------------------------------

local stream_calls = {
  { "headers" }, { "read" }, { "read" }, { "read", 10 }, { "read", "l" }, { "read", "a" },
  { "write", "hello world\n" }, { "write", ("w"):rep(70000) }, { "finish" }, { "close" },
}

local websocket_calls = {
  { "recv", 0.1 }, { "recv", 0.1 }, { "send", "text" }, { "send", ("b"):rep(70000), "binary" },
  { "ping", "p" }, { "close", 4000, "bye" },
}

-- Some of the calls on what was made; the name is what is counted.
local function use(w, R, name, made, calls)
  w:keep(R, "stream", made)
  for _ = 1, R(0, 8) do
    local call = pick(R, calls)
    local ok, done = w:try(made, table.unpack(call))
    if ok and done then w:count(("ok %s:%s"):format(name, call[1])) end
    if R(10) == 1 then acts.any(w, R) end
  end
  if R(3) == 1 then w:try(made, "close") end
end

local function stream(w, R, loop, e)
  local options = pick(R, { {}, {}, { limit = R(70000) }, { upload = false },
    { seconds = R(50) / 100 }, { limit = value(R) } })
  local ok, made = w:try(loop, "stream", e, options)
  if ok and made then use(w, R, "stream", made, stream_calls) end
end

local function websocket(w, R, loop, e)
  local target = R(3) > 1 and e
    or { url = "ws://127.0.0.1/", proxy = "", timeout_ms = 1000, nosignal = true }
  local options = pick(R, { { seconds = 0.3 }, { seconds = 0.3, max = R(10) }, { max = value(R) } })
  local ok, made = w:try(loop, "websocket", target, options)
  if ok and made then use(w, R, "websocket", made, websocket_calls) end
end

-- ---- fetch --------------------------------------------------------------------------------------

local bodies = {
  function(w, R, e) return "multipart", parts(w, R, e) end,
  function() return "form", { a = { 1, 2 }, b = "c" } end,
  function() return "json", "{}" end,
  function() return "body", "hello world\n" end,
  function(w, R, e) return "body", callbacks.new(w, R, "readfunction", e) end,
  function(_, R) return pick(R, { "body", "form", "json", "headers", "query" }), value(R) end,
}

-- R decides about all of it before anything is fetched.
local function fetching(w, R, loop, e)
  local options = place(R, w.folder)
  local o = {
    loop = R(2) == 1 and loop or nil, timeout = R(40) / 100, retries = R(0, 2), curl = options,
    method = pick(R, { false, "GET", "PUT", "DELETE" }) or nil,
    redirects = pick(R, { 5, 0, false, true }), headers = { ["X-A"] = { "b", "" } },
    query = R(3) == 1 and { q = "a b" } or nil,
  }
  options.timeout_ms, options.nosignal = 1000, true
  options.ssl_verifypeer, options.ssl_verifyhost = false, false
  if R(2) == 1 then
    local name, body = pick(R, bodies)(w, R, e)
    o[name] = body
  end
  if R(4) == 1 then o.to = callbacks.new(w, R, "writefunction", e) end
  if R(6) == 1 then o.policy = callbacks.policy(w, R) end
  w:log("fetch", options.url, o)
  local ok, response, _, name = pcall(fetch, options.url, o)
  w:log("fetched", ok, response, name)
  if ok and response then w:count "ok fetch" end
end

-- ---- tasks --------------------------------------------------------------------------------------

-- Waits for one of this loop's, or ends it. (Who waits for another loop's has to run that.)
local function meet(w, R, kind, loop)
  local other = w:any(R, kind)
  if other and other.driver == loop then w:try(other, pick(R, { "wait", "cancel" }), 0.05) end
end

local steps = {
  function(w, R, loop) w:try(loop, "sleep", R(0, 3) / 100) end,
  function(w, R, loop)
    local s = w:any(R, "socket")
    if s then w:try(loop, "wait", s, pick(R, { "r", "w", "rw" }), R(5) / 100) end
  end,
  function(w, R, loop, e)
    local ok, done, _, name = w:try(loop, "perform", e, R(30) / 100)
    if ok then w:result(e, done, name) end
  end,
  stream, stream, websocket, fetching,
  function(w, R, _, e) acts.any(w, R, e) end,
  function(w, R) acts.any(w, R) end,
  function() coroutine.yield() end,
  function(w, R, loop) meet(w, R, "task", loop) end,
  function(w, R, loop) meet(w, R, "group", loop) end,
}

local function work(w, R, loop, e)
  for _ = 1, R(4) do
    pick(R, steps)(w, R, loop, e)
  end
  w:count "ok task"
  return R(9)
end

local function spawn(w, R, loop, e)
  local group = R(3) == 1 and w:keep(R, "group", loop:group())
  local ok, task = w:try(group or loop, "spawn", work, w, random.stream(R(1 << 40)), loop, e)
  if ok and task then w:keep(R, "task", task) end
end

-- A few in this loop; some of them with another easy.
return function(w, R, loop, e)
  for _ = 1, R(3) do
    spawn(w, R, loop, R(3) == 1 and w:any(R, "easy") or e)
  end
end
