-- What does a program make of a bad network? Every third connection is refused, every fifth ends in
-- the middle of its answer; a loop that tries again gets all pages nevertheless.
--
-- Run:      lua5.4 examples/14-fault.lua
-- Expected (the counts depend on the order of the transfers):
--   30 pages of 30, and 21 failed attempts:
--     COULDNT_CONNECT 0, PARTIAL_FILE 6, REFUSED 15
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"
local urls = require("pages")(30)

local rules = policy.compose {
  policy.fault { refuse = { every = 3 }, cut = { every = 5, bytes = 60 } },
}
local loop <close> = require("curlsock.loop").new { policy = rules }
local pages, failed = 0, { COULDNT_CONNECT = 0, PARTIAL_FILE = 0, REFUSED = 0 }

local function fetch(url)
  for _ = 1, 10 do
    local easy <close> = curl.easy { url = url, proxy = "", writefunction = {} }
    local ok, _, name = loop:perform(easy, 10)
    if ok then
      pages = pages + 1
      return
    end
    failed[name] = failed[name] + 1
  end
end

local group = loop:group()
for _, url in ipairs(urls) do group:spawn(fetch, url) end
group:wait()
print(("%d pages of %d, and %d failed attempts:"):format(pages, #urls,
  failed.COULDNT_CONNECT + failed.PARTIAL_FILE + failed.REFUSED))
print(("  COULDNT_CONNECT %d, PARTIAL_FILE %d, REFUSED %d"):format(failed.COULDNT_CONNECT,
  failed.PARTIAL_FILE, failed.REFUSED))
