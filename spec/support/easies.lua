-- Easies as many specs make them.

local assert = require "luassert"
local curl = require "curlsock"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local easies = {}

-- A path of the web server, or a URL: the URL.
function easies.url(path)
  return path:find("^%a+://") and path or servers.nginx().url .. path
end

-- An easy for a path or a URL.
function easies.plain(path, options)
  return assert(curl.easy(options)):setopt { url = easies.url(path), proxy = "" }
end

-- The same, which drops its body and does not wait for ever, if the options say nothing else.
function easies.quiet(path, options)
  local all = { writefunction = function() end, timeout = 20 }
  for name, value in pairs(options or {}) do all[name] = value end
  return easies.plain(path, all)
end

-- An easy, and the list that its body goes to, if the options say nothing else.
function easies.new(path, options)
  local body = {}
  local easy = easies.plain(path, options)
  if not (options and options.writefunction) then easy:setopt("writefunction", body) end
  return easy, body
end

-- Performs: what has come in body, the easy's list, since.
function easies.fetch(easy, body)
  for i = #body, 1, -1 do body[i] = nil end
  assert(easy:perform())
  return table.concat(body)
end

-- The body of a path or a URL.
function easies.get(path, options)
  local easy <close>, body = easies.new(path, options)
  return easies.fetch(easy, body)
end

-- An easy for a URL, which does not wait for ever.
function easies.at(url, options)
  return assert(curl.easy { url = url, proxy = "", timeout = 20 }:setopt(options or {}))
end

-- For the specs of one callback, three functions of (url, callback [, options]): an easy that has
-- it, its body (or nil, message, name), and what its perform throws.
function easies.of(callback)
  local function new(url, f, options)
    local easy = curl.easy { url = url, proxy = "", timeout = 20, [callback] = f }
    return assert(easy:setopt(options or {}))
  end
  local function get(...)
    local easy <close> = new(...)
    return transfers.fetch(easy)
  end
  return new, get, function(...) return errors.thrown(get, ...) end
end

return easies
