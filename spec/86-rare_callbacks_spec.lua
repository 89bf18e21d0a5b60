-- Callbacks that few easies have: trailers, names, RTP, HSTS, several files of an FTP folder. What
-- each is called with, and what its answers mean. (SSH: 86-ssh_spec.lua.)

local curl = require "curlsock"
local described = require "spec.support.described"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local rare = require "spec.support.rare"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local version = curl.version_info().version_num
local web

setup(function() web = servers.nginx() end)

local goes_on, makers, perform, wildcard = rare.goes_on, rare.makers, rare.perform, rare.wildcard
local names = surface.sorted(makers)

for _, name in ipairs(names) do
  describe(name, function()
    if not rare.is_there(name) then
      it("is refused before libcurl 8.7.0: later uploads would corrupt its memory", function()
        local easy <close> = curl.easy()
        errors.failed("NOT_SUPPORTED", "^option 'trailerfunction': ",
          easy:setopt(name, function() end))
        errors.failed("NOT_SUPPORTED", "trailerfunction", curl.easy { [name] = print })
      end)
      return
    end

    local function with(f)
      local easy = makers[name]()
      return easy:setopt(name, f)
    end

    it("is called, with the easy last, on which other calls are refused", function()
      local calls, wrong = 0, {}
      local easy
      easy = with(function(...)
        calls = calls + 1
        assert.equal(easy, (select(select("#", ...), ...)))
        for _, method in ipairs { "perform", "reset", "close" } do
          local ok, message = pcall(easy[method], easy)
          if ok or not message:find("is not allowed inside a callback", 1, true) then
            wrong[#wrong + 1] = method .. ": " .. tostring(message)
          end
        end
        easy:getinfo("effective_url")
        if name ~= "hstsreadfunction" then easy:dup():close() end -- that asks it again
        if goes_on[name] then return goes_on[name](...) end
      end)
      assert(perform(name, easy))
      assert.truthy(calls > 0)
      assert.same({}, wrong)
      easy:close()
    end)

    it("can be taken back, is forgotten by reset, and copied by dup", function()
      local calls = 0
      local easy = with(function(...)
        calls = calls + 1
        return (goes_on[name] or function() end)(...)
      end)
      local copy = easy:dup()
      easy:setopt(name, nil)
      calls = 0
      local ok, message = perform(name, easy)
      assert.truthy(ok or name == "hstsreadfunction", message)
      assert.equal(0, calls)
      easy:close()
      collectgarbage()
      assert(perform(name, copy:setopt("writefunction", {})))
      assert.truthy(calls > 0)
      local before = calls
      copy:reset()
      copy:setopt { url = web.url .. "/hello", proxy = "", writefunction = {} }
      assert(copy:perform())
      assert.equal(before, calls)
      copy:close()
    end)

    it("fails its transfer by what it throws, alone and in a multi", function()
      local thrown = setmetatable({}, { __tostring = function() return "thrown" end })
      local easy = with(function() error(thrown, 0) end)
      local ok, value = pcall(perform, name, easy)
      assert.same({ false, true }, { ok, rawequal(thrown, value) })
      local multi <close> = curl.multi():add(easy)
      transfers.drive(multi)
      local _, err, why = transfers.only_result(multi)
      assert.truthy(rawequal(thrown, err))
      assert.equal("CALLBACK", why)
      multi:close()
      easy:close()
    end)

    it("refuses with false or nil and a reason, and names what is no answer", function()
      for _, answer in ipairs { { false, "r1" }, { nil, "r1" } } do
        local easy <close> = with(function() return table.unpack(answer, 1, 2) end)
        local ok, message = perform(name, easy)
        assert.is_nil(ok)
        assert.truthy(message:find("r1", 1, true), message)
      end
      for _, answer in ipairs { 42, print } do
        local easy <close> = with(function() return answer end)
        errors.matches(("^%s: must return %s, got "):format(name, described.must_return(name)),
          perform, name, easy)
      end
    end)

    it("keeps neither the easy nor itself", function()
      local weak = setmetatable({}, { __mode = "v" })
      do
        local easy
        easy = with(function() return easy and nil end)
        weak[1] = easy
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
    end)
  end)
end

describe("a rare callback", function()
  it("must be a function", function()
    local easy <close> = curl.easy()
    for _, name in ipairs(surface.rare_callbacks) do
      errors.matches(("^option '%s': function expected, got "):format(name), easy.setopt, easy,
        name, {})
    end
  end)

  it("costs an easy that has none nothing", function()
    local function size(options)
      collectgarbage()
      local before = collectgarbage("count")
      local list = {}
      for i = 1, 1000 do list[i] = curl.easy(options) end
      local after = collectgarbage("count")
      for _, easy in ipairs(list) do easy:close() end
      return after - before
    end
    size()
    local none, one = size(), size { resolver_start_function = print }
    assert.truthy(one > none + 40, ("%.1f %.1f"):format(one, none))
  end)
end)

-- ---- what each is told -----------------------------------------------------------------

describe("trailerfunction", function()
  if version < 0x080700 then return end

  it("sends its lines after the body, in each of two uploads of one easy", function()
    local easy <close>, body = makers.trailerfunction(), {}
    easy:setopt {
      writefunction = body,
      trailerfunction = function() return { "X-One: 1", "X-Two: 2" } end,
    }
    for _ = 1, 2 do
      assert(easy:perform())
      assert.equal("X-One: 1|X-Two: 2", table.concat(body))
      body[1], body[2] = nil, nil
    end
    easy:setopt("trailerfunction", function() end)
    assert(easy:perform())
    assert.equal("", table.concat(body))
  end)

  it("must be given lines", function()
    for _, wrong in ipairs { { 1 }, { "a: b", false }, { x = "a: b" }, { "a: b\r\nc: d" },
                             { "a: b\0" } } do
      local easy <close> = makers.trailerfunction()
      easy:setopt("trailerfunction", function() return wrong end)
      errors.matches("^trailerfunction: ", easy.perform, easy)
    end
  end)
end)

describe("resolver_start_function", function()
  it("is called before a name is resolved, and not for one that is known", function()
    local calls = 0
    local easy <close> = easies.plain("/hello", {
      fresh_connect = true, writefunction = {},
      resolver_start_function = function(...)
        assert.equal(1, select("#", ...))
        calls = calls + 1
      end,
    })
    assert(easy:perform())
    assert(easy:perform())
    assert.equal(1, calls)
  end)

  it("refuses before a packet is sent: nobody is asked for the name", function()
    local opened = 0
    local easy <close> = curl.easy {
      url = "http://no-such-name.invalid/", proxy = "", timeout = 20,
      opensocketfunction = function()
        opened = opened + 1
        return true
      end,
      resolver_start_function = function() return nil, "not this one" end,
    }
    errors.failed("COULDNT_RESOLVE_HOST", "not this one", easy:perform())
    assert.equal(0, opened)
  end)
end)

describe("interleavefunction", function()
  it("gets each packet of RTP, with its header", function()
    local packets = {}
    local easy <close> = makers.interleavefunction()
    easy:setopt("interleavefunction", function(data) packets[#packets + 1] = data end)
    assert(perform("interleavefunction", easy))
    assert.same({ "$\0\0\5first", "$\1\0\6second" }, packets)
  end)
end)

describe("hstsreadfunction", function()
  local function once(entry)
    local list = { entry }
    return function() return table.remove(list) end
  end

  it("tells a host that wants TLS", function()
    local easy <close> = makers.hstsreadfunction()
    easy:setopt("hstsreadfunction", once { host = "hsts.test" })
    assert(easy:perform())
    assert.equal("https://hsts.test/hello", easy:getinfo("effective_url"))
  end)

  it("tells until when, and whether of its subdomains", function()
    for _, case in ipairs {
      { "https", { host = "hsts.test", expire = os.time() + 100 } },
      { "http", { host = "hsts.test", expire = os.time() - 100 } },
      { "https", { host = "test", include_subdomains = true } },
      { "http", { host = "test" } },
    } do
      local easy <close> = makers.hstsreadfunction()
      easy:setopt("hstsreadfunction", once(case[2]))
      assert(easy:perform())
      assert.equal(case[1], easy:getinfo("effective_url"):match("^%a+"))
    end
  end)

  it("names what is wrong with an entry", function()
    for _, case in ipairs {
      { "host: string expected, got nil", {} },
      { "host: string expected, got 5$", { host = 5 } },
      { "host: string expected, got table", { host = {} } },
      { "host: no name", { host = "" } },
      { "host: no name", { host = ("x"):rep(10000) } },
      { "host: no name", { host = "a\0b" } },
      { "expire: seconds since 1970 expected, got \"soon\"", { host = "a", expire = "soon" } },
      { "expire: seconds since 1970 expected", { host = "a", expire = -1 } },
      { "expire: seconds since 1970 expected", { host = "a", expire = 1 << 60 } },
    } do
      local easy <close> = makers.hstsreadfunction()
      easy:setopt("hstsreadfunction", function() return case[2] end)
      errors.matches("^hstsreadfunction: " .. case[1], easy.perform, easy)
    end
  end)

  it("raises in dup what it throws there", function()
    local easy <close> = makers.hstsreadfunction()
    local thrown, throws = {}, false
    easy:setopt("hstsreadfunction", function() if throws then error(thrown, 0) end end)
    assert(easy:perform())
    throws = true
    local ok, value = pcall(easy.dup, easy)
    assert.same({ false, true }, { ok, rawequal(thrown, value) })
    throws = false
    assert(easy:perform())
  end)
end)

describe("hstswritefunction", function()
  -- Entries that the easy knows, and what it tells when it is closed.
  local function told(entries, options, finish)
    local list, got = table.move(entries, 1, #entries, 1, {}), {}
    local easy = makers.hstsreadfunction()
    easy:setopt {
      hstsreadfunction = function() return table.remove(list) end,
      hstswritefunction = function(entry, index, total, closed)
        got[#got + 1] = { entry, index, total, tostring(closed):match("^easy %(closed%)") }
      end,
    }
    easy:setopt(options or {})
    easy:perform()
    finish = finish or easy.close
    finish(easy)
    return got
  end

  it("is told what hstsreadfunction tells, when the easy is closed", function()
    local expire = 951782400 + 12 * 3600 + 34 * 60 + 56 -- 2000-02-29
    local got = told {
      { host = "one.test", include_subdomains = true, expire = 4107542400 },
      { host = "two.test", include_subdomains = false },
      { host = "three.test", include_subdomains = false, expire = expire + (1 << 32) },
    }
    table.sort(got, function(a, b) return a[1].host < b[1].host end)
    assert.equal(3, #got)
    assert.same({ host = "one.test", include_subdomains = true, expire = 4107542400 }, got[1][1])
    assert.same({ host = "three.test", include_subdomains = false, expire = expire + (1 << 32) },
      got[2][1])
    assert.same({ host = "two.test", include_subdomains = false }, got[3][1])
    local indices = {}
    for _, told_one in ipairs(got) do
      indices[#indices + 1] = told_one[2]
      assert.equal(3, told_one[3])
      assert.equal("easy (closed)", told_one[4])
    end
    table.sort(indices)
    assert.same({ 1, 2, 3 }, indices)
  end)

  it("is told although the last transfer failed, and by the collector", function()
    assert.equal(1, #told({ { host = "a.test" } }, { opensocketfunction = function() end }))
    local got = told({ { host = "a.test" } }, nil, function() end)
    collectgarbage()
    collectgarbage()
    assert.equal(1, #got)
  end)

  it("ends with false, and its error comes out of close()", function()
    local calls = 0
    local got = told({ { host = "a.test" }, { host = "b.test" } }, {
      hstswritefunction = function()
        calls = calls + 1
        return false
      end,
    })
    assert.same({ 0, 1 }, { #got, calls })
    local thrown = {}
    local ok, value = pcall(told, { { host = "a.test" } },
      { hstswritefunction = function() error(thrown, 0) end })
    assert.same({ false, true }, { ok, rawequal(thrown, value) })
  end)

  it("may be what lua_close runs", function()
    left.pass [[
      local curl = require "curlsock"
      local easy = curl.easy {
        url = "http://127.0.0.1:1/", proxy = "", hsts_ctrl = 1,
        hstsreadfunction = function(e)
          if done then return end
          done = true
          return { host = "a.test" }
        end,
        hstswritefunction = function(entry) print(entry.host) end,
      }
      easy:perform()
      kept = easy
    ]]
  end)
end)

describe("the callbacks of wildcardmatch", function()
  it("are told each file, skip one, and choose by name", function()
    local easy <close> = wildcard "*"
    local log, body = {}, {}
    easy:setopt {
      writefunction = body,
      fnmatch_function = function(pattern, name)
        assert.equal("*", pattern)
        return name ~= "3.bin"
      end,
      chunk_bgn_function = function(info, remains)
        log[#log + 1] = { info.filename, info.type, info.size, remains }
        assert.equal("string", type(info.time))
        assert.equal("integer", math.type(info.perm))
        if info.filename == "2.txt" or info.type ~= "file" then return "skip" end
      end,
      chunk_end_function = function() log[#log + 1] = "end" end,
    }
    assert(easy:perform())
    assert.equal("one", table.concat(body))
    table.sort(log, function(a, b)
      return (a == "end" and "9" or a[1]) < (b == "end" and "9" or b[1])
    end)
    assert.same({ "1.txt", "file", 3 }, { table.unpack(log[1], 1, 3) })
    assert.same({ "2.txt", "file", 3 }, { table.unpack(log[2], 1, 3) })
    assert.same({ "4.txt", "directory" }, { table.unpack(log[3], 1, 2) })
    assert.same({ "end", "end", "end" }, { table.unpack(log, 4) })
  end)

  it("end the transfer with CHUNK_FAILED", function()
    for _, name in ipairs { "chunk_bgn_function", "chunk_end_function", "fnmatch_function" } do
      local easy <close> = wildcard "*.txt"
      easy:setopt(name, function() return false, "not that" end)
      errors.failed("CHUNK_FAILED", "not that", easy:perform())
    end
  end)

  it("fnmatch_function says no with false alone", function()
    local easy <close> = wildcard "*.txt"
    easy:setopt("fnmatch_function", function() return false end)
    errors.failed("REMOTE_FILE_NOT_FOUND", "", easy:perform())
  end)
end)
