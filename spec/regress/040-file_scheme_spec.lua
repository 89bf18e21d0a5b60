-- file:// in libcurl before 8.14.0 (fileurl.c; spec/upstream has each fault in plain C): with
-- connect_only, or refused by the progress callback just after its end, its connection stayed in
-- the cache, and another transfer closed descriptor 0 or crashed; a refusal lost a descriptor. And
-- before 8.20.0 a path with %00 closed descriptor 0 by itself.
local curl = require "curlsock"
local left = require "spec.support.left"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local path = "file://" .. servers.dir() .. "/file"
process.write(servers.dir() .. "/file", "file\n")
local older = curl.version_info().version_num

describe("file://", function()
  it("with connect_only is refused, whatever came between", function()
    for _, share in ipairs { false, curl.share { share = "connect" } } do
      local easy <close> = curl.easy { url = path, proxy = "", connect_only = 1 }
      if share then easy:setopt("share", share) end
      local ok, message, name = easy:perform()
      assert.same({ nil, "NOT_SUPPORTED" }, { ok, name })
      assert.truthy(message:find("connect_only has no meaning for file://", 1, true), message)
      easy:setopt { connect_only = false, writefunction = {} }
      assert.is_true(easy:perform())
      easy:setopt("url", servers.nginx().url .. "/hello")
      assert.is_true(easy:perform())
    end
  end)

  it("with connect_only set by a callback of the transfer itself is refused", function()
    local easy
    easy = curl.easy { url = path, prereqfunction = function()
      easy:setopt("connect_only", 1)
      return true
    end }
    assert.equal("NOT_SUPPORTED", select(3, easy:perform()))
    easy:close()
  end)

  it("with connect_only and a prereqfunction that refuses says why that did", function()
    local easy <close> = curl.easy { url = path, connect_only = 1,
      prereqfunction = function() return false, "not now" end }
    local _, message, name = easy:perform()
    assert.equal("ABORTED_BY_CALLBACK", name)
    assert.truthy(message:find("not now", 1, true))
  end)

  it("is still refused when it was duplicated, and not after a reset", function()
    local easy <close> = curl.easy { url = path, connect_only = 1 }
    local copy <close> = easy:dup()
    assert.equal("NOT_SUPPORTED", select(3, copy:perform()))
    copy:reset():setopt { url = path }
    assert.is_true(copy:perform())
  end)

  -- At each call of xferinfofunction, on an easy that has made a transfer, or none.
  it("loses nothing when it is aborted, at any point", function()
    local before = left.descriptors()
    for _, warm in ipairs { false, true } do
      for nth = 1, 8 do
        local easy <close> = curl.easy { url = path, writefunction = {} }
        if warm then assert.is_true(easy:perform()) end
        local calls = 0
        easy:setopt("xferinfofunction", function()
          calls = calls + 1
          return calls ~= nth, "enough"
        end)
        local ok, message, name = easy:perform()
        if calls >= nth then
          assert.same({ nil, "ABORTED_BY_CALLBACK" }, { ok, name })
          assert.truthy(message:find("enough", 1, true), message)
        end
        easy:setopt { url = servers.nginx().url .. "/hello", proxy = "", xferinfofunction = print }
        easy:unset "xferinfofunction"
        assert.is_true(easy:perform())
      end
    end
    assert.same(before, left.descriptors())
  end)

  it("loses nothing when a callback throws", function()
    local before = left.descriptors()
    for nth = 1, 8 do
      local easy <close> = curl.easy { url = path, writefunction = {} }
      local calls = 0
      easy:setopt("xferinfofunction", function()
        calls = calls + 1
        if calls == nth then error("here", 0) end
      end)
      local ok, message = pcall(easy.perform, easy)
      assert.equal(calls < nth, ok)
      assert.truthy(ok or message == "here")
    end
    assert.same(before, left.descriptors())
  end)

  local function refuses(name, option, value)
    local easy <close> = curl.easy()
    local ok, message, got = easy:setopt(option, value)
    if older >= 0x081400 then return assert(ok, message) end
    assert.same({ nil, name }, { ok, got })
  end

  it("with a %00 in its path cannot be set", function()
    refuses("URL_MALFORMAT", "url", "file:///etc/passwd%00")
    refuses("URL_MALFORMAT", "url", "FILE:/a%00b")
    refuses("UNSUPPORTED_PROTOCOL", "default_protocol", "file")
    refuses("UNSUPPORTED_PROTOCOL", "default_protocol", "file:///a%00b?")
  end)

  it("cannot be where a redirect leads", function()
    refuses("UNSUPPORTED_PROTOCOL", "redir_protocols_str", "http,FILE")
    refuses("UNSUPPORTED_PROTOCOL", "redir_protocols_str", "all")
    refuses("UNSUPPORTED_PROTOCOL", "redir_protocols", -1)
    local easy <close> = curl.easy()
    assert(easy:setopt("redir_protocols_str", "http,https,ftp"))
    assert(easy:setopt("default_protocol", "https"))
  end)
end)
