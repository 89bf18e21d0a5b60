/* SPDX-License-Identifier: MIT
 *
 * easy.c - one transfer: curl.easy and the methods that run, reset and duplicate it.
 */
#include <limits.h>

#include "curlsock.h"

void cs_push_easy(lua_State *L, int index, const struct cs_frame *f,
                  const struct cs_easy *e) {
  if (f->handle == &e->h) {
    lua_pushvalue(L, index);
    return;
  }
  if (!e->multi || f->handle != &e->multi->h) {
    lua_pushnil(L);
  } else if (lua_getiuservalue(L, index, CS_UV_EASIES) == LUA_TTABLE) {
    lua_rawgeti(L, -1, e->slot);
    lua_replace(L, -2);
  }
  cs_or_nobody(L);
}

/* libcurl calls the progress callback whatever it waits for; but while it connects, from 8.22 on
 * it only looks at the time. */
void cs_easy_abort(struct cs_easy *e) {
  curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(e->curl, CURLOPT_CONNECTTIMEOUT_MS, 1L);
}

void cs_easy_error(struct cs_frame *f, struct cs_easy *e) {
  lua_State *L = f->L;
  cs_push_easy(L, f->self, f, e);
  if (e->failed || f->ending || !cs_unbox(L, -1)) {
    lua_pop(L, 1);
    cs_frame_error(f);
    return;
  }
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, CS_UV_ERROR);
  lua_pop(L, 1);
  e->failed = 1;
  cs_easy_abort(e);
}

int cs_easy_remember(struct cs_easy *e, CURLoption id, long value) {
  if (id == CURLOPT_NOPROGRESS)
    e->noprogress = value != 0;
  else if (id == CURLOPT_CONNECTTIMEOUT_MS)
    e->connecttimeout = value;
  else if (id == CURLOPT_CONNECTTIMEOUT)
    e->connecttimeout = value > LONG_MAX / 1000 ? LONG_MAX : value * 1000;
  else
    return 0;
  return 1;
}

/* Back from cs_easy_abort to what the script wants. */
static void restore(struct cs_easy *e) {
  curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, (long)e->noprogress);
  curl_easy_setopt(e->curl, CURLOPT_CONNECTTIMEOUT_MS, e->connecttimeout);
}

static void clear_uservalue(lua_State *L, int index, int uservalue) {
  lua_pushnil(L);
  lua_setiuservalue(L, index, uservalue);
}

void cs_easy_begin(lua_State *L, struct cs_easy *e, int self) {
  if (e->failed) restore(e);
  /* A listing that was aborted leaves libcurl's own write callback. */
  if (e->wildcard) cs_data_install(e);
  e->failed = e->unsupported = e->paused = 0;
  e->errbuf[0] = '\0';
  clear_uservalue(L, self, CS_UV_ERROR);
  clear_uservalue(L, self, CS_UV_REASON);
  clear_uservalue(L, self, CS_UV_REST);
}

/* libcurl's message, and after it why a callback refused. */
static void push_message(lua_State *L, const struct cs_easy *e, int self, CURLcode code) {
  const char *text = e->errbuf[0] ? e->errbuf : curl_easy_strerror(code);
  if (lua_getiuservalue(L, self, CS_UV_REASON) == LUA_TSTRING)
    lua_pushfstring(L, "%s: %s", text, lua_tostring(L, -1));
  else
    lua_pushstring(L, text);
  lua_replace(L, -2);
}

int cs_easy_result(lua_State *L, struct cs_easy *e, int self, CURLcode code) {
  self = lua_absindex(L, self);
  if (!e->failed && code == CURLE_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  if (e->failed) {
    lua_getiuservalue(L, self, CS_UV_ERROR);
    lua_pushliteral(L, "CALLBACK");
    return 3;
  }
  push_message(L, e, self, code);
  lua_pushstring(L, e->unsupported ? "NOT_SUPPORTED" : cs_easy_name(code));
  return 3;
}

/* What every easy has from its creation, and again after reset and dup. */
static CURLcode install(struct cs_easy *e) {
  CURLcode code = cs_sockcall_install(e);
  if (!code) code = cs_data_install(e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_ERRORBUFFER, e->errbuf);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_PRIVATE, e);
  if (!code && e->h.rt->nosignal) code = curl_easy_setopt(e->curl, CURLOPT_NOSIGNAL, 1L);
  return code;
}

/* Pushes an easy without its libcurl handle. */
static struct cs_easy *push_closed(lua_State *L) {
  struct cs_easy *e = cs_handle_new(L, CS_EASY, sizeof *e, CS_EASY_UVS);
  cs_link_init(&e->in_multi);
  cs_link_init(&e->in_share);
  cs_link_init(&e->in_done);
  cs_link_init(&e->in_idle);
  cs_link_init(&e->opened);
  e->noprogress = 1;
  e->h.pool = cs_pool_new(&e->h);
  if (!e->h.pool) luaL_error(L, "not enough memory");
  return e;
}

/* Gives the easy on top of the stack its libcurl handle. */
static void fill(lua_State *L, struct cs_easy *e, CURL *curl) {
  if (!curl) luaL_error(L, "libcurl cannot make an easy");
  e->curl = curl;
  cs_handle_ready(&e->h);
  CURLcode code = install(e);
  if (code) luaL_error(L, "libcurl: %s", curl_easy_strerror(code));
}

/* curl.easy([options]): a new easy, its options set as by easy:setopt. Raises an error for
 * wrong options; nil, message, name for one that libcurl refuses. */
int cs_easy_new(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct cs_easy *e = push_closed(L);
  fill(L, e, curl_easy_init());
  int failed = lua_istable(L, 1) ? cs_setopt_table(L, e, 2, 1) : 0;
  if (!failed) return 1;
  cs_teardown(L, 2);
  return failed;
}

/* easy:perform(): runs the transfer and waits for its end. true, or nil, message, name.
 * Raises what a callback threw. */
static int easy_perform(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  struct cs_frame f;
  lua_settop(L, 1);
  cs_refuse_inside(L, &e->h, "easy:perform");
  if (e->multi) return luaL_error(L, "easy:perform: the easy is in a multi");
  cs_easy_begin(L, e, 1);
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  CURLcode code = curl_easy_perform(e->curl);
  cs_settle(&f, e);
  int failed = e->failed;
  lua_getiuservalue(L, 1, CS_UV_ERROR);
  cs_leave(&f); /* a callback of what was deferred may perform the easy again */
  if (failed) {
    lua_pushvalue(L, f.error);
    if (f.failed) cs_warn(L);
    lua_settop(L, f.error + 1);
    return lua_error(L);
  }
  cs_rethrow(&f);
  if (code) return cs_easy_result(L, e, 1, code);
  lua_pushboolean(L, 1);
  return 1;
}

/* easy:reset(): back to the options of a new easy; connections, cookies and the share stay.
 * Returns the easy. Refused while it is in a multi. */
static int easy_reset(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  cs_refuse_inside(L, &e->h, "easy:reset");
  if (e->multi) return luaL_error(L, "easy:reset: the easy is in a multi");
  curl_easy_reset(e->curl);
  for (int which = 0; which < CS_NCALLBACKS; which++)
    clear_uservalue(L, 1, CS_UV_OWN + which);
  cs_lists_free(e);
  e->callbacks = 0;
  e->noprogress = 1;
  e->connecttimeout = 0;
  e->failed = e->fields = 0;
  CURLcode code = install(e);
  if (code) return cs_fail_easy(L, code);
  lua_settop(L, 1);
  return 1;
}

static void copy_uservalues(lua_State *L, int from, int to) {
  for (int which = 0; which < CS_NCALLBACKS; which++) {
    lua_getiuservalue(L, from, CS_UV_OWN + which);
    lua_setiuservalue(L, to, CS_UV_OWN + which);
  }
}

/* easy:dup(): a new easy with the same options and callbacks, without the connections, the
 * multi and the share. Raises an error without memory. */
static int easy_dup(lua_State *L) {
  const struct cs_easy *from = cs_handle_check(L, 1, CS_EASY);
  lua_settop(L, 1);
  struct cs_easy *e = push_closed(L);
  e->callbacks = from->callbacks;
  e->noprogress = from->noprogress;
  e->fields = from->fields;
  e->wildcard = from->wildcard;
  e->connecttimeout = from->connecttimeout;
  copy_uservalues(L, 1, 2);
  cs_handle_check(L, 1, CS_EASY); /* a finalizer may have closed it */
  fill(L, e, curl_easy_duphandle(from->curl));
  restore(e);
  CURLcode code = cs_lists_copy(e, from);
  if (!code) return 1;
  cs_teardown(L, 2);
  return cs_fail_easy(L, code);
}

int cs_easy_free(struct cs_frame *f, struct cs_easy *e) {
  if (e->multi) cs_multi_detach(f, e);
  if (e->curl) curl_easy_cleanup(e->curl);
  e->curl = NULL;
  cs_settle(f, e);
  if (e->share) cs_share_leave(f, e);
  cs_lists_free(e);
  return 1;
}

void cs_easy_class(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"dup", easy_dup},     {"getinfo", cs_easy_getinfo}, {"perform", easy_perform},
      {"reset", easy_reset}, {"setopt", cs_easy_setopt},   {"unset", cs_easy_unset},
      {NULL, NULL}};
  cs_handle_class(L, CS_EASY, methods);
}
