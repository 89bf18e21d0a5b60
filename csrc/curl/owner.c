/* SPDX-License-Identifier: MIT
 *
 * owner.c - whose policy decides: that of the share that shares connections, else the
 * multi's, else the easy's; and what became of a transfer under it.
 */
#include <stdlib.h>
#include <string.h>

#include "policy.h"

const char cs_policy_class[] = "curlsock.policy";

struct cs_policy *cs_policy_test(lua_State *L, int index) {
  return cs_class_test(L, index, cs_policy_class) ? cs_unbox(L, index) : NULL;
}

struct cs_policy *cs_policy_check(lua_State *L, int index) {
  cs_class_check(L, index, cs_policy_class);
  return cs_unbox(L, index);
}

struct cs_policy *cs_policy_ref(struct cs_policy *p) {
  if (p) p->refs++;
  return p;
}

void cs_policy_drop(struct cs_policy **at) {
  struct cs_policy *p = *at;
  *at = NULL;
  if (!p || --p->refs) return;
  free(p->fence);
  free(p);
}

struct cs_pool *cs_easy_pool(const struct cs_easy *e) {
  if (e->share && e->share->connections) return e->share->h.pool;
  return e->multi ? e->multi->h.pool : e->h.pool;
}

struct cs_policy *cs_policy_in(const struct cs_easy *e, const struct cs_multi *m) {
  if (e->share && e->share->connections) return e->share->policy;
  return m ? m->policy : e->policy;
}

void cs_push_policy(lua_State *L, const struct cs_easy *e, int index, int multi) {
  if (e->share && e->share->connections) {
    lua_getiuservalue(L, index, CS_UV_SHARE);
    lua_getiuservalue(L, -1, CS_UV_SHARE_POLICY);
  } else if (multi || e->multi) {
    if (multi)
      lua_pushvalue(L, multi);
    else
      lua_getiuservalue(L, index, CS_UV_MULTI);
    cs_or_empty_box(L);
    lua_getiuservalue(L, -1, CS_UV_MULTI_POLICY);
  } else {
    lua_pushnil(L);
    lua_getiuservalue(L, index, CS_UV_POLICY);
  }
  lua_replace(L, -2);
}

void cs_policy_check_pair(lua_State *L, const struct cs_easy *e, const struct cs_multi *m,
                          const char *call) {
  const struct cs_policy *p = cs_policy_in(e, m);
  if (e->own_policy && e->policy != p)
    luaL_error(L,
               "%s: the easy has a policy of its own, which is not that of the pool: "
               "make the easy without one, or give the %s the same",
               call, e->share && e->share->connections ? "share" : "multi");
  if (m && e->share && e->share->connections && e->share->policy != m->policy)
    luaL_error(L,
               "%s: the policies of the multi and of the share with connections differ: "
               "give both the same",
               call);
}

void cs_policy_refuse_late(lua_State *L, int key) {
  if (!strcmp(cs_word(L, key), "policy"))
    luaL_error(L, "option 'policy': it is given when the easy, multi or share is made");
}

void cs_policy_check_pool(lua_State *L, int self, const char *option) {
  lua_getiuservalue(L, self, CS_UV_MULTI_POLICY);
  lua_getiuservalue(L, -1, CS_UV_POOL);
  if (lua_istable(L, -1)) {
    lua_pushstring(L, option);
    if (lua_rawget(L, -2) != LUA_TNIL)
      luaL_error(L, "option '%s': the policy of the multi sets it", option);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

/* ---- the end of a transfer --------------------------------------------------------- */

void cs_judge_ended(struct cs_easy *e, CURLcode code) {
  struct cs_policy *p = cs_policy_of(e);
  if (p && !code && !e->attempts) p->reused++;
}

int cs_judge_has_refused(const struct cs_easy *e, CURLcode code) {
  if (e->barred) return 1;
  if (!e->refusals || e->refusals < e->attempts) return 0;
  return code == CURLE_COULDNT_CONNECT || code == CURLE_FTP_PORT_FAILED ||
         code == CURLE_FAILED_INIT || code == CURLE_ABORTED_BY_CALLBACK ||
         code == CURLE_QUIC_CONNECT_ERROR;
}
