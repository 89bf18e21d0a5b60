/* SPDX-License-Identifier: MIT
 *
 * class.c - the classes of userdata. A metatable is found by the address of the class's
 * name, which is a good deal faster than by the name.
 */
#include "core.h"

void cs_class_new(lua_State *L, const char *class, const luaL_Reg *meta,
                  const luaL_Reg *methods) {
  luaL_newmetatable(L, class);
  lua_pushvalue(L, -1);
  luaL_setfuncs(L, meta, 1);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, class);
}

void cs_class_hide(lua_State *L, const char *class) {
  lua_pushstring(L, class);
  lua_setfield(L, -2, "__metatable");
}

void cs_class_set(lua_State *L, const char *class) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, class);
  lua_setmetatable(L, -2);
}

/* Compares the metatable on top of the stack with that of the class. A method, which
 * has it as its upvalue, looks for its own class at index 1, and there alone. */
static int is_of_class(lua_State *L, int index, const char *class) {
  int quick = index == 1 && lua_topointer(L, -1) == lua_topointer(L, lua_upvalueindex(1));
#ifndef CS_CHECKS
  if (quick) return 1;
#endif
  lua_rawgetp(L, LUA_REGISTRYINDEX, class);
  int same = lua_rawequal(L, -1, -2);
  CS_CHECK(same || !quick);
  lua_pop(L, 1);
  return same;
}

void *cs_class_test(lua_State *L, int index, const char *class) {
  void *userdata = lua_touserdata(L, index);
  if (!userdata || !lua_getmetatable(L, index)) return NULL;
  int same = is_of_class(L, index, class);
  lua_pop(L, 1);
  return same ? userdata : NULL;
}

void *cs_class_check(lua_State *L, int index, const char *class) {
  void *userdata = cs_class_test(L, index, class);
  if (!userdata) luaL_typeerror(L, index, class);
  return userdata;
}
