-- Busted's output: a line for each file, failures at once, and a summary.
-- It also keeps run.lua informed, which prints the closing line.

local busted = require "busted"
local base = require "busted.outputHandlers.base"
local verbose = (os.getenv("CURLSOCK_VERBOSE") or "") ~= ""
local process = require "spec.support.process"
local state = os.getenv("CURLSOCK_SPEC_STATE")

return function()
  local handler = base()
  local file = {}

  local function failed()
    return handler.failuresCount + handler.errorsCount
  end

  local function tell(running)
    if state then
      local counts = { handler.successesCount, failed(), handler.pendingsCount }
      process.write(state, table.concat(counts, " ") .. "\n" .. running)
    end
  end

  local function say(...)
    io.write(string.format(...), "\n")
    io.flush()
  end

  local function place(element)
    local trace = element.trace
    local line = trace and trace.currentline -- none for a file that does not load
    return line and ("%s:%d"):format(trace.short_src, line) or ""
  end

  local function indent(text)
    return "    " .. tostring(text):gsub("\n", "\n    ")
  end

  local function complain(element, _, message, trace)
    local name = handler.getFullName(element)
    say("FAILED  %s  (%s)", name, place(element))
    say("%s", indent(message))
    if trace and trace.traceback then
      say("%s", indent(trace.traceback:gsub("^\n+", "")))
    end
    return nil, true
  end

  local function test_start(element)
    tell(place(element) .. "  " .. handler.getFullName(element))
    return nil, true
  end

  local function test_end(element, _, status)
    if verbose then
      say("  %-8s%6.0f ms  %s", status, element.duration * 1000, handler.getFullName(element))
    end
    return nil, true
  end

  local function file_start(element)
    file.passed, file.failed = handler.successesCount, failed()
    tell(element.name)
    return nil, true
  end

  local function file_end(element)
    local bad = failed() - file.failed
    local good = handler.successesCount - file.passed
    local more = bad > 0 and (", %d failed"):format(bad) or ""
    say("%-48s %4d passed%s  (%.1f s)", element.name, good, more, element.duration)
    return nil, true
  end

  local function suite_end()
    tell("")
    for _, pending in ipairs(handler.pendings) do
      local reason = pending.message and ": " .. tostring(pending.message) or ""
      say("skipped  %s%s", pending.name, reason)
    end
    for _, list in ipairs { handler.failures, handler.errors } do
      for _, failure in ipairs(list) do
        say("failed   %s  (%s)", failure.name, place(failure.element))
      end
    end
    return nil, true
  end

  local subscribe = handler.subscribe
  function handler:subscribe(options)
    subscribe(self, options)
    busted.subscribe({ "file", "start" }, file_start)
    busted.subscribe({ "file", "end" }, file_end)
    busted.subscribe({ "test", "start" }, test_start)
    busted.subscribe({ "test", "end" }, test_end)
    busted.subscribe({ "failure" }, complain)
    busted.subscribe({ "error" }, complain)
    busted.subscribe({ "exit" }, suite_end)
  end

  return handler
end
