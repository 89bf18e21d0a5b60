-- What a program has at hand: handles by kind, its folder, its counts, and its log.

local doh = require "spec.chaos.doh"
local random = require "spec.chaos.random"

local World = {}
World.__index = World

local limits = {
  easy = 8, multi = 3, share = 2, socket = 12, loop = 2, task = 6, group = 2, stream = 3, url = 3,
}

-- forks: how many lead to this process. last(f): f() is called when the state has ended.
function World.new(folder)
  local w = { folder = folder, depth = 0, counts = {}, handles = {}, strangers = {}, forks = 0 }
  for kind in pairs(limits) do
    w.handles[kind] = {}
  end
  return setmetatable(w, World)
end

-- One of the handles of that kind, or nil.
function World:any(R, kind)
  local list = self.handles[kind]
  return list[1] and random.pick(R, list)
end

-- What happened is a failure of the program, whatever becomes of an error here.
function World:fail(text)
  self.failure = self.failure or text
end

local function stop(handle)
  (handle.close or handle.cancel)(handle)
end

-- Keeps one more; what is too much is closed, or dropped.
function World:keep(R, kind, handle)
  local list = self.handles[kind]
  list[#list + 1] = handle
  if #list <= limits[kind] then return handle end
  local old = table.remove(list, R(#list - 1))
  if R(2) == 1 then pcall(stop, old) end
  return handle
end

function World:count(what)
  self.counts[what] = (self.counts[what] or 0) + 1
end

local function shown(value)
  if type(value) == "string" then return ("%q"):format(value:sub(1, 60)) end
  if type(value) ~= "table" then return tostring(value) end
  local words = {}
  for k, v in next, value do
    words[#words + 1] = ("%s=%s"):format(k, type(v) == "table" and "{...}" or shown(v))
  end
  table.sort(words)
  return "{" .. table.concat(words, ", ", 1, math.min(#words, 30)) .. "}"
end

-- Each call that a program makes.
function World:log(...)
  local words = table.pack(...)
  for i = 1, words.n do
    words[i] = i == 1 and words[i] or shown(words[i])
  end
  self.trace:write(("  "):rep(self.depth), table.concat(words, " "), "\n")
end

-- object:name(...) protected; nothing of it matters but that the process survives.
function World:try(object, name, ...)
  self:log(name, object, ...)
  local result = table.pack(pcall(function(...) return object[name](object, ...) end, ...))
  if result[1] then doh.called(object, name, result[2], ...) end
  return table.unpack(result, 1, result.n)
end

local function is_closed(handle)
  return tostring(handle):find "closed" ~= nil
end

-- An easy that can be used again, or nil.
function World:used(R)
  for _ = 1, 4 do
    local e = self:any(R, "easy")
    if e and not is_closed(e) then return e end
  end
end

function World:leave_multis(e)
  for _, m in ipairs(self.handles.multi) do
    pcall(m.remove, m, e)
  end
end

function World:shut()
  for _ = 1, 2 do
    for _, kind in ipairs { "stream", "group", "task", "loop", "easy", "multi", "share",
      "socket" } do
      for _, handle in ipairs(self.handles[kind]) do
        pcall(stop, handle)
      end
    end
  end
end

function World:forget()
  for kind in pairs(self.handles) do
    self.handles[kind] = {}
  end
end

-- What a transfer went by: the protocol it ended with, and what was between.
local between = {
  [1080] = " by SOCKS", [3128] = " by an HTTP proxy", [3129] = " by an HTTPS proxy",
}

local versions = { ["2"] = "/2", ["3"] = "/3" }

function World:result(easy, ok, name)
  if not ok then return self:count("failed " .. tostring(name)) end
  local known, url = pcall(easy.getinfo, easy, "effective_url")
  local scheme = known and url and url:match "^(%w+):"
  if not scheme then return self:count "succeeded, closed since" end
  local function info(what)
    local fine, value = pcall(easy.getinfo, easy, what)
    return fine and value
  end
  self:count("ok " .. scheme:lower() .. (versions[info "http_version"] or "")
    .. (between[info "primary_port"] or "") .. (url:find "only.doh" and " by DoH" or ""))
end

return World
