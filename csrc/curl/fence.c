/* SPDX-License-Identifier: MIT
 *
 * fence.c - easy options that a policy forces, because they would lead around it.
 *
 * They are set when a transfer begins in a pool of the policy, and stay set until one
 * begins elsewhere: a transfer like the last costs nothing.
 */
#define CURL_DISABLE_DEPRECATION /* some have new names, which 7.85 lacks */
#include <stdlib.h>
#include <string.h>

#include "fence.h"

/* ---- the rails of a policy --------------------------------------------------------- */

/* A pair: a value, and a function for what else may be. */
static int is_pair(lua_State *L, int index) {
  if (!lua_istable(L, index)) return 0;
  int pair = lua_rawgeti(L, index, 2) == LUA_TFUNCTION;
  lua_pop(L, 1);
  return pair;
}

/* Adds the option called name, with the value on top of the stack, to the list at index
 * list. [-1, +0, e] */
static void add_rail(lua_State *L, struct cs_policy *p, const struct cs_known *k,
                     const char *name, int list) {
  struct cs_rail *rail = &p->fence[p->rails];
  int value = lua_gettop(L);
  *rail = (struct cs_rail){k->fence, k->option->id, 0};
  if (cs_find_rail(p, k->fence) >= 0)
    luaL_error(L, "policy.fence: option '%s' is in it twice, by two names", name);
  lua_pushboolean(L, 0);
  lua_pushnil(L);
  if (is_pair(L, value)) {
    lua_rawgeti(L, value, 2);
    lua_replace(L, value + 1);
    lua_rawgeti(L, value, 1);
    lua_replace(L, value);
  } else if (lua_isfunction(L, value)) {
    lua_pushvalue(L, value);
    lua_replace(L, value + 1);
    lua_pushnil(L);
    lua_replace(L, value);
  }
  rail->unset = lua_isboolean(L, value) && !lua_toboolean(L, value);
  if (!lua_isnil(L, value) && !rail->unset) {
    cs_push_canonical(L, k, name, value);
    lua_replace(L, value + 2);
  }
  lua_rawseti(L, list, cs_rail_place(p->rails, CS_RAIL_VALUE));
  lua_rawseti(L, list, cs_rail_place(p->rails, CS_RAIL_MAY));
  lua_pop(L, 1);
  p->rails++;
}

/* The option whose name is at index key. (Each that may stand here is older than the
 * oldest libcurl that there may be.) */
static const struct cs_known *check_option(lua_State *L, int key) {
  const char *name = cs_word(L, key);
  const struct cs_known *k = *name ? cs_known_named(L, key) : NULL;
  if (!k) luaL_error(L, "policy.fence: unknown option %s", cs_shown(L, key));
  if (k->fence < 0)
    luaL_error(L,
               "policy.fence: option '%s' cannot stand in a fence: its default is not "
               "known",
               name);
  return k;
}

/* libcurl's own transfers would be in the pool, and ask nobody. */
static void add_doh(lua_State *L, struct cs_policy *p, int list) {
  lua_pushliteral(L, "doh_url");
  const struct cs_known *k = cs_known_named(L, lua_gettop(L));
  lua_pop(L, 1);
  int at = cs_find_rail(p, k->fence);
  if (at >= 0 && !p->fence[at].unset)
    luaL_error(L,
               "policy.fence: option 'doh_url' can only be false: its transfers ask no "
               "policy");
  if (at >= 0) return;
  lua_pushboolean(L, 0);
  add_rail(L, p, k, "doh_url", list);
}

void cs_fence_read(lua_State *L, int index, int policy, struct cs_policy *p) {
  p->fence = calloc((size_t)cs_fenceable_count + 1, sizeof *p->fence);
  if (!p->fence) luaL_error(L, "not enough memory");
  lua_newtable(L);
  int list = lua_gettop(L);
  if (lua_istable(L, index)) {
    for (lua_pushnil(L); lua_next(L, index);) {
      const struct cs_known *k = check_option(L, list + 1);
      add_rail(L, p, k, lua_tostring(L, list + 1), list);
    }
  }
  add_doh(L, p, list);
  lua_setiuservalue(L, policy, CS_UV_FENCE);
}

/* ---- setting ----------------------------------------------------------------------- */

/* What was built without an option needs no fence for it. */
static void check_code(lua_State *L, CURLoption id, CURLcode code) {
  if (code && code != CURLE_NOT_BUILT_IN && code != CURLE_UNKNOWN_OPTION)
    luaL_error(L, "policy: option '%s': %s", cs_option_name(id),
               curl_easy_strerror(code));
}

static long normal(int number) {
  if (cs_fenceables[number].stored == CURLOPT_MAXREDIRS && cs_version() >= 0x080300)
    return 30;
  return cs_fenceables[number].normal;
}

/* Back to what the script has set, or libcurl's default. */
static CURLcode take_back(struct cs_easy *e, int number) {
  CURLoption id = cs_fenceables[number].stored;
  size_t length;
  CURLcode code;
  if (cs_fenceables[number].kind == CS_LIST) {
    const char *items = cs_said_text(e, number, &length);
    code = cs_list_set(e, id, items, length);
  } else if (cs_fenceables[number].kind == CS_TEXT && !cs_fenceables[number].normal) {
    code = curl_easy_setopt(e->curl, id, (char *)NULL);
  } else {
    code = curl_easy_setopt(e->curl, id, normal(number));
    cs_easy_note(e, id, normal(number));
  }
  return code;
}

static void take_all_back(lua_State *L, struct cs_easy *e) {
  for (int number = 0; number < cs_fenceable_count; number++) {
    if (!(e->fenced & CS_BIT(number))) continue;
    check_code(L, cs_fenceables[number].stored, take_back(e, number));
    e->fenced &= ~CS_BIT(number);
  }
}

/* Sets the list to what the script has set it to, and the items on top of the stack. */
static CURLcode append_items(lua_State *L, struct cs_easy *e,
                             const struct cs_rail *rail) {
  size_t length;
  const char *own = cs_said_text(e, rail->number, &length);
  lua_pushlstring(L, own, length);
  lua_pushvalue(L, -2);
  lua_concat(L, 2);
  const char *items = lua_tolstring(L, -1, &length);
  CURLcode code = cs_list_set(e, rail->option, items, length);
  lua_pop(L, 1);
  return code;
}

/* Sets the rail's option to the value on top of the stack. [-1, +0, e] */
static void set_rail(lua_State *L, struct cs_easy *e, const struct cs_rail *rail) {
  CURLcode code;
  if (cs_fenceables[rail->number].kind == CS_LIST) {
    code = append_items(L, e, rail);
  } else if (cs_fenceables[rail->number].kind == CS_TEXT &&
             lua_type(L, -1) == LUA_TSTRING) {
    code = curl_easy_setopt(e->curl, rail->option, lua_tostring(L, -1));
  } else if (curl_easy_option_by_id(rail->option)->type == CURLOT_OFF_T) {
    code = curl_easy_setopt(e->curl, rail->option, (curl_off_t)lua_tointeger(L, -1));
  } else {
    code = curl_easy_setopt(e->curl, rail->option, (long)lua_tointeger(L, -1));
    cs_easy_note(e, rail->option, (long)lua_tointeger(L, -1));
  }
  check_code(L, rail->option, code);
  e->fenced |= CS_BIT(rail->number);
  lua_pop(L, 1);
}

/* Raises an error if the rail does not allow what the script has set. */
static void check_rail(lua_State *L, const struct cs_easy *e, const struct cs_rail *rail,
                       int at, int policy, int list, const char *call) {
  int top = lua_gettop(L);
  if (!(e->set.said & CS_BIT(rail->number))) return;
  cs_said_push(L, e, rail->number);
  if (!cs_rail_allows(L, rail, list, at, lua_gettop(L)))
    cs_rail_forbids(L, rail, policy, call);
  lua_settop(L, top);
}

static void apply_rail(lua_State *L, struct cs_easy *e, const struct cs_rail *rail,
                       int at, int list) {
  int top = lua_gettop(L), is_list = cs_fenceables[rail->number].kind == CS_LIST;
  if (e->set.said & CS_BIT(rail->number) && !is_list) return;
  if (!rail->unset && lua_rawgeti(L, list, cs_rail_place(at, CS_RAIL_VALUE)) != LUA_TNIL)
    set_rail(L, e, rail);
  lua_settop(L, top);
}

static void apply(lua_State *L, struct cs_easy *e, struct cs_policy *p, int list) {
  struct cs_policy *old = e->under;
  e->stale = 1;
  take_all_back(L, e);
  e->under = cs_policy_ref(p);
  cs_policy_drop(&old);
  for (int at = 0; p && at < p->rails; at++) apply_rail(L, e, &p->fence[at], at, list);
  check_code(L, CURLOPT_RESOLVER_START_FUNCTION, cs_callback_policy(e));
  e->stale = 0;
}

/* All that calls functions of the script comes first: they may do anything. */
void cs_fence_apply(lua_State *L, struct cs_easy *e, struct cs_policy *p, int policy,
                    const char *call) {
  int list = lua_gettop(L) + 1;
  unsigned changes = e->changes;
  if (p)
    lua_getiuservalue(L, policy, CS_UV_FENCE);
  else
    lua_pushnil(L);
  for (int at = 0; p && at < p->rails; at++)
    check_rail(L, e, &p->fence[at], at, policy, list, call);
  if (e->h.phase == CS_OPEN && !cs_easy_is_busy(e) && e->changes == changes)
    apply(L, e, p, list);
  lua_pop(L, 1);
}
