-- The laboratory of guard_cases: runs in a namespace (namespace.sh), with lab_server.lua beside it.
-- Arguments: "guard" or "none", and maybe the name of the only case. Prints for each case its name,
-- "right" or "wrong", and what has happened, with tabs between.
--
-- setup   "kept in the multi", "... share", "... easy": an easy of the same owner was at 127.0.0.1
--         before; "rebind": two requests, with an answer of DNS each; "ftp pasv", "epsv", "active";
--         "unix", "abstract": servers are there; "own": the guard looks at the host's own addresses
local curl = require "curlsock"
local policy = require "curlsock.policy"
local which, only, file = arg[1], arg[2], arg[3] or "cases"
os.setlocale("C.UTF-8") -- else libcurl takes a host's letters for Latin 1

local lab = assert(curl.socket("inet"))
assert(lab:connect("127.0.0.1:9", 5))

local function ask(line)
  assert(lab:send(line .. "\n"))
  local answer = ""
  repeat answer = answer .. assert(lab:recv(65536, 5)) until answer:sub(-1) == "\n"
  return answer:sub(1, -2)
end

local function rules_of(case)
  if which == "none" then return nil end
  local options = {
    own = case.setup == "own", protocols = case.options and case.options.protocols,
  }
  for key, value in pairs(case.guard or {}) do options[key] = value end
  local list = { policy.guard(options) }
  if case.allow then list[2] = policy.allow(case.allow) end
  return policy.compose(list)
end

local function new_easy(case, url)
  local patience = which == "none" and 1 or 3
  local easy = curl.easy { timeout = patience, connecttimeout = 1, followlocation = true }
  easy:setopt { url = url, writefunction = {} }
  if case.resolve then easy:setopt("resolve", case.resolve) end
  for name, value in pairs(case.options or {}) do
    if name == "protocols" then -- which the guard was told, too
      easy:setopt { protocols_str = value, redir_protocols_str = value }
    else
      assert(easy:setopt(name, value))
    end
  end
  return easy
end

-- In the multi: true, or nil, message, name.
local function run(multi, easy)
  local added, why = pcall(multi.add, multi, easy)
  if not added then return nil, tostring(why), "RAISED" end
  local deadline = curl.now() + 5
  while curl.now() < deadline and assert(multi:perform()) > 0 do multi:poll(0.05) end
  local result = { nil, "no result", "NONE" }
  for _, ok, message, name in multi:results() do result = { ok, message, name } end
  multi:remove(easy)
  return table.unpack(result, 1, 3)
end

local function perform(easy)
  local called, ok, message, name = pcall(easy.perform, easy)
  if not called then return nil, tostring(ok), "RAISED" end
  return ok, message, name
end

local drive = {}

drive["kept in the multi"] = function(case, rules)
  local multi <close> = curl.multi { policy = rules }
  local before <close> = new_easy({}, "http://127.0.0.1/")
  run(multi, before)
  ask("take")
  local easy <close> = new_easy(case, case.url)
  return run(multi, easy)
end

drive["kept in the share"] = function(case, rules)
  local share <close> = curl.share { share = "connect", policy = rules }
  local before <close> = new_easy({}, "http://127.0.0.1/")
  perform(before:setopt("share", share))
  ask("take")
  local easy <close> = new_easy(case, case.url)
  return perform(easy:setopt("share", share))
end

drive["kept in the easy"] = function(case, rules)
  local easy <close> = curl.easy { policy = rules, timeout = 3, writefunction = {} }
  perform(easy:setopt("url", "http://127.0.0.1/"))
  ask("take")
  return perform(easy:setopt("url", case.url))
end

drive.rebind = function(case, rules)
  local multi <close> = curl.multi { policy = rules }
  local result
  for _, resolve in ipairs(case.resolve) do
    local easy <close> = new_easy({ resolve = { resolve } }, case.url)
    easy:setopt("forbid_reuse", true)
    result = table.pack(run(multi, easy))
  end
  return table.unpack(result, 1, 3)
end

local function plain(case, rules)
  local multi <close> = curl.multi { policy = rules }
  local easy <close> = new_easy(case, case.url)
  return run(multi, easy)
end

local function url_of(address)
  return ("http://%s/"):format(address:find(":", 1, true) and "[" .. address .. "]" or address)
end

-- What may be reached although the verdict is on something else.
local function on_the_way(case)
  local set = { ["127.0.0.1:9"] = true }
  if case.location or case.setup == "rebind" or (case.setup or ""):find("^ftp") then
    set["93.184.216.34:80"] = true
  end
  if (case.location or ""):find("/r2$") then set["93.184.216.35:80"] = true end
  for _, address in ipairs(case.way or {}) do set[address] = true end
  return set
end

local function verdict(case, ok, log)
  if case.expect == "allow" then
    for _, address in ipairs(case.never or {}) do
      if log:find("connect " .. address, 1, true) then return false end
    end
    return ok == true and log:find("request ", 1, true) ~= nil
  end
  local way = on_the_way(case)
  for what, address, line in log:gmatch("(%a+) (%S+)([^\t]*)") do
    local known = way[address] and what ~= "datagram" and what ~= "accepted"
    if not known or what == "request" and case.location and not line:find(" /r2? ") then
      return false
    end
  end
  return not ok
end

local function try(case)
  if case.address then case.url = url_of(case.address) end
  ask("set location " .. (case.location or ""))
  ask("set ftp " .. ((case.setup or ""):match("^ftp (%a+)") or ""))
  ask("take")
  local f = drive[case.setup] or plain
  local ok, message, name = f(case, rules_of(case))
  local log = ask("take")
  local right = verdict(case, ok, log)
  if case.address and which == "guard" and not case.guard then
    local said = policy.guard.reason(case.address, { own = false })
    right = right and (said == nil) == (case.expect == "allow")
  end
  print(case.name, right and "right" or "wrong",
    (("%s %s %s | %s"):format(ok, name, message, log):gsub("%s+", " ")))
end

for _, case in ipairs(dofile("spec/policy/" .. file .. ".lua")) do
  if only and only ~= "" and case.name == only or (only or "") == "" and not case.env then
    try(case)
  end
end
lab:close()
