--- policy.broker(channel [, options]): another process opens the sockets, and passes them over a
-- UNIX socket: one that has a privilege, or another network. channel is the Socket, or the address
-- of one ("unix:/run/broker.sock"), that leads to policy.broker.serve there. Options:
--   timeout   seconds that it waits for an answer: 5 by default. Meanwhile all wait
-- What the broker refuses, this does; when it does not answer in time, or its channel ends, every
-- further socket is refused. A descriptor that is connected already is judged by its peer (libcurl
-- takes such from 8.0 on). A second policy that opens every socket raises in compose.
-- Raises an error for other options, and if it cannot connect.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local curl = require "curlsock"
local fences = require "curlsock.policy.fences"

local known = { timeout = true }
local SIZE <const> = 1024 -- of a question, and of an answer

local function open_channel(channel)
  if curl.type(channel) == "socket" then return channel end
  local ok, address = pcall(curl.address, channel)
  if not ok or address.family ~= "unix" then
    check.fail("broker", "channel", "Socket, or address of a UNIX socket", channel)
  end
  local socket = assert(address:socket())
  assert(socket:connect(address, 5))
  return socket
end

local broker = {}

function broker.__call(_, channel, options)
  options = check.options("broker", options, known)
  local timeout = check.number("broker", "timeout", options.timeout, 0) or 5
  channel = open_channel(channel)

  -- What has not answered in time may answer a later question: it is not asked again.
  local function gone(message)
    channel:close()
    return nil, "the broker does not answer: " .. message
  end

  local function make(address)
    if channel:state() ~= "owned" then return nil, "the broker's channel was closed" end
    local ok, failed = channel:send(("%s %s\n"):format(address.socktype, address))
    if not ok then return gone(failed) end
    local socket, answer, name = channel:recvfd(SIZE, timeout)
    if socket then return socket end
    local why = not name and answer:match("^no (.*)\n$")
    if why then return nil, why end
    return gone(answer ~= "" and answer or "its channel has ended")
  end

  return { name = "broker", fence = fences.own_address, make = make, opener = true }
end

-- Answers one question: false when there is none any more.
local function answer(channel, open)
  local question = channel:recv(SIZE)
  local socktype, text = (question or ""):match("^(%l+) (.+)\n$")
  if not socktype then return false end
  local ok, socket, why = pcall(open, curl.address(text), socktype)
  if not ok then socket, why = nil, socket end
  if not socket then
    return channel:send(("no %s\n"):format(tostring(why or "it gives no reason"):gsub("%c", " ")))
  end
  local sent = channel:sendfd(socket, "yes\n")
  socket:close()
  return sent
end

--- policy.broker.serve(channel, open): the other side, in the process that opens: for each question
-- calls open(address, socktype), which returns a Socket (it is closed here), or nil and a reason.
-- Returns when the channel ends.
-- -> nothing
function broker.serve(channel, open)
  repeat until not answer(channel, open)
end

return setmetatable(broker, broker)
