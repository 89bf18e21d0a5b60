-- What does a program make of a bad network? Every third connection is refused, every fifth ends in
-- the middle of its answer; a loop that tries again gets all pages nevertheless.
--
-- Run:      lua5.4 examples/14-fault.lua
-- Expected (the counts depend on the order of the transfers):
--   30 pages of 30, and 21 failed attempts: 15 refused, 6 cut
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local policy = require "curlsock.policy"
local urls = require("pages")(30)

local rules = policy.compose {
  policy.fault { refuse = { every = 3 }, cut = { every = 5, bytes = 60 } },
}
local loop <close> = require("curlsock.loop").new { policy = rules }
local pages, refused, cut = 0, 0, 0

local function fetch(url)
  for _ = 1, 10 do
    local easy <close> = curl.easy { url = url, proxy = "", writefunction = {} }
    local ok, _, name = loop:perform(easy, 10)
    if ok then
      pages = pages + 1
      return
    end
    if name == "REFUSED" then refused = refused + 1 else cut = cut + 1 end
  end
end

local group = loop:group()
for _, url in ipairs(urls) do group:spawn(fetch, url) end
group:wait()
print(("%d pages of %d, and %d failed attempts: %d refused, %d cut"):format(pages, #urls,
  refused + cut, refused, cut))
