/* SPDX-License-Identifier: MIT
 *
 * using.c - an easy begins to use a share, and no longer does.
 */
#include "policy.h"
#include "talk.h"

void cs_share_leave(struct cs_frame *f, struct cs_easy *e) {
  lua_State *L = f->L;
  struct cs_share *s = e->share;
  cs_link_drop(&e->in_share);
  e->share = NULL;
  cs_push_easy(L, f->self, f, e);
  lua_getiuservalue(L, -1, CS_UV_SHARE);
  cs_or_empty_box(L);
  if (s->h.phase == CS_DYING && cs_link_empty(&s->easies) && cs_teardown_of(L, -1, &s->h))
    cs_frame_error(f);
  lua_pushnil(L);
  lua_setiuservalue(L, -3, CS_UV_SHARE);
  lua_pop(L, 2);
}

/* The share at index, or NULL for nil. */
static struct cs_share *check_share(lua_State *L, struct cs_easy *e, int index) {
  if (lua_isnil(L, index)) return NULL;
  struct cs_share *s = cs_handle_test(L, index, CS_SHARE);
  if (!s || s->h.phase != CS_OPEN) cs_option_error(L, "share", "open share", index);
  if (cs_is_copy(&s->h))
    luaL_error(L, "option 'share': the share was made before a fork");
  if (s->h.rt != e->h.rt) luaL_error(L, "option 'share': the share is of another state");
  cs_refuse_inside(L, &s->h, "easy:setopt of a share");
  return s;
}

/* libcurl takes the cache of HSTS with the share, but not the list of files that it reads
 * into it before each transfer, whether there is one or not: it gets its own. */
static CURLcode use(struct cs_easy *e, const struct cs_share *s) {
  const struct cs_share *old = e->share;
  CURLcode code = curl_easy_setopt(e->curl, CURLOPT_SHARE, s ? s->curl : NULL);
  if (code || !e->set.hsts || !old || !old->hsts || (s && s->hsts)) return code;
  code = curl_easy_setopt(e->curl, CURLOPT_HSTS_CTRL, (long)CURLHSTS_ENABLE);
  if (code) curl_easy_setopt(e->curl, CURLOPT_SHARE, old->curl);
  return code;
}

CURLcode cs_share_use(lua_State *L, struct cs_easy *e, int self, int index) {
  struct cs_share *s = check_share(L, e, index);
  struct cs_frame f;
  cs_refuse_inside(L, &e->h, "easy:setopt of a share");
  if (s) cs_pool_touch(L, self, index);
  if (s) check_share(L, e, index); /* a finalizer may have closed it */
  if (e->multi) luaL_error(L, "option 'share': the easy is in a multi");
  cs_talk_refuse(L, e, "option 'share'"); /* nobody would close the connection */
  if (s && s->connections && e->own_policy && e->policy != s->policy)
    luaL_error(L,
               "option 'share': the easy has a policy of its own, which the share with "
               "connections has not");
  cs_enter(&f, L, &e->h, self);
  CURLcode code = use(e, s);
  if (!code && e->share) cs_share_leave(&f, e);
  if (!code && s) {
    e->share = s;
    cs_link_append(&s->easies, &e->in_share);
    lua_pushvalue(L, index);
    lua_setiuservalue(L, self, CS_UV_SHARE);
  }
  cs_leave(&f);
  cs_rethrow(&f);
  lua_settop(L, f.error - 1);
  return code;
}
