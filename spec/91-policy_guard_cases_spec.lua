-- policy.guard against every case of spec/policy, in a network namespace in which servers of any
-- address are reached (spec/policy/namespace.sh). Where none can be made the cases are only asked
-- about without a network, and the others left out: that fails if CURLSOCK_NAMESPACES is set.

local policy = require "curlsock.policy"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local files = { "cases", "more" }

local function shell(command)
  return process.output(command .. " 2>&1")
end

local can = shell "sh spec/policy/namespace.sh true" ~= nil

-- Runs the laboratory: a table, name -> { "right" or "wrong", what has happened }, and how many.
local function run(which, file, only, env)
  local ready = servers.dir() .. "/lab"
  local lua = process.lua(env)
  local script = ([[%s spec/policy/lab_server.lua >%s & server=$!
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      grep -q ready %s && break; sleep 0.1; done
    timeout 50 %s spec/policy/lab.lua %s %s %s; kill $server 2>/dev/null; wait; true]]):format(
    process.lua(), ready, ready, lua, which, process.quote(only or ""), file)
  os.remove(ready)
  local output = shell("sh spec/policy/namespace.sh sh -c " .. process.quote(script))
  local results, count = {}, 0
  for name, verdict, what in (output or ""):gmatch("([^\n\t]+)\t(%l+)\t([^\n]*)") do
    results[name], count = { verdict, what }, count + 1
  end
  assert(count > 0, output)
  return results, count
end

local function all_of(which, file)
  local results = run(which, file)
  for _, case in ipairs(dofile("spec/policy/" .. file .. ".lua")) do
    if case.env then
      results[case.name] = run(which, file, case.name, case.env)[case.name]
    end
  end
  return results
end

for _, file in ipairs(files) do
  local cases = dofile("spec/policy/" .. file .. ".lua")

  describe(("policy.guard, in %s.lua,"):format(file), function()
    local results

    it("has each case once", function()
      local seen = {}
      for _, case in ipairs(cases) do
        assert.is_nil(seen[case.name], case.name)
        seen[case.name] = true
      end
    end)

    it("judges the addresses alone", function()
      for _, case in ipairs(cases) do
        if case.address then
          local options = { own = false }
          for key, value in pairs(case.guard or {}) do options[key] = value end
          local why = policy.guard.reason(case.address, options)
          assert.equal(case.expect == "allow", why == nil, case.name .. ": " .. tostring(why))
        end
      end
    end)

    if not can then
      local left = 0
      for _, case in ipairs(cases) do left = left + (case.address and 0 or 1) end
      local title = "leaves out %d of %d cases, for no namespace can be made"
      it(title:format(left, #cases), function()
        assert.is_nil(os.getenv("CURLSOCK_NAMESPACES"), "there must be namespaces")
        pending("no network namespaces")
      end)
      return
    end

    it("is right in all " .. #cases, function()
      results = all_of("guard", file)
      local wrong, count = {}, 0
      for _, case in ipairs(cases) do
        local result = results[case.name]
        if result then count = count + 1 end
        if not result or result[1] ~= "right" then
          wrong[#wrong + 1] = ("%s: %s"):format(case.name, result and result[2] or "not run")
        end
      end
      assert.equal("", table.concat(wrong, "\n"))
      assert.equal(#cases, count)
    end)

    -- Else the servers were where nobody could reach them.
    it("is needed: without it most are wrong", function()
      local wrong, refused = 0, 0
      for _, result in pairs(all_of("none", file)) do
        wrong = wrong + (result[1] == "wrong" and 1 or 0)
      end
      for _, case in ipairs(cases) do
        refused = refused + (case.expect == "refuse" and 1 or 0)
      end
      assert.truthy(wrong > refused * 0.8, ("%d wrong, %d to be refused"):format(wrong, refused))
    end)
  end)
end
