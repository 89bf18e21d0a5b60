-- A connection of a share that two multis with a pollfd had used one after the other was closed
-- while the first still watched it. Found by soak.
local curl = require "curlsock"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

if not system.linux then return end

local function is_watched(multi, fd)
  for line in io.lines("/proc/self/fdinfo/" .. multi:pollfd()) do
    if tonumber(line:match "^tfd: *(%d+)") == fd then return true end
  end
  return false
end

it("a connection that is closed is watched by nobody, who ever has used it", function()
  local url = servers.nginx().url .. "/hello"
  local share = curl.share { share = "connect" }
  local first, second = curl.multi(), curl.multi()
  local fds, watched = {}, {}
  local easy = curl.easy {
    url = url, proxy = "", share = share,
    writefunction = function() return true end,
    closesocketfunction = function(socket)
      fds[#fds + 1] = socket:fd()
      for _, multi in ipairs { first, second } do
        watched[#watched + 1] = is_watched(multi, socket:fd())
      end
    end,
  }
  for i, multi in ipairs { first, second } do
    multi:pollfd()
    multi:add(easy)
    repeat multi:poll(1) until multi:socket_action(multi:pollfd(), "r") == 0
    for _, ok in multi:results() do assert.is_true(ok) end
    multi:remove(easy)
    assert.equal(i == 1 and 1 or 0, easy:getinfo "num_connects")
  end
  easy:close()
  share:close()
  assert.same(1, #fds)
  assert.same({ false, false }, watched)
end)
