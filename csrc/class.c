/* SPDX-License-Identifier: MIT
 *
 * class.c - the classes of userdata. A metatable is found by the address of the class's
 * name, which is a good deal faster than by the name.
 */
#include "curlsock.h"

void cs_class_new(lua_State *L, const char *class, const luaL_Reg *meta,
                  const luaL_Reg *methods) {
  luaL_newmetatable(L, class);
  luaL_setfuncs(L, meta, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, class);
}

void cs_class_set(lua_State *L, const char *class) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, class);
  lua_setmetatable(L, -2);
}

void *cs_class_test(lua_State *L, int index, const char *class) {
  void *userdata = lua_touserdata(L, index);
  if (!userdata || !lua_getmetatable(L, index)) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, class);
  int same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? userdata : NULL;
}

void *cs_class_check(lua_State *L, int index, const char *class) {
  void *userdata = cs_class_test(L, index, class);
  if (!userdata) luaL_typeerror(L, index, class);
  return userdata;
}
