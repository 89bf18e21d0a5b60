-- What spec 15 does with the module's own functions, for what is written in Lua: each function of
-- loops, tasks, groups, streams and fetch with what it does not expect; parts of bodies, policies
-- with it in each field. It must throw a string that names the call or the option, and leave
-- nothing over.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local fetch = require "curlsock.fetch"
local left = require "spec.support.left"
local loops = require "curlsock.loop"
local names = require("spec.support.loops").names
local surface = require "spec.support.surface"
local system = require "spec.support.system"

-- List of { kind, value }: objects and numbers that nobody means.
local function new_values(o)
  return {
    { "boolean", true }, { "string", "x" }, { "numeral", "1" }, { "number", -1 },
    { "number", 0 / 0 },
    { "fraction", 0.5 }, { "integer", 3 }, { "table", {} }, { "list", { 1 } }, { "map", { x = 1 } },
    { "function", function() end }, { "thread", coroutine.create(print) }, { "file", o.file },
    { "light", curl.PAUSE }, { "easy", o.easy }, { "closed easy", o.closed }, { "multi", o.multi },
    { "share", o.share }, { "socket", o.socket }, { "url", o.url }, { "loop", o.loop },
  }
end

local function new_objects()
  local o = { easy = curl.easy { url = "http://127.0.0.1:1/", proxy = "" }, closed = curl.easy(),
    multi = curl.multi(), share = curl.share(), socket = curl.socket(), file = io.tmpfile(),
    url = curl.url "http://127.0.0.1:1/", loop = loops.new() }
  o.closed:close()
  return o
end

local function close_objects(o)
  for _, name in ipairs { "easy", "multi", "share", "socket", "file", "loop" } do
    o[name]:close()
  end
end

-- What is wrong with the outcome of a call that must throw; nil if nothing is.
local function judge(name, ok, message)
  if ok then return "was accepted: " .. tostring(message) end
  if type(message) ~= "string" then return "threw a " .. type(message) end
  if message:find("'?'", 1, true) or message:find("attempt to", 1, true)
    or message:find("iterator", 1, true) or message:find("traceback", 1, true) then
    return "threw an error of its own: " .. message
  end
  if not message:find(name, 1, true) then return "does not name it: " .. message end
  return nil
end

-- Calls make(value) with each value whose kind is not one of those that are accepted.
local function try(name, accepted, make)
  local o, wrong = new_objects(), {}
  local before = curl.live()
  for _, v in ipairs(new_values(o)) do
    if not (" " .. accepted .. " "):find(" " .. v[1]:gsub(" ", "_") .. " ", 1, true) then
      local problem = judge(name, pcall(make, o, v[2]))
      wrong[#wrong + 1] = problem and v[1] .. ": " .. problem
    end
  end
  assert.same({}, wrong)
  collectgarbage()
  assert.same(before, curl.live())
  close_objects(o)
end

local numbers = "fraction integer"
local callable = "function"

describe("wrong arguments are refused by", function()
  local calls = {
    ["loop:sleep"] = { "sleep", numbers, function(o, v) o.loop:sleep(v) end },
    ["loop:wait of no descriptor"] = { "wait", "socket multi integer loop",
      function(o, v) o.loop:wait(v, "r", 0) end },
    ["loop:wait for no events"] = { "wait", "", function(o, v) o.loop:wait(o.socket, v, 0) end },
    ["loop:wait for no seconds"] = { "wait", numbers,
      function(o, v) o.loop:wait(o.socket, "r", v) end },
    ["loop:spawn"] = { "spawn", callable, function(o, v) o.loop:spawn(v) end },
    ["group:spawn"] = { "spawn", callable, function(o, v) o.loop:group():spawn(v) end },
    ["group:wait"] = { "wait", numbers, function(o, v) o.loop:group():wait(v) end },
    ["task:wait"] = { "wait", numbers, function(o, v)
      o.loop:spawn(function() end):wait(v)
    end },
    ["loop:perform of no easy"] = { "perform", "easy table", function(o, v) o.loop:perform(v) end },
    ["loop:perform for no seconds"] = { "perform", numbers,
      function(o, v) o.loop:perform(o.easy, v) end },
    ["loop:stream of no easy"] = { "stream", "easy table", function(o, v) o.loop:stream(v) end },
    ["loop:stream with no options"] = { "stream", "table",
      function(o, v) o.loop:stream(o.easy, v) end },
    ["loop:stream with no limit"] = { "limit", "integer",
      function(o, v) o.loop:stream(o.easy, { limit = v }) end },
    ["loop:stream for no seconds"] = { "stream", numbers,
      function(o, v) o.loop:stream(o.easy, { seconds = v }) end },
    ["stream:read"] = { "read", "integer", function(o, v)
      local stream <close> = o.loop:stream { url = "http://127.0.0.1:1/" }
      stream:read(v)
    end },
    ["stream:write"] = { "write", "string numeral", function(o, v)
      local stream <close> = o.loop:stream { url = "http://127.0.0.1:1/" }
      stream:write(v)
    end },
    ["loop:websocket of no easy"] = { "websocket", "easy table list map loop",
      function(o, v) o.loop:websocket(v) end },
    ["loop:websocket with no options"] = { "websocket", "table",
      function(o, v) o.loop:websocket(o.easy, v) end },
    ["loop:websocket with no max"] = { "max", "integer",
      function(o, v) o.loop:websocket(o.easy, { max = v }) end },
    ["loop:websocket for no seconds"] = { "websocket", numbers,
      function(o, v) o.loop:websocket(o.easy, { seconds = v }) end },
    ["loops.new"] = { "", "table", function(_, v) loops.new(v) end },
    ["fetch of no URL"] = { "fetch", "string numeral url", function(_, v) fetch(v) end },
    ["fetch with no options"] = { "fetch", "table",
      function(_, v) fetch("http://127.0.0.1:1/", v) end },
    ["curl.trace"] = { "trace", "function", function(_, v) curl.trace(v) end },
  }
  for _, name in ipairs(surface.sorted(calls)) do
    it(name, function() try(table.unpack(calls[name])) end)
  end

  it("loop:perform of an easy that is in use", function()
    local o = new_objects()
    o.multi:add(o.easy)
    errors.matches("^perform: the easy is in a multi already", o.loop.perform, o.loop, o.easy)
    o.multi:remove(o.easy)
    close_objects(o)
  end)

  it("loop:stream of an easy that is in use", function()
    local o = new_objects()
    o.loop:spawn(function() o.loop:perform(o.easy) end)
    errors.matches("stream: the easy is in use", o.loop.stream, o.loop, o.easy)
    o.loop:run()
    close_objects(o)
  end)
end)

describe("wrong values are refused by the option", function()
  for _, name in ipairs(surface.rare_callbacks) do
    it(name, function()
      try(name, callable, function(o, v) assert(o.easy:setopt(name, v)) end)
    end)
  end

  local fields = {
    name = "string numeral", filename = "string numeral", type = "string numeral",
    encoder = "string numeral", headers = "table", data = "string numeral",
    file = "string numeral",
    read = callable, seek = callable, size = "integer", parts = "table", unknown = "",
  }
  for field, accepted in pairs(fields) do
    it("mimepost in the field " .. field, function()
      try("mimepost", accepted, function(o, v)
        local part = { [field] = v }
        if field == "seek" or field == "size" then part.read = print end
        o.easy:setopt("mimepost", { { data = "first" }, part })
      end)
    end)
  end

  local hooks = { "start", "open", "sockopt", "request", "close", "admit" }
  for _, hook in ipairs(hooks) do
    it("policy in the field " .. hook, function()
      try(hook, callable, function(_, v) curl.policy { [hook] = v } end)
    end)
  end

  for _, name in ipairs { "fence", "pool" } do
    it("policy in the field " .. name, function()
      try(name, "table map list loop", function(_, v) curl.policy { [name] = v } end)
    end)
  end

  local options = {
    method = "string numeral", headers = "table list map loop", query = "table list map loop",
    form = "table list map loop", json = "string numeral", redirects = numbers .. " boolean number",
    retries = numbers .. " number", timeout = numbers .. " number",
    loop = "table list map loop", curl = "table", multipart = "table list map loop",
    to = "function file light easy closed_easy multi share socket url",
  }
  for option, accepted in pairs(options) do
    it(option .. " of fetch", function()
      try(option, accepted, function(_, v)
        fetch("http://127.0.0.1:1/", { [option] = v })
      end)
    end)
  end
end)

it("A WebSocket's calls name what they do not take", function()
  if not system.websocket then return end
  local servers = require "spec.support.servers"
  local loop <close> = loops.new()
  local task = loop:spawn(function()
    local ws <close> = assert(loop:websocket { url = servers.websocket().url, proxy = "" })
    for name, accepted in pairs { recv = numbers, send = "string numeral", ping = "string numeral",
      close = "" } do
      try(name, accepted, function(_, v) ws[name](ws, v) end)
    end
  end)
  loop:run()
  task:wait()
end)

for _, name in ipairs(names) do
  it(("curlsock.%s says that its new is no method"):format(name), function()
    local out, err = left.pass(([[
      local adapter = require "curlsock.%s"
      print(select(2, pcall(function() return (adapter:new()) end)))
      print(select(2, pcall(function() return (adapter:new {}) end)))
    ]]):format(name))
    local text = "^%S+:%d: new is no method: call it as %.new{%.%.%.}, not :new{%.%.%.}\n"
    assert.matches(text .. text:sub(2) .. "$", out)
    assert.equal("", err)
  end)
end
