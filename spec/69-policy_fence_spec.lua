-- An easy that was under fences and has left them behaves as one that never was: random walks
-- beside a model of what each option must be, observed by what transfers do.

local curl = require "curlsock"
local easies = require "spec.support.easies"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local transfers = require "spec.support.transfers"

local STEPS <const>, WALKS <const> = 60, 6

-- Options that can be told by a transfer of /redirect?to=/hello: name -> { values }. What a value
-- means is in observe.
local options = {
  followlocation = { 0, 1 },
  maxredirs = { 0, 5 },
  http_version = { "1.0", "1.1" },
  forbid_reuse = { 0, 1 },
  fresh_connect = { 0, 1 },
  protocols_str = { "ftp", "http" },
  connect_to = { {}, { "::127.0.0.1:1" } },
  interface = { "127.0.0.9", "127.0.0.1" },
  localport = { 0 },
  maxfilesize = { 0, 3 },
  unix_socket_path = {},
  proxy = { "http://127.0.0.1:1", "" },
  noproxy = { "127.0.0.1", "nowhere.example" },
}
local defaults = { followlocation = 0, http_version = "1.1", forbid_reuse = 0, fresh_connect = 0,
  connect_to = {}, maxfilesize = 0, localport = 0 }
local strings = { "protocols_str", "interface", "proxy", "noproxy" }
local names = {}
for name in pairs(options) do names[#names + 1] = name end
table.sort(names)

local function is_equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  return table.concat(a, "\0") == table.concat(b, "\0")
end

-- What a transfer with these options must give: the name of an error, or the body's first word,
-- the redirects, and whence it connects; nil where releases differ.
local function expected(set)
  local function value(name)
    if set[name] == nil then return defaults[name] end
    return set[name]
  end
  if value "protocols_str" == "ftp" then return "UNSUPPORTED_PROTOCOL" end
  local proxied = (value "proxy" or "") ~= "" and value "noproxy" ~= "127.0.0.1"
  if proxied or #value "connect_to" > 0 then return "COULDNT_CONNECT" end
  local ends = value "followlocation" == 1 and value "maxredirs" == 0
  if value "maxfilesize" == 3 then return not ends and "FILESIZE_EXCEEDED" or nil end
  if ends then return "TOO_MANY_REDIRECTS" end
  return ("%d %s %s"):format(value "followlocation", value "http_version",
    value "interface" or "any")
end

-- Without an interface libcurl takes a kept connection from any.
local function observed(easy, ok, name, sent, interface)
  if not ok then return name end
  return ("%d %s %s"):format(easy:getinfo "redirect_count", sent:match "HTTP/(%S+)",
    interface and easy:getinfo "local_ip" or "any")
end

-- One of a list; a random generator of its own, to name the walk by its seed.
local function generator(seed)
  return function(n)
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return (seed >> 16) % n + 1
  end
end

local function pick(random, list) return list[random(#list)] end

-- A fence of some options, and what it makes of what the script has set: nil if that is refused.
local function fence_of(random)
  local fence = {}
  for _, name in ipairs(names) do
    if random(3) == 1 and #options[name] > 0 then fence[name] = pick(random, options[name]) end
    if name == "interface" and random(5) == 1 then fence[name] = false end
  end
  return fence, function(set)
    local result = {}
    for name, value in pairs(set) do result[name] = value end
    for name, value in pairs(fence) do
      local own = set[name]
      if name == "connect_to" then
        result[name] = table.move(value, 1, #value, #(own or {}) + 1,
          table.move(own or {}, 1, #(own or {}), 1, {}))
      elseif own ~= nil and not is_equal(own, value) then
        return nil
      elseif value then
        result[name] = value
      end
    end
    return result
  end
end

-- libcurl has no way back to a number's default but by a value: these have been set then.
local function change(random, easy, set)
  local name = pick(random, names)
  local value = options[name][random(#options[name] + 1)]
  if value ~= nil then
    assert(easy:setopt(name, value))
    set[name] = value
  else
    for _, text in ipairs(strings) do
      if text == name then
        assert(easy:unset(name))
        set[name] = nil
      end
    end
  end
end

local function ended(ok, _, name) return ok, name end

local function walk(seed)
  local random = generator(seed)
  local url = servers.nginx().url .. "/redirect?to=/hello"
  local sent
  local function fresh(easy)
    return easy:setopt { url = url, writefunction = function() end, timeout = 5, verbose = true,
      debugfunction = function(kind, data) sent = kind == "header_out" and data or sent end }
  end
  local easy, set, pools = fresh(curl.easy()), {}, {}
  for i = 1, 4 do
    local fence, under = fence_of(random)
    pools[i] = { multi = curl.multi { policy = { fence = fence } }, under = under }
  end
  pools[5] = { multi = curl.multi(), under = function(own) return own end }
  for step = 1, STEPS do
    local act, pool = random(10), pools[random(6)]
    if act <= 4 then
      change(random, easy, set)
    elseif act == 5 and random(3) == 1 then
      easy, set = fresh(easy:reset()), {}
    elseif act == 6 and random(2) == 1 then
      local copy = easy:dup()
      easy:close()
      easy = copy
    else
      local where = ("seed %d, step %d"):format(seed, step)
      local want = (pool and pool.under or function(own) return own end)(set)
      local ok, name
      if not pool then
        ok, name = ended(easy:perform())
      elseif not want then
        assert.is_false((pcall(pool.multi.add, pool.multi, easy)), where)
      else
        ok, name = ended(transfers.run(pool.multi, easy))
      end
      local result = want and expected(want)
      if result then
        assert.equal(result, observed(easy, ok, name, sent, want.interface), where)
      end
    end
  end
  easy:close()
  for _, pool in ipairs(pools) do pool.multi:close() end
end

describe("a fence that is set and taken back in any order", function()
  for seed = 1, WALKS do
    it("leaves nothing behind (walk " .. seed .. ")", function() walk(seed) end)
  end

  it("leaves an easy that proxies of the environment still reach", function()
    local script = [[
      local curl = require "curlsock"
      local easy = curl.easy { url = arg[1], writefunction = function() end }
      local multi = curl.multi { policy = { fence = { proxy = "", noproxy = "*" } } }
      multi:add(easy)
      while multi:perform() > 0 do multi:poll(1) end
      for _, ok in multi:results() do print(ok) end
      multi:remove(easy)
      print(select(3, easy:perform()))
    ]]
    local said = process.output(("http_proxy=http://127.0.0.1:1 %s -e %s /dev/null %s"):format(
      process.lua(), process.quote(script), easies.url "/hello"))
    assert.equal("true\nCOULDNT_CONNECT", said)
  end)
end)
