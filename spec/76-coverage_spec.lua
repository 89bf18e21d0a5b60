-- docs/coverage.md: each function, option and information of libcurl is here, or refused with a
-- reason. scripts/coverage_table.lua makes the page and asks the module for that; here it is
-- compared with the page, and what it goes by (scripts/libcurl_names.txt) with the libcurl at hand.

local curl = require "curlsock"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local NAMES <const> = "scripts/libcurl_names.txt"

-- "option url" -> true.
local function known()
  local set = {}
  for line in io.lines(NAMES) do set[line:match("^%S+ %S+")] = true end
  return set
end

-- What the script prints, on both files, and whether it was content.
local function table_of(names)
  local errors = servers.dir() .. "/coverage.errors"
  local text = process.output(("%s scripts/coverage_table.lua %s 2>%s"):format(process.lua(),
    names or NAMES, errors))
  return text, process.read(errors)
end

-- The functions that the headers at hand declare.
local function functions_of_headers()
  local cc, flags = os.getenv("CC") or "cc", process.output("pkg-config --cflags libcurl") or ""
  local paths = assert(process.output(("echo '#include <curl/curl.h>' | %s %s -M -x c -")
    :format(cc, flags)))
  local found, count = {}, 0
  for path in paths:gmatch("%S+/curl/%w+%.h") do
    local text = process.read(path):gsub("/%*.-%*/", ""):gsub("CURL_DEPRECATED%b()", "")
    for declaration in text:gmatch("CURL_EXTERN([^;{]*);") do
      local name = declaration:match("(curl_[%w_]+)%(")
      if name and not found[name] then found[name], count = true, count + 1 end
    end
  end
  return found, count
end

describe("The table of what of libcurl is here", function()
  it("is what the module answers, and lacks nothing", function()
    local text, errors = table_of()
    assert.equal("", errors)
    assert.equal(process.read("docs/coverage.md"), text .. "\n",
      "docs/coverage.md is old: make docs/coverage.md")
  end)

  it("has all functions of the headers at hand", function()
    local names, found, count = known(), functions_of_headers()
    for name in pairs(found) do assert.truthy(names["function " .. name], name) end
    assert.truthy(count > 75 and found.curl_easy_init and found.curl_url_get, count)
  end)

  it("has all options and informations that the libcurl at hand has", function()
    local names = known()
    for name in curl.options() do assert.truthy(names["option " .. name], name) end
    for name in curl.infos() do assert.truthy(names["info " .. name], name) end
  end)

  it("says which options and informations need a newer libcurl than has them", function()
    local from = dofile("scripts/libcurl_here.lua").from
    local version, easy <close> = curl.version_info().version_num, curl.easy()
    local function needs(key)
      local number = 0
      for part in (from[key] or "0"):gmatch("%d+") do number = number << 8 | tonumber(part) end
      return version < number
    end
    local function is_old(message) return tostring(message):find("too old", 1, true) ~= nil end
    local values = { ["function"] = function() end, long = 1, values = 1, off_t = 1, string = "",
      slist = {} }
    for name, type in curl.options() do
      local _, _, message = pcall(easy.setopt, easy, name, values[type])
      assert.equal(needs("option " .. name), is_old(message), name)
    end
    for name in curl.infos() do
      local _, _, message = pcall(easy.getinfo, easy, name)
      assert.equal(needs("info " .. name), is_old(message), name)
    end
  end)

  it("names what is missing", function()
    local path = servers.dir() .. "/names"
    process.write(path, "version 9.9.9\nfunction curl_new - 9.9.0\ninfo new_time off_t 9.9.0\n"
      .. "multi new_limit - 9.9.0\noption new_function function 9.9.0\n"
      .. "option new_name string 9.9.0\noption old_function function 9.0.0 deprecated 9.9.0\n"
      .. "option url string 7.1\n")
    local text, errors = table_of(path)
    assert.is_nil(text) -- it failed
    assert.equal("function curl_new is missing\ninfo new_time is missing\n"
      .. "multi new_limit is missing\noption new_function is missing\n", errors)
  end)
end)
