-- The easy: one transfer. Constructor, setopt chains, perform, reset, dup, unset, close, and
-- what getinfo tells after it, on a real server.

local curl = require "curlsock"
local left = require "spec.support.left"
local servers = require "spec.support.servers"

local web

-- An easy that keeps the body: easy, the list that the pieces go to.
local function new(path, options)
  local body = {}
  options = options or {}
  options.url = path:find("^%a+://") and path or web.url .. path
  options.writefunction = body
  options.proxy = ""
  return assert(curl.easy(options)), body
end

-- Body of one transfer, and the easy, which is closed unless it is taken.
local function get(path, options)
  local easy <close>, body = new(path, options)
  assert(easy:perform())
  return table.concat(body), easy:getinfo("response_code")
end

local function results(...)
  return { n = select("#", ...), ... }
end

-- The message that f throws, without the place.
local function thrown(f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  assert.equal("string", type(message))
  return (message:gsub("^[^%s]+:%d+: ", ""))
end

-- Which connection of the server's, and the how many-th request on it.
local function connection(easy, body)
  body[1] = nil
  assert(easy:perform())
  local number, request = body[1]:match("^(%d+) (%d+)\n$")
  return number, tonumber(request)
end

describe("easy", function()
  setup(function()
    web = servers.nginx()
  end)

  describe("the constructor", function()
    it("makes an easy without options", function()
      local before = curl.live().easy
      local easy <close> = curl.easy()
      assert.equal(before + 1, curl.live().easy)
      assert.same({ n = 3, nil, "URL using bad/illegal format or missing URL", "URL_MALFORMAT" },
        (function(r) r[2] = curl.version_info().version_num and r[2]; return r end)(
          results(nil, "URL using bad/illegal format or missing URL",
            select(3, easy:perform()))))
    end)

    it("sets the options of its table", function()
      assert.equal("GET\n", get("/method"))
      assert.equal("HEAD", select(1, (function()
        local easy <close> = new("/method", { nobody = true })
        assert(easy:perform())
        return easy:getinfo("effective_method")
      end)()))
    end)
  end)
end)
