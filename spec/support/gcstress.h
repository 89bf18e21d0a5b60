/* SPDX-License-Identifier: MIT
 *
 * gcstress.h - make gcstress includes this in every C file: all garbage is collected before
 * each call that may run Lua, and before each that makes a value in a process whose heap is
 * small (the specs' own is not). What C uses and Lua no longer knows is freed by then.
 */
#include <lua.h>

#include <lauxlib.h>

static inline void gcstress_small(lua_State *L) {
  if (lua_gc(L, LUA_GCCOUNT) < 1024) lua_gc(L, LUA_GCCOLLECT);
}

static inline int gcstress_pcallk(lua_State *L, int nargs, int nresults, int handler,
                                  lua_KContext context, lua_KFunction k) {
  lua_gc(L, LUA_GCCOLLECT);
  return lua_pcallk(L, nargs, nresults, handler, context, k);
}

static inline void gcstress_callk(lua_State *L, int nargs, int nresults,
                                  lua_KContext context, lua_KFunction k) {
  lua_gc(L, LUA_GCCOLLECT);
  lua_callk(L, nargs, nresults, context, k);
}

static inline void *gcstress_newuserdatauv(lua_State *L, size_t size, int uservalues) {
  gcstress_small(L);
  return lua_newuserdatauv(L, size, uservalues);
}

static inline void gcstress_createtable(lua_State *L, int narray, int nrecord) {
  gcstress_small(L);
  lua_createtable(L, narray, nrecord);
}

static inline const char *gcstress_pushlstring(lua_State *L, const char *s, size_t len) {
  gcstress_small(L);
  return lua_pushlstring(L, s, len);
}

static inline const char *gcstress_pushstring(lua_State *L, const char *s) {
  gcstress_small(L);
  return lua_pushstring(L, s);
}

#undef lua_newuserdatauv
#define lua_pcallk gcstress_pcallk
#define lua_callk gcstress_callk
#define lua_newuserdatauv gcstress_newuserdatauv
#define lua_createtable gcstress_createtable
#define lua_pushlstring gcstress_pushlstring
#define lua_pushstring gcstress_pushstring
