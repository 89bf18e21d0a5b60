-- What the specs of opensocketfunction have in common: open callbacks, addresses, and servers in
-- this process.

local curl = require "curlsock"
local servers = require "spec.support.servers"

local openers = {}

-- An open callback that notes each address that it is offered in list, and answers as answer
-- does, which may be a function of the address.
function openers.noting(list, answer)
  return function(_, address)
    list[#list + 1] = tostring(address)
    if type(answer) == "function" then
      return answer(address)
    end
    return answer
  end
end

-- The options for a URL http://many.test:80/ with these addresses.
function openers.resolving(...)
  return { resolve = { "many.test:80:" .. table.concat({ ... }, ",") } }
end

-- Options for active FTP, with two local addresses to listen on.
openers.listening = {
  ftpport = "many.test", resolve = { "many.test:0:127.0.0.2,127.0.0.3" },
}

-- A number that no descriptor has now.
function openers.closed_descriptor()
  local socket <close> = curl.socket()
  return socket:fd()
end

-- A server in this process: answers each request that comes on a connected Socket, whenever
-- the function is called.
function openers.serving(peer)
  local request = ""
  return coroutine.wrap(function()
    while true do
      request = request .. (peer:recv(4096, 0) or "")
      if request:find("\r\n\r\n", 1, true) then
        request = ""
        assert(peer:send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nserved\n"))
      end
      coroutine.yield()
    end
  end)
end

-- Runs the transfer in the multi, with a server in this process: the body, or nil, message,
-- name.
function openers.run(multi, easy, server)
  local body, result = {}, {}
  multi:add(easy:setopt("writefunction", body))
  repeat
    local running = assert(multi:perform())
    server()
    if running > 0 then
      assert(multi:poll(1))
    end
  until running == 0
  for _, ok, message, name in multi:results() do
    result = { ok, message, name }
  end
  multi:remove(easy)
  if result[1] then
    return table.concat(body)
  end
  return nil, result[2], result[3]
end

-- A server on an abstract UNIX socket: a listening Socket, and its name.
function openers.abstract_listener()
  local name = "@curlsock-spec-" .. servers.free_port()
  local listener = assert(curl.socket("unix")):bind("unix:" .. name)
  return assert(listener:listen()), name
end

-- Serves the first connection that comes to the listener.
function openers.accepting(listener)
  local server
  return function()
    if not server then
      local peer = listener:accept(0)
      server = peer and openers.serving(peer)
    end
    return server and server()
  end
end

-- The ways to the web server, each with the options that it needs.
openers.ways = {
  { "plain HTTP", function()
    local web = servers.nginx()
    return web.url, web.port, {}
  end },
  { "HTTPS", function()
    local web = servers.nginx()
    return web.https_url, web.https_port, { cainfo = web.ca }
  end },
  { "HTTP/2 with TLS", function()
    local web = servers.nginx()
    return web.h2_url, web.h2_port, { cainfo = web.ca, http_version = "2tls" }
  end },
  { "HTTP/2 without TLS", function()
    local web = servers.nginx()
    return web.h2c_url, web.h2c_port, { http_version = "2-prior-knowledge" }
  end },
}

-- The same, and one that has no port.
openers.all_ways = {
  { "a UNIX socket", function()
    return "http://any.test", nil, { unix_socket_path = servers.nginx().unix }
  end }, table.unpack(openers.ways),
}

return openers
