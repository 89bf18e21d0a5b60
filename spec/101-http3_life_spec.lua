-- The life of HTTP/3's sockets: they outlive the easies that made them, in the pools of multis and
-- shares, and each ends once, with the callback of its opener (specs 11, 20 and 21 of TCP; the
-- orders of ending are in spec 30).

local curl = require "curlsock"
local http3 = require "spec.support.http3"
local left = require "spec.support.left"
local lives = require "spec.support.lives"
local servers = require "spec.support.servers"
local steal = require "spec.support.steal"
local transfers = require "spec.support.transfers"

local it = http3.it(it, pending)
local web

local function new_easy(log, name, options)
  local easy = http3.new_easy("/hello", options)
  return easy:setopt { opensocketfunction = log.open(name), closesocketfunction = log.close(name) }
end

-- What the script prints, in a process of its own, that has new(name [, options]), an easy.
local function run_script(text)
  return left.pass(([[
    warn "@on"
    local curl = require "curlsock"
    local http3 = require "spec.support.http3"
    local function new(name, options)
      local easy = curl.easy {
        url = %q, http_version = "3only", proxy = "", timeout = 20, ssl_verifypeer = false,
        ssl_verifyhost = 0, writefunction = function() end,
        opensocketfunction = function(_, address)
          print("opens", name, address.socktype)
          return true
        end,
        closesocketfunction = function(socket) print("closes", name, socket:state()) end,
      }
      return http3.prompt(easy):setopt(options or {})
    end
    local function run(multi, easy)
      multi:add(easy)
      while multi:perform() > 0 do multi:poll(1) end
      for _, ok, message in multi:results() do assert(ok, message) end
      multi:remove(easy)
    end
  ]]):format(web.url .. "/hello") .. text)
end

describe("A socket of HTTP/3", function()
  setup(function()
    web = http3.here and servers.http3()
  end)

  it("outlives its easy in a multi, where another uses it", function()
    local log = lives.new_log()
    local multi <close> = curl.multi()
    local first = new_easy(log, "A")
    assert(transfers.run(multi, first))
    first:close()
    left.gc()
    assert.same({ "A" }, log.lives())
    local second <close> = new_easy(log, "B")
    assert(transfers.run(multi, second))
    assert.equal(0, second:getinfo "num_connects")
    assert.same({ "A" }, log.lives())
    multi:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("outlives its easy, and its multi, in a share", function()
    local log = lives.new_log()
    local share <close> = curl.share { share = "connect" }
    local multi <close> = curl.multi()
    local first = new_easy(log, "A", { share = share })
    assert(transfers.run(multi, first))
    multi:close()
    first:close()
    local second = new_easy(log, "B", { share = share })
    assert(second:perform())
    assert.equal(0, second:getinfo "num_connects")
    assert.same({ "A" }, log.lives())
    second:close()
    share:close()
    assert.same({ "A, closing for A" }, log.lives())
  end)

  it("keeps its close callback, which nothing else mentions", function()
    local multi <close> = curl.multi()
    local told
    do
      local easy <close> = http3.new_easy("/hello")
      local mark = setmetatable({}, { __name = "mark" })
      easy:setopt("closesocketfunction", function(socket) told = { mark, socket:state() } end)
      assert(transfers.run(multi, easy))
    end
    left.gc()
    assert.is_nil(told)
    multi:close()
    assert.equal("closing", told[2])
  end)

  it("goes when its pool has no room for it", function()
    local log = lives.new_log()
    local multi <close> = curl.multi { maxconnects = 1 }
    for name, url in pairs { A = web.url, B = web.quic_url, C = web.five_url } do
      local easy <close> = new_easy(log, name, { url = url .. "/hello" })
      assert(transfers.run(multi, easy))
    end
    transfers.drive(multi, function() return #curl.sockets() == 1 end)
    multi:close()
    for _, life in ipairs(log.lives()) do assert.matches("^(%a), closing for %1$", life) end
    assert.equal(3, #log.lives())
  end)

  it("is one for many transfers at once, and ends once", function()
    local log = lives.new_log()
    local multi <close> = curl.multi()
    local easies = {}
    local first <close> = new_easy(log, "first")
    assert(transfers.run(multi, first))
    for i = 1, 20 do
      easies[i] = new_easy(log, tostring(i), { url = web.url .. "/slow?rate=500k" })
      multi:add(easies[i])
    end
    for i = 11, 20 do easies[i]:close() end
    left.gc()
    assert.equal(10, transfers.drive_well(multi))
    for i = 1, 10 do easies[i]:close() end
    assert.same({ "first" }, log.lives())
    multi:close()
    assert.same({ "first, closing for first" }, log.lives())
  end)

  it("ends with its close callback's error, in the call that closes it", function()
    local easy <close> = http3.new_easy("/hello", {
      closesocketfunction = function() error "thrown" end,
    })
    local multi <close> = curl.multi()
    assert(transfers.run(multi, easy))
    local ok, message = pcall(multi.close, multi)
    assert.is_false(ok)
    assert.matches("thrown$", message)
    assert.same({}, curl.sockets())
  end)

  it("that was closed behind libcurl's back has one event", function()
    local easy <close>, opened, closed = http3.noted("/hello")
    assert(easy:perform())
    steal(opened[1]:fd())
    easy:close()
    assert.equal(1, #closed)
    assert.equal("closed", closed[1].state)
  end)

  describe("at the end of the state", function()
    local one = "opens\tA\tdgram\ncloses\tA\tclosing\n"

    for title, script in pairs {
      ["cached by an easy"] = [[ a = new "A" assert(a:perform()) ]],
      ["cached by a multi whose easy is gone"] = [[
        m = curl.multi() do local a <close> = new "A" run(m, a) end collectgarbage() ]],
      ["cached by a share whose users are gone"] = [[
        s = curl.share { share = "connect" }
        do local a <close> = new("A", { share = s }) assert(a:perform()) end collectgarbage() ]],
      ["of a transfer that runs"] = [[
        m = curl.multi()
        a = new("A", { writefunction = function() begun = true end })
        m:add(a:setopt("url", a:getinfo "effective_url"))
        repeat m:perform() m:poll(0.1) until begun ]],
      ["of a transfer that connects"] = [[
        silent = curl.socket("inet", "dgram")
        assert(silent:bind "127.0.0.1:0")
        m = curl.multi() a = new("A", { url = "https://" .. tostring(silent:localaddress()) })
        m:add(a)
        repeat m:perform() until #curl.sockets() == 1 ]],
    } do
      it(title .. ", ends once", function()
        local out, err = run_script(script)
        assert.same({ one, "" }, { out, err })
      end)
    end
  end)
end)
