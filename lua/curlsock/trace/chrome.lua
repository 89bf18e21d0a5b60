-- The trace event format: a process "transfers" and a process "connections", a thread for each.
local json = require "curlsock.trace.json"

local TRANSFERS <const>, CONNECTIONS <const> = 1, 2

return function(self)
  local last, events = self:length(), json.empty()
  local function name(pid, tid, key, text)
    events[#events + 1] = { ph = "M", pid = pid, tid = tid, name = key, args = { name = text } }
  end
  local function span(pid, tid, text, from, to, args)
    events[#events + 1] = {
      ph = "X", pid = pid, tid = tid, name = text, cat = "curlsock", ts = from * 1e6,
      dur = math.max(0, (to or last) - from) * 1e6, args = args,
    }
  end
  name(TRANSFERS, 0, "process_name", "transfers")
  name(CONNECTIONS, 0, "process_name", "connections")
  for i, t in ipairs(self.transfers) do
    name(TRANSFERS, i, "thread_name", "easy " .. t.id)
    span(TRANSFERS, i, t.url or "?", t.start, t.done, {
      result = t.result or "runs", status = t.status or 0, reason = t.reason or "",
    })
    for _, r in ipairs(t.requests) do
      span(TRANSFERS, i, r.kept and "request (kept)" or "request", r.time, r.over,
        { url = r.url or "?", socket = r.socket or 0 })
    end
    for _, r in ipairs(t.refused) do
      events[#events + 1] = {
        ph = "i", s = "t", pid = TRANSFERS, tid = i, name = "refused", ts = r.time * 1e6,
        args = { address = r.address or "?", reason = r.reason or "" },
      }
    end
  end
  for i, c in ipairs(self.connections) do
    name(CONNECTIONS, i, "thread_name", ("socket %d %s"):format(c.id, c.address or "?"))
    span(CONNECTIONS, i, "connect", c.open, c.used or c.close, { how = c.how or "open" })
    for _, use in ipairs(c.uses) do
      span(CONNECTIONS, i, "easy " .. use.easy, use.from, use.to, { pool = c.pool })
    end
  end
  return json.encode { traceEvents = events, displayTimeUnit = "ms" }
end
