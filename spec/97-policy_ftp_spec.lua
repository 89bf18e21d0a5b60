-- Policies and FTP, whose transfers have two connections, one of which may be accepted.

local curl = require "curlsock"
local policies = require "spec.support.policies"
local policy = require "curlsock.policy"
local servers = require "spec.support.servers"

local function fetch(rules, options)
  return policies.fetch(rules, servers.vsftpd().url .. "/hello.txt", options)
end

local function ftp_guard(options)
  options.protocols = "http,https,ftp"
  return policies.guard(options)
end

local active = { ftpport = "127.0.0.1" }

-- A policy that notes, and says yes to all.
local function noting(log)
  return {
    name = "noting",
    judge = function(_, target)
      log[#log + 1] = "judge " .. target.kind
      return true
    end,
    prepare = function(socket, address)
      log[#log + 1] = "prepare " .. (address.port == 0 and "listener" or curl.type(socket))
      return true
    end,
    accept = function(socket, peer)
      log[#log + 1] = ("accept %s from %s"):format(curl.type(socket), peer.ip)
      return true
    end,
    opened = function() log[#log + 1] = "opened" end,
    closed = function() log[#log + 1] = "closed" end,
    fence = { proxy = "" },
  }
end

describe("FTP", function()
  it("passive: both connections are judged, and told apart", function()
    local log = {}
    assert.equal("hello\n", fetch(policy.compose { noting(log) }))
    assert.same({ "judge origin", "prepare socket", "opened", "judge data", "prepare socket",
      "opened", "closed", "closed" }, log)
  end)

  it("active: what listens is judged and prepared, and what is accepted is asked about", function()
    local log = {}
    assert.equal("hello\n", fetch(policy.compose { noting(log) }, active))
    local text = table.concat(log, ", ")
    assert.matches("judge origin, prepare socket, opened, judge listen, prepare listener, opened",
      text, 1, true)
    assert.matches("accept socket from 127.0.0.1", text, 1, true)
    local _, opened = text:gsub("opened", "")
    local _, closed = text:gsub("closed", "")
    assert.equal(opened, closed)
  end)

  it("active: what is accepted may be refused", function()
    local rules = policy.compose {
      { name = "mine", accept = function() return nil, "nobody comes in" end },
    }
    local body, message = fetch(rules, active)
    assert.is_nil(body)
    assert.matches("mine: nobody comes in", message, 1, true)
  end)

  it("active: a hook that throws fails the transfer", function()
    local rules = policy.compose { { name = "mine", accept = function() error("thrown", 0) end } }
    assert.same({ nil, "thrown", "CALLBACK" }, { fetch(rules, active) })
  end)

  it("passes a guard that knows it, but for what listens", function()
    local rules = policy.compose { ftp_guard {} }
    assert.equal("hello\n", fetch(rules))
    local ok, message = pcall(fetch, rules, active)
    assert.is_false(ok)
    assert.matches("option 'ftpport'", message, 1, true)
  end)

  it("does not lead its data past the guard's ports", function()
    local port = servers.vsftpd().port
    local body, message = fetch(policy.compose { ftp_guard { ports = { port } } })
    assert.is_nil(body)
    assert.matches("guard: port %d+ is not allowed", message)
  end)

  it("binds both connections, and what listens is not bound twice", function()
    local bound = policy.compose { policy.bind { inet = "127.0.0.1" } }
    assert.equal("hello\n", fetch(bound))
    assert.equal("hello\n", fetch(bound, active))
    local other = policy.compose { policy.bind { inet = "127.0.0.9" } }
    local message = select(2, fetch(other, active))
    assert.matches("bind: it listens on another address", message, 1, true)
  end)
end)
