-- Where transfers go (servers.py), and what each protocol wants so that they succeed.

local curl = require "curlsock"
local features = require "spec.chaos.features"
local pick = require("spec.chaos.random").pick

-- Before 8.1 libcurl does not survive HTTP/2 from hostile servers (when an idle connection gets a
-- GOAWAY or ends), nor DNS over HTTP/2 that is cut short: there they are tame, and it is HTTP/1.1.
local version = curl.version_info().version_num
local is_old = version < 0x080100
local ports = is_old and { http = ":81/", https = ":444/" } or { http = "/", https = "/" }
local dns = is_old and "https://127.0.0.1:8443/dns" or "https://127.0.0.1/dns"

local function web(R)
  return pick(R, { "", "", "big/100000", "chunks/100", "redirect/5", "redirect/60", "elsewhere",
    "slow", "headers/100", "auth", "close", "interim/3", "silence", "reset", "zip", "refuse",
    "range" })
end

local function at(scheme, ...)
  local paths = { ... }
  return function(R)
    return { url = scheme .. "://127.0.0.1" .. pick(R, paths) }
  end
end

local function with(place, options)
  return function(R)
    local o = place(R)
    for name, value in pairs(options) do
      if o[name] == nil then o[name] = value end
    end
    return o
  end
end

local login = { userpwd = "user:word" }

local function ftp(scheme)
  local place = at(scheme, "/f", "/f", "/f", "/", "/*", "/d/e/f;type=a", ":21/f")
  return function(R)
    local o = place(R)
    if scheme == "ftps" then o.url = o.url:gsub(":21", "") end
    if R(3) == 1 then o.ftpport = "-" end
    if R(4) == 1 then o.upload = true end
    if R(6) == 1 then o.wildcardmatch = true end
    if R(6) == 1 then o.quote, o.postquote, o.prequote = { "NOOP" }, { "NOOP" }, { "*NOOP" } end
    if R(6) == 1 and scheme == "ftp" then o.use_ssl = 3 end
    if R(6) == 1 then o.nobody = true end
    if R(8) == 1 then o.dirlistonly = true end
    return o
  end
end

local function mail(place)
  return function(R)
    local o = with(place, login)(R)
    if R(5) == 1 then o.use_ssl = R(3) end
    if R(8) == 1 then o.customrequest = pick(R, { "NOOP", "EXAMINE x", "SEARCH NEW" }) end
    if R(6) == 1 then o.login_options = "AUTH=" .. pick(R, { "PLAIN", "LOGIN", "*" }) end
    return o
  end
end

local function smtp(scheme)
  local letter = { mail_from = "<a@b>", mail_rcpt = { "<c@d>", "<e@f>" }, upload = true,
    infilesize = 12 }
  return mail(with(at(scheme, "/", ""), letter))
end

local function imap(scheme)
  local place = at(scheme, "/INBOX;UID=1", "/INBOX;UID=1", "/", "/x?ALL", "/INBOX/;MAILINDEX=1")
  return mail(function(R)
    if R(5) > 1 then return place(R) end
    return { url = scheme .. "://127.0.0.1/x", upload = true, infilesize = 12 }
  end)
end

local function http(R, scheme)
  local o = { url = scheme .. "://127.0.0.1" .. ports[scheme] .. web(R) }
  if R(2) == 1 then o.followlocation, o.maxredirs = true, pick(R, { 5, 100 }) end
  if R(5) == 1 then o.upload, o.infilesize = true, pick(R, { -1, 5, 12, 100000 }) end
  if R(6) == 1 then o.postfields = ("p"):rep(R(0, 3000)) end
  if R(12) == 1 then
    o.mimepost = { { name = "a", data = "b" },
      { name = "c", parts = { { data = ("d"):rep(R(9999)) } } } }
  end
  if R(8) == 1 then o.userpwd, o.httpauth = "u:p", pick(R, { 1, 2, 4, 8, -17 }) end
  if R(8) == 1 then o.nobody = true end
  if R(8) == 1 then o.accept_encoding = "" end
  if R(8) == 1 then o.httpheader = { "Expect: 100-continue", "A: b" } end
  if R(8) == 1 then o.cookiefile = "" end
  if R(10) == 1 then o.range = pick(R, { "0-4", "-5", "5-" }) end
  if R(10) == 1 then o.resume_from = pick(R, { 1, 100, -1 }) end
  if R(4) == 1 then o.http_version = R(1, 5) end
  return o
end

-- By UDP alone, or in a race with TCP, or where the file says (program.lua makes it). What is lost
-- on the way comes late.
local function http3(R)
  local o = http(R, "https")
  o.http_version, o.timeout_ms = pick(R, { "3only", "3only", "3" }), pick(R, { 50, 1000, 2500 })
  if R(6) == 1 then o.url = "https://127.0.0.1/" .. pick(R, { "big/1000000", "big/9", "" }) end
  if R(4) == 1 then
    o.altsvc, o.altsvc_ctrl = "altsvc", { "h1", "h2", "h3" }
    if R(2) == 1 then
      o.url, o.http_version = o.url:gsub("127%.0%.0%.1", "127.0.0.1:444"), "3"
    end
  end
  if features.earlydata and R(6) == 1 then o.ssl_options = "earlydata" end
  return o
end

-- A proxy goes in front of any of them.
local proxies = {
  "http://127.0.0.1:3128", "https://127.0.0.1:3129", "socks4://127.0.0.1", "socks4a://127.0.0.1",
  "socks5://127.0.0.1", "socks5h://127.0.0.1",
}

local function proxied(R)
  local o = http(R, pick(R, { "http", "http", "https" }))
  o.proxy, o.httpproxytunnel = pick(R, proxies), R(2) == 1
  if features.http3 and R(4) == 1 then o.http_version = "3" end
  return o
end

-- Nobody but the server of DoH knows the name.
local function by_doh(R)
  local o = http(R, pick(R, { "http", "https" }))
  o.url = o.url:gsub("127%.0%.0%.1", "only.doh")
  o.doh_url, o.doh_ssl_verifypeer, o.doh_ssl_verifyhost = dns, false, false
  return o
end

local function rtsp(R)
  return {
    url = "rtsp://127.0.0.1/x", rtsp_request = R(1, 11), rtsp_stream_uri = "rtsp://127.0.0.1/x",
    rtsp_transport = R(2) == 1 and "RTP/AVP" or nil,
  }
end

local function mqtt(R)
  return { url = "mqtt://127.0.0.1/topic", postfields = R(2) == 1 and "message" or nil }
end

local function tftp(R)
  return {
    url = "tftp://127.0.0.1/f", upload = R(3) == 1, tftp_no_options = R(2) == 1,
    tftp_blksize = R(6) == 1 and pick(R, { 8, 512, 65464 }) or nil,
  }
end

local function file(R, folder)
  local name = pick(R, { "file", "file", "file", "empty", "none", "" })
  local o = { url = "file://" .. folder .. "/" .. name }
  if R(4) == 1 then o.url, o.upload = "file://" .. folder .. "/up", true end
  if R(8) == 1 then o.range = "1-3" end
  if R(8) == 1 then o.nobody = true end
  return o
end

-- To servers of other protocols, and to nobody.
local function wrong(R)
  return {
    url = pick(R, { "http://127.0.0.1:1/", "http://[::1]/", "http://none.invalid/", "bogus://x/",
      "http://127.0.0.1:13/", "https://127.0.0.1:13/", "https://127.0.0.1:80/",
      "ftp://127.0.0.1:9/",
      "imap://127.0.0.1:25/", "smtp://127.0.0.1:21/", "ldap://127.0.0.1/", "smb://127.0.0.1/x/y",
      "scp://127.0.0.1/x", "sftp://127.0.0.1/x", "ws://127.0.0.1:13/", "http://localhost/",
      "telnet://127.0.0.1:13", "rtsp://127.0.0.1:80/", "mqtt://127.0.0.1:13/t", "", "http://" }),
  }
end

local places = {
  function(R) return http(R, "http") end, function(R) return http(R, "http") end,
  function(R) return http(R, "https") end, function(R) return http(R, "https") end,
  proxied, proxied, by_doh, ftp "ftp", ftp "ftp", ftp "ftps", imap "imap", imap "imaps",
  mail(at("pop3", "/", "/1")), mail(at("pop3s", "/", "/1")), smtp "smtp", smtp "smtps", rtsp, mqtt,
  at("dict", "/d:foo", "/m:foo", "/x"), at("telnet", ""), at("gopher", "/1x", "/"),
  at("gophers", ":71/1x"), tftp, at("ws", "/"), at("wss", "/"), file, file, wrong,
}

for _ = 1, features.http3 and 4 or 0 do
  table.insert(places, http3)
end

-- What the transfer goes to as options; folder: that of the program.
local function place(R, folder)
  local o = pick(R, places)(R, folder)
  o.proxy = o.proxy or ""
  if R(12) == 1 then o.connect_only = R(2) end
  if R(12) == 1 then o.forbid_reuse = true end
  if R(12) == 1 then o.fresh_connect = true end
  if R(12) == 1 then o.certinfo = true end
  return o
end

return place
