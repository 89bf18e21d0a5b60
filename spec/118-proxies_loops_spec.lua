-- Transfers through proxies (114) under each loop, where multi:pollfd exists and where it does not
-- (spec/support/proxied.lua).

local left = require "spec.support.left"
local loops = require "spec.support.loops"
local proxied = require "spec.support.proxied"
local proxies = require "spec.support.proxies"
local servers = require "spec.support.servers"
local system = require "spec.support.system"

local silent, environment

-- The proxy's URL with the port of another.
local function instead(way, port)
  return (way.proxy():gsub(":%d+$", ":" .. port))
end

-- The ways as a Lua expression, for the scenarios' own process.
local function ways()
  local words, gone = {}, servers.free_port()
  for name, way in pairs(proxies.ways) do
    words[#words + 1] = ("[%q] = { tls = %s, options = { proxy = %q, httpproxytunnel = %s }, "
      .. "silent = { proxy = %q }, gone = { proxy = %q } }"):format(name, way.url == "https",
      way.proxy(), way.more ~= nil, instead(way, silent.port), instead(way, gone))
  end
  return "return { " .. table.concat(words, ", ") .. " }"
end

setup(function()
  local web = servers.nginx()
  silent = servers.silent()
  environment = {
    SCENARIO_URL = web.url, SCENARIO_HTTPS_URL = web.https_url, SCENARIO_CA = web.ca,
    SCENARIO_BIG_SIZE = tostring(#web.big), SCENARIO_WAYS = ways(),
    SCENARIO_WEBSOCKET = system.websocket and servers.websocket().url or nil,
  }
end)

teardown(function() servers.stop(silent) end)

local function run(name, raw, title)
  local script = [[require("spec.support.proxied").run(%q, %s, %q)]]
  local out, err = left.pass(script:format(name, raw, title), environment)
  -- luv itself prints the error of a descriptor that it watches.
  if name == "luv" and raw then err = err:gsub("EBADF: bad file descriptor\n", "") end
  assert.same({ "", "" }, { out, err })
end

for _, name in ipairs(loops.names) do
  for _, raw in ipairs(loops.modes) do
    describe(("By proxies, curlsock.%s%s:"):format(name, raw and ", without pollfd" or ""),
      function()
        for _, title in ipairs(proxied.titles(name, raw, "proxies")) do
          it(title, function() run(name, raw, title) end)
        end
      end)
  end
end
