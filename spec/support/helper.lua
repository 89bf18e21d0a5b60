-- Busted's helper script: every test, and then every file, must leave nothing over; and each
-- test has a time limit.

local busted = require "busted"
local left = require "spec.support.left"
local limit = require "spec.support.limit"
local servers = require "spec.support.servers"

-- Before the first test, for its pipe is a descriptor.
servers.open()

-- The last check found no garbage, so the next test need not collect any before it starts.
local clean = false

-- The test's body, then what it gave to finally(), then the check. All of it is in the test, so
-- that a violation is this test's failure.
local function guarded(element, run)
  return function(...)
    local before = clean and left.look() or left.snapshot()
    clean = false
    local finish
    local finally = element.env.finally
    local function once()
      local f = finish
      finish = nil
      return f and f()
    end
    element.env.finally = function(f)
      finish = f
      finally(once) -- for a test that fails
    end
    run(...)
    once()
    left.check(before)
    clean = true
  end
end

local function again()
  limit.start()
  return nil, true
end

-- What runs between two tests (setup, teardown) has its limit, too.
for _, event in ipairs { { "file", "start" }, { "test", "start" }, { "test", "end" } } do
  busted.subscribe(event, again)
end

local guards = setmetatable({}, { __mode = "k" })
local files = {}

busted.subscribe({ "test", "start" }, function(element)
  if element.descriptor == "it" and not guards[element] then
    guards[element] = true
    element.run = guarded(element, element.run)
  end
  return nil, true
end)

-- Also what before_each, setup and the file itself made must have gone in the end; and files in the
-- root of the checkout.
busted.subscribe({ "file", "start" }, function(file)
  files[file.name] = left.snapshot()
  files[file.name].objects = {}
  files[file.name].names = left.names()
  clean = false
  return nil, true
end)

busted.subscribe({ "file", "end" }, function(file)
  left.check(files[file.name])
  return nil, true
end)

busted.subscribe({ "exit" }, function()
  limit.stop()
  servers.close()
  return nil, true
end)
