--- policy.transport(serve [, options]): the other end of the connection is a function of this
-- process, which plays the server: a test needs none. serve(socket, loop, address) runs in a
-- coroutine of the loop for each connection, with the Socket of its end, and should wait by
-- loop:wait(socket, "r"); when it returns the Socket is closed. What it throws comes out of the
-- loop's run(). Options:
--   host   name of the URL, or a list of names; by default any
-- Each connection is for one transfer (forbid_reuse): else one that is kept, and waited for here,
-- would never let the loop's run() end. It works in every loop. Without one it refuses. A guard of
-- the same composition judges the address that it stands for, which must be found before: give a
-- number, or the option resolve. Raises an error for other options.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local fences = require "curlsock.policy.fences"
local hosts = require "curlsock.policy.hosts"
local inlets = require "curlsock.policy.inlet"

local known = { host = true }

local function transport(serve, options)
  check.callable("transport", "serve", serve)
  options = check.options("transport", options, known)
  local is_for = hosts.matcher("transport", options.host)
  local loops = setmetatable({}, { __mode = "k" }) -- by the easy that they perform
  local policy = { name = "transport", fence = fences.one_transfer }
  policy.trusted, policy.reads_only = true, true

  function policy.admit(easy, loop)
    loops[easy] = loop
    return true
  end

  local function run(inlet, loop, address)
    local inside <close> = inlet
    local socket <close> = inside:accept(loop)
    if socket then serve(socket, loop, address) end
  end

  function policy.make(address, target, easy)
    if address.socktype ~= "stream" or not is_for(target) then return nil end
    local loop = loops[easy]
    if not loop then return nil, "it needs a loop" end
    local inlet, message = inlets.open()
    if not inlet then return nil, message end
    local near, failed = inlet.address:socket()
    if not near then return nil, failed end
    loop:spawn(run, inlet, loop, address:copy())
    return near, inlet.address
  end

  return policy
end

return transport
