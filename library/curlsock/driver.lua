---@meta curlsock.driver
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

local module = {}

---a loop with a multi of its own, which has these options, for an event loop that has no adapter yet. Raises an error where libcurl refuses an option. hooks is a table of functions:
---
---* `watch(fd, events)`: call on_event(fd, events) whenever the descriptor is ready for events "r", "w" or "rw", in place of what was watched for; nil: no longer (which after a failure may come for what is not watched)
---* `timer(seconds)`: call on_timer() once, after so long, in place of an earlier time; nil: not at all. (Neither calls back before it has returned.)
---* `turn()`: wait for any event of the loop and handle what has happened
---
---(the first two not where turn is step), where other things than transfers happen, also
---
---* `busy()`: whether what was spawned, and has not ended, may still go on
---* `settle()`: a call from outside the loop returns, which may have unwatched something
---
---and where the loop has coroutines of its own
---
---* `current()`: what can be suspended in this coroutine: by default itself; nil for nothing
---* `suspend(it)`: wait until resume(it), or less; by default it yields
---* `resume(it)`: let it go on
---* `spawn(co)`: let the new coroutine begin; these two return true, or false and what the coroutine threw meanwhile
---@param hooks curlsock.Hooks
---@param options? curlsock.MultiOptions
---@return curlsock.Loop
function module.new(hooks, options) end

return module
