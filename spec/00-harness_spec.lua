-- The harness itself: the servers answer, and what a test leaves over makes it fail.

local http = require "socket.http"
local left = require "spec.support.left"
local ltn12 = require "ltn12"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

-- Runs a spec file with this text by a command for the shell: success, what it printed.
local function run_by(command, text)
  local file = servers.dir() .. "/example_spec.lua"
  process.write(file, text)
  local pipe = io.popen(("env -u CURLSOCK_SPEC_STATE %s 2>&1"):format(command:format(file)))
  local output = pipe:read("a")
  local ok = pipe:close()
  os.remove(file)
  return ok, output
end

-- The same by run.lua, with words for env.
local function run_spec(text, env)
  return run_by(("%s %s spec/support/run.lua %%s"):format(env or "", process.interpreter), text)
end

local function closing_line(output)
  return output:match("([^\n]*)\n$")
end

-- What the other specs expect follows from what the module says: that must be true.
describe("the module", function()
  it("is compiled for Linux, but for make posix", function()
    assert.equal(os.getenv("CURLSOCK_POSIX") == nil, system.linux)
  end)
end)

-- The files of that name in a folder that have more lines than this: "path: lines".
local function longer(folder, name, most)
  local list, count = {}, 0
  for path in process.output(("find %s -name '%s'"):format(folder, name)):gmatch("[^\n]+") do
    local lines = select(2, process.read(path):gsub("\n", ""))
    if lines > most then list[#list + 1] = ("%s: %d"):format(path, lines) end
    count = count + 1
  end
  assert.truthy(count > 10)
  return list
end

describe("a file that is too long is split by concept:", function()
  it("a spec has at most 1,000 lines", function()
    assert.same({}, longer("spec", "*_spec.lua", 1000))
  end)

  it("a file of csrc has at most 450", function()
    assert.same({}, longer("csrc", "*.[ch]", 450))
  end)
end)

describe("nginx", function()
  it("serves plain HTTP", function()
    local web = servers.nginx()
    assert.equal("hello\n", http.request(web.url .. "/hello"))
    assert.equal(web.big, http.request(web.url .. "/big"))
    assert.truthy(http.request(web.url .. "/peer"):match("^127%.0%.0%.1 %d+\n$"))
  end)

  it("answers with the status that is asked for", function()
    local web = servers.nginx()
    assert.equal(404, (select(2, http.request(web.url .. "/status/404"))))
    local _, code, headers = http.request {
      url = web.url .. "/redirect?to=" .. web.url .. "/hello",
      redirect = false,
    }
    assert.equal(302, code)
    assert.equal(web.url .. "/hello", headers.location)
  end)

  it("takes uploads", function()
    local web = servers.nginx()
    assert.equal("100000\n", http.request(web.url .. "/upload", ("x"):rep(100000)))
    local _, code = http.request {
      url = web.url .. "/store/put",
      method = "PUT",
      source = ltn12.source.string("\0\1\255"),
      headers = { ["content-length"] = 3 },
    }
    assert.equal(201, code)
    http.request(web.url .. "/post/post", "\0\2\255")
    assert.equal("\0\1\255", http.request(web.url .. "/store/put"))
    assert.equal("\0\2\255", http.request(web.url .. "/store/post"))
  end)

  it("serves TLS, with HTTP/1.1 and with HTTP/2", function()
    local web = servers.nginx()
    local ask = "openssl s_client -connect 127.0.0.1:%d -CAfile %s -alpn h2,http/1.1 "
      .. "-verify_return_error </dev/null 2>&1"
    local one = process.output(ask:format(web.https_port, web.ca))
    local two = process.output(ask:format(web.h2_port, web.ca))
    assert.truthy(one:find("ALPN protocol: http/1.1", 1, true))
    assert.truthy(two:find("ALPN protocol: h2", 1, true))
  end)

  it("listens on a UNIX socket", function()
    local s = require "socket.unix"()
    assert(s:connect(servers.nginx().unix))
    s:send("GET /hello HTTP/1.0\r\n\r\n")
    local answer = s:receive("*a")
    s:close()
    assert.truthy(answer:find("\r\n\r\nhello\n$"))
  end)

  it("is the same one when asked for again", function()
    assert.equal(servers.nginx(), servers.nginx())
  end)
end)

describe("vsftpd", function()
  it("serves files", function()
    local ftp = require "socket.ftp"
    local server = servers.vsftpd()
    assert.equal("hello\n", ftp.get(server.url .. "/hello.txt"))
    assert.equal(server.big, ftp.get(server.url .. "/big.bin;type=i"))
  end)

  it("starts again after it was stopped", function()
    local first = servers.vsftpd()
    servers.stop(first)
    local second = servers.vsftpd()
    assert.not_equal(first, second)
    assert.equal("hello\n", require "socket.ftp".get(second.url .. "/hello.txt"))
  end)
end)

describe("vsftpd that cannot serve", function()
  local function greeting(text)
    return servers.script(([[
      local server = ...
      while true do
        local client = server:accept()
        client:send(%q)
        client:close()
      end]]):format(text))
  end

  it("is the failure, with what it says to its clients", function()
    local vsftpd = require "spec.support.vsftpd"
    local server = greeting "500 OOPS: vsftpd: no such user\r\n"
    assert.equal("vsftpd cannot serve: 500 OOPS: vsftpd: no such user", vsftpd.problem(server))
    servers.stop(server)
    server = greeting "220 (vsFTPd)\r\n"
    assert.is_nil(vsftpd.problem(server))
    servers.stop(server)
  end)

  it("is started once, and fails each test that asks for it", function()
    local ok, output = run_spec [[
      local servers = require "spec.support.servers"
      require("spec.support.vsftpd").problem = function() return "cannot serve: 500 OOPS" end
      for i = 1, 2 do
        it("fails " .. i, function() servers.vsftpd() end)
      end
      it("tells", function()
        local pipe = io.popen("ls " .. servers.dir())
        local _, count = pipe:read("a"):gsub("vsftpd%-%d+%.pid", "")
        pipe:close()
        assert.equal(1, count)
      end)]]
    assert.falsy(ok)
    assert.equal(2, select(2, output:gsub("cannot serve: 500 OOPS\n", "")))
    assert.equal("1 passed, 2 failed", closing_line(output))
  end)
end)

describe("scripted servers", function()
  local answer = [[
    local server = ...
    while true do
      local client = server:accept()
      print(client:receive())
      client:send("HTTP/1.0 200 OK\r\n\r\nscripted\n")
      client:close()
    end]]

  it("answer on TCP and say what they got", function()
    local server = servers.script(answer)
    assert.equal("scripted\n", http.request(server.url .. "/x"))
    assert.truthy(server:output():find("GET /x HTTP/1.1", 1, true))
    servers.stop(server)
    assert.is_nil(http.request(server.url))
  end)

  it("answer on a UNIX socket", function()
    local server = servers.script(answer, { unix = true })
    local s = require "socket.unix"()
    assert(s:connect(server.unix))
    s:send("one\n")
    assert.truthy(s:receive("*a"):find("scripted"))
    s:close()
    servers.stop(server)
  end)

  it("can be dead: a connect to them never ends", function()
    local dead = servers.dead()
    local s = require "socket".tcp()
    s:settimeout(0.3)
    local _, why = s:connect(dead.host, dead.port)
    s:close()
    servers.stop(dead)
    assert.equal("timeout", why)
  end)
end)

describe("the check for what is left over", function()
  it("finds an open descriptor", function()
    local before = left.snapshot()
    local file <close> = assert(io.open("/dev/null"))
    local ok, message = pcall(left.check, before)
    assert.is_false(ok)
    assert.truthy(message:find("descriptor %d+ is left open: /dev/null"))
    assert.truthy(file)
  end)

  it("collects garbage first", function()
    local before = left.snapshot()
    io.open("/dev/null")
    left.check(before)
  end)

  it("finds a descriptor that was closed but is not the test's", function()
    local file = assert(io.open("/dev/null"))
    local before = left.snapshot()
    file:close()
    assert.error_matches(function() left.check(before) end, "not of this test, was closed")
  end)

  it("finds live objects", function()
    local real, count = package.loaded.curlsock, 0
    package.loaded.curlsock = {
      live = function() return { easy = count } end,
      sockets = function() return {} end,
    }
    local before = left.snapshot()
    count = 2
    local ok, message = pcall(left.check, before)
    package.loaded.curlsock = real
    assert.is_false(ok)
    assert.truthy(message:find("2 easy left alive", 1, true))
  end)

  it("makes the test fail", function()
    local ok, output = run_spec [[
      it("leaks", function() KEPT = io.open("/dev/null") end)
      it("does not", function() end)]]
    assert.falsy(ok)
    assert.truthy(output:find("FAILED  leaks"))
    -- And the file fails, too, for the descriptor is still there in the end.
    assert.equal("1 passed, 2 failed", closing_line(output))
  end)

  it("comes after finally()", function()
    local ok, output = run_spec [[
      it("cleans up", function()
        local file = io.open("/dev/null")
        finally(function() file:close() end)
      end)]]
    assert.truthy(ok)
    assert.equal("1 passed, 0 failed", closing_line(output))
  end)

  it("looks at what a file leaves, too", function()
    local ok, output = run_spec [[
      setup(function() KEPT = io.open("/dev/null") end)
      it("is not to blame", function() end)]]
    assert.falsy(ok)
    assert.equal("1 passed, 1 failed", closing_line(output))
  end)

  it("finds a file in the root of the checkout", function()
    local ok, output = run_spec [[
      it("leaves one", function() io.open("left-over", "w"):close() end)]]
    os.remove "left-over"
    assert.falsy(ok)
    assert.truthy(output:find('a file is left: "left-over"', 1, true))
    assert.equal("1 passed, 1 failed", closing_line(output))
  end)
end)

describe("a run", function()
  it("counts", function()
    local ok, output = run_spec [[
      it("passes", function() end)
      it("fails", function() assert.equal(1, 2) end)
      it("throws", function() error("no") end)
      it("cleans up though it throws", function()
        local file = io.open("/dev/null")
        finally(function() file:close() end)
        error("no")
      end)
      pending("comes later")]]
    assert.falsy(ok)
    assert.equal("1 passed, 3 failed, 1 skipped", closing_line(output))
  end)

  it("counts a file that does not load", function()
    local ok, output = run_spec "syntax error"
    assert.falsy(ok)
    assert.truthy(output:find("syntax error near 'error'", 1, true))
    assert.falsy(output:find("stack traceback", 1, true))
    assert.equal("0 passed, 1 failed", closing_line(output))
  end)

  it("fails without a spec", function()
    local ok, output = run_spec ""
    assert.falsy(ok)
    assert.equal("0 passed, 0 failed", closing_line(output))
  end)

  it("tells where it crashed, and leaves no server", function()
    local ok, output = run_spec [[
      local servers = require "spec.support.servers"
      it("passes", function() end)
      it("crashes", function()
        print("folder " .. servers.dir(), "pid " .. servers.nginx().pid)
        os.execute("kill -s USR1 $PPID")
      end)]]
    assert.falsy(ok)
    assert.truthy(output:find("%(signal 10%) in: [^\n]*crashes"))
    assert.equal("1 passed, 1 failed", closing_line(output))
    local folder, pid = output:match("folder (%S+)\tpid (%d+)")
    assert.truthy(servers.wait(function()
      return not process.runs(pid) and not process.read(folder .. "/nginx.conf")
    end))
  end)

  it("is killed by a test that hangs, and tells in which", function()
    for _, hangs in ipairs { "while true do end", 'require("socket").select(nil, nil, 1e6)' } do
      local ok, output = run_spec(([[
        it("passes", function() end)
        it("hangs", function() %s end)]]):format(hangs), "CURLSOCK_LIMIT=2")
      assert.falsy(ok)
      assert.truthy(output:find("\nThe run ended (killed by the time limit) in: ", 1, true), output)
      assert.truthy(output:find("example_spec%.lua:2  [^\n]*hangs\n"), output)
      assert.equal("1 passed, 1 failed", closing_line(output))
    end
  end)

  it("has that limit for each test, not for all of them", function()
    local ok = run_spec(([[
      for i = 1, 6 do it("waits " .. i, function() require("socket").sleep(%s) end) end]])
      :format(0.5 * process.patience), "CURLSOCK_LIMIT=2")
    assert.truthy(ok)
  end)

  it("by make test CURL_LIB=folder uses the libcurl there, and its servers do not", function()
    local folder = servers.dir() .. "/lib"
    assert(os.execute(([[mkdir %s && cp -L "$(ldconfig -p |
      sed -n 's/.*libcurl\.so\.4 .* => //p' | head -n 1)" %s]]):format(folder, folder)))
    local ok, output = run_by(("make run-test CURL_LIB=%s TESTS=%%s FILTER="):format(folder), [[
      local process = require "spec.support.process"
      local servers = require "spec.support.servers"
      it("tells", function()
        require "curlsock"
        print("\nlibcurl " .. process.read("/proc/self/maps"):match("(%S+/libcurl%S*)"))
        local env = process.read(("/proc/%d/environ"):format(servers.nginx().pid))
        print("nginx", env:find("LD_LIBRARY_PATH", 1, true))
      end)]])
    os.execute("rm -r " .. folder)
    assert.truthy(ok, output)
    assert.truthy(output:find("\nlibcurl " .. folder .. "/libcurl.so.4\n", 1, true), output)
    assert.truthy(output:find("nginx\tnil\n", 1, true), output)
  end)

  it("tells that it crashed after the last test", function()
    local ok, output = run_spec [[
      local bomb = setmetatable({}, { __gc = function() os.execute("kill -s USR1 $PPID") end })
      it("passes", function() return bomb end)]]
    assert.falsy(ok)
    assert.truthy(output:find("(signal 10) after the last spec", 1, true))
    assert.equal("1 passed, 1 failed", closing_line(output))
  end)
end)

describe("a script in a process of its own", function()
  it("gives its output and exit code", function()
    local kind, code, out, err = left.run [[
      print(os.getenv("WHAT"))
      io.stderr:write("err")
      os.exit(3)]]
    assert.same({ "exit", 3, "nil\n", "err" }, { kind, code, out, err })
    assert.equal("a 'b'\n", (left.pass('print(os.getenv("WHAT"))', { WHAT = "a 'b'" })))
  end)

  it("finds the same modules", function()
    assert.equal("table\n", (left.pass 'print(type(require "spec.support.left"))'))
  end)

  it("may crash or hang", function()
    local kind, code = left.run 'os.execute("kill -s USR1 $PPID")'
    assert.same({ "signal", 10 }, { kind, code })
    assert.equal("timeout", (left.run("while true do end", nil, 1)))
    assert.has_error(function() left.pass "os.exit(1)" end)
  end)
end)
