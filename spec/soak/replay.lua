-- Runs one program and says what was not as the model predicts: what the stand-alone scripts of
-- failures call. Also run.lua's own processes.

package.path = "./?.lua;./lua/?.lua;./lua/?/init.lua;" .. package.path
package.cpath = (os.getenv "CURLSOCK_BUILD" or "./build") .. "/?.so;" .. package.cpath
arg = arg or {} -- luacheck: ignore

-- Made before curlsock is loaded, so it is finalized after all of its handles; kept until then.
local last
debug.getregistry()["spec.last"] = setmetatable({}, { __gc = function()
  if last then last() end
end })

local function fail(text)
  io.stdout:write("failed: ", text, "\n")
  io.stdout:flush()
end

-- What was left open when the program ended is gone with the Lua state, the objects of strangers,
-- too; in which order the program cannot tell, so callbacks make nothing new.
local function at_the_end(w)
  w.ending = true
  w:forget_strangers()
  last = function()
    w.own = {}
    if not w.failure then
      w:end_untold()
      w:expect(0, #w.records, "descriptors without a close event at the end of the state")
    end
    if w.failure then fail(w.failure) end
  end
end

return function(program)
  local places = require("spec.soak.places").open()
  local w = require("spec.soak.program").execute(program, places)
  if w.failure then
    fail(w.failure)
    os.exit(3)
  end
  if program.ends == "leave" then at_the_end(w) end
  return w
end
