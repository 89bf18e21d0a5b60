/* SPDX-License-Identifier: MIT
 *
 * revoke.c - a policy takes back what it has let in.
 */
#include "fence.h"
#include "kept.h"

/* The policy of the pool that the handle owns; NULL when it owns none. */
static const struct cs_policy *policy_of(const struct cs_handle *h) {
  const struct cs_share *s = (const struct cs_share *)h;
  if (h->kind == CS_EASY) return ((const struct cs_easy *)h)->policy;
  if (h->kind == CS_MULTI) return ((const struct cs_multi *)h)->policy;
  return s->connections ? s->policy : NULL;
}

static int is_meant(const struct cs_handle *h, const struct cs_policy *p) {
  return h->phase == CS_OPEN && !cs_is_copy(h) && policy_of(h) == p;
}

/* Sets the option of the easy, unless the script has set it: until the fence is taken
 * back. */
static void force(struct cs_easy *e, CURLoption option) {
  int number = cs_fence_number(option);
  if (e->set.said & CS_BIT(number) || curl_easy_setopt(e->curl, option, 1L)) return;
  e->fenced |= CS_BIT(number);
  e->stale = 1;
}

/* Whether libcurl may still take what was revoked for alive: from 8.22 on it looks at a
 * connection once a second, no more. */
int cs_revoke_is_new(const struct cs_policy *p) {
  return p && p->revoked && cs_version() >= 0x081600 && cs_now() - p->revoked < 1;
}

void cs_revoke_renew(struct cs_easy *e) {
  if (e->h.phase == CS_OPEN && !cs_easy_is_busy(e)) force(e, CURLOPT_FRESH_CONNECT);
}

/* The transfer, if it runs under the policy, takes none of the connections, should it
 * have none yet; its own ends with it. */
static void forbid(struct cs_easy *e, const struct cs_policy *p) {
  if (!e->running || e->under != p) return;
  force(e, CURLOPT_FORBID_REUSE);
  if (cs_revoke_is_new(p)) force(e, CURLOPT_FRESH_CONNECT);
}

static lua_Integer refuse_inside(lua_State *L, struct cs_handle *h) {
  cs_refuse_inside(L, h, "policy:revoke");
  return 0;
}

static lua_Integer shut(lua_State *L, struct cs_handle *h) {
  (void)L;
  return cs_kept_shut(h->pool, 0);
}

/* Acts on each owner of a pool with the policy: the sum of what that gives. */
static lua_Integer each(lua_State *L, const struct cs_policy *p,
                        lua_Integer (*act)(lua_State *L, struct cs_handle *h)) {
  struct cs_runtime *rt = cs_runtime(L);
  lua_Integer sum = 0;
  for (int kind = 0; kind < CS_NKINDS; kind++) {
    const struct cs_link *all = &rt->handles[kind];
    for (const struct cs_link *l = all->next; l != all; l = l->next) {
      struct cs_handle *h = cs_item(l, struct cs_handle, all);
      if (is_meant(h, p)) sum += act(L, h);
    }
  }
  return sum;
}

/* policy:revoke(): what it has let in is taken back, in all its pools: connections that
 * no transfer uses are ended; those in use end with their transfers, and a request that
 * would go on one that is older than this is REFUSED. (Before libcurl 8.2 that cannot be
 * told of UNIX sockets. From 8.22 on each transfer that begins within a second of this
 * has a new connection, unless option fresh_connect says otherwise.) Returns how many
 * were ended. Refused inside a callback of one of the pools.
 * -> ended: integer */
int cs_policy_revoke(lua_State *L) {
  struct cs_policy *p = cs_policy_check(L, 1);
  const struct cs_link *easies = &cs_runtime(L)->handles[CS_EASY];
  each(L, p, refuse_inside);
  lua_pushinteger(L, each(L, p, shut));
  p->revoked = cs_now();
  for (const struct cs_link *l = easies->next; l != easies; l = l->next)
    forbid(cs_item(l, struct cs_easy, h.all), p);
  return 1;
}
