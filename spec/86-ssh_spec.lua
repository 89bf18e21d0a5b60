-- ssh_hostkeyfunction and ssh_keyfunction: whether an SSH server is the one that is meant. Only a
-- yes is a yes.

local curl = require "curlsock"
local described = require "spec.support.described"
local errors = require "spec.support.errors"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local surface = require "spec.support.surface"
local transfers = require "spec.support.transfers"

local ssh

setup(function()
  ssh = servers.sshd()
end)

local function new(options)
  local easy = curl.easy(ssh.options)
  return assert(easy:setopt { url = ssh.url .. "/hello.txt", writefunction = {} }:setopt(options))
end

-- The body, or nil, message, name.
local function fetch(options)
  local easy <close> = new(options)
  return transfers.fetch(easy)
end

local function with(name, f)
  local options = { [name] = f }
  if name == "ssh_keyfunction" then options.ssh_knownhosts = ssh.known end
  return options
end

before_each(function() process.write(ssh.known, "") end)

local names = {}
for _, name in ipairs(surface.rare_callbacks) do
  if name:find("^ssh") then names[#names + 1] = name end
end

for _, name in ipairs(names) do
  describe(name, function()
    it("lets the transfer go on with true, or a file", function()
      assert.equal("hello\n", fetch(with(name, function() return true end)))
      assert.equal("hello\n", fetch(with(name, function() return io.stdout end)))
    end)

    it("refuses with all else that is an answer, and says why", function()
      for _, answer in ipairs { { false }, { n = 0 }, { nil, "not mine" }, { false, "no" } } do
        local pattern = answer[2] or ""
        errors.failed("PEER_FAILED_VERIFICATION", pattern,
          fetch(with(name, function() return table.unpack(answer, 1, answer.n or 2) end)))
      end
    end)

    it("names what is no answer", function()
      for _, answer in ipairs { 1, {}, "yes", print } do
        errors.matches(("^%s: must return %s, got "):format(name, described.must_return(name)),
          fetch, with(name, function() return answer end))
      end
    end)

    it("fails its transfer by what it throws, alone and in a multi", function()
      local thrown = {}
      local easy <close> = new(with(name, function() error(thrown, 0) end))
      local ok, value = pcall(easy.perform, easy)
      assert.same({ false, true }, { ok, rawequal(thrown, value) })
      local multi <close> = curl.multi():add(easy)
      transfers.drive(multi)
      local _, err, why = transfers.only_result(multi)
      assert.same({ true, "CALLBACK" }, { rawequal(thrown, err), why })
      multi:close()
    end)

    it("gets the easy last, on which other calls are refused", function()
      local refused = 0
      local easy
      easy = new(with(name, function(...)
        assert.equal(easy, (select(select("#", ...), ...)))
        for _, method in ipairs { "perform", "reset", "close" } do
          local ok, message = pcall(easy[method], easy)
          if not ok and message:find("is not allowed inside a callback", 1, true) then
            refused = refused + 1
          end
        end
        return true
      end))
      assert(easy:perform())
      assert.equal(3, refused)
      local copy = easy:dup()
      easy:close()
      easy = copy
      assert(copy:setopt("writefunction", {}):perform())
      assert.equal(6, refused)
      copy:close()
    end)
  end)
end

describe("ssh_hostkeyfunction", function()
  it("gets the server's key, and its type", function()
    local type, key
    assert(fetch { ssh_hostkeyfunction = function(...)
      type, key = ...
      return true
    end })
    local text = process.output(
      ("printf %%s '%s' | base64 -d | od -An -v -tx1 | tr -d ' \\n'"):format(ssh.hostkey))
    assert.equal(text, (key:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
    assert.equal("ecdsa", type)
  end)
end)

describe("ssh_keyfunction", function()
  local function asked(answer)
    local got
    local body, _, why = fetch(with("ssh_keyfunction", function(known, found, match)
      got = { known = known, found = found, match = match }
      return answer
    end))
    return got, body or why
  end

  local function bytes(key)
    return key.base64 or process.output(("printf '%s' | base64 -w0"):format(
      key.key:gsub(".", function(c) return ("\\%03o"):format(c:byte()) end)))
  end

  it("is told what the file of known hosts says", function()
    local got = asked(true)
    assert.equal("missing", got.match)
    assert.is_nil(got.known)
    assert.equal(ssh.hostkey, bytes(got.found))
    assert.equal("", process.read(ssh.known))
    local _, result = asked("fine_add_to_file")
    assert.equal("hello\n", result)
    assert.truthy(process.read(ssh.known):find(ssh.hostkey, 1, true))
    got = asked("fine")
    assert.equal("ok", got.match)
    assert.equal(ssh.hostkey, bytes(got.known))
  end)

  it("is told of another key than the known one", function()
    local other = ssh.hostkey:gsub("..$", "AA")
    process.write(ssh.known, ("[127.0.0.1]:%d ecdsa-sha2-nistp256 %s\n"):format(ssh.port, other))
    local got, result = asked("reject")
    assert.equal("mismatch", got.match)
    assert.equal("PEER_FAILED_VERIFICATION", result)
    errors.matches("^ssh_keyfunction: must return true, ", asked, "defer")
  end)
end)
