-- Commands of the shell, for specs.
--
--   shell.run(command)      whether it succeeded, and what it printed on both outputs
--   shell.must(command)     what it printed; fails unless it succeeds
--   shell.folder(name)      a fresh folder in the folder of the run

local servers = require "spec.support.servers"

local shell = {}

function shell.run(command)
  local pipe = io.popen("{ " .. command .. "\n} 2>&1 </dev/null")
  local output = pipe:read("a")
  return pipe:close() == true, output
end

function shell.must(command)
  local ok, output = shell.run(command)
  assert(ok, command .. "\n" .. output)
  return output
end

function shell.folder(name)
  local folder = servers.dir() .. "/" .. name
  shell.must(("rm -rf %s && mkdir %s"):format(folder, folder))
  return folder
end

return shell
