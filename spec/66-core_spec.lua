-- The core and the sockets without libcurl: a C program that drives them with a library of its
-- own (spec/core), built as everything else is, and with the checks on.

local process = require "spec.support.process"

describe("the core without libcurl", function()
  it("ends all in every order, and walks at random as the model says", function()
    local steps = process.patience > 1 and 2000 or 100000
    local pipe = assert(io.popen("make --no-print-directory run-core STEPS=" .. steps .. " 2>&1"))
    local output = pipe:read("a")
    assert(pipe:close(), output)
    assert.truthy(output:find("^.*%d+ orders\n%d+ steps"), output)
  end)
end)
