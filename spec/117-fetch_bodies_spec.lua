-- fetch and bodies that can be sent once, or again: in forms of several parts, when it tries again
-- and when it follows redirects; and policies on the way.

local curl = require "curlsock"
local echo_server = require "spec.support.echo_server"
local errors = require "spec.support.errors"
local fetch = require "curlsock.fetch"
local policy = require "curlsock.policy"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local web, echo, file

setup(function()
  web, echo = servers.nginx(), servers.script(echo_server)
  file = servers.dir() .. "/part.txt"
  process.write(file, "what the file has\n")
end)

teardown(function() servers.stop(echo) end)

local number = 0

-- A path that the echo server has not seen yet.
local function fresh(path)
  number = number + 1
  return ("%s%s%sn=%d"):format(echo.url, path, path:find("?", 1, true) and "&" or "?", number)
end

-- A part's function that gives the text in two pieces, and how to seek in it.
local function source(text)
  local s = { reads = 0, seeks = 0, at = 0 }
  function s.read(size)
    s.reads = s.reads + 1
    local piece = text:sub(s.at + 1, s.at + math.min(size, #text // 2 + 1))
    s.at = s.at + #piece
    return piece ~= "" and piece or nil
  end
  function s.seek(offset)
    s.seeks, s.at = s.seeks + 1, offset
    return true
  end
  return s
end

local function count(text, what)
  return select(2, text:gsub(what, "%0"))
end

local function describe_fetch(title, new_loop)
  describe(title, function()
    local function get(url, options)
      local loop <close> = new_loop and new_loop() or nil
      options.curl = { proxy = "" }
      options.loop = loop
      return fetch(url, options)
    end

    it("sends strings, files and functions in one form", function()
      local from = source "of a function"
      local body = assert(get(fresh "/form", { multipart = {
        { name = "text", data = "a text" },
        { name = "file", file = file },
        { name = "read", read = from.read, size = #"of a function", filename = "f.txt" },
        { name = "json", data = '{"a":1}', type = "application/json" },
      } })).body
      assert.matches("^POST /form", body)
      assert.matches("\ncontent%-type: multipart/form%-data; boundary=", body)
      for _, text in ipairs { 'name="text"\r\n\r\na text\r\n', "what the file has\n\r\n",
        'filename="f.txt"', "\r\n\r\nof a function\r\n",
        'Content-Type: application/json\r\n\r\n{"a":1}\r\n' } do
        assert.equal(1, count(body, text:gsub("%p", "%%%0")), text)
      end
    end)

    it("sends a form again, of what can be read again", function()
      local from = source "of a function"
      local parts = {
        { name = "text", data = "a text" },
        { name = "file", file = file },
        { name = "read", read = from.read, seek = from.seek, size = #"of a function" },
      }
      local response = assert(get(fresh "/fail/2?503", {
        method = "PUT", retries = 2, multipart = parts,
      }))
      assert.same({ 200, 3 }, { response.status, response.attempts })
      assert.matches("^PUT ", response.body)
      for _, text in ipairs { "a text\r\n", "what the file has\n\r\n", "of a function\r\n" } do
        assert.equal(1, count(response.body, text), text)
      end
      assert.truthy(from.seeks >= 2, from.seeks)
    end)

    it("does not send what can be read once again", function()
      local once = source "of a function"
      local part = { name = "read", read = once.read, size = #"of a function" }
      for _, parts in ipairs {
        { part }, { { name = "text", data = "x" }, { name = "more", parts = { part } } },
      } do
        once.at = 0
        local response = assert(get(fresh "/fail/1?503", {
          method = "PUT", retries = 3, multipart = parts,
        }))
        assert.same({ 503, 1 }, { response.status, response.attempts })
      end
      assert.equal(0, once.seeks)
    end)

    it("tries again when nothing was sent, whatever the body is", function()
      local from = source "of a function"
      local none, _, name = get("http://127.0.0.1:" .. servers.free_port(), {
        retries = 1, multipart = { { name = "read", read = from.read, size = 13 } },
      })
      assert.same({ nil, "COULDNT_CONNECT" }, { none, name })
      assert.equal(0, from.reads)
    end)

    it("sends a body again behind a redirect, or says that it cannot", function()
      local to = "/to?" .. echo.url .. "/there"
      local handle <close> = assert(io.open(file))
      for _, body in ipairs { "a text", handle } do
        local response = assert(get(fresh(to), { method = "PUT", body = body }))
        assert.matches("^PUT /there", response.body)
        local expected = body == handle and "what the file has\n" or body
        assert.equal(expected, response.body:match "\n\n(.*)$")
      end
      local response = assert(get(fresh(to), { multipart = { { name = "f", file = file } } }))
      assert.matches("^POST /there", response.body)
      assert.equal(1, count(response.body, "what the file has"))
      local pieces = { "one ", "two" }
      local none, _, name = get(fresh(to), {
        method = "PUT", body = function() return table.remove(pieces, 1) end, retries = 2,
      })
      assert.same({ nil, "SEND_FAIL_REWIND" }, { none, name })
    end)

    it("follows a redirect by the method that it means, with the body or without", function()
      local function answer(code, options)
        local response = assert(get(fresh("/to" .. code .. "?" .. echo.url .. "/there"), options))
        if response.status ~= 200 then return response.status end
        return ("%s %s"):format(response.body:match "^%S+", response.body:match "\n\n(.*)$")
      end
      for _, method in ipairs { "DELETE", "PATCH", "REPORT" } do
        for _, code in ipairs { 301, 302, 307, 308 } do
          assert.equal(method .. " text", answer(code, { method = method, body = "text" }))
        end
        -- libcurl would delete what the answer names.
        assert.equal(303, answer(303, { method = method }))
        assert.equal(303, answer(303, { method = method, body = "text" }))
      end
      assert.equal("DELETE ", answer(302, { method = "DELETE" }))
      local handle <close> = assert(io.open(file))
      for _, code in ipairs { 301, 302, 303 } do
        assert.equal("GET ", answer(code, { method = "POST" }))
        assert.equal("GET ", answer(code, { body = handle }))
      end
      for _, method in ipairs { "PUT", "POST" } do
        assert.equal("GET ", answer(303, { method = method }))
        assert.equal(method .. " what the file has\n", answer(307, {
          method = method, body = handle,
        }))
      end
      local parts = { { name = "one", data = "of several" } }
      assert.equal(303, answer(303, { method = "PUT", multipart = parts }))
      assert.matches("^PUT .*of several", answer(301, { method = "PUT", multipart = parts }))
    end)

    it("says how long no body is, and what a form is", function()
      for _, method in ipairs { "POST", "PUT", "PATCH" } do
        local body = assert(get(fresh "/none", { method = method })).body
        assert.matches("\ncontent-length: 0\n", body, 1, true)
        assert.is_nil(body:find "content%-type")
        body = assert(get(fresh "/form", { method = method, form = { a = 1 } })).body
        assert.matches("\ncontent-type: application/x-www-form-urlencoded\n", body, 1, true)
        assert.matches("\n\na=1$", body)
      end
    end)

    it("does not send again what a pipe has given", function()
      local pipe <close> = assert(io.popen "echo once")
      local response = assert(get(fresh "/fail/1?503", {
        method = "PUT", body = pipe, retries = 2,
      }))
      assert.same({ 503, 1 }, { response.status, response.attempts })
      assert.matches("\n\nonce\n$", response.body)
    end)

    it("sends json again, by a method that allows it", function()
      local response = assert(get(fresh "/fail/1?503", {
        method = "PUT", json = "[1]", retries = 1,
      }))
      assert.same({ 2, "[1]" }, { response.attempts, response.body:match "\n\n(.*)$" })
      assert.matches("\ncontent-type: application/json\n", response.body, 1, true)
      assert.equal(503, assert(get(fresh "/fail/1?503", { json = "[1]", retries = 1 })).status)
    end)

    it("waits until the date of Retry-After", function()
      local start = curl.now()
      local response = assert(get(fresh "/late?date", { retries = 1 }))
      assert.same({ 200, 2 }, { response.status, response.attempts })
      assert.truthy(curl.now() - start >= 0.9, curl.now() - start)
    end)
  end)
end

describe_fetch("Blocking, fetch")
describe_fetch("In a loop fetch", require("curlsock.loop").new)

describe("Under a policy fetch", function()
  -- Lets 127.0.0.1 pass, at one port.
  local function rules(port)
    return policy.compose { policy.guard { allow = "127.0.0.1:" .. port, ports = "any" } }
  end

  it("follows redirects to what is let in, and no others", function()
    local to = web.url .. "/hello"
    for _, new_loop in ipairs { false, require("curlsock.loop").new } do
      local guard = rules(echo.port)
      local loop <close> = new_loop and new_loop { policy = guard } or nil
      local options = { policy = not loop and guard or nil, loop = loop, retries = 3 }
      local response = assert(fetch(fresh("/to?" .. echo.url .. "/in"), options))
      assert.matches("^GET /in", response.body)
      local start = curl.now()
      local none, message, name = fetch(fresh("/to?" .. to), options)
      assert.same({ nil, "REFUSED" }, { none, name })
      assert.matches("guard: ", message, 1, true)
      assert.truthy(curl.now() - start < 0.25, "a refusal was tried again")
      for _, scheme in ipairs { "ftp://127.0.0.1/", "file:///etc/passwd" } do
        assert.is_nil((fetch(fresh("/to?" .. scheme), options)))
      end
      options.redirects = false
      assert.equal(307, assert(fetch(fresh("/to?" .. to), options)).status)
    end
  end)

  it("is refused another policy than its loop has", function()
    local loop <close> = require("curlsock.loop").new()
    errors.matches("policy", fetch, web.url .. "/hello", { loop = loop, policy = rules(web.port) })
  end)
end)
