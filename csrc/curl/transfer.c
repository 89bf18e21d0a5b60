/* SPDX-License-Identifier: MIT
 *
 * transfer.c - what trampolines need of an easy: its box, its pool, and how its transfer
 * fails.
 */
#include <limits.h>

#include "binding.h"

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

void cs_easy_keep(lua_State *L, int index, int uservalue) {
  struct cs_easy *e = cs_unbox(L, index);
  if (e) e->keeps = 1;
  lua_setiuservalue(L, index, uservalue);
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
  cs_easy_keep(L, -2, CS_UV_ERROR);
  lua_pop(L, 1);
  e->failed = 1;
  cs_easy_abort(e);
}

static void note_version(struct cs_easy *e, long value) {
  e->http_version = e->set.http_version = value;
  if (e->running && value != CURL_HTTP_VERSION_1_0 && value != CURL_HTTP_VERSION_1_1)
    e->spoken = value;
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
  else if (id == CURLOPT_HTTP_VERSION)
    return note_version(e, value), 0;
  else
    return 0;
  return 1;
}

/* Back from cs_easy_abort to what the script wants. */
void cs_easy_restore(struct cs_easy *e) {
  curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, (long)e->set.noprogress);
  curl_easy_setopt(e->curl, CURLOPT_CONNECTTIMEOUT_MS, e->set.connecttimeout);
  curl_easy_setopt(e->curl, CURLOPT_HTTP_VERSION, e->set.http_version);
  e->http_version = e->set.http_version;
}

/* Where the script is to send and receive there are no streams: HTTP/2, which libcurl
 * would offer by itself, and then crash, is not offered. */
void cs_easy_choose_version(struct cs_easy *e) {
  long v = e->set.http_version;
  if (e->set.connect_only && (v == CURL_HTTP_VERSION_NONE || v == CURL_HTTP_VERSION_2TLS))
    v = CURL_HTTP_VERSION_1_1;
  if (v != e->http_version) curl_easy_setopt(e->curl, CURLOPT_HTTP_VERSION, v);
  e->http_version = e->spoken = v;
}

void cs_easy_set_last(struct cs_easy *e, struct cs_pool *pool) {
  struct cs_pool *old = e->last;
  if (pool) pool->refs++;
  e->last = pool;
  if (old) cs_pool_unref(old);
}
