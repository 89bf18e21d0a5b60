-- policy.netns in real namespaces, and policy.broker with a process of its own.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local netns = require "spec.support.netns"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

local fetch = policies.fetch

local function rules_of(...)
  return policy.compose { ... }
end

-- A web server of this process, in that namespace. server:run(rules, url): the body, or nil,
-- message, name; and who has connected.
local Server = {}
Server.__index = Server

local function serve(path, address)
  local listener = assert(curl.socket("inet", "stream", 0, { netns = path }))
  assert(listener:setsockopt("socket", "reuseaddr", true):bind(address))
  assert(listener:listen())
  return setmetatable({ listener = listener }, Server)
end

function Server:step()
  local peer, from = self.listener:accept(0)
  if peer then self.peer, self.from = peer, from end
  local data = self.peer and self.peer:recv(4096, 0)
  if data and data ~= "" then
    self.peer:send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthere")
    self.peer:close()
    self.peer = nil
  end
end

function Server:run(rules, url)
  local multi <close> = curl.multi { policy = rules }
  local body = {}
  local easy <close> = easies.at(url, { writefunction = body, connecttimeout = 3 })
  multi:add(easy)
  transfers.drive(multi, function() self:step() end)
  local ok, message, name = transfers.only_result(multi)
  multi:remove(easy)
  if ok then return table.concat(body), self.from end
  return nil, message, name
end

function Server:__close()
  if self.peer then self.peer:close() end
  self.listener:close()
end

describe("policy.netns", function()
  if not system.linux then
    it("refuses on other systems than Linux", function()
      local rules = rules_of(policy.netns "/proc/self/ns/net")
      local _, message, name = fetch(rules, servers.nginx().url)
      assert.equal("REFUSED", name)
      assert.matches("netns: ", message, 1, true)
    end)
    return
  elseif not netns.allowed then
    it("needs namespaces", function()
      assert.is_nil(os.getenv("CURLSOCK_NAMESPACES"), "there must be namespaces")
      pending("no network namespaces")
    end)
    return
  end

  it("reaches what only another namespace has", function()
    local there <close> = netns.new("93.184.216.34/32", "93.184.216.35/32")
    local server <close> = serve(there.path, "93.184.216.34:80")
    local url = "http://93.184.216.34/"
    assert.equal("there", (server:run(rules_of(policy.netns(there.path)), url)))
    local guarded = rules_of(policy.guard(), policy.netns(there.path),
      policy.bind { inet = "93.184.216.35" })
    local body, from = server:run(guarded, url)
    assert.equal("there", body, from)
    assert.equal("93.184.216.35", from.ip)
    assert.matches("guard: it is loopback",
      (select(2, server:run(guarded, "http://127.0.0.1/"))), 1, true)
  end)

  it("does not reach this one's", function()
    local there <close> = netns.new()
    local body, _, name = fetch(rules_of(policy.netns(there.path)), servers.nginx().url .. "/hello")
    assert.same({ nil, "COULDNT_CONNECT" }, { body, name })
  end)

  it("takes the place of a Socket of the easy", function()
    local there <close> = netns.new()
    local mine
    local body = fetch(rules_of(policy.netns(there.path)), servers.nginx().url .. "/hello", {
      opensocketfunction = function(_, address)
        mine = address:socket()
        return mine
      end,
    })
    assert.is_nil(body)
    assert.equal("owned", mine:state())
    mine:close()
  end)

  it("refuses where the namespace is not there", function()
    local body, message, name = fetch(rules_of(policy.netns "/run/netns/none"), servers.nginx().url)
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("netns: .*No such file", message)
    errors.matches("netns: argument: path expected, got nil", policy.netns)
  end)
end)

-- A broker in a process of its own that opens for 127.0.0.1 alone; mode: what it does else.
local broker_script = [[
  local curl, policy = require "curlsock", require "curlsock.policy"
  local listener = assert(curl.socket("unix"))
  assert(listener:bind "unix:%s")
  assert(listener:listen())
  print "ready"
  io.stdout:flush()
  local channel = assert(listener:accept(20))
  local mode = %q
  local function ignore() repeat until channel:recv(1000) == "" end
  if mode == "silent" then ignore() end
  if mode == "gone" then os.exit() end
  if mode == "nonsense" then
    channel:recv(1000, 20)
    channel:send("what?\n")
    ignore()
  end
  policy.broker.serve(channel, function(address, socktype)
    if mode == "throws" then error("broken", 0) end
    if address.ip ~= "127.0.0.1" then return nil, "not for " .. tostring(address) end
    if mode == "connected" then
      local socket = address:socket()
      return socket:connect(address, 5)
    end
    assert(socktype == "stream")
    local socket = address:socket()
    assert(socket:bind "127.0.0.77:0")
    return socket
  end)]]

-- The channel to it; <close> ends the process.
local function start(mode)
  local base = ("%s/broker-%s"):format(servers.dir(), mode)
  os.remove(base .. ".sock")
  process.write(base .. ".lua", broker_script:format(base .. ".sock", mode))
  local pipe = assert(io.popen(("exec %s %s.lua"):format(process.lua(), base)))
  assert.equal("ready", pipe:read())
  local channel = assert(curl.socket("unix"))
  assert(channel:connect("unix:" .. base .. ".sock", 5))
  return setmetatable({ channel = channel }, { __close = function()
    channel:close()
    pipe:close()
    os.remove(base .. ".lua")
    os.remove(base .. ".sock")
  end })
end

describe("policy.broker", function()
  local url

  setup(function() url = servers.nginx().url .. "/hello" end)

  it("takes its sockets from another process", function()
    local broker <close> = start "opens"
    local where
    local rules = rules_of(policy.broker(broker.channel), policies.guard(), {
      name = "look", closed = function(socket) where = socket:localaddress() end,
    })
    for _ = 1, 3 do
      assert.equal("hello\n", fetch(rules, url))
      assert.equal("127.0.0.77", where.ip)
    end
  end)

  it("refuses what the broker refuses, and asks it again", function()
    local broker <close> = start "opens"
    local rules = rules_of(policy.broker(broker.channel))
    local body, message, name = fetch(rules, "http://127.0.0.2:1/")
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("broker: not for 127.0.0.2:1", message, 1, true)
    assert.equal("hello\n", fetch(rules, url))
  end)

  it("refuses with what the broker throws", function()
    local broker <close> = start "throws"
    local message = select(2, fetch(rules_of(policy.broker(broker.channel)), url))
    assert.matches("broker: broken", message, 1, true)
  end)

  it("is asked after the guard", function()
    local broker <close> = start "opens"
    local rules = rules_of(policy.broker(broker.channel), policy.guard())
    assert.matches("guard: it is loopback", (select(2, fetch(rules, url))), 1, true)
  end)

  it("judges a connected socket by its peer", function()
    local broker <close> = start "connected"
    local rules = rules_of(policy.broker(broker.channel), policies.guard())
    local body, message, name = fetch(rules, url)
    if name == "NOT_SUPPORTED" then return end -- libcurl 7.88
    assert.equal("hello\n", body, message)
  end)

  it("waits so long, and not again", function()
    local broker <close> = start "silent"
    local rules = rules_of(policy.broker(broker.channel, { timeout = 0.2 }))
    local begin = curl.now()
    local _, message, name = fetch(rules, url)
    assert.equal("REFUSED", name)
    assert.matches("broker: the broker does not answer", message, 1, true)
    assert.truthy(curl.now() - begin < 5)
    assert.matches("channel was closed", (select(2, fetch(rules, url))), 1, true)
  end)

  it("refuses when the broker has gone, or talks nonsense", function()
    for _, mode in ipairs { "gone", "nonsense" } do
      local broker <close> = start(mode)
      local _, message, name = fetch(rules_of(policy.broker(broker.channel, { timeout = 5 })), url)
      assert.equal("REFUSED", name, mode)
      assert.matches("broker: the broker does not answer", message, 1, true)
    end
  end)

  it("raises for what is no channel", function()
    errors.matches("broker: channel: Socket", policy.broker, "127.0.0.1:80")
    errors.matches("broker: channel: Socket", policy.broker, nil)
    errors.matches("broker: timeout: number", policy.broker, "unix:/x", { timeout = -1 })
    errors.matches("broker: unknown option 'time'", policy.broker, "unix:/x", { time = 1 })
    local socket <close> = curl.socket("unix")
    errors.matches("both netns and broker open every socket", policy.compose,
      { policy.netns "/x", policy.broker(socket) })
  end)
end)
