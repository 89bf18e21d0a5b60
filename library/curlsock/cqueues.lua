---@meta curlsock.cqueues
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

local module = {}

---a loop in a cqueue; options are those of its multi, controller is the cqueue that it lives in (a new one if none is given). loop:perform() waits in coroutines of that controller; elsewhere it steps the controller, but inside a coroutine of another controller cqueues may refuse that. Nor does cqueues bear, while its loop() runs, that a coroutine is closed from outside: loop() does not return then.
---@param options? curlsock.MultiOptions
---@param controller? userdata
---@return curlsock.Loop
function module.new(options, controller) end

return module
