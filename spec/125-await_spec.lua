-- multi:await: a transfer for which a coroutine waits, without any event loop; and how many easies
-- a multi has, as results says it.

local curl = require "curlsock"
local servers = require "spec.support.servers"

local web

setup(function()
  web = servers.nginx()
end)

local function new(path, options)
  local easy = curl.easy { url = web.url .. path, proxy = "", writefunction = {} }
  return options and easy:setopt(options) or easy
end

-- Drives the multi until it has n results; each coroutine goes on with what follows its table.
local function drive(multi, n)
  local list, seen = {}, 0
  while seen < n do
    assert(multi:perform())
    local new_ones = multi:results(list)
    for i = 1, 3 * new_ones, 3 do
      assert(coroutine.resume(list[i][1], list[i + 1], list[i + 2]))
    end
    seen = seen + new_ones
    if seen < n then multi:poll(1) end
  end
end

describe("multi:await", function()
  it("suspends the coroutine until it is resumed, and returns what that passes", function()
    local multi <close> = curl.multi()
    local got, waits = {}, {}
    for i = 1, 3 do
      local co = coroutine.create(function()
        got[i] = table.pack(multi:await(new "/hello", waits[i]))
      end)
      waits[i] = {}
      assert.same({ true, multi }, { coroutine.resume(co) })
      assert.equal(co, waits[i][1])
      assert.equal("suspended", coroutine.status(co))
    end
    drive(multi, 3)
    for i = 1, 3 do
      assert.same({ false, nil, n = 2 }, got[i])
      assert.equal("dead", coroutine.status(waits[i][1]))
    end
    assert.same({}, multi:easies())
  end)

  it("has the table as the easy's value: how it failed stands there", function()
    local multi <close> = curl.multi()
    local got
    local co = coroutine.wrap(function()
      got = table.pack(multi:await(new("/hello", { timeout = 0.2,
        url = servers.dead().url }), {}))
    end)
    co()
    drive(multi, 1)
    assert.equal("OPERATION_TIMEDOUT", got[1])
  end)

  it("only adds where nothing can be suspended", function()
    local multi <close> = curl.multi()
    local easy, wait = new "/hello", {}
    assert.equal(multi, multi:await(easy, wait))
    assert.is_nil(wait[1])
    assert.same({ wait }, multi:easies())
    local inner = {}
    local co = coroutine.wrap(function()
      table.sort({ 1, 2 }, function() -- a call of C: what is in it cannot yield
        if not inner[0] then inner[0] = multi:await(new "/hello", inner) end
        return false
      end)
    end)
    co()
    assert.equal(multi, inner[0])
    assert.is_nil(inner[1])
    assert.equal(2, #multi:easies())
  end)

  it("is false for a table of options, and suspends and adds nothing", function()
    local multi <close> = curl.multi()
    local wait, got = {}, nil
    coroutine.wrap(function() got = table.pack(multi:await({ url = web.url }, wait)) end)()
    assert.same({ false, n = 1 }, got)
    assert.same({}, wait)
    assert.same({}, multi:easies())
  end)

  it("returns and raises what add does, and suspends nothing then", function()
    local multi <close> = curl.multi()
    local other <close> = curl.multi()
    local easy, wait = new "/hello", {}
    other:add(easy)
    local function refused(pattern, ...)
      local co = coroutine.create(multi.await)
      local ok, message = coroutine.resume(co, multi, ...)
      assert.is_false(ok)
      assert.matches(pattern, message)
      assert.same({}, wait)
    end
    refused("the easy is in a multi already", easy, wait)
    refused("easy expected, got number", 5, wait)
    refused("table expected", new "/hello")
    easy:close()
    refused("closed", easy, wait)
    assert.same({}, multi:easies())
  end)

  it("leaves the transfer in the multi when its coroutine is closed", function()
    local multi <close> = curl.multi()
    local easy, wait = new "/hello", {}
    local co = coroutine.create(function() multi:await(easy, wait) end)
    assert(coroutine.resume(co))
    assert.is_true(coroutine.close(co))
    assert.same({ wait }, multi:easies())
    assert.equal(multi, multi:remove(easy))
    assert.same({}, multi:easies())
  end)
end)

describe("multi:results with a list", function()
  local function members(multi)
    return select(2, multi:results {})
  end

  it("says how many easies the multi has still", function()
    local multi <close> = curl.multi()
    local list = {}
    assert.equal(0, members(multi))
    local easies = { new "/hello", new "/hello", new "/hello" }
    multi:add(easies[1]):add(easies[2], {}):add(easies[3])
    assert.equal(3, members(multi))
    multi:remove(easies[3])
    assert.equal(2, members(multi))
    local ended = 0
    while ended < 2 do
      multi:perform()
      ended = ended + multi:results(list)
      multi:poll(0.1)
    end
    assert.equal(1, members(multi)) -- which was added without a value
    easies[1]:close()
    assert.equal(0, members(multi))
  end)

  it("counts one that was closed until somebody has read that", function()
    local multi <close> = curl.multi()
    local easy, list = new "/slow", {}
    multi:add(easy, {})
    easy:close()
    local kept, left = multi:results(list)
    assert.same({ 1, 0 }, { kept, left })
    multi:add(new "/slow", {}):add(new "/slow", {})
    multi:easies()
    collectgarbage()
    assert.equal(2, members(multi))
  end)
end)

describe("An interrupt of loop:perform", function()
  -- Looks at a loop after perform was interrupted at its k-th instruction; nil: it has fewer.
  local function interrupt(k)
    local loop <close> = require("curlsock.loop").new()
    local easy <close> = new "/hello"
    assert(loop:perform(easy))
    local co = coroutine.create(function() loop:perform(easy) end)
    local left, where = k, nil
    debug.sethook(co, function()
      left = left - 1
      if left > 0 then return end
      debug.sethook(co)
      where = "interrupted"
      error(where, 0)
    end, "", 1)
    local ok, what = coroutine.resume(co)
    debug.sethook(co)
    coroutine.close(co)
    if ok and not where then return nil end
    assert.equal("interrupted", what)
    local active, count = loop.active, #loop.multi:easies()
    assert.equal(count, active, "after instruction " .. k)
    assert.same({ true }, { loop:perform(new "/hello", 5) })
    return true
  end

  it("leaves as many transfers as the multi has, wherever it comes", function()
    local k = 1
    while interrupt(k) do k = k + 1 end
    assert.truthy(k > 30)
  end)
end)
