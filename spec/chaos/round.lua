-- A round of a program: an easy with a place to go to, callbacks and options, and a transfer of it.

local acts = require "spec.chaos.acts"
local callbacks = require "spec.chaos.callbacks"
local curl = require "curlsock"
local fly = require "spec.chaos.fly"
local parts = require "spec.chaos.parts"
local place = require "spec.chaos.places"
local pick = require("spec.chaos.random").pick

-- A new easy, or one that has been used.
local function easy_of(w, R)
  local e = R(3) > 1 and w:used(R)
  if not e then
    e = w:keep(R, "easy", curl.easy(callbacks.pool(w, R, 8)))
    w:log("new", e)
    return e
  end
  if R(3) > 1 then
    w:leave_multis(e)
    w:try(e, "reset")
  end
  w:log("again", e)
  return e
end

-- It, and what it was given: w.null is where libcurl may write.
local function begin(w, R, home)
  local options = place(R, w.folder)
  options.stderr, options.nosignal, options.verbose = w.null, true, R(3) == 1
  options.ssl_verifypeer, options.ssl_verifyhost = false, false
  options.proxy_ssl_verifypeer, options.proxy_ssl_verifyhost = false, false
  options.timeout_ms = options.timeout_ms or pick(R, { 50, 300, 1000, 1000 })
  local e = easy_of(w, R)
  w:try(e, "setopt", options)
  if home == "share" and R(4) > 1 then w:try(e, "setopt", "share", acts.share(w, R)) end
  return e, options
end

-- The URL as a Url, which stays.
local function as_url(w, R, text)
  local ok, url = pcall(curl.url, text, "guess_scheme", "non_support_scheme")
  return ok and url and w:keep(R, "url", url) or text
end

-- home: the cache that most transfers meet in.
return function(w, R, home)
  local e, options = begin(w, R, home)
  callbacks.prepare(w, e)
  if R(2) == 1 then callbacks.set(w, R, e) end
  if R(8) == 1 then w:try(e, "setopt", "mimepost", parts(w, R, e)) end
  if R(2) == 1 then
    for _ = 1, R(4) do
      acts.setopt(w, R, e)
    end
    w:try(e, "setopt", { timeout_ms = options.timeout_ms, stderr = w.null })
  end
  if R(6) == 1 then w:try(e, "setopt", "url", as_url(w, R, options.url)) end
  w:count "transfers"
  fly(w, R, e, home)
  local ok, message = pcall(acts.any, w, R)
  if not ok then w:log("raised", message) end
end
