rockspec_format = "3.0"
package = "curlsock"
version = "scm-1"

source = {
  url = "git+https://github.com/curlsock/curlsock.git",
}

description = {
  summary = "libcurl in which Lua decides how every socket is opened and closed",
  detailed = [[
    Easy, multi and share handles of libcurl, with open, sockopt and close callbacks in Lua that
    stay safe when connections outlive the handle that made them.]],
  homepage = "https://github.com/curlsock/curlsock",
  license = "MIT",
  labels = { "network", "http", "curl" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.4, < 5.6",
}

-- Only the library: where a distribution has the headers in a folder for the architecture, a
-- compiler finds them and LuaRocks does not.
external_dependencies = {
  CURL = { library = "curl" },
}

build = {
  type = "builtin",
  modules = {
    ["curlsock"] = "lua/curlsock/init.lua",
    ["curlsock.cqueues"] = "lua/curlsock/cqueues.lua",
    ["curlsock.driver"] = "lua/curlsock/driver.lua",
    ["curlsock.loop"] = "lua/curlsock/loop.lua",
    ["curlsock.luv"] = "lua/curlsock/luv.lua",
    ["curlsock.select"] = "lua/curlsock/select.lua",
    ["curlsock.core"] = {
      sources = {
        "csrc/address.c",
        "csrc/class.c",
        "csrc/core.c",
        "csrc/data.c",
        "csrc/easy.c",
        "csrc/error.c",
        "csrc/event.c",
        "csrc/fork.c",
        "csrc/frame.c",
        "csrc/handle.c",
        "csrc/info.c",
        "csrc/ledger.c",
        "csrc/multi.c",
        "csrc/option.c",
        "csrc/pool.c",
        "csrc/runtime.c",
        "csrc/share.c",
        "csrc/sockcall.c",
        "csrc/socket.c",
        "csrc/sockopt.c",
        "csrc/tcpinfo.c",
        "csrc/value.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "curl", "pthread" },
      incdirs = { "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
    },
  },
}

test_dependencies = {
  "busted",
  "luafilesystem",
  "luasocket",
}

test = {
  type = "command",
  command = "make test",
}
