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
    ["curlsock.driver.coroutines"] = "lua/curlsock/driver/coroutines.lua",
    ["curlsock.driver.failure"] = "lua/curlsock/driver/failure.lua",
    ["curlsock.driver.transfer"] = "lua/curlsock/driver/transfer.lua",
    ["curlsock.driver.turns"] = "lua/curlsock/driver/turns.lua",
    ["curlsock.driver.watching"] = "lua/curlsock/driver/watching.lua",
    ["curlsock.loop"] = "lua/curlsock/loop.lua",
    ["curlsock.luv"] = "lua/curlsock/luv.lua",
    ["curlsock.policy"] = "lua/curlsock/policy.lua",
    ["curlsock.policy.allow"] = "lua/curlsock/policy/allow.lua",
    ["curlsock.policy.bind"] = "lua/curlsock/policy/bind.lua",
    ["curlsock.policy.broker"] = "lua/curlsock/policy/broker.lua",
    ["curlsock.policy.check"] = "lua/curlsock/policy/check.lua",
    ["curlsock.policy.compose"] = "lua/curlsock/policy/compose.lua",
    ["curlsock.policy.fault"] = "lua/curlsock/policy/fault.lua",
    ["curlsock.policy.fences"] = "lua/curlsock/policy/fences.lua",
    ["curlsock.policy.guard"] = "lua/curlsock/policy/guard.lua",
    ["curlsock.policy.hosts"] = "lua/curlsock/policy/hosts.lua",
    ["curlsock.policy.inlet"] = "lua/curlsock/policy/inlet.lua",
    ["curlsock.policy.limit"] = "lua/curlsock/policy/limit.lua",
    ["curlsock.policy.netns"] = "lua/curlsock/policy/netns.lua",
    ["curlsock.policy.opening"] = "lua/curlsock/policy/opening.lua",
    ["curlsock.policy.places"] = "lua/curlsock/policy/places.lua",
    ["curlsock.policy.ranges"] = "lua/curlsock/policy/ranges.lua",
    ["curlsock.policy.relay"] = "lua/curlsock/policy/relay.lua",
    ["curlsock.policy.route"] = "lua/curlsock/policy/route.lua",
    ["curlsock.policy.rules"] = "lua/curlsock/policy/rules.lua",
    ["curlsock.policy.target"] = "lua/curlsock/policy/target.lua",
    ["curlsock.policy.trace"] = "lua/curlsock/policy/trace.lua",
    ["curlsock.policy.transport"] = "lua/curlsock/policy/transport.lua",
    ["curlsock.select"] = "lua/curlsock/select.lua",
    ["curlsock.core"] = {
      sources = {
        "csrc/core/check.c",
        "csrc/core/class.c",
        "csrc/core/closing.c",
        "csrc/core/fork.c",
        "csrc/core/frame.c",
        "csrc/core/handle.c",
        "csrc/core/ledger.c",
        "csrc/core/nearest.c",
        "csrc/core/pool.c",
        "csrc/core/runtime.c",
        "csrc/core/say.c",
        "csrc/core/socket.c",
        "csrc/core/teardown.c",
        "csrc/core/thing.c",
        "csrc/curl/answer.c",
        "csrc/curl/bond.c",
        "csrc/curl/callback.c",
        "csrc/curl/data.c",
        "csrc/curl/datagram.c",
        "csrc/curl/describe.c",
        "csrc/curl/easy.c",
        "csrc/curl/error.c",
        "csrc/curl/escape.c",
        "csrc/curl/event.c",
        "csrc/curl/fence.c",
        "csrc/curl/fileurl.c",
        "csrc/curl/forget.c",
        "csrc/curl/header.c",
        "csrc/curl/info.c",
        "csrc/curl/judge.c",
        "csrc/curl/line.c",
        "csrc/curl/lists.c",
        "csrc/curl/member.c",
        "csrc/curl/multi.c",
        "csrc/curl/multiopt.c",
        "csrc/curl/naming.c",
        "csrc/curl/opening.c",
        "csrc/curl/option.c",
        "csrc/curl/order.c",
        "csrc/curl/owner.c",
        "csrc/curl/parting.c",
        "csrc/curl/policy.c",
        "csrc/curl/poll.c",
        "csrc/curl/rail.c",
        "csrc/curl/revoke.c",
        "csrc/curl/setter.c",
        "csrc/curl/share.c",
        "csrc/curl/sockcall.c",
        "csrc/curl/standin.c",
        "csrc/curl/transfer.c",
        "csrc/curl/unknown.c",
        "csrc/curl/url.c",
        "csrc/curl/urlword.c",
        "csrc/curl/using.c",
        "csrc/curl/value.c",
        "csrc/curl/version.c",
        "csrc/module.c",
        "csrc/net/address.c",
        "csrc/net/errno.c",
        "csrc/net/fd.c",
        "csrc/net/methods.c",
        "csrc/net/names.c",
        "csrc/net/netns.c",
        "csrc/net/network.c",
        "csrc/net/networks.c",
        "csrc/net/optval.c",
        "csrc/net/own.c",
        "csrc/net/passing.c",
        "csrc/net/socket.c",
        "csrc/net/sockopt.c",
        "csrc/net/tcpinfo.c",
        "csrc/net/text.c",
        "csrc/state.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "curl", "pthread" },
      incdirs = { "csrc/core", "csrc/net", "csrc/curl", "$(CURL_INCDIR)" },
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
