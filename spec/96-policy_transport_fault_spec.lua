-- policy.transport and policy.fault, in every loop.

local curl = require "curlsock"
local errors = require "spec.support.errors"
local left = require "spec.support.left"
local loops = require "spec.support.loops"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local servers = require "spec.support.servers"

local fetch = policies.fetch

local function rules_of(...)
  return policy.compose { ... }
end

local in_loops = require "spec.policy.in_loops"

for _, name in ipairs(loops.names) do
  describe("In curlsock." .. name, function()
    for _, title in ipairs(in_loops.titles) do
      it(title, function()
        local web = servers.nginx()
        local script = ("require('spec.policy.in_loops').run(%q, %q)"):format(name, title)
        local out, err = left.pass(script,
          { SCENARIO_URL = web.url, SCENARIO_BIG_SIZE = tostring(#web.big) })
        assert.same({ "", "" }, { out, err })
      end)
    end
  end)
end

describe("Without a loop", function()
  local url

  setup(function() url = servers.nginx().url .. "/hello" end)

  it("transport says that it needs one", function()
    local body, message, name = fetch(rules_of(policy.transport(print)), url)
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("transport: it needs a loop", message, 1, true)
  end)

  it("delay and cut say so, too", function()
    for kind, when in pairs { delay = { seconds = 1 }, cut = { bytes = 1 } } do
      local message = select(2, fetch(rules_of(policy.fault { [kind] = when }), url))
      assert.matches("fault: " .. kind .. " needs a loop", message, 1, true)
    end
  end)

  it("the others do without", function()
    local body, message, name = fetch(rules_of(policy.fault { refuse = true }), url)
    assert.same({ nil, "REFUSED" }, { body, name })
    assert.matches("fault: refused on purpose", message, 1, true)
    name = select(3, fetch(rules_of(policy.fault { reset = true }), url))
    assert.truthy(name == "RECV_ERROR" or name == "SEND_ERROR", name)
    name = select(3, fetch(rules_of(policy.fault { hang = true }), url, { timeout = 0.2 }))
    assert.equal("OPERATION_TIMEDOUT", name)
  end)

  it("faults come by count, by chance, by host", function()
    local function names(faults, count, link)
      local multi <close> = curl.multi { policy = rules_of(policy.fault(faults)) }
      local list = {}
      for i = 1, count do
        local ok = policies.fetch_in(multi, link or url, { forbid_reuse = true })
        list[i] = ok and "." or "x"
      end
      return table.concat(list)
    end
    assert.equal("..x..x", names({ refuse = { every = 3 } }, 6))
    local next_random = 0
    local function random()
      next_random = (next_random + 0.4) % 1
      return next_random
    end
    assert.equal("..x.x", names({ refuse = { chance = 0.25 }, random = random }, 5))
    assert.equal("..", names({ refuse = { host = { "other.test" } } }, 2))
    assert.equal("xx", names({ refuse = { host = { "127.0.0.1" } } }, 2))
    assert.equal("xx", names({ refuse = { chance = 1 } }, 2))
    assert.equal("..", names({ refuse = { chance = 0 } }, 2))
  end)

  it("raises for what is no fault and no condition", function()
    errors.matches("fault: unknown option 'burn'", policy.fault, { burn = true })
    errors.matches("unknown option 'odds'", policy.fault, { refuse = { odds = 1 } })
    errors.matches("delay.seconds: number", policy.fault, { delay = true })
    errors.matches("cut.bytes: number", policy.fault, { cut = { bytes = "9" } })
    errors.matches("fault: host: name", policy.fault, { refuse = { host = { 1 } } })
    errors.matches("fault: random: function", policy.fault, { random = 1 })
    errors.matches("transport: serve: function expected, got nil", policy.transport)
    errors.matches("transport: unknown option", policy.transport, print, { port = 1 })
  end)
end)
