-- Callbacks that few easies have: for each a transfer that calls it.
--   rare.makers[name]()       an easy
--   rare.perform(name, easy)  its transfer; alone, for more than one request may be needed
--   rare.goes_on[name]        what lets it go on, where that is not to return nothing
--   rare.is_there(name)       whether this libcurl has it
--   rare.folder(), rare.rtsp()  URLs: that folder, and of a server
--   rare.wildcard(pattern)    an easy for several files of an FTP folder

local curl = require "curlsock"
local easies = require "spec.support.easies"
local servers = require "spec.support.servers"

local rare = {}

-- Tells what comes after the body of each request.
local trailing = [[
local server = ...
while true do
  local client = server:accept()
  while true do
    local line
    repeat line = client:receive() until not line or line == ""
    if not line then break end
    local size
    repeat
      size = tonumber(client:receive() or "0", 16)
      if size > 0 then client:receive(size + 2) end
    until size == 0
    local lines = {}
    local text = client:receive()
    while text and text ~= "" do
      lines[#lines + 1] = text
      text = client:receive()
    end
    local body = table.concat(lines, "|")
    client:send("HTTP/1.1 200 OK\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body)
  end
  client:close()
end]]

-- Speaks RTSP; with the answer to PLAY come two packets of RTP.
local rtsp = [[
local server = ...
while true do
  local client = server:accept()
  while true do
    local request, line = client:receive(), nil
    if not request then break end
    local cseq
    repeat
      line = client:receive()
      cseq = (line or ""):match("^CSeq: (%d+)") or cseq
    until not line or line == ""
    local answer = "RTSP/1.0 200 OK\r\nCSeq: " .. cseq .. "\r\nSession: 7\r\n"
    if request:find("^PLAY") then
      client:send("$\0\0\5first$\1\0\6second" .. answer .. "Content-Length: 0\r\n\r\n")
    else
      client:send(answer .. "Transport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n")
    end
  end
  client:close()
end]]

local shared = {}

local function script(name, text)
  shared[name] = shared[name] or servers.script(text)
  return shared[name].url
end

-- Several files of one folder: its URL.
function rare.folder()
  local ftp = servers.vsftpd()
  if not shared.folder then
    shared.folder = true
    assert(os.execute(("mkdir -p '%s/several' && cd '%s/several' && printf one >1.txt && "
      .. "printf two >2.txt && printf x >3.bin && mkdir -p 4.txt && chmod -R a+rX ."):format(
      ftp.root, ftp.root)))
  end
  return ftp.url .. "/several/"
end

local makers = {}
rare.makers = makers

function makers.trailerfunction()
  local sent
  return curl.easy {
    url = script("trailing", trailing), proxy = "", upload = true, timeout = 20,
    httpheader = { "Expect:" }, writefunction = {},
    readfunction = function()
      sent = not sent
      return sent and "body" or nil
    end,
  }
end

function makers.resolver_start_function() return easies.plain("/hello", { writefunction = {} }) end

function rare.rtsp() return (script("rtsp", rtsp):gsub("^http", "rtsp")) end

function makers.interleavefunction()
  local url = rare.rtsp()
  return curl.easy {
    url = url, proxy = "", rtsp_stream_uri = url, rtsp_transport = "RTP/AVP/TCP;interleaved=0-1",
    timeout = 20, writefunction = {},
  }
end

-- Channels are to be agreed upon first.
function rare.perform(name, easy)
  if name == "interleavefunction" then
    assert(easy:setopt("rtsp_request", "setup"):perform())
    easy:setopt("rtsp_request", "play")
  end
  return easy:perform()
end

-- HSTS makes it TLS, by a name that is no address.
function makers.hstsreadfunction()
  local web = servers.nginx()
  return curl.easy {
    url = "http://hsts.test/hello", proxy = "", cainfo = web.ca, ssl_verifyhost = 0, timeout = 20,
    connect_to = {
      "hsts.test:80:127.0.0.1:" .. web.port4, "hsts.test:443:127.0.0.1:" .. web.https_port,
    },
    hsts_ctrl = 1, writefunction = {},
  }
end

function rare.wildcard(pattern)
  return curl.easy {
    url = rare.folder() .. pattern, proxy = "", wildcardmatch = true, timeout = 20,
    writefunction = {},
  }
end

function makers.chunk_bgn_function() return rare.wildcard "*.txt" end
function makers.chunk_end_function() return rare.wildcard "*.txt" end
function makers.fnmatch_function() return rare.wildcard "*.txt" end

rare.goes_on = {
  fnmatch_function = function(_, name) return name:find("%.txt$") and true or false end,
}

function rare.is_there(name)
  return name ~= "trailerfunction" or curl.version_info().version_num >= 0x080700
end

return rare
