/* SPDX-License-Identifier: MIT
 *
 * option.c - fuzzes what sets options: setopt, unset and the constructors of easies, multis
 * and shares, with any value for any option. Nothing is performed.
 */
#include "fuzz.h"

#include <ctype.h>

/* They name a file that libcurl writes when the easy is closed; and 7.88 leaks the names of
 * cookie files when it resets an easy. */
static int is_left_out(const struct curl_easyoption *o) {
  return o->id == CURLOPT_COOKIEJAR || o->id == CURLOPT_HSTS || o->id == CURLOPT_ALTSVC ||
         o->id == CURLOPT_COOKIEFILE;
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
  if (is_left_out(o)) o = curl_easy_option_by_id(CURLOPT_URL);
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
                                          "quick_exit",
                                          "resolve_threads_max",
                                          "socketfunction",
                                          "timerfunction"};

static void push_name(struct input *in, int kind) {
  unsigned number = take_byte(in);
  if (number == 255)
    push_value(in);
  else if (kind == 0)
    push_easy_name(in);
  else if (kind == 1)
    lua_pushstring(L, multi_names[number % 12]);
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

static void close_object(void) {
  fuzz_function("local o = ... o:close()");
  lua_insert(L, 1);
  MUST(fuzz_call(1, 0, "", ""));
}

void fuzz_one(const uint8_t *data, size_t size) {
  static const char *const makers[] = {"return curl.easy(...)", "return curl.multi(...)",
                                       "return curl.share(...)"};
  static const char *const names[] = {"easy", "multi", "share"};
  struct input in = {data, size};
  int kind = (int)take_byte(&in) % 3;
  fuzz_function(makers[kind]);
  push_table(&in, kind);
  if (call(1, names[kind]) != 1) {
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT); /* what the constructor had made */
    return;
  }
  while (in.left > 0) set(&in, kind);
  close_object();
}
