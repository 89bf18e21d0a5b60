-- Measures what policies cost: instructions of a request to a public address, on a new connection
-- and on a kept one, against plain.c, which has none. Writes bench/RESULTS-policies.md.
--
-- Run:  make bench-policies      (as root: it makes two network namespaces)
local curl = require "curlsock"
local policy = require "curlsock.policy"

local URL = "http://93.184.216.34/"

local kinds = {}

function kinds.none() end

function kinds.guard() return policy.compose { policy.guard() } end

-- All of guard, route, bind, limit and trace.
function kinds.all()
  return policy.compose {
    policy.guard(), policy.route { app = "unix:/run/app.sock" },
    policy.bind { inet = "198.51.100.1" }, policy.limit { per_host = 6 },
    policy.trace(function() end),
  }
end

-- n requests, as plain.c makes them.
local function task(kind, kept, n)
  local rules = kinds[kind]()
  local easy = curl.easy { policy = rules, url = URL, proxy = "" }
  if kept == "new" then easy:setopt("forbid_reuse", true) end
  for _ = 1, n + 1 do assert(easy:perform()) end
  os.exit(true, false)
end

if arg[1] then return task(arg[1], arg[2], math.tointeger(arg[3])) end

local measure = require "bench.measure"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local N <const> = 300

local function instructions(words)
  local function count(n)
    local fewest = math.huge
    for _ = 1, 3 do
      local counts, text = measure.callgrind(words:format(n))
      fewest = math.min(fewest, measure.sum(assert(counts, text)))
    end
    return fewest
  end
  return (count(2 * N) - count(N)) / N
end

-- The bars of a new connection; a kept one is to pay nothing.
local bars = { new = { guard = 1.15, all = 1.6 }, kept = {} }

local plain = measure.compile "plain"
local rows = {
  "# What policies cost",
  "",
  measure.machine() .. ". `make bench-policies` makes it: instructions a request,",
  "by callgrind, to a public address in another network namespace, against [plain.c](plain.c),",
  "which has callbacks and no policy. *All* are guard, route, bind, limit and trace.",
  "",
  measure.row("", "policy", "instructions", "ratio", "bar"),
  "| --- | --- | ---: | ---: | ---: |",
}

local function row(...)
  rows[#rows + 1] = measure.row(...)
  print(rows[#rows])
end

for _, kept in ipairs { "new", "kept" } do
  local base = instructions(("%s %s %s %%d"):format(plain, kept, URL))
  row(kept, "plain C", measure.thousands(base), "", "")
  for _, kind in ipairs { "none", "guard", "all" } do
    local ours = instructions(("%s bench/policies.lua %s %s %%d"):format(process.interpreter, kind,
      kept))
    row(kept, kind, measure.thousands(ours), ("%.3fx"):format(ours / base),
      tostring(bars[kept][kind] or ""))
  end
end
measure.write("bench/RESULTS-policies.md", table.concat(rows, "\n"))
servers.close()
