-- Runs the specs: lua5.4 spec/support/run.lua [busted's arguments], in the project's root.
--
-- Busted runs in a process of its own, so that a crash is reported, too. And it is started as
-- a module: the command "busted" would start whichever Lua is called "lua". The run ends with
-- the line "N passed, N failed"; a crash, and an error outside a test, count as failed.

-- The state file is the child's news to the parent: counts, and the test that runs now.
local state = os.getenv("CURLSOCK_SPEC_STATE")

if state then
  local build = os.getenv("CURLSOCK_BUILD")
  if build then
    table.insert(arg, 1, "--cpath=" .. build .. "/?.so")
  end
  table.insert(arg, 1, "--output=spec/support/report.lua")
  require "busted.runner" { standalone = false }
  return
end

package.path = "./?.lua;" .. package.path
local process = require "spec.support.process"
local SIGALRM = 14 -- the time limit of a test (limit.lua)

local function child_command()
  local words = { "CURLSOCK_SPEC_STATE=" .. process.quote(state), "exec" }
  words[#words + 1] = process.quote(process.interpreter)
  words[#words + 1] = process.quote(arg[0])
  for _, a in ipairs(arg) do
    words[#words + 1] = process.quote(a)
  end
  return table.concat(words, " ")
end

local function read_state()
  local text = process.read(state) or "0 0 0\nbefore the first spec"
  local passed, failed, skipped, running = text:match("^(%d+) (%d+) (%d+)\n(.*)$")
  return tonumber(passed), tonumber(failed), tonumber(skipped), running
end

state = os.tmpname()
os.remove(state)
local ok, how, code = os.execute(child_command())
local passed, failed, skipped, running = read_state()
os.remove(state)

if running ~= "" or (not ok and failed == 0) then
  failed = failed + 1
  local where = running ~= "" and "in: " .. running or "after the last spec"
  local over = how == "signal" and code == SIGALRM
  local why = over and "killed by the time limit" or ("%s %d"):format(how, code)
  print(("\nThe run ended (%s) %s"):format(why, where))
elseif passed + failed == 0 then
  print("\nNo spec ran.")
end
local more = skipped > 0 and (", %d skipped"):format(skipped) or ""
print(("\n%d passed, %d failed%s"):format(passed, failed, more))
os.exit(failed == 0 and passed > 0)
