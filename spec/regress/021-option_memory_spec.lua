-- Options by which libcurl reads or writes memory that is not the transfer's.
local curl = require "curlsock"
local servers = require "spec.support.servers"
local process = require "spec.support.process"

local old = curl.version_info().version_num < 0x080700

local function new(path, options)
  local body = {}
  local easy = curl.easy { url = servers.nginx().url .. path, proxy = "", writefunction = body }
  assert(easy:setopt(options))
  return easy, body
end

describe("The size of post fields", function()
  it("is not taken back: libcurl would send what comes behind them, up to a NUL", function()
    local easy <close>, body = new("/upload", { postfields = ("x"):rep(24) })
    local copy <close> = easy:dup()
    for _, e in ipairs { easy, copy } do
      for _, option in ipairs { "postfieldsize", "postfieldsize_large" } do
        assert.error_matches(function() e:setopt(option, -1) end,
          "option '" .. option .. "': postfields are set, whose size is known")
      end
    end
    assert(easy:setopt("postfieldsize", 3))
    assert(easy:perform())
    assert.equal("3\n", table.concat(body))
    easy:unset "postfields"
    assert.equal(easy, easy:setopt("postfieldsize", -1))
    easy:setopt("postfields", "x")
    easy:reset()
    assert.equal(easy, easy:setopt("postfieldsize", -1))
  end)
end)

describe("customrequest", function()
  it("cannot be changed by a callback that reads or seeks in what is sent", function()
    local easy, refused
    local function change()
      refused = { pcall(easy.setopt, easy, "customrequest", "Q") }
    end
    local resumes = curl.version_info().version_num < 0x081700 -- 8.23 cannot resume
    easy = new("/store/memory", {
      upload = true, infilesize = 10, resume_from = resumes and 5 or 0,
      customrequest = ("P"):rep(300),
      readfunction = function()
        if not resumes then change() end
        return "0123456789"
      end,
      seekfunction = function()
        change()
        return true
      end,
    })
    easy:perform()
    easy:close()
    assert.is_false(refused[1])
    assert.matches("'customrequest' cannot be changed during a transfer", refused[2])
  end)
end)

describe("Before libcurl 8.7", function()
  if not old then return end

  it("buffersize is never less than what a reset puts back", function()
    local file = os.tmpname()
    finally(function() os.remove(file) end)
    process.write(file, ("A"):rep(200000))
    local most = 0
    local easy <close> = curl.easy { url = "bogus://x/", buffersize = 1024 }
    local _, _, name = easy:perform() -- libcurl keeps its buffer after this
    assert.equal("UNSUPPORTED_PROTOCOL", name)
    easy:reset()
    easy:setopt { url = "file://" .. file, writefunction = function(s)
      most = math.max(most, #s)
    end }
    assert(easy:perform())
    easy:setopt("buffersize", 1024)
    most = 0
    assert(easy:perform())
    assert.truthy(most > 1024)
  end)

  it("upload_buffersize changes nothing, for it keeps a buffer for crlf", function()
    local first
    local easy <close> = new("/store/memory", { upload = true, crlf = true,
      httpheader = { "Expect:" } })
    local function upload(size)
      local left = 300000
      assert.equal(easy, easy:setopt("upload_buffersize", size))
      first = nil
      easy:setopt { infilesize = left, timeout = 2, readfunction = function(n)
        first = first or n
        if left == 0 then return end
        n = math.min(n, left)
        left = left - n
        return ("\n"):rep(n)
      end }
      easy:perform()
      return first
    end
    assert.equal(upload(1 << 14), upload(1 << 21))
  end)
end)

describe("What a share has", function()
  it("cannot be freed by hsts_ctrl of one easy", function()
    local share <close> = curl.share()
    if not pcall(assert, pcall(share.setopt, share, "share", "hsts")) then return end
    local easy <close> = curl.easy { share = share }
    assert.error_matches(function() easy:setopt("hsts_ctrl", 0) end, "is that of a share")
    assert.equal(easy, easy:setopt("hsts_ctrl", "enable"))
    easy:unset "share"
    assert.equal(easy, easy:setopt("hsts_ctrl", 0))
    assert(share:setopt("unshare", "hsts"))
    easy:setopt("share", share)
    assert.equal(easy, easy:setopt("hsts_ctrl", 0))
    easy:unset "share"
  end)

  it("is left alone inside the debugfunction of another easy", function()
    local share <close> = curl.share { share = "cookie" }
    local other <close> = new("/hello", { share = share, cookiefile = "" })
    local refused
    local easy <close> = new("/cookie", { share = share, cookiefile = "", verbose = true,
      debugfunction = function()
        refused = refused or { pcall(other.setopt, other, "cookielist", "ALL") }
      end })
    easy:perform()
    assert.is_false(refused[1])
    assert.matches("'cookielist' cannot be changed", refused[2])
    assert.equal(other, other:setopt("cookielist", "ALL"))
  end)
end)

describe("After a transfer that threw", function()
  it("a wrong connecttimeout is refused as ever", function()
    local fails = true
    local easy <close> = new("/hello", { writefunction = function()
      if fails then error "no" end
    end })
    assert.is_false(pcall(easy.perform, easy))
    assert.error_matches(function() easy:setopt("connecttimeout", -1) end, "from 0 to %d+ expected")
    assert.equal(easy, easy:setopt("connecttimeout", 20))
    fails = false
    assert.is_true(easy:perform())
  end)
end)
