-- What there is to ask of this libcurl: curl.options, curl.infos, curl.version_info.

local curl = require "curlsock"

local version = curl.version_info()

local function collect(iterator, ...)
  local all, count = {}, 0
  for name, kind, alias in iterator(...) do
    assert.is_nil(all[name])
    all[name], count = { kind, alias }, count + 1
  end
  return all, count
end

describe("curl.options", function()
  local types = { long = true, values = true, off_t = true, object = true, string = true,
    slist = true, cbptr = true, blob = true, ["function"] = true }

  it("gives name and type of all that libcurl describes", function()
    local all, count = collect(curl.options)
    assert.truthy(count >= 300, count)
    assert.same({ "string" }, all.url)
    assert.same({ "long" }, all.verbose)
    assert.same({ "values" }, all.http_version)
    assert.same({ "off_t" }, all.infilesize_large)
    assert.same({ "slist" }, all.httpheader)
    assert.same({ "blob" }, all.sslcert_blob)
    assert.same({ "function" }, all.writefunction)
    assert.same({ "object" }, all.share)
    assert.same({ "cbptr" }, all.writedata)
    for name, option in pairs(all) do
      assert.truthy(name:find("^[%l%d_]+$"), name)
      assert.truthy(types[option[1]], name)
    end
  end)

  it("says of what an option is another name", function()
    local all = collect(curl.options)
    assert.same({ "string", "accept_encoding" }, all.encoding)
    for name, option in pairs(all) do
      local alias = option[2]
      if alias then assert.truthy(alias ~= name and all[alias] and not all[alias][2], name) end
    end
  end)

  it("knows no more and no less than setopt", function()
    local easy <close> = curl.easy()
    for name in curl.options() do
      local _, message = pcall(easy.setopt, easy, name, coroutine.create(print))
      assert.is_nil(tostring(message):find("unknown option", 1, true), name)
    end
  end)

  it("goes through them each time anew, and ends", function()
    local one, other = curl.options(), curl.options()
    assert.equal(one(), other())
    assert.not_equal(one(), nil)
    repeat local name = other() until not name
    assert.truthy(one())
    assert.same({ "abstract_unix_socket", "string" }, { curl.options()() })
  end)
end)

describe("curl.infos", function()
  it("gives name and type of all that getinfo has", function()
    local all, count = collect(curl.infos)
    assert.truthy(count >= 69, count)
    assert.same({ { "string" }, { "long" }, { "double" }, { "off_t" }, { "slist" }, { "socket" } },
      { all.effective_url, all.response_code, all.total_time, all.total_time_t, all.cookielist,
        all.activesocket })
    local easy <close> = curl.easy()
    for name in pairs(all) do
      local ok, value, message, code = pcall(easy.getinfo, easy, name)
      if not ok then
        assert.truthy(value:find("cannot be read from Lua", 1, true), name)
      elseif code then -- built without it, or too old for it
        assert.equal(name == "ftp_entry_path" and "NOT_SUPPORTED" or "UNKNOWN_OPTION", code, name)
        assert.is_nil(message:find("needs libcurl", 1, true), name)
      end
    end
  end)

  it("has those alone that this libcurl has, though it be newer than the header", function()
    local since = { conn_id = 0x080200, xfer_id = 0x080200, queue_time_t = 0x080600,
      used_proxy = 0x080700, posttransfer_time_t = 0x080a00, earlydata_sent_t = 0x080b00,
      httpauth_used = 0x080c00, proxyauth_used = 0x080c00, size_delivered = 0x081400 }
    local all = collect(curl.infos)
    local easy <close> = curl.easy()
    for name, needed in pairs(since) do
      local value, message, code = easy:getinfo(name)
      if version.version_num >= needed then
        assert.truthy(all[name] and value, name)
      else
        assert.same({ nil, "UNKNOWN_OPTION" }, { value, code })
        assert.is_nil(all[name])
        assert.equal(("information '%s' needs libcurl %d.%d.0, this is %s"):format(name,
          needed >> 16, needed >> 8 & 255, version.version), message)
      end
    end
  end)
end)

describe("curl.version_info", function()
  it("says what this libcurl is", function()
    local number = version.version_num
    local text = ("%d.%d.%d"):format(number >> 16, number >> 8 & 255, number & 255)
    assert.equal(text, version.version:match("^[%d.]+"))
    assert.equal("string", type(version.host))
    assert.truthy(#version.protocols > 0 and #version.features > 0)
  end)

  it("has the libraries as texts, or nothing", function()
    local with = {}
    for _, feature in ipairs(version.features) do with[feature] = true end
    assert.equal(with.SSL, version.ssl_version and true)
    assert.equal(with.libz, version.libz_version and true)
    assert.equal(with.HTTP2, version.nghttp2_version and true)
    assert.equal(with.HTTP3, version.quic_version and true)
    assert.equal(with.brotli, version.brotli_version and true)
    assert.equal(with.zstd, version.zstd_version and true)
    local known = { version = true, version_num = true, host = true, protocols = true,
      features = true, ssl_version = true, libz_version = true, ares = true, libidn = true,
      libssh_version = true, brotli_version = true, nghttp2_version = true, quic_version = true,
      zstd_version = true, hyper_version = true, gsasl_version = true, rtmp_version = true,
      cainfo = true, capath = true }
    for field, value in pairs(version) do
      assert.is_true(known[field], field)
      local list = field == "protocols" or field == "features"
      local kind = list and "table" or field == "version_num" and "number" or "string"
      assert.equal(kind, type(value), field)
    end
  end)

  it("is a new table each time", function()
    local mine = curl.version_info()
    mine.version = nil
    mine.protocols[1] = nil
    assert.same(version, curl.version_info())
  end)
end)
