-- The model of ownership beside a random program: which handles live and how they are linked,
-- which calls must be refused, which descriptors are lent, and who is told when one is closed.
-- program.lua tells it what is done and what happens. The first thing that is not as predicted
-- is kept in world.failure; nothing is thrown, for a callback's error would be caught on its way.
-- This file has the handles; lent.lua the descriptors, and what must hold after each step;
-- strangers.lua what libcurl takes for its own.

local lent = require "spec.soak.lent"
local loops = require "spec.soak.loops"

local World = {}
World.__index = World
for _, methods in ipairs { lent.methods, loops.methods, (require "spec.soak.strangers"),
  (require "spec.soak.policed"), (require "spec.soak.traced") } do
  for name, f in pairs(methods) do
    World[name] = f
  end
end

local function new()
  return setmetatable({
    before = lent.descriptors(),
    handles = {}, -- that are not torn down; they know the objects only weakly
    object = setmetatable({}, { __mode = "v" }),
    of = setmetatable({}, { __mode = "k" }),
    slots = { easy = {}, multi = {}, share = {}, socket = {} },
    -- Calls into libcurl: { handle, unsure: its links change meanwhile, off: not now (loops.lua) }
    frames = {},
    held = {}, -- handles that a running operation mentions
    calls = 0, -- callbacks that run
    records = {}, -- descriptors that were lent and have had no close event yet
    own = {}, -- descriptors that are the script's, as numbers: number -> what it is
    strangers = {}, -- that have a number of libcurl's: { fd, what it is, object }
    files = {}, -- that stand in for callbacks
    pairs = setmetatable({}, { __mode = "k" }), -- Sockets on which tasks wait
    dropped = {}, -- loops
    thrown = {},
    opened = 0, closed = 0,
    unborn = 0, -- at most so many easies are garbage because a callback threw in easy:dup
  }, World)
end

function World:fail(format, ...)
  self.failure = self.failure or format:format(...)
end

function World:expect(wanted, got, format, ...)
  if wanted ~= got then
    self:fail("%s: expected %s, got %s", format:format(...), tostring(wanted), tostring(got))
  end
end

-- ---- handles --------------------------------------------------------------------------------

function World:put(kind, slot, object)
  local h = { kind = kind, id = ("%s%d"):format(kind, slot), opens = 0 }
  self.slots[kind][slot] = object
  self.handles[#self.handles + 1] = h
  self.of[object], self.object[h] = h, object
  return h
end

-- A file with this text, to be read or written from its beginning on.
function World:file(text)
  local file = assert(io.tmpfile())
  self.files[#self.files + 1] = file
  file:write(text)
  file:seek("set")
  return file
end

function World:end_files()
  for _, file in ipairs(self.files) do
    file:close()
  end
end

local function set_of(list)
  local set = {}
  for _, h in ipairs(list) do
    set[h] = true
  end
  return set
end

-- What can be reached from the handles of a set; a share does not keep its easies alive.
function World:reach(set, share_leads_back)
  local changed
  repeat
    changed = false
    local function add(h)
      if h and not set[h] then set[h], changed = true, true end
    end
    for _, h in ipairs(self.handles) do
      if set[h] then
        add(h.multi)
        add(h.share)
      elseif set[h.multi] or share_leads_back and set[h.share] then
        add(h)
      end
    end
  until not changed
  return set
end

-- The handles that nothing mentions any more: they may be collected at any time.
function World:limbo()
  local set = set_of(self.held)
  for _, kind in ipairs { "easy", "multi", "share" } do
    for _, object in pairs(self.slots[kind]) do
      set[self.of[object]] = true
    end
  end
  self:each_mentioned(function(h) set[h] = true end)
  self:reach(set)
  local list = {}
  for _, h in ipairs(self.handles) do
    if not set[h] then list[#list + 1] = h end
  end
  return list
end

-- Handles that may be in the middle of their teardown, and whether the links of others change.
function World:leaving()
  local list = self:limbo()
  for _, h in ipairs(self.handles) do
    if h.deferred then list[#list + 1] = h end
  end
  local unsure = #list > 0
  for _, f in ipairs(self.frames) do
    unsure = unsure or not f.off and f.unsure
  end
  for _, h in ipairs(self.handles) do
    unsure = unsure or h.parting
  end
  return list, unsure
end

-- Whether libcurl runs on what h is connected with: true, false, or "maybe".
function World:running(h)
  local sources, unsure = self:leaving()
  if self.calls == 0 then return false end
  for _, f in ipairs(self.frames) do
    if not f.off then sources[#sources + 1] = f.handle end
  end
  local reached = self:reach(set_of(sources), true)[h]
  return reached and (not unsure or "maybe") or false
end

-- Whether the easy is in a multi, in this one if it is given: true, false, or "maybe".
function World:is_in(e, multi)
  local _, unsure = self:leaving()
  if not e.multi or multi and e.multi ~= multi then return false end
  return not unsure or "maybe"
end

local function drop_torn(self)
  local list = {}
  for _, h in ipairs(self.handles) do
    if not h.torn then list[#list + 1] = h end
  end
  self.handles = list
end

-- The handle is torn down, with what only waited for that.
function World:tear(h)
  for fd in pairs(h.watched or {}) do
    self:fail("%s is gone, and %d is watched", h.id, fd)
  end
  h.torn, h.closed, h.deferred = true, true, nil
  for _, e in ipairs(self.handles) do
    if e.multi == h then e.multi, e.last = nil, nil end
  end
  drop_torn(self)
  local share = h.share
  h.multi, h.share = nil, nil
  if share then self:leave(share) end
end

-- A share that is closed while easies use it goes with the last of them.
function World:leave(share)
  for _, e in ipairs(self.handles) do
    if e.share == share then return end
  end
  if share.dying then self:tear(share) end
end

function World:close(h)
  h.closed = true
  if h.kind == "share" then
    h.dying = true
    self:leave(h)
  else
    self:tear(h)
  end
end

-- The outermost call has ended: what waited for that is torn down.
function World:sweep()
  if self:is_entered() then return end
  for _, h in ipairs { table.unpack(self.handles) } do
    if h.deferred then
      h.deferred = nil
      self:close(h)
    end
  end
end

function World:collected()
  local lost = self:limbo()
  local kept = self:kept_by_dropped(set_of(lost))
  self.unborn = 0
  for _, h in ipairs(lost) do
    if not (h.torn or kept[h]) then self:close(h) end
  end
end

return { new = new }
