-- closesocketfunction: each way in which a connection that outlived its transfer comes to its end.

local closers = require "spec.support.closers"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local fetch, run = transfers.fetch, transfers.fetch_in
local new_easy, begin = easies.at, closers.begin
local noted = closers.noted
local assert_closed, wait_for_end = closers.assert_closed, closers.wait_for_end
local run_script, grow_older = closers.run_script, closers.grow_older
local dropping, one_event = closers.dropping, closers.one_event

local version = curl.version_info().version_num
local web

describe("closesocketfunction", function()
  setup(function()
    web = servers.nginx()
  end)

  describe("runs", function()
    it("in the perform that closes the connection", function()
      local easy <close>, opened, closed = noted(web.url .. "/hello", { forbid_reuse = true })
      assert.equal("hello\n", fetch(easy))
      assert_closed(opened, closed)
    end)

    it("in the perform in which the server closes the connection", function()
      local easy <close>, opened, closed = noted(web.url .. "/close")
      assert.equal("close\n", fetch(easy))
      assert_closed(opened, closed)
    end)

    it("in the perform whose connection is refused, once for each address", function()
      local host = "many.test:" .. servers.free_port()
      local easy <close>, opened, closed = noted("http://" .. host, {
        resolve = { host .. ":127.0.0.1,127.0.0.2" },
      })
      local _, _, name = fetch(easy)
      assert.equal("COULDNT_CONNECT", name)
      assert.equal(2, #opened)
      assert.equal(2, #closed)
      for i = 1, 2 do
        assert.is_true(rawequal(opened[i], closed[i].socket))
        assert.equal("closed", opened[i]:state())
      end
    end)

    it("in multi:remove that ends a transfer", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/slow")
      begin(multi, easy)
      assert.same({}, closed)
      multi:remove(easy)
      assert_closed(opened, closed)
    end)

    it("in easy:close() that ends a transfer in a multi", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/slow")
      begin(multi, easy)
      easy:close()
      assert_closed(opened, closed)
    end)

    it("in easy:close(), for the connections that are its own", function()
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      assert.same({}, closed)
      easy:close()
      assert_closed(opened, closed)
      easy:close()
      assert.equal(1, #closed)
    end)

    it("at the end of the block of an easy <close>", function()
      local opened, closed
      do
        local easy <close>, o, c = noted(web.url .. "/hello")
        opened, closed = o, c
        assert.equal("hello\n", fetch(easy))
        assert.same({}, closed)
      end
      assert_closed(opened, closed)
    end)

    it("in the collection of an easy", function()
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      collectgarbage()
      assert.same({}, closed)
      easy = nil -- luacheck: ignore
      collectgarbage()
      assert_closed(opened, closed)
    end)

    it("in multi:close(), after its easy was closed", function()
      local multi = curl.multi()
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      easy:close()
      assert.same({}, closed)
      assert.equal("lent", opened[1]:state())
      multi:close()
      assert_closed(opened, closed)
    end)

    it("in multi:close(), after its easy was collected", function()
      local multi = curl.multi()
      local before = curl.live().easy
      local easy, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      easy = nil -- luacheck: ignore
      collectgarbage()
      assert.equal(before, curl.live().easy)
      assert.same({}, closed)
      assert.equal("lent", opened[1]:state())
      multi:close()
      assert_closed(opened, closed)
    end)

    it("in multi:close() that ends a transfer", function()
      local multi = curl.multi()
      local easy, opened, closed = noted(web.url .. "/slow")
      begin(multi, easy)
      multi:close()
      assert_closed(opened, closed)
    end)

    it("at the end of the block of a multi <close>", function()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      do
        local multi <close> = curl.multi()
        assert.equal("hello\n", run(multi, easy))
        assert.same({}, closed)
      end
      assert_closed(opened, closed)
    end)

    it("in the collection of a multi", function()
      local multi = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      collectgarbage()
      assert.same({}, closed)
      multi = nil -- luacheck: ignore
      collectgarbage()
      assert_closed(opened, closed)
    end)

    it("in share:close(), after its easies were closed", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      easy:close()
      assert.same({}, closed)
      share:close()
      assert_closed(opened, closed)
    end)

    it("in share:close(), after its easies were collected", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      easy = nil -- luacheck: ignore
      collectgarbage()
      assert.same({}, closed)
      share:close()
      assert_closed(opened, closed)
    end)

    it("when the last easy leaves a share that was closed while in use", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      local other = new_easy(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      share:close()
      easy:close()
      assert.same({}, closed)
      assert.equal("lent", opened[1]:state())
      other:close()
      assert_closed(opened, closed)
    end)

    it("at the end of the block of a share <close>", function()
      local opened, closed
      do
        local share <close> = curl.share { share = "connect" }
        local easy <close>, o, c = noted(web.url .. "/hello", { share = share })
        opened, closed = o, c
        assert.equal("hello\n", fetch(easy))
        easy:close()
        assert.same({}, closed)
      end
      assert_closed(opened, closed)
    end)

    it("in the collection of a share", function()
      local share = curl.share { share = "connect" }
      local easy, opened, closed = noted(web.url .. "/hello", { share = share })
      assert.equal("hello\n", fetch(easy))
      easy:close()
      collectgarbage()
      assert.same({}, closed)
      share = nil -- luacheck: ignore
      collectgarbage()
      assert_closed(opened, closed)
    end)

    it("by eviction, when an easy may keep only one connection (maxconnects)", function()
      local easy <close>, opened, closed = noted(web.url .. "/hello", { maxconnects = 1 })
      assert.equal("hello\n", fetch(easy))
      easy:setopt("url", web.url4 .. "/hello")
      grow_older()
      assert.same({}, closed)
      assert.equal("hello\n", fetch(easy))
      assert_closed(opened, closed)
      assert.equal("lent", opened[2]:state())
    end)

    it("by eviction, in another easy's transfer, when its own easy is closed", function()
      local multi <close> = curl.multi { maxconnects = 1 }
      local first, opened, closed = noted(web.url .. "/hello")
      local second <close>, opened2, closed2 = noted(web.url4 .. "/hello")
      assert.equal("hello\n", run(multi, first))
      first:close()
      grow_older()
      assert.same({}, closed)
      assert.equal("hello\n", run(multi, second))
      assert_closed(opened, closed)
      assert.same({}, closed2)
      assert.equal("lent", opened2[1]:state())
    end)

    it("in another easy's transfer that finds the connection dead", function()
      local server = servers.script(dropping)
      local multi <close> = curl.multi()
      local first, opened, closed = noted(server.url)
      local second <close>, opened2, closed2 = noted(server.url)
      assert.equal("drops\n", run(multi, first))
      first = nil -- luacheck: ignore
      collectgarbage()
      wait_for_end(opened[1])
      assert.same({}, closed)
      assert.equal("drops\n", run(multi, second))
      assert_closed(opened, closed)
      assert.equal(1, #opened2)
      assert.same({}, closed2)
      multi:close()
      assert_closed(opened2, closed2)
      servers.stop(server)
    end)

    it("once, when an easy with connections of its own goes into a multi", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", fetch(easy))
      multi:add(easy)
      -- Since 8.7.0 libcurl closes them then; before, with the easy.
      assert.equal(version >= 0x080700 and 1 or 0, #closed)
      multi:remove(easy)
      easy:close()
      assert_closed(opened, closed)
    end)

    it("once, for an idle connection that a multi is told an error of", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/hello")
      assert.equal("hello\n", run(multi, easy))
      assert(multi:socket_action(opened[1]:fd(), "e"))
      multi:close()
      assert_closed(opened, closed)
    end)

    it("not for an idle connection that a multi is told the readiness of", function()
      local multi <close> = curl.multi()
      local easy <close>, opened, closed = noted(web.url .. "/connection")
      local number = run(multi, easy):match("^(%d+) 1\n$")
      assert(multi:socket_action(opened[1]:fd(), "rw"))
      assert.equal(number .. " 2\n", run(multi, easy))
      assert.same({}, closed)
      local fd = opened[1]:fd()
      easy:close()
      multi:setopt("maxconnects", 1)
      grow_older()
      local other <close> = new_easy(web.url4 .. "/hello")
      assert.equal("hello\n", run(multi, other))
      assert_closed(opened, closed)
      assert(multi:socket_action(fd, "rw")) -- late: nobody's descriptor by now
    end)
  end)

  describe("runs when the Lua state is closed,", function()
    for name, script in pairs {
      ["for an easy's own connection"] = [[
        easy = new()
        easy:perform()
      ]],
      ["for an easy that nothing mentions any more"] = [[
        new():perform()
      ]],
      ["for a multi, and its easy"] = [[
        multi, easy = curl.multi(), new()
        run(multi, easy)
      ]],
      ["for a multi, whose easy was closed"] = [[
        multi = curl.multi()
        local easy <close> = new()
        run(multi, easy)
      ]],
      ["for a multi, whose easy was collected"] = [[
        multi = curl.multi()
        do
          local easy = new()
          run(multi, easy)
          multi:remove(easy)
        end
        collectgarbage()
      ]],
      ["for a multi, in the middle of a transfer"] = [[
        multi = curl.multi()
        easy = new(nil, "/slow")
        local begun
        multi:add(easy:setopt("headerfunction", function() begun = true end))
        repeat multi:perform() multi:poll(begun and 0 or 1) until begun
      ]],
      ["for a share"] = [[
        share = curl.share { share = "connect" }
        local easy <close> = new():setopt("share", share)
        easy:perform()
      ]],
      ["for a share, and the easy that uses it"] = [[
        easy = new():setopt("share", curl.share { share = "connect" })
        easy:perform()
      ]],
      ["for an easy that a finalizer made then"] = [[
        setmetatable({}, { __gc = function()
          easy = new()
          easy:perform()
        end })
      ]],
      ["by os.exit"] = [[
        easy = new()
        easy:perform()
        os.exit(0, true)
      ]],
    } do
      it(name, function()
        local out, err = run_script(script)
        assert.equal(one_event, out)
        assert.equal("", err)
      end)
    end

    it("and what it throws then is a warning", function()
      local out, err = run_script [[
        easy = new(function(socket)
          print(socket:state())
          error("at the end", 0)
        end)
        easy:perform()
      ]]
      assert.equal("closing\n", out)
      assert.equal("Lua warning: curlsock: at the end\n", err)
    end)
  end)
end)
