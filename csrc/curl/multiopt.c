/* SPDX-License-Identifier: MIT
 *
 * multiopt.c - the options of a multi: libcurl does not describe them.
 */
#include <limits.h>
#include <string.h>

#include "options.h"
#include "policy.h"

/* By libcurl's number, which those that are not in every header have here: a table is
 * set in this order. */
static const struct option {
  const char *name;
  CURLMoption option;
  unsigned since; /* if that is newer than what this compiles with */
} options[] = {
    {"pipelining", CURLMOPT_PIPELINING, 0},
    {"maxconnects", CURLMOPT_MAXCONNECTS, 0},
    {"max_host_connections", CURLMOPT_MAX_HOST_CONNECTIONS, 0},
    {"max_total_connections", CURLMOPT_MAX_TOTAL_CONNECTIONS, 0},
    {"max_concurrent_streams", CURLMOPT_MAX_CONCURRENT_STREAMS, 0},
    {"network_changed", (CURLMoption)(CURLOPTTYPE_LONG + 17), 0x081000},
    {"resolve_threads_max", (CURLMoption)(CURLOPTTYPE_LONG + 20), 0x081400},
    {"quick_exit", (CURLMoption)(CURLOPTTYPE_LONG + 21), 0x081400},
    {"socketfunction", CURLMOPT_SOCKETFUNCTION, 0},
    {"timerfunction", CURLMOPT_TIMERFUNCTION, 0},
};

#define COUNT (sizeof options / sizeof *options)

static const struct option *check_option(lua_State *L, int key) {
  struct cs_names names = cs_names_of(options, COUNT);
  const char *name = cs_word(L, key);
  for (size_t i = 0; i < COUNT; i++)
    if (!strcmp(options[i].name, name)) return &options[i];
  cs_policy_refuse_late(L, key);
  const char *hint = cs_did_you_mean(L, name, &names);
  luaL_error(L, "unknown multi option %s%s", cs_shown(L, key), hint);
  return NULL;
}

static long check_number(lua_State *L, const char *name, int index) {
  int ok;
  lua_Integer value = lua_tointegerx(L, index, &ok);
  if (!ok || lua_type(L, index) != LUA_TNUMBER || value < 0 || value > INT_MAX)
    cs_option_error(L, name, "integer from 0 to 2147483647", index);
  return (long)value;
}

/* In a frame: changing the network closes connections. */
static CURLMcode set_number(lua_State *L, struct cs_multi *m, int self,
                            CURLMoption option, long value) {
  struct cs_frame f;
  cs_enter(&f, L, &m->h, self);
  cs_quiet(&f);
  CURLMcode code = curl_multi_setopt(m->curl, option, value);
  cs_leave(&f);
  cs_rethrow(&f);
  lua_settop(L, f.error - 1);
  return code;
}

static int is_old(const struct option *o) { return cs_version() < o->since; }

/* Sets the option to the value at index. 0, or the number of results that it pushed: nil,
 * message, name. */
static int set_option(lua_State *L, struct cs_multi *m, int self, const struct option *o,
                      int index) {
  if (cs_event_set(L, m, self, o->name, index)) return 0;
  if (m->pooled) cs_policy_check_pool(L, self, o->name);
  long value = check_number(L, o->name, index);
  if (is_old(o))
    return cs_fail_old(L, lua_pushfstring(L, "option '%s'", o->name), o->since,
                       cs_easy_name(CURLE_UNKNOWN_OPTION));
  CURLMcode code = set_number(L, m, self, o->option, value);
  return code ? cs_name_option(L, o->name, cs_fail_multi(L, code)) : 0;
}

static void check_names(lua_State *L, int index) {
  cs_refuse_module(L, index, "multi");
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
    check_option(L, lua_gettop(L) - 1);
}

int cs_multi_set_table(lua_State *L, struct cs_multi *m, int self, int index) {
  int failed = 0;
  check_names(L, index);
  for (size_t i = 0; i < COUNT && !failed; i++) {
    lua_pushstring(L, options[i].name);
    if (lua_rawget(L, index) != LUA_TNIL)
      failed = set_option(L, m, self, &options[i], lua_gettop(L));
    if (!failed) lua_pop(L, 1);
  }
  return failed;
}

/* socketfunction(fd, events, easy): the script's event loop is to watch the descriptor
 * for events "r", "w" or "rw" from now on, or no longer (nil), and to call socket_action
 * when it is ready. easy is nil for what libcurl does for itself. Before libcurl 8.2 a
 * descriptor may be closed already when it is not to be watched any longer. What it
 * throws is raised by the call that ran it, after its work is done.
 * -> nothing */

/* timerfunction(seconds): multi:socket_action() is to be called after so long, in place
 * of an earlier time; or (nil) not at all. What it throws is raised by the call that ran
 * it, after its work is done.
 * -> nothing */

/* multi:setopt(name, value) or multi:setopt{name = value, ...}: value is a number, or
 * for "socketfunction" and "timerfunction" a function or nil. A table is set in the
 * order of libcurl's numbers, functions last, whatever its own order is. Returns the
 * multi, or nil, message, name: "UNKNOWN_OPTION" for what this libcurl is too old for
 * ("network_changed", "resolve_threads_max", "quick_exit").
 * -> Multi | nil, message, name */
int cs_multi_setopt(lua_State *L) {
  struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  cs_refuse_inside(L, &m->h, "multi:setopt");
  int failed;
  lua_settop(L, 3);
  if (lua_istable(L, 2))
    failed = cs_multi_set_table(L, m, 1, 2);
  else
    failed = set_option(L, m, 1, check_option(L, 2), 3);
  if (failed) return failed;
  lua_settop(L, 1);
  return 1;
}
