--- policy.limit(options): at most so many connections, transfers a second, bytes of an answer.
-- Options:
--   open       connections of the pool. libcurl itself counts, drops idle ones for new ones, and
--              lets transfers wait (max_total_connections of the multi)
--   per_host   those to one host, the same (max_host_connections)
--   rate       transfers that begin in a second, on average. In a loop a transfer waits for its
--              turn before it begins; elsewhere it is refused
--   burst      how many may begin at once (1)
--   body       bytes that a transfer delivers, after decoding: one more, and it fails
--   header     bytes of the headers of all its answers, the same
-- Raises an error for other options, and for numbers below 1 (rate: 0.001).
-- -> PolicyPart
local check = require "curlsock.policy.check"
local curl = require "curlsock"

local known = { open = true, per_host = true, rate = true, burst = true, body = true,
  header = true }

local function read_count(name, value)
  check.value("limit", name, "integer", value)
  return check.number("limit", name, value, 1)
end

-- A bucket that fills by rate a second up to size; take() takes one, or says how long that lasts.
local function new_bucket(rate, size)
  local level, time = size, curl.now()

  local function fill()
    local now = curl.now()
    level, time = math.min(size, level + (now - time) * rate), now
    return level >= 1
  end

  return fill, function()
    if not fill() then return (1 - level) / rate end
    level = level - 1
  end
end

local function add_rate(policy, rate, burst)
  local fill, take = new_bucket(rate, burst)
  local admitted = setmetatable({}, { __mode = "k" }) -- easies that a loop has let in

  function policy.admit(easy)
    local seconds = take()
    if seconds then return seconds end
    admitted[easy] = true
    return true
  end

  local function answer(seconds)
    if not seconds then return true end
    return nil, ("more than %g transfers a second"):format(rate)
  end

  function policy.start(easy, _, hop)
    if hop > 0 then return true end
    if not easy then return answer(not fill()) end -- a question alone
    if not admitted[easy] then return answer(take()) end
    admitted[easy] = nil
    return true
  end
end

local function limit(options)
  options = check.options("limit", options, known)
  local policy = { name = "limit", body = read_count("body", options.body),
    header = read_count("header", options.header) }
  local open, per_host = read_count("open", options.open), read_count("per_host", options.per_host)
  if open or per_host then
    policy.pool = { max_total_connections = open, max_host_connections = per_host }
  end
  local rate = check.number("limit", "rate", options.rate, 0.001)
  local burst = read_count("burst", options.burst)
  if burst and not rate then check.fail("limit", "rate", "number, for there is burst", nil) end
  if rate then add_rate(policy, rate, burst or 1) end
  return policy
end

return limit
