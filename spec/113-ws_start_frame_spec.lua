-- easy:ws_start_frame: readfunction of a WebSocket's transfer says which frames it sends (libcurl
-- 8.16 and newer). What would be lost, or break the connection, is refused.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local system = require "spec.support.system"
local transfers = require "spec.support.transfers"

describe("easy:ws_start_frame", function()
  it("names what is no frame", function()
    local easy <close> = curl.easy()
    errors.matches("string expected", easy.ws_start_frame, easy)
    errors.matches('no kind of frame: "cont"', easy.ws_start_frame, easy, "cont", 1)
    errors.matches("number expected", easy.ws_start_frame, easy, "text")
    errors.matches("size out of range", easy.ws_start_frame, easy, "text", -1)
  end)

  if not system.websocket or curl.version_info().version_num < 0x081000 then
    it("is refused: this libcurl is too old, or has no WebSocket", function()
      local easy <close> = curl.easy()
      errors.failed("NOT_SUPPORTED", "", easy:ws_start_frame("text", 1))
    end)
    return
  end

  local peer
  setup(function() peer = servers.websocket() end)

  -- Performs a transfer in which readfunction calls the steps one after the other, and returns what
  -- they do; then nil. It ends when n messages have come. Returns them, as "KIND data", and how
  -- the transfer has ended, if it has by itself.
  local function talk(n, steps, options)
    local multi <close>, log, pieces = curl.multi(), {}, {}
    local easy <close> = curl.easy { url = peer.url, proxy = "", timeout = 20, upload = true }
    local step = 0
    easy:setopt {
      readfunction = function(size)
        step = step + 1
        if steps[step] then return steps[step](easy, size) end
        return nil
      end,
      writefunction = function(data)
        local kind, more, _, left = easy:ws_meta()
        pieces[#pieces + 1] = data
        if more or left > 0 then return end
        log[#log + 1] = kind .. " " .. table.concat(pieces)
        pieces = {}
      end,
    }
    if options then assert(easy:setopt(options)) end
    multi:add(easy)
    transfers.drive(multi, function() return #log >= n and step >= #steps end)
    local _, ok, message, name = multi:results()(multi)
    return log, ok, message, name
  end

  local function frame(kind, data, more)
    return function(easy)
      assert(easy:ws_start_frame(kind, #data, more) == easy)
      return data ~= "" and data or nil
    end
  end

  it("sends frames of each kind, also empty ones", function()
    local log = talk(5, {
      frame("text", "one"), frame("binary", "\0\1"), frame("binary", ""), frame("ping", "are you"),
      frame("text", "fr", true), frame("text", "agment"),
    })
    table.sort(log) -- the pong may come before what is echoed
    assert.same({ "binary ", "binary \0\1", "pong are you", "text echo fragment", "text echo one" },
      log)
  end)

  it("takes a frame in pieces, whatever readfunction returns at a time", function()
    local data, sizes = ("0123456789abcdef"):rep(20000), {}
    local log = talk(1, {
      function(easy)
        assert(easy:ws_start_frame("text", #data))
        return data:sub(1, 10)
      end,
      function() return data:sub(11, 200000) end, -- longer than libcurl takes at once
      function(_, size)
        sizes[1] = size
        return data:sub(200001, 319999)
      end,
      function(_, size)
        sizes[2] = size
        return data:sub(320000)
      end,
    })
    assert.same({ 1, "text echo " .. data }, { #log, log[1] })
    assert.equal(1, sizes[2])
  end)

  it("may begin a frame and have nothing of it yet, and pause in it", function()
    local multi <close>, log = curl.multi(), {}
    local easy <close> = curl.easy { url = peer.url, proxy = "", timeout = 20, upload = true }
    local calls = 0
    easy:setopt {
      readfunction = function()
        calls = calls + 1
        if calls == 1 then
          assert(easy:ws_start_frame("text", 4))
          return nil
        end
        return calls == 2 and curl.PAUSE or calls == 3 and "late" or curl.PAUSE
      end,
      writefunction = function(data) log[#log + 1] = data end,
    }
    multi:add(easy)
    transfers.drive(multi, function() return calls == 2 end)
    for _ = 1, 5 do
      multi:perform()
      multi:poll(0.01)
    end
    assert.same({ 2, 0 }, { calls, #log })
    easy:unpause("send")
    transfers.drive(multi, function() return #log == 1 end)
    assert.equal("echo late", log[1])
    assert.is_nil((multi:results()(multi)))
    multi:remove(easy)
  end)

  it("without it each piece is a binary frame", function()
    assert.same({ "binary piece", "binary other" }, (talk(2, {
      function() return "piece" end, function() return "other" end,
    })))
  end)

  it("closes, after which the server ends the connection", function()
    local log, ok = talk(2, { frame("close", string.pack(">I2", 1000) .. "bye") })
    assert.equal("close " .. string.pack(">I2", 1000), log[1]:sub(1, 8))
    assert.truthy(ok == true or ok == nil)
  end)

  it("fails the transfer when a frame gets too much, or not enough", function()
    for message, steps in pairs {
      ["readfunction: the frame takes 3 bytes, got 4"] = {
        function(easy)
          assert(easy:ws_start_frame("text", 3))
          return "four"
        end,
      },
      ["readfunction: the frame takes 0 bytes, got 1"] = {
        function(easy)
          assert(easy:ws_start_frame("text", 0))
          return "x"
        end,
      },
      ["readfunction: the frame takes 2 bytes, got 3"] = {
        function(easy)
          assert(easy:ws_start_frame("text", 3))
          return "x"
        end,
        function() return "yzz" end,
      },
      ["readfunction: the body ends in a frame that lacks 2 bytes"] = {
        function(easy)
          assert(easy:ws_start_frame("text", 3))
          return "x"
        end,
        function() return nil end,
      },
      ["easy:ws_start_frame: the frame before lacks 2 bytes"] = {
        function(easy)
          assert(easy:ws_start_frame("text", 3))
          return "x"
        end,
        frame("text", "other"),
      },
    } do
      local _, ok, result, name = talk(1, steps)
      assert.same({ nil, "CALLBACK" }, { ok, name })
      assert.truthy(tostring(result):find(message .. "$"), result)
    end
  end)

  it("says what libcurl refuses, and the transfer goes on", function()
    local log = talk(1, {
      function(easy)
        errors.failed("TOO_LARGE", "", easy:ws_start_frame("ping", 126))
        return frame("text", "still there")(easy)
      end,
    })
    assert.same({ "text echo still there" }, log)
    talk(0, {
      function(easy)
        errors.failed("FAILED_INIT", "", easy:ws_start_frame("text", 1))
        return nil
      end,
    }, { ws_options = "raw_mode" })
    local web = servers.nginx()
    local easy <close> = curl.easy { url = web.url .. "/upload", proxy = "", upload = true }
    local name
    easy:setopt("writefunction", function() end)
    easy:setopt("readfunction", function() name = select(3, easy:ws_start_frame("text", 1)) end)
    assert.is_true(easy:perform())
    assert.equal("SEND_ERROR", name)
  end)

  it("is called in the readfunction of its own easy only", function()
    local easy <close> = curl.easy()
    local expected = "^easy:ws_start_frame: only inside the easy's readfunction"
    errors.matches(expected, easy.ws_start_frame, easy, "text", 1)
    local message
    talk(1, {
      function(own)
        message = select(2, pcall(easy.ws_start_frame, easy, "text", 1))
        return frame("text", "own")(own)
      end,
    })
    assert.truthy(message:find(expected), message)
    talk(1, { frame("text", "x") }, { headerfunction = function()
      message = select(2, pcall(easy.ws_start_frame, easy, "text", 1))
    end })
    assert.truthy(message:find(expected), message)
  end)

  it("has forgotten, in the next transfer, what the last one owed", function()
    local easy <close> = curl.easy { url = peer.url, proxy = "", timeout = 20, upload = true }
    local calls = 0
    easy:setopt("readfunction", function()
      calls = calls + 1
      if calls == 1 then assert(easy:ws_start_frame("text", 100)) end
      return calls == 1 and "x" or calls > 2 and "good" or false
    end)
    easy:setopt("writefunction", function(data) return false, data end)
    errors.failed("ABORTED_BY_CALLBACK", "", easy:perform())
    errors.failed("WRITE_ERROR", "good", easy:perform())
  end)
end)
