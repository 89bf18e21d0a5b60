-- Fetches a list of URLs, 20 at a time, from plain coroutines: under luv (libuv).
--
-- Run:      lua5.4 examples/09-luv.lua [URL...]
-- Expected, without a URL (60 such lines; one after another they would take 3 s):
--   200     60 bytes  http://127.0.0.1:44363/1
--   ...
--   60 of 60 fetched in 0.31 s
-- Under another loop only the line that makes the loop is another: see 08 to 11.
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local curl = require "curlsock"
local loop <close> = require("curlsock.luv").new()

local urls = arg[1] and arg or require("pages")(60)
local start, last, fetched = curl.now(), 0, 0

-- Fetches one URL. perform waits for the end of the transfer; meanwhile others run.
local function fetch(url)
  local body = {}
  local easy <close> = curl.easy { url = url, followlocation = true, writefunction = body }
  local ok, message = loop:perform(easy, 30)
  if not ok then return print(("failed            %s: %s"):format(url, message)) end
  fetched = fetched + 1
  local status = easy:getinfo("response_code")
  print(("%d %6d bytes  %s"):format(status, #table.concat(body), url))
end

-- Takes the next URL as long as there is one. Twenty of these share the list.
local function work()
  while last < #urls do
    last = last + 1
    fetch(urls[last])
  end
end

for _ = 1, 20 do loop:spawn(work) end
loop:run()
print(("%d of %d fetched in %.2f s"):format(fetched, #urls, curl.now() - start))
