-- Hostile values for options and arguments. Names of files are relative: a program runs in a folder
-- of its own.

local curl = require "curlsock"
local pick = require("spec.chaos.random").pick

local hollow = setmetatable({ "a" }, {
  __index = function() error "no field" end, __len = function() return 10 ^ 9 // 1 | 0 end,
})
local circle = {}
circle[1] = circle

local makers = {
  function(R) return pick(R, { 0, 1, 2, 3, -1, 100, 65535, 65536 }) end,
  function(R) return R(0, 1 << R(0, 31)) end,
  function(R)
    return pick(R, { 1 << 31, (1 << 31) - 1, 1 << 32, math.maxinteger, math.mininteger, 0.5, 1e300,
      1 / 0, 0 / 0 })
  end,
  function(R)
    return pick(R, { "", "127.0.0.1", "localhost", "localhost:80:127.0.0.1", "a\0b", "%n%s",
      "\xff\xfe", "user:word", "1-5", "ALL", "http,https,ftp", ".", "file", "no/such", "lo",
      "if!lo", "SET x", "*", "x\r\ny: z", "h2", "SESS", "FLUSH", "RELOAD", "TLSv1.2", "DEFAULT",
      "http://127.0.0.1:3128", "socks5h://127.0.0.1", "https://127.0.0.1:3129", "@", "/x", ";",
      "Set-Cookie: a=b; domain=127.0.0.1", "GET", "<a@b>", "PLAIN", "sha256//x" })
  end,
  function(R) return ("x"):rep(R(R(70000))) end,
  function(R) return R(2) == 1 end,
  function(R)
    return pick(R, { {}, { "a: b", "c:", "d;" },
      { "localhost:1:127.0.0.1", "+x:80:127.0.0.1", "-x:80" },
      { "::127.0.0.1:80" }, { 1, 2.5, "x" }, { "NOOP", "*MKD x", "bogus" },
      { "TTYPE=vt100", "XDISPLOC=x", "NEW_ENV=a,b" },
      { "Host: y", "Expect: 100-continue", "Transfer-Encoding: chunked" } })
  end,
  function(R)
    local list = {}
    for i = 1, R(R(300)) do
      list[i] = "x" .. i .. ": y"
    end
    return list
  end,
  function(R) return pick(R, { hollow, circle, io.stdin, coroutine.create(print), print }) end,
  function(R)
    local answer = pick(R, { true, false, 1, "x", curl.PAUSE })
    return function() return answer end
  end,
}

local function value(R)
  return pick(R, makers)(R)
end

return value
