-- The names of libcurl's options and infos, as its headers have them (make chaos writes the file
-- NAMES).

-- A transfer must end soon: with pipewait, one that waits for a connection has no time limit in
-- libcurl. cookiejar and such are in: their names are relative.
local left_out = {
  url = true, timeout = true, timeout_ms = true, server_response_timeout = true,
  server_response_timeout_ms = true, pipewait = true,
}

local options, infos, functions = {}, {}, {}
for line in io.lines(assert(os.getenv "CHAOS_NAMES")) do
  local kind, name = line:lower():match "^curl(%a+)_([%w_]+)"
  if kind == "info" then
    infos[#infos + 1] = name
  elseif name:find "function$" then
    functions[#functions + 1] = name
  elseif not left_out[name] then
    options[#options + 1] = name
  end
end

return { options = options, infos = infos, functions = functions }
