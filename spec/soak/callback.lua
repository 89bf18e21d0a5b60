-- The callbacks that random programs set: each does what the program says, and tells the model of
-- what is lent and closed.

local curl = require "curlsock"
local surface = require "spec.support.surface"

local callback = {}

-- A callback runs: its operations, then what they made of its answer.
function callback.called(w, version, event, context)
  local n = (version.counts[event] or 0) + 1
  version.counts[event] = n
  context.verdict = {}
  if w.failure or w.calls >= 4 or w.ending or w.muted then return context.verdict end
  w.calls = w.calls + 1
  local ok, message = pcall(function()
    w:check()
    -- A finalizer may run amidst any step of the program: then nothing is done in it.
    if w.collects and #w:limbo() > 0 then return end
    for _, entry in ipairs(version.cb) do
      if entry[1] == event and entry[2] == n then
        version.meddled = true
        w.run(w, entry, context, 3)
      end
    end
  end)
  w.calls = w.calls - 1
  if not ok then w:fail("the interpreter: %s", tostring(message)) end
  return context.verdict
end

-- Both refuse, in every callback that can.
local function no(verdict)
  if verdict.refuse == 0 then return false, "no" end
  return nil, "no"
end

-- The transfer must fail; not for debugfunction, which is told only, nor for what is told when the
-- easy is closed.
local function fail_transfer(version, event, verdict)
  version.refused = version.refused or event ~= "debug" and event ~= "told"
  if verdict.throw then error(verdict.throw, 0) end
  return no(verdict)
end

function callback.on(w, version, event, answer)
  return function()
    local verdict = callback.called(w, version, event, {})
    if verdict.throw or verdict.refuse then return fail_transfer(version, event, verdict) end
    return answer
  end
end

-- Nothing lets a transfer go on that was paused. (If its upload is, it may get an answer without
-- all of it, and then send all again to where that leads; and on a busy machine libcurl 7.88 asks
-- for more now and then, also when nothing of ours touches the pause.)
local function check_paused(w, version, event)
  local paused = version.paused
  local stops = event ~= "read" and (paused ~= "read" or version.whole)
  if paused and stops then
    w:fail("%s is called in a transfer that %s has paused", event, paused)
  end
  version.paused = nil
end

-- An upload that pauses in its first header has OUT_OF_MEMORY from libcurl 7.88 (not from 8.14).
local bad_pause = curl.version_info().version_num < 0x080e00

-- For callbacks that carry data, unless several transfers may use them: of a duplicate, or when
-- some were replaced.
function callback.on_data(w, version, event, answer)
  return function()
    if not version.shared then check_paused(w, version, event) end
    local verdict = callback.called(w, version, event, {})
    if verdict.throw or verdict.refuse then return fail_transfer(version, event, verdict) end
    if not verdict.pause or version.sure or bad_pause and event == "header" and version.uploads then
      return answer and answer()
    end
    version.paused = event
    return curl.PAUSE
  end
end

-- The connection is there: libcurl is about to use it. (Or a duplicate's is.)
function callback.on_prereq(w, version)
  local f = callback.on(w, version, "prereq", true)
  return function(...)
    for _, r in ipairs(w.records) do
      if r.version == version and not version.shared and not version.ftp then
        r.connected = true
      end
    end
    return f(...)
  end
end

local function is_connected(socket)
  local ok, peer = pcall(socket.peeraddress, socket)
  return ok and peer ~= nil
end

local function takes_connected()
  local version = curl.version_info().version_num
  return version ~= 0x075800 and version ~= 0x075801
end

-- Ways to answer opensocketfunction. Each returns the answer, and lends what will be lent.
local answers = {
  [0] = function(w, e)
    w:lend(e)
    return true
  end,
  function(w, e, address)
    local socket = assert(address:socket())
    w:lend(e, nil, socket)
    return socket
  end,
  function(w, e, address)
    local fd = assert(address:socket()):detach()
    w:lend(e, fd)
    return fd
  end,
  -- An object of another library: what is lent is a duplicate.
  function(w, e, address)
    local socket = assert(address:socket())
    w.slots.socket[3] = socket
    w:lend(e)
    return { getfd = function() return socket:fd() end }
  end,
  -- A Socket of the script's, whatever has become of it.
  function(w, e)
    local socket = w.slots.socket[1]
    if not socket then return false, "nothing there" end
    if socket:state() ~= "owned" then
      w.expected = "returned a Socket that is not the script's"
    elseif takes_connected() or not is_connected(socket) then
      w:lend(e, nil, socket)
    end
    return socket
  end,
}

function callback.on_open(w, version)
  return function(_, address, easy)
    local h = w.of[easy]
    h.opens = h.opens + 1
    if version.file or version.fails == "nowhere" then w:fail("%s opens a socket", h.id) end
    local verdict = callback.called(w, version, "open", { easy = easy })
    if verdict.throw then error(verdict.throw, 0) end
    if verdict.refuse then return no(verdict) end
    return answers[version.answer](w, h, address)
  end
end

-- What FTP accepted is libcurl's, which shows it only.
local function on_accepted(w, version, socket, easy)
  w:expect("borrowed", socket:state(), "state of what %s accepted", w.of[easy].id)
  local verdict = callback.called(w, version, "sockopt", { easy = easy, socket = socket })
  local fd = socket:fd()
  if pcall(socket.detach, socket) or pcall(socket.close, socket) or pcall(curl.adopt, fd) then
    w:fail("what %s accepted was taken", w.of[easy].id)
  end
  w.borrowed = socket
  return verdict
end

local function on_lent(w, version, socket, easy)
  local h = w.of[easy]
  if socket and socket:state() == "borrowed" and w:is_stranger(socket:fd()) then
    return callback.called(w, version, "sockopt", { easy = easy, socket = socket })
  end
  local r = socket and w:record_of(socket, function(r)
    return r.version == version and r.easy == h.id
  end)
  if not r then w:fail("sockoptfunction of %s gets %s, which was never lent", h.id, socket) end
  w:expect("lent", r and socket:state(), "state in sockoptfunction of %s", h.id)
  return callback.called(w, version, "sockopt", { easy = easy, socket = socket })
end

function callback.on_sockopt(w, version)
  return function(socket, purpose, easy)
    local f = purpose == "accept" and on_accepted or on_lent
    local verdict = f(w, version, socket, easy)
    if verdict.throw then error(verdict.throw, 0) end
    if verdict.refuse then return no(verdict) end
    return true
  end
end

local function take(w, r, socket, verdict)
  if verdict.detach and socket:state() == "closing" then
    w.own[socket:detach()] = r.target
  elseif verdict.shut then
    socket:close()
  end
end

function callback.on_close(w, version)
  return function(socket)
    if w.failure then return end
    local r = w:close_event(version, socket)
    local verdict = callback.called(w, version, "close", { socket = socket })
    if r and not w.failure then
      take(w, r, socket, verdict)
      w:expect(1, r.events, "close events of a socket of %s", r.easy)
    end
    if verdict.throw then error(verdict.throw, 0) end
    return not verdict.refuse
  end
end

local function data(event)
  return function(w, version) return callback.on_data(w, version, event) end
end

local function plain(event)
  return function(w, version) return callback.on(w, version, event) end
end

-- What makes each callback that an easy can have. false: not of every easy.
local makers = {
  closesocketfunction = callback.on_close,
  debugfunction = plain "debug",
  headerfunction = data "header",
  opensocketfunction = callback.on_open,
  prereqfunction = callback.on_prereq,
  readfunction = false, -- of uploads (easies.lua)
  resolver_start_function = plain "resolve",
  seekfunction = false, -- no upload is sent again
  sockoptfunction = callback.on_sockopt,
  writefunction = data "write",
  xferinfofunction = plain "progress",
}

-- A host that wants TLS, once, and to whom it is told.
local function hsts(w, version, options)
  local entry = { host = "hsts.test" }
  local read, write = callback.on(w, version, "hsts", true), callback.on(w, version, "told", true)
  function options.hstsreadfunction()
    local answer, reason = read()
    if not answer then return answer, reason end
    entry, answer = nil, entry
    return answer
  end
  options.hstswritefunction = write
end

-- All of them, as options.
function callback.all(w, version)
  local options = {}
  hsts(w, version, options)
  for _, name in ipairs(surface.names()) do
    local make = makers[name]
    assert(make ~= nil, name .. " is not in spec/soak/callback.lua")
    options[name] = make and make(w, version) or nil
  end
  return options
end

return callback
