/* SPDX-License-Identifier: MIT
 *
 * runtime.c - the block that outlives every handle of a Lua state, and the boxes by which
 * Lua has handles and sockets.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "core.h"

/* The registry holds one userdata, made before all others of ours: finalized last. */
static const char registry_key;

struct cs_runtime **cs_push_runtime(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  return lua_touserdata(L, -1);
}

struct cs_runtime *cs_runtime(lua_State *L) {
  struct cs_runtime **box = cs_push_runtime(L);
  lua_pop(L, 1);
  if (!box || !*box || (*box)->ending)
    luaL_error(L, "curlsock: the Lua state is being closed");
  return *box;
}

/* Some state of this process ended with boxes that could not be emptied. A script can get
 * hold of such a box if at all then when all is over. */
static atomic_int strays;

static int is_over(lua_State *L) {
  struct cs_runtime **box = cs_push_runtime(L);
  lua_pop(L, 1);
  return !*box;
}

void *cs_content(lua_State *L, void *box) {
  void *content = box ? *(void **)box : NULL;
  return content && !(strays && is_over(L)) ? content : NULL;
}

void *cs_unbox(lua_State *L, int index) {
  return cs_content(L, lua_touserdata(L, index));
}

/* Replaces the runtime's box on top of the stack by one of its user values. */
static void get_uservalue(lua_State *L, int uservalue) {
  lua_getiuservalue(L, -1, uservalue);
  lua_replace(L, -2);
}

void cs_note_box(lua_State *L, int index) {
  index = lua_absindex(L, index);
  cs_push_runtime(L);
  get_uservalue(L, CS_UV_BOXES);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, cs_unbox(L, index));
  lua_pop(L, 1);
}

/* The collector rests inside every finalizer, and while the state is being closed all
 * that runs is finalizers. */
void cs_note_box_late(lua_State *L, int index) {
  if (lua_gc(L, LUA_GCISRUNNING, 0) != 1) cs_note_box(L, index);
}

void cs_box_of(lua_State *L, const void *what) {
  cs_push_runtime(L);
  get_uservalue(L, CS_UV_BOXES);
  lua_rawgetp(L, -1, what);
  lua_replace(L, -2);
  if (cs_unbox(L, -1) == what) return; /* its address may be another's by now */
  lua_pop(L, 1);
  lua_pushnil(L);
}

void cs_last_box_of(lua_State *L, const void *what) {
  cs_box_of(L, what);
  if (lua_isnil(L, -1)) strays = 1;
  cs_or_empty_box(L);
}

void cs_or_empty_box(lua_State *L) {
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  cs_push_runtime(L);
  get_uservalue(L, CS_UV_EMPTY);
}

double cs_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct cs_runtime *cs_runtime_new(void) {
  struct cs_runtime *rt = calloc(1, sizeof *rt);
  if (!rt) return NULL;
  for (int kind = 0; kind < CS_NKINDS; kind++) cs_link_init(&rt->handles[kind]);
  cs_link_init(&rt->sockets);
  cs_link_init(&rt->things);
  cs_link_init(&rt->pools);
  cs_link_init(&rt->walk);
  return rt;
}

void cs_runtime_free(struct cs_runtime *rt) {
  for (int kind = 0; kind < CS_NKINDS; kind++) CS_CHECK(!rt->live[kind]);
  CS_CHECK(!rt->open && !rt->waiting && !rt->frame);
  CS_CHECK(cs_link_empty(&rt->sockets));
  CS_CHECK(cs_link_empty(&rt->things));
  free(rt->table);
  cs_keys_free(rt);
  free(rt);
}

static void push_weak_table(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

struct cs_runtime **cs_runtime_box(lua_State *L, lua_CFunction end) {
  struct cs_runtime **box = lua_newuserdatauv(L, sizeof *box, CS_RUNTIME_UVS);
  *box = NULL;
  push_weak_table(L);
  lua_setiuservalue(L, -2, CS_UV_BOXES);
  *(void **)lua_newuserdatauv(L, sizeof(void *), 0) = NULL;
  lua_setiuservalue(L, -2, CS_UV_EMPTY);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, end);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return box;
}

void cs_runtime_register(lua_State *L) {
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
}
