--- policy.fault(faults): connections go wrong on purpose, to see what a program makes of it.
--   refuse    nobody answers there: the address is refused
--   hang      it is connected, and nothing ever comes
--   reset     it is connected, and then reset (without a loop: when the request begins)
--   delay     whatever comes, comes so much later
--   cut       it ends after so many bytes of what comes
--   random    a function in the place of math.random
-- Each fault is a table of conditions, all of which must hold, or true for always:
--   chance    0 to 1
--   every     n: each n-th connection
--   host      name of the URL, or a list of names
--   seconds   of delay
--   bytes     of cut
-- The first that applies is taken, in the order above. delay and cut relay, which needs a loop:
-- they refuse without one, and their connections are for one transfer each (forbid_reuse), as
-- those of transport are.
-- What relays and hangs stands for the address that was judged; a relay dials it as prepare of the
-- same composition's policies (bind) wants it, but not by a make (netns, broker).
-- Raises an error for other faults and conditions.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local fences = require "curlsock.policy.fences"
local hosts = require "curlsock.policy.hosts"
local inlets = require "curlsock.policy.inlet"
local relay = require "curlsock.policy.relay"

local order = { "refuse", "hang", "reset", "delay", "cut" }
local known = { random = true }
for _, kind in ipairs(order) do known[kind] = true end

local conditions = { chance = true, every = true, host = true, seconds = true, bytes = true }

-- Whether it is time for the fault: a function of the target.
local function read_when(kind, when, random)
  when = check.options("fault: " .. kind, when ~= true and when or {}, conditions)
  local is_for = hosts.matcher("fault", when.host)
  local chance = check.number("fault", kind .. ".chance", when.chance, 0)
  local every = check.number("fault", kind .. ".every", when.every, 1)
  local count = 0
  if kind == "delay" then check.number("fault", "delay.seconds", when.seconds or {}, 0) end
  if kind == "cut" then check.number("fault", "cut.bytes", when.bytes or {}, 0) end
  return function(target)
    if not is_for(target) then return false end
    count = count + 1
    if every and count % every ~= 0 then return false end
    return not chance or random() < chance
  end, when
end

local faults = {}

-- Nobody ever accepts what is connected.
function faults.hang() end

-- What is connected and not accepted gets a reset when the inlet is closed.
function faults.reset(state, inlet, _, loop, _, easy)
  if not loop then
    state.resetting[easy] = inlet
    return
  end
  loop:spawn(function()
    local inside <close> = inlet
    inside:wait(loop)
  end)
end

function faults.delay(state, inlet, when, loop, address, easy)
  loop:spawn(relay.run, inlet, loop, address, state.dial(easy), when.seconds, nil)
end

function faults.cut(state, inlet, when, loop, address, easy)
  loop:spawn(relay.run, inlet, loop, address, state.dial(easy), 0, when.bytes)
end

local function weak()
  return setmetatable({}, { __mode = "k" })
end

-- A policy's state, made for each composition; prepare is a list of those of the others.
local function new(list, random, prepare)
  local due, settings = {}, {}
  for _, kind in ipairs(order) do
    if list[kind] then due[kind], settings[kind] = read_when(kind, list[kind], random) end
  end
  local state = { resetting = weak() } -- by easy
  local loops, inlet_of = weak(), weak() -- by easy; by the Socket that libcurl has
  local policy = { name = "fault", trusted = true, reads_only = true }
  if due.delay or due.cut then policy.fence = fences.one_transfer end

  -- A function that makes a socket for an address as the composition does.
  function state.dial(easy)
    return function(address)
      local socket, message = address:socket()
      if not socket then return nil, message end
      for _, f in ipairs(prepare) do
        if f(socket, address:copy(), easy) ~= true then return nil end
      end
      return socket
    end
  end

  function policy.admit(easy, loop)
    loops[easy] = loop
    return true
  end

  function policy.judge(_, target)
    if due.refuse and due.refuse(target) then return nil, "refused on purpose" end
    return true
  end

  local function begin(kind, address, easy)
    local loop = loops[easy]
    if (kind == "delay" or kind == "cut") and not loop then return nil, kind .. " needs a loop" end
    local inlet, message = inlets.open()
    if not inlet then return nil, message end
    local near, failed = inlet.address:socket()
    if not near then return nil, failed end
    if kind == "hang" then inlet_of[near] = inlet end
    faults[kind](state, inlet, settings[kind], loop, address:copy(), easy)
    return near, inlet.address
  end

  function policy.make(address, target, easy)
    if address.socktype ~= "stream" then return nil end
    for i = 2, #order do
      local kind = order[i]
      if due[kind] and due[kind](target) then return begin(kind, address, easy) end
    end
  end

  function policy.request(_, easy)
    local inlet = state.resetting[easy]
    state.resetting[easy] = nil
    if inlet then inlet:close() end
  end

  function policy.closed(socket)
    local inlet = inlet_of[socket]
    if inlet then inlet:close() end
  end

  return policy
end

local function fault(list)
  list = check.options("fault", list, known)
  local random = check.callable("fault", "random", list.random or math.random)
  local policy = new(list, random, {})

  function policy.join(others)
    local prepare = {}
    for _, other in ipairs(others) do prepare[#prepare + 1] = other.prepare end
    return new(list, random, prepare)
  end

  return policy
end

return fault
