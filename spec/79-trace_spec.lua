-- curl.trace(f): what is told of transfers and connections, in which order, on real servers.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local web
local new = easies.quiet

-- The events while f runs.
local function trace(f, ...)
  local events = {}
  curl.trace(function(event) events[#events + 1] = event end)
  local ok, message = pcall(f, ...)
  curl.trace(nil)
  assert(ok, message)
  return events
end

-- Numbers by the order in which they come: the first easy is 1.
local function short(events)
  local lines, numbers = {}, {}
  local function number(kind, id)
    if not id then return "-" end
    numbers[kind] = numbers[kind] or { count = 0 }
    local known = numbers[kind]
    if not known[id] then
      known.count = known.count + 1
      known[id] = known.count
    end
    return known[id]
  end
  for i, e in ipairs(events) do
    lines[i] = ("%s e%s s%s%s%s"):format(e.event, number("easy", e.easy),
      number("socket", e.socket),
      e.attempt and " " .. e.attempt or "", e.result and " " .. e.result or "")
  end
  return lines
end

describe("curl.trace", function()
  setup(function() web = servers.nginx() end)

  after_each(function() curl.trace(nil) end)

  it("tells the life of a connection that is kept and used again", function()
    local events = trace(function()
      local easy <close> = new("/hello")
      for _ = 1, 2 do assert(easy:perform()) end
    end)
    assert.same({
      "start e1 s-", "open e1 s1", "connected e1 s1 won", "idle e1 s1", "done e1 s- OK",
      "start e1 s-", "reused e1 s1", "idle e1 s1", "done e1 s- OK",
      "close e1 s1",
    }, short(events))
  end)

  it("has fields for what it is about", function()
    local easy <close> = new("/hello")
    local before = curl.now()
    local events = trace(function() assert(easy:perform()) end)
    local last = before
    for _, e in ipairs(events) do
      assert.truthy(e.time >= last)
      last = e.time
      assert.equal(easy, e.handle)
      assert.equal(web.url .. "/hello", e.url)
      assert.equal("integer", math.type(e.easy))
      assert.equal("integer", math.type(e.pool))
    end
    assert.truthy(curl.now() >= last)
    assert.equal("127.0.0.1:" .. web.port, events[2].address)
    assert.equal(200, events[#events].handle:getinfo "response_code")
  end)

  it("tells of an address that was refused, and why", function()
    local function refuse() return false, "private" end
    local easy <close> = new("/hello", { opensocketfunction = refuse })
    local events = trace(function() assert.is_nil(easy:perform()) end)
    assert.same({ "start e1 s-", "refused e1 s-", "done e1 s- COULDNT_CONNECT" }, short(events))
    assert.equal("127.0.0.1:" .. web.port, events[2].address)
    assert.truthy(events[2].reason:find "private")
  end)

  it("tells of what a policy has refused", function()
    local multi <close> = curl.multi { policy = { name = "guard",
      open = function() return false, "private" end } }
    local easy <close> = new("/hello")
    local events = trace(function()
      multi:add(easy)
      transfers.drive(multi)
    end)
    assert.same({ "start e1 s-", "refused e1 s-", "done e1 s- REFUSED" }, short(events))
    assert.truthy(events[2].reason:find "guard: private")
  end)

  it("tells each hop of a redirect, and which pool it is", function()
    local multi <close> = curl.multi()
    local easy <close> = new("/redirect?to=" .. web.url4 .. "/close", { followlocation = true })
    local events = trace(function()
      multi:add(easy)
      transfers.drive_well(multi)
      multi:remove(easy)
    end)
    assert.same({
      "start e1 s-", "open e1 s1", "connected e1 s1 won",
      "open e1 s2", "idle e1 s1", "connected e1 s2 won", "close e1 s2", "done e1 s- OK",
    }, short(events))
    assert.equal(web.url4 .. "/close", events[6].url)
    for _, e in ipairs(events) do assert.equal(events[1].pool, e.pool) end
  end)

  it("tells that a connection outlives the easy that opened it", function()
    local multi = curl.multi()
    local events = trace(function()
      local first = new("/hello")
      multi:add(first)
      transfers.drive_well(multi)
      multi:remove(first)
      first:close()
      local second <close> = new("/hello")
      multi:add(second)
      transfers.drive_well(multi)
      multi:close()
    end)
    assert.same({
      "start e1 s-", "open e1 s1", "connected e1 s1 won", "idle e1 s1", "done e1 s- OK",
      "start e2 s-", "reused e2 s1", "idle e2 s1", "done e2 s- OK", "close e1 s1",
    }, short(events))
  end)

  it("tells how each attempt ended: one that hangs loses", function()
    if not servers.has_ipv6 then return pending "no IPv6" end
    servers.dead("::1", web.port4)
    local easy <close> = new(("http://localhost:%d/hello"):format(web.port4), {
      happy_eyeballs_timeout_ms = 20,
      resolve = { ("localhost:%d:::1,127.0.0.1"):format(web.port4) },
    })
    local events = short(trace(function() assert(easy:perform()) end))
    table.sort(events)
    assert.same({ "close e1 s1 lost", "connected e1 s2 won", "done e1 s- OK", "idle e1 s2",
      "open e1 s1", "open e1 s2", "start e1 s-" }, events)
  end)

  it("tells how each attempt ended: refused by the peer, or no answer in time", function()
    local easy <close> = new("http://127.0.0.1:1/")
    local events = trace(function() assert.is_nil(easy:perform()) end)
    assert.same({ "start e1 s-", "open e1 s1", "close e1 s1 failed", "done e1 s- COULDNT_CONNECT" },
      short(events))
    local slow <close> = new(servers.dead().url, { timeout = 0.1 })
    events = trace(function() assert.is_nil(slow:perform()) end)
    assert.same({ "start e1 s-", "open e1 s1", "close e1 s1 timed out",
      "done e1 s- OPERATION_TIMEDOUT" }, short(events))
  end)

  it("tells of a transfer that was removed", function()
    local multi <close> = curl.multi()
    local easy <close> = new(servers.dead().url)
    local events = trace(function()
      multi:add(easy):perform()
      multi:remove(easy)
    end)
    local lines = short(events)
    assert.equal("done e1 s- REMOVED", lines[#lines])
    assert.equal("close e1 s1 cancelled", lines[3])
  end)

  it("says of the sockets of FTP that they are no attempts, and of TLS that fails", function()
    local ftp = servers.vsftpd()
    local easy <close> = new(ftp.url .. "/hello.txt")
    local events = trace(function() assert(easy:perform()) end)
    assert.same({ "start e1 s-", "open e1 s1", "connected e1 s1 won", "open e1 s2", "close e1 s2",
      "idle e1 s1", "done e1 s- OK" }, short(events))
    local tls <close> = new(web.https_url .. "/hello")
    events = trace(function() assert.is_nil(tls:perform()) end)
    assert.same({ "start e1 s-", "open e1 s1", "close e1 s1 failed",
      "done e1 s- PEER_FAILED_VERIFICATION" }, short(events))
  end)

  it("tells idle once for the streams of HTTP/2", function()
    local multi <close> = curl.multi()
    local all = {}
    local events = trace(function()
      for i = 1, 3 do
        all[i] = new(web.h2_url .. "/hello", { cainfo = web.ca, pipewait = true })
        multi:add(all[i])
      end
      transfers.drive_well(multi)
    end)
    local counts = {}
    for _, e in ipairs(events) do counts[e.event] = (counts[e.event] or 0) + 1 end
    assert.same({ start = 3, open = 1, connected = 1, reused = 2, idle = 1, done = 3 }, counts)
    for _, easy in ipairs(all) do easy:close() end
  end)

  it("tells of a descriptor that the close callback has taken", function()
    local taken
    local events = trace(function()
      local easy <close> = new("/hello", { closesocketfunction = function(socket)
        taken = curl.adopt(socket:detach())
      end })
      assert(easy:perform())
    end)
    assert.equal("detach e1 s1", short(events)[6])
    taken:close()
  end)

  it("gives errors of the function as warnings, and the transfer goes on", function()
    local _, told = left.pass([[
      local curl = require "curlsock"
      warn "@on"
      local easy = curl.easy { url = os.getenv "SPEC_URL", proxy = "", writefunction = print }
      curl.trace(function() error "no" end)
      assert(easy:perform())
      curl.trace(function() error(setmetatable({}, { __tostring = function() error "x" end })) end)
      assert(easy:perform())
      easy:close()
    ]], { SPEC_URL = web.url .. "/hello" })
    assert.equal(5, select(2, told:gsub("no\n", ""))) -- the others have no text
  end)

  it("does not tell of what the function does, which runs as a callback", function()
    local easy <close> = new("/hello")
    local other <close> = new(web.url4 .. "/hello")
    local seen, refused = {}, nil
    curl.trace(function(event)
      seen[#seen + 1] = event.event
      if event.event == "start" then
        assert(other:perform())
        refused = errors.thrown(easy.perform, easy)
      end
    end)
    assert(easy:perform())
    curl.trace(nil)
    assert.same({ "start", "open", "connected", "idle", "done" }, seen)
    assert.truthy(refused:find "not allowed inside a callback")
  end)

  it("may be switched off and on inside, and by itself", function()
    local easy <close> = new("/hello")
    local seen = {}
    curl.trace(function(event)
      seen[#seen + 1] = event.event
      curl.trace(nil)
    end)
    for _ = 1, 2 do assert(easy:perform()) end
    assert.same({ "start" }, seen)
    easy:setopt("writefunction", function()
      curl.trace(function(event) seen[#seen + 1] = event.event end)
    end)
    assert(easy:perform())
    assert(easy:perform())
    curl.trace(nil)
    assert.same({ "start", "done", "start", "reused", "idle", "done" }, seen)
  end)

  it("wants a function or nil", function()
    errors.matches("function expected", curl.trace, 1)
  end)

  it("works while the state is closed", function()
    local _, told = left.pass([[
      local curl = require "curlsock"
      easy = curl.easy { url = os.getenv "SPEC_URL", proxy = "", writefunction = function() end }
      assert(easy:perform())
      curl.trace(function(event) io.stderr:write(event.event, "\n") end)
    ]], { SPEC_URL = web.url .. "/hello" })
    assert.equal("close\n", told)
  end)
end)
