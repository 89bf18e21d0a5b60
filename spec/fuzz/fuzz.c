/* SPDX-License-Identifier: MIT
 *
 * fuzz.c - libFuzzer's entry, the Lua state, and values from bytes.
 */
#include "fuzz.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

lua_State *L;

int luaopen_curlsock_core(lua_State *state);
/* What values can be besides plain data. */
static const char objects[] =
    "local closed = io.open('/dev/null') closed:close() "
    "objects = {curl.share(), io.open('/dev/null', 'w'), closed, "
    "print, curl.PAUSE, curl.address('127.0.0.1:80'), "
    "coroutine.create(error), setmetatable({}, {__tostring = error, "
    "__index = error, __len = error, __name = 1})}";

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  L = luaL_newstate();
  luaL_openlibs(L);
  luaL_requiref(L, "curlsock.core", luaopen_curlsock_core, 0);
  lua_setglobal(L, "curl");
  MUST(!luaL_dostring(L, objects));
  return 0;
}

/* Collects now and then, for an address needs no call to be gone; counts what does. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static unsigned inputs;
  const struct cs_runtime *rt = cs_runtime(L);
  int before[CS_NKINDS], open = rt->open;
  memcpy(before, rt->live, sizeof before);
  fuzz_one(data, size);
  MUST(lua_gettop(L) == 0);
  MUST(!memcmp(before, rt->live, sizeof before) && open == rt->open);
  if (++inputs % 64 == 0) lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

void fuzz_broken(const char *file, int line, const char *promise) {
  fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
  for (int i = 1; i <= lua_gettop(L); i++)
    fprintf(stderr, "  stack %d: %s\n", i, luaL_tolstring(L, i, NULL)), lua_pop(L, 1);
  abort();
}

void fuzz_function(const char *text) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, text) == LUA_TFUNCTION) return;
  lua_pop(L, 1);
  MUST(!luaL_loadstring(L, text));
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, text);
}

int fuzz_call(int arguments, int results, const char *word, const char *other) {
  int base = lua_gettop(L) - arguments - 1;
  if (!lua_pcall(L, arguments, results, 0)) {
    MUST(results == LUA_MULTRET || lua_gettop(L) == base + results);
    return 1;
  }
  MUST(lua_gettop(L) == base + 1);
  const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  MUST(message && (strstr(message, word) || strstr(message, other)));
  lua_pop(L, 1);
  return 0;
}

/* ---- values from bytes ---------------------------------------------------------------- */

void take_bytes(struct input *in, void *to, size_t size) {
  size_t n = size < in->left ? size : in->left;
  memset(to, 0, size);
  memcpy(to, in->at, n);
  in->at += n;
  in->left -= n;
}

unsigned take_byte(struct input *in) {
  uint8_t byte;
  take_bytes(in, &byte, 1);
  return byte;
}

const char *take_text(struct input *in, size_t *length) {
  size_t n = take_byte(in);
  const char *text = (const char *)in->at;
  *length = n < in->left ? n : in->left;
  in->at += *length;
  in->left -= *length;
  return text;
}

static void push_text(struct input *in) {
  size_t n;
  const char *text = take_text(in, &n);
  lua_pushlstring(L, text, n);
}

/* A list, or a table with any keys that a table can have. */
static void push_table(struct input *in, int is_list) {
  int n = (int)take_byte(in) % 8;
  lua_newtable(L);
  for (int i = 1; i <= n; i++) {
    if (is_list)
      lua_pushinteger(L, i);
    else
      push_value(in);
    push_value(in);
    if (lua_isnil(L, -2) ||
        (lua_isnumber(L, -2) && lua_tonumber(L, -2) != lua_tonumber(L, -2)))
      lua_pop(L, 2);
    else
      lua_rawset(L, -3);
  }
}

static void push_object(struct input *in) {
  lua_getglobal(L, "objects");
  lua_rawgeti(L, -1, take_byte(in) % (unsigned)lua_rawlen(L, -1) + 1);
  lua_remove(L, -2);
}

void push_edge(struct input *in) {
  unsigned how = take_byte(in) % 4;
  uint64_t power = UINT64_C(1) << take_byte(in) % 64;
  lua_Integer edge = (lua_Integer)(power + take_byte(in) % 4 - 2);
  if (how == 0)
    lua_pushinteger(L, edge);
  else if (how == 1)
    lua_pushinteger(L, (lua_Integer)(0 - (uint64_t)edge));
  else
    lua_pushnumber(L, (lua_Number)edge / (how == 2 ? 1e3 : 1e6));
}

void push_value(struct input *in) {
  union {
    lua_Integer i;
    lua_Number n;
    int8_t small;
  } v;
  static int depth;
  unsigned kind = take_byte(in) % 13;
  luaL_checkstack(L, 8, NULL);
  if (kind == 0) {
    lua_pushnil(L);
  } else if (kind <= 2) {
    lua_pushboolean(L, kind == 1);
  } else if (kind == 3) {
    take_bytes(in, &v.i, sizeof v.i);
    lua_pushinteger(L, v.i);
  } else if (kind == 4) {
    take_bytes(in, &v.n, sizeof v.n);
    lua_pushnumber(L, v.n);
  } else if (kind == 5) {
    take_bytes(in, &v.small, 1);
    lua_pushinteger(L, v.small);
  } else if (kind == 6) {
    take_bytes(in, &v.small, 1);
    lua_pushnumber(L, v.small / 8.0);
  } else if (kind <= 8) {
    push_text(in);
  } else if (kind <= 10 && depth < 3) {
    depth++;
    push_table(in, kind == 9);
    depth--;
  } else if (kind <= 11) {
    push_object(in);
  } else {
    push_edge(in);
  }
}

void fuzz_with_socket(const uint8_t *data, size_t size, void (*calls)(struct input *)) {
  struct input in = {data, size};
  fuzz_function("return (curl.socket())");
  MUST(fuzz_call(0, 1, "", ""));
  calls(&in);
  fuzz_function("local s = ... s:close()");
  lua_insert(L, 1);
  MUST(fuzz_call(1, 0, "", ""));
}
