/* SPDX-License-Identifier: MIT
 *
 * say.c - what a script is told: warnings, and what stands in messages.
 */
#include <string.h>

#include "core.h"

static int warn_body(lua_State *L) {
  const char *text = luaL_tolstring(L, 1, NULL);
  lua_warning(L, "curlsock: ", 1);
  lua_warning(L, text, 0);
  return 0;
}

void cs_warn(lua_State *L) {
  lua_pushcfunction(L, warn_body);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 0, 0)) lua_pop(L, 1);
}

const char *cs_shown(lua_State *L, int index) {
  char text[64];
  size_t n, i;
  if (lua_type(L, index) == LUA_TNUMBER) return luaL_tolstring(L, index, NULL);
  if (lua_type(L, index) != LUA_TSTRING)
    return lua_pushstring(L, luaL_typename(L, index));
  const char *s = lua_tolstring(L, index, &n);
  for (i = 0; i < n && i < sizeof text - 1; i++)
    text[i] = s[i] >= ' ' && s[i] < 127 ? s[i] : '?';
  text[i] = '\0';
  return lua_pushfstring(L, "\"%s\"%s", text, i < n ? "..." : "");
}

const char *cs_word(lua_State *L, int index) {
  size_t n = 0;
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : "";
  return strlen(text) == n ? text : "";
}

int cs_choice_arg(lua_State *L, int index, const char *const names[],
                  const char *expected) {
  const char *word = cs_word(L, index);
  for (int i = 0; names[i]; i++)
    if (!strcmp(names[i], word)) return i;
  const char *got = cs_shown(L, index);
  return luaL_argerror(L, index,
                       lua_pushfstring(L, "%s expected, got %s", expected, got));
}

int cs_option_error(lua_State *L, const char *name, const char *expected, int index) {
  const char *got = luaL_typename(L, index);
  if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) got = lua_tostring(L, -1);
  return luaL_error(L, "option '%s': %s expected, got %s", name, expected, got);
}

int cs_is_sequence(lua_State *L, int index) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) count++;
  return count == lua_rawlen(L, index);
}

size_t cs_sequence(lua_State *L, const char *option, int index) {
  if (!cs_is_sequence(L, index))
    luaL_error(L, "option '%s': list expected, got a table with holes or names", option);
  return lua_rawlen(L, index);
}
