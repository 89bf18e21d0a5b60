/* SPDX-License-Identifier: MIT
 *
 * raretable.c - the table of what few easies have: made when the first of it is set, for
 * no easy is to get dearer by what others have.
 */
#include "binding.h"

void cs_rare_push(lua_State *L, int index, int which) {
  if (lua_getiuservalue(L, index, CS_UV_RARE) != LUA_TTABLE) return;
  lua_rawgeti(L, -1, which);
  lua_replace(L, -2);
}

void cs_rare_set(lua_State *L, int self, int which, int index) {
  if (lua_getiuservalue(L, self, CS_UV_RARE) != LUA_TTABLE) {
    lua_pop(L, 1);
    if (lua_isnil(L, index)) return;
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, self, CS_UV_RARE);
  }
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, which);
  lua_pop(L, 1);
}

void cs_rare_copy(lua_State *L, int from, int to) {
  if (lua_getiuservalue(L, from, CS_UV_RARE) == LUA_TTABLE) {
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, -5);
    }
    lua_setiuservalue(L, to, CS_UV_RARE);
  }
  lua_pop(L, 1);
}
