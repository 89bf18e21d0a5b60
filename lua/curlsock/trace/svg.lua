-- A picture of a recording: a row for each transfer, below them a row for each connection, on one
-- axis. What a row has in it, from left to right, is what happened; a dotted line leads from each
-- request down to the connection that it used.
local json = require "curlsock.trace.json"

local LEFT <const>, WIDTH <const>, RIGHT <const> = 168, 560, 232
local ROW <const>, BAR <const> = 28, 18
local LETTER <const> = 6.6 -- the width of one, about

local colours = {
  wait = "#c9ced6", connect = "#f0b429", request = "#2f6fb7", idle = "#dfe6ee", refused = "#c53030",
  text = "#243b53", line = "#829ab1", kept = "#1f8a70",
}

local entities = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;" }

local function escape(text)
  return (json.as_utf8(tostring(text)):gsub("[<>&\"]", entities):gsub("%c", "?"))
end

local function cut(text, length)
  return #text > length and text:sub(1, length - 1) .. "…" or text
end

local function pen(seconds)
  local self = { out = {}, below = {} } -- below: where a request's line begins, by its use

  function self.x(time) return LEFT + time / seconds * WIDTH end

  function self.add(format, ...) self.out[#self.out + 1] = format:format(...) end

  function self.text(at, y, text, more)
    self.add('<text x="%.1f" y="%.1f" %s>%s</text>', at, y, more or "", escape(text))
  end

  -- A bar; what is written in it is left out where it has no room.
  function self.bar(y, from, to, colour, title, label, ink)
    local width = math.max(2, self.x(to) - self.x(from))
    local rect = '<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s">'
    self.add(rect .. "<title>%s</title></rect>", self.x(from), y, width, BAR, colour,
      escape(title))
    if not label or #label * LETTER + 8 > width then return end
    self.text(self.x(from) + 6, y + 13, label, ('fill="%s"'):format(ink or "#ffffff"))
  end

  function self.cross(y, time)
    local at, middle = self.x(time), y + BAR / 2
    self.add('<path d="M%.1f %.1fl10 10m0 -10l-10 10" stroke="%s" stroke-width="2.5"/>', at - 5,
      middle - 5, colours.refused)
  end

  -- What is said behind the end of a row.
  function self.note(y, time, text, more)
    local at = self.x(time) + 10
    local room = math.floor((LEFT + WIDTH + RIGHT - at) / LETTER)
    self.text(at, y + 13, cut(text, room), more)
  end

  return self
end

-- A URL without its scheme and its query.
local function name_of(url)
  return (url:gsub("^%a+://", ""):gsub("[?#].*", ""))
end

-- How a transfer has ended; of one that was refused why, without the address.
local function outcome(t)
  local status = t.result == "OK" and t.status and t.status > 0 and t.status or t.result or "runs"
  local why = t.refused[1] and t.refused[1].reason
  return why and ("%s: %s"):format(status, (why:gsub("^%S+ refused: ", ""))) or tostring(status)
end

local function transfer_row(p, y, t, last)
  local first = t.requests[1]
  p.text(LEFT - 8, y + 13, cut(name_of(t.url or "?"), 24), 'text-anchor="end"')
  p.bar(y, t.start, first and first.time or t.done or last, colours.wait, "waits")
  for _, c in ipairs(t.opened) do
    p.bar(y, c.open, c.used or c.close or last, colours.connect, "connects to " .. c.address)
  end
  for _, r in ipairs(t.requests) do
    local how = r.kept and "on a kept connection" or "on a new connection"
    p.bar(y, r.time, r.over or last, r.kept and colours.kept or colours.request, how, how)
    if r.use then p.below[r.use] = y + BAR end
  end
  for _, r in ipairs(t.refused) do p.cross(y, r.time) end
  p.note(y, t.done or last, t.note or outcome(t),
    t.refused[1] and ('fill="%s"'):format(colours.refused) or nil)
end

local function ending(c)
  return ("%s, %d request%s"):format(c.close and c.how or "open", #c.uses,
    #c.uses == 1 and "" or "s")
end

-- Between its uses.
local function idle_bars(p, y, c, last)
  for i, use in ipairs(c.uses) do
    local to = c.uses[i + 1] and c.uses[i + 1].from or c.close or last
    if use.to and to > use.to then
      p.bar(y, use.to, to, colours.idle, "idle", "kept", colours.text)
    end
  end
end

local function connection_row(p, y, c, last)
  p.text(LEFT - 8, y + 13, cut(("#%d %s"):format(c.id, c.address or "?"), 24),
    'text-anchor="end"')
  p.bar(y, c.open, c.used or c.close or last, colours.connect, "connects")
  idle_bars(p, y, c, last)
  for i, use in ipairs(c.uses) do
    p.bar(y, use.from, use.to or last, i > 1 and colours.kept or colours.request,
      "easy " .. use.easy, i > 1 and "used again" or "opened")
    if p.below[use] then
      p.add('<path d="M%.1f %.1fV%.1f" stroke="%s" stroke-dasharray="2 3"/>', p.x(use.from) + 0.5,
        p.below[use], y, colours.line)
    end
  end
  if c.close then p.cross(y, c.close) end
  p.note(y, c.close or last, c.note or ending(c))
end

-- The distance of the marks: 1, 2 or 5 of a power of ten, for about five of them.
local function step_of(seconds)
  local power = 10 ^ math.floor(math.log(seconds / 5, 10))
  for _, factor in ipairs { 1, 2, 5 } do
    if seconds / (factor * power) <= 6 then return factor * power end
  end
  return 10 * power
end

local function axis(p, y, seconds)
  p.add('<path d="M%d %.1fH%d" stroke="%s"/>', LEFT, y, LEFT + WIDTH, colours.line)
  local step = step_of(seconds)
  for i = 0, math.floor(seconds / step) do
    local at = p.x(i * step)
    p.add('<path d="M%.1f %.1fv4" stroke="%s"/>', at, y, colours.line)
    p.text(at, y + 17, ("%g ms"):format(i * step * 1000), 'text-anchor="middle"')
  end
end

local function legend(p, y)
  local at = LEFT
  for _, item in ipairs {
    { colours.wait, "waits" }, { colours.connect, "connects" },
    { colours.request, "on a new connection" }, { colours.kept, "on a kept one" },
    { colours.idle, "kept, idle" },
  } do
    p.add('<rect x="%d" y="%d" width="12" height="12" rx="2" fill="%s"/>', at, y, item[1])
    p.text(at + 17, y + 11, item[2])
    at = at + 34 + math.ceil(LETTER * #item[2])
  end
end

local function rows(p, y, title, items, draw, last)
  p.text(8, y + 13, title, 'font-weight="bold"')
  for i, item in ipairs(items) do draw(p, y + i * ROW, item, last) end
  return y + (#items + 1) * ROW + 6
end

return function(self, title)
  local last = math.max(self:length(), 1e-6)
  local p = pen(last)
  local y = 10
  if title then
    p.text(8, y + 13, title, 'font-size="15" font-weight="bold"')
    y = y + 30
  end
  y = rows(p, y, "transfers", self.transfers, transfer_row, last)
  y = rows(p, y, "connections", self.connections, connection_row, last)
  axis(p, y, last)
  legend(p, y + 32)
  local width, height = LEFT + WIDTH + RIGHT, y + 56
  return ([[<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d"
  font-family="sans-serif" font-size="12.5" fill="%s">
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s
</svg>
]]):format(width, height, width, height, colours.text, table.concat(p.out, "\n"))
end
