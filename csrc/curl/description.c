/* SPDX-License-Identifier: MIT
 *
 * description.c - what a script says of the parts of a body: checked and copied, so that
 * what becomes of its tables does not matter.
 */
#include <string.h>

#include "mime.h"

enum { DEPTH = 16 }; /* of parts within parts */

enum type { LINE, BYTES, LINES, FUNCTION, SIZE, PARTS };

struct field {
  const char *name;
  enum type type;
};

static const struct field fields[] = {
    {"name", LINE},     {"filename", LINE}, {"type", LINE},  {"encoder", LINE},
    {"headers", LINES}, {"data", BYTES},    {"file", LINE},  {"read", FUNCTION},
    {"size", SIZE},     {"seek", FUNCTION}, {"parts", PARTS}};

#define NFIELDS (sizeof fields / sizeof *fields)

/* Where the error is: "[2].parts[1].name"; the copies that are made, and the calls. */
struct walk {
  const char *option, *place;
  int depth, calls;
};

static int wrong(lua_State *L, const struct walk *w, const char *expected, int index) {
  return luaL_error(L, "option '%s': %s: %s expected, got %s", w->option, w->place,
                    expected, luaL_typename(L, index));
}

static void check_line(lua_State *L, const struct walk *w, int index) {
  size_t length;
  if (lua_type(L, index) != LUA_TSTRING) wrong(L, w, "string", index);
  const char *text = lua_tolstring(L, index, &length);
  if (strcspn(text, "\r\n") != length)
    luaL_error(L, "option '%s': %s: string contains CR, LF or NUL", w->option, w->place);
}

/* The length of the list at index. */
static lua_Integer check_list(lua_State *L, const struct walk *w, const char *expected,
                              int index) {
  if (!lua_istable(L, index)) wrong(L, w, expected, index);
  if (!cs_is_sequence(L, index))
    luaL_error(L, "option '%s': %s%slist expected, got a table with holes or names",
               w->option, w->place, *w->place ? ": " : "");
  return (lua_Integer)lua_rawlen(L, index);
}

/* Pushes a copy of the list of lines at index. */
static void copy_lines(lua_State *L, struct walk w, int index) {
  const char *place = w.place;
  lua_Integer count = check_list(L, &w, "list of strings", index);
  lua_createtable(L, (int)count, 0);
  int copy = lua_gettop(L);
  for (lua_Integer i = 1; i <= count; i++) {
    w.place = lua_pushfstring(L, "%s[%I]", place, i);
    lua_rawgeti(L, index, i);
    check_line(L, &w, copy + 2);
    lua_rawseti(L, copy, i);
    lua_settop(L, copy);
  }
}

static void copy_parts(lua_State *L, struct walk w, int index);

/* Pushes a copy of the value at index. */
static void copy_value(lua_State *L, struct walk w, const struct field *f, int index) {
  if (f->type == LINES) return copy_lines(L, w, index);
  if (f->type == PARTS) return copy_parts(L, w, index);
  if (f->type == LINE) check_line(L, &w, index);
  if (f->type == BYTES && lua_type(L, index) != LUA_TSTRING)
    wrong(L, &w, "string", index);
  if (f->type == FUNCTION && !lua_isfunction(L, index)) wrong(L, &w, "function", index);
  if (f->type == SIZE && (!lua_isinteger(L, index) || lua_tointeger(L, index) < 0))
    wrong(L, &w, "integer from 0", index);
  lua_pushvalue(L, index);
}

static const struct field *find_field(lua_State *L, const struct walk *w, int key) {
  const char *word = cs_word(L, key);
  for (size_t i = 0; i < NFIELDS; i++)
    if (!strcmp(fields[i].name, word)) return &fields[i];
  struct cs_names names = cs_names_of(fields, NFIELDS);
  luaL_error(L, "option '%s': %s: unknown field '%s'%s", w->option, w->place,
             lua_type(L, key) == LUA_TSTRING ? word : luaL_typename(L, key),
             cs_did_you_mean(L, word, &names));
  return NULL;
}

static int has(lua_State *L, int part, const char *field) {
  int type = lua_getfield(L, part, field);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* The copy on top of the stack has one source of data. */
static void check_source(lua_State *L, const struct walk *w) {
  int part = lua_gettop(L);
  int read = has(L, part, "read");
  int count = read + has(L, part, "data") + has(L, part, "file") + has(L, part, "parts");
  if (count != 1)
    luaL_error(L, "option '%s': %s: one of data, file, read and parts expected, got %d",
               w->option, w->place, count);
  if (!read && (has(L, part, "size") || has(L, part, "seek")))
    luaL_error(L, "option '%s': %s: size and seek are for read", w->option, w->place);
}

/* The functions of the copy on top of the stack go into the calls. */
static void number_calls(lua_State *L, const struct walk *w) {
  if (!has(L, -1, "read")) return;
  lua_Integer next = (lua_Integer)lua_rawlen(L, w->calls);
  lua_getfield(L, -1, "read");
  lua_rawseti(L, w->calls, next + 1);
  if (lua_getfield(L, -1, "seek") == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushboolean(L, 0); /* no hole */
  }
  lua_rawseti(L, w->calls, next + 2);
  lua_pushinteger(L, next + 1);
  lua_setfield(L, -2, "call");
}

/* Pushes a copy of the part at index. */
static void copy_part(lua_State *L, struct walk w, int index) {
  const char *place = w.place;
  if (!lua_istable(L, index)) wrong(L, &w, "table", index);
  lua_newtable(L);
  int copy = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    const struct field *f = find_field(L, &w, copy + 1);
    w.place = lua_pushfstring(L, "%s.%s", place, f->name);
    copy_value(L, w, f, copy + 2);
    lua_setfield(L, copy, f->name);
    lua_settop(L, copy + 1);
    w.place = place;
  }
  check_source(L, &w);
  number_calls(L, &w);
}

/* Pushes a copy of the list of parts at index. */
static void copy_parts(lua_State *L, struct walk w, int index) {
  const char *place = w.place;
  luaL_checkstack(L, LUA_MINSTACK, "parts within parts");
  lua_Integer count = check_list(L, &w, "list of parts", index);
  if (++w.depth > DEPTH)
    luaL_error(L, "option '%s': parts within parts are too deep", w.option);
  lua_createtable(L, (int)count, 0);
  int copy = lua_gettop(L);
  for (lua_Integer i = 1; i <= count; i++) {
    w.place = lua_pushfstring(L, "%s[%I]", place, i);
    lua_rawgeti(L, index, i);
    copy_part(L, w, copy + 2);
    lua_rawseti(L, copy, i);
    lua_settop(L, copy);
  }
}

void cs_description_push(lua_State *L, const char *option, int index) {
  struct walk w = {option, "", 0, 0};
  index = lua_absindex(L, index);
  if (!lua_istable(L, index)) cs_option_error(L, option, "list of parts", index);
  lua_createtable(L, 0, 2);
  lua_newtable(L);
  w.calls = lua_gettop(L);
  copy_parts(L, w, index);
  lua_setfield(L, -3, "parts");
  lua_setfield(L, -2, "calls");
}
