/* SPDX-License-Identifier: MIT
 *
 * names.c - the names of address families and socket types.
 */
#include <limits.h>
#include <string.h>

#include "net.h"

struct name {
  const char *name;
  int value;
};

static const struct name families[] = {
    {"inet", AF_INET}, {"inet6", AF_INET6}, {"unix", AF_UNIX}, {NULL, 0}};

static const struct name socktypes[] = {{"stream", SOCK_STREAM},
                                        {"dgram", SOCK_DGRAM},
                                        {"seqpacket", SOCK_SEQPACKET},
                                        {"raw", SOCK_RAW},
                                        {NULL, 0}};

static void push_name(lua_State *L, const struct name *n, int value) {
  while (n->name && n->value != value) n++;
  if (n->name)
    lua_pushstring(L, n->name);
  else
    lua_pushinteger(L, value);
}

/* Finds the name at index in the list: its entry, or the one at the end. */
static const struct name *find_name(lua_State *L, const struct name *n, int index) {
  const char *text = cs_word(L, index);
  while (n->name && strcmp(n->name, text)) n++;
  return n;
}

static int name_arg(lua_State *L, const struct name *names, int index,
                    const char *expected) {
  const struct name *n = find_name(L, names, index);
  int is_integer = 0;
  lua_Integer value = n->value;
  if (!n->name && lua_type(L, index) == LUA_TNUMBER)
    value = lua_tointegerx(L, index, &is_integer);
  if (!n->name && (!is_integer || value < 0 || value > INT_MAX))
    luaL_argerror(
        L, index,
        lua_pushfstring(L, "%s expected, got %s", expected, cs_shown(L, index)));
  return (int)value;
}

void cs_push_family(lua_State *L, int family) { push_name(L, families, family); }

void cs_push_socktype(lua_State *L, int socktype) { push_name(L, socktypes, socktype); }

int cs_family_arg(lua_State *L, int index, int none) {
  if (lua_isnoneornil(L, index)) return none;
  return name_arg(L, families, index, "\"inet\", \"inet6\", \"unix\" or an integer");
}

int cs_socktype_arg(lua_State *L, int index, int none) {
  if (lua_isnoneornil(L, index)) return none;
  return name_arg(L, socktypes, index,
                  "\"stream\", \"dgram\", \"seqpacket\", \"raw\" or an integer");
}

int cs_family_named(lua_State *L, int index) {
  const struct name *n = find_name(L, families, index);
  return n->name ? n->value : -1;
}
