/* SPDX-License-Identifier: MIT
 *
 * sockopt.c - fuzzes socket:setsockopt and getsockopt with any value for any option.
 */
#include "fuzz.h"

static const char *const socket_names[][2] = {
    {"socket", "reuseaddr"},
    {"socket", "linger"},
    {"socket", "rcvbuf"},
    {"socket", "rcvtimeo"},
    {"socket", "mark"},
    {"socket", "priority"},
    {"socket", "bindtodevice"},
    {"socket", "busy_poll"},
    {"socket", "max_pacing_rate"},
    {"socket", "type"},
    {"socket", "domain"},
    {"socket", "error"},
    {"socket", "cookie"},
    {"socket", "peercred"},
    {"socket", "incoming_cpu"},
    {"tcp", "nodelay"},
    {"tcp", "keepidle"},
    {"tcp", "congestion"},
    {"tcp", "user_timeout"},
    {"tcp", "fastopen"},
    {"ip", "tos"},
    {"ip", "ttl"},
    {"ip", "mtu"},
    {"ipv6", "v6only"},
    {"ipv6", "unicast_hops"},
    {"ipv6", "tclass"},
    {"udp", "segment"},
};
enum { SOCKET_NAMES = sizeof socket_names / sizeof *socket_names };

/* Level and name of a known option, or any value for one of the two; but no number that
 * might reconfigure the system. */
static void push_target(struct input *in) {
  const char *const *name = socket_names[take_byte(in) % SOCKET_NAMES];
  unsigned odd = take_byte(in) % 16;
  for (unsigned i = 0; i < 2; i++) {
    if (odd != i) {
      lua_pushstring(L, name[i]);
      continue;
    }
    push_value(in);
    if (!lua_isinteger(L, -1)) continue;
    lua_pushinteger(L, lua_tointeger(L, -1) & 7);
    lua_remove(L, -2);
  }
}

/* Calls the method with the four values of the stack. */
static void call(const char *text, const char *name) {
  fuzz_function(text);
  for (int i = 1; i <= 4; i++) lua_pushvalue(L, i);
  if (!fuzz_call(4, 1, "option", name)) return;
  MUST(lua_toboolean(L, -1));
  lua_pop(L, 1);
}

void fuzz_one(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  fuzz_function("return curl.socket(...)");
  lua_pushstring(L, take_byte(&in) % 2 ? "inet6" : "unix");
  MUST(fuzz_call(1, 1, "", ""));
  while (in.left > 0) {
    push_target(&in);
    push_value(&in);
    call("local s, level, name, size = ... "
         "local value, message, code = s:getsockopt(level, name, size) "
         "return value ~= nil or (type(message) == 'string' and type(code) == 'string')",
         "getsockopt");
    call("local s, level, name, value = ... "
         "local ok, message, code = s:setsockopt(level, name, value) "
         "return ok == s or (ok == nil and type(message) == 'string' and type(code) == "
         "'string')",
         "setsockopt");
    lua_settop(L, 1);
  }
  fuzz_function("local s = ... s:close()");
  lua_insert(L, 1);
  MUST(fuzz_call(1, 0, "", ""));
}
