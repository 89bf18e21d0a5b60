-- The makers of generate.lua for loops, tasks and streams (loops.lua, tasks.lua, streams.lua).

local R = math.random

-- tools: what generate.lua makes programs with.
return function(tools)
  local slot, callbacks, list, events = tools.slot, tools.callbacks, tools.list, tools.events

  local function sure(depth)
    return { "sure", slot "easy", R(0, 6), R(0, R(0, 3)), R(4) == 1 and 1 or 0,
      cb = R(2) == 1 and callbacks(depth, events) or nil }
  end

  local function stream()
    return { "stream", slot "easy", R(0, 5), R(0, R(0, 9)) }
  end

  local function ws()
    return { "ws", slot "easy", R(0, 6) }
  end

  local function await()
    return { "await", slot "easy", R(3) == 1 and R(2, 3) or 0 }
  end

  local function plain(name, a, b)
    return function()
      return { name, a and R(0, a), b and R(0, b) }
    end
  end

  -- With an easy that is made for it.
  local function with_new(make_easy, make)
    return function(depth)
      local e, o = make_easy(depth), make()
      o[2] = e[2]
      return e, o
    end
  end

  -- What a task does, or the program itself, or a callback.
  local steps = {
    await, await, with_new(tools.easy, await), with_new(tools.easy, await), with_new(sure, await),
    stream, with_new(sure, stream), with_new(sure, stream), with_new(tools.easy, stream),
    with_new(sure, ws), ws,
    plain("nap", 1), plain("nap", 1), plain "rest", plain("ready", 5), plain("join", 9, 3),
    plain("cancel", 9), plain("gather", 1), plain("turn", 3),
  }

  local function steps_of_task(depth)
    local some = {}
    for _ = 1, R(R(6)) do
      if R(4) == 1 then
        table.move(list(1, depth + 1), 1, 2, #some + 1, some)
      else
        local step = { steps[R(#steps)](depth + 1) }
        table.move(step, 1, #step, #some + 1, some)
      end
    end
    if R(6) == 1 then some[#some + 1] = { "fail" } end
    return some
  end

  local function spawn(depth)
    return { "spawn", R(0, 1), cb = depth < 3 and steps_of_task(depth) or nil }
  end

  local function loop()
    return { "loop", R(0, 3), R(3) == 1 and 1 or 0 }
  end

  local function unloop()
    return { "unloop", R(0, 2) }
  end

  return {
    -- Some tasks, from a loop's beginning to its end, in whose middle anything happens.
    { 6, function(depth)
      local program = { loop() }
      if R(3) == 1 then program[2] = { "group" } end
      for _ = 1, R(4) do
        program[#program + 1] = R(3) == 1 and sure(depth) or nil
        program[#program + 1] = spawn(depth)
      end
      program[#program + 1] = { "turn", R(0, R(20)) }
      if R(2) == 1 then table.move(list(R(2), depth + 1), 1, 4, #program + 1, program) end
      if R(3) == 1 then program[#program + 1] = { "cancel", R(0, 9) } end
      program[#program + 1] = R(3) > 1 and { "run" } or unloop()
      return table.unpack(program)
    end },
    { 1, loop }, { 1, unloop }, { 3, spawn }, { 2, function() return { "run" } end },
    { 2, sure }, { 2, function(depth) return steps[R(#steps)](depth) end },
    { 1, function() return { "group" } end }, { 1, function() return { "ungroup" } end },
  }
end
