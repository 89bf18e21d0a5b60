/* SPDX-License-Identifier: MIT
 *
 * rail.c - the options that may stand in a fence, and what the script has set of them.
 * libcurl cannot be asked what an option is: so only those can stand in one whose default
 * is known here, and what the script sets one of them to is noted (said.c); set.said has
 * the bit of each.
 */
#define CURL_DISABLE_DEPRECATION /* some have new names, which 7.85 lacks */
#include <string.h>

#include "fence.h"
#include "url.h"

/* ---- what may stand in a fence ----------------------------------------------------- */

/* By what libcurl stores, so that twins and aliases are one; and its default. */
const struct cs_fenceable cs_fenceables[] = {
    {CURLOPT_PROXY, CS_TEXT, 0},
    {CURLOPT_PRE_PROXY, CS_TEXT, 0},
    {CURLOPT_NOPROXY, CS_TEXT, 0},
    {CURLOPT_DOH_URL, CS_TEXT, 0},
    {CURLOPT_UNIX_SOCKET_PATH, CS_TEXT, 0},
    {CURLOPT_FTPPORT, CS_TEXT, 0},
    {CURLOPT_INTERFACE, CS_TEXT, 0},
    {CURLOPT_DNS_SERVERS, CS_TEXT, 0},
    {CURLOPT_DNS_INTERFACE, CS_TEXT, 0},
    {CURLOPT_DNS_LOCAL_IP4, CS_TEXT, 0},
    {CURLOPT_DNS_LOCAL_IP6, CS_TEXT, 0},
    {CURLOPT_KRBLEVEL, CS_TEXT, 0},
    {CURLOPT_PROTOCOLS, CS_TEXT, (long)CURLPROTO_ALL},
    {CURLOPT_REDIR_PROTOCOLS, CS_TEXT,
     CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FTP | CURLPROTO_FTPS},
    {CURLOPT_LOCALPORT, CS_NUMBER, 0},
    {CURLOPT_LOCALPORTRANGE, CS_NUMBER, 0},
    {CURLOPT_ADDRESS_SCOPE, CS_NUMBER, 0},
    {CURLOPT_NETRC, CS_NUMBER, 0},
    {CURLOPT_UNRESTRICTED_AUTH, CS_NUMBER, 0},
    {CURLOPT_HTTPAUTH, CS_NUMBER, (long)CURLAUTH_BASIC},
    {CURLOPT_PROXYAUTH, CS_NUMBER, (long)CURLAUTH_BASIC},
    {CURLOPT_SOCKS5_AUTH, CS_NUMBER, (long)(CURLAUTH_BASIC | CURLAUTH_GSSAPI)},
    {CURLOPT_MAXLIFETIME_CONN, CS_NUMBER, 0},
    {CURLOPT_MAXAGE_CONN, CS_NUMBER, 118},
    {CURLOPT_FRESH_CONNECT, CS_NUMBER, 0},
    {CURLOPT_FORBID_REUSE, CS_NUMBER, 0},
    {CURLOPT_FOLLOWLOCATION, CS_NUMBER, 0},
    {CURLOPT_MAXREDIRS, CS_NUMBER, -1}, /* 30 from 8.3 on */
    {CURLOPT_HTTP_VERSION, CS_NUMBER, CURL_HTTP_VERSION_NONE},
    {CURLOPT_SSL_VERIFYPEER, CS_NUMBER, 1},
    {CURLOPT_SSL_VERIFYHOST, CS_NUMBER, 2},
    {CURLOPT_MAXFILESIZE, CS_NUMBER, 0},
    {CURLOPT_CONNECT_TO, CS_LIST, 0},
    {CURLOPT_RESOLVE, CS_LIST, 0},
};

const int cs_fenceable_count = sizeof cs_fenceables / sizeof *cs_fenceables;

int cs_fence_number(CURLoption stored) {
  for (int i = 0; i < cs_fenceable_count; i++)
    if (cs_fenceables[i].stored == stored) return i;
  return -1;
}

int cs_find_rail(const struct cs_policy *p, int number) {
  for (int i = 0; i < p->rails; i++)
    if (p->fence[i].number == number) return i;
  return -1;
}

/* Pushes the value at index as it is kept and compared: a string, an integer, or for a
 * list the strings one after the other, each with a NUL. [-0, +1, e] */
void cs_push_canonical(lua_State *L, const struct cs_known *k, const char *name,
                       int index) {
  struct cs_setting s = {NULL, 0, k, name, index};
  size_t length;
  switch (k->option->type) {
  case CURLOT_STRING:
    if (cs_url_test(L, index)) cs_url_to_text(L, index);
    cs_setting_text(L, &s);
    lua_pushvalue(L, index);
    return;
  case CURLOT_SLIST:
    cs_setting_items(L, &s, &length);
    return;
  default:
    lua_pushinteger(L, (lua_Integer)cs_value(L, k, name, index));
  }
}

/* ---- what the script has set ------------------------------------------------------- */

void cs_fence_note(lua_State *L, const struct cs_setting *s, int unset) {
  struct cs_easy *e = s->e;
  int number = s->known->fence;
  if (unset) {
    cs_said_unset(e, number);
  } else {
    cs_push_canonical(L, s->known, s->name, s->value);
    cs_said_set(L, e, number, lua_gettop(L));
    lua_pop(L, 1);
  }
  e->set.said = unset ? e->set.said & ~CS_BIT(number) : e->set.said | CS_BIT(number);
  e->fenced &= ~CS_BIT(number);
  e->stale = e->under != NULL;
  e->changes++;
}

lua_Integer cs_fence_value(lua_State *L, const struct cs_easy *e, int easy,
                           CURLoption stored) {
  int top = lua_gettop(L), number = cs_fence_number(stored);
  lua_Integer value = 0;
  if (e->fenced & CS_BIT(number)) {
    cs_push_policy(L, e, easy, 0);
    if (lua_isuserdata(L, -1)) {
      int at = cs_find_rail(e->under, number);
      lua_getiuservalue(L, -1, CS_UV_FENCE);
      lua_rawgeti(L, -1, cs_rail_place(at, CS_RAIL_VALUE));
    }
    value = lua_tointeger(L, -1);
  } else if (e->set.said & CS_BIT(number)) {
    cs_said_push(L, e, number);
    value = lua_tointeger(L, -1);
  }
  lua_settop(L, top);
  return value;
}

/* ---- comparing --------------------------------------------------------------------- */

/* Pushes a kept value as the function of a rail sees it: flags as a list of names. */
static void push_seen(lua_State *L, int number, int value) {
  const struct cs_naming *n = cs_naming_of(cs_fenceables[number].stored);
  if (n && n->flags & CS_FLAGS && lua_isinteger(L, value))
    cs_push_flags(L, n->id, (unsigned long)lua_tointeger(L, value));
  else
    lua_pushvalue(L, value);
}

/* Whether the value at index, canonical, may be what the script has set. */
int cs_rail_allows(lua_State *L, const struct cs_rail *rail, int list, int at,
                   int value) {
  int top = lua_gettop(L), yes;
  if (cs_fenceables[rail->number].kind == CS_LIST) return !rail->unset;
  lua_rawgeti(L, list, cs_rail_place(at, CS_RAIL_VALUE));
  yes = !rail->unset && lua_rawequal(L, -1, value);
  if (!yes && lua_rawgeti(L, list, cs_rail_place(at, CS_RAIL_MAY)) == LUA_TFUNCTION) {
    push_seen(L, rail->number, value);
    lua_call(L, 1, 1);
    yes = lua_isboolean(L, -1) && lua_toboolean(L, -1);
  }
  lua_settop(L, top);
  return yes;
}

const char *cs_option_name(CURLoption id) {
  const struct curl_easyoption *o = curl_easy_option_by_id(id);
  return o ? o->name : "?";
}

/* Raises an error that names option, policy and the way out. */
int cs_rail_forbids(lua_State *L, const struct cs_rail *rail, int policy,
                    const char *call) {
  luaL_Buffer b;
  const char *name = cs_option_name(rail->option);
  luaL_buffinit(L, &b);
  for (; *name; name++)
    luaL_addchar(&b, *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name);
  luaL_pushresult(&b);
  lua_getiuservalue(L, policy, CS_UV_NAME);
  return luaL_error(L,
                    "%s: option '%s' is set to what policy %s does not allow: %s, or use "
                    "another pool",
                    call, lua_tostring(L, -2),
                    lua_isstring(L, -1) ? lua_tostring(L, -1) : "of this pool",
                    rail->unset ? "unset it" : "leave it to the policy");
}

void cs_fence_check(lua_State *L, const struct cs_setting *s, int unset) {
  const struct cs_easy *e = s->e;
  const struct cs_policy *p = e->under;
  int at = p && cs_easy_is_busy(e) ? cs_find_rail(p, s->known->fence) : -1;
  if (at < 0) return;
  int top = lua_gettop(L), yes = 0;
  const struct cs_rail *rail = &p->fence[at];
  cs_push_policy(L, e, s->self, 0);
  lua_getiuservalue(L, top + 1, CS_UV_FENCE);
  if (!unset && cs_fenceables[rail->number].kind != CS_LIST) {
    cs_push_canonical(L, s->known, s->name, s->value);
    yes = cs_rail_allows(L, rail, top + 2, at, lua_gettop(L));
  }
  if (!yes && !(unset && rail->unset)) cs_rail_forbids(L, rail, top + 1, "setopt");
  lua_settop(L, top);
}
