-- curl.escape, curl.unescape and curl.getdate: what libcurl makes of texts.

local curl = require "curlsock"

-- What a URL may have as it is.
local function plain(byte)
  return byte:find("^[%w%-%._~]$") ~= nil
end

describe("curl.escape", function()
  it("escapes each byte that a URL gives a meaning, NUL too", function()
    for code = 0, 255 do
      local byte = string.char(code)
      assert.equal(plain(byte) and byte or ("%%%02X"):format(code), curl.escape(byte))
    end
    assert.equal("a%20b%00%C3%A4", curl.escape("a b\0ä"))
    assert.equal("", curl.escape(""))
  end)

  it("is undone by curl.unescape", function()
    local all = {}
    for code = 0, 255 do all[code + 1] = string.char(code) end
    local text = table.concat(all):rep(100)
    assert.equal(text, curl.unescape(curl.escape(text)))
  end)

  it("takes strings alone", function()
    for _, name in ipairs { "escape", "unescape", "getdate" } do
      for _, wrong in ipairs { 1, true, {}, print } do
        local ok, message = pcall(curl[name], wrong)
        assert.is_false(ok)
        assert.truthy(message:find("string expected, got " .. type(wrong), 1, true), message)
      end
      assert.is_false(pcall(curl[name]))
    end
  end)
end)

describe("curl.unescape", function()
  it("takes what is escaped, and nothing else", function()
    assert.equal("a+b", curl.unescape("a+b"))
    assert.equal("a\0b\255", curl.unescape("a%00b%fF"))
    assert.equal("100% %4 %zz", curl.unescape("100% %4 %zz"))
    assert.equal("%41", curl.unescape("%2541"))
    assert.equal("a\0b", curl.unescape("a\0b"))
    assert.equal("", curl.unescape(""))
  end)
end)

describe("curl.getdate", function()
  it("reads what HTTP, mail and cookies write", function()
    for _, text in ipairs {
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994", "06 Nov 1994 09:49:37 +0100", "19941106 08:49:37",
    } do
      assert.equal(784111777, curl.getdate(text))
      assert.equal("integer", math.type(curl.getdate(text)))
    end
    assert.equal(4102444800, curl.getdate("1 Jan 2100 00:00:00 GMT"))
    assert.equal(0, curl.getdate("1 Jan 1970 00:00:00 GMT"))
  end)

  it("has nil for what is none", function()
    for _, text in ipairs { "", "yesterday", "32 Nov 1994", "06 Nov 1994\0", "\0" } do
      assert.same({ n = 1 }, table.pack(curl.getdate(text)))
    end
  end)
end)
