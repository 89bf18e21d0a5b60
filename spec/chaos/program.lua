-- Runs the program of a seed: lua5.4 spec/chaos/program.lua SEED ROUNDS [ROUND,ROUND...], under
-- servers.py (lane.lua says how). Each round draws from its own stream, so that any of them can be
-- left out. The end of the output is what was counted, and what was left over.

-- Modules are loaded after it has gone to its folder, too.
local root = require("lfs").currentdir()
package.path = ("%s/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;"):format(root, root, root) .. package.path

local seed, rounds, only = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local folder = assert(os.getenv "CHAOS_FOLDER")

-- Made before curlsock is loaded, so it is finalized after all of its handles; kept until then.
local last
debug.getregistry()["spec.last"] = setmetatable({}, { __gc = function()
  if last then last() end
end })

local lfs = require "lfs"
local left = require "spec.support.left"
local strangers = require "spec.chaos.strangers"
local process = require "spec.support.process"
local before

local curl = require "curlsock"
local random = require "spec.chaos.random"
local World = require "spec.chaos.world"
local callbacks = require "spec.chaos.callbacks"
local doh = require "spec.chaos.doh"
local features = require "spec.chaos.features"
local go = require "spec.chaos.round"
local states = require "spec.chaos.states"
require "spec.chaos.forks"

local pick, stream = random.pick, random.stream
local w = World.new(folder)
w.null = assert(io.open("/dev/null", "w"))
function w.last(f) last = f end
w.policy = callbacks.policy
-- A program has one cache that most of its transfers meet in, or none.
local home = pick(stream(seed), { "easy", "easy", "multi", "share" })

local function make_files()
  process.write(folder .. "/file", ("some text\n"):rep(100))
  process.write(folder .. "/empty", "")
  process.write(folder .. "/altsvc", 'h1 127.0.0.1 444 h3 127.0.0.1 443 "20371231 00:00:00" 0 0\n')
end

local function round(i)
  local R = stream(seed << 16 | i)
  w:log("round", i)
  strangers.next(w)
  go(w, R, home)
  strangers.check(w)
  if w.failure then error(w.failure, 0) end
end

local function selected()
  local list = {}
  for n in (only or ""):gmatch "%d+" do
    list[#list + 1] = tonumber(n)
  end
  for n = 1, only and 0 or rounds do
    list[n] = n
  end
  return list
end

local function fail(text)
  print("failed: " .. text)
  os.exit(3, false)
end

local function check_live()
  local words = {}
  for kind, n in pairs(curl.live()) do
    if n ~= 0 then words[#words + 1] = ("%d of kind %s"):format(n, kind) end
  end
  table.sort(words)
  if not words[1] then return end
  local text = "%s left alive; used with DNS over HTTPS: %d"
  fail(text:format(table.concat(words, ", "), doh.shares))
end

local function check_descriptors()
  strangers.close(w)
  for fd, what in pairs(left.descriptors()) do
    if before[fd] ~= what then fail(("descriptor %d is left open: %s"):format(fd, what)) end
  end
end

-- Resident KiB, the most there was.
local function peak()
  return process.read "/proc/self/status":match "VmHWM:%s*(%d+)"
end

local function tell()
  local words = {}
  for name, n in pairs(w.counts) do
    words[#words + 1] = ("%s=%d"):format(name, n)
  end
  table.sort(words)
  print(("protocols: %s%s"):format(table.concat(curl.version_info().protocols, " "),
    features.http3 and os.getenv "CHAOS_HTTP3" and " https/3" or ""))
  print("counts: " .. table.concat(words, ";") .. ";peak KiB=" .. peak())
end

local function finish()
  local way = pick(stream(~seed), { "close", "drop", "leave" })
  w.ending = true
  w.null:close()
  states.close(w)
  if way == "close" then w:shut() end
  if way == "leave" then
    last = check_descriptors
    return tell()
  end
  w:forget()
  for _ = 1, 8 do
    collectgarbage()
  end
  check_live()
  check_descriptors()
  tell()
end

w.trace = assert(io.open(os.getenv "CHAOS_LOG", "w"))
w.trace:setvbuf "line"
before = left.descriptors()
make_files()
assert(lfs.chdir(folder))
for _, i in ipairs(selected()) do
  local ok, message = pcall(round, i)
  if not ok then fail(("round %d: %s"):format(i, message)) end
end
finish()
