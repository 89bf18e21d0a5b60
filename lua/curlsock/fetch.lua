--- One call for what most scripts want of HTTP.
--   local fetch = require "curlsock.fetch"
--   local response = assert(fetch("https://example.com/", { query = { q = "lua" } }))
--   print(response.status, response.headers["content-type"], #response.body)
local check = require "curlsock.fetch.check"
local curl = require "curlsock"
local request = require "curlsock.fetch.request"

-- What may be sent again though it may have arrived.
local REPEATABLE = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true }

-- After these the same may succeed: nothing was sent, or it may have arrived.
local PASSING = { COULDNT_CONNECT = "unsent", COULDNT_RESOLVE_HOST = "unsent" }
for _, why in ipairs { "OPERATION_TIMEDOUT", "GOT_NOTHING", "SEND_ERROR", "RECV_ERROR",
  "PARTIAL_FILE", 408, 429, 500, 502, 503, 504 } do PASSING[why] = "sent" end
local LONGEST <const> = 60 -- seconds between two attempts
local TIMES = { "namelookup", "connect", "appconnect", "starttransfer", "total" }

local Headers = {}

function Headers.__call(list, name)
  local values = {}
  for _, header in ipairs(list) do
    if header[1]:lower() == name:lower() then values[#values + 1] = header[2] end
  end
  return values
end

function Headers.__index(list, name)
  return type(name) == "string" and Headers.__call(list, name)[1] or nil
end

local function response_of(easy, attempt)
  local status = easy:getinfo("response_code")
  local response = { status = status, ok = status // 100 == 2, attempts = attempt.number }
  response.headers = setmetatable(easy:headers() or {}, Headers)
  response.url, response.timing = easy:getinfo("effective_url"), {}
  response.body = attempt.parts and table.concat(attempt.parts)
  for _, name in ipairs(TIMES) do response.timing[name] = easy:getinfo(name .. "_time") end
  return response
end

-- How long to wait before the next attempt; nil: there is none.
local function pause_after(easy, attempt, why)
  local passing = attempt.more and not attempt.delivered and PASSING[why]
  if not passing or passing == "sent" and not attempt.again then return nil end
  local told = easy:getinfo("retry_after") or 0
  local growing = 0.25 * 2 ^ attempt.number * (0.5 + math.random() / 2)
  local seconds = math.min(math.max(told, growing), LONGEST)
  return told <= LONGEST and curl.now() + seconds < attempt.deadline and seconds or nil
end

-- Where the body goes. A file or a function gets none after which another attempt is made.
local function writer(easy, attempt, to)
  attempt.parts = not to and {} or nil
  return function(data)
    if not to then
      attempt.parts[#attempt.parts + 1] = data
      return true
    end
    attempt.seconds = attempt.seconds or pause_after(easy, attempt, easy:getinfo("response_code"))
    if attempt.seconds then return true end
    attempt.delivered = true
    if type(to) == "function" then return to(data) end
    return to:write(data)
  end
end

local function perform(easy, loop, left)
  if loop then return loop:perform(easy, left and math.max(left, 0)) end
  if left then easy:setopt("timeout", math.max(left, 0.001)) end
  return easy:perform()
end

local function sleep(loop, seconds)
  if loop then return loop:sleep(seconds) end
  return curl.multi():poll(seconds)
end

-- Whether a part of a form comes from a function that cannot begin anew.
local function reads_once(parts)
  for _, part in ipairs(parts or {}) do
    if part.read and not part.seek or part.parts and reads_once(part.parts) then return true end
  end
  return false
end

-- Whether the body can be sent again.
local function can_repeat(options)
  if type(options.body) == "userdata" then return options.body:seek("set") ~= nil end
  return type(options.body) ~= "function" and not reads_once(options.multipart)
end

local function attempt_all(easy, method, options)
  local loop, limit = options.loop, options.timeout ~= math.huge and options.timeout or nil
  local deadline = curl.now() + (limit or math.huge)
  local again = REPEATABLE[method] and can_repeat(options)
  for number = 1, math.huge do
    local more = number <= (options.retries or 0)
    local attempt = { number = number, again = again, more = more, deadline = deadline }
    if type(options.body) == "userdata" then options.body:seek("set") end
    easy:setopt("writefunction", writer(easy, attempt, options.to))
    local ok, message, name = perform(easy, loop, limit and deadline - curl.now())
    local why = ok and easy:getinfo("response_code") or name
    local seconds = attempt.seconds or pause_after(easy, attempt, why)
    if seconds then
      ok, message, name = sleep(loop, seconds)
    elseif ok and io.type(options.to) == "file" then
      ok, message = options.to:flush() -- what stdio still holds
      name = "WRITE_ERROR"
    end
    if not ok then return nil, message, name end
    if not seconds then return response_of(easy, attempt) end
  end
end

--- fetch(url [, options]) or fetch(options): performs a request. Options:
--   url         text, or a Url
--   method      by default GET, and POST if there is a body
--   headers     table of names, with a value or a list of values
--   query       such a table; it is added to that of the URL
--   form        such a table: the body of a form
--   multipart   parts, as mimepost takes them: a form with files
--   json        text of the body
--   body        string, file, or function(size) that returns the next piece
--   to          file, or function(data) that gets the body of the answer
--   redirects   how many are followed (10); false: none. (A 303 means GET. It is not followed, but
--               the answer, for another method than GET, HEAD, POST and PUT, for parts by PUT, and
--               for a function by POST)
--   retries     how often it is tried again (0), with growing pauses or as Retry-After says, and
--               where it may have arrived only if its method can be repeated
--   timeout     seconds for all of that
--   policy      of the pool
--   loop        in which it runs: without one it blocks
--   curl        options of the easy
-- Cookies live as long as the call. There can be one of form, multipart, json and body. Returns a
-- response, whatever its status:
--   status      of the answer
--   ok          whether that is 2xx
--   headers     list of { name, value }; headers["content-type"] is the first of that name,
--               headers("set-cookie") a list of all
--   body        unless it went to "to"
--   url         the last
--   timing      seconds until namelookup, connect, appconnect, starttransfer and total
--   attempts    how often it was tried
-- or nil, message, name. Raises what to or body threw.
-- -> Response | nil, message, name
local function fetch(url, options)
  local given, all = type(url) == "table" and url or options or {}, {}
  if type(given) ~= "table" then error("fetch: table expected, got " .. type(given), 2) end
  for name, value in pairs(given) do all[name] = value end
  if type(url) ~= "table" then all.url = url end
  check(all)
  local easy, method, name = request.new(all)
  if not easy then return nil, method, name end
  local _ <close> = easy
  return attempt_all(easy, method, all)
end

return fetch
