-- What fetch sends: the easy that its options mean.
local curl = require "curlsock"

local request = {}

-- Calls f(name, value) for each of a table of names, with a value or a list of them, in order.
local function each(values, f)
  local names = {}
  for name in pairs(values) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local list = type(values[name]) == "table" and values[name] or { values[name] }
    for _, value in ipairs(list) do f(name, tostring(value)) end
  end
end

local function encode(values)
  local parts = {}
  each(values, function(name, value)
    parts[#parts + 1] = curl.escape(name) .. "=" .. curl.escape(value)
  end)
  return table.concat(parts, "&")
end

local function url_of(options)
  if not options.query then return options.url end
  local flags = type(options.url) == "string" and { "guess_scheme", "non_support_scheme" } or {}
  local url, message, name = curl.url(options.url, table.unpack(flags))
  if not url then return nil, message, name end
  return url:set("query", encode(options.query), "appendquery")
end

-- The script's headers, and those of ours that it has not set; without a value: libcurl's own goes.
local function header_list(options, ours)
  local list = {}
  each(options.headers or {}, function(name, value)
    ours[name:lower()] = nil
    list[#list + 1] = value == "" and name .. ";" or name .. ": " .. value
  end)
  each(ours, function(name, value) list[#list + 1] = name .. ": " .. value end)
  return list
end

-- What is sent: options of an easy, its type, and the method that these mean.
local function body_of(options)
  local body, size = options.json or options.form and encode(options.form) or options.body, nil
  if options.multipart then return { mimepost = options.multipart }, nil, "POST" end
  if body == nil then return {}, nil, "GET" end
  local kind = options.json and "application/json" or options.body and "" or nil
  local text = type(body) == "string"
  if text and options.method ~= "PUT" then return { postfields = body }, kind, "POST" end
  if type(body) == "userdata" then size = body:seek("end") end
  size = text and #body or size
  return { upload = true, readfunction = body, infilesize_large = size }, kind, "PUT"
end

--- The easy that sends it, and the method; or nil, message, name.
function request.new(options)
  options.method = options.method and options.method:upper()
  local own, kind, meant = body_of(options)
  local method = options.method or meant == "PUT" and "POST" or meant
  if method == "HEAD" then own.nobody = true end
  if method ~= meant and method ~= "HEAD" then own.customrequest = method end
  own.httpheader = header_list(options, { expect = "", ["content-type"] = kind })
  own.accept_encoding, own.policy = "", options.policy
  own.maxredirs = math.type(options.redirects) and options.redirects or 10
  own.followlocation = options.redirects ~= false and own.maxredirs > 0
  for name, value in pairs(options.curl or {}) do own[name] = value end
  local message, name
  own.url, message, name = url_of(options)
  if not own.url then return nil, message, name end
  local easy
  easy, message, name = curl.easy(own)
  return easy, easy and method or message, name
end

return request
