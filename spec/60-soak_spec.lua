-- Random programs, beside a model of who owns what (spec/soak): the same ones in each run. make
-- soak runs others.

local limit = require "spec.support.limit"
local shrink = require "spec.soak.shrink"
local soak = require "spec.soak.soak"

describe("the random machine", function()
  for first = 1, 140, 35 do
    it(("is as the model predicts: seeds %d to %d"):format(first, first + 34), function()
      limit.start(400) -- each program has its own; to make one that fails shorter takes time
      local failure = soak.failure_in(first, first + 34)
      if failure then error(failure, 0) end
    end)
  end

  it("makes the same program of the same seed", function()
    local function script(seed) return shrink.script(soak.program(seed), "") end
    assert.equal(script(7), script(7))
    assert.not_equal(script(7), script(8))
  end)

  -- What a program is said to fail for: its callback throws in a close event.
  local function fails(program)
    local script = shrink.script(program, "")
    return script:find '{ "close", %d,%s+{ "throw" }' ~= nil
  end

  local function a_failing_program()
    for seed = 1, 1000 do
      local program = soak.program(seed)
      if fails(program) then return program end
    end
  end

  it("makes a failing program as short as it can be", function()
    local program = a_failing_program()
    local small = shrink.shrink(program, fails, 10000)
    assert.is_true(fails(small))
    local lines = select(2, shrink.script(small, ""):gsub("\n", "\n"))
    -- An easy within callbacks, at most three deep, is not lifted out of them.
    assert.truthy(lines <= 13, shrink.script(small, ""))
  end)

  it("writes a program as a script that is the same program", function()
    local program = a_failing_program()
    local read
    local text = shrink.script(program, "why"):gsub('dofile "[^"]*"', "RUN")
    assert(load(text, "script", "t", { RUN = function(p) read = p end }))()
    assert.equal(shrink.script(program, ""), shrink.script(read, ""))
  end)

  it("tells a program that fails from one that does not", function()
    assert.truthy(soak.try { { "unknown" } }:find "the interpreter")
    assert.is_nil(soak.try { { "collect" } })
  end)
end)
