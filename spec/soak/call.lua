-- Calls of the module, each with what the model says of it: which must be refused, and how.

local curl = require "curlsock"

-- What the module says when it refuses a call.
local refusals = {
  closed = "is closed", inside = "is not allowed inside a callback", added = "in a multi",
  absent = "is not in this multi", share = "open share expected",
  filled = "there are easies in the multi already", lent = "the socket is lent",
  elsewhere = "the last transfer was in another pool",
  strange = "libcurl names a socket of somebody else", plain = "connect_only is not set",
  talks = "the script has the easy's connection", another = "libcurl names another connection",
  http2 = "this may be HTTP/2",
  telling = "is not allowed inside socketfunction or timerfunction",
  goes = "the loop cannot go on inside a callback", used = "the easy is in use",
  over = "the group was cancelled", watched = "is watched already",
}

-- Errors that libcurl may never give: the module lets no misuse through.
local misuse = {
  RECURSIVE_API_CALL = true, BAD_HANDLE = true, BAD_EASY_HANDLE = true, ADDED_ALREADY = true,
  INVALID = true, UNKNOWN_OPTION = true, OUT_OF_MEMORY = true, FAILED_INIT = true,
  INTERNAL_ERROR = true, BAD_FUNCTION_ARGUMENT = true, NOMEM = true, UNKNOWN = true,
}

-- libcurl before 8.14 keeps three pieces of what it reads during a pause, and for a fourth has no
-- memory: an upload has so many that is paused when its first header comes.
local keeps_few = curl.version_info().version_num < 0x080e00

-- What libcurl says of a server of SSH that hangs up at once sounds like misuse.
local function is_misuse(name, handles)
  for _, h in ipairs(handles) do
    if name == "OUT_OF_MEMORY" and keeps_few and h.held then return false end
    if name == "FAILED_INIT" and h.version and h.version.ssh then return false end
  end
  return misuse[name]
end

-- The first of these { refusal, true | false | "maybe" } that is met is what must come.
local function predict(conditions)
  local allowed = {}
  for _, c in ipairs(conditions) do
    if c[2] then allowed[c[1]] = true end
    if c[2] == true then return allowed, true end
  end
  return allowed, false
end

local function refusal_of(message)
  for name, text in pairs(refusals) do
    if type(message) == "string" and message:find(text, 1, true) then return name end
  end
end

-- An error that is no refusal must be one that a callback threw in the meantime.
local function check_error(w, what, message, since)
  if w.thrown[message] and w.thrown[message] > since then return end
  if type(message) == "string" and w.expected and message:find(w.expected, 1, true) then return end
  w:fail("%s: an error that nobody threw: %s", what, tostring(message))
end

-- No transfer meets a descriptor that is closed, unless somebody has closed one behind its back.
local function check_message(w, h, message)
  if not w.stolen and message:find "Bad file descriptor" then w:fail("%s: %s", h.id, message) end
end

-- A transfer is about to begin, with the options that the easy has.
local function begin(h)
  h.version.paused, h.version.refused, h.began = nil, nil, h.version
end

-- Nothing succeeds where nothing can, but to connect; nor when a callback has refused.
local function check_success(w, h)
  local version = h.version
  if version ~= h.began then return end -- the options are others by now
  local only = version.only and version.fails ~= "nowhere"
  if version.fails and not only then w:fail("%s: succeeds where none can", h.id) end
  if version.refused and not version.shared then w:fail("%s: succeeds though refused", h.id) end
  if version.file and version.only then w:fail("%s: connect_only of a file", h.id) end
end

local function leave(w, frame, held)
  if frame then table.remove(w.frames) end
  for _ = 1, #held do
    table.remove(w.held)
  end
  w:sweep()
end

-- Calls f(...) as the model predicts. call: what (its name), held (its handles), conditions,
-- frame (if it enters libcurl: { handle, unsure }), before and undo (what it changes, known
-- before libcurl runs; and back if it was refused or failed), since (what was thrown after that
-- may come). The results, or nothing.
local function attempt(w, call, f, ...)
  local allowed, must = predict(call.conditions)
  local since = call.since or w.throws
  for _, h in ipairs(call.held) do
    w.held[#w.held + 1] = h
  end
  if call.frame then w.frames[#w.frames + 1] = call.frame end
  if call.before and not must then call.before() end
  local result = table.pack(pcall(f, ...))
  local refusal = not result[1] and refusal_of(result[2])
  if refusal and not allowed[refusal] or must and not refusal then
    w:fail("%s: expected %s, got %s %s", call.what, next(allowed) or "no refusal",
      tostring(result[1]), tostring(result[2]))
  elseif not result[1] and not refusal then
    check_error(w, call.what, result[2], since)
  elseif result[1] and is_misuse(result[4], call.held) then
    w:fail("%s: libcurl says %s, %s", call.what, tostring(result[3]), result[4])
  end
  local failed = result[1] and result.n > 2 and result[2] == nil
  if call.undo and not must and (refusal or failed) then call.undo(refusal) end
  leave(w, call.frame, call.held)
  if not refusal and call.after then call.after() end
  if result[1] then return table.unpack(result, 2, result.n) end
end

local kinds_of_handle = { "easy", "multi", "share" }

local function class(number)
  return kinds_of_handle[1 + number % 3]
end

local function get(w, kind, slot)
  local object = w.slots[kind][slot]
  return object, object and w.of[object]
end

-- A method of one handle that libcurl must not be inside of.
local function method(w, h, object, name, more, ...)
  local call = {
    what = h.id .. ":" .. name, held = { h }, frame = { handle = h },
    conditions = { { "closed", h.closed }, { "inside", w:running(h) }, more },
  }
  return attempt(w, call, object[name], object, ...)
end

return {
  attempt = attempt, begin = begin, check_error = check_error, check_message = check_message,
  check_success = check_success, class = class, get = get, is_misuse = is_misuse,
  method = method,
}
