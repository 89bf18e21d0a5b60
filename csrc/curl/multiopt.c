/* SPDX-License-Identifier: MIT
 *
 * multiopt.c - the options of a multi: libcurl does not describe them.
 */
#include <limits.h>
#include <string.h>

#include "binding.h"

static const struct {
  const char *name;
  CURLMoption option;
} options[] = {
    {"max_concurrent_streams", CURLMOPT_MAX_CONCURRENT_STREAMS},
    {"max_host_connections", CURLMOPT_MAX_HOST_CONNECTIONS},
    {"max_total_connections", CURLMOPT_MAX_TOTAL_CONNECTIONS},
    {"maxconnects", CURLMOPT_MAXCONNECTS},
#if LIBCURL_VERSION_NUM >= 0x081000
    {"network_changed", CURLMOPT_NETWORK_CHANGED},
#endif
    {"pipelining", CURLMOPT_PIPELINING},
};

static CURLMoption check_option(lua_State *L, int key) {
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (!strcmp(options[i].name, cs_word(L, key))) return options[i].option;
  return luaL_error(L, "unknown multi option %s", cs_shown(L, key));
}

static long check_number(lua_State *L, const char *name, int index) {
  int ok;
  lua_Integer value = lua_tointegerx(L, index, &ok);
  if (!ok || lua_type(L, index) != LUA_TNUMBER || value < 0 || value > INT_MAX)
    cs_option_error(L, name, "integer from 0 to 2147483647", index);
  return (long)value;
}

/* Sets option name, a string at index key, to the value above it, in a frame: changing
 * the network closes connections. */
static CURLMcode set_option(lua_State *L, struct cs_multi *m, int self, int key) {
  struct cs_frame f;
  const char *name = cs_word(L, key);
  if (cs_event_set(L, m, self, name, key + 1)) return CURLM_OK;
  CURLMoption option = check_option(L, key);
  long value = check_number(L, name, key + 1);
  cs_enter(&f, L, &m->h, self);
  cs_quiet(&f);
  CURLMcode code = curl_multi_setopt(m->curl, option, value);
  cs_leave(&f);
  cs_rethrow(&f);
  lua_settop(L, f.error - 1);
  return code;
}

CURLMcode cs_multi_set_table(lua_State *L, struct cs_multi *m, int self, int index) {
  CURLMcode code = CURLM_OK;
  lua_pushnil(L);
  while (!code && lua_next(L, index)) {
    code = set_option(L, m, self, lua_gettop(L) - 1);
    lua_pop(L, 1);
  }
  return code;
}

/* multi:setopt(name, value) or multi:setopt{name = value, ...}: value is a number, or
 * for "socketfunction" and "timerfunction" a function or nil. Returns the multi, or
 * nil, message, name. socketfunction(fd, events, easy): the script's event loop is to
 * watch the descriptor for events "r", "w" or "rw" from now on, or no longer (nil), and
 * to call socket_action when it is ready. easy is nil for what libcurl does for itself.
 * timerfunction(seconds): socket_action() is to be called after so long, in place of an
 * earlier time; or (nil) not at all. What they throw is raised by the call that ran
 * them, after its work is done. */
int cs_multi_setopt(lua_State *L) {
  struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  cs_refuse_inside(L, &m->h, "multi:setopt");
  CURLMcode code;
  lua_settop(L, 3);
  if (lua_istable(L, 2))
    code = cs_multi_set_table(L, m, 1, 2);
  else
    code = set_option(L, m, 1, 2);
  if (code) return cs_fail_multi(L, code);
  lua_settop(L, 1);
  return 1;
}
