-- What the specs of closesocketfunction have in common.

local assert = require "luassert"
local easies = require "spec.support.easies"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local luasocket = require "socket"
local servers = require "spec.support.servers"
local target = require("spec.support.transfers").target

local closers = {}

-- Adds the easy to the multi and drives that until the server has begun to answer.
function closers.begin(multi, easy)
  local begun = false
  multi:add(easy:setopt("headerfunction", function()
    begun = true
  end))
  repeat
    assert.equal(1, multi:perform())
    assert(multi:poll(begun and 0 or 1))
  until begun
end

-- A close callback that notes each event: the Socket, how it was then, how many arguments.
function closers.noting(events, answer)
  return function(...)
    local socket = ...
    local fd = socket:fd()
    events[#events + 1] = {
      socket = socket,
      state = socket:state(),
      fd = fd,
      open = fd and target(fd) ~= nil,
      arguments = select("#", ...),
    }
    return answer
  end
end

-- An open callback that notes the Sockets that it makes.
function closers.opening(sockets)
  return function(_, address)
    sockets[#sockets + 1] = address:socket()
    return sockets[#sockets]
  end
end

-- The easy, whose sockets and close events are noted in two lists: easy, opened, closed.
function closers.note(easy)
  local opened, closed = {}, {}
  easy:setopt {
    opensocketfunction = closers.opening(opened),
    closesocketfunction = closers.noting(closed),
  }
  return easy, opened, closed
end

-- The same of a new one.
function closers.noted(url, options) return closers.note(easies.at(url, options)) end

-- The first of the opened sockets, and no other, had its event, and is closed.
function closers.assert_closed(opened, closed)
  assert.equal(1, #closed)
  local event = closed[1]
  assert.is_true(rawequal(opened[1], event.socket))
  assert.same({ "closing", true, 1 }, { event.state, event.open, event.arguments })
  assert.equal("closed", event.socket:state())
  assert.is_nil(event.socket:fd())
end

-- Answers one request on a connection, and closes that without having said so.
closers.dropping = [[
  local server = ...
  while true do
    local peer = server:accept()
    repeat local line = peer:receive() until line == "" or not line
    peer:send "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndrops\n"
    peer:close()
  end
]]

-- The server's end of the Socket's connection has been closed.
function closers.wait_for_end(socket)
  assert(#loops.wait({ [socket:fd()] = "r" }, 10) > 0)
end

-- Lets all idle connections become older than one that is new: libcurl, which evicts the
-- oldest, compares whole milliseconds.
function closers.grow_older()
  luasocket.sleep(0.005)
end

-- The script in a process of its own, where new(...) makes an easy that prints its close
-- events: what it prints, and what it is warned of.
function closers.run_script(text)
  local web = servers.nginx()
  local prelude = ([[
    warn "@on"
    local curl = require "curlsock"
    local url, url4 = %q, %q
    local function new(close, path)
      local opened
      return curl.easy {
        url = url .. (path or "/hello"), proxy = "",
        opensocketfunction = function(_, address)
          opened = address:socket()
          opened.data = "kept"
          return opened
        end,
        closesocketfunction = close or function(socket)
          print("closes", socket:state(), socket.data, rawequal(socket, opened))
        end,
      }
    end
    local function run(multi, easy)
      multi:add(easy)
      while multi:perform() > 0 do multi:poll(1) end
      for _, ok, message in multi:results() do assert(ok, message) end
    end
  ]]):format(web.url, web.url4)
  return left.pass(prelude .. text)
end

closers.one_event = "closes\tclosing\tkept\ttrue\n"

return closers
