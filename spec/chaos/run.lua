-- Random hostile transfers until the time is up, or the programs are done:
--   lua5.4 spec/chaos/run.lua SECONDS PROGRAMS SEED JOBS     in the root of the checkout
-- (make chaos says the environment). Most of a program is waiting: JOBS run side by side.

package.path = "./?.lua;" .. package.path

local known = require "spec.chaos.known"
local machine = require "spec.chaos.machine"
local process = require "spec.support.process"

local seconds, programs = tonumber(arg[1]), tonumber(arg[2]) or 1000000
local seed, jobs = tonumber(arg[3]) or os.time() % 1000000, tonumber(arg[4])

-- What must have succeeded in a long run, if this libcurl speaks it.
local wanted = {
  "dict", "file", "ftp", "ftps", "gopher", "gophers", "http", "https", "https/3", "imap", "imaps",
  "mqtt", "pop3", "pop3s", "rtsp", "smtp", "smtps", "telnet", "tftp", "ws", "wss",
}
local ways = {
  "http/2", "https/2", "http by SOCKS", "https/2 by SOCKS", "http by an HTTP proxy",
  "http by an HTTPS proxy", "http by DoH",
}

local function lanes(stop)
  local words = {}
  for lane = 0, jobs - 1 do
    words[#words + 1] = machine.command(seed + lane, jobs, seed + programs - 1, stop, "&")
  end
  return table.concat(words, " ") .. " wait"
end

local totals = {
  passed = 0, failed = 0, met = 0, peak = 0, sum = {}, kinds = {}, known = {}, speaks = {},
}

local function add(text)
  for name, n in text:gmatch "([^;=]+)=(%d+)" do
    name = name:gsub("^counts: ", "")
    if name == "peak KiB" then
      totals.peak = math.max(totals.peak, tonumber(n))
    else
      totals.sum[name] = (totals.sum[name] or 0) + tonumber(n)
    end
  end
  for name in text:match "protocols: (.*)":gmatch "%S+" do
    totals.speaks[name] = true
  end
end

local function tell_failed(number, file, why)
  local kind = machine.kind(why)
  local again = totals.kinds[kind]
  totals.failed = totals.failed + 1
  totals.kinds[kind] = (again or 0) + 1
  print(("program %d fails: %s\n  %s\n  again: make chaos-replay KIND=%s SEED=%d"):format(number,
    kind, file, os.getenv "CHAOS_KIND", number))
  if not again then print((why:sub(1, 2500):gsub("\n", "\n  | "))) end
end

local function tell_known(number, file, what)
  totals.met = totals.met + 1
  totals.known[what] = (totals.known[what] or 0) + 1
  print(("program %d meets what is known: %s\n  %s"):format(number, what, file))
end

local function tell(number, file)
  local why = process.read(file)
  local what = known(why)
  if why:find "\ncounts: " then add(machine.counts(why)) end
  if what then return tell_known(number, file, what) end
  tell_failed(number, file, why)
end

local function listed(matches)
  local words = {}
  for name, n in pairs(totals.sum) do
    local what = name:match(matches)
    if what then words[#words + 1] = ("%s %d"):format(what, n) end
  end
  table.sort(words)
  return table.concat(words, ", ")
end

local function missing()
  local words = {}
  for _, name in ipairs(wanted) do
    if totals.speaks[name] and not totals.sum["ok " .. name] then words[#words + 1] = name end
  end
  for _, name in ipairs(ways) do
    if not totals.sum["ok " .. name] then words[#words + 1] = name end
  end
  return words
end

local function conclude()
  print(("%d programs from seed %d on: %d passed, %d met what is known, %d failed"):format(
    totals.passed + totals.met + totals.failed, seed, totals.passed, totals.met, totals.failed))
  print(("%d transfers, %d callbacks; left over by those that passed: no descriptor, no object; %s"
    ):format(totals.sum.transfers or 0, totals.sum.callbacks or 0,
    ("at most %d MiB each"):format(totals.peak // 1024)))
  print("succeeded: " .. listed "^ok (.*)")
  print("failed, as they may: " .. listed "^failed (.*)")
  for _, kinds in ipairs { totals.known, totals.kinds } do
    for kind, n in pairs(kinds) do
      print(("%d times: %s"):format(n, kind))
    end
  end
  local never = totals.passed >= 200 and missing() or {}
  if #never > 0 then print("never succeeded: " .. table.concat(never, ", ")) end
  return totals.passed > 0 and totals.failed == 0 and #never == 0
end

local function main()
  local pipe = assert(io.popen(lanes(os.time() + seconds)))
  for line in pipe:lines() do
    local how, number, rest = line:match "^(%a+) (%d+) (.*)$"
    if how == "passed" then
      totals.passed = totals.passed + 1
      add(rest)
    elseif how == "failed" then
      tell(tonumber(number), rest)
    end
  end
  pipe:close()
  os.exit(conclude(), true)
end

main()
