--- curlsock's own loop, for a script that has no other. It needs nothing but libcurl.
--
--   local loop = require("curlsock.loop").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()
local driver = require "curlsock.driver"

--- curlsock.loop.new([options]): a loop of curlsock's own; options are those of its multi. Raises
-- an error where libcurl refuses one.
-- -> Loop
local function new(options)
  local loop
  local hooks = {} -- step waits for all of it: nothing is to be watched

  function hooks.turn(how) -- which the driver knows
    loop:step(how)
  end

  loop = driver.new(hooks, options)
  return loop
end

return { new = new }
