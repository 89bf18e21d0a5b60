-- HAR 1.2: an entry for each request, and one for each transfer that never came to send one. What
-- libcurl does not tell is empty, and -1 where HAR says so: the headers of requests; of a request
-- that was followed by another one the status (0). Whole seconds are all that os.time has.
local curl = require "curlsock"
local json = require "curlsock.trace.json"

local versions = { ["1.0"] = "HTTP/1.0", ["1.1"] = "HTTP/1.1", ["2"] = "HTTP/2", ["3"] = "HTTP/3" }

local function as_list(t)
  return setmetatable(t or {}, json.list)
end

local function date(self, time)
  local whole = math.floor(time)
  return os.date("!%Y-%m-%dT%H:%M:%S", self.date + whole)
    .. (".%03dZ"):format(math.floor((time - whole) * 1000))
end

local function encode(character) return ("%%%02X"):format(character:byte()) end

-- HAR wants an absolute URI; a program may have called it otherwise, or nothing that is a URL.
local function as_uri(text)
  local uri = text:gsub("[^%w%-._~:/?#%[%]@!$&'()*+,;=%%]", encode)
  uri = uri:gsub("%%()", function(at) return uri:find("^%x%x", at) and "%" or "%25" end)
  if uri:find("^%a[%w+.-]*://") then return uri end
  local url = curl.url(uri, "guess_scheme", "non_support_scheme")
  return url and tostring(url) or "about:invalid"
end

local function query_of(url)
  local list = json.empty()
  for name, value in (url:match("^[^?#]*%?([^#]*)") or ""):gmatch("([^&=]+)=?([^&]*)") do
    list[#list + 1] = { name = name, value = value }
  end
  return list
end

-- When the connection of the request was opened, if it was for that.
local function opened_for(t, request)
  for _, c in ipairs(t.opened) do
    if request and c.id == request.socket and not request.kept then return c.open end
  end
end

-- When request i was over: when the next one had its connection opened, or was sent.
local function over_of(t, i)
  return opened_for(t, t.requests[i + 1]) or t.requests[i].over
end

-- Milliseconds: before a socket was opened, until it was connected, until the first byte, the rest.
local function timings(t, request, began, over)
  local opened = opened_for(t, request)
  local sent = request and request.time or over
  local wait = math.min(request and request.wait or 0, over - sent)
  return {
    blocked = ((opened or sent) - began) * 1000, dns = -1,
    connect = opened and (sent - opened) * 1000 or -1, ssl = -1,
    send = 0.0, wait = wait * 1000, receive = (over - sent - wait) * 1000,
  }
end

local function response(t, request, following)
  local last = request and not following
  return {
    status = last and t.status or 0,
    statusText = last and t.result or request and "" or t.result or "",
    httpVersion = versions[tostring(t.http_version)] or "", cookies = json.empty(),
    headers = as_list(request and request.headers), redirectURL = following and following.url or "",
    headersSize = -1, bodySize = last and t.received or -1,
    content = { size = last and t.received or 0, mimeType = last and t.content_type or "" },
  }
end

local function entry(self, t, i)
  local request, following = t.requests[i], t.requests[i + 1]
  local began = i > 1 and over_of(t, i - 1) or t.start
  local over = request and over_of(t, i) or t.done or self:length()
  local times, total = timings(t, request, began, over), 0
  for _, ms in pairs(times) do total = total + math.max(ms, 0) end
  local url = request and request.url or t.url or ""
  return {
    startedDateTime = date(self, began), time = total, timings = times,
    cache = {}, connection = request and request.socket and tostring(request.socket) or nil,
    request = {
      method = t.method or "", url = as_uri(url),
      httpVersion = versions[tostring(t.http_version)] or "",
      cookies = json.empty(), headers = json.empty(), queryString = query_of(url),
      headersSize = -1, bodySize = t.sent or -1,
    },
    response = response(t, request, following),
    comment = t.refused[1] and t.refused[1].reason or nil,
  }
end

return function(self)
  local entries = json.empty()
  for _, t in ipairs(self.transfers) do
    for i = 1, math.max(1, #t.requests) do entries[#entries + 1] = entry(self, t, i) end
  end
  return json.encode {
    log = {
      version = "1.2", entries = entries,
      creator = { name = "curlsock", version = curl._VERSION:match("%S+$") },
    },
  }
end
