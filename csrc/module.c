/* SPDX-License-Identifier: MIT
 *
 * module.c - the module table.
 */
#include "describe.h"
#include "policy.h"
#include "state.h"
#include "trace.h"
#include "url.h"

/* curl.live(): how many objects are not torn down, to find leaks: a table with easy,
 * multi, share, and socket for descriptors that a Socket or libcurl holds.
 * -> table<string, integer> */
static int core_live(lua_State *L) {
  const struct cs_runtime *rt = cs_runtime(L);
  lua_createtable(L, 0, CS_NKINDS + 1);
  for (int kind = 0; kind < CS_NKINDS; kind++) {
    lua_pushinteger(L, rt->live[kind]);
    lua_setfield(L, -2, cs_kind_names[kind]);
  }
  lua_pushinteger(L, rt->open);
  lua_setfield(L, -2, "socket");
  return 1;
}

/* curl.now(): seconds on a clock that never goes back, to measure with.
 * -> seconds: number */
static int core_now(lua_State *L) {
  lua_pushnumber(L, cs_now());
  return 1;
}

/* curl.type(x): "easy", "multi", "share", "socket", "address", "networks", "policy" or
 * "url"; an easy, multi, share, socket or url that can no longer be used has "closed "
 * before it (a Socket: where it has no descriptor); nil for anything else. Never raises.
 * -> kind: string | nil */
static int core_type(lua_State *L) {
  const struct cs_socket *s;
  lua_settop(L, 1);
  for (int kind = 0; kind < CS_NKINDS; kind++) {
    if (!cs_handle_is(L, 1, kind)) continue;
    const struct cs_handle *h = cs_handle_test(L, 1, kind);
    const char *closed = h && h->phase == CS_OPEN ? "" : "closed ";
    lua_pushfstring(L, "%s%s", closed, cs_kind_names[kind]);
    return 1;
  }
  if ((s = cs_socket_test(L, 1)))
    lua_pushstring(L, s->fd < 0 ? "closed socket" : "socket");
  else if (cs_address_test(L, 1))
    lua_pushliteral(L, "address");
  else if (cs_networks_test(L, 1))
    lua_pushliteral(L, "networks");
  else if (cs_policy_test(L, 1))
    lua_pushliteral(L, "policy");
  else if (cs_url_is(L, 1))
    lua_pushstring(L, cs_url_test(L, 1) ? "url" : "closed url");
  else
    luaL_pushfail(L);
  return 1;
}

/* curl.inside([handle]): whether libcurl is at work, and this is a callback of it; with
 * a handle: a callback in which methods of that are refused.
 * -> boolean */
static int core_inside(lua_State *L) {
  const struct cs_runtime *rt = cs_runtime(L);
  struct cs_handle *h = NULL;
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) return lua_pushboolean(L, rt->frame != NULL), 1;
  for (int kind = 0; !h && kind < CS_NKINDS; kind++) h = cs_handle_test(L, 1, kind);
  if (!h) return luaL_typeerror(L, 1, "easy, multi or share");
  lua_pushboolean(L, cs_is_inside(h));
  return 1;
}

/* The only symbol of the module. */
__attribute__((visibility("default"))) int luaopen_curlsock_core(lua_State *L);

int luaopen_curlsock_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"address", cs_address_parse},
                                       {"adopt", cs_socket_adopt},
                                       {"default_policy", cs_policy_default},
                                       {"easy", cs_easy_new},
                                       {"escape", cs_escape},
                                       {"getdate", cs_getdate},
                                       {"infos", cs_infos},
                                       {"inside", core_inside},
                                       {"live", core_live},
                                       {"multi", cs_multi_new},
                                       {"networks", cs_networks_new},
                                       {"now", core_now},
                                       {"options", cs_options},
                                       {"trace", cs_trace},
                                       {"policy", cs_policy_make},
                                       {"share", cs_share_new},
                                       {"socket", cs_socket_open},
                                       {"socketpair", cs_socket_pair},
                                       {"sockets", cs_sockets},
                                       {"type", core_type},
                                       {"unescape", cs_unescape},
                                       {"url", cs_url_new},
                                       {"version_info", cs_version_info},
                                       {NULL, NULL}};
  cs_state_open(L);
  cs_address_class_new(L);
  cs_networks_class_new(L);
  cs_socket_class_new(L);
  cs_easy_class_new(L);
  cs_multi_class_new(L);
  cs_share_class_new(L);
  cs_policy_class_new(L);
  cs_url_class_new(L);
  luaL_newlib(L, functions);
  cs_push_pause(L);
  lua_setfield(L, -2, "PAUSE");
  return 1;
}
