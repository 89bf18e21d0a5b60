/* SPDX-License-Identifier: MIT
 *
 * share.c - what several easies share: a connection cache, names, sessions, cookies. A
 * share that is closed while easies use it is freed with the last of them.
 */
#include <string.h>

#include "kept.h"
#include "options.h"
#include "policy.h"

static const struct {
  const char *name;
  curl_lock_data data;
} kinds[] = {
    {"connect", CURL_LOCK_DATA_CONNECT},
    {"cookie", CURL_LOCK_DATA_COOKIE},
    {"dns", CURL_LOCK_DATA_DNS},
    {"psl", CURL_LOCK_DATA_PSL},
    {"ssl_session", CURL_LOCK_DATA_SSL_SESSION},
#if LIBCURL_VERSION_NUM >= 0x075800
    {"hsts", CURL_LOCK_DATA_HSTS},
#endif
};

static curl_lock_data check_kind(lua_State *L, const char *option, int index) {
  const char *name = cs_word(L, index);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, name)) return kinds[i].data;
  return cs_option_error(L, option,
                         "\"connect\", \"cookie\", \"dns\", \"hsts\", \"psl\", "
                         "\"ssl_session\", or a list of them",
                         index);
}

/* A connection cache that is set twice loses its connections in libcurl before 8.10, and
 * one that is taken away loses them in every later one. */
static CURLSHcode set_kind(lua_State *L, struct cs_share *s, int unshare,
                           curl_lock_data data) {
  int *has = data == CURL_LOCK_DATA_CONNECT ? &s->connections : NULL;
#if LIBCURL_VERSION_NUM >= 0x075800
  if (data == CURL_LOCK_DATA_HSTS) has = &s->hsts;
#endif
  if (data == CURL_LOCK_DATA_CONNECT && unshare)
    luaL_error(L, "option 'unshare': connections cannot be unshared");
  if (data == CURL_LOCK_DATA_CONNECT && s->connections) return CURLSHE_OK;
  CURLSHcode code =
      curl_share_setopt(s->curl, unshare ? CURLSHOPT_UNSHARE : CURLSHOPT_SHARE, data);
  if (has && !code) *has = !unshare;
  return code;
}

/* In the order in which a table is set. */
static const struct option {
  const char *name;
  int unshare;
} options[] = {{"share", 0}, {"unshare", 1}};

static const struct option *check_option(lua_State *L, int key) {
  const char *name = cs_word(L, key);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (!strcmp(options[i].name, name)) return &options[i];
  cs_policy_refuse_late(L, key);
  luaL_error(L, "unknown share option %s: \"share\" or \"unshare\" expected",
             cs_shown(L, key));
  return NULL;
}

static CURLSHcode set_kinds(lua_State *L, struct cs_share *s, const struct option *o,
                            int index) {
  CURLSHcode code = CURLSHE_OK;
  if (!lua_istable(L, index))
    return set_kind(L, s, o->unshare, check_kind(L, o->name, index));
  size_t n = cs_sequence(L, o->name, index);
  for (size_t i = 1; i <= n && !code; i++) {
    lua_rawgeti(L, index, (lua_Integer)i);
    code = set_kind(L, s, o->unshare, check_kind(L, o->name, -1));
    lua_pop(L, 1);
  }
  return code;
}

/* Sets the option to the value at index. 0, or the number of results that it pushed: nil,
 * message, name. */
static int set_option(lua_State *L, struct cs_share *s, const struct option *o,
                      int index) {
  CURLSHcode code = set_kinds(L, s, o, index);
  return code ? cs_name_option(L, o->name, cs_fail_share(L, code)) : 0;
}

static int set_table(lua_State *L, struct cs_share *s, int index) {
  int failed = 0;
  cs_refuse_module(L, index, "share");
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
    check_option(L, lua_gettop(L) - 1);
  for (size_t i = 0; i < sizeof options / sizeof *options && !failed; i++) {
    lua_pushstring(L, options[i].name);
    if (lua_rawget(L, index) != LUA_TNIL)
      failed = set_option(L, s, &options[i], lua_gettop(L));
    if (!failed) lua_pop(L, 1);
  }
  return failed;
}

/* share:setopt(name, kinds) or share:setopt{name = kinds}: name is "share" or
 * "unshare", kinds one of "connect", "cookie", "dns", "hsts", "psl", "ssl_session" or a
 * list of them. Of a table "share" comes first. Returns the share, or nil, message, name
 * ("IN_USE" while easies use it).
 * -> Share | nil, message, name */
static int share_setopt(lua_State *L) {
  struct cs_share *s = cs_handle_check(L, 1, CS_SHARE);
  cs_refuse_inside(L, &s->h, "share:setopt");
  lua_settop(L, 3);
  int failed =
      lua_istable(L, 2) ? set_table(L, s, 2) : set_option(L, s, check_option(L, 2), 3);
  if (failed) return failed;
  lua_settop(L, 1);
  return 1;
}

/* curl.share([options]): a new share; options as for share:setopt.
 * -> Share | nil, message, name */
int cs_share_new(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct cs_share *s = cs_handle_new(L, CS_SHARE);
  cs_pool_begin(L, 2, s->h.pool);
  s->curl = curl_share_init();
  if (!s->curl) return luaL_error(L, "not enough memory for a share");
  s->h.phase = CS_OPEN;
  int given = 0;
  s->policy = cs_policy_option(L, 1, 2, CS_UV_SHARE_POLICY, &given);
  int failed = lua_istable(L, 1) ? set_table(L, s, 1) : 0;
  if (given && !s->connections)
    luaL_error(L, "option 'policy': a share without \"connect\" has no connections");
  if (!failed) return 1;
  cs_teardown(L, 2);
  return failed;
}

/* ---- what a share is to the core --------------------------------------------------- */

static void share_init(struct cs_handle *h) {
  struct cs_share *s = (struct cs_share *)h;
  cs_link_init(&s->easies);
  cs_link_init(&s->bonds);
}

/* A connection can leave a share for the shutdown list of a multi: what is still open
 * then is libcurl's. */
static int share_free(struct cs_frame *f, struct cs_handle *h) {
  struct cs_share *s = (struct cs_share *)h;
  if (!cs_link_empty(&s->easies)) return 0;
  if (s->curl && curl_share_cleanup(s->curl) != CURLSHE_OK) return 0;
  s->curl = NULL;
  cs_policy_drop(&s->policy);
  cs_pool_ended(f, h->pool, 1);
  return 1;
}

static void share_abandon(struct cs_handle *h) {
  struct cs_share *s = (struct cs_share *)h;
  while (!cs_link_empty(&s->easies)) {
    struct cs_easy *e = cs_item(s->easies.next, struct cs_easy, in_share);
    e->h.rt->ops[CS_EASY]->abandon(&e->h);
  }
  s->curl = NULL;
  cs_policy_drop(&s->policy);
}

/* It keeps its anchors: those who touched it have them too, as long as there are any. */
static void share_clear(lua_State *L, int index, const struct cs_handle *h) {
  cs_clear_uservalue(L, index, CS_UV_SHARE_POLICY);
  cs_pool_end(L, index, h->pool);
}

static void share_neighbours(struct cs_link *list, const struct cs_handle *h) {
  cs_bond_reach_multis(list, (const struct cs_share *)h);
}

static int share_may_write(const struct cs_handle *h) {
  (void)h;
  return 1;
}

void cs_share_class_new(lua_State *L) {
  static const struct cs_ops ops = {.size = sizeof(struct cs_share),
                                    .uservalues = CS_SHARE_UVS,
                                    .init = share_init,
                                    .free = share_free,
                                    .abandon = share_abandon,
                                    .clear = share_clear,
                                    .neighbours = share_neighbours,
                                    .may_write = share_may_write};
  static const luaL_Reg methods[] = {{"setopt", share_setopt},
                                     {"connections", cs_share_connections},
                                     {"close_idle", cs_share_close_idle},
                                     {NULL, NULL}};
  cs_handle_class(L, CS_SHARE, &ops, methods);
}
