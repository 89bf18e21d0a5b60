-- What curlsock offers to a script, by name: one line for each callback, method and function. The
-- specs that go through all of them (03, 06, 07, 08, 13, 14, 15, 20, 30, 40), the random programs
-- of spec/soak and make oom take the names from here; 17-surface_spec.lua fails, and says what is
-- missing, when csrc has one that is not here. What is special about one stands where it is tried.

local surface = {}

local function data() return "data" end

-- The callbacks of an easy, each with a transfer that calls it:
--   path        of the web server; by default /hello
--   options     that the transfer needs
--   body        of the answer; by default "hello\n"
--   answer      what the callback returns when all is to go on; by default nothing
--   told        it is told of what has happened: an error in it does not fail the transfer
--   elsewhere   the upload of spec/support/orders.lua does not call it
surface.callbacks = {
  { name = "resolver_start_function", options = { dns_cache_timeout = 0 } },
  { name = "opensocketfunction", answer = true },
  { name = "sockoptfunction" },
  { name = "closesocketfunction", path = "/close", body = "close\n", told = true },
  { name = "prereqfunction", answer = true },
  { name = "headerfunction" },
  { name = "writefunction" },
  { name = "xferinfofunction" },
  { name = "debugfunction", options = { verbose = true } },
  { name = "readfunction", path = "/upload", body = "0\n", options = { upload = true } },
  {
    name = "seekfunction",
    path = "/moved-upload",
    body = "4\n",
    answer = true,
    options = { upload = true, infilesize_large = 4, followlocation = true, readfunction = data },
  },
}

-- Those that no upload to a web server calls, each with the transfer of spec 86 that does.
surface.rare_callbacks = {
  "chunk_bgn_function", "chunk_end_function", "fnmatch_function", "hstsreadfunction",
  "hstswritefunction", "interleavefunction", "ssh_hostkeyfunction", "ssh_keyfunction",
  "trailerfunction",
}

-- Those of a multi.
surface.multi_callbacks = { "socketfunction", "timerfunction" }

-- The list without those that have the flag, or only those, as names.
function surface.names(flag, only)
  local names = {}
  for _, callback in ipairs(surface.callbacks) do
    if (callback[flag] or false) == (only or false) then names[#names + 1] = callback.name end
  end
  return names
end

-- Arguments that are objects: of those that the caller has, by class; peer is an easy that is in
-- the multi, if there is one.
local function easy(o) return o.easy end
local function peer(o) return o.peer or o.easy end
local function address(o) return o.address end

-- The functions of the module, with arguments that are right. once: what it sets is for all
-- that comes after it, so only specs of its own call it.
surface.functions = {
  address = { args = { "127.0.0.1:80" } },
  adopt = { args = { -1 } },
  default_policy = { args = { {} }, once = true },
  easy = { args = { {} } },
  escape = { args = { "a b" } },
  getdate = { args = { "Sun, 06 Nov 1994 08:49:37 GMT" } },
  infos = {},
  inside = { args = { easy } },
  live = {},
  multi = { args = { {} } },
  networks = { args = { { "10.0.0.0/8" } } },
  now = {},
  options = {},
  policy = { args = { {} } },
  share = { args = { {} } },
  socket = { args = { "inet", "stream", 0, {} } },
  socketpair = { args = { "stream" } },
  sockets = {},
  trace = { once = true },
  type = { args = { "anything" } },
  unescape = { args = { "a%20b" } },
  url = { args = { "http://localhost/" } },
  version_info = {},
}

-- The methods by class, with arguments that are right.
--   inside   whether a callback may call it on a handle that runs, or shares a pool with one that
--            does: "allowed" or "refused"; 14-reentrancy_spec.lua knows the exceptions
--   state    of a Socket: "options" may be called until it is closed, "io" only by its owner,
--            "own" is for its state alone
surface.methods = {
  easy = {
    close = { inside = "refused" },
    close_idle = { inside = "refused", args = { 0 } },
    connections = { inside = "allowed" },
    dup = { inside = "allowed" },
    getinfo = { inside = "allowed", args = { "response_code" } },
    header = { inside = "allowed", args = { "server" } },
    headers = { inside = "allowed" },
    pause = { inside = "allowed", args = { "recv" } },
    perform = { inside = "refused" },
    recv = { inside = "refused" },
    reset = { inside = "refused" },
    send = { inside = "refused", args = { "x" } },
    setopt = { inside = "allowed", args = { "url", "http://localhost/" } },
    socket = { inside = "allowed" },
    unpause = { inside = "allowed", args = { "recv" } },
    unset = { inside = "allowed", args = { "url" } },
    upkeep = { inside = "refused" },
    ws_meta = { inside = "allowed" },
    ws_recv = { inside = "refused" },
    ws_send = { inside = "refused", args = { "x", "text" } },
    ws_start_frame = { inside = "allowed", args = { "text", 1 } },
  },
  multi = {
    add = { inside = "refused", args = { easy } },
    await = { inside = "refused", args = { easy, {} } },
    close = { inside = "refused" },
    close_idle = { inside = "refused", args = { 0 } },
    connections = { inside = "allowed" },
    easies = { inside = "allowed" },
    events = { inside = "allowed" },
    perform = { inside = "refused" },
    poll = { inside = "refused", args = { 0 } },
    pollfd = { inside = "refused" },
    remove = { inside = "refused", args = { peer } },
    results = { inside = "refused", args = { {} } },
    setopt = { inside = "refused", args = { "maxconnects", 3 } },
    socket_action = { inside = "refused", args = { 1000, "r" } },
    timeout = { inside = "refused" },
    wakeup = { inside = "allowed" },
    watches = { inside = "allowed" },
  },
  share = {
    close = { inside = "refused" },
    close_idle = { inside = "refused", args = { 0 } },
    connections = { inside = "allowed" },
    setopt = { inside = "refused", args = { "share", "dns" } },
  },
  socket = {
    accept = { state = "io", args = { 0 } },
    bind = { state = "options", args = { address } },
    close = { state = "own" },
    connect = { state = "io", args = { address, 0 } },
    detach = { state = "own" },
    fd = { state = "own" },
    fileno = { state = "own" },
    getfd = { state = "own" },
    getsockopt = { state = "options", args = { 1, 3, 4 } },
    info = { state = "options" },
    listen = { state = "io", args = { 1 } },
    localaddress = { state = "options" },
    peeraddress = { state = "options" },
    pollfd = { state = "own" },
    recv = { state = "io", args = { 1, 0 } },
    recvfd = { state = "io", args = { 1, 0 } },
    send = { state = "io", args = { "x", 0 } },
    sendfd = { state = "io", args = { 0, "x", 0 } },
    setsockopt = { state = "options", args = { "socket", "keepalive", true } },
    state = { state = "own" },
  },
  address = {
    copy = {},
    unpack = {},
    is_foreign = {},
    socket = {},
    within = { args = { "10.0.0.0/8" } },
  },
  url = {
    dup = {},
    get = { args = { "host" } },
    set = { args = { "host", "localhost" } },
  },
  networks = {
    find = { args = { address } },
  },
  loop = {
    close = {}, group = {}, guard = {}, on_event = {}, on_timer = {}, perform = {}, run = {},
    sleep = {}, spawn = {}, step = {}, stream = {}, wait = {}, watches = {},
    websocket = {},
  },
}

surface.handles = { "easy", "multi", "share" }

function surface.sorted(t)
  local names = {}
  for name in pairs(t) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- The names of the class's methods whose field has that value, in order.
function surface.methods_with(class, field, value)
  local names = {}
  for _, name in ipairs(surface.sorted(surface.methods[class])) do
    if surface.methods[class][name][field] == value then names[#names + 1] = name end
  end
  return names
end

-- The arguments of an entry, made of these objects, and how many.
function surface.arguments(entry, objects)
  local args = {}
  for i, arg in ipairs(entry.args or {}) do
    args[i] = type(arg) == "function" and arg(objects) or arg
  end
  return args, #args
end

-- Calls the method of the object with arguments that are right, written as a script writes it:
-- then an error has the method's name.
function surface.call(class, name, object, objects)
  local args, n = surface.arguments(surface.methods[class][name], objects or {})
  local lua = "local o = ... local results = table.pack(o:%s(select(2, ...))) "
    .. "return table.unpack(results, 1, results.n)"
  return assert(load(lua:format(name), "=call"))(object, table.unpack(args, 1, n))
end

-- That each method of the class but close() says of the object that it is closed.
function surface.assert_closed(class, object, objects)
  for _, name in ipairs(surface.sorted(surface.methods[class])) do
    local ok, message = pcall(surface.call, class, name, object, objects)
    local expected = ("call:1: calling '%s' on bad self (%s is closed)"):format(name, class)
    if name ~= "close" and (ok or message ~= expected) then
      error(("%s:%s of a closed one: %s"):format(class, name, ok and "works" or message), 2)
    end
  end
end

-- The methods of a class, as a script finds them: name -> function.
function surface.methods_of(object)
  local index = debug.getmetatable(object).__index
  if type(index) == "function" then -- its class comes first, its methods second
    local _, upvalue = debug.getupvalue(index, 2)
    index = upvalue
  end
  return index
end

return surface
