-- A waterfall of a recording: a line for each transfer, then one for each connection.
--   .  waits (queue, name)   -  connects   =  request and answer   _  idle   x  refused or failed

local LABEL <const> = 36
local LEAST <const> = 20
local MOST <const> = 10000 -- of a whole line

local function cut(text, width)
  text = text:gsub("%c", "?")
  return #text > width and text:sub(1, width - 2) .. ".." or text .. (" "):rep(width - #text)
end

-- A line of so many columns for so many seconds, and a function that draws on it.
local function canvas(columns, seconds)
  local cells = {}
  for i = 1, columns do cells[i] = " " end
  local function column(time)
    return math.max(1, math.min(columns, math.floor(time / seconds * columns) + 1))
  end
  local function draw(from, to, mark)
    for i = column(from), column(math.max(from, to)) do cells[i] = mark end
  end
  return cells, draw
end

local function draw_transfer(draw, t, last)
  local first = t.requests[1]
  draw(t.start, first and first.time or t.done or last, ".")
  for _, c in ipairs(t.opened) do draw(c.open, c.used or c.close or last, "-") end
  for _, r in ipairs(t.requests) do draw(r.time, r.over or last, "=") end
  for _, r in ipairs(t.refused) do draw(r.time, r.time, "x") end
end

local function draw_connection(draw, c, last)
  draw(c.open, c.used or c.close or last, "-")
  if c.used then draw(c.used, c.close or last, "_") end
  for _, use in ipairs(c.uses) do draw(use.from, use.to or last, "=") end
  if c.close then draw(c.close, c.close, "x") end
end

local function outcome(t)
  if not t.done then return "runs" end
  local status = t.status and t.status > 0 and t.status or t.result
  return ("%s  %.1f ms"):format(t.result == "OK" and status or t.result, (t.done - t.start) * 1000)
end

-- Whether it is a number of columns.
local function is_width(width)
  return math.type(width) == "integer" and width >= 1 and width <= MOST
end

return function(self, width)
  if width ~= nil and not is_width(width) then
    error(("text: columns expected, 1 to %d, got %s"):format(MOST, tostring(width)), 2)
  end
  local seconds = math.max(self:length(), 1e-6)
  local columns = math.max(LEAST, (width or 100) - LABEL - 24)
  local out = {}
  local function line(label, draw_it, item, last)
    local cells, draw = canvas(columns, seconds)
    draw_it(draw, item, seconds)
    out[#out + 1] = ("%s |%s| %s"):format(cut(label, LABEL), table.concat(cells), last)
  end
  for _, t in ipairs(self.transfers) do
    line(("%s %s"):format(t.method or "", t.url or "?"), draw_transfer, t, outcome(t))
    for _, r in ipairs(t.refused) do out[#out + 1] = "  " .. (r.reason or "refused") end
  end
  for _, c in ipairs(self.connections) do
    line(("#%d %s"):format(c.id, c.address or "?"), draw_connection, c,
      ("%s, %d request%s"):format(c.how or "open", #c.uses, #c.uses == 1 and "" or "s"))
  end
  out[#out + 1] = ("%s 0 to %.1f ms"):format((" "):rep(LABEL), seconds * 1000)
  return table.concat(out, "\n") .. "\n"
end
