-- The page from its start to its end: sections, and what stands in each, by name. A name that no
-- comment describes, and a comment that no section has, are errors. class: of the methods in it;
-- topic: a comment that is its text; tables: made of what the module answers; callbacks: its
-- entries are options.
local sections = {
  {
    title = "Transfers: easy", class = "Easy",
    text = "An easy is one transfer: its options, and what is known of it afterwards. `close` it, "
      .. "or let its variable do that (`local easy <close> = curl.easy{...}`); one that is "
      .. "forgotten is closed by the collector.",
    "curl.easy", "easy:perform", "easy:setopt", "easy:unset", "easy:getinfo", "easy:header",
    "easy:headers", "easy:reset", "easy:dup", "easy:close", "easy:pause", "easy:unpause",
    "curl.PAUSE", "easy:send", "easy:recv", "easy:ws_send", "easy:ws_recv", "easy:ws_meta",
    "easy:ws_start_frame",
    "easy:upkeep", "easy:socket", "easy:connections", "easy:close_idle", "mimepost",
  },
  { title = "Options of an easy", tables = "option" },
  { title = "Informations", tables = "info" },
  { title = "Callbacks", topic = "callbacks" },
  {
    title = "Callbacks that carry data", callbacks = true,
    text = "Options of an easy, each a function. For `writefunction` and `headerfunction` a file, "
      .. "or a table to append to, may stand in, for `readfunction` a file or a string.",
    "writefunction", "readfunction", "seekfunction",
    "xferinfofunction", "debugfunction", "trailerfunction", "hstsreadfunction",
    "hstswritefunction", "interleavefunction", "chunk_bgn_function", "chunk_end_function",
    "fnmatch_function",
  },
  {
    title = "Callbacks about sockets and servers", callbacks = true,
    text = "Options of an easy, too. A decision that must hold for all that use a connection is a "
      .. "[policy](#policies)'s.",
    "resolver_start_function", "opensocketfunction", "sockoptfunction", "closesocketfunction",
    "prereqfunction", "ssh_hostkeyfunction", "ssh_keyfunction",
  },
  {
    title = "Many at once: multi", class = "Multi",
    text = "A multi runs many transfers at once, and keeps their connections. Scripts need it "
      .. "seldom themselves: a [loop](#loops) has one inside.",
    "curl.multi", "multi:add", "multi:remove", "multi:perform", "multi:poll", "multi:results",
    "multi:wakeup", "multi:easies", "multi:setopt", "multi:timeout", "multi:socket_action",
    "multi:pollfd", "multi:events", "multi:watches", "multi:await",
  },
  { title = "Options of a multi", tables = "multi", callbacks = true,
    "socketfunction", "timerfunction" },
  {
    title = "Loops", class = "Loop",
    text = "A loop runs transfers from coroutines. It has a multi of its own, and these methods, "
      .. "whatever loop it lives in.",
    "curlsock.loop.new", "curlsock.luv.new", "curlsock.cqueues.new", "curlsock.select.new",
    "loop:perform", "loop:spawn", "loop:run", "loop:sleep", "loop:wait", "loop:group",
    "loop:close", "loop:step", "loop:watches", "loop:select", "loop.hooks",
    "curlsock.driver.new", "loop:on_event", "loop:on_timer", "loop:guard",
  },
  {
    title = "Tasks", class = "Task", text = "What `loop:spawn` gives.",
    "task:wait", "task:cancel",
  },
  {
    title = "Groups", class = "Group", text = "What `loop:group` gives.",
    "group:spawn", "group:wait", "group:cancel",
  },
  {
    title = "Streams", class = "Stream",
    text = "A transfer whose body a coroutine reads, or writes, as it comes.",
    "loop:stream", "stream:headers", "stream:read", "stream:lines", "stream:pieces",
    "stream:write", "stream:finish", "stream:close",
  },
  {
    title = "WebSockets", class = "WebSocket", text = "For coroutines; libcurl 8.11 and newer.",
    "loop:websocket", "ws:recv", "ws:each", "ws:send", "ws:ping", "ws:close",
  },
  { title = "Fetch", text = '`local fetch = require "curlsock.fetch"`',
    "fetch" },
  {
    title = "Policies",
    text = 'A policy belongs to a pool of connections, and says what is let in. '
      .. '`local policy = require "curlsock.policy"` has ready ones, and composes them.',
    "policy.compose", "policy.guard", "guard.reason", "policy.allow", "policy.limit",
    "policy.bind", "policy.route", "policy.netns", "policy.broker", "policy.broker.serve",
    "policy.transport", "policy.fault", "policy.trace",
  },
  {
    title = "Rules", class = "Rules", text = "What `policy.compose` gives.",
    "rules:why", "rules:stats", "rules:ask", "rules:revoke", "rules.policy",
  },
  {
    title = "Policies of the core", class = "Policy",
    text = "What rules are made of: for those who write hooks of their own.",
    "curl.policy", "curl.default_policy", "policy:stats", "policy:revoke", "policy.name",
  },
  {
    title = "Trace", class = "Recording",
    text = "What happens to transfers and connections, as it happens, or as a picture: "
      .. '`local recording = require("curlsock.trace").record()`.',
    "curlsock.trace.record", "recording:stop", "recording:text", "recording:svg",
    "recording:chrome", "recording:har", "recording:length", "recording.transfers", "curl.trace",
  },
  {
    title = "Share", class = "Share",
    text = "What several easies, or multis, have together: cookies, names, connections.",
    "curl.share", "share:setopt",
  },
  {
    title = "Url", class = "Url", text = "A URL in its parts. It stands wherever a URL does.",
    "curl.url", "url:get", "url:set", "url:dup", "curl.escape", "curl.unescape",
  },
  {
    title = "Sockets", class = "Socket",
    text = "A descriptor, and who owns it. Closed by the collector, and by its variable, while it "
      .. "is the script's.",
    "curl.socket", "curl.socketpair", "curl.adopt", "socket:state", "socket:fd", "socket.data",
    "socket:bind", "socket:connect", "socket:listen", "socket:accept", "socket:send",
    "socket:recv", "socket:sendfd", "socket:recvfd", "socket:setsockopt", "socket:getsockopt",
    "socket:localaddress", "socket:peeraddress", "socket:info", "socket:detach", "socket:close",
  },
  {
    title = "Addresses", class = "Address",
    text = "One address of a socket, to read and to change.",
    "curl.address", "address.family", "address.socktype", "address:within", "address:is_foreign",
    "address:copy", "address:unpack", "address:socket",
  },
  {
    title = "Networks", class = "Networks", text = "Many networks, to look addresses up in.",
    "curl.networks", "networks:find",
  },
  {
    title = "The rest of the module",
    "curl.version_info", "curl.options", "curl.infos", "curl.type", "curl.inside", "curl.now",
    "curl.getdate", "curl.sockets", "curl.live",
  },
  { title = "Errors", topic = "errors" },
}

return sections
