-- WebSocket, with libcurl 8.11 and newer: in an ordinary transfer, whose frames writefunction gets,
-- and with connect_only = 2. Before, and without it in libcurl, a clear error.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

describe("WebSocket", function()
  it("names what is no frame, and has no data outside of writefunction", function()
    local easy <close> = curl.easy()
    assert.is_nil(easy:ws_meta())
    errors.matches("string expected", easy.ws_send, easy)
    errors.matches("no kind of frame: \"both\" %(text, ", easy.ws_send, easy, "x", "both")
    errors.matches("no kind of frame", easy.ws_send, easy, "x", "cont")
    errors.matches("size out of range", easy.ws_recv, easy, 0)
  end)

  if not system.websocket then
    it("is refused: this libcurl has none, or only an experiment", function()
      for only = 0, 2, 2 do
        local easy <close> = curl.easy { connect_only = only }
        errors.failed("NOT_SUPPORTED", "", easy:ws_send("x", "text"))
        errors.failed("NOT_SUPPORTED", "", easy:ws_recv())
      end
    end)
    return
  end

  it("is received only where connect_only is set", function()
    local easy <close> = curl.easy()
    errors.matches("^easy:ws_recv: connect_only is not set", easy.ws_recv, easy)
  end)

  local peer
  setup(function() peer = servers.websocket() end)

  -- A transfer in a multi: log has what came, "KIND data" for each whole message.
  local function connect(options)
    local w = { log = {}, pieces = {}, multi = curl.multi() }
    w.easy = curl.easy { url = peer.url, proxy = "", timeout = 20 }
    w.easy:setopt("writefunction", function(data)
      local kind, more, offset, left = w.easy:ws_meta()
      w.last = { kind, more, offset, left }
      w.pieces[#w.pieces + 1] = data
      if more or left > 0 then return end
      w.log[#w.log + 1] = kind .. " " .. table.concat(w.pieces)
      w.pieces = {}
    end)
    assert(w.easy:setopt(options or {}))
    w.multi:add(w.easy)
    transfers.drive(w.multi, function() return w.easy:getinfo("response_code") == 101 end)
    return w
  end

  local function close(w)
    w.multi:close()
    w.easy:close()
  end

  local function wait(w, n)
    transfers.drive(w.multi, function() return #w.log >= n end)
  end

  local function send(w, text, kind, more)
    local deadline = curl.now() + 20
    repeat
      local n, message, name = w.easy:ws_send(text, kind, more)
      assert(n or name == "AGAIN", message)
      text = text:sub((n or 0) + 1)
      w.multi:perform()
      assert(curl.now() < deadline)
    until text == ""
  end

  it("sends and gets texts and bytes, in a multi", function()
    local w = connect()
    send(w, "hello", "text")
    wait(w, 1)
    assert.same({ "text", false, 0, 0 }, w.last)
    send(w, ("\0\1\2\255"):rep(100000), "binary")
    wait(w, 2)
    assert.same({ "text echo hello", "binary " .. ("\0\1\2\255"):rep(100000) }, w.log)
    close(w)
  end)

  it("answers pings, and gets fragments", function()
    local w = connect()
    send(w, "ping", "text")
    wait(w, 1)
    if w.log[1]:find "^ping" then
      wait(w, 2)
      table.remove(w.log, 1)
    end
    assert.same({ "text pong has come" }, w.log)
    close(w)
    w = connect()
    send(w, "one ", "binary", true)
    send(w, "two", "binary")
    wait(w, 1)
    assert.equal("binary one two", w.log[1])
    send(w, "x", "ping")
    wait(w, 2)
    assert.equal("pong x", w.log[2])
    -- The last fragment is an empty one, of which libcurl 8.14 does not tell.
    send(w, "fragments", "text")
    transfers.drive(w.multi, function()
      return (w.log[3] or table.concat(w.pieces)):find "one two three$"
    end)
    assert.same({ "text", true }, w.log[3] and { "text", true } or { w.last[1], w.last[2] })
    close(w)
  end)

  it("sees the other side close, and its death", function()
    local w = connect()
    send(w, "close 4001", "text")
    wait(w, 1)
    assert.equal("close " .. string.pack(">I2", 4001) .. "as you say", w.log[1])
    close(w)
    w = connect()
    send(w, "die", "text")
    transfers.drive(w.multi)
    local _, _, name = transfers.only_result(w.multi)
    assert.truthy(name == "RECV_ERROR" or name == "GOT_NOTHING" or name == nil, name)
    close(w)
  end)

  -- A paused transfer that is called reads once more (16 KiB, in 8.14), if nothing came before.
  it("pauses while many messages come, and loses none", function()
    local w = connect()
    send(w, "count 300", "text")
    local deadline = curl.now() + 20
    while #w.log < 300 do
      w.easy:pause("recv")
      local before
      for step = 1, 6 do
        if step == 3 then before = #w.log end -- what had been read has come
        w.multi:perform()
        w.multi:poll(0.001)
      end
      assert(#w.log - before <= 16, #w.log - before)
      w.easy:unpause("recv")
      w.multi:perform()
      w.multi:poll(0.01)
      assert(curl.now() < deadline, #w.log)
    end
    for i, line in ipairs(w.log) do
      assert.equal("text " .. i - 1 .. " ", line:match "^%a+ %d+ ")
      assert.equal(1000, #line:match "x+$")
    end
    close(w)
  end)

  it("is not sent inside a callback, where libcurl would block", function()
    local message
    local w
    w = connect { headerfunction = function()
      if not message and w then message = select(2, pcall(w.easy.ws_send, w.easy, "x", "text")) end
    end }
    w.easy:setopt("writefunction", function()
      message = select(2, pcall(w.easy.ws_send, w.easy, "x", "text"))
      w.log[#w.log + 1] = "x"
    end)
    send(w, "hello", "text")
    wait(w, 1)
    assert.equal(errors.refusal("easy:ws_send", "easy"), message)
    close(w)
  end)

  it("is asked for with connect_only = 2", function()
    local easy = curl.easy { url = peer.url, proxy = "", timeout = 20, connect_only = 2 }
    assert(easy:perform())
    assert.equal(5, easy:ws_send("hello", "text"))
    local deadline = curl.now() + 20
    local got
    repeat
      got = table.pack(easy:ws_recv())
      assert(got[1] or got[3] == "AGAIN", got[2])
      assert(curl.now() < deadline)
    until got[1]
    assert.same({ "echo hello", "text", false, 0, 0, n = 5 }, got)
    errors.matches("the script has the easy's connection", easy.perform, easy)
    easy:close()
  end)
end)
