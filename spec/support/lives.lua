-- The life of every socket in a line: which easy opened it (and, if told, for what), and each
-- close event with the Socket's state in it, and whose callback that was: "A, closing for A". A
-- Socket is known by its address: the log must not keep it alive.

local assert = require "luassert"
local curl = require "curlsock"

local lives = {}

function lives.new_log(with_purpose)
  local log = { records = {} }

  function log.open(name)
    return function(purpose, address)
      local socket = assert(address:socket())
      local title = with_purpose and ("%s %s"):format(name, purpose) or name
      socket.data = { title, id = ("%p"):format(socket) }
      table.insert(log.records, socket.data)
      return socket
    end
  end

  function log.close(name)
    return function(socket)
      assert.equal(socket.data.id, ("%p"):format(socket))
      table.insert(socket.data, ("%s for %s"):format(socket:state(), name))
      if socket.data.on_event then socket.data.on_event() end
    end
  end

  function log.lives()
    local list = {}
    for i, record in ipairs(log.records) do
      list[i] = table.concat(record, ", ")
    end
    return list
  end

  return log
end

-- An easy whose sockets are in the log under that name.
function lives.new_easy(log, name, options)
  local all = {
    proxy = "",
    timeout = 20,
    opensocketfunction = log.open(name),
    closesocketfunction = log.close(name),
  }
  for key, value in pairs(options) do
    all[key] = value
  end
  return assert(curl.easy(all))
end

return lives
