/* SPDX-License-Identifier: MIT
 *
 * runtime.c - the block that outlives every handle of a Lua state, and the end of the state.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "curlsock.h"

/* The registry holds one userdata, made before any other of ours and so finalized last. */
static const char registry_key;

enum { UV_DEFERRED = 1, UV_BOXES, UV_NOBODY, UVS = UV_NOBODY };

static struct cs_runtime **push_box(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  return lua_touserdata(L, -1);
}

struct cs_runtime *cs_runtime(lua_State *L) {
  struct cs_runtime **box = push_box(L);
  lua_pop(L, 1);
  if (!box || !*box || (*box)->ending)
    luaL_error(L, "curlsock: the Lua state is being closed");
  return *box;
}

/* Some state of this process ended with boxes that could not be emptied (end_handles). A
 * script can get hold of such a box if at all then when all is over. */
static atomic_int strays;

static int is_over(lua_State *L) {
  struct cs_runtime **box = push_box(L);
  lua_pop(L, 1);
  return !*box;
}

void *cs_unbox(lua_State *L, int index) {
  void **box = lua_touserdata(L, index);
  return box && *box && !(strays && is_over(L)) ? *box : NULL;
}

/* Pushes the box of what ends with the state, or an empty one. [-0, +1] */
static void recall_last(lua_State *L, const void *what) {
  cs_recall(L, what);
  if (lua_isnil(L, -1)) strays = 1;
  cs_or_nobody(L);
}

/* Replaces the runtime's box on top of the stack by one of its user values. */
static void get_uservalue(lua_State *L, int uservalue) {
  lua_getiuservalue(L, -1, uservalue);
  lua_replace(L, -2);
}

void cs_remember(lua_State *L, int index) {
  index = lua_absindex(L, index);
  push_box(L);
  get_uservalue(L, UV_BOXES);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, cs_unbox(L, index));
  lua_pop(L, 1);
}

/* The collector rests inside every finalizer, and while the state is being closed all that
 * runs is finalizers. */
void cs_remember_late(lua_State *L, int index) {
  if (lua_gc(L, LUA_GCISRUNNING, 0) != 1) cs_remember(L, index);
}

void cs_recall(lua_State *L, const void *what) {
  push_box(L);
  get_uservalue(L, UV_BOXES);
  lua_rawgetp(L, -1, what);
  lua_replace(L, -2);
  if (cs_unbox(L, -1) == what) return; /* its address may be another's by now */
  lua_pop(L, 1);
  lua_pushnil(L);
}

void cs_or_nobody(lua_State *L) {
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  push_box(L);
  get_uservalue(L, UV_NOBODY);
}

double cs_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A list linked by user values: it needs no memory, so a finalizer can always defer. */
void cs_defer(lua_State *L, int index) {
  struct cs_handle *h = cs_unbox(L, index);
  if (h->deferred) return;
  index = lua_absindex(L, index);
  h->closed = h->deferred = 1;
  h->rt->deferred++;
  push_box(L);
  lua_getiuservalue(L, -1, UV_DEFERRED);
  lua_setiuservalue(L, index, CS_UV_DEFER);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, UV_DEFERRED);
  lua_pop(L, 1);
}

/* Moves the first deferred handle from the list to the stack. [-0, +1] */
static void pop_deferred(lua_State *L) {
  push_box(L);
  lua_getiuservalue(L, -1, UV_DEFERRED);
  lua_getiuservalue(L, -1, CS_UV_DEFER);
  lua_setiuservalue(L, -3, UV_DEFERRED);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, CS_UV_DEFER);
  lua_replace(L, -2);
}

void cs_sweep(lua_State *L, struct cs_runtime *rt) {
  rt->sweeping = 1;
  while (rt->deferred) {
    pop_deferred(L);
    struct cs_handle *h = cs_unbox(L, -1);
    h->deferred = 0;
    rt->deferred--;
    if (cs_teardown(L, -1)) cs_warn(L);
    lua_pop(L, 1);
  }
  rt->sweeping = 0;
}

/* What is left are handles that finalizers made while the state closes, which get none of
 * their own, and those whose finalizer was dropped; the boxes of these are not found. Easies
 * first: they use the others. */
static void end_handles(lua_State *L, struct cs_runtime *rt) {
  for (int kind = CS_EASY; kind <= CS_SHARE; kind++)
    while (!cs_link_empty(&rt->handles[kind])) {
      struct cs_handle *h = cs_item(rt->handles[kind].next, struct cs_handle, all);
      cs_link_drop(&h->all);
      h->orphan = 1;
      recall_last(L, h);
      void **box = lua_touserdata(L, -1);
      if (cs_teardown_of(L, -1, h)) cs_warn(L);
      *box = NULL;
      lua_pop(L, 1);
    }
}

static void end_sockets(lua_State *L, struct cs_runtime *rt) {
  for (size_t fd = 0; fd < rt->size; fd++)
    if (rt->table[fd]) cs_socket_close(rt->table[fd]);
  while (!cs_link_empty(&rt->sockets)) {
    struct cs_socket *s = cs_item(rt->sockets.next, struct cs_socket, all);
    recall_last(L, s);
    *(void **)lua_touserdata(L, -1) = NULL;
    lua_pop(L, 1);
    s->refs = 1;
    cs_socket_unref(s);
  }
}

static int runtime_gc(lua_State *L) {
  struct cs_runtime **box = lua_touserdata(L, 1), *rt = *box;
  /* os.exit(code, true) inside a callback: libcurl still runs below us, and the process
   * ends without returning to it. */
  if (!rt) return 0;
  rt->ending = 1;
  if (rt->frame) return 0;
  end_handles(L, rt);
  end_sockets(L, rt);
  *box = NULL;
  if (!cs_is_copy(rt)) curl_global_cleanup();
  free(rt->table);
  free(rt);
  return 0;
}

static void push_weak_table(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

static struct cs_runtime *runtime_new(lua_State *L) {
  struct cs_runtime *rt = calloc(1, sizeof *rt);
  if (!rt) luaL_error(L, "not enough memory");
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    free(rt);
    luaL_error(L, "libcurl cannot be initialised");
  }
  cs_fork_watch();
  rt->forks = cs_forks;
  rt->nosignal =
      !!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS);
  for (int kind = CS_EASY; kind <= CS_SHARE; kind++) cs_link_init(&rt->handles[kind]);
  cs_link_init(&rt->sockets);
  cs_link_init(&rt->walk);
  return rt;
}

void cs_runtime_open(lua_State *L) {
  if (push_box(L)) {
    lua_pop(L, 1);
    return;
  }
  struct cs_runtime **box = lua_newuserdatauv(L, sizeof(struct cs_runtime *), UVS);
  *box = NULL;
  push_weak_table(L);
  lua_setiuservalue(L, -2, UV_BOXES);
  *(void **)lua_newuserdatauv(L, sizeof(void *), 0) = NULL;
  lua_setiuservalue(L, -2, UV_NOBODY);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, runtime_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  *box = runtime_new(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pop(L, 1);
}
