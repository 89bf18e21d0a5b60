-- What else a guard is asked about, beside cases.lua: neighbours of the ranges, other spellings and
-- embeddings, options one thing at a time. The fields are those of cases.lua; guard: options of the
-- guard, allow: of policy.allow, way: what may be reached on the way.
local cases = {}

local function each(expect, prefix, more, text)
  for line in text:gmatch("[^\n]+") do
    local what, why = line:match("^%s*(%S+)%s+(.-)%s*$")
    local case = { name = prefix .. what, expect = expect, why = why }
    case[what:find("/", 1, true) and "url" or "address"] = what
    for key, value in pairs(more) do case[key] = value end
    cases[#cases + 1] = case
  end
end

local function case(expect, name, fields)
  fields.expect, fields.name = expect, name
  cases[#cases + 1] = fields
end

each("refuse", "", {}, [[
  0.255.255.255          the end of network 0
  100.65.1.1             inside of 100.64/10
  127.1.2.3              inside of loopback
  127.0.0.53             a local resolver
  169.254.0.1            the first of link-local
  169.254.42.42          metadata (Scaleway)
  169.254.169.123        time of a cloud
  169.254.169.253        DNS of a cloud
  172.17.0.1             containers
  192.0.0.8              dummy
  192.0.0.170            NAT64 discovery
  192.0.0.255            the end of 192.0.0/24
  192.0.2.255            the end of documentation 1
  192.88.99.255          the end of 6to4 relays
  192.168.255.255        the end of private
  198.51.100.255         the end of documentation 2
  203.0.113.255          the end of documentation 3
  224.0.0.251            mDNS
  239.255.255.255        the last of multicast
  241.0.0.1              reserved
  255.255.255.254        reserved
  161.26.0.1             inside of a cloud (IBM)
  166.9.1.1              inside of a cloud (IBM)
  fd20:ce::254           metadata (Google)
  fd00:c1::a9fe:a9fe     metadata (Oracle)
  fd00:42::42            metadata (Scaleway)
  fe80::a9fe:a9fe        metadata (OpenStack)
  fdff:ffff::1           the end of private
  fbff::1                before private: given to nobody
  fe00::1                between private and link-local
  ff00::1                multicast
  ff05::1:3              multicast, site
  2001:1ff:ffff::1       the end of 2001::/23
  2001:0:ffff:ffff::1    Teredo
  2001:db8:ffff::1       the end of documentation
  2002:ffff:ffff::1      6to4
  2620:4f:8000:ffff::1   the end of AS112
  3fff:fff::1            the end of documentation
  100::ffff              discarded
  ::2                    compatible, of 0.0.0.2
  ::ffff:1.1.1.1         mapped
  ::ffff:0:8.8.8.8       translated
  64:ff9b::1.1.1.1       NAT64
  64:ff9b:0:1::1         beside the well-known prefix
  64:ff9b:1:ffff::1      local NAT64
  2400:cb00::5efe:c0a8:101          ISATAP of a private one
  2a00:1450::200:5efe:8.8.8.8       ISATAP of a public one
  http://[0:0::0:1]/                more zeros
  http://[::127.0.0.1%25lo]/        compatible, with a zone
  http://0x7f.0.0.1/                hex and decimal
  http://0x0000007f000001/          hex with zeros
  http://127.0.0.0x1/               hex at the end
  http://00/                        octal 0
  http://3232235777/                private, as a number
  http://0300.0250.1.1/             private, in octal
  http://user@localhost:80/         a user
  http://LocalHost/                 capitals
  http://a.b.localhost/             below localhost
  HTTP://127.0.0.1/                 a scheme in capitals
  http://[::ffff:0:127.0.0.1]/      translated
  http://[2002:7f00:1::]/           6to4 of loopback
  https://127.0.0.1/                https
  https://93.184.216.34:8443/       another port
  http://93.184.216.34:1/           a low port
  http://93.184.216.34:65535/       the last port
  ftps://93.184.216.34:443/         FTP over TLS
  wss://93.184.216.34/              WebSocket over TLS
  gophers://93.184.216.34:443/_x    gopher over TLS
  mqtt://127.0.0.1/                 MQTT
  scp://93.184.216.34:80/x          SCP
  file://localhost/etc/hostname     a file, with a host
  file:/etc/hostname                a file, with one slash
]])
each("allow", "", {}, [[
  1.0.0.0                the first public
  126.0.0.1              before loopback
  192.0.1.1              after 192.0.0/24
  192.0.3.1              after documentation 1
  192.88.98.255          before 6to4 relays
  192.88.100.1           after them
  192.31.195.255         before AS112
  192.31.197.1           after it
  192.52.192.255         before AMT
  192.52.194.1           after it
  192.175.47.255         before AS112
  192.175.49.1           after it
  198.51.99.255          before documentation 2
  198.51.101.1           after it
  203.0.112.255          before documentation 3
  203.0.114.1            after it
  161.25.255.255         before a cloud's own
  161.27.0.1             after it
  2000::1                the first of 2000::/3
  2001:200::1            after 2001::/23
  2001:db7:ffff::1       before documentation
  2001:db9::1            after it
  2003:ffff::1           after 6to4
  2620:4f:7fff::1        before AS112
  2620:4f:8001::1        after it
  2606:2800:220::100:5efe:7f00:1       no identifier of ISATAP
  http://93.184.216.34:0080/           zeros in the port
  http://a:b@93.184.216.34/            a user
]])
each("refuse", "deny: ", { guard = { deny = { "93.184.216.34", "2606:2800::/32" } } }, [[
  93.184.216.34          denied
  2606:2800:220::1       denied
]])
each("allow", "deny, another: ", { guard = { deny = { "93.184.216.34" } } }, [[
  93.184.216.35          not denied
]])
case("refuse", "deny wins over allow", {
  url = "http://10.0.0.1/", guard = { deny = { "10.0.0.0/24" } }, allow = { "10.0.0.0/8" } })
case("allow", "allow a network", { url = "http://10.0.0.1/", allow = { "10.0.0.0/8" } })
case("refuse", "allow a network, another port",
  { url = "http://10.0.0.1:8080/", allow = { "10.0.0.0/8" } })
case("allow", "allow a port", { url = "http://10.0.0.1:8080/", allow = { "10.0.0.1:8080" } })
case("refuse", "allow a port, another", { url = "http://10.0.0.1/", allow = { "10.0.0.1:8080" } })
case("refuse", "allow IPv4, mapped",
  { url = "http://[::ffff:10.0.0.1]/", allow = { "10.0.0.0/8" } })
case("refuse", "allow does not open zones",
  { url = "http://[2606:2800:220::1%25lo]/", allow = { "2606:2800::/32" } })
case("refuse", "redirect from what is allowed", {
  url = "http://10.0.0.1/r", way = { "10.0.0.1:80" }, location = "http://10.1.0.1/",
  allow = { "10.0.0.1" } })
case("allow", "ports any", { url = "http://93.184.216.34:8080/", guard = { ports = "any" } })
case("refuse", "ports are those that are listed",
  { url = "http://93.184.216.34/", guard = { ports = { 443 } } })
case("allow", "nat64 of a public one",
  { url = "http://[64:ff9b::5db8:d822]/", guard = { nat64 = "64:ff9b::/96" } })
case("refuse", "nat64 of loopback",
  { url = "http://[64:ff9b::7f00:1]/", guard = { nat64 = "64:ff9b::/96" } })
case("refuse", "nat64 of what is denied", { url = "http://[64:ff9b::5db8:d822]/",
  guard = { nat64 = "64:ff9b::/96", deny = { "93.184.216.34" } } })
case("refuse", "nat64, with the byte that must be zero", {
  url = "http://[64:ff9b:1:5db8:ffd8:2200::]/", guard = { nat64 = "64:ff9b:1::/48" } })
case("allow", "nat64 of 48 bits", { url = "http://[64:ff9b:1:5db8:d8:2200::]/",
  guard = { nat64 = "64:ff9b:1::/48" } })
case("allow", "proxy that is one of the guard's", { url = "http://127.0.0.1/",
  guard = { proxy = { "10.0.0.2:3128" } }, options = { proxy = "http://10.0.0.2:3128" } })
case("refuse", "proxy that is none of them", { url = "http://127.0.0.1/",
  guard = { proxy = { "10.0.0.2:3128" } }, options = { proxy = "http://10.0.0.3:3128" } })
case("refuse", "proxy's address on another port", { url = "http://10.0.0.2/",
  guard = { proxy = { "10.0.0.2:3128" } } })
case("refuse", "env https_proxy", { url = "https://127.0.0.1/",
  env = { https_proxy = "http://93.184.216.35:80" } })
case("refuse", "env all_proxy", { url = "http://127.0.0.1/",
  env = { all_proxy = "http://93.184.216.35:80" } })
case("refuse", "dns: two names of one transfer", { url = "http://93.184.216.34/r",
  location = "http://inside.test/", resolve = { "inside.test:80:192.168.1.1" } })
case("refuse", "resolve of a number", { url = "http://93.184.216.34/",
  resolve = { "93.184.216.34:80:127.0.0.1" } })
case("refuse", "connect_to IPv6", { url = "http://93.184.216.34/",
  options = { connect_to = { "93.184.216.34:80:[::1]:80" } } })
case("refuse", "connect_to a name", { url = "http://93.184.216.34/",
  resolve = { "inside.test:80:127.0.0.1" }, options = { connect_to = { "::inside.test:80" } } })
case("refuse", "address_scope option", { url = "http://[2606:2800:220::1]/",
  options = { address_scope = 1 } })
case("refuse", "netrc option", { url = "http://93.184.216.34/", options = { netrc = 1 } })
case("refuse", "negotiate", { url = "http://93.184.216.34/", options = { httpauth = "negotiate" } })
case("refuse", "any authentication", {
  url = "http://93.184.216.34/", options = { httpauth = "any" } })
case("allow", "digest", { url = "http://93.184.216.34/", options = { httpauth = "digest" } })
case("refuse", "unrestricted_auth", { url = "http://93.184.216.34/",
  options = { unrestricted_auth = true } })
case("allow", "a narrower list of protocols", { url = "http://93.184.216.34/",
  options = { protocols_str = "http" } })
case("refuse", "a wider list of protocols", { url = "http://93.184.216.34/",
  options = { protocols_str = "http,https,gopher" } })
case("allow", "proxy that is none", { url = "http://93.184.216.34/", options = { proxy = "" } })

return cases
