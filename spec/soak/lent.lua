-- The model's part for descriptors: which are lent, who is told when one is closed; and what must
-- hold after each step.

local lfs = require "lfs"
local curl = require "curlsock"
local process = require "spec.support.process"

local World = {} -- methods of the model's

local function target(fd)
  return fd and lfs.symlinkattributes("/proc/self/fd/" .. fd, "target")
end

-- The open descriptors: number -> what it is.
local function descriptors()
  local open = {}
  for name in lfs.dir("/proc/self/fd") do
    local fd = math.tointeger(tonumber(name))
    local what = target(fd)
    -- Not the descriptor that reads this folder.
    if what and not what:find("^/proc/%d+/fd$") then open[fd] = what end
  end
  return open
end

-- ---- descriptors ----------------------------------------------------------------------------

-- An easy that performs has left its multi, even if that is not at the end of its teardown yet.
function World:pool_of(e)
  local frame = self.frames[#self.frames]
  local multi = not (frame and frame.handle == e) and e.multi
  return e.share and e.share.connect and e.share or multi or e
end

-- The Socket knows its record by its data, and is known by its address, so that it is not kept.
local function identify(r, socket)
  socket.data = r
  r.socket, r.fd, r.target = ("%p"):format(socket), socket:fd(), target(socket:fd())
  r.weak = setmetatable({ socket }, { __mode = "v" })
end

-- An open callback is about to lend a descriptor: known by its number, its Socket, or not yet.
function World:lend(e, fd, socket)
  local r = { pool = self:pool_of(e), version = e.version, easy = e.id, events = 0 }
  r.told, r.opener = e.version.tells, e
  self.opened = self.opened + 1
  self.records[#self.records + 1] = r
  for _, other in ipairs(self.records) do
    -- That one was closed without a word, and its number has come back.
    if fd and other.fd == fd then other.fd = false end
    other.due = other.due or other.aside and other.pool == r.pool
  end
  r.fd = fd
  if socket then identify(r, socket) end
  return r
end

-- The record of a Socket of libcurl's: one that was seen before, or one that waits for this.
function World:record_of(socket, matches)
  if socket.data then return socket.data end
  local fd = socket:fd()
  for _, r in ipairs(self.records) do
    if not r.socket and matches(r) and (not fd or r.fd == nil or r.fd == fd) then
      identify(r, socket)
      return r
    end
  end
end

function World:end_record(r)
  r.ended = true
  for i, other in ipairs(self.records) do
    if other == r then table.remove(self.records, i) end
  end
end

-- The close callback of a version of an easy's options was called.
function World:close_event(version, socket)
  local state = socket:state()
  local r = self:record_of(socket, function(r) return r.version == version end)
  self.closed = self.closed + 1
  if not r then return self:fail("a close event for a socket that was never lent: %s", socket) end
  r.events = r.events + 1
  self:expect(1, r.events, "close events of a socket of %s", r.easy)
  self:expect(version, r.version, "the callback of a close event of %s", r.easy)
  self:expect(("%p"):format(socket), r.socket, "the Socket in a close event of %s", r.easy)
  if state ~= "closed" then
    self:expect("closing", state, "state in a close event of %s", r.easy)
    self:expect(r.fd, socket:fd(), "descriptor in a close event of %s", r.easy)
    self:expect(r.target, target(r.fd), "what is closed in a close event of %s", r.easy)
    self:unwatched(r)
  end
  if r.behind then self:expect("closed", state, "state in the close event of a lost socket") end
  self:end_record(r)
  return r
end

-- The state has ended: those without a close callback have gone, too.
function World:end_untold()
  for _, r in ipairs { table.unpack(self.records) } do
    local open = r.target and target(r.fd) == r.target
    if open then self:fail("descriptor %s of %s survives the state", r.fd, r.easy) end
    if not r.told then self:end_record(r) end
  end
end

-- Whether the kernel watches that socket for the multi with this pollfd. After a close it would
-- go on, if the socket has a duplicate or was detached.
local function kernel_watches(pollfd, r)
  local info <close> = io.open("/proc/self/fdinfo/" .. pollfd)
  for line in info and info:lines() or function() end do
    local fd, inode = line:match "^tfd: *(%d+) .*ino:(%x+)"
    if tonumber(fd) == r.fd and r.target == ("socket:[%d]"):format(tonumber(inode, 16)) then
      return true
    end
  end
  return false
end

local function has(list, h)
  for _, other in ipairs(list) do
    if other == h then return true end
  end
end

-- A descriptor must not be watched any more when it is closed. (The finalizer of a share cannot
-- tell the functions of a multi that is collected with it.)
function World:unwatched(r)
  for _, h in ipairs(self.handles) do
    local told = h.watched and not (r.pool.kind == "share" and has(self:limbo(), h))
    local watched = told and h.watched[r.fd] or h.fd and kernel_watches(h.fd, r)
    if watched then self:fail("%s watches %d, which is closed", h.id, r.fd) end
  end
end

-- ---- what must hold -------------------------------------------------------------------------

local function check_lent(self)
  local seen, held, known = {}, curl.sockets(), true
  for _, entry in ipairs(held) do
    local pool = entry.pool and self.of[entry.pool]
    local r = entry.socket
      and self:record_of(entry.socket, function(r) return r.pool == pool and not r.socket end)
    if entry.socket and not r then return self:fail("%s was never lent", entry.socket) end
    -- The pool is being finalized: nothing tells which this is.
    if not entry.socket then known = false end
    if r then
      seen[r] = true
      self:expect(nil, r.ended, "%s of %s has ended", entry.socket, r.easy)
      self:expect(r.pool, pool, "the pool of %s", entry.socket)
      self:expect("lent", entry.socket:state(), "state of %s", entry.socket)
    end
  end
  return seen, #held, known
end

-- Until libcurl 8.2 an attempt that it gives up is closed before it is unwatched.
local unseen = curl.version_info().version_num < 0x080200

-- What is watched is what was there when the watch began.
local function check_watches(self)
  for _, h in ipairs(self.handles) do
    for fd, what in pairs(h.watches or {}) do
      local known = not self:is_stranger(fd) and not (unseen and not target(fd))
      if known then self:expect(what, target(fd), "what %s watches", h.id) end
    end
  end
end

-- libcurl closed an attempt that lost without a word, its number has come to somebody else, and
-- its transfer, whose end will bring the event, may run.
local function waits(r)
  return r.opener.multi and target(r.fd) ~= r.target
end

-- At rest, all is known: libcurl holds what the model says and nothing else.
function World:check_rest()
  local seen, held, known = check_lent(self)
  if self.failure or not known then return end
  for _, r in ipairs { table.unpack(self.records) } do
    if r.due then self:fail("the close event of lost descriptor %s is late", r.fd) end
    if not seen[r] and not r.told then
      self:end_record(r)
    elseif not seen[r] and not r.behind and not waits(r) then
      self:fail("no close event for descriptor %s of %s", r.fd, r.easy)
    elseif r.pool.torn and not self:may_outlive(r) then
      self:fail("descriptor %s of %s survives its %s", r.fd, r.easy, r.pool.id)
    elseif not seen[r] then
      held = held + 1 -- its number is another's: it waits for its event
    end
  end
  self:expect(held, #self.records, "descriptors that libcurl holds")
  self:check_policed()
end

-- A connection can leave a share for the shutdown list of any other handle (libcurl 8.9).
function World:may_outlive(r)
  return r.pool.kind == "share" and curl.version_info().version_num >= 0x080900
    and #self.handles > 0
end

function World:check_own()
  for fd, what in pairs(self.own) do
    self:expect(what, target(fd), "descriptor %d, which is the script's", fd)
  end
  self:check_strangers()
end

-- curl.live() is between what cannot have gone and what may be there still.
function World:check_live()
  local live, most = curl.live(), { easy = 0, multi = 0, share = 0 }
  local least = {}
  for _, h in ipairs(self.handles) do
    most[h.kind] = most[h.kind] + 1
  end
  for kind, n in pairs(most) do
    least[kind] = n
  end
  most.easy = most.easy + self.unborn
  for _, h in ipairs(self:limbo()) do
    least[h.kind] = least[h.kind] - 1
  end
  for _, h in ipairs(self.handles) do
    -- The last easy may be in limbo.
    if h.dying then least.share = least.share - 1 end
  end
  for kind, n in pairs(most) do
    if live[kind] < least[kind] or live[kind] > n then
      self:fail("%d %s alive: expected %d to %d", live[kind], kind, least[kind], n)
    end
  end
end

-- What was shown to sockoptfunction alone is out of reach ever after.
local function check_borrowed(self)
  local socket = self.borrowed
  self.borrowed = nil
  if socket and (socket:state() ~= "closed" or socket:fd()) then
    self:fail("what FTP accepted is %s afterwards", socket)
  end
end

function World:check()
  if self.failure then return end
  check_borrowed(self)
  -- A finalizer would change all this meanwhile.
  collectgarbage "stop"
  self:look_at_loop()
  self:sweep()
  self:check_own()
  if self:is_entered() then
    check_lent(self)
  else
    self:check_rest()
    check_watches(self)
    self:check_live()
  end
  if self.collects then collectgarbage "restart" end
end

-- All is gone; exactly what was open before is.
function World:check_end()
  for kind, n in pairs(curl.live()) do
    self:expect(0, n, "%s alive at the end", kind)
  end
  self:expect(0, #self.records, "descriptors without a close event at the end")
  self:check_traced()
  self:check_descriptors()
end

-- A thread that looks up a name may outlive its transfer, and has files open for a moment.
local function await_threads(self)
  local deadline = curl.now() + 2 * process.patience
  local function has_more()
    for fd in pairs(descriptors()) do
      if not self.before[fd] then return true end
    end
  end
  while has_more() and curl.now() < deadline do end
end

function World:check_descriptors()
  if self.threads then await_threads(self) end
  for fd, what in pairs(descriptors()) do
    self:expect(self.before[fd], what, "descriptor %d at the end", fd)
  end
  for fd, what in pairs(self.before) do
    self:expect(what, target(fd), "descriptor %d of before", fd)
  end
end

return { methods = World, descriptors = descriptors, target = target, unseen = unseen }
