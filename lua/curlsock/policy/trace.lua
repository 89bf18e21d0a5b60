--- policy.trace(sink): calls sink(event) for what happens to the connections and transfers of the
-- pool. event is a new table: kind, time (as curl.now()), and
--   "start"     url, hop (0, or which redirect)
--   "refused"   policy, reason, address (nil where none was asked about)
--   "open"      id (a number for each connection, from 1), address (an Address), socket
--   "request"   id and socket (nil where libcurl does not tell the connection), url, kept
--   "close"     id, socket (whose info() still tells how many bytes went over it)
-- What sink throws fails the transfer, or comes out of the call that closed the connection.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local now = require("curlsock").now

local function trace(sink)
  check.callable("trace", "sink", sink)
  local ids, last = setmetatable({}, { __mode = "k" }), 0
  local policy = { name = "trace", reads_only = true }

  -- Each event is made in one go: a table that grows costs as much as all else here.
  function policy.start(_, url, hop)
    sink { kind = "start", time = now(), url = url, hop = hop }
    return true
  end

  function policy.refused(refusal)
    sink {
      kind = "refused", time = now(),
      policy = refusal.policy, reason = refusal.reason, address = refusal.address,
    }
  end

  function policy.opened(socket, address)
    last = last + 1
    ids[socket] = last
    sink { kind = "open", time = now(), id = last, address = address, socket = socket }
  end

  function policy.request(socket, easy, kept)
    sink {
      kind = "request", time = now(), id = socket and ids[socket], socket = socket,
      url = easy:getinfo("effective_url"), kept = kept,
    }
  end

  function policy.closed(socket)
    sink { kind = "close", time = now(), id = ids[socket], socket = socket }
  end

  return policy
end

return trace
