-- Runs a random program, which is plain data, beside the model (model.lua). A program is a list
-- of operations; each is a list: its name, then numbers. Handles live in numbered slots, and an
-- operation on an empty slot does nothing, so that any part of a program is a program, too.
-- The field cb of an operation says what the callbacks do that it sets: a list of { event, n,
-- operations... } for the n-th call. An operation that runs others has them in cb, too.

local curl = require "curlsock"
local loops = require "spec.soak.loops"
local model = require "spec.soak.model"
local others = require "spec.soak.others"

-- By name: function(world, op, context)
local ops = {}
local behind = require "spec.soak.behind"
for _, some in ipairs { require "spec.soak.easies", require "spec.soak.multis", behind,
  require "spec.soak.tasks", require("spec.soak.streams").ops, require "spec.soak.websockets",
  require("spec.soak.sure").ops, require("spec.soak.rare").ops, loops.ops, others } do
  for name, f in pairs(some) do
    ops[name] = f
  end
end

local function run(w, list, context, first)
  for i = first or 1, #list do
    if w.failure or w.steps <= 0 then return end
    local op = list[i]
    w.steps = w.steps - 1
    if os.getenv "SOAK_TRACE" then
      io.stderr:write(("  "):rep(w.calls), table.concat(op, " ", 1), "\n")
    end
    ops[op[1]](w, op, context)
    w:check()
  end
end

-- All that is left is closed in order, or dropped.
local function finish(w, way)
  local unloop = { { "unloop", way == "close" and 0 or 1 } }
  run(w, unloop, {})
  for i = 0, way == "close" and 2 or -1 do
    for slot = 0, 3 do
      run(w, { { "close", i, slot } }, {})
    end
  end
  -- From here on callbacks make nothing new.
  w.ending = true
  run(w, unloop, {}) -- one that a callback has made
  for kind in pairs(w.slots) do
    w.slots[kind] = {}
  end
  w.coroutine = nil
  others.collect(w)
  w:check()
  for fd in pairs(w.own) do
    curl.adopt(fd):close()
  end
  w:end_strangers()
  w:end_files()
  w:check_end()
end

-- Runs the program; the world, whose failure says what was not as the model predicts. ends is
-- "close", "drop", or "leave": then all is left to the end of the Lua state.
local function execute(program, places)
  local w = model.new()
  w.places, w.run, w.steps, w.throws, w.collects = places, run, 300, 0, program.gc
  w.policed = program.policed
  w:trace(program.traced)
  collectgarbage "restart"
  collectgarbage(program.gc or "stop")
  local ok, message = xpcall(function()
    run(w, program, {})
    if not w.failure and program.ends ~= "leave" then finish(w, program.ends) end
  end, debug.traceback)
  if not ok then w:fail("the interpreter: %s", message) end
  return w
end

return { execute = execute }
