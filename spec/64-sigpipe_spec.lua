-- SIGPIPE: to write on a connection that is gone must not end the process, whatever call that is;
-- and what the signal does elsewhere stays as the program wants it. Most libraries below libcurl
-- write without the signal by now: the close callback, which runs where they do, writes with it.

local left = require "spec.support.left"
local servers = require "spec.support.servers"

-- Transfers whose connection is kept, and can no longer be written to.
local prelude = [[
local curl = require "curlsock"
local native = require "spec.support.native"

native.default_sigpipe()

local pipe = io.popen("exec true", "w")
os.execute("sleep 0.2")

-- Writes to a pipe that nobody reads.
local function write_to_pipe()
  pipe:setvbuf("no")
  pipe:write("x")
end

local function fetch(...) assert(require("spec.support.transfers").run(...)) end

local function break_connection()
  native.shutdown(curl.sockets()[1].socket:fd())
end

local function new(options)
  local easy = curl.easy { url = URL, cainfo = CA, proxy = "", writefunction = {},
    closesocketfunction = write_to_pipe }
  return assert(easy:setopt(options or {}))
end
]]

-- LeakSanitizer's own thread dies of a signal now and then in these processes ("Tracer caught
-- signal 11"), which ends them: here the other errors are looked for alone. What leaks in the same
-- calls is seen by the specs of each.
local sanitizer = os.getenv "ASAN_OPTIONS"
local environment = sanitizer and { ASAN_OPTIONS = sanitizer .. ":detect_leaks=0" }

local function run(script)
  local web = servers.nginx()
  local values = left.locals { URL = web.https_url .. "/hello", CA = web.ca }
  return left.run(values .. prelude .. script, environment)
end

local calls = {
  ["easy:close"] = [[
    local easy = new()
    assert(easy:perform())
    break_connection()
    easy:close()]],
  ["the collector"] = [[
    local easy = new()
    assert(easy:perform())
    break_connection()
    easy = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()]],
  ["easy:perform"] = [[
    local easy = new()
    assert(easy:perform())
    break_connection()
    easy:perform()]],
  ["multi:perform"] = [[
    local multi, easy = curl.multi(), new()
    fetch(multi, easy)
    break_connection()
    fetch(multi, easy)]],
  ["multi:add, of an easy that ran alone"] = [[
    local easy = new()
    assert(easy:perform())
    break_connection()
    fetch(curl.multi(), easy)]],
  ["multi:remove"] = [[
    local multi, easy = curl.multi(), new { url = URL:gsub("hello", "slow?rate=64k") }
    multi:add(easy)
    repeat multi:poll(1) until multi:perform() == 0 or easy:getinfo("size_download") > 0
    break_connection()
    multi:remove(easy)]],
  ["multi:close"] = [[
    local multi = curl.multi()
    fetch(multi, new())
    break_connection()
    multi:close()]],
  ["multi:socket_action"] = [[
    local loop = require("curlsock.loop").new()
    local easy = new()
    assert(loop:perform(easy))
    break_connection()
    loop:perform(easy)]],
  ["share:close"] = [[
    local share = curl.share { share = "connect" }
    local easy = new { share = share }
    assert(easy:perform())
    easy:close()
    break_connection()
    share:close()]],
  ["the last easy of a closed share, when it takes another"] = [[
    local share = curl.share { share = "connect" }
    local easy = new { share = share }
    assert(easy:perform())
    break_connection()
    share:close()
    easy:unset("share")]],
  ["a close inside a callback of another transfer"] = [[
    local easy = new()
    assert(easy:perform())
    break_connection()
    new({ writefunction = function() easy:close() end }):perform()]],
  ["the end of the state"] = [[
    kept = new()
    assert(kept:perform())
    break_connection()]],
}

describe("A connection that cannot be written to is survived by", function()
  for name, script in pairs(calls) do
    it(name, function()
      local kind, code, _, err = run(script .. "\nos.exit(0, true)")
      assert.same({ "exit", 0, "" }, { kind, code, err })
    end)
  end
end)

it("SIGPIPE ends the program where it did before, also after one of libcurl's", function()
  for _, name in ipairs { "easy:close", "easy:perform", "multi:perform" } do
    local kind, code = run(calls[name] .. "\nwrite_to_pipe()")
    assert.same({ "signal", 13 }, { kind, code })
  end
end)

it("SIGPIPE that was blocked before stays blocked", function()
  local kind, code = run([[
    native.block_sigpipe()
  ]] .. calls["easy:close"] .. "\nwrite_to_pipe()")
  assert.same({ "exit", 0 }, { kind, code })
end)
