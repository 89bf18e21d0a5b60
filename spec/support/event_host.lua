-- The event loop of specs in which a multi is a guest: written by hand, on socket.select. It says
-- what it was told, and what must never happen.
--
--   local host = event_host.new([options of the multi])
--   event_host.body_of(easy)     what has come of the body of host:easy(...)

local assert = require "luassert"
local curl = require "curlsock"
local loops = require "spec.support.loops"
local servers = require "spec.support.servers"
local several = require "spec.support.several"
local target = require("spec.support.transfers").target

local wait = loops.wait
local event_host = {}

-- A multi in a loop of its own, which keeps what it was told:
--   watched     descriptor -> events, now             due      when the timer runs out, or nil
--   log         each call, in order: "watch 6 w", "unwatch 6", "timer"; and what tests add
--   easies      descriptor -> the easy that was told with the last watch, or false for nil
--   faults      what must never happen
local Host = {}
Host.__index = Host

function event_host.new(options)
  local host = setmetatable({
    watched = {}, log = {}, easies = {}, faults = {}, targets = {}, results = {},
  }, Host)
  host.multi = curl.multi(options)
  host.multi:setopt {
    socketfunction = function(fd, events, easy) host:watch(fd, events, easy) end,
    timerfunction = function(seconds)
      host.due = seconds and curl.now() + seconds
      host.log[#host.log + 1] = "timer"
    end,
  }
  return host
end

function Host:fault(...)
  self.faults[#self.faults + 1] = string.format(...)
end

function Host:watch(fd, events, easy)
  if self.watched[fd] == events then
    self:fault("%d was told %s twice", fd, events)
  elseif not events and target(fd) ~= self.targets[fd] then
    self:fault("%d was closed before it was unwatched", fd)
  end
  self.watched[fd], self.targets[fd] = events, target(fd)
  self.easies[fd] = events and (easy or false)
  self.log[#self.log + 1] = events and ("watch %d %s"):format(fd, events) or "unwatch " .. fd
end

-- Waits until something is due, at most that long, and does it.
function Host:step(seconds)
  local left_over = self.due and math.max(0, self.due - curl.now()) or seconds
  for _, event in ipairs(wait(self.watched, math.min(left_over, seconds))) do
    local fd, events = table.unpack(event)
    if self.watched[fd] then assert(self.multi:socket_action(fd, events)) end
  end
  if self.due and self.due <= curl.now() then
    self.due = nil
    assert(self.multi:socket_action())
  end
  self:take_results()
end

function Host:take_results()
  for easy, ok, message, name in self.multi:results() do
    self.results[#self.results + 1] = { easy = easy, ok = ok, message = message, name = name }
    self.multi:remove(easy)
  end
end

-- Steps until done() is true.
function Host:drive(done)
  local deadline = curl.now() + 20
  while not done() do
    assert(curl.now() < deadline, "nothing happens any more")
    self:step(0.02)
  end
end

-- Runs the transfers to their end: the result of the last.
function Host:run(...)
  local before, easies = #self.results, table.pack(...)
  for _, easy in ipairs(easies) do self.multi:add(easy) end
  self:drive(function() return #self.results == before + easies.n end)
  return self.results[#self.results]
end

-- An easy whose sockets are in the host's log ("open 6", "close 6"), and checked when they
-- are closed. Its body is in easy_body(easy).
local bodies = setmetatable({}, { __mode = "k" })

function event_host.body_of(easy)
  return table.concat(bodies[easy])
end

function Host:easy(url, options)
  local body = {}
  local easy = curl.easy { url = url, proxy = "", timeout = 20, writefunction = body }
  bodies[easy] = body
  easy:setopt {
    opensocketfunction = function(_, address)
      local socket = assert(address:socket())
      socket.data = socket:fd()
      self.log[#self.log + 1] = "open " .. socket.data
      return socket
    end,
    closesocketfunction = function(socket)
      local fd = socket.data
      if socket:state() == "closing" and self.watched[fd] then
        self:fault("%d is being closed while it is watched", fd)
      end
      self.log[#self.log + 1] = "close " .. fd
    end,
  }
  assert(easy:setopt(options or {}))
  return easy
end

-- How many lines of the log begin with that word.
function Host:count(word)
  local count = 0
  for _, line in ipairs(self.log) do
    if line:match("^%a+") == word then count = count + 1 end
  end
  return count
end

-- The descriptors that were opened, in order.
function Host:opened()
  local list = {}
  for _, line in ipairs(self.log) do
    list[#list + 1] = tonumber(line:match("^open (%d+)"))
  end
  return list
end

-- The lines about that descriptor: "open", "watch w", ...
function Host:life(fd)
  local lines = {}
  for _, line in ipairs(self.log) do
    local word, number, rest = line:match("^(%a+) (%d+)(.*)$")
    if word and tonumber(number) == fd then lines[#lines + 1] = word .. rest end
  end
  return lines
end

-- Everything was told as it must be, and so many sockets were opened, watched and closed.
function Host:assert_clean(sockets)
  assert.same({}, self.faults)
  assert.same({}, self.watched)
  assert.equal(sockets, self:count("open"))
  assert.equal(sockets, self:count("close"))
end

-- An easy of the host whose transfer has begun to get the slow body, and goes on.
function Host:begin(url, options)
  local easy = self:easy(url or servers.nginx().url .. "/slow", options)
  self.multi:add(easy)
  self:drive(function() return #bodies[easy] > 0 end)
  return easy
end

-- A transfer whose name stands for these addresses at the port where 127.0.0.1 alone serves.
function Host:easy_at(addresses, options)
  local at = several.options(servers.nginx().port4, addresses)
  return self:easy(at.url, options):setopt("resolve", at.resolve)
end

function event_host.continue() os.execute("kill -s CONT " .. servers.nginx().pid) end

-- Leaves a connection that waits for the server's end of TLS, until event_host.continue(): how many
-- those are; libcurl before 8.9 does not wait.
function Host:park()
  local web = servers.nginx()
  local easy = self:easy(web.https_url .. "/hello", {
    cainfo = web.ca, forbid_reuse = true,
    writefunction = function() os.execute("kill -s STOP " .. web.pid) end,
  })
  assert.is_true(self:run(easy).ok)
  local parked = curl.version_info().version_num >= 0x080900 and 1 or 0
  assert.equal(parked, #curl.sockets())
  return parked
end

event_host.watch = Host.watch

return event_host
