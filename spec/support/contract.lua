-- The driver's contract with its adapters: what stands above functions in the driver's files, and
-- nothing else.

local process = require "spec.support.process"

local contract = {}

-- Methods, and what driver.lua lists: fields and hooks.
local function listed()
  local names, driver = {}, process.read("lua/curlsock/driver.lua")
  local all = process.output("cat lua/curlsock/driver.lua lua/curlsock/driver/*.lua")
  for name in all:gmatch("\n%-%-%- loop:([%l_]+)%(") do names[name] = true end
  for name in driver:gmatch("\n%-%-   ([%l_]+)") do names[name] = true end
  return names
end

contract.names = listed()

local function check(name, what)
  if contract.names[name] then return end
  error(("%s '%s' is not in the contract"):format(what, name), 3)
end

-- The driver as an adapter may see it: it gets methods of its own, and reads what is listed.
local function guarded(driver)
  local guard, methods = {}, {}
  return setmetatable(guard, {
    __index = function(_, name)
      check(name, "field")
      local value = driver[name]
      if type(value) ~= "function" then return value end
      methods[name] = methods[name] or function(self, ...)
        assert(self == guard, name .. " is called without the driver")
        return value(driver, ...)
      end
      return methods[name]
    end,
    __newindex = function(_, name, value)
      assert(type(value) == "function" and not driver[name], "an adapter writes field " .. name)
      rawset(guard, name, value)
    end,
  })
end

-- From here on the adapters get such drivers; their hooks must be listed, too.
function contract.enforce()
  local real = require "curlsock.driver"
  package.loaded["curlsock.driver"] = {
    new = function(hooks, options)
      for name in pairs(hooks) do check(name, "hook") end
      return guarded(real.new(hooks, options))
    end,
  }
end

return contract
