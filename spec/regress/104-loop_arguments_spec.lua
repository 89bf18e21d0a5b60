-- loop:wait on a closed descriptor raised a bare "EBADF" in luv; loop:watches() named the multi's
-- descriptor where no transfer runs; and recording:text took any width: "x" was an error from
-- inside, and 1e300 did not return.
local curl = require "curlsock"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local trace = require "curlsock.trace"

if loops.missing[1] ~= "luv" then
  it("curlsock.luv names the descriptor that cannot be watched", function()
    assert.same({ "done\n", "" }, { left.pass([[
      local curl = require "curlsock"
      local loop <close> = require("curlsock.luv").new()
      local a, b = curl.socketpair()
      local fd = a:fd()
      a:close()
      b:close()
      for _ = 1, 2 do
        local ok, err = pcall(loop.wait, loop, fd, "r", 5)
        local expected = ("descriptor %d cannot be watched: EBADF"):format(fd)
        assert(not ok and err:find(expected, 1, true), err)
      end
      loop:run()
      print "done"
    ]], { -- luv itself leaks what libuv refuses
      ASAN_OPTIONS = (os.getenv("ASAN_OPTIONS") or "") .. ":detect_leaks=0",
    }) })
  end)
end

it("loop:watches() has nothing where nothing is waited for", function()
  local loop <close> = require("curlsock.loop").new()
  local a <close>, b = curl.socketpair()
  assert.same({}, loop:watches())
  local task = loop:spawn(function() return loop:wait(a, "r") end)
  assert.same({ [a:fd()] = "r" }, loop:watches())
  b:close()
  assert.equal("r", task:wait())
  assert.same({}, loop:watches())
end)

it("recording:text takes a number of columns", function()
  local recording = trace.record()
  recording:stop()
  for _, wrong in ipairs { "x", 1e300, 0 / 0, 0, -1, 10001, 1.5, true, {} } do
    assert.error_matches(function() recording:text(wrong) end, "text: columns expected, 1 to 10000")
  end
  for _, width in ipairs { 1, 100, 10000 } do assert.is_string(recording:text(width)) end
  assert.equal(recording:text(100), recording:text())
end)
