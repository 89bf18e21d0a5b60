-- What the words of signatures mean, as types of the language server: of all functions, or of one
-- ("curl.easy options"). Words with a capital are classes of library/curlsock.lua.
local options = require "scripts.reference.options"

local types = {}

local words = {
  address = "Address", bytes = "string", code = "integer", controller = "userdata",
  data = "string", descriptors = "table<integer, Events>", easy = "Easy", events = "Events",
  f = "function", fd = "integer", handle = "Easy|Multi|Share", hop = "integer", index = "integer",
  kept = "boolean", level = "string|integer", local_ip = "string", local_port = "integer",
  loop = "Loop", message = "string", more = "boolean", n = "integer", name = "string",
  offset = "integer", option = "string|integer", origin = '"set"|"cur"|"end"', path = "string",
  pattern = "string", peer = "Address", policy = "Policy|Rules|PolicyFields",
  primary_ip = "string", primary_port = "integer", protocol = "integer",
  purpose = '"ipcxn"|"accept"', reason = "string", refusal = "Refusal", remains = "integer",
  request = "integer", seconds = "number", size = "integer", socket = "Socket",
  socktype = '"stream"|"dgram"|"seqpacket"|"raw"|integer', target = "Target", text = "string",
  title = "string", total = "integer", transfer = "integer", url = "string", value = "any",
  width = "integer", x = "any", ["..."] = "any",
}

local special = {
  ["curl.easy options"] = "EasyOptions",
  ["curl.multi options"] = "MultiOptions",
  ["curl.share options"] = "ShareOptions",
  ["curl.policy table"] = "PolicyFields",
  ["curl.networks {}"] = "table<integer|string, any>",
  ["curl.socket family"] = '"inet"|"inet6"|"unix"|integer',
  ["curl.socket options"] = "{ netns: string? }",
  ["curl.trace f"] = "fun(event: TraceEvent)|nil",
  ["curl.url text"] = "string|Url",
  ["curl.url flag"] = "UrlFlag", ["url:get flag"] = "UrlFlag", ["url:set flag"] = "UrlFlag",
  ["url:get part"] = "UrlPart", ["url:set part"] = "UrlPart",
  ["url:set text"] = "string|integer|nil",
  ["easy:setopt name"] = "OptionName", ["easy:unset name"] = "OptionName",
  ["easy:setopt {}"] = "EasyOptions",
  ["easy:pause what"] = '"recv"|"send"|"all"', ["easy:unpause what"] = '"recv"|"send"|"all"',
  ["easy:getinfo name"] = "string",
  ["easy:header origin"] = "HeaderOrigin", ["easy:headers origin"] = "HeaderOrigin",
  ["easy:ws_start_frame kind"] = '"text"|"binary"|"ping"|"pong"|"close"',
  ["easy:ws_send kind"] = '"text"|"binary"|"ping"|"pong"|"close"',
  ["multi:setopt {}"] = "MultiOptions", ["multi:results list"] = "table",
  ["multi:await table"] = "table",
  ["multi:socket_action events"] = 'Events|"e"',
  ["share:setopt name"] = '"share"|"unshare"', ["share:setopt kinds"] = "ShareKind|ShareKind[]",
  ["share:setopt {}"] = "ShareOptions",
  ["address:within network"] = "string",
  ["networks:find address"] = "Address|string",
  ["socket:bind address"] = "Address|string", ["socket:connect address"] = "Address|string",
  ["socket:listen backlog"] = "integer", ["socket:sendfd descriptor"] = "Socket|integer",
  ["socket:setsockopt value"] = "integer|boolean|number|string|nil",

  ["socketfunction events"] = "Events|nil", ["socketfunction easy"] = "Easy|nil",
  ["timerfunction seconds"] = "number|nil",
  ["prereqfunction socket"] = "Socket|nil",
  ["debugfunction kind"] = '"text"|"header_in"|"header_out"|"data_in"|"data_out"|"ssl_data_in"'
    .. '|"ssl_data_out"',
  ["xferinfofunction dltotal"] = "integer", ["xferinfofunction dlnow"] = "integer",
  ["xferinfofunction ultotal"] = "integer", ["xferinfofunction ulnow"] = "integer",
  ["hstswritefunction entry"] = "HstsEntry",
  ["chunk_bgn_function info"] = "FileInfo",
  ["ssh_hostkeyfunction type"] = "string", ["ssh_hostkeyfunction key"] = "string",
  ["ssh_keyfunction known"] = "SshKey|nil", ["ssh_keyfunction found"] = "SshKey",
  ["ssh_keyfunction match"] = '"ok"|"mismatch"|"missing"',

  ["loop:perform easy"] = "Easy|EasyOptions", ["loop:stream easy"] = "Easy|EasyOptions",
  ["loop:websocket easy"] = "Easy|EasyOptions", ["loop:stream options"] = "StreamOptions",
  ["loop:websocket options"] = "WebSocketOptions",
  ["loop:wait fd"] = "integer|Socket|table|userdata",
  ["loop:on_event events"] = 'Events|"e"',
  ["loop:select recvt"] = "table", ["loop:select sendt"] = "table",
  ["stream:read format"] = 'integer|"l"|"L"|"a"', ["stream:lines format"] = 'integer|"l"|"L"|"a"',
  ["ws:send kind"] = '"text"|"binary"',
  ["curlsock.driver.new hooks"] = "Hooks",
  ["fetch url"] = "string|Url", ["fetch options"] = "FetchOptions",
  ["rules:ask {}"] = "{ url: string?, address: Address|string|nil, kind: string? }",
  ["guard.reason address"] = "Address|string", ["guard.reason options"] = "GuardOptions",
  ["policy.guard options"] = "GuardOptions", ["policy.allow {}"] = "Place[]",
  ["policy.bind options"] = "BindOptions", ["policy.broker channel"] = "Socket|string",
  ["policy.broker options"] = "BrokerOptions", ["policy.broker.serve channel"] = "Socket",
  ["policy.broker.serve open"] = "fun(address: Address, socktype: string): Socket?, string?",
  ["policy.compose {}"] = "PolicyPart[]", ["policy.fault faults"] = "Faults",
  ["policy.limit options"] = "LimitOptions",
  ["policy.route {}"] = "table<string, string|Address|Socket|function>",
  ["policy.trace sink"] = "fun(event: table)",
  ["policy.transport serve"] = "fun(socket: Socket, loop: Loop, address: Address)",
  ["policy.transport options"] = "TransportOptions",
}

for _, name in ipairs { "loop", "luv", "cqueues", "select", "driver" } do
  special["curlsock." .. name .. ".new options"] = "MultiOptions"
end

--- The type of an argument of the function.
function types.argument(owner, word)
  local type = special[owner .. " " .. word] or words[word]
  return type or error(("%s: scripts/reference/types.lua has no type of '%s'"):format(owner, word))
end

-- ---- what is returned --------------------------------------------------------------------------

local results = {
  ["curl.PAUSE"] = "Pause", nothing = "nil", message = "string", name = "string",
  reason = "string",
}

--- The type of a value that is returned.
function types.result(value)
  return results[value.type] or value.type
end

--- The word that says what is returned, as the name of it.
function types.label(value)
  return value.type ~= "nothing" and results[value.type] == "string" and value.type or nil
end

-- ---- tables ------------------------------------------------------------------------------------

--- The classes that the tables of a block are, one after the other; false: none.
types.tables = {
  ["curl.policy"] = { "PolicyFields" },
  ["curl.sockets"] = { "HeldSocket" },
  ["curl.trace"] = { "TraceEvent", false },
  ["curl.version_info"] = { "VersionInfo" },
  ["easy:connections"] = { "Connection" },
  mimepost = { "Part", "Part" },
  ["curlsock.driver.new"] = { "Hooks", "Hooks", "Hooks" },
  fetch = { "FetchOptions", "Response" },
  ["loop:stream"] = { "StreamOptions" },
  ["loop:websocket"] = { "WebSocketOptions" },
  ["policy.bind"] = { "BindOptions" },
  ["policy.broker"] = { "BrokerOptions" },
  ["policy.compose"] = { "PolicyPart", "PolicyPart" },
  ["policy.fault"] = { "Faults", "FaultConditions" },
  ["policy.guard"] = { "GuardOptions" },
  ["policy.limit"] = { "LimitOptions" },
  ["policy.transport"] = { "TransportOptions" },
  ["rules:why"] = { "Refusal" },
  ["address.family"] = { "Address" },
  ["address.socktype"] = { "Address" },
  ["loop.hooks"] = { "Loop" },
  ["recording.transfers"] = { "Recording" },
  ["rules.policy"] = { "Rules" },
}

--- Classes with methods, and what their objects are called in the comments.
types.classes = {
  { "Easy", "easy" }, { "Multi", "multi" }, { "Share", "share" },
  { "Loop", "loop" }, { "Task", "task" }, { "Group", "group" }, { "Stream", "stream" },
  { "WebSocket", "ws" }, { "Rules", "rules" }, { "Policy", "policy" }, { "Recording", "recording" },
  { "Url", "url" }, { "Socket", "socket" }, { "Address", "address" }, { "Networks", "networks" },
}

types.methods_of = {}
for _, class in ipairs(types.classes) do types.methods_of[class[1]] = class[2] end

-- Classes of what the module gives: all fields are there.
local whole = {}
for name in ("Address Connection HeldSocket Loop Recording Refusal Response Rules TraceEvent "
  .. "VersionInfo"):gmatch("%a+") do whole[name] = true end

function types.is_whole(class) return whole[class] end

-- Of fields, by class.
local fields = {
  Address = {
    family = '"inet"|"inet6"|"unix"', ip = "string|nil", port = "integer|nil",
    path = "string|nil", scope_id = "integer|nil", socktype = "string", protocol = "integer",
    bytes = "string|nil",
  },
  BindOptions = {
    inet = "string", inet6 = "string", device = "string", mark = "integer", priority = "integer",
    options = "table[]",
  },
  BrokerOptions = { timeout = "number" },
  Connection = { socket = "Socket", address = "Address", age = "number", idle = "number|nil" },
  FaultConditions = {
    chance = "number", every = "integer", host = "string|string[]", seconds = "number",
    bytes = "integer",
  },
  Faults = {
    refuse = "FaultConditions|true", hang = "FaultConditions|true",
    reset = "FaultConditions|true", delay = "FaultConditions", cut = "FaultConditions",
    random = "fun(): number",
  },
  FetchOptions = {
    url = "string|Url", method = "string", headers = "table<string, any>",
    query = "table<string, any>", form = "table<string, any>", multipart = "Part[]",
    json = "string", body = "string|file*|fun(size: integer): string?",
    to = "file*|fun(data: string): any", redirects = "integer|false", retries = "integer",
    timeout = "number", policy = "Policy|Rules|PolicyFields", loop = "Loop", curl = "EasyOptions",
  },
  GuardOptions = {
    ports = 'integer[]|"any"', protocols = "string|string[]", allow = "Place|Place[]",
    deny = "Place|Place[]", nat64 = "string|string[]", own = "boolean", proxy = "Place|Place[]",
    quic = "boolean", lifetime = "number",
  },
  HeldSocket = { socket = "Socket|nil", state = "string", pool = "Easy|Multi|Share|nil" },
  Hooks = {
    watch = "fun(fd: integer, events: Events|nil)", timer = "fun(seconds: number|nil)",
    turn = "fun()", busy = "fun(): boolean", settle = "fun()", current = "fun(): any",
    suspend = "fun(it: any)", resume = "fun(it: any): boolean, any",
    spawn = "fun(co: thread): boolean, any",
  },
  LimitOptions = {
    open = "integer", per_host = "integer", rate = "number", burst = "number", body = "integer",
    header = "integer",
  },
  Loop = { hooks = "Hooks", multi = "Multi|nil", active = "integer", spawned = "integer" },
  Part = {
    name = "string", filename = "string", type = "string", encoder = "string",
    headers = "string[]", data = "string", file = "string",
    read = "fun(size: integer, easy: Easy): string|Pause|false|nil, string?", size = "integer",
    seek = "fun(offset: integer, origin: string, easy: Easy): boolean|number|nil, string?",
    parts = "Part[]",
  },
  PolicyFields = {
    name = "string", start = "boolean|nil, string?", open = "boolean|Socket|nil, string?",
    sockopt = "boolean|nil, string?", request = "", close = "", fence = "table<string, any>",
    max_body = "integer", max_header = "integer", pool = "MultiOptions",
    admit = "true|number|nil, string?",
  },
  PolicyPart = {
    name = "string", fence = "table<string, any>", start = "boolean|nil, string?",
    route = "Address|nil, string?", judge = "boolean|nil, string?",
    make = "Socket|nil, Address|string|nil", prepare = "boolean|nil, string?",
    accept = "boolean|nil, string?", opened = "", request = "", closed = "", refused = "",
    admit = "true|number|nil, string?", join = "PolicyPart", allows = "Place[]", body = "integer",
    header = "integer", pool = "MultiOptions", opener = "boolean", reads_only = "boolean",
    trusted = "boolean",
  },
  Recording = { transfers = "table[]", connections = "table[]" },
  Refusal = { policy = "string", reason = "string", address = "string|nil" },
  Response = {
    status = "integer", ok = "boolean", headers = "Headers", body = "string|nil", url = "string",
    timing = "table<string, number>", attempts = "integer",
  },
  Rules = { policy = "Policy", admit = "function|nil" },
  StreamOptions = { limit = "integer", seconds = "number", upload = "boolean" },
  TraceEvent = {
    event = "string", time = "number", easy = "integer|nil", pool = "integer|nil",
    socket = "integer|nil", handle = "Easy|nil", url = "string|nil", address = "string|nil",
    attempt = "string|nil", reason = "string|nil", result = "string|nil",
  },
  TransportOptions = { host = "string|string[]" },
  VersionInfo = {
    version = "string", version_num = "integer", host = "string", protocols = "string[]",
    features = "string[]|nil",
  },
  WebSocketOptions = { max = "integer", seconds = "number" },
}

local named = { socket = "Socket", url = "string", refusal = "Refusal", list = "table[]" }

-- "fun(easy: Easy, url: string): boolean|nil, string?" of a field that is a function.
local function function_of(class, arguments, returned)
  local list = {}
  for word in arguments:gmatch("[%a_]+") do
    list[#list + 1] = word .. ": " .. (named[word] or types.argument(class, word))
  end
  return ("fun(%s)%s"):format(table.concat(list, ", "), returned == "" and "" or ": " .. returned)
end

--- The type of a field of a class, which is a function if it has arguments.
function types.field(class, name, arguments)
  local type = fields[class][name]
  if not type and class == "VersionInfo" then type = "string|nil" end
  if not type then
    error(("%s.%s: scripts/reference/types.lua has no type of it"):format(class, name))
  end
  if not arguments or type:find("^fun%(") then return type end
  return function_of(class, arguments, type)
end

-- ---- options -----------------------------------------------------------------------------------

local stands_for = {
  string = "string", ["string or Url"] = "string|Url", ["bytes of a file"] = "string",
  ["list of strings"] = "string[]", ["open share"] = "Share", ["open file"] = "file*",
  ["list of parts"] = "Part[]", ["string or table"] = "string|table",
}

-- The types of a number, with names in the place of "NAMES".
local numbers = {
  { "boolean", "boolean" }, { "^version", "number" }, { "^integer", "INTEGER" },
  { "name", "NAMES" }, { "list of names", "(NAMES)[]" },
}

--- The type of an option: of a callback its alias.
function types.option(option)
  local expects = option.expects
  if expects:find("^function") then
    local rest = expects:gsub(" or ", "|"):gsub(", ", "|"):gsub("file", "file*")
    return types.alias(option.name) .. rest:gsub("^function", "")
  end
  if stands_for[expects] then return stands_for[expects] end
  local names = option.choices and option.choices:gsub("%S+", '"%0"'):gsub(" ", "|")
  local integer = options.takes(option):find("fractions") and "number" or "integer"
  local list = {}
  for _, number in ipairs(numbers) do
    local type = number[2]:gsub("INTEGER", integer):gsub("NAMES", function() return names end)
    if expects:find(number[1]) then list[#list + 1] = type end
  end
  return table.concat(list, "|")
end

--- "WriteFunction" of writefunction.
function types.alias(name)
  return (name:gsub("_?function$", "_function"):gsub("_?(%a)(%a*)", function(first, rest)
    return first:upper() .. rest
  end))
end

local infos = {
  { "^string or", "string|nil" }, { "^name or", "string|nil" }, { "^descriptor or", "integer|nil" },
  { "^list of tables", "table[]" }, { "^list", "string[]" },
}

--- The type of an information, which is that in words.
function types.info(info, said)
  for _, type in ipairs(infos) do
    if said:find(type[1]) then return type[2] end
  end
  return info.expects == "double" and "number" or "integer"
end

-- ---- names -------------------------------------------------------------------------------------

--- The type with the names of classes as the language server has them.
function types.qualified(type)
  local quotes = {}
  type = type:gsub('"[^"]*"', function(text)
    quotes[#quotes + 1] = text
    return "\1"
  end)
  type = type:gsub("%f[%w_.][%u][%w]*", "curlsock.%0")
  local i = 0
  return (type:gsub("\1", function()
    i = i + 1
    return quotes[i]
  end))
end

return types
