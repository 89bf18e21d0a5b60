-- closesocketfunction: what it throws, in each of the calls that may run it.

local closers = require "spec.support.closers"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local fetch, drive, run = transfers.fetch, transfers.drive, transfers.fetch_in
local new_easy, begin, noting = easies.at, closers.begin, closers.noting
local noted = closers.noted
local assert_closed = closers.assert_closed
local run_script, grow_older = closers.run_script, closers.grow_older

local web

-- What error(nil) throws: since Lua 5.5 a string.
local _, thrown_nil = pcall(error, nil)

local function nothing() end

describe("closesocketfunction", function()
  setup(function()
    web = servers.nginx()
  end)

  describe("that throws", function()
    local failure = setmetatable({}, {
      __tostring = function()
        return "a failure"
      end,
    })

    -- An easy whose close callback notes the event and throws the value.
    local function throwing(url, value, options)
      local easy, opened, closed = noted(url, options)
      local note = noting(closed)
      easy:setopt("closesocketfunction", function(...)
        note(...)
        error(value, 0)
      end)
      return easy, opened, closed
    end

    local function assert_thrown(expected, f, ...)
      local result = table.pack(pcall(f, ...))
      assert.equal(2, result.n)
      assert.is_false(result[1])
      assert.is_true(rawequal(expected, result[2]))
    end

    for name, value in pairs {
      string = "a message", number = 42, boolean = false, table = {},
      ["object with a metatable"] = failure,
    } do
      it("has the call throw it unchanged: a " .. name, function()
        local easy <close>, opened, closed = throwing(web.url .. "/hello", value)
        assert.equal("hello\n", fetch(easy))
        assert_thrown(value, easy.close, easy)
        assert_closed(opened, closed)
      end)
    end

    it("has the call throw it unchanged: nil", function()
      local easy <close>, opened, closed = throwing(web.url .. "/hello", nil)
      assert.equal("hello\n", fetch(easy))
      assert_thrown(thrown_nil, easy.close, easy)
      assert_closed(opened, closed)
    end)

    it("has easy:perform throw it after the transfer", function()
      local options = { forbid_reuse = true }
      local easy <close>, opened, closed = throwing(web.url .. "/hello", failure, options)
      local body = {}
      easy:setopt("writefunction", body)
      assert_thrown(failure, easy.perform, easy)
      assert_closed(opened, closed)
      assert.same({ "hello\n" }, body)
      assert.equal(200, easy:getinfo("response_code"))
      easy:unset("closesocketfunction")
      assert.equal("hello\n", fetch(easy))
    end)

    it("has easy:close throw it after all is closed", function()
      local easy, opened, closed = throwing(web.url .. "/hello", failure)
      local before = curl.live().easy
      assert.equal("hello\n", fetch(easy))
      assert_thrown(failure, easy.close, easy)
      assert_closed(opened, closed)
      assert.equal(before - 1, curl.live().easy)
      assert.is_nil(easy:close())
      assert.has_error(function()
        easy:perform()
      end, "calling 'perform' on bad self (easy is closed)")
    end)

    it("has multi:perform throw it after its work: the result is there", function()
      local multi <close> = curl.multi()
      local options = { forbid_reuse = true }
      local easy <close>, opened, closed = throwing(web.url .. "/hello", failure, options)
      multi:add(easy)
      assert_thrown(failure, drive, multi)
      assert_closed(opened, closed)
      assert.equal(0, multi:perform())
      local results = {}
      for e, ok in multi:results() do
        results[#results + 1] = { e, ok }
      end
      assert.same({ { easy, true } }, results)
    end)

    it("has multi:socket_action throw it", function()
      local multi <close> = curl.multi()
      local options = { timeout = 0.2 }
      local easy <close>, opened, closed = throwing(web.url .. "/slow", failure, options)
      begin(multi, easy)
      assert_thrown(failure, function()
        while assert(multi:socket_action()) > 0 do
          assert(multi:poll(1))
        end
      end)
      assert_closed(opened, closed)
      for e, ok, _, name in multi:results() do
        assert.same({ easy, nil, "OPERATION_TIMEDOUT" }, { e, ok, name })
      end
    end)

    it("has multi:remove throw it after the easy is out", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = throwing(web.url .. "/slow", failure)
      begin(multi, easy)
      assert_thrown(failure, multi.remove, multi, easy)
      assert_closed(opened, closed)
      assert.equal(0, multi:perform())
      easy:setopt { url = web.url .. "/hello", closesocketfunction = nothing }
      assert.equal("hello\n", run(multi, easy))
    end)

    it("has multi:close throw it after all is closed", function()
      local multi = curl.multi()
      local before = curl.live().multi
      local easy, opened, closed = throwing(web.url .. "/hello", failure)
      local other, opened2, closed2 = noted(web.url4 .. "/hello")
      run(multi, easy)
      run(multi, other)
      assert_thrown(failure, multi.close, multi)
      assert_closed(opened, closed)
      assert_closed(opened2, closed2)
      assert.equal(before - 1, curl.live().multi)
      assert.is_nil(multi:close())
    end)

    it("has share:close throw it after all is closed", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = throwing(web.url .. "/hello", failure, { share = share })
      local before = curl.live().share
      assert.equal("hello\n", fetch(easy))
      easy:close()
      assert_thrown(failure, share.close, share)
      assert_closed(opened, closed)
      assert.equal(before - 1, curl.live().share)
    end)

    it("has the last easy's close throw it, for a share that was closed before", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = throwing(web.url .. "/hello", failure, { share = share })
      local before = curl.live().share
      assert.equal("hello\n", fetch(easy))
      share:close()
      assert_thrown(failure, easy.close, easy)
      assert_closed(opened, closed)
      assert.equal(before - 1, curl.live().share)
    end)

    it("has the end of the block throw it, for a handle <close>", function()
      local opened, closed
      assert_thrown(failure, function()
        local easy <close>, o, c = throwing(web.url .. "/hello", failure)
        opened, closed = o, c
        assert.equal("hello\n", fetch(easy))
      end)
      assert_closed(opened, closed)
    end)

    it("in another easy's transfer has that call throw it, and harms no result", function()
      local multi <close> = curl.multi { maxconnects = 1 }
      local first <close>, opened, closed = throwing(web.url .. "/hello", failure)
      local second <close> = new_easy(web.url4 .. "/hello")
      run(multi, first)
      grow_older()
      multi:add(second)
      assert_thrown(failure, drive, multi)
      assert_closed(opened, closed)
      drive(multi)
      local results = {}
      for e, ok in multi:results() do
        results[#results + 1] = { e, ok }
      end
      assert.same({ { second, true } }, results)
    end)

    it("in a finalizer is a warning", function()
      local out, err = run_script [[
        local easy = new(function(socket)
          print(socket:state())
          error("collected", 0)
        end)
        easy:perform()
        easy = nil
        collectgarbage()
        print(#curl.sockets(), curl.live().socket)
      ]]
      assert.equal("closing\n0\t0\n", out)
      assert.equal("Lua warning: curlsock: collected\n", err)
    end)

    it("in a finalizer is a warning, also when it is no string", function()
      local _, err = run_script [[
        new(function()
          error(setmetatable({}, { __tostring = function() return "an object" end }))
        end):perform()
        new(function() error(nil) end):perform()
        collectgarbage()
      ]]
      local lines = {}
      for line in err:gmatch("[^\n]+") do
        lines[#lines + 1] = line
      end
      table.sort(lines)
      local expected = { "an object", tostring(thrown_nil) }
      for i, text in ipairs(expected) do
        expected[i] = "Lua warning: curlsock: " .. text
      end
      table.sort(expected)
      assert.same(expected, lines)
    end)

    it("twice in one call has that throw the first, and warn of the second", function()
      local out, err = run_script [[
        local multi = curl.multi()
        local count = 0
        local function close()
          count = count + 1
          error("number " .. count, 0)
        end
        local first, second = new(close), new(close):setopt("url", url4 .. "/hello")
        run(multi, first)
        run(multi, second)
        print(pcall(multi.close, multi))
        print(count, #curl.sockets())
      ]]
      assert.equal("false\tnumber 1\n2\t0\n", out)
      assert.equal("Lua warning: curlsock: number 2\n", err)
    end)

    it("does not replace what another callback of the transfer threw", function()
      local out, err = run_script [[
        local easy = new(function() error("close", 0) end)
        easy:setopt { forbid_reuse = true, writefunction = function() error("write", 0) end }
        print(pcall(easy.perform, easy))
      ]]
      assert.equal("false\twrite\n", out)
      assert.equal("Lua warning: curlsock: close\n", err)
    end)

    it("does not replace an error that ends the block of a handle <close>", function()
      local out, err = run_script [[
        print(pcall(function()
          local easy <close> = new(function() error("close", 0) end)
          easy:perform()
          error("block", 0)
        end))
      ]]
      assert.equal("false\tblock\n", out)
      assert.equal("Lua warning: curlsock: close\n", err)
    end)
  end)
end)
