---@meta curlsock.policy
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

local module = {}

---@class curlsock.guard_module
---@overload fun(options?: curlsock.GuardOptions): curlsock.PolicyPart
local guard = {}

---why policy.guard(options) refuses the Address, or its text; nil if it does not. An address without a port is judged by its number alone.
---@param address curlsock.Address|string
---@param options? curlsock.GuardOptions
---@return string?
function guard.reason(address, options) end

---only plain public unicast addresses, over TCP to ports 80 and 443, by http and https. Whatever is not that is refused: special ranges, IPv4 inside of IPv6, zones, UNIX sockets, datagrams, what listens, this host's own addresses, proxies of options and of the environment. It decides on what is dialled, as numbers; names play no part. Options, each of which opens one thing (raises for others, and for what cannot be read):
---
---* `ports`: list of ports, or "any"; by default { 80, 443 }
---* `protocols`: as the option protocols_str, or a list; by default "http,https"
---* `allow`: places, as policy.allow takes them, that pass whatever else is said, except deny; one that is named with its port passes there, else ports counts
---* `deny`: places that never pass, nor what carries one of them inside
---* `nat64`: a prefix of NAT64, or a list: what is inside is judged
---* `own`: false: this host's own addresses pass, too
---* `proxy`: places that are proxies: these, and no others, may be used. (Before libcurl 8.7 they pass as origins, too.) What is behind one is not judged
---* `quic`: true: datagrams pass, too, for HTTP/3
---* `lifetime`: seconds after which a kept connection is not used again
module.guard = guard

---@class curlsock.broker_module
---@overload fun(channel: curlsock.Socket|string, options?: curlsock.BrokerOptions): curlsock.PolicyPart
local broker = {}

---the other side, in the process that opens: for each question calls open(address, socktype), which returns a Socket (it is closed here), or nil and a reason. Returns when the channel ends.
---@param channel curlsock.Socket
---@param open fun(address: curlsock.Address, socktype: string): curlsock.Socket?, string?
function broker.serve(channel, open) end

---another process opens the sockets, and passes them over a UNIX socket: one that has a privilege, or another network. channel is the Socket, or the address of one ("unix:/run/broker.sock"), that leads to policy.broker.serve there. Options:
---
---* `timeout`: seconds that it waits for an answer: 5 by default. Meanwhile all wait
---
---What the broker refuses, this does; when it does not answer in time, or its channel ends, every further socket is refused. A descriptor that is connected already is judged by its peer (libcurl takes such from 8.0 on). A second policy that opens every socket raises in compose. Raises an error for other options, and if it cannot connect.
module.broker = broker

---rules from small policies. Each is a table with a name and some of these hooks. Their phases are fixed, so that the order of the list opens no hole; within a phase the order is the list's.
---
---* `name`: stands before each reason
---* `fence`: easy options that are forced, by name: a value; false (it must be unset); a function that says whether what the script has set may stay; or { value, function }
---* `start(easy, url, hop)`: asked before a request, and before each redirect
---* `route(address, target, easy)`: an Address to dial in the place of this one; nil: not mine
---* `judge(address, target, easy)`: asked about every address. It gets a copy
---* `make(address, target, easy)`: a Socket for it, and an Address if it is to be connected to another; nil: not mine
---* `prepare(socket, address, easy)`: asked before it is connected, after the easy's own callback
---* `accept(socket, peer, easy)`: asked about a socket that FTP has accepted
---* `opened(socket, address, easy)`: is told
---* `request(socket, easy, kept)`: is told, before each request: on a new connection or a kept one
---* `closed(socket)`: is told
---* `refused(refusal, easy)`: is told of each { policy=, reason=, address= }
---
---What is asked says yes by true and by nothing else; nil and a reason refuses, as does anything else, two that answer route or make, and an address that was changed after it was judged. What a hook throws fails the transfer. Hooks cannot wait. closed follows each opened once, with the same Socket: a weak table holds what a policy remembers of it. target has host and port, as the URL has them, and kind: "origin", "proxy", "data" (of FTP), "listen" or "unknown". A policy may also have
---
---* `admit(easy, loop)`: asked by a loop before it begins a transfer: true, seconds to wait, or nil and a reason
---* `join(list)`: what it is in this composition: a table of hooks, made for it
---* `allows`: places that a guard lets pass
---* `body, header, pool`: limits of the core: bytes of a body, of headers, options of the multi
---* `opener`: true: its make answers for every address. There can be one
---* `reads_only`: true: its hooks neither change nor keep an address, and need no copy
---* `trusted`: true: a Socket that it makes stands for the address that was judged: it is not judged by its peer, nor prepared
---
---Raises an error for unknown hooks, two openers, and options that two fence differently.
---@param options curlsock.PolicyPart[]
---@return curlsock.Rules
function module.compose(options) end

---places that the guard of the same composition lets pass all the same: networks ("10.0.0.0/8"), addresses, those of one port ("10.0.0.1:8080"), UNIX sockets ("unix:/run/app.sock"). What the guard denies stays denied. Raises an error for what is none of these.
---@param options curlsock.Place[]
---@return curlsock.PolicyPart
function module.allow(options) end

---at most so many connections, transfers a second, bytes of an answer. Options:
---
---* `open`: connections of the pool. libcurl itself counts, drops idle ones for new ones, and lets transfers wait (max_total_connections of the multi)
---* `per_host`: those to one host, the same (max_host_connections)
---* `rate`: transfers that begin in a second, on average. In a loop a transfer waits for its turn before it begins; elsewhere it is refused
---* `burst`: how many may begin at once (1)
---* `body`: bytes that a transfer delivers, after decoding: one more, and it fails
---* `header`: bytes of the headers of all its answers, the same
---
---Raises an error for other options, and for numbers below 1 (rate: 0.001).
---@param options curlsock.LimitOptions
---@return curlsock.PolicyPart
function module.limit(options) end

---what sockets are bound to before they are connected. Options:
---
---* `inet, inet6`: source address of connections over IPv4, IPv6. Where only one is given the other family is refused
---* `device`: network device (needs a privilege, on Linux)
---* `mark, priority`: of packets
---* `options`: any others: a list of { level, name, value }, as socket:setsockopt takes them
---
---What the system refuses, the policy does. UNIX sockets leave no host, and are let alone. The easy's own options interface, localport and localportrange must be unset: libcurl applies them later. Raises an error for other options and for what is no address.
---@param options curlsock.BindOptions
---@return curlsock.PolicyPart
function module.bind(options) end

---connections for that host go elsewhere. The host is a name as libcurl compares it, in the form that DNS has ("app", "xn--bcher-kva.example"), or "app:8080" for one port. where is an address ("10.0.0.1:8080", "unix:/run/app.sock", or without a port: that of the URL), an Address, a Socket that is connected already (for one connection), or a function that returns one of these, or nil and a reason. The name is not resolved: libcurl is told to connect to a placeholder that nobody else knows (connect_to), and the pool keeps these connections apart. What a guard of the same composition judges is where it goes. It does not apply to what goes by a proxy, which is asked for the placeholder, in vain; nor under ipresolve = v4. Raises an error for what is no host, or no place.
---@param options table<string, string|curlsock.Address|curlsock.Socket|function>
---@return curlsock.PolicyPart
function module.route(options) end

---sockets are made in another network namespace ("/run/netns/blue", or "/proc/PID/ns/net"), and reach what can be reached from there. Names are still resolved in this process's own: give addresses, or the option resolve. A guard's check of own addresses asks this process's namespace. Where the namespace is not there, or may not be entered (it needs a privilege), it refuses. A second policy that opens every socket raises in compose; so does, here, a path that is no text.
---@param path string
---@return curlsock.PolicyPart
function module.netns(path) end

---the other end of the connection is a function of this process, which plays the server: a test needs none. serve(socket, loop, address) runs in a coroutine of the loop for each connection, with the Socket of its end, and should wait by loop:wait(socket, "r"); when it returns the Socket is closed. What it throws comes out of the loop's run(). Options:
---
---* `host`: name of the URL, or a list of names; by default any
---
---Each connection is for one transfer (forbid_reuse): else one that is kept, and waited for here, would never let the loop's run() end. It works in every loop. Without one it refuses. A guard of the same composition judges the address that it stands for, which must be found before: give a number, or the option resolve. Raises an error for other options.
---@param serve fun(socket: curlsock.Socket, loop: curlsock.Loop, address: curlsock.Address)
---@param options? curlsock.TransportOptions
---@return curlsock.PolicyPart
function module.transport(serve, options) end

---connections go wrong on purpose, to see what a program makes of it.
---
---* `refuse`: nobody answers there: the address is refused
---* `hang`: it is connected, and nothing ever comes
---* `reset`: it is connected, and then reset (without a loop: when the request begins)
---* `delay`: whatever comes, comes so much later
---* `cut`: it ends after so many bytes of what comes
---* `random`: a function in the place of math.random
---
---Each fault is a table of conditions, all of which must hold, or true for always:
---
---* `chance`: 0 to 1
---* `every`: n: each n-th connection
---* `host`: name of the URL, or a list of names
---* `seconds`: of delay
---* `bytes`: of cut
---
---The first that applies is taken, in the order above. delay and cut relay, which needs a loop: they refuse without one, and their connections are for one transfer each (forbid_reuse), as those of transport are. What relays and hangs stands for the address that was judged; a relay dials it as prepare of the same composition's policies (bind) wants it, but not by a make (netns, broker). Raises an error for other faults and conditions.
---@param faults curlsock.Faults
---@return curlsock.PolicyPart
function module.fault(faults) end

---calls sink(event) for what happens to the connections and transfers of the pool. event is a new table: kind, time (as curl.now()), and
---
---* `"start"`: url, hop (0, or which redirect)
---* `"refused"`: policy, reason, address (nil where none was asked about)
---* `"open"`: id (a number for each connection, from 1), address (an Address), socket
---* `"request"`: id and socket (nil where libcurl does not tell the connection), url, kept
---* `"close"`: id, socket (whose info() still tells how many bytes went over it)
---
---What sink throws fails the transfer, or comes out of the call that closed the connection.
---@param sink fun(event: table)
---@return curlsock.PolicyPart
function module.trace(sink) end

return module
