-- The hooks of the Policy that a composition is: from an address to a socket, and its end.
-- compose.lua says what the phases are.
local curl = require "curlsock"
local targets = require "curlsock.policy.target"

local opening = {}

-- Makes the address what libcurl is to dial.
local function set(address, to)
  if to.family == "unix" then
    address.path = to.path
  else
    local port = to.port
    address.ip, address.port = to.ip, port
  end
end

local function close(answer)
  if curl.type(answer) == "socket" then answer:close() end
end

-- What a hook of the policy gets to see.
local function shown_to(policy, address)
  return policy.reads_only and address or address:copy()
end

-- The name of a policy behind the i-th that has an answer, too; nil if none has.
local function another(phase, i, address, target, easy)
  for j = i + 1, phase.n do
    local answer = phase.f[j](shown_to(phase.policy[j], address), target, easy)
    close(answer)
    if answer ~= nil then return phase.policy[j].name end
  end
end

-- The only answer of the phase, which must be of this class, its second value and its policy; nil
-- for none; nil and what refuse returns.
local function only_answer(rules, phase, class, address, target, easy)
  for i = 1, phase.n do
    local policy = phase.policy[i]
    local answer, more = phase.f[i](shown_to(policy, address), target, easy)
    if answer ~= nil or more ~= nil then
      if curl.type(answer) ~= class then
        return nil, select(2, rules:refuse(easy, policy.name, address, answer, more))
      end
      local other = another(phase, i, address, target, easy)
      if not other then return answer, more, policy end
      close(answer)
      local why = ("%s has an answer, too"):format(other)
      return nil, select(2, rules:refuse(easy, policy.name, address, nil, why))
    end
  end
end

local function judge(rules, judges, address, target, easy)
  for i = 1, judges.n do
    local policy = judges.policy[i]
    local answer, why = judges.f[i](shown_to(policy, address), target, easy)
    if answer ~= true then return rules:refuse(easy, policy.name, address, answer, why) end
  end
  return true
end

-- Makes the address the one that route leads to: true, or what refuse returns.
local function route(rules, address, target, easy)
  local phase = rules.phases.route
  if phase.n == 0 then return true end
  local to, why = only_answer(rules, phase, "address", address, target, easy)
  if why and not to then return nil, why end
  if to then set(address, to) end
  return true
end

--- Routes and judges the address: true, or what refuse returns.
function opening.decide(rules, address, target, easy)
  local ok, why = route(rules, address, target, easy)
  if not ok then return nil, why end
  return judge(rules, rules.phases.judge, address, target, easy)
end

-- Whether any of the functions of the phases takes more than the address.
local function takes_target(...)
  for _, phase in ipairs { ... } do
    for i = 1, phase.n do
      local info = debug.getinfo(phase.f[i], "u")
      if info.nparams > 1 or info.isvararg then return true end
    end
  end
  return false
end

-- What only reads the address leaves it as it is.
local function all_read_only(...)
  for _, phase in ipairs { ... } do
    for i = 1, phase.n do
      if not phase.policy[i].reads_only then return false end
    end
  end
  return true
end

local function weak()
  return setmetatable({}, { __mode = "k" })
end

-- What is remembered of sockets: told, those whose end is to be told; next, by easy, the Address
-- and the maker of the one that is being opened.
local nothing = { n = 0 }
local Sockets = {}
Sockets.__index = Sockets

-- The socket is about to be connected, or listens.
function Sockets:begin(socket, address, maker, easy)
  local rules, phases = self.rules, self.rules.phases
  local prepare = not (maker and maker.trusted) and phases.prepare or nothing
  for i = 1, prepare.n do
    local policy = prepare.policy[i]
    local answer, why = prepare.f[i](socket, shown_to(policy, address), easy)
    if answer ~= true then return rules:refuse(easy, policy.name, address, answer, why) end
  end
  self.told[socket] = true
  for i = 1, phases.opened.n do phases.opened.f[i](socket, address, easy) end
  return true
end

-- Why a Socket that is connected already cannot be had by its peer; nil if it can.
local function bad_peer(rules, peer, maker, target, easy)
  if maker and maker.trusted then return nil end
  local ok, why = judge(rules, rules.phases.judge, peer, target, easy)
  return not ok and why or nil
end

-- What follows the judging: the Socket that libcurl is to get, or true; or nil and the reason.
-- made: by a policy, to be connected to the Address to if that is given; own: the easy's.
function Sockets:hand_over(purpose, address, easy, target, own, made, to, maker)
  local rules, socket = self.rules, made or own
  local peer = socket and socket:peeraddress()
  if made and peer then
    local why = bad_peer(rules, peer, maker, target, easy)
    if why then return nil, why end
  end
  if self.follows then
    local judged = address:copy()
    if purpose == "listen" and not socket then
      local failed
      made, failed = address:socket()
      if not made then return rules:refuse(easy, "socket", address, nil, failed) end
      socket = made
    end
    if peer or purpose == "listen" then -- nobody asks about it again
      self.next[easy] = nil
      local ok, why = self:begin(socket, judged, maker, easy)
      if not ok then return nil, why end
    else
      self.next[easy] = { judged, maker }
    end
  end
  if to then set(address, to) end
  return made or true
end

local unpack = curl.address("127.0.0.1").unpack

-- Whether the address is what it was.
local function is(address, family, bytes, port, zone, path)
  local f, b, p, _, z = unpack(address)
  return f == family and b == bytes and p == port and z == zone and (b or address.path == path)
end

-- Routes and judges the address, and has the policies make a Socket for it: true, or what refuse
-- returns, and what only_answer does of make. fixed: it is the peer of the easy's own Socket.
local function route_to_make(rules, address, target, easy, fixed)
  local phases, ok, why = rules.phases, true, nil
  if not fixed then ok, why = route(rules, address, target, easy) end
  if not ok then return nil, why end
  local family, bytes, port, zone, path, _
  if not rules.reads_only then
    family, bytes, port, _, zone = unpack(address)
    path = address.path
  end
  ok, why = judge(rules, phases.judge, address, target, easy)
  if not ok then return nil, why end
  local made, to, maker = only_answer(rules, phases.make, "socket", address, target, easy)
  if to and not made then return nil, to end
  local wrong = made and fixed and "the easy's own Socket is connected already"
    or not rules.reads_only and not is(address, family, bytes, port, zone, path)
      and "it was changed after it was judged"
  if not wrong then return true, made, to, maker end
  close(made)
  return rules:refuse(easy, "compose", address, nil, wrong)
end

-- The hook of those that do more than judge.
local function full_open(rules, sockets)
  local phases = rules.phases
  local wants_target = takes_target(phases.route, phases.judge, phases.make)
  rules.reads_only = all_read_only(phases.judge, phases.make)
  return function(purpose, address, easy, own, transfer)
    rules.transfers[easy] = transfer
    local target = wants_target and targets.new(purpose, address, easy, rules.never_proxy) or nil
    local fixed = own and own:peeraddress()
    local ok, made, to, maker = route_to_make(rules, address, target, easy, fixed)
    if not ok then return nil, made end
    local given, reason = sockets:hand_over(purpose, address, easy, target, own, made, to, maker)
    if not given then close(made) end
    return given, reason
  end
end

-- The hook of those that judge only.
local function quick_open(rules)
  local judges = rules.phases.judge
  local first, name, only = judges.f[1], judges.policy[1].name, judges.n == 1
  if takes_target(judges) or not only then
    return function(purpose, address, easy, _, transfer)
      local target = targets.new(purpose, address, easy, rules.never_proxy)
      rules.transfers[easy] = transfer
      return judge(rules, judges, address, target, easy)
    end
  end
  return function(_, address, easy, _, transfer)
    local ok, why = first(address)
    if ok == true then return true end
    rules.transfers[easy] = transfer
    return rules:refuse(easy, name, address, ok, why)
  end
end

local function open_hook(rules, sockets)
  local phases = rules.phases
  if not sockets.follows and phases.make.n + phases.route.n == 0 then
    if phases.judge.n == 0 then return nil end
    if all_read_only(phases.judge) then return quick_open(rules) end
  end
  return full_open(rules, sockets)
end

local function sockopt_hook(rules, sockets)
  local accept = rules.phases.accept
  if not sockets.follows and accept.n == 0 then return nil end
  return function(socket, purpose, easy)
    if purpose == "accept" then
      local peer = socket:peeraddress()
      return rules:ask_all(accept, easy, peer, socket, peer, easy)
    end
    local entry = sockets.next[easy]
    if not entry then return true end
    sockets.next[easy] = nil
    return sockets:begin(socket, entry[1], entry[2], easy)
  end
end

local function close_hook(rules, sockets)
  local closed = rules.phases.closed
  if closed.n == 0 then return nil end
  return function(socket)
    if not sockets.told[socket] then return end
    sockets.told[socket] = nil
    for i = 1, closed.n do closed.f[i](socket) end
  end
end

local function telling(phase)
  if phase.n == 0 then return nil end
  if phase.n == 1 then return phase.f[1] end
  return function(...)
    for i = 1, phase.n do phase.f[i](...) end
  end
end

local function start_hook(rules)
  local start = rules.phases.start
  if start.n == 0 then return nil end
  return function(easy, url, hop)
    if hop == 0 then rules.refusals[easy], rules.transfers[easy] = nil, nil end
    return rules:ask_all(start, easy, nil, easy, url, hop)
  end
end

--- The hooks for curl.policy: those only that are needed, for each costs a call.
function opening.hooks(rules)
  local phases = rules.phases
  local follows = phases.prepare.n + phases.opened.n + phases.closed.n > 0
  local sockets = setmetatable({ rules = rules, follows = follows, told = weak(), next = weak() },
    Sockets)
  return {
    start = start_hook(rules), open = open_hook(rules, sockets),
    sockopt = sockopt_hook(rules, sockets), request = telling(phases.request),
    close = close_hook(rules, sockets),
  }
end

return opening
