/* SPDX-License-Identifier: MIT
 *
 * answer.c - what a callback returned: one rule for all that can refuse.
 */
#include "binding.h"

/* curl.PAUSE: what writefunction and readfunction return to pause the transfer, until
 * easy:unpause. A value like no other.
 * -> Pause */
static const char pause_key;

void cs_push_pause(lua_State *L) { lua_pushlightuserdata(L, (void *)&pause_key); }

/* callbacks: all answer by one rule. False, or nil and a reason, refuses, and the reason
 * stands in the message of the failure: Lua's own functions fail so. True, a file (what
 * file:write returns) or nothing goes on; where a callback exists to allow something
 * (opensocketfunction, prereqfunction, ssh_hostkeyfunction, ssh_keyfunction, and what a
 * policy is asked) only a yes does. What is no answer raises an error that names the
 * callback and what it must return. An error in a callback ends the transfer, and comes
 * out of the call that runs it unchanged; in a multi it is the result, with the name
 * "CALLBACK". Inside one, easy:setopt, easy:getinfo, the methods of Sockets and
 * Addresses, and whole transfers on handles that share no pool with the one that runs are
 * allowed; all else raises. */
enum cs_answer cs_answer_at(lua_State *L, int index) {
  int type = lua_type(L, index);
  if (type == LUA_TBOOLEAN) return lua_toboolean(L, index) ? CS_YES : CS_NO;
  if (type == LUA_TNIL) return lua_isnil(L, index + 1) ? CS_NOTHING : CS_NO;
  if (type == LUA_TUSERDATA && luaL_testudata(L, index, LUA_FILEHANDLE)) return CS_YES;
  return lua_touserdata(L, index) == (void *)&pause_key ? CS_PAUSE : CS_OTHER;
}

void cs_keep_reason(lua_State *L, int easy, int reason) {
  if (lua_isnil(L, reason)) return;
  luaL_tolstring(L, reason, NULL);
  cs_easy_keep(L, easy, CS_UV_REASON);
}

int cs_wrong_answer(lua_State *L, const char *name, const char *expected, int index) {
  return luaL_error(L, "%s: must return %s, got %s", name, expected, cs_shown(L, index));
}
