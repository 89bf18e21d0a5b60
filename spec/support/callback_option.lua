-- What holds of the option of each callback.

local assert = require "luassert"
local curl = require "curlsock"
local errors = require "spec.support.errors"

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

return callback_option
