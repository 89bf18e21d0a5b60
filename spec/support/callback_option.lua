-- What holds of the option of each callback.

local assert = require "luassert"
local curl = require "curlsock"
local easies = require "spec.support.easies"
local errors = require "spec.support.errors"
local servers = require "spec.support.servers"

local callback_option = {}

-- The easy keeps what it has: the caller shows that.
function callback_option.takes_functions_only(easy, name)
  for kind, value in pairs { number = 1, string = "print", table = {}, boolean = true } do
    assert.has_error(function()
      easy:setopt(name, value)
    end, ("option '%s': function expected, got %s"):format(name, kind))
  end
end

-- stem: "opensocket" for opensocketfunction.
function callback_option.has_one_name(stem)
  local easy <close> = curl.easy()
  assert.has_error(function()
    easy:setopt(stem .. "data", 1)
  end, ("option '%sdata' cannot be set from Lua"):format(stem))
  for _, name in ipairs { stem .. "functon", stem:upper() .. "FUNCTION", stem } do
    errors.matches("^unknown option '" .. name .. "'", easy.setopt, easy, name, print)
  end
end

local object = setmetatable({}, { __tostring = function() return "a failure" end })
local values = {
  string = "a plain message", number = 42, boolean = false, table = {}, ["function"] = print,
  ["object with a metatable"] = object,
}

-- What the callback throws is what perform throws.
function callback_option.throws_unchanged(name)
  local _, get, thrown_by = easies.of(name)
  local url = servers.nginx().url
  for kind, value in pairs(values) do
    local got = thrown_by(url, function() error(value, 0) end)
    assert.is_true(rawequal(value, got), kind)
  end
  local result = table.pack(pcall(get, url, function() error(nil) end))
  assert.same(table.pack(pcall(error, nil)), result) -- since Lua 5.5 that is a string
end

return callback_option
