-- The multi: many transfers at once. Who keeps what, results, limits, waiting.

local curl = require "curlsock"
local easy_for = require("spec.support.easies").plain
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local drive = require("spec.support.transfers").drive

local thrown = errors.message
local version = curl.version_info().version_num
local web

-- An easy for a path of the web server, or a URL; its body is in list, if there is one.
local function new(path, list, options)
  return easy_for(path, options):setopt("writefunction", list or {})
end

-- The results so far: list of { easy, ok, message, name }.
local function results(multi)
  local list = {}
  for easy, ok, message, name in multi:results() do
    list[#list + 1] = { easy = easy, ok = ok, message = message, name = name }
  end
  return list
end

local function drive_all(multi)
  drive(multi)
  return results(multi)
end

-- Adds an easy for each URL; lists that get their bodies.
local function add_each(multi, urls, options)
  local bodies = {}
  for i, url in ipairs(urls) do
    bodies[i] = {}
    multi:add(new(url, bodies[i], options and options(i)))
  end
  return bodies
end

-- The same value n times.
local function times(n, value)
  local list = {}
  for i = 1, n do
    list[i] = value
  end
  return list
end

-- How many connections of the server the bodies of /connection name.
local function connections(bodies)
  local seen, count = {}, 0
  for _, body in ipairs(bodies) do
    local number = table.concat(body):match("^(%d+) %d+\n$")
    assert.is_string(number)
    count = count + (seen[number] and 0 or 1)
    seen[number] = true
  end
  return count
end

-- Drives until the transfer has got its first bytes.
local function drive_until_data(multi, body)
  drive(multi, function()
    return #body > 0
  end)
  assert.truthy(#body > 0)
end

setup(function()
  web = servers.nginx()
end)

describe("curl.multi", function()
  it("makes a multi with no transfers", function()
    local before = curl.live().multi
    local multi <close> = curl.multi()
    assert.equal(before + 1, curl.live().multi)
    assert.equal(0, multi:perform())
    assert.same({}, results(multi))
  end)

  it("sets the options of its table", function()
    local multi <close> = curl.multi { max_total_connections = 1 }
    local bodies = add_each(multi, times(3, "/connection"))
    drive(multi)
    assert.equal(1, connections(bodies))
  end)

  it("throws for an unknown option, and what it had made is collected", function()
    local before = curl.live().multi
    assert.equal('unknown multi option "no_such_option"',
      thrown(curl.multi, { no_such_option = 1 }))
    collectgarbage()
    assert.equal(before, curl.live().multi)
  end)
end)

describe("setters of a multi", function()
  it("return the multi", function()
    local multi <close> = curl.multi()
    local easy <close> = new("/hello")
    assert.equal(multi, multi:setopt("maxconnects", 3))
    assert.equal(multi, multi:setopt { max_total_connections = 3, max_host_connections = 2 })
    assert.equal(multi, multi:add(easy))
    assert.equal(multi, multi:remove(easy))
    assert.equal(multi, multi:wakeup())
  end)
end)

describe("transfers in a multi", function()
  it("start with the next perform, which counts those that run", function()
    local multi <close> = curl.multi()
    local easy <close> = new("/hello")
    multi:add(easy)
    assert.same({}, curl.sockets())
    assert.equal(1, multi:perform())
    drive(multi)
    assert.equal(0, multi:perform())
  end)

  it("run at once, and each body is its own", function()
    local multi <close> = curl.multi()
    local paths = {}
    for i = 1, 20 do
      paths[i] = i % 2 == 0 and "/hello" or "/big"
    end
    local bodies = add_each(multi, paths)
    assert.equal(20, multi:perform())
    drive(multi)
    for i = 1, 20 do
      assert.equal(i % 2 == 0 and "hello\n" or web.big, table.concat(bodies[i]))
    end
  end)

  it("go on while others are added", function()
    local multi <close> = curl.multi()
    local slow, quick = {}, {}
    multi:add(new("/slow?rate=400k", slow))
    drive_until_data(multi, slow)
    multi:add(new("/hello", quick))
    drive(multi, function()
      return #quick > 0
    end)
    assert.equal("hello\n", table.concat(quick))
    assert.truthy(#table.concat(slow) < #web.big)
  end)

  it("share the connections of the multi, one after the other", function()
    local multi <close> = curl.multi()
    local first, second = {}, {}
    local a <close> = new("/connection", first)
    multi:add(a)
    drive(multi)
    multi:remove(a)
    local other <close> = new("/connection", second)
    multi:add(other)
    drive(multi)
    assert.equal(1, connections { first, second })
    assert.equal(0, other:getinfo("num_connects"))
    assert.equal(multi, curl.sockets()[1].pool)
  end)

  it("share one connection at the same time with HTTP/2", function()
    local multi <close> = curl.multi()
    local bodies = add_each(multi, times(5, web.h2_url .. "/connection"), function()
      return { cainfo = web.ca, pipewait = true }
    end)
    drive(multi)
    assert.equal(1, connections(bodies))
    assert.equal(1, #curl.sockets())
  end)
end)

describe("multi:results", function()
  it("tells each result once: easy, true", function()
    local multi <close> = curl.multi()
    local easies = {}
    for i = 1, 5 do
      easies[i] = new("/hello")
      multi:add(easies[i])
    end
    drive(multi)
    local seen = {}
    for easy, ok, message, name in multi:results() do
      assert.same({ true }, { ok, message, name })
      seen[easy] = (seen[easy] or 0) + 1
    end
    for i = 1, 5 do
      assert.equal(1, seen[easies[i]])
    end
    assert.same({}, results(multi))
  end)

  it("goes on where an iteration was broken off", function()
    local multi <close> = curl.multi()
    add_each(multi, times(3, "/hello"))
    drive(multi)
    local iterate, state = multi:results()
    local first = iterate(state)
    local rest = results(multi)
    assert.equal(2, #rest)
    assert.not_equal(first, rest[1].easy)
    assert.not_equal(first, rest[2].easy)
  end)

  it("tells of each transfer its own failure", function()
    local multi <close> = curl.multi()
    local port = servers.free_port()
    local good <close> = new("/hello")
    local missing <close> = new("/status/404", nil, { failonerror = true })
    local refused <close> = new(("http://127.0.0.1:%d/"):format(port))
    local mistaken <close> = new("nonsense://x/")
    multi:add(good):add(missing):add(refused):add(mistaken)
    local by_easy = {}
    for _, result in ipairs(drive_all(multi)) do
      by_easy[result.easy] = result
    end
    assert.same({ easy = good, ok = true }, by_easy[good])
    assert.same({
      easy = missing,
      message = "The requested URL returned error: 404",
      name = "HTTP_RETURNED_ERROR",
    }, by_easy[missing])
    assert.equal("COULDNT_CONNECT", by_easy[refused].name)
    assert.truthy(by_easy[refused].message:find(tostring(port), 1, true))
    assert.is_nil(by_easy[refused].ok)
    assert.equal("UNSUPPORTED_PROTOCOL", by_easy[mistaken].name)
  end)

  it("may be read while transfers run: those that have ended", function()
    local multi <close> = curl.multi()
    local slow, body = new("/slow?rate=100k"), {}
    local quick = new("/hello", body)
    multi:add(slow):add(quick)
    drive(multi, function()
      return #body > 0
    end)
    local all = {}
    drive(multi, function()
      for _, result in ipairs(results(multi)) do
        all[#all + 1] = result
      end
      return #all > 0
    end)
    assert.same({ { easy = quick, ok = true } }, all)
    assert.equal(1, multi:perform())
    multi:close()
    slow:close()
  end)

  it("allows that the easy is removed in the loop, and added again", function()
    local multi <close> = curl.multi()
    add_each(multi, times(3, "/hello"))
    drive(multi)
    local count = 0
    for easy in multi:results() do
      count = count + 1
      multi:remove(easy):add(easy)
    end
    assert.equal(3, count)
    assert.equal(3, #drive_all(multi))
  end)

  it("tells nothing of an easy that is still there from before", function()
    local multi <close> = curl.multi()
    local done <close> = new("/hello")
    multi:add(done)
    assert.equal(1, #drive_all(multi))
    local other <close> = new("/hello")
    multi:add(other)
    assert.same({ { easy = other, ok = true } }, drive_all(multi))
  end)
end)

describe("multi:results with a list", function()
  it("puts three values for each transfer in it, and nil after the last", function()
    local multi <close> = curl.multi()
    local good, bad, failing = new("/hello"), new(servers.dead().url), new("/hello")
    local failure, waited = {}, {}
    failing:setopt("writefunction", function() error(failure) end)
    multi:add(good):add(bad:setopt("timeout", 0.2)):add(failing, waited)
    drive(multi)
    local list = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }
    assert.equal(3, multi:results(list))
    local seen = {}
    for i = 1, 9, 3 do seen[list[i]] = { list[i + 1], list[i + 2] } end
    assert.same({ false }, seen[good])
    assert.equal("OPERATION_TIMEDOUT", seen[bad][1])
    assert.equal("string", type(seen[bad][2]))
    assert.equal("CALLBACK", seen[waited][1])
    assert.is_true(rawequal(failure, seen[waited][2]))
    assert.same({ [11] = 11 }, { [10] = list[10], [11] = list[11] })
    assert.same({ good, bad }, multi:easies())
    assert.equal(0, multi:results(list))
    assert.is_nil(list[1])
  end)

  it("has those whose easy was closed while somebody waits", function()
    local multi <close> = curl.multi()
    local easy, waiting, list = new("/slow"), {}, {}
    multi:add(easy, waiting)
    easy:close()
    assert.equal(1, multi:results(list))
    assert.same({ waiting, "CLOSED", "the easy was closed" }, list)
    assert.equal(0, multi:results(list))
  end)

  it("calls no metamethod, and takes nothing else", function()
    local multi <close> = curl.multi()
    local easy = new("/hello")
    multi:add(easy)
    drive(multi)
    local list = setmetatable({}, { __newindex = error, __index = error, __len = error })
    assert.equal(1, multi:results(list))
    assert.equal(easy, rawget(list, 1))
    assert.error_matches(function() multi:results(5) end, "table expected")
  end)
end)

describe("an easy that was added with a value", function()
  it("leaves by itself when its transfer ends, and the value is its result", function()
    local multi <close> = curl.multi()
    local value, stays = {}, new("/hello")
    local good, bad = new("/hello"), new("/status/404", nil, { failonerror = true })
    assert.equal(multi, multi:add(good, value):add(bad, false):add(stays))
    assert.same({ value, false, stays }, multi:easies())
    local by_value = {}
    for _, result in ipairs(drive_all(multi)) do by_value[result.easy] = result end
    assert.same({ easy = value, ok = true }, by_value[value])
    assert.equal("HTTP_RETURNED_ERROR", by_value[false].name)
    assert.same({ easy = stays, ok = true }, by_value[stays])
    assert.same({ stays }, multi:easies())
    assert.equal(multi, multi:add(good))
    assert.same({ stays, good }, multi:easies())
    assert.same({ { easy = good, ok = true } }, drive_all(multi))
    assert.same({ true }, { bad:setopt("failonerror", false):perform() })
  end)

  it("is told alone, too: its value, or nil when it is not in this multi", function()
    local multi <close> = curl.multi()
    local other <close> = curl.multi()
    local easy, plain, closed = new("/hello"), new("/hello"), new("/hello")
    multi:add(easy, false):add(plain)
    other:add(closed, 1):add(new("/hello"))
    assert.equal(false, multi:easies(easy))
    assert.equal(plain, multi:easies(plain))
    assert.is_nil(other:easies(easy))
    assert.equal(1, other:easies(closed))
    closed:close()
    multi:remove(easy)
    assert.is_nil(multi:easies(easy))
    assert.same({ plain }, multi:easies(nil))
    for text, wrong in pairs {
      ["curlsock.easy expected, got table"] = {},
      ["easy is closed"] = closed,
    } do
      assert.error_matches(function() multi:easies(wrong) end, text)
    end
  end)

  it("is still in the multi until its result is read, or it is removed", function()
    local multi <close> = curl.multi()
    local ended, running = new("/hello"), new("/slow?rate=100k")
    multi:add(ended, 1):add(running, 2)
    while multi:perform() > 1 do multi:poll(0.2) end
    assert.same({ 1, 2 }, multi:easies())
    assert.has.errors(function() ended:perform() end)
    multi:remove(ended):remove(running)
    assert.same({}, multi:easies())
    assert.same({}, results(multi))
    assert.is_true(ended:perform())
  end)

  for _, path in ipairs { "/hello", "/slow?rate=100k" } do
    it("is told as a result when it is closed before, as of " .. path, function()
      local multi <close> = curl.multi()
      local easies = { new(path), new(path), new("/hello") }
      for i, easy in ipairs(easies) do multi:add(easy, i) end
      if path == "/hello" then drive(multi) else multi:perform() end
      easies[1]:close()
      easies[2]:close()
      local told = {}
      for _, result in ipairs(drive_all(multi)) do told[result.easy] = result end
      for i = 1, 2 do
        assert.same({ easy = i, message = "the easy was closed", name = "CLOSED" }, told[i])
      end
      assert.same({ easy = 3, ok = true }, told[3])
      assert.same({}, multi:easies())
      assert.same({}, results(multi))
    end)
  end

  it("is told also when a callback closes it by <close>, and wakes the multi", function()
    local multi <close> = curl.multi()
    local fd = multi:pollfd()
    local function act()
      if fd then multi:socket_action(fd, "r") else multi:perform() end
    end
    local easy = new("/slow?rate=100k")
    multi:add(easy, "it")
    act()
    local other <close> = new("/hello", function()
      local _ <close> = easy
    end)
    assert.is_true(other:perform())
    local start = curl.now()
    multi:poll(5)
    assert.is_true(curl.now() - start < 1)
    act()
    assert.same({ { easy = "it", message = "the easy was closed", name = "CLOSED" } },
      results(multi))
  end)

  it("may be closed with its multi, whose results are lost", function()
    for order = 1, 2 do
      local multi, easy = curl.multi(), new("/slow?rate=100k")
      multi:add(easy, {})
      multi:perform()
      for i = 1, 2 do ((i == order) and easy or multi):close() end
    end
    assert.equal(0, curl.live().easy)
  end)

  it("is not kept, nor is the value, once its result was read", function()
    local multi <close> = curl.multi()
    local weak = setmetatable({ {}, new("/hello") }, { __mode = "v" })
    multi:add(weak[2], weak[1])
    drive_all(multi)
    collectgarbage()
    collectgarbage()
    assert.same({}, weak)
  end)

  it("leaves also when its close callback throws: the call raises that", function()
    local multi <close> = curl.multi()
    multi:add(new("/hello", nil, {
      connect_only = true, -- its removal closes the connection
      closesocketfunction = function() error("in close", 0) end,
    }), "it")
    assert.equal("in close", thrown(drive, multi))
    assert.same({ { easy = "it", ok = true } }, results(multi))
    assert.same({}, multi:easies())
  end)
end)

describe("an easy in a multi", function()
  it("is kept alive by it, and comes back as its result", function()
    local multi <close> = curl.multi()
    local body = {}
    multi:add(new("/slow?rate=4m", body))
    drive_until_data(multi, body)
    collectgarbage()
    collectgarbage()
    local list = drive_all(multi)
    assert.equal(1, #list)
    assert.is_true(list[1].ok)
    assert.equal(200, list[1].easy:getinfo("response_code"))
    assert.equal(web.big, table.concat(body))
  end)

  it("is kept until it is removed, and no longer", function()
    local multi <close> = curl.multi()
    local weak = setmetatable({ new("/hello") }, { __mode = "v" })
    multi:add(weak[1])
    drive_all(multi)
    collectgarbage()
    assert.is_not_nil(weak[1])
    multi:remove(weak[1])
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("keeps the multi alive", function()
    local body = {}
    local easy <close> = new("/slow?rate=4m", body)
    local weak = setmetatable({ curl.multi() }, { __mode = "v" })
    weak[1]:add(easy)
    collectgarbage()
    assert.is_not_nil(weak[1])
    drive(weak[1])
    assert.equal(web.big, table.concat(body))
    weak[1]:remove(easy)
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("cannot be added again, there or elsewhere", function()
    local multi <close> = curl.multi()
    local other <close> = curl.multi()
    local easy <close> = new("/hello")
    multi:add(easy)
    for _, m in ipairs { multi, other } do
      assert.equal("bad argument #1 to 'add' (the easy is in a multi already)",
        thrown(function()
          m:add(easy)
        end))
    end
    assert.is_true(drive_all(multi)[1].ok)
  end)

  it("leaves it when it is closed, and the others go on", function()
    local multi <close> = curl.multi()
    local body, rest = {}, {}
    local easy = new("/slow?rate=100k", body)
    multi:add(easy):add(new("/big", rest))
    drive_until_data(multi, body)
    easy:close()
    local list = drive_all(multi)
    assert.equal(1, #list)
    assert.equal(web.big, table.concat(rest))
  end)

  it("runs on its own again after it was removed", function()
    local multi <close> = curl.multi()
    local body = {}
    local easy <close> = new("/hello", body)
    multi:add(easy)
    drive_all(multi)
    multi:remove(easy)
    assert.is_true(easy:perform())
    assert.equal("hello\nhello\n", table.concat(body))
  end)
end)

describe("multi:remove", function()
  it("of a running transfer closes its connection; others go on", function()
    local multi <close> = curl.multi()
    local body, rest = {}, {}
    local easy <close> = new("/slow?rate=100k", body)
    multi:add(easy)
    drive_until_data(multi, body)
    local socket = curl.sockets()[1].socket
    multi:add(new("/big", rest))
    multi:perform()
    multi:remove(easy)
    assert.equal("closed", socket:state())
    assert.equal(1, #drive_all(multi))
    assert.equal(web.big, table.concat(rest))
  end)

  it("drops a result that nobody has read", function()
    local multi <close> = curl.multi()
    local easy <close> = new("/hello")
    local other <close> = new("/hello")
    multi:add(easy):add(other)
    drive(multi)
    multi:remove(easy)
    assert.same({ { easy = other, ok = true } }, results(multi))
  end)

  it("of an easy that is not in it throws", function()
    local multi <close> = curl.multi()
    local other <close> = curl.multi()
    local easy <close> = new("/hello")
    local message = "bad argument #1 to 'remove' (the easy is not in this multi)"
    local function remove()
      multi:remove(easy)
    end
    assert.equal(message, thrown(remove))
    other:add(easy)
    assert.equal(message, thrown(remove))
    assert.is_true(drive_all(other)[1].ok)
    other:remove(easy)
    assert.equal(message, thrown(remove))
  end)
end)

describe("limits of a multi", function()
  it("max_total_connections queues what is too many", function()
    local multi <close> = curl.multi()
    multi:setopt("max_total_connections", 2)
    local most = 0
    local bodies = add_each(multi, times(8, "/connection"))
    drive(multi, function()
      most = math.max(most, #curl.sockets())
    end)
    assert.equal(8, #results(multi))
    assert.equal(2, connections(bodies))
    assert.equal(2, most)
  end)

  it("max_host_connections counts each host alone", function()
    local multi <close> = curl.multi { max_host_connections = 1 }
    local urls = {}
    for i = 1, 6 do
      urls[i] = ("http://host-%d.test:%d/connection"):format(i % 2, web.port)
    end
    local bodies = add_each(multi, urls, function()
      return {
        resolve = {
          ("host-0.test:%d:127.0.0.1"):format(web.port),
          ("host-1.test:%d:127.0.0.1"):format(web.port),
        },
      }
    end)
    drive(multi)
    assert.equal(2, connections(bodies))
  end)

  it("without them every transfer at once has its own connection", function()
    local multi <close> = curl.multi()
    local bodies = add_each(multi, times(6, "/connection"))
    drive(multi)
    assert.equal(6, connections(bodies))
  end)

  it("maxconnects is how many idle connections are kept", function()
    local multi <close> = curl.multi { maxconnects = 2 }
    local closed = 0
    add_each(multi, times(6, "/hello"), function()
      return {
        closesocketfunction = function()
          closed = closed + 1
        end,
      }
    end)
    drive(multi)
    assert.equal(6, #results(multi))
    assert.equal(2, #curl.sockets())
    assert.equal(4, closed)
    multi:close()
    assert.equal(6, closed)
  end)

  for limit, expected in ipairs { 3, 2, 1 } do
    it(("max_concurrent_streams = %d gives three HTTP/2 transfers %d connections")
      :format(limit, expected), function()
      local multi <close> = curl.multi { max_concurrent_streams = limit }
      local function options()
        return { cainfo = web.ca, pipewait = true }
      end
      -- Now libcurl knows that the server multiplexes.
      add_each(multi, { web.h2_url .. "/hello" }, options)
      drive(multi)
      local bodies = add_each(multi, times(3, web.h2_url .. "/slow?rate=600k"), options)
      for i = 1, 3 do
        drive_until_data(multi, bodies[i])
      end
      assert.equal(expected, #curl.sockets())
    end)
  end

  it("pipelining = 0 gives HTTP/2 transfers connections of their own", function()
    local multi <close> = curl.multi { pipelining = 0 }
    local bodies = add_each(multi, times(3, web.h2_url .. "/connection"), function()
      return { cainfo = web.ca, pipewait = true }
    end)
    drive(multi)
    assert.equal(3, connections(bodies))
  end)

  it("network_changed closes idle connections where libcurl has it (8.16)", function()
    local multi <close> = curl.multi()
    add_each(multi, { "/hello" })
    drive(multi)
    assert.equal(1, #curl.sockets())
    local done = multi:setopt("network_changed", 1)
    assert.equal(version >= 0x081000, done == multi)
    assert.equal(done and 0 or 1, #curl.sockets())
  end)

  local newer = { network_changed = 0x081000, resolve_threads_max = 0x081400,
    quick_exit = 0x081400 }

  for option, since in pairs(newer) do
    it(option .. " is set by its number, where this libcurl has it", function()
      local multi <close> = curl.multi()
      assert.truthy(not pcall(multi.setopt, multi, option, "1"))
      local done, message, name = multi:setopt(option, 1)
      if version >= since then return assert.equal(multi, done) end
      assert.same({ nil, "UNKNOWN_OPTION" }, { done, name })
      local needs = ("option '%s' needs libcurl 8.%d.0, this is %s"):format(option,
        since >> 8 & 255, curl.version_info().version)
      assert.equal(needs, message)
      assert.same({ nil, needs, "UNKNOWN_OPTION" }, { curl.multi { [option] = 1 } })
    end)
  end
end)

describe("multi:poll", function()
  it("waits no longer than it is told", function()
    local multi <close> = curl.multi()
    local start = curl.now()
    assert.equal(0, multi:poll(0.05))
    local waited = curl.now() - start
    assert.truthy(waited >= 0.05 and waited < 1, waited)
  end)

  it("waits at least a fraction of a millisecond: 0.0001 is not 0", function()
    local multi <close> = curl.multi()
    local start = curl.now()
    for _ = 1, 20 do
      multi:poll(0.0001)
    end
    assert.truthy(curl.now() - start >= 0.02)
  end)

  it("ends when there is something to do, and counts the descriptors", function()
    local multi <close> = curl.multi()
    local body = {}
    multi:add(new("/slow?rate=1m", body))
    drive_until_data(multi, body)
    local start = curl.now()
    assert.truthy(multi:poll(10) >= 1)
    assert.truthy(curl.now() - start < 5)
  end)

  it("ends at once after wakeup, which counts once", function()
    local multi <close> = curl.multi()
    local start = curl.now()
    multi:wakeup():wakeup()
    multi:poll(10)
    assert.truthy(curl.now() - start < 5)
    start = curl.now()
    assert.equal(0, multi:poll(0.05))
    assert.truthy(curl.now() - start >= 0.05)
  end)
end)

describe("multi:timeout", function()
  it("is nil without transfers", function()
    local multi <close> = curl.multi()
    assert.same({ n = 1 }, table.pack(multi:timeout()))
  end)

  it("is 0 when a transfer wants to start", function()
    local multi <close> = curl.multi()
    multi:add(new("/hello"))
    assert.equal(0, multi:timeout())
  end)

  it("is in seconds: no more than what is left of the transfer's own timeout", function()
    local server = servers.dead()
    local multi <close> = curl.multi()
    multi:add(new(server.url, nil, { timeout = 1.5 }))
    local start = curl.now()
    repeat
      multi:perform()
    until (multi:timeout() or 0) > 0.5 or curl.now() - start > 1
    local timeout = multi:timeout()
    assert.equal("float", math.type(timeout))
    assert.truthy(timeout > 0.5 and timeout <= 1.51, timeout)
    multi:close()
    servers.stop(server)
  end)
end)

describe("multi:socket_action", function()
  it("without arguments does what has become due: it starts transfers", function()
    local multi <close> = curl.multi()
    multi:add(new("/hello"))
    assert.equal(1, multi:socket_action())
    assert.equal(1, #curl.sockets())
    assert.is_true(drive_all(multi)[1].ok)
  end)

  it("without arguments ends a transfer whose time is over", function()
    local server = servers.dead()
    local multi <close> = curl.multi()
    multi:add(new(server.url, nil, { timeout = 0.1 }))
    local running
    repeat
      running = multi:socket_action()
      multi:poll(0.02)
    until running == 0
    local list = results(multi)
    assert.equal("OPERATION_TIMEDOUT", list[1].name)
    servers.stop(server)
  end)

  it("for a descriptor that libcurl does not know does nothing", function()
    local multi <close> = curl.multi()
    local body = {}
    multi:add(new("/slow?rate=4m", body))
    drive_until_data(multi, body)
    for _, events in ipairs { "r", "w", "rw", "e" } do
      assert.equal(1, multi:socket_action(1000000, events))
    end
    drive(multi)
    assert.equal(web.big, table.concat(body))
  end)

  it("drives a transfer by the descriptor that socketfunction told", function()
    local watched = {}
    local multi <close> = curl.multi {
      socketfunction = function(fd, events)
        watched[fd] = events
      end,
    }
    local body = {}
    multi:add(new("/big", body))
    local running, deadline = multi:socket_action(), curl.now() + 20
    while running > 0 do
      for _, held in ipairs(curl.sockets()) do
        local fd = held.socket:fd()
        if watched[fd] then
          multi:socket_action(fd, watched[fd])
        end
      end
      running = multi:socket_action()
      assert.truthy(curl.now() < deadline, "the transfer does not end")
    end
    assert.equal(web.big, table.concat(body))
    assert.is_true(results(multi)[1].ok)
  end)
end)

describe("tostring(multi)", function()
  it("tells an open multi from a closed one", function()
    local multi = curl.multi()
    local address = tostring(multi):match("^multi: (0x%x+)$")
    assert.is_string(address)
    multi:close()
    assert.equal("multi (closed): " .. address, tostring(multi))
  end)
end)

describe("multi:close", function()
  it("ends the transfers; the easies remain", function()
    local multi = curl.multi()
    local body = {}
    local easy <close> = new("/slow?rate=100k", body)
    multi:add(easy)
    drive_until_data(multi, body)
    local socket = curl.sockets()[1].socket
    assert.equal(0, select("#", multi:close()))
    assert.equal("closed", socket:state())
    local whole = {}
    easy:setopt { url = web.url .. "/hello", writefunction = whole }
    assert.is_true(easy:perform())
    assert.equal("hello\n", table.concat(whole))
  end)

  it("lets the easies go to another multi", function()
    local multi, body = curl.multi(), {}
    local easy <close> = new("/hello", body)
    multi:add(easy)
    multi:perform()
    multi:close()
    local other <close> = curl.multi()
    other:add(easy)
    assert.is_true(drive_all(other)[1].ok)
    assert.equal("hello\n", table.concat(body))
  end)

  it("closes the connections that it kept", function()
    local multi = curl.multi()
    add_each(multi, times(3, "/hello"))
    drive(multi)
    assert.equal(3, #curl.sockets())
    multi:close()
    assert.same({}, curl.sockets())
  end)

  it("does nothing the second time", function()
    local multi = curl.multi()
    multi:close()
    local before = curl.live().multi
    assert.equal(0, select("#", multi:close()))
    assert.equal(before, curl.live().multi)
  end)

  it("makes every other method throw", function()
    local multi = curl.multi()
    local easy <close> = new("/hello")
    multi:close()
    surface.assert_closed("multi", multi, { easy = easy })
  end)

  it("in the loop over results ends that with an error", function()
    local multi = curl.multi()
    add_each(multi, times(2, "/hello"))
    drive(multi)
    local count = 0
    local message = thrown(function()
      for _ in multi:results() do
        count = count + 1
        multi:close()
      end
    end)
    assert.equal(1, count)
    assert.truthy(message:find("multi is closed", 1, true), message)
  end)

  it("happens at the end of a <close> variable, and when it is collected", function()
    local before = curl.live().multi
    do
      local multi <close> = curl.multi()
      add_each(multi, { "/hello" })
      drive(multi)
    end
    assert.equal(before, curl.live().multi)
    do
      local multi = curl.multi()
      add_each(multi, { "/hello" })
      drive(multi)
      assert.equal(1, #curl.sockets())
    end
    collectgarbage()
    assert.equal(before, curl.live().multi)
    assert.same({}, curl.sockets())
  end)
end)
