-- What a guard of defaults has to refuse, and what not: addresses, URLs, redirects, answers of name
-- servers, options, environments, kept connections. spec/91-guard_cases_spec.lua runs them.
--
-- A case has name, expect ("refuse": nothing may reach what it leads to; "allow": the transfer must
-- work) and why, and one of
--   address    judged alone, and dialled on port 80
--   url        what a user gave, and maybe
--     resolve  what name servers say (as the option; several: in turn, one for each request)
--     location what the server at url redirects to: the verdict is on that
--     options  of the easy (protocols is the guard's); env: of the process
--     setup    what happened before, see lab.lua
--   never      addresses that must not be contacted where expect is "allow"
-- Public are 93.184.216.34, 93.184.216.35 and 2606:2800:220::1.
local cases = {}

local function add(case)
  cases[#cases + 1] = case
end

-- Each line: the address, or the URL, and why.
local function each(text, f)
  for line in text:gmatch("[^\n]+") do f(line:match("^%s*(%S+)%s+(.-)%s*$")) end
end

local function addresses(expect, text)
  each(text, function(address, why)
    add { name = address, address = address, expect = expect, why = why }
  end)
end

local function urls(expect, text)
  each(text, function(url, why) add { name = url, url = url, expect = expect, why = why } end)
end

local function redirects(expect, text)
  each(text, function(location, why)
    add {
      name = "redirect to " .. location, url = "http://93.184.216.34/r", location = location,
      expect = expect, why = why,
    }
  end)
end

local function special(expect, url, name, more)
  local case = { url = url, name = name, expect = expect }
  for key, value in pairs(more) do case[key] = value end
  add(case)
end

-- ---- IPv4 --------------------------------------------------------------------------------------
addresses("refuse", [[
  0.0.0.0           Linux connects it to loopback
  0.1.2.3           network 0
  10.0.0.1          private
  10.255.255.255    its end
  100.64.0.1        behind a carrier's NAT
  100.127.255.254   its end
  100.100.100.200   metadata (Alibaba)
  127.0.0.1         loopback
  127.255.255.254   its end
  169.254.169.254   metadata of most clouds
  169.254.170.2     credentials of containers
  172.16.0.1        private
  172.31.255.255    its end
  192.0.0.1         for protocols
  192.0.0.192       metadata (Oracle)
  192.0.2.1         documentation
  192.168.1.1       private
  192.88.99.1       relay of 6to4
  198.18.0.1        benchmarking
  198.19.255.255    its end
  198.51.100.1      documentation
  203.0.113.1       documentation
  240.0.0.1         reserved
  255.255.255.255   broadcast
  192.31.196.1      AS112
  192.52.193.1      relay of AMT
  192.175.48.1      AS112
  224.0.0.1         multicast
  239.255.255.250   multicast (SSDP)
  168.63.129.16     platform (Azure), though public by number
]])
addresses("allow", [[
  9.255.255.255     one below 10/8
  11.0.0.0          one above
  100.63.255.255    one below 100.64/10
  100.128.0.0       one above
  126.255.255.255   one below 127/8
  128.0.0.1         above
  169.253.255.255   one below 169.254/16
  169.255.0.0       one above
  172.15.255.255    one below 172.16/12
  172.32.0.0        one above
  192.167.255.255   one below 192.168/16
  192.169.0.0       one above
  168.63.129.15     one below the platform
  168.63.129.17     one above
  198.17.255.255    one below 198.18/15
  198.20.0.0        one above
  223.255.255.255   the last before multicast
  1.1.1.1           public
  8.8.8.8           public
  93.184.216.34     public
]])

-- ---- IPv6 --------------------------------------------------------------------------------------
addresses("refuse", [[
  ::                unspecified: loopback, on Linux
  ::1               loopback
  100::1            discarded
  100:0:0:1::1      dummy prefix
  2001:1::1         anycast of protocols
  2001:2::1         benchmarking
  2001:10::1        ORCHID
  2001:20::1        ORCHIDv2
  2001:30::1        drones
  2001:db8::1       documentation
  3fff::1           documentation
  5f00::1           segment routing
  fc00::1           private
  fd00::1           private
  fd00:ec2::254     metadata (AWS)
  fe80::1           link-local
  febf:ffff::1      its end
  2620:4f:8000::1   AS112
  2001:4:112::1     AS112
  fec0::1           site-local
  feff:ffff::1      its end
  ff02::1           multicast
  ff0e::1           multicast, global
  1::1              given to nobody
  400::1            given to nobody
  1fff:ffff::1      the last before 2000::/3
  4000::1           the first after it
  8000::1           given to nobody
  f000::1           given to nobody
  3ffe::1           the former 6bone
]])
addresses("allow", [[
  2606:2800:220::1        public
  2606:4700:4700::1111    public
  2001:4860:4860::8888    public
  2a00:1450::1            public
  2400:cb00::1            public
  2003::1                 public
]])

-- ---- IPv4 in IPv6 ------------------------------------------------------------------------------
addresses("refuse", [[
  ::ffff:127.0.0.1        mapped: the kernel dials 127.0.0.1
  ::ffff:7f00:1           the same, written in hex
  ::ffff:10.0.0.1         mapped
  ::ffff:169.254.169.254  mapped
  ::ffff:0.0.0.0          mapped
  ::ffff:93.184.216.34    mapped, though of a public one
  ::127.0.0.1             compatible
  ::169.254.169.254       compatible
  ::93.184.216.34         compatible, of a public one
  ::ffff:0:127.0.0.1      translated
  ::ffff:0:a9fe:a9fe      translated
  ::ffff:0:5db8:d822      translated, of a public one
  64:ff9b::7f00:1         NAT64 of loopback
  64:ff9b::a00:1          NAT64 of a private one
  64:ff9b::a9fe:a9fe      NAT64 of metadata
  64:ff9b::6464:64c8      NAT64 of metadata (Alibaba)
  64:ff9b::a83f:8110      NAT64 of a platform
  64:ff9b::808:808        NAT64 of a public one
  64:ff9b:1::a00:1        local NAT64
  64:ff9b:1::203:4        local NAT64, of a public one
  64:ff9c::1              beside NAT64, and given to nobody
  2002:7f00:1::1          6to4 of loopback
  2002:a9fe:a9fe::        6to4 of metadata
  2002:a00:1::1           6to4 of a private one
  2002:808:808::1         6to4 of a public one
  2001:0:7f00:1::         Teredo, its server loopback
  2001:0:a9fe:a9fe::      Teredo, its server metadata
  2001:0:4136:e378:8000:63bf:3fff:fdd2  Teredo of public ones
  2001::1                 Teredo
  2606:2800:220::5efe:7f00:1           ISATAP of loopback
  2606:2800:220::200:5efe:a9fe:a9fe    ISATAP of metadata, globally unique
  fe80::5efe:10.0.0.1     ISATAP, link-local
]])

-- ---- spellings ---------------------------------------------------------------------------------
urls("refuse", [[
  http://127.1/                     two parts
  http://127.0.1/                   three parts
  http://2130706433/                one number
  http://0x7f000001/                in hex
  http://0x7F.1/                    hex, two parts
  http://0177.0.0.1/                octal
  http://017700000001/              octal, one number
  http://0x7f.0x0.0x0.0x1/          hex, four parts
  http://0000177.0.0.01/            octal, more zeros
  http://0/                         0.0.0.0
  http://0x0/                       0.0.0.0
  http://2852039166/                metadata, one number
  http://0xa9fea9fe/                metadata in hex
  http://0251.0376.0251.0376/       metadata in octal
  http://169.254.43518/             metadata, three parts
  http://10.1/                      private, two parts
]])
urls("allow", [[
  http://1572395042/                public, one number
  http://0x5db8d822/                public, in hex
  http://93.184.55330/              public, three parts
]])
urls("refuse", [[
  http://[::1]/                     loopback
  http://[0:0:0:0:0:0:0:1]/         in full
  http://[0000::0001]/              with zeros
  http://[::]/                      unspecified
  http://[::ffff:127.0.0.1]/        mapped
  http://[::ffff:7f00:1]/           mapped, in hex
  http://[0:0:0:0:0:ffff:7f00:1]/   mapped, in full
  http://[::FFFF:127.0.0.1]/        mapped, capitals
  http://[::127.0.0.1]/             compatible
  http://[64:ff9b::127.0.0.1]/      NAT64
  http://[fe80::1%25lo]/            a zone by name
  http://[fe80::1%251]/             a zone by number
  http://[::1%25lo]/                loopback, with a zone
  http://[2606:2800:220::1%25lo]/   public with a zone: libcurl adds it behind the callback
  http://localhost/                 a name of this host
  http://LOCALHOST/                 in capitals
  http://localhost./                with a dot
  http://foo.localhost/             below it
  http://127.0.0.1./                with a dot
  http://169.254.169.254./          with a dot
  http://①②⑦.⓪.⓪.①/                digits in circles, as IDNA maps them
  http://１２７.０.０.１/            wide digits
  http://127。0。0。1/              wide dots
  http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/                letters in circles
  http://%31%32%37.0.0.1/           escaped digits
]])

-- ---- parts of a URL that others take for the host ----------------------------------------------
urls("refuse", [[
  http://93.184.216.34@127.0.0.1/      a user
  http://93.184.216.34:80@127.0.0.1/   a user with a password
  http://127.0.0.1#@93.184.216.34/     a fragment
  http://127.0.0.1?@93.184.216.34/     a query
]])
special("allow", "http://127.0.0.1:80\\@93.184.216.34/", "backslash before the @", {
  why = "libcurl takes what is before the @ for a user", never = { "127.0.0.1:80" } })
urls("refuse", [[
  http:///127.0.0.1/                   three slashes
  http:/127.0.0.1/                     one slash
  http://user:pass@[::1]/              a user, and IPv6
  127.0.0.1/                           no scheme: libcurl guesses http
  //127.0.0.1/                         no scheme, but slashes
]])

-- ---- ports and schemes -------------------------------------------------------------------------
urls("refuse", [[
  http://93.184.216.34:22/             SSH
  http://93.184.216.34:25/             mail
  http://93.184.216.34:6379/           Redis
  http://93.184.216.34:11211/          memcached
  http://93.184.216.34:8080/           a port that is not listed
  file:///etc/hostname                 no socket at all
  gopher://93.184.216.34:80/_X         sends any bytes
  dict://93.184.216.34:80/d:x          DICT
  ftp://93.184.216.34:80/              FTP
  tftp://93.184.216.34:80/x            datagrams
  ldap://93.184.216.34:80/             LDAP
  telnet://93.184.216.34:80/           telnet
  smb://93.184.216.34:80/a/b           SMB
  mqtt://93.184.216.34:80/x            MQTT
  imap://93.184.216.34:80/             IMAP
  pop3://93.184.216.34:80/             POP3
  smtp://93.184.216.34:80/             SMTP
  rtsp://93.184.216.34:80/             RTSP
  sftp://93.184.216.34:80/             SFTP
  ws://93.184.216.34/                  WebSocket
]])

-- ---- names -------------------------------------------------------------------------------------
local function dns(expect, name, why, resolve, never)
  local host = resolve:match("^(.-):")
  special(expect, "http://" .. host .. "/", "dns: " .. name,
    { why = why, resolve = { resolve }, never = never })
end
dns("refuse", "loopback", "a name for loopback", "evil.test:80:127.0.0.1")
dns("refuse", "metadata", "a name for metadata", "evil.test:80:169.254.169.254")
dns("refuse", "mapped", "AAAA is mapped", "evil.test:80:[::ffff:169.254.169.254]")
dns("refuse", "NAT64", "AAAA is NAT64 of a private one", "evil.test:80:[64:ff9b::a00:1]")
dns("refuse", "::1", "AAAA is loopback", "evil.test:80:[::1]")
dns("refuse", "all private", "no answer is public",
  "evil.test:80:127.0.0.1,10.0.0.1,[::1],[fd00::1]")
dns("allow", "private then public", "the next address is tried",
  "mixed.test:80:127.0.0.1,93.184.216.34", { "127.0.0.1:80" })
dns("allow", "::1 and public", "the other family is tried",
  "mixed.test:80:[::1],[fd00::1],93.184.216.34", { "[::1]:80", "[fd00::1]:80" })
dns("allow", "public", "plain", "good.test:80:93.184.216.34")
special("refuse", "http://rebind.test/", "dns: rebinding", {
  why = "the second answer is loopback", setup = "rebind",
  resolve = { "rebind.test:80:93.184.216.34", "rebind.test:80:127.0.0.1" } })

-- ---- redirects ---------------------------------------------------------------------------------
redirects("refuse", [[
  http://127.0.0.1/                           loopback
  http://[::1]/                               loopback
  //127.0.0.1/                                the same scheme
  http://169.254.169.254/latest/meta-data/    metadata
  http://2130706433/                          loopback, as a number
  http://[::ffff:169.254.169.254]/            mapped
  http://localhost/                           a name
  file:///etc/hostname                        a file
  gopher://127.0.0.1:80/_x                    gopher
  ftp://127.0.0.1:80/                         libcurl would follow to FTP
  dict://127.0.0.1:80/x                       DICT
  http://93.184.216.34:6379/                  another port
  http://93.184.216.34@10.0.0.1/              a user
]])
special("refuse", "http://93.184.216.34/r", "redirect chain",
  { why = "the second of two leads inside", location = "http://93.184.216.35/r2" })
special("allow", "http://93.184.216.34/r", "redirect to public",
  { why = "plain", location = "http://93.184.216.35/ok" })

-- ---- what leads around a callback --------------------------------------------------------------
special("allow", "http://93.184.216.34/", "env http_proxy", { why = "the environment names none",
  env = { http_proxy = "http://127.0.0.1:3128" }, never = { "127.0.0.1:3128" } })
special("allow", "http://93.184.216.34/", "env ALL_PROXY", { why = "the environment names none",
  env = { ALL_PROXY = "socks5h://127.0.0.1:1080" }, never = { "127.0.0.1:1080" } })
special("refuse", "http://127.0.0.1/", "env proxy public",
  { why = "it would dial for us", env = { http_proxy = "http://93.184.216.35:80" } })
special("refuse", "http://127.0.0.1/", "proxy option",
  { why = "it would dial for us", options = { proxy = "http://93.184.216.35:80" } })
special("refuse", "http://127.0.0.1/", "socks5h option",
  { why = "it would resolve and dial for us", options = { proxy = "socks5h://93.184.216.35:80" } })
special("refuse", "http://127.0.0.1/", "pre_proxy option",
  { why = "it would dial for us", options = { pre_proxy = "socks5h://93.184.216.35:80" } })
special("refuse", "http://93.184.216.34/", "connect_to",
  { why = "what is dialled is loopback", options = { connect_to = { "::127.0.0.1:80" } } })
special("refuse", "http://93.184.216.34/", "connect_to port", {
  why = "what is dialled is another port",
  options = { connect_to = { "::93.184.216.34:6379" } } })
special("refuse", "http://93.184.216.34/", "unix_socket_path", { why = "the option raises",
  setup = "unix", options = { unix_socket_path = "build/lab.sock" } })
special("refuse", "http://93.184.216.34/", "abstract_unix_socket", { why = "the option raises",
  setup = "abstract", options = { abstract_unix_socket = "curlsock-lab" } })
special("refuse", "http://doh.test/", "doh_url",
  { why = "its sockets are seen by nobody", options = { doh_url = "https://127.0.0.1:443/dns" } })
special("refuse", "http://127.0.0.1/", "reuse: multi",
  { why = "somebody else has left it", setup = "kept in the multi" })
special("refuse", "http://93.184.216.34/r", "reuse: multi, by redirect", {
  location = "http://127.0.0.1/", why = "somebody else has left it", setup = "kept in the multi" })
special("refuse", "http://127.0.0.1/", "reuse: share",
  { why = "somebody else has left it", setup = "kept in the share" })
special("refuse", "http://127.0.0.1/", "reuse: easy",
  { why = "an earlier transfer has left it", setup = "kept in the easy" })
special("refuse", "ftp://93.184.216.34:80/x", "ftp: PASV to loopback", {
  why = "the server names loopback for the data", setup = "ftp pasv",
  options = { protocols = "http,https,ftp", ftp_skip_pasv_ip = false, ftp_use_epsv = false } })
special("refuse", "ftp://93.184.216.34:80/x", "ftp: EPSV port", {
  why = "the server names a port that is not listed", setup = "ftp epsv",
  options = { protocols = "http,https,ftp" } })
special("refuse", "ftp://93.184.216.34:80/x", "ftp: active", {
  why = "it listens, and accepts anybody", setup = "ftp active",
  options = { protocols = "http,https,ftp", ftpport = "-" } })
special("refuse", "tftp://93.184.216.34:80/x", "tftp: UDP",
  { why = "its peer is who answers", options = { protocols = "http,https,tftp" } })
special("refuse", "http://93.184.216.34/", "own public address",
  { why = "public by number, and this host", setup = "own" })
special("refuse", "http://[2606:2800:220::1]/", "own public address, IPv6",
  { why = "public by number, and this host", setup = "own" })
urls("allow", [[
  http://93.184.216.34/          plain
  http://[2606:2800:220::1]/     plain
  HTTP://93.184.216.34:80/       capitals, and the port
]])

return cases
