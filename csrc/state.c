/* SPDX-License-Identifier: MIT
 *
 * state.c - the start and the end of a Lua state.
 */
#include "state.h"

/* What is left are handles that finalizers made while the state closes, which get none
 * of their own, and those whose finalizer was dropped; the boxes of these are not
 * found. Easies first: they use the others. */
static void end_handles(lua_State *L, struct cs_runtime *rt) {
  for (int kind = 0; kind < CS_NKINDS; kind++)
    while (!cs_link_empty(&rt->handles[kind])) {
      struct cs_handle *h = cs_item(rt->handles[kind].next, struct cs_handle, all);
      cs_link_drop(&h->all);
      h->orphan = 1;
      cs_last_box_of(L, h);
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
    cs_last_box_of(L, s);
    *(void **)lua_touserdata(L, -1) = NULL;
    lua_pop(L, 1);
    s->refs++;
    if (s->state == CS_LOST) cs_socket_end(s, CS_CLOSED);
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
  cs_things_end(L, rt);
  *box = NULL;
  if (!cs_is_copy(rt)) curl_global_cleanup();
  cs_runtime_free(rt);
  return 0;
}

static struct cs_runtime *start(lua_State *L) {
  struct cs_runtime *rt = cs_runtime_new();
  if (!rt) luaL_error(L, "not enough memory");
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    cs_runtime_free(rt);
    luaL_error(L, "libcurl cannot be initialised");
  }
  cs_fork_watch();
  rt->forks = cs_forks;
  if (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS)
    rt->traits |= CS_NOSIGNAL;
  if (curl_version_info(CURLVERSION_NOW)->version_num >= 0x080200)
    rt->traits |= CS_NUMBERED;
  return rt;
}

void cs_state_open(lua_State *L) {
  if (!cs_push_runtime(L)) {
    struct cs_runtime **box = cs_runtime_box(L, runtime_gc);
    *box = start(L);
    cs_runtime_register(L);
  }
  lua_pop(L, 1);
}
