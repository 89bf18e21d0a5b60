-- The garbage collector: cycles through libcurl are garbage like any other, it may run at any
-- moment, nothing is left of the requests that were made, and the end of the state is no
-- exception to any of that.

local curl = require "curlsock"
local left = require "spec.support.left"
local orders = require "spec.support.orders"
local servers = require "spec.support.servers"

-- ---- cycles -----------------------------------------------------------------------------------

-- Has make() make 200 sets of handles, each a list, and collects garbage once: all must go.
local function assert_collected(make)
  local weak, made, alive = setmetatable({}, { __mode = "v" }), 0, 0
  for _ = 1, 200 do
    for _, handle in pairs(make()) do
      made = made + 1
      weak[made] = handle
    end
  end
  collectgarbage()
  for _ in pairs(weak) do
    alive = alive + 1
  end
  assert.truthy(made >= 200)
  assert.equal(0, alive, ("handles that are alive, of %d"):format(made))
  assert.same({ easy = 0, multi = 0, share = 0, socket = 0 }, curl.live())
end

-- A callback that mentions these.
local function mentioning(...)
  local handles = { ... }
  return function() return handles end
end

local function run(multi)
  while multi:perform() > 0 do
    multi:poll(1)
  end
  for _, ok, message in multi:results() do
    assert(ok, message)
  end
end

-- An easy with a close callback that mentions it and the others, and whose Socket does, too.
local function knotted(others)
  local easy = curl.easy { url = servers.nginx().url .. "/hello", proxy = "" }
  others.easy = easy
  others.closed = 0
  return easy:setopt {
    sockoptfunction = function(socket) socket.data = { socket, others } end,
    closesocketfunction = function() others.closed = others.closed + 1 end,
  }
end

describe("A handle is collected though", function()
  for _, name in ipairs(orders.callbacks) do
    it("its " .. name .. " mentions it", function()
      assert_collected(function()
        local easy = curl.easy()
        easy:setopt(name, mentioning(easy))
        return { easy }
      end)
    end)

    it("the " .. name .. " of an easy in it mentions it", function()
      assert_collected(function()
        local easy, multi = curl.easy(), curl.multi()
        easy:setopt(name, mentioning(easy, multi))
        multi:add(easy)
        return { easy, multi }
      end)
    end)

    it("the " .. name .. " of an easy that was in it, and closed it, mentions it", function()
      assert_collected(function()
        local easy, multi = curl.easy(), curl.multi()
        easy:setopt(name, mentioning(easy, multi))
        multi:add(easy)
        multi:close()
        return { easy, multi }
      end)
    end)

    it("the " .. name .. " of an easy that shares it mentions it", function()
      assert_collected(function()
        local share = curl.share { share = { "connect", "cookie" } }
        local easy = curl.easy { share = share }
        easy:setopt(name, mentioning(easy, share))
        return { easy, share }
      end)
    end)
  end

  for _, name in ipairs { "writefunction", "headerfunction" } do
    it("the table that is its " .. name .. " has it", function()
      assert_collected(function()
        local sink = {}
        sink.easy = curl.easy { [name] = sink }
        return sink
      end)
    end)
  end

  it("every callback mentions it and was called, by itself", function()
    local web = servers.nginx()
    assert_collected(function()
      local s = orders.scene(curl, "own", web.url)
      s:run()
      return s.handles
    end)
  end)

  it("every callback mentions it and was called, in a multi", function()
    local web = servers.nginx()
    assert_collected(function()
      local s = orders.scene(curl, "multi", web.url)
      s:run()
      return s.handles
    end)
  end)

  it("every callback mentions it and was called, in a multi with a share", function()
    local web = servers.nginx()
    assert_collected(function()
      local s = orders.scene(curl, "share", web.url)
      s:run()
      return s.handles
    end)
  end)

  it("it threw an error that mentions it", function()
    local web = servers.nginx()
    assert_collected(function()
      local easy, multi = curl.easy { url = web.url .. "/hello" }, curl.multi()
      easy:setopt("writefunction", function() error { easy, multi } end)
      assert.is_false(pcall(easy.perform, easy))
      multi:add(easy)
      while multi:perform() > 0 do
        multi:poll(1)
      end
      for _, ok, thrown, name in multi:results() do
        assert.same({ false, easy, "CALLBACK" }, { ok or false, thrown[1], name })
      end
      return { easy, multi }
    end)
  end)

  it("the Socket of the connection that it keeps mentions it", function()
    local sets = {}
    assert_collected(function()
      local set = {}
      assert(knotted(set):perform())
      sets[#sets + 1] = setmetatable({ set }, { __mode = "k" }) -- the count only, see below
      sets[#sets] = nil
      return { set.easy }
    end)
  end)

  it("the Socket of the connection that a multi keeps mentions it", function()
    assert_collected(function()
      local set = { multi = curl.multi() }
      set.multi:add(knotted(set))
      run(set.multi)
      return { set.easy, set.multi }
    end)
  end)

  it("the Socket of the connection that a share keeps mentions it", function()
    assert_collected(function()
      local set = { share = curl.share { share = "connect" }, multi = curl.multi() }
      set.multi:add(knotted(set):setopt("share", set.share))
      run(set.multi)
      return { set.easy, set.multi, set.share }
    end)
  end)

  it("its Socket was never lent, and mentions itself", function()
    assert_collected(function()
      local socket = curl.socket("unix")
      socket.data = { socket }
      return { socket }
    end)
  end)
end)
