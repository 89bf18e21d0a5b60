-- What was refused took the body back that was there: a mimepost with a file that is missing made
-- GET of any POST, and so did postfields of a wrong type where mimepost was set.
local curl = require "curlsock"
local servers = require "spec.support.servers"

local MISSING <const> = { { name = "f", file = "/nonexistent/file" } }

local function new(options)
  local easy = curl.easy { url = servers.nginx().url .. "/upload", proxy = "" }
  return assert(easy:setopt(options))
end

-- The method that the easy's request has, and how long its body was.
local function sent(easy)
  local body = {}
  assert(easy:setopt("writefunction", body):perform())
  return easy:getinfo "effective_method", easy:getinfo "size_upload_t"
end

for name, options in pairs {
  postfields = { postfields = "a=1" },
  mimepost = { mimepost = { { name = "a", data = "1" } } },
  read = { mimepost = { { name = "a", size = 3, read = function() return "one" end } } },
} do
  it("a refused mimepost leaves the body as it was: " .. name, function()
    local plain <close> = new(options)
    local easy <close> = new(options)
    assert.equal("READ_ERROR", select(3, easy:setopt("mimepost", MISSING)))
    local method, size = sent(easy)
    assert.equal("POST", method)
    assert.equal(select(2, sent(plain)), size)
    assert.truthy(size > 2, size)
  end)
end

it("what is misused leaves mimepost as it was", function()
  for option, value in pairs { postfields = 5, copypostfields = false, post = "x", nobody = {} } do
    local easy <close> = new { mimepost = { { name = "a", data = "1" } } }
    assert.error(function() easy:setopt(option, value) end)
    local method, size = sent(easy)
    assert.equal("POST", method, option)
    assert.truthy(size > 2, option)
  end
end)

it("unset of parts that are not there leaves another body", function()
  local easy <close> = new { postfields = "a=12" }
  assert(easy:unset "mimepost")
  assert.same({ "POST", 4 }, { sent(easy) })
end)

it("what is set after mimepost takes its place, as before", function()
  local easy <close> = new { mimepost = { { name = "a", data = "1" } } }
  assert(easy:setopt("postfields", "a=12"))
  assert.same({ "POST", 4 }, { sent(easy) })
  assert(easy:setopt("mimepost", { { name = "a", data = "1" } }):setopt("nobody", true))
  assert.same({ "HEAD", 0 }, { sent(easy) })
  assert(easy:setopt("nobody", false):setopt("mimepost", { { name = "a", data = "1" } }))
  assert.equal("POST", (sent(easy)))
  assert(easy:setopt("httpget", true))
  assert.same({ "GET", 0 }, { sent(easy) })
end)
