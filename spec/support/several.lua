-- Names that stand for several addresses, some of which never answer.

local servers = require "spec.support.servers"

local several = {}

-- An address that never answers, at the port where only 127.0.0.1 has a web server.
function several.dead(host)
  return servers.dead(host, servers.nginx().port4)
end

-- Options of a URL whose name stands for these addresses ("127.0.0.2,127.0.0.1").
function several.options(port, addresses, options)
  options = options or {}
  options.url = ("http://several.test:%d/hello"):format(port)
  options.resolve = { ("several.test:%d:%s"):format(port, addresses) }
  return options
end

return several
