/* SPDX-License-Identifier: MIT
 *
 * runtime.c - the block that outlives every handle of a Lua state, and the end of the state.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "curlsock.h"

/* The registry holds one userdata, made before any other of ours and so finalized last. */
static const char registry_key;

enum { UV_DEFERRED = 1, UV_HANDLES, UVS = UV_HANDLES };

static struct cs_runtime **push_box(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  return lua_touserdata(L, -1);
}

struct cs_runtime *cs_runtime(lua_State *L) {
  struct cs_runtime **box = push_box(L);
  lua_pop(L, 1);
  if (!box || !*box) luaL_error(L, "curlsock: the Lua state is being closed");
  return *box;
}

void cs_push_handle(lua_State *L, const void *handle) {
  push_box(L);
  lua_getiuservalue(L, -1, UV_HANDLES);
  lua_rawgetp(L, -1, handle);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void cs_remember(lua_State *L, int index, const void *handle) {
  index = lua_absindex(L, index);
  push_box(L);
  lua_getiuservalue(L, -1, UV_HANDLES);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, handle);
  lua_pop(L, 2);
}

double cs_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A list linked by user values: it needs no memory, so a finalizer can always defer. */
void cs_defer(lua_State *L, int index) {
  struct cs_handle *h = lua_touserdata(L, index);
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
    struct cs_handle *h = lua_touserdata(L, -1);
    h->deferred = 0;
    rt->deferred--;
    if (cs_teardown(L, -1)) cs_warn(L);
    lua_pop(L, 1);
  }
  rt->sweeping = 0;
}

/* Handles made by finalizers while the state closes get no finalizer of their own. */
static void end_handles(lua_State *L, struct cs_runtime *rt) {
  while (!cs_link_empty(&rt->handles)) {
    struct cs_handle *h = cs_item(rt->handles.next, struct cs_handle, all);
    cs_push_handle(L, h);
    cs_link_drop(&h->all);
    if (lua_touserdata(L, -1) == h && cs_teardown(L, -1)) cs_warn(L);
    lua_pop(L, 1);
  }
}

static void end_sockets(struct cs_runtime *rt) {
  for (size_t fd = 0; fd < rt->size; fd++)
    if (rt->table[fd]) cs_socket_close(rt->table[fd]);
  while (!cs_link_empty(&rt->sockets)) {
    struct cs_socket *s = cs_item(rt->sockets.next, struct cs_socket, all);
    s->refs = 1;
    cs_socket_unref(s);
  }
}

static int runtime_gc(lua_State *L) {
  struct cs_runtime **box = lua_touserdata(L, 1), *rt = *box;
  *box = NULL;
  /* os.exit(code, true) inside a callback: libcurl still runs below us, and the process
   * ends without returning to it. */
  if (!rt || rt->frame) return 0;
  end_handles(L, rt);
  end_sockets(rt);
  free(rt->table);
  free(rt);
  curl_global_cleanup();
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
  cs_link_init(&rt->handles);
  cs_link_init(&rt->sockets);
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
  lua_setiuservalue(L, -2, UV_HANDLES);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, runtime_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  *box = runtime_new(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pop(L, 1);
}
