-- The files of option hsts are read into the cache before each transfer. libcurl from 7.88.0 on has
-- none after a share that shares hsts was left, nor, before 8.21.0, after hsts_ctrl without
-- "enable": a crash in the next transfer.
local curl = require "curlsock"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local file = servers.dir() .. "/hsts-left"

-- Where a transfer to http://known.test, which only hsts.test's file turns to https, goes.
local function scheme(easy)
  easy:setopt { url = "http://known.test/", opensocketfunction = function() return false end,
    resolve = { "known.test:80:127.0.0.1", "known.test:443:127.0.0.1" }, proxy = "" }
  easy:perform()
  return easy:getinfo "effective_url":match "^%a+"
end

local function share_of_hsts()
  local share = curl.share()
  return pcall(assert, pcall(share.setopt, share, "share", "hsts")) and share or nil
end

before_each(function()
  process.write(file, 'known.test "20991231 10:00:00"\n')
end)

describe("The files of option hsts", function()
  it("are read after a share of hsts was left", function()
    local share <close> = share_of_hsts()
    if not share then return end
    local easy <close> = curl.easy { hsts = file, share = share }
    assert.equal("https", scheme(easy))
    easy:unset "share"
    assert.equal("https", scheme(easy))
  end)

  it("are read after a share of hsts was left for another share", function()
    local share <close> = share_of_hsts()
    if not share then return end
    local other <close> = curl.share()
    local easy <close> = curl.easy { share = share }
    easy:setopt("hsts", file)
    easy:setopt("share", other)
    assert.equal("https", scheme(easy))
    easy:setopt("share", share)
    assert.equal("https", scheme(easy))
    easy:unset "hsts"
    easy:unset "share"
    assert.equal("http", scheme(easy))
  end)

  it("are forgotten by hsts_ctrl without enable", function()
    local easy <close> = curl.easy { hsts = file }
    assert.equal("https", scheme(easy))
    easy:setopt("hsts_ctrl", 0)
    assert.equal("http", scheme(easy))
    easy:setopt("hsts_ctrl", "enable")
    assert.equal("http", scheme(easy))
  end)

  it("are forgotten by hsts_ctrl without enable after a reset", function()
    local easy <close> = curl.easy { hsts = file }
    easy:reset()
    easy:setopt("hsts_ctrl", 0)
    assert.equal("http", scheme(easy))
  end)
end)
