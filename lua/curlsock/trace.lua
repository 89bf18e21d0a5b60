--- curlsock.trace.record(): notes what happens to transfers and connections in this Lua state from
-- now on, by curl.trace, on a clock of its own (curl.now: libcurl's times mislead for a transfer
-- that waited in a queue). It sets no callback, and keeps no easy and no Socket: the script's
-- callbacks and socket.data are its own. Times are seconds since the recording began; done, used
-- and close are nil until then.
-- -> Recording
local curl = require "curlsock"

--- recording.transfers, recording.connections: lists of what was noted.
--   transfers     each { id, url, start, done, result, reason, requests, refused }, and each of the
--                 requests { time, url, socket, kept, status, ... }
--   connections   each { id, pool, easy, address, open, used, close, how, uses }, and each of the
--                 uses { easy, from, to }
-- A note, which the program may set in any of both, is drawn in place of how it ended.
-- -> table[]
local recording = {}
recording.__index = recording

-- What libcurl knows of a transfer that has ended, for each of its requests the same.
local infos = {
  status = "response_code", method = "effective_method", received = "size_download_t",
  sent = "size_upload_t", header_size = "header_size", request_size = "request_size",
  content_type = "content_type", http_version = "http_version",
}

local function read(easy, name)
  local ok, value = pcall(easy.getinfo, easy, name)
  return ok and value or nil
end

-- Seconds from the last request to the first byte of its answer.
local function wait_of(easy)
  local first, sent = read(easy, "starttransfer_time"), read(easy, "pretransfer_time")
  return first and sent and first > sent and first - sent or 0
end

local function copy_headers(list)
  local headers = {}
  for i, header in ipairs(type(list) == "table" and list or {}) do
    headers[i] = { name = header.name or header[1], value = header.value or header[2] }
  end
  return headers
end

-- The headers of the answer to request i; where this libcurl does not keep them, none.
local function headers_of(easy, i)
  local ok, list = pcall(function() return easy:headers("header", i) end)
  return ok and copy_headers(list) or {}
end

local on = {}

function on.start(self, event)
  local transfer = {
    id = event.easy, pool = event.pool, url = event.url, start = event.time,
    requests = {}, refused = {}, opened = {},
  }
  table.insert(self.transfers, transfer)
  self.running[event.easy] = transfer
end

function on.open(self, event)
  local connection = {
    id = event.socket, pool = event.pool, easy = event.easy, address = event.address,
    open = event.time, uses = {},
  }
  table.insert(self.connections, connection)
  self.known[event.socket] = connection
  local transfer = self.running[event.easy]
  if transfer then table.insert(transfer.opened, connection) end
end

function on.refused(self, event)
  local transfer = self.running[event.easy]
  local refusal = { time = event.time, address = event.address, reason = event.reason }
  if transfer then table.insert(transfer.refused, refusal) end
end

-- The last request of the transfer is over.
local function end_request(transfer, time)
  local request = transfer.requests[#transfer.requests]
  if not request or request.over then return end
  request.over = time
  if request.use then request.use.to = time end
end

local function request(self, event)
  local transfer, connection = self.running[event.easy], self.known[event.socket]
  if not transfer then return end
  end_request(transfer, event.time)
  local new = {
    time = event.time, url = event.url, socket = event.socket, kept = event.event == "reused",
  }
  table.insert(transfer.requests, new)
  if not connection then return end
  connection.used = connection.used or event.time
  new.use = { easy = event.easy, from = event.time }
  table.insert(connection.uses, new.use)
end

on.connected, on.reused = request, request

function on.done(self, event)
  local transfer = self.running[event.easy]
  if not transfer then return end
  self.running[event.easy] = nil
  end_request(transfer, event.time)
  transfer.done, transfer.result, transfer.reason = event.time, event.result, event.reason
  local easy = event.handle
  if not easy then return end
  for field, name in pairs(infos) do transfer[field] = read(easy, name) end
  local last = transfer.requests[#transfer.requests]
  if last then last.wait = wait_of(easy) end
  for i, one in ipairs(transfer.requests) do one.headers = headers_of(easy, i) end
end

local function over(self, event)
  local connection = self.known[event.socket]
  if not connection then return end
  connection.close = event.time
  connection.how = event.event == "detach" and "taken" or event.attempt or "closed"
  self.known[event.socket] = nil
end

on.close, on.detach = over, over

--- recording:stop(): notes no more.
-- -> Recording
function recording:stop()
  if self.stopped then return self end
  self.stopped = curl.now() - self.began
  curl.trace(nil)
  return self
end

--- recording:length(): the seconds that it spans.
-- -> seconds: number
function recording:length()
  return self.stopped or curl.now() - self.began
end

--- recording:text([width]): a waterfall for a terminal of so many columns (100; at most 10,000).
-- -> string

--- recording:svg([title]): a picture: transfers above, connections below, on one axis.
-- -> string

--- recording:chrome(): JSON for chrome://tracing and ui.perfetto.dev.
-- -> string

--- recording:har(): HAR 1.2, which browsers and proxies read.
-- -> string

for _, form in ipairs { "text", "svg", "chrome", "har" } do
  recording[form] = function(self, ...)
    return require("curlsock.trace." .. form)(self, ...)
  end
end

local trace = {}

function trace.record()
  local self = setmetatable({
    began = curl.now(), date = os.time(), transfers = {}, connections = {},
    running = {}, known = {}, -- by number
  }, recording)
  curl.trace(function(event)
    event.time = event.time - self.began
    if on[event.event] then on[event.event](self, event) end
  end)
  return self
end

return trace
