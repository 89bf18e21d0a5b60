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

-- These have a body, though it may be empty.
local BODIED = { POST = true, PUT = true, PATCH = true }

-- Pieces, of a known size or none. (What is posted becomes a GET behind a redirect, but libcurl
-- posts no pieces without a size, unless a header says so, which stays then.)
local function pieces_of(method, body, size)
  if size and (method == nil or method == "POST") then
    return { post = true, readfunction = body, postfieldsize_large = size }, "POST"
  end
  return { upload = true, readfunction = body, infilesize_large = size }, "PUT"
end

-- What is sent: options of an easy, and the method that these mean. ours gets headers.
local function body_of(options, ours)
  local body = options.json or options.form and encode(options.form) or options.body
  local method = options.method
  if options.multipart then return { mimepost = options.multipart }, "POST" end
  if body == nil and not BODIED[method] then return {}, "GET" end
  body = body or ""
  local text = type(body) == "string"
  local posted = text and method ~= "PUT"
  ours["content-type"] = options.json and "application/json"
    or not options.form and "" or not posted and "application/x-www-form-urlencoded" or nil
  if posted then return { postfields = body }, "POST" end
  if type(body) == "userdata" then return pieces_of(method, body, body:seek("end")) end
  return pieces_of(method, body, text and #body or nil)
end

-- libcurl sends any other method than GET, HEAD, POST and PUT to each hop: behind a 303, too, which
-- means GET. So it ends there.
local function end_at_303(easy, follows)
  easy:setopt("headerfunction", function(line)
    if not line:find "^HTTP/" then return end
    easy:setopt("followlocation", follows and not line:find "^HTTP/%S+ 303")
  end)
end

--- The easy that sends it, and the method; or nil, message, name.
function request.new(options)
  options.method = options.method and options.method:upper()
  local ours = { expect = "" }
  local own, meant = body_of(options, ours)
  local method = options.method or meant == "PUT" and "POST" or meant
  if method == "HEAD" then own.nobody = true end
  if method ~= meant and method ~= "HEAD" then
    own.customrequest = method
    own.postredir = { "post_301", "post_302" } -- only a POST becomes a GET there
  end
  own.httpheader = header_list(options, ours)
  own.accept_encoding, own.cookiefile, own.policy = "", "", options.policy
  own.maxredirs = math.type(options.redirects) and options.redirects or 10
  own.followlocation = options.redirects ~= false and own.maxredirs > 0
  for name, value in pairs(options.curl or {}) do own[name] = value end
  local message, name
  own.url, message, name = url_of(options)
  if not own.url then return nil, message, name end
  local easy
  easy, message, name = curl.easy(own)
  if easy and own.customrequest and own.headerfunction == nil then
    end_at_303(easy, own.followlocation)
  end
  return easy, easy and method or message, name
end

return request
