-- Every public function with everything that it does not expect: other types, nothing at all,
-- numbers out of range, NaN, closed handles, objects of other classes and other libraries, NUL
-- in strings, descriptors that are none. Each must throw a string that names what was wrong, do
-- nothing, and leave nothing over.
--
-- The functions are those of spec/support/surface.lua, which has all of the module.

local curl = require "curlsock"
local lfs = require "lfs"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local system = require "spec.support.system"

local methods_of, sorted = surface.methods_of, surface.sorted

local web

setup(function()
  web = servers.nginx()
end)

-- ---- what is tried ---------------------------------------------------------------------

-- One object of each class, and how they are closed again.
local function new_objects()
  local o = {
    easy = curl.easy { url = web.url .. "/hello", proxy = "" },
    multi = curl.multi(),
    share = curl.share { share = "dns" },
    address = curl.address("127.0.0.1:80"),
    url = curl.url("http://localhost/"),
    networks = curl.networks { "10.0.0.0/8" },
    file = io.tmpfile(),
    -- A connection that libcurl holds.
    holder = curl.easy { url = web.url .. "/hello", proxy = "" },
  }
  o.socket, o.peer = curl.socketpair()
  assert(o.holder:perform())
  o.lent = curl.sockets()[1].socket
  return o
end

local function close_objects(o)
  o.file:close()
  for _, name in ipairs { "multi", "easy", "holder", "share", "socket", "peer" } do
    o[name]:close()
  end
end

local function closed(object)
  object:close()
  return object
end

-- List of { kind, value }. A kind is what the entries below accept or do not.
local function new_values(o)
  local list = {}
  local function add(kind, ...)
    for i = 1, select("#", ...) do
      list[#list + 1] = { kind = kind, value = (select(i, ...)) }
    end
  end
  add("nil", nil)
  add("boolean", true, false)
  add("number", 0, 1, -1, 2 ^ 31, -2 ^ 31 - 1, 1 << 31, 1 << 32, 1 << 53, math.maxinteger,
    math.mininteger, 0.5, -0.5, 1e300, -1e300, math.huge, -math.huge, 0 / 0)
  add("numeral", "1", "0x10")
  add("string", "", "x", "no such name", "a\0b", "\0", "share\0", "127.0.0.1:99999")
  add("string", ("x"):rep(100000))
  add("table", {}, { 1 }, { x = 1 }, { [0.5] = 1 }, { {} })
  add("function", print, function() end)
  add("thread", coroutine.create(print))
  add("file", o.file, closed(io.tmpfile()))
  add("light", curl.PAUSE)
  add("easy", o.easy)
  add("closed easy", closed(curl.easy()))
  add("multi", o.multi)
  add("closed multi", closed(curl.multi()))
  add("share", o.share)
  add("closed share", closed(curl.share()))
  add("socket", o.socket)
  add("closed socket", closed(curl.socket()))
  add("lent socket", o.lent)
  add("address", o.address)
  add("url", o.url)
  add("networks", o.networks)
  for _, name in ipairs { "easy", "multi", "share", "socket", "address", "networks", "url" } do
    add("table", setmetatable({}, debug.getmetatable(o[name])))
  end
  add("table", setmetatable({}, {
    __index = error, __len = error, __pairs = error, __tostring = error, __name = {},
  }))
  return list
end

-- ---- what is accepted ------------------------------------------------------------------

-- A parameter: accepts(value) tells which ones are right, or may be. The rest must throw.
local function kinds(...)
  local set = {}
  for _, kind in ipairs { ... } do
    set[kind] = true
  end
  return function(v)
    return set[v.kind]
  end
end

local none = kinds()
local anything = function()
  return true
end

-- A number from min to max; a numeral may do.
local function number(min, max, ...)
  local other = kinds(...)
  return function(v)
    return other(v) or v.kind == "numeral"
      or v.kind == "number" and v.value >= min and v.value <= max
  end
end

local function integer(min, max, ...)
  local inside = number(min, max, ...)
  return function(v)
    return inside(v) and (v.kind ~= "number" or math.tointeger(v.value))
  end
end

-- A string without NUL.
local function text(v)
  return (v.kind == "string" or v.kind == "numeral") and not v.value:find("\0", 1, true)
end

local function plain_table(v)
  return v.kind == "nil" or v.kind == "table" and next(v.value) == nil
end

local optional_seconds = number(0, 1e300, "nil")
local int = 2147483647

-- ---- the entries -----------------------------------------------------------------------

-- What is accepted in place of each argument that spec/support/surface.lua has; of a method the
-- first is the object. What has no line here accepts nothing else.

local own_number = integer(0, int, "nil")
local open_socket = kinds("socket", "lent socket")
local any_socket = kinds("socket", "lent socket", "closed socket")

local of_module = {
  adopt = {
    function(v) -- real descriptors have a test of their own
      return v.kind == "number" and v.value >= 0 and v.value < 1000 and math.tointeger(v.value)
    end,
  },
  easy = { plain_table },
  escape = { kinds("string", "numeral") },
  getdate = { kinds("string", "numeral") },
  inside = {
    kinds("nil", "easy", "multi", "share", "closed easy", "closed multi", "closed share"),
  },
  multi = { plain_table },
  networks = { plain_table },
  policy = { plain_table },
  share = { plain_table },
  type = { function() return true end },
  socket = { own_number, own_number, own_number, plain_table },
  socketpair = { own_number },
  unescape = { kinds("string", "numeral") },
  url = { kinds("string", "numeral", "url", "nil") }, -- curl.url(nil) raises: see spec 73
}

local methods = {
  easy = {
    close = { kinds("easy", "closed easy") },
    close_idle = { kinds "easy", number(0, math.huge, "nil") },
    header = { kinds "easy", text },
    setopt = { kinds "easy", plain_table, function(v) return text(v) or v.kind == "url" end },
    pause = { kinds "easy", kinds "nil" },
    unpause = { kinds "easy", kinds "nil" },
    ws_send = { kinds "easy", kinds("string", "number", "numeral") },
    ws_start_frame = { kinds "easy", none, integer(0, math.maxinteger) },
  },
  multi = {
    add = { kinds "multi", kinds "easy" },
    await = { kinds "multi", kinds("easy", "table"), kinds "table" }, -- options are none
    close = { kinds("multi", "closed multi") },
    close_idle = { kinds "multi", number(0, math.huge, "nil") },
    poll = { kinds "multi", number(0, int // 1000), kinds("nil", "table") },
    results = { kinds "multi", kinds("nil", "table") },
    setopt = { kinds "multi", plain_table, integer(0, int) },
    socket_action = { kinds "multi", own_number, none },
  },
  share = {
    close = { kinds("share", "closed share") },
    close_idle = { kinds "share", number(0, math.huge, "nil") },
    setopt = { kinds "share", plain_table, plain_table },
  },
  socket = {
    accept = { kinds "socket", optional_seconds },
    bind = { open_socket, kinds "address" },
    close = { kinds("socket", "closed socket") },
    connect = { kinds "socket", kinds "address", optional_seconds },
    fd = { any_socket },
    fileno = { any_socket },
    getfd = { any_socket },
    pollfd = { any_socket },
    getsockopt = { open_socket, integer(-int - 1, int), integer(-int - 1, int),
      integer(1, 65536, "nil") },
    info = { open_socket },
    listen = { kinds "socket", own_number },
    localaddress = { open_socket },
    peeraddress = { open_socket },
    recv = { kinds "socket", integer(1, int), optional_seconds },
    recvfd = { kinds "socket", integer(1, int, "nil"), optional_seconds },
    send = { kinds "socket", kinds("string", "number", "numeral"), optional_seconds },
    sendfd = {
      kinds "socket",
      function(v)
        return v.kind == "socket"
          or v.kind == "number" and math.tointeger(v.value) and v.value >= 0 and v.value <= int
      end,
      function(v)
        return v.kind == "nil" or v.kind == "string" and v.value ~= "" or v.kind == "number"
          or v.kind == "numeral"
      end,
      optional_seconds,
    },
    setsockopt = { open_socket, number(1, 1), none, kinds "boolean" }, -- SOL_SOCKET is 1
    state = { any_socket },
  },
  address = {},
  url = {
    set = { kinds "url", none, kinds("string", "numeral", "nil") },
  },
  networks = {
    find = { kinds "networks", function(v)
      return v.kind == "address" or v.kind == "numeral" and #v.value == 4
    end },
  },
}

-- What try() takes: the good arguments, made of these objects, and what is accepted in the place
-- of each.
local function entry(good, accepts)
  local all = {}
  for i = 1, #good do all[i] = accepts and accepts[i] or none end
  return { good = good, accepts = all }
end

local function function_entry(name, o)
  return entry(surface.arguments(surface.functions[name], o), of_module[name])
end

local function method_entry(class, name, o)
  local good = { o[class], table.unpack((surface.arguments(surface.methods[class][name], o))) }
  return entry(good, methods[class][name] or { kinds(class) })
end

-- Fields that can be assigned: class, field, what is accepted.
local fields = {
  { "address", "family", none },
  { "address", "ip", none },
  { "address", "port", function(v)
    return v.kind == "number" and (v.value == 0 or v.value == 1)
  end },
  { "address", "path", function(v)
    return (v.kind == "string" or v.kind == "numeral") and #v.value < 100
      and not v.value:find("\0", 1, true)
  end },
  { "address", "scope_id", function(v)
    return v.kind == "number" and v.value >= 0 and v.value < 1 << 32 and math.tointeger(v.value)
  end },
  { "address", "protocol", none },
  { "address", "socktype", none },
  { "address", "no_such_field", none },
  { "socket", "no_such_field", none },
  { "socket", "data", anything },
}

local function form(v)
  return v.kind == "string" or v.kind == "numeral"
    or v.kind == "table" and rawget(v.value, 1) == nil
end

-- One option of each type that libcurl describes, and of each kind of object.
local easy_options = {
  cainfo_blob = kinds("string", "numeral"),
  copypostfields = form,
  debugfunction = kinds("function", "nil"),
  http_version = number(1, 1),
  httpheader = function(v)
    return v.kind == "table" and (next(v.value) == nil or v.value[1] == 1)
  end,
  postfields = form,
  mimepost = plain_table,
  chunk_bgn_function = kinds("function", "nil"),
  hstsreadfunction = kinds("function", "nil"),
  readfunction = kinds("function", "file", "string", "numeral", "nil"),
  resume_from_large = integer(-1, math.maxinteger),
  share = kinds("share", "nil"),
  stderr = function(v)
    return v.kind == "file" and io.type(v.value) == "file"
  end,
  timeout = number(0, 2147483),
  url = function(v) return text(v) or v.kind == "url" end,
  verbose = integer(math.mininteger, math.maxinteger, "boolean"),
  writefunction = function(v)
    return v.kind == "function" or v.kind == "nil" or v.kind == "table" or v.kind == "file"
  end,
  -- What cannot be set from Lua, whatever the value.
  ssl_ctx_function = none,
  errorbuffer = none,
  ioctlfunction = none,
  opensocketdata = none,
  private = none,
  writedata = none,
}

local multi_options = {
  max_concurrent_streams = integer(0, int),
  max_host_connections = integer(0, int),
  max_total_connections = integer(0, int),
  maxconnects = integer(0, int),
  network_changed = integer(0, int),
  pipelining = integer(0, int),
  quick_exit = integer(0, int),
  resolve_threads_max = integer(0, int),
  socketfunction = kinds("function", "nil"),
  timerfunction = kinds("function", "nil"),
}

-- ---- trying ----------------------------------------------------------------------------

local function show(v)
  if v.kind == "string" and #v.value > 20 then
    return "a long string"
  elseif v.kind == "string" or v.kind == "number" or v.kind == "boolean" then
    return ("%q"):format(v.value)
  end
  return "a " .. v.kind
end

-- How a script would write the call, so that errors have the function's name.
local function caller(holder, name)
  local lua = ("local t = ... return function(...) return t.%s(...), nil end"):format(name)
  return assert(load(lua))(holder)
end

-- What is wrong with the outcome of a call that must throw; nil if nothing is.
local function judge(name, ok, message)
  if ok then
    return "was accepted"
  elseif type(message) ~= "string" then
    return "threw a " .. type(message)
  elseif message:find("'?'", 1, true) then
    return "threw with no name: " .. message
  end
  for _, part in ipairs(type(name) == "table" and name or { name }) do
    if message:find(part, 1, true) then
      return nil
    end
  end
  return "does not name it: " .. message
end

-- Calls f with each value that is not accepted in each place, the others being good.
local function try(wrong, title, names, f, e, values)
  local good, n = e.good, #e.good
  for i, accepts in ipairs(e.accepts) do
    for _, v in ipairs(values) do
      if not accepts(v) then
        local args = { table.unpack(good, 1, n) }
        args[i] = v.value
        local problem = judge(names, pcall(f, table.unpack(args, 1, n)))
        if problem then
          wrong[#wrong + 1] = ("%s, argument %d, %s: %s"):format(title, i, show(v), problem)
        end
      end
    end
  end
end

-- Calls f with fewer arguments than it needs.
local function try_missing(wrong, title, names, f, e)
  local good = e.good
  for n = 0, #good - 1 do
    local accepts = e.accepts[n + 1]
    if not accepts { kind = "nil" } then
      local problem = judge(names, pcall(f, table.unpack(good, 1, n)))
      if problem then
        wrong[#wrong + 1] = ("%s with %d arguments: %s"):format(title, n, problem)
      end
    end
  end
end

-- The objects still work, all of them, after what was refused.
local function assert_useful(o)
  local body = {}
  o.easy:setopt { url = web.url .. "/hello", proxy = "", writefunction = body }
  assert.is_true(o.easy:perform())
  o.easy:setopt("share", o.share)
  assert.is_true(o.easy:perform())
  o.multi:add(o.easy)
  while assert(o.multi:perform()) > 0 do
    o.multi:poll(1)
  end
  local ended, ok = o.multi:results()(o.multi)
  assert.equal(o.easy, ended)
  assert.is_true(ok)
  assert.equal("hello\nhello\nhello\n", table.concat(body))
  assert.equal(3, o.socket:send("abc"))
  assert.equal("abc", o.peer:recv(10))
  assert.equal("lent", o.lent:state())
  assert.is_true(o.holder:perform())
  assert.equal(0, o.holder:getinfo("num_connects"))
  assert.equal("127.0.0.1:80", tostring(o.address))
end

local function with_objects(f)
  local o = new_objects()
  local before = curl.live()
  local values = new_values(o)
  local wrong = f(o, values, {}) or {}
  assert.same({}, wrong)
  assert_useful(o)
  values = nil -- luacheck: ignore
  collectgarbage()
  local live = curl.live()
  -- assert_useful made one connection for the multi and two for the easy.
  live.socket, before.socket = nil, nil
  assert.same(before, live)
  close_objects(o)
end

local functions = {}
for _, name in ipairs(sorted(surface.functions)) do
  if not surface.functions[name].once then functions[#functions + 1] = name end
end

describe("the entries of this spec", function()
  it("are functions of the module", function()
    for name in pairs(of_module) do assert.is_table(surface.functions[name], name) end
  end)

  for class, entries in pairs(methods) do
    it("are methods of class " .. class, function()
      for name in pairs(entries) do assert.is_table(surface.methods[class][name], name) end
    end)
  end
end)

describe("wrong arguments are refused by", function()
  for _, name in ipairs(functions) do
    it("curl." .. name, function()
      with_objects(function(o, values, wrong)
        local names = { "'" .. name .. "'", "curlsock.core." .. name, "option", name .. ": entry",
          name .. ": unknown field" }
        local f = caller(curl, name)
        local e = function_entry(name, o)
        try(wrong, name, names, f, e, values)
        try_missing(wrong, name, names, f, e)
        return wrong
      end)
    end)
  end

  for _, class in ipairs(sorted(methods)) do
    for _, name in ipairs(sorted(surface.methods[class])) do
      it(class .. ":" .. name, function()
        with_objects(function(o, values, wrong)
          local names = { "'" .. name .. "'", class .. ":" .. name, "option", "address." }
          local f = caller(methods_of(o[class]), name)
          local e = method_entry(class, name, o)
          try(wrong, name, names, f, e, values)
          try_missing(wrong, name, names, f, e)
          return wrong
        end)
      end)
    end
  end

  it("the iterator of multi:results", function()
    with_objects(function(o, values, wrong)
      local iterate = o.multi:results()
      local e = entry({ o.multi }, { kinds "multi" })
      try(wrong, "results", "multi", function(...) return iterate(...), nil end, e, values)
      return wrong
    end)
  end)
end)

describe("wrong values are refused by", function()
  for _, field in ipairs(fields) do
    local class, name, accepts = table.unpack(field)
    it(("%s.%s"):format(class, name), function()
      with_objects(function(o, values, wrong)
        local object = class == "address" and curl.address("[::1]:80") or o[class]
        for _, v in ipairs(values) do
          local ok, message = pcall(function()
            object[name] = v.value
          end)
          if accepts(v) then
            assert(ok, message)
          else
            local problem = judge(name, ok, message)
            wrong[#wrong + 1] = problem and show(v) .. ": " .. problem
          end
        end
        o.socket.data = nil
        return wrong
      end)
    end)
  end

  for _, name in ipairs(sorted(easy_options)) do
    it("the option " .. name .. " of an easy, with setopt, a table and the constructor", function()
      with_objects(function(o, values, wrong)
        for _, v in ipairs(values) do
          if not easy_options[name](v) then
            for how, f in pairs {
              setopt = function() o.easy:setopt(name, v.value) end,
              table = function() o.easy:setopt { [name] = v.value } end,
              constructor = function() curl.easy { [name] = v.value } end,
            } do
              -- A table cannot hold nil.
              local problem = (v.kind ~= "nil" or how == "setopt") and judge(name, pcall(f))
              wrong[#wrong + 1] = problem and ("%s, %s: %s"):format(how, show(v), problem) or nil
            end
          end
        end
        return wrong
      end)
    end)
  end

  for _, name in ipairs(sorted(multi_options)) do
    it("the option " .. name .. " of a multi", function()
      with_objects(function(o, values, wrong)
        for _, v in ipairs(values) do
          if not multi_options[name](v) then
            local problem = judge(name, pcall(o.multi.setopt, o.multi, name, v.value))
            wrong[#wrong + 1] = problem and show(v) .. ": " .. problem or nil
          end
        end
        return wrong
      end)
    end)
  end
end)

describe("reading a field", function()
  it("of an Address that it does not have throws: a misspelt guard must not pass", function()
    with_objects(function(o, values, wrong)
      for _, v in ipairs(values) do
        local problem = judge("field", pcall(function()
          return o.address[v.value]
        end))
        wrong[#wrong + 1] = problem and show(v) .. ": " .. problem or nil
      end
      return wrong
    end)
  end)

  it("of a Socket that it does not have is nil", function()
    with_objects(function(o, values)
      for _, v in ipairs(values) do
        assert.is_nil(o.socket[v.value])
      end
    end)
  end)
end)

describe("metamethods called by hand", function()
  for _, class in ipairs { "easy", "multi", "share", "socket", "address" } do
    it("of class " .. class .. " refuse what is not of it", function()
      with_objects(function(o, values, wrong)
        local metatable = debug.getmetatable(o[class])
        for name in pairs(metatable) do
          -- == is false for any two values that are no Addresses.
          if type(metatable[name]) == "function" and name ~= "__eq" then
            local f = caller(metatable, name)
            for _, v in ipairs(values) do
              local own = v.kind == class or v.kind == "closed " .. class
                or v.kind == "lent " .. class
              if not own then
                local problem = judge({ "'" .. name .. "'", "curlsock." .. class },
                  pcall(f, v.value, "x", 1))
                wrong[#wrong + 1] = problem and ("%s, %s: %s"):format(name, show(v), problem) or nil
              end
            end
          end
        end
        return wrong
      end)
    end)
  end

  it("finalize once: the object is closed then, and collected later", function()
    local o = new_objects()
    local before = curl.live()
    for _, class in ipairs { "easy", "multi", "share", "socket" } do
      local finalize = debug.getmetatable(o[class]).__gc
      finalize(o[class])
      finalize(o[class])
      assert.truthy(tostring(o[class]):find("closed", 1, true))
    end
    local live = curl.live()
    assert.same({ 1, 1, 1, 1 }, {
      before.easy - live.easy,
      before.multi - live.multi,
      before.share - live.share,
      before.socket - live.socket,
    })
    assert.is_false((pcall(o.easy.perform, o.easy)))
    assert.is_false((pcall(o.socket.send, o.socket, "x")))
    close_objects(o)
  end)

  it("do not finalize what libcurl holds", function()
    local o = new_objects()
    local finalize = debug.getmetatable(o.lent).__gc
    finalize(o.lent)
    assert.equal("lent", o.lent:state())
    assert.is_true(o.holder:perform())
    assert.equal(0, o.holder:getinfo("num_connects"))
    close_objects(o)
  end)

  it("== is false for anything but an equal Address", function()
    local o = new_objects()
    for _, v in ipairs(new_values(o)) do
      assert.equal(v.kind == "address", o.address == v.value)
      local equal = debug.getmetatable(o.address).__eq
      assert.equal(v.kind == "address", equal(o.address, v.value))
      assert.equal(v.kind == "address", equal(v.value, o.address))
    end
    close_objects(o)
  end)
end)

describe("strings with NUL", function()
  it("are refused wherever libcurl or the system would cut them", function()
    local o = new_objects()
    local calls = {
      url = function() o.easy:setopt("url", "http://localhost/\0x") end,
      userpwd = function() curl.easy { userpwd = "user:\0" } end,
      httpheader = function() o.easy:setopt("httpheader", { "ok: 1", "x: \0" }) end,
      option = function() o.easy:setopt("url\0", "x") end,
      info = function() o.easy:getinfo("response_code\0") end,
      multi = function() o.multi:setopt("maxconnects\0", 1) end,
      share = function() o.share:setopt("share\0", "dns") end,
      kind = function() o.share:setopt("share", "dns\0") end,
      name = function() o.easy:setopt("http_version", "2\0") end,
      address = function() curl.address("127.0.0.1:80\0") end,
      path = function() curl.address("unix:/tmp/x\0y") end,
      ip = function() o.address.ip = "127.0.0.1\0" end,
      family = function() o.address.family = "inet\0" end,
      within = function() o.address:within("10.0.0.0/8\0") end,
      socket = function() curl.socket("inet\0") end,
      level = function() o.socket:setsockopt("socket\0", "keepalive", true) end,
      sockopt = function() o.socket:setsockopt("socket", "keepalive\0", true) end,
      device = function() o.socket:setsockopt("socket", "bindtodevice", "lo\0") end,
    }
    local accepted = {}
    for name, call in pairs(calls) do
      local ok, message = pcall(call)
      accepted[#accepted + 1] = ok and name or nil
      assert.equal("string", type(message or ""))
    end
    table.sort(accepted)
    assert.same({}, accepted)
    assert_useful(o)
    close_objects(o)
  end)

  it("are data where data is meant", function()
    local o = new_objects()
    o.easy:setopt { postfields = "a\0b", url = web.url .. "/upload" }
    local body = {}
    o.easy:setopt("writefunction", body)
    assert.is_true(o.easy:perform())
    assert.equal("3\n", table.concat(body))
    assert.equal(3, o.socket:send("\0\0\0"))
    assert.equal("\0\0\0", o.peer:recv(10))
    if system.linux then
      assert.equal("unix:@a\0b", tostring(curl.address("unix:@a\0b")))
    else
      assert.error_matches(function() curl.address("unix:@a\0b") end, "or, on Linux,")
    end
    close_objects(o)
  end)
end)

describe("a descriptor", function()
  -- A file, and its descriptor.
  local function new_file()
    local path = servers.dir() .. "/no-socket"
    local file = assert(io.open(path, "w+"))
    assert(file:write("content"):seek("set"))
    for name in lfs.dir("/proc/self/fd") do
      local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
      if target and target:find("/no-socket", 1, true) then
        return file, math.tointeger(tonumber(name))
      end
    end
  end

  local function refusal(fd)
    local ok, message = pcall(function()
      curl.adopt(fd)
    end)
    assert.is_false(ok)
    return message:match("%((.*)%)$")
  end

  it("out of range cannot be adopted", function()
    for _, fd in ipairs { -1, -2147483648, math.mininteger, 1 << 31, 1 << 32, math.maxinteger } do
      assert.equal(("integer from 0 to 2147483647 expected, got %d"):format(fd), refusal(fd))
    end
  end)

  it("that is not open cannot be adopted", function()
    for _, fd in ipairs { 1000000, 2147483647 } do
      assert.equal(("descriptor %d is not an open socket"):format(fd), refusal(fd))
    end
  end)

  it("of a file cannot be adopted, and stays open", function()
    local file, fd = new_file()
    assert.equal(("descriptor %d is not an open socket"):format(fd), refusal(fd))
    assert.equal("content", file:read("a"))
    file:close()
  end)

  it("that libcurl holds cannot be adopted", function()
    local o = new_objects()
    local fd = o.lent:fd()
    assert.equal(("descriptor %d is lent to libcurl"):format(fd), refusal(fd))
    assert_useful(o)
    close_objects(o)
  end)

  it("that a Socket holds cannot be adopted", function()
    local o = new_objects()
    local fd = o.socket:fd()
    assert.equal(("descriptor %d belongs to another Socket"):format(fd), refusal(fd))
    assert_useful(o)
    close_objects(o)
  end)

  it("of any of these, returned by opensocketfunction, throws and harms nobody", function()
    local o = new_objects()
    local file, file_fd = new_file()
    local cases = {
      { -1, "-1 is no descriptor" },
      { math.mininteger, math.mininteger .. " is no descriptor" },
      { 1 << 31, "2147483648 is no descriptor" },
      { 0.5, "0.5 is no descriptor" },
      { 1000000, "descriptor 1000000 is no open socket (Bad file descriptor)" },
      { file_fd, ("descriptor %d is no open socket (Socket operation on non-socket)")
        :format(file_fd) },
      { o.lent:fd(), ("descriptor %d is lent to libcurl already"):format(o.lent:fd()) },
      { o.socket:fd(), ("descriptor %d belongs to a Socket: return that"):format(o.socket:fd()) },
    }
    for _, case in ipairs(cases) do
      local fd, message = table.unpack(case)
      local calls = 0
      local opener <close> = curl.easy {
        url = web.url .. "/hello",
        proxy = "",
        opensocketfunction = function()
          calls = calls + 1
          return fd
        end,
      }
      local ok, err = pcall(opener.perform, opener)
      assert.is_false(ok)
      assert.equal("opensocketfunction: " .. message, err)
      assert.equal(1, calls)
    end
    assert.equal("content", file:read("a"))
    file:close()
    assert_useful(o)
    close_objects(o)
  end)

  it("that nobody knows does nothing in multi:socket_action", function()
    local o = new_objects()
    o.multi:add(o.easy)
    for _, fd in ipairs { 0, 1000000, 2147483647, o.lent:fd(), o.socket:fd() } do
      assert.equal(1, o.multi:socket_action(fd, "rw"))
    end
    o.multi:remove(o.easy)
    assert_useful(o)
    close_objects(o)
  end)
end)

describe("random arguments", function()
  it("never crash, and never throw anything but a string", function()
    math.randomseed(15)
    local o = new_objects()
    local values = new_values(o)
    -- What could wait, close what others use, or print.
    local skip = { accept = true, close = true, connect = true, detach = true, poll = true,
      recv = true, recvfd = true, adopt = true, send = true, sendfd = true }
    local calls = {}
    for _, class in ipairs(sorted(methods)) do
      local all = methods_of(o[class])
      for _, name in ipairs(sorted(all)) do
        if not skip[name] then
          calls[#calls + 1] = { all[name], o[class] }
        end
      end
    end
    for _, name in ipairs(functions) do
      if not skip[name] then
        calls[#calls + 1] = { curl[name] }
      end
    end
    for _ = 1, 20000 do
      local f = calls[math.random(#calls)]
      local args, n = { f[2] }, f[2] and 1 or 0
      for _ = 1, math.random(0, 3) do
        n = n + 1
        args[n] = values[math.random(#values)].value
      end
      local ok, result = pcall(f[1], table.unpack(args, 1, n))
      if not ok then
        assert.equal("string", type(result))
      end
    end
    close_objects(o)
  end)
end)
