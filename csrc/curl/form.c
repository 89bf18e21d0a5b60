/* SPDX-License-Identifier: MIT
 *
 * form.c - postfields as a form: names and values of a table.
 */
#include <stdlib.h>
#include <string.h>

#include "mime.h"

/* name: of which field, 0 if it is itself one. */
static int wrong(lua_State *L, const char *option, int name, int index) {
  return luaL_error(L, "option '%s': %s%s: string or number expected, got %s", option,
                    name ? "value of " : "name", name ? cs_shown(L, name) : "",
                    luaL_typename(L, index));
}

static void add_escaped(luaL_Buffer *b, const char *text, size_t length) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    int plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                (c >= 'a' && c <= 'z') || (c && strchr("-._~", c));
    if (plain || c == ' ') {
      luaL_addchar(b, plain ? (char)c : '+');
      continue;
    }
    luaL_addchar(b, '%');
    luaL_addchar(b, digits[c >> 4]);
    luaL_addchar(b, digits[c & 15]);
  }
}

/* Pushes what stands for the string or number at index, escaped. */
static void push_escaped(lua_State *L, const char *option, int name, int index) {
  size_t length;
  luaL_Buffer b;
  int type = lua_type(L, index);
  if (type != LUA_TSTRING && type != LUA_TNUMBER) wrong(L, option, name, index);
  lua_pushvalue(L, index); /* it stays a number where it is */
  const char *text = lua_tolstring(L, -1, &length);
  luaL_buffinit(L, &b);
  add_escaped(&b, text, length);
  luaL_pushresult(&b);
  lua_remove(L, -2);
}

/* Pushes "name=value" of both on top of the stack. [-2, +1] */
static void pair(lua_State *L, const char *option) {
  int name = lua_gettop(L) - 1;
  push_escaped(L, option, 0, name);
  lua_pushliteral(L, "=");
  push_escaped(L, option, name, name + 1);
  lua_concat(L, 3);
  lua_replace(L, name);
  lua_settop(L, name);
}

/* Puts the fields of a list of pairs into the list on top of the stack. */
static void from_list(lua_State *L, const char *option, int index) {
  size_t count = cs_sequence(L, option, index);
  for (size_t i = 1; i <= count; i++) {
    if (lua_rawgeti(L, index, (lua_Integer)i) != LUA_TTABLE)
      luaL_error(L, "option '%s': [%I]: pair of name and value expected, got %s", option,
                 (lua_Integer)i, luaL_typename(L, -1));
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    pair(L, option);
    lua_rawseti(L, -3, (lua_Integer)i);
    lua_pop(L, 1);
  }
}

/* The same for names and values, in no order yet. */
static void from_map(lua_State *L, const char *option, int index) {
  lua_Integer n = 0;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    pair(L, option);
    lua_rawseti(L, -3, ++n);
  }
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Joins the list on top of the stack, sorted or as it is. Its strings have no NUL: that
 * was escaped. */
static void join(lua_State *L, int sorted) {
  int list = lua_gettop(L);
  size_t count = lua_rawlen(L, list);
  luaL_Buffer b;
  const char **at = lua_newuserdatauv(L, (count + 1) * sizeof *at, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    at[i] = lua_tostring(L, -1);
    lua_pop(L, 1); /* the list has it */
  }
  if (sorted) qsort(at, count, sizeof *at, by_bytes);
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < count; i++) {
    if (i) luaL_addchar(&b, '&');
    luaL_addstring(&b, at[i]);
  }
  luaL_pushresult(&b);
}

void cs_form_push(lua_State *L, const char *option, int index) {
  int list = lua_rawlen(L, index) > 0;
  lua_newtable(L);
  if (list)
    from_list(L, option, index);
  else
    from_map(L, option, index);
  join(L, !list);
}
