--- curlsock's own loop, for a script that has no other. It needs nothing but libcurl.
--
--   local loop = require("curlsock.loop").new()
--   loop:spawn(function() print(loop:perform(curl.easy { url = "http://localhost/" })) end)
--   loop:run()
local driver = require "curlsock.driver"

--- new([options]): a loop, for whose methods see curlsock.driver; options are the multi's.
local function new(options)
  local loop
  local hooks = {}

  function hooks.watch() end -- step waits for all of them

  function hooks.timer() end

  function hooks.turn()
    loop:step()
  end

  loop = driver.new(hooks, options)
  return loop
end

return { new = new }
