/* SPDX-License-Identifier: MIT
 *
 * option.c - fuzzes what sets options: setopt, unset and the constructors of easies, multis
 * and shares, and socket:setsockopt, with any value for any option. Nothing is performed.
 */
#include "fuzz.h"

#include <ctype.h>

/* They name a file that libcurl writes when the easy is closed. */
static int writes_file(const struct curl_easyoption *o) {
  return o->id == CURLOPT_COOKIEJAR || o->id == CURLOPT_HSTS || o->id == CURLOPT_ALTSVC;
}

/* Pushes the name of an option of an easy, in lower case. */
static void push_easy_name(struct input *in) {
  uint16_t number;
  char name[64];
  const struct curl_easyoption *o = curl_easy_option_next(NULL);
  static unsigned count;
  if (count == 0)
    while (curl_easy_option_next(o + count)) count++;
  take_bytes(in, &number, sizeof number);
  o += number % count;
  if (writes_file(o)) o = curl_easy_option_by_id(CURLOPT_URL);
  size_t n = strlen(o->name);
  for (size_t i = 0; i <= n && i < sizeof name; i++) name[i] = (char)tolower(o->name[i]);
  lua_pushstring(L, name);
}

static const char *const multi_names[] = {"chunk_length_penalty_size",
                                          "max_concurrent_streams",
                                          "max_host_connections",
                                          "max_pipeline_length",
                                          "max_total_connections",
                                          "maxconnects",
                                          "network_changed",
                                          "pipelining",
                                          "socketfunction",
                                          "timerfunction"};

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

static void push_name(struct input *in, int kind) {
  unsigned number = take_byte(in);
  if (number == 255)
    push_value(in);
  else if (kind == 0)
    push_easy_name(in);
  else if (kind == 1)
    lua_pushstring(L, multi_names[number % 10]);
  else
    lua_pushstring(L, number % 2 ? "share" : "unshare");
}

/* Pushes {name = value, ...}. */
static void push_table(struct input *in, int kind) {
  lua_newtable(L);
  for (unsigned n = take_byte(in) % 4; n > 0; n--) {
    push_name(in, kind);
    push_value(in);
    if (lua_type(L, -2) == LUA_TSTRING)
      lua_rawset(L, -3);
    else
      lua_pop(L, 2);
  }
}

/* The results on top of the stack: first the object, or nil and why. */
static void check_results(int results) {
  if (lua_isuserdata(L, -results)) {
    MUST(results == 1);
  } else {
    MUST(results == 3 && lua_isnil(L, -3));
    MUST(lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING);
  }
}

/* Calls the function below the arguments; its results are on the stack. */
static int call(int arguments, const char *method) {
  int base = lua_gettop(L) - arguments - 1;
  if (!fuzz_call(arguments, LUA_MULTRET, "option", method)) return 0;
  check_results(lua_gettop(L) - base);
  return lua_gettop(L) - base;
}

/* Sets one option, or several by a table, or unsets one, of the object at index 1. */
static void set(struct input *in, int kind) {
  unsigned how = take_byte(in) % 8;
  if (how < 5) {
    fuzz_function("local o, name, value = ... return o:setopt(name, value)");
    lua_pushvalue(L, 1);
    push_name(in, kind);
    push_value(in);
    call(3, "setopt");
  } else if (how == 5) {
    fuzz_function("local o, options = ... return o:setopt(options)");
    lua_pushvalue(L, 1);
    push_table(in, kind);
    call(2, "setopt");
  } else if (how == 6 && kind == 0) {
    fuzz_function("local o, name = ... return o:unset(name)");
    lua_pushvalue(L, 1);
    push_name(in, kind);
    call(2, "unset");
  } else if (kind == 0) {
    fuzz_function("local o = ... o:dup():close() return o:reset()");
    lua_pushvalue(L, 1);
    call(1, "dup");
  }
  lua_settop(L, 1);
}

/* Pushes the Socket, and level and name: those of a known option, or any value for one of
 * the two, but no number that might reconfigure the system. */
static void push_target(const char *const *name, unsigned odd, struct input *in) {
  lua_pushvalue(L, 1);
  for (unsigned i = 0; i < 2; i++) {
    if (odd != i) {
      lua_pushstring(L, name[i]);
      continue;
    }
    push_value(in);
    if (lua_isinteger(L, -1)) lua_pushinteger(L, lua_tointeger(L, -1) & 7);
    if (lua_isinteger(L, -1)) lua_remove(L, -2);
  }
}

static void set_socket(struct input *in) {
  unsigned number = take_byte(in), odd = take_byte(in) % 16;
  const char *const *name = socket_names[number % SOCKET_NAMES];
  struct input again = *in;
  fuzz_function(
      "local s, level, name, size = ... return s:getsockopt(level, name, size)");
  push_target(name, odd, in);
  push_value(in);
  fuzz_call(4, 0, "option", "getsockopt");
  fuzz_function(
      "local s, level, name, value = ... return s:setsockopt(level, name, value)");
  push_target(name, odd, &again);
  push_value(&again);
  call(4, "setsockopt");
  *in = again;
  lua_settop(L, 1);
}

static void close_object(void) {
  fuzz_function("local o = ... o:close()");
  lua_insert(L, 1);
  MUST(fuzz_call(1, 0, "", ""));
}

void fuzz_one(const uint8_t *data, size_t size) {
  static const char *const makers[] = {"return curl.easy(...)", "return curl.multi(...)",
                                       "return curl.share(...)",
                                       "return curl.socket('inet6')"};
  struct input in = {data, size};
  int kind = (int)take_byte(&in) % 4;
  fuzz_function(makers[kind]);
  push_table(&in, kind);
  if (call(1, kind == 0 ? "easy" : kind == 1 ? "multi" : "share") != 1) {
    lua_settop(L, 0);
    /* What the constructor had made is garbage. */
    lua_gc(L, LUA_GCCOLLECT);
    return;
  }
  while (in.left > 0)
    if (kind == 3)
      set_socket(&in);
    else
      set(&in, kind);
  close_object();
}
