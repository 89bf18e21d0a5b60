/* SPDX-License-Identifier: MIT
 *
 * transfer.c - what trampolines need of an easy: its box, and how its transfer fails and
 * ends.
 */
#include <limits.h>

#include "policy.h"
#include "trace.h"

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
  cs_or_empty_box(L);
}

/* libcurl calls the progress callback whatever it waits for; but while it connects,
 * from 8.22 on it only looks at the time. */
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

int cs_easy_note(struct cs_easy *e, CURLoption id, long value) {
  if (id == CURLOPT_NOPROGRESS)
    e->set.noprogress = value != 0;
  else if (id == CURLOPT_CONNECTTIMEOUT_MS)
    e->set.connecttimeout = value;
  else if (id == CURLOPT_CONNECTTIMEOUT)
    e->set.connecttimeout = value > LONG_MAX / 1000 ? LONG_MAX : value * 1000;
  else if (id == CURLOPT_FORBID_REUSE)
    return e->set.forbid_reuse = value != 0, 0;
  else
    return 0;
  return 1;
}

/* Back from cs_easy_abort to what the script wants. */
void cs_easy_restore(struct cs_easy *e) {
  curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, (long)e->set.noprogress);
  curl_easy_setopt(e->curl, CURLOPT_CONNECTTIMEOUT_MS, e->set.connecttimeout);
}

static const char *name_of(const struct cs_easy *e, CURLcode code) {
  if (e->unsupported) return cs_easy_name(CURLE_NOT_BUILT_IN);
  return cs_judge_has_refused(e, code) ? "REFUSED" : cs_easy_name(code);
}

static const char *result_of(const struct cs_easy *e, CURLcode code) {
  if (e->failed) return "CALLBACK";
  if (e->refused) code = CURLE_ABORTED_BY_CALLBACK;
  return code == CURLE_OK ? "OK" : name_of(e, code);
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
  lua_pushstring(L, name_of(e, code));
  return 3;
}

struct cs_pool *cs_easy_pool(const struct cs_easy *e) {
  if (e->share && e->share->connections) return e->share->h.pool;
  return e->multi ? e->multi->h.pool : e->h.pool;
}

void cs_easy_set_last(struct cs_easy *e, struct cs_pool *pool) {
  struct cs_pool *old = e->last;
  if (pool) pool->refs++;
  e->last = pool;
  if (old) cs_pool_unref(old);
}

void cs_easy_ended(struct cs_frame *f, struct cs_easy *e) {
  cs_datagram_trust(e);
  cs_transfer_ended(f, &e->opened);
  cs_lists_free_outdated(e);
}

CURLcode cs_easy_finish(struct cs_frame *f, struct cs_easy *e, CURLcode code) {
  cs_easy_set_last(e, cs_easy_pool(e));
  if (e->last->lines.used >= 0) e->last->lines.used = cs_now();
  cs_judge_ended(e, code);
  if (cs_is_traced(f)) cs_trace_attempts(e, code);
  cs_easy_ended(f, e);
  if (cs_is_traced(f)) cs_trace_done(f, e, result_of(e, code));
  cs_trace_release(e);
  e->running = 0;
  return e->refused ? e->refused : code;
}
