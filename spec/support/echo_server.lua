-- A server for servers.script. It answers with what it got: the request line, its headers in lower
-- case, an empty line, the body. /fail/N?CODE fails the first N times; /late?N once, with
-- Retry-After, /late?date with a date in that; /cut ends in the middle, once; /to?URL redirects
-- there, with 307 and a cookie, /to303?URL with 303, and so on.
return [[
  local server = ...
  local seen = {}

  local function read_body(peer, headers)
    if headers:find("\ntransfer-encoding: chunked", 1, true) then
      local parts = {}
      repeat
        local size = tonumber(peer:receive() or "0", 16)
        parts[#parts + 1] = size > 0 and peer:receive(size) or ""
        peer:receive()
      until size == 0
      return table.concat(parts)
    end
    local size = tonumber(headers:match("\ncontent%-length: (%d+)") or 0)
    return size > 0 and peer:receive(size) or ""
  end

  local function answer_of(path, times)
    local limit, code = path:match("^/fail/(%d+)%?(%d+)")
    if limit and times <= tonumber(limit) then return code .. " Failed", "" end
    local redirect, to = path:match("^/to(%d*)%?(.*)")
    if redirect == "" then redirect = "307" end
    if to then return redirect .. " There", "Set-Cookie: to=1\r\nLocation: " .. to .. "\r\n" end
    local after = path:match("^/late%?(%w+)")
    if after == "date" then after = os.date("!%a, %d %b %Y %T GMT", os.time() + 2) end
    if after and times == 1 then return "503 Busy", "Retry-After: " .. after .. "\r\n" end
    return "200 OK", "X-One: 1\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
  end

  while true do
    local peer = server:accept()
    local first, lines = peer:receive(), {}
    local method, path = (first or ""):match("^(%S+) (%S+)")
    while true do
      local line = peer:receive()
      if line == "" or not line then break end
      lines[#lines + 1] = line:gsub("^[^:]+", string.lower)
    end
    local headers = "\n" .. table.concat(lines, "\n") .. "\n"
    if method then
      local body = read_body(peer, headers)
      seen[path] = (seen[path] or 0) + 1
      local status, more = answer_of(path, seen[path])
      local text = first .. headers .. "\n" .. body
      local size = #text + (path:find("^/cut") and seen[path] == 1 and 100 or 0)
      if method == "HEAD" then text = "" end
      peer:send(("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s"):format(
        status, size, more, text))
    end
    peer:close()
  end
]]
