-- Runs the pages (make upstream): run.lua FOLDER [ROOT...]. FOLDER has the programs; each ROOT is
-- a system of make matrix, or a folder with a libcurl.so.4, with which they run after that of this
-- system. Prints a table; ends with 1 if a page could not tell.

package.path = "./?.lua;" .. package.path
local http3 = require "spec.support.http3"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local folder = arg[1]

-- The words that run a program with the libraries of a root.
local function within(root)
  if process.read(root .. "/libcurl.so.4") then
    return "env LD_LIBRARY_PATH=" .. process.quote(root)
  end
  local loader = process.output(("ls '%s'/usr/lib/*/ld-linux-*.so.* | head -n 1"):format(root))
  return ("'%s' --library-path '%s'"):format(loader, loader:match("^(.*)/"))
end

-- The nginx that has HTTP/3 may be that of a root.
local function http3_server()
  for i = 2, #arg do
    if http3.serves() then break end
    http3.nginx = ("%s '%s/usr/sbin/nginx'"):format(within(arg[i]), arg[i])
  end
  return http3.serves() and servers.http3().url or ""
end

local function argument(page)
  if page:find "^quic" then return http3_server() end
  return page == "ftps-event" and servers.vsftps().url .. "/hello.txt" or ""
end

-- The version that a page printed first, what it printed last, and how it ended.
local function run(prefix, page)
  local program = process.quote(("%s/%s"):format(folder, page))
  local command = ("timeout 30 %s %s %s"):format(prefix, program, argument(page))
  local pipe = io.popen(command .. " </dev/null 2>/dev/null")
  local text = pipe:read("a")
  local _, how, code = pipe:close()
  return text:match("^[^\n]*"), text:match("([^\n]*)\n?$"), how .. " " .. code
end

local words = { ["exit 0"] = "does not show", ["exit 1"] = "SHOWS" }
local failed = false

local function tell(prefix, page)
  local version, text, ended = run(prefix, page)
  failed = failed or not words[ended]
  print(("%-26s | %-9s | %-13s | %s"):format(page, version, words[ended] or ended, text))
end

local function pages()
  local names = process.output("ls spec/upstream/*.c")
  return names:gmatch("([%w-]+)%.c")
end

local prefixes = { "" }
for i = 2, #arg do
  prefixes[i] = within(arg[i])
end
for page in pages() do
  for _, prefix in ipairs(prefixes) do
    tell(prefix, page)
  end
end
servers.close()
os.exit(not failed, true)
