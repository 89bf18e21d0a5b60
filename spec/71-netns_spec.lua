-- curl.socket in another network namespace: the socket is there, and the caller stays here.

local curl = require "curlsock"
local fails = require("spec.support.errors").matches
local left = require "spec.support.left"
local netns = require "spec.support.netns"
local process = require "spec.support.process"
local system = require "spec.support.system"

-- Which namespace this process is in, and each of its threads.
local function here()
  local seen = {}
  for link in process.output("readlink /proc/" .. process.output "echo $PPID" .. "/task/*/ns/net")
    :gmatch "[^\n]+" do
    seen[#seen + 1] = link
  end
  return seen
end

-- Runs a script, started by those words of the shell.
local function run_script(words, values, script)
  local file = os.tmpname()
  process.write(file, left.locals(values) .. script)
  finally(function() os.remove(file) end)
  local text = process.output(("(%s %s %s 2>&1) || echo failed"):format(words, process.lua(), file))
  assert.equal("", text)
end

describe("curl.socket with a namespace", function()
  if not system.linux then
    it("says that there are none on this system", function()
      assert.same({ nil, "socket in /proc/self/ns/net: Function not implemented", "ENOSYS" },
        { curl.socket("inet", "stream", 0, { netns = "/proc/self/ns/net" }) })
    end)
    return
  end

  for path, expected in pairs {
    ["/nonexistent"] = { "socket in /nonexistent: No such file or directory", "ENOENT" },
    ["/dev/null"] = { "socket in /dev/null: Invalid argument", "EINVAL" },
    ["/proc/self/ns/uts"] = { "socket in /proc/self/ns/uts: Invalid argument", "EINVAL" },
    ["/"] = { "socket in /: Invalid argument", "EINVAL" },
  } do
    it("fails where there is none: " .. path, function()
      assert.same({ nil, table.unpack(expected) },
        { curl.socket("inet", "stream", 0, { netns = path }) })
    end)
  end

  it("does not wait for the other end of a FIFO", function()
    local path = os.tmpname()
    os.remove(path)
    assert(os.execute("mkfifo " .. path))
    finally(function() os.remove(path) end)
    local _, _, name = curl.socket("inet", "stream", 0, { netns = path })
    assert.equal("EINVAL", name)
  end)

  if not netns.allowed then
    print("71-netns_spec.lua: left out the 9 tests that enter a network namespace: "
      .. "not root, or unshare is not allowed")
    return
  end

  it("is bound to addresses that are only there", function()
    local there <close> = netns.new("192.0.2.1/32", "2001:db8::1/128")
    for family, ip in pairs { inet = "192.0.2.1:0", inet6 = "[2001:db8::1]:0" } do
      local s <close> = assert(curl.socket(family, "stream", 0, { netns = there.path }))
      assert.equal(s, s:bind(ip))
      local own <close> = assert(curl.socket(family))
      local _, _, name = own:bind(ip)
      assert.equal("EADDRNOTAVAIL", name)
    end
  end)

  it("connects there, and what is made after it connects here", function()
    local there <close> = netns.new()
    local listener <close> = assert(curl.socket("inet", "stream", 0, { netns = there.path }))
    assert(listener:bind "127.0.0.1:0" and listener:listen())
    local address = listener:localaddress()
    local other <close> = assert(address:socket())
    local _, _, name = other:connect(address)
    assert.equal("ECONNREFUSED", name)
    local s <close> = assert(curl.socket("inet", "stream", 0, { netns = there.path }))
    assert.equal(s, s:connect(address, 5))
    assert.truthy(there:run("ss -Htln"):find(":" .. address.port .. " ", 1, true))
  end)

  it("leaves no thread in another namespace, whatever fails", function()
    local there <close> = netns.new()
    local before = here()
    assert(curl.socket("inet", "stream", 0, { netns = there.path })):close()
    assert.is_nil((curl.socket("inet", "stream", 0, { netns = "/dev/null" })))
    local _, _, name = curl.socket("inet", "stream", 123, { netns = there.path })
    assert.equal("EPROTONOSUPPORT", name)
    assert.same(before, here())
    assert.not_equal(before[1], there:run "readlink /proc/self/ns/net")
  end)

  it("is close-on-exec, owned, and of the type that was asked for", function()
    local there <close> = netns.new()
    for _, case in ipairs { { "inet", "dgram", 17 }, { "unix", "stream", 0 } } do
      local s <close> = assert(curl.socket(case[1], case[2], case[3], { netns = there.path }))
      assert.same({ "owned", case[2] }, { s:state(), s:getsockopt("socket", "type") })
      local flags = process.read("/proc/self/fdinfo/" .. s:fd()):match "flags:%s+(%d+)"
      assert.equal(tonumber("2000000", 8), tonumber(flags, 8) & tonumber("2000000", 8))
    end
  end)

  it("works without any descriptor left over, many times", function()
    local there <close> = netns.new()
    for _ = 1, 100 do
      assert(curl.socket("inet", "stream", 0, { netns = there.path })):close()
    end
  end)

  it("says when there is no descriptor for it", function()
    local there <close> = netns.new()
    run_script("ulimit -n 40; timeout 20", { path = there.path }, [[
      local curl = require "curlsock"
      local held, s, message, name = {}
      for _ = 1, 100 do
        held[#held + 1] = s
        s, message, name = curl.socket("inet", "stream", 0, { netns = path })
        if not s then break end
      end
      assert(name == "EMFILE" and message:find "^socket in /proc/", message) -- for the socket
      held[#held + 1] = assert(curl.socket())
      s, message, name = curl.socket("inet", "stream", 0, { netns = path })
      assert(not s and name == "EMFILE", message) -- for the namespace
    ]])
  end)

  -- In a chroot nobody may make a user namespace.
  local outside = process.output "unshare -rn true 2>&1" == "" and it or pending
  outside("is not for those who may not enter it", function()
    run_script("timeout 20 unshare -rn", { path = "/proc/1/ns/net" }, [[
      local _, _, name = require "curlsock".socket("inet", "stream", 0, { netns = path })
      assert(name == "EPERM" or name == "EACCES", name)
    ]])
  end)

  it("does not stop a signal from reaching the script's thread", function()
    local there <close> = netns.new()
    local blocked = process.read "/proc/self/status":match "SigBlk:%s+(%x+)"
    assert(curl.socket("inet", "stream", 0, { netns = there.path })):close()
    assert.equal(blocked, (process.read "/proc/self/status":match "SigBlk:%s+(%x+)"))
  end)

  it("carries a transfer", function()
    local there <close> = netns.new "192.0.2.1/32"
    local listener <close> = assert(curl.socket("inet", "stream", 0, { netns = there.path }))
    assert(listener:bind "192.0.2.1:0" and listener:listen())
    local address = listener:localaddress()
    local body = {}
    local easy <close> = curl.easy {
      url = ("http://192.0.2.1:%d/"):format(address.port), proxy = "", timeout = 10,
      writefunction = body,
      opensocketfunction = function(_, a)
        return assert(curl.socket(a.family, a.socktype, a.protocol, { netns = there.path }))
      end,
    }
    local multi <close> = curl.multi()
    assert(multi:add(easy))
    local client
    for _ = 1, 1000 do
      if assert(multi:perform()) == 0 then break end
      client = client or listener:accept(0)
      if client and client:recv(1000, 0) then
        client:send "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
      end
      multi:poll(0.01)
    end
    assert.equal("hi", table.concat(body))
    client:close()
  end)
end)

describe("curl.socket's options", function()
  local function socket(options) return curl.socket("inet", "stream", 0, options) end

  it("may be empty, or nil", function()
    socket({}):close()
    socket(nil):close()
  end)

  it("are netns alone", function()
    fails('unknown option "nets": did you mean \'netns\'%?', socket, { nets = "/x" })
    fails('unknown option "x"$', socket, { x = 1, netns = nil })
    fails("unknown option 1", socket, { "/x" })
    fails('unknown option "netns%?"', socket, { ["netns\0"] = "/x" })
  end)

  it("are a table with a path", function()
    fails("table of options expected, got string", socket, "/x")
    fails("table of options expected, got boolean", socket, false)
    fails("option 'netns': path expected, got number", socket, { netns = 1 })
    fails("option 'netns': path expected, got boolean", socket, { netns = false })
    fails("option 'netns': path expected, got string", socket, { netns = "" })
    fails("option 'netns': path expected, got string", socket, { netns = "/proc/self/ns/net\0" })
  end)
end)
