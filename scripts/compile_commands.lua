-- Reads the commands that make would run, and writes those that compile a C file as
-- compile_commands.json, which clangd and others read.

local function quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local pipe <close> = assert(io.popen("pwd"))
local directory = pipe:read()
local entries = {}

for command in io.read("a"):gsub("\\\n", " "):gmatch("[^\n]+") do
  local file = command:match(" %-c .* (%S+%.c)$")
  if file then
    entries[#entries + 1] = ("{%q: %s, %q: %s, %q: %s}"):format("directory", quote(directory),
      "file", quote(file), "command", quote(command))
  end
end
print("[\n" .. table.concat(entries, ",\n") .. "\n]")
