-- A picture of a recording: a row for each transfer, below them a row for each connection, on one
-- axis. What a row has in it, from left to right, is what happened.

local LEFT <const>, WIDTH <const>, ROW <const>, BAR <const> = 210, 980, 26, 14
local RIGHT <const> = 260

local colours = {
  wait = "#c9ced6", connect = "#f0b429", request = "#2f7ed8", idle = "#dfe6ee", refused = "#d64545",
  text = "#243b53", line = "#9fb3c8", kept = "#3ebd93",
}

local function escape(text)
  return (tostring(text):gsub("[<>&\"]", { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;",
    ['"'] = "&quot;" }):gsub("%c", "?"))
end

local function cut(text, length)
  return #text > length and text:sub(1, length - 1) .. "…" or text
end

local function pen(seconds)
  local out = {}
  local function x(time) return LEFT + time / seconds * WIDTH end
  local self = { out = out, x = x }
  function self.add(format, ...) out[#out + 1] = format:format(...) end
  function self.text(at, y, text, more)
    self.add('<text x="%.1f" y="%.1f" %s>%s</text>', at, y, more or "", escape(text))
  end
  function self.bar(y, from, to, colour, title)
    local rect = '<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s">'
    self.add(rect .. "<title>%s</title></rect>", x(from), y, math.max(2, x(to) - x(from)), BAR,
      colour, escape(title))
  end
  function self.cross(y, time)
    local at, middle = x(time), y + BAR / 2
    self.add('<path d="M%.1f %.1fl10 10m0 -10l-10 10" stroke="%s" stroke-width="2.5"/>', at - 5,
      middle - 5, colours.refused)
  end
  return self
end

-- A URL without its scheme and its query.
local function name_of(url)
  return (url:gsub("^%a+://", ""):gsub("[?#].*", ""))
end

-- How many letters have room behind that time.
local function room(p, time)
  return math.floor((LEFT + WIDTH + RIGHT - p.x(time)) / 6.8) - 12
end

local function transfer_row(p, y, t, last)
  local first = t.requests[1]
  p.text(LEFT - 8, y + 11, cut(name_of(t.url or "?"), 30), 'text-anchor="end"')
  p.bar(y, t.start, first and first.time or t.done or last, colours.wait, "waits")
  for _, c in ipairs(t.opened) do
    p.bar(y, c.open, c.used or c.close or last, colours.connect, "connects to " .. c.address)
  end
  for _, r in ipairs(t.requests) do
    p.bar(y, r.time, r.over or last, r.kept and colours.kept or colours.request,
      r.kept and "on a kept connection" or "on a new connection")
  end
  for _, r in ipairs(t.refused) do p.cross(y, r.time) end
  local status = t.result == "OK" and t.status and t.status > 0 and t.status or t.result or "runs"
  local why = t.refused[1] and t.refused[1].reason
  p.text(p.x(t.done or last) + 9, y + 11,
    why and status .. ": " .. cut(why, room(p, t.done or last)) or status,
    why and ('fill="%s"'):format(colours.refused) or nil)
end

local function connection_row(p, y, c, last)
  p.text(LEFT - 8, y + 11, ("#%d %s"):format(c.id, c.address or "?"), 'text-anchor="end"')
  p.bar(y, c.open, c.used or c.close or last, colours.connect, "connects")
  if c.used then p.bar(y, c.used, c.close or last, colours.idle, "idle") end
  for i, use in ipairs(c.uses) do
    p.bar(y, use.from, use.to or last, i > 1 and colours.kept or colours.request,
      "easy " .. use.easy)
    p.add('<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-dasharray="2 3"/>',
      p.x(use.from), p.x(use.from), p.top, y, colours.line)
  end
  if c.close then p.cross(y, c.close) end
  local note = c.close and c.how or "open"
  p.text(p.x(c.close or last) + 9, y + 11,
    ("%s, %d request%s"):format(note, #c.uses, #c.uses == 1 and "" or "s"))
end

local function legend(p, y)
  local at = LEFT
  for _, item in ipairs {
    { colours.wait, "waits" }, { colours.connect, "connects" },
    { colours.request, "first request" }, { colours.kept, "on a kept connection" },
    { colours.idle, "idle" },
  } do
    p.add('<rect x="%d" y="%d" width="12" height="12" rx="2" fill="%s"/>', at, y, item[1])
    p.text(at + 18, y + 10, item[2])
    at = at + 40 + 7 * #item[2]
  end
end

local function axis(p, y, seconds)
  p.add('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s"/>', LEFT, LEFT + WIDTH, y, y,
    colours.line)
  for i = 0, 5 do
    local time = seconds * i / 5
    p.text(p.x(time), y + 16, ("%.0f ms"):format(time * 1000), 'text-anchor="middle"')
  end
end

local function rows(p, y, title, items, draw, last)
  p.text(8, y + 11, title, 'font-weight="bold"')
  for i, item in ipairs(items) do draw(p, y + i * ROW, item, last) end
  return y + (#items + 1) * ROW + 8
end

return function(self, title)
  local last = math.max(self:length(), 1e-6)
  local p = pen(last)
  local y = 12
  if title then
    p.text(8, y + 12, title, 'font-size="16" font-weight="bold"')
    y = y + 30
  end
  p.top = y
  y = rows(p, y, "transfers", self.transfers, transfer_row, last)
  y = rows(p, y, "connections", self.connections, connection_row, last)
  axis(p, y, last)
  legend(p, y + 32)
  local width, height = LEFT + WIDTH + RIGHT, y + 60
  return ([[<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d"
  font-family="sans-serif" font-size="12" fill="%s">
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s
</svg>
]]):format(width, height, width, height, colours.text, table.concat(p.out, "\n"))
end
