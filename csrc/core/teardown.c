/* SPDX-License-Identifier: MIT
 *
 * teardown.c - the end of a frame and the end of a handle: the outermost frame that ends
 * tears down what waited for that, each in a frame of its own.
 */
#include <stdlib.h>

#include "core.h"

/* ---- handles that wait ------------------------------------------------------------- */

/* A list linked by user values: it needs no memory, so a finalizer can always wait. */
void cs_teardown_later(lua_State *L, int index) {
  struct cs_handle *h = cs_unbox(L, index);
  CS_CHECK(h->phase != CS_DEAD && h->rt->frame);
  if (h->waiting) return;
  index = lua_absindex(L, index);
  if (h->phase < CS_SHUT) h->phase = CS_SHUT;
  h->waiting = 1;
  h->rt->waiting++;
  cs_push_runtime(L);
  lua_getiuservalue(L, -1, CS_UV_WAITING);
  lua_setiuservalue(L, index, CS_UV_NEXT);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, CS_UV_WAITING);
  lua_pop(L, 1);
}

/* Moves the first handle that waits from the list to the stack. [-0, +1] */
static void pop_waiting(lua_State *L) {
  cs_push_runtime(L);
  lua_getiuservalue(L, -1, CS_UV_WAITING);
  lua_getiuservalue(L, -1, CS_UV_NEXT);
  lua_setiuservalue(L, -3, CS_UV_WAITING);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, CS_UV_NEXT);
  lua_replace(L, -2);
}

static void teardown_waiting(lua_State *L, struct cs_runtime *rt) {
  rt->tearing = 1;
  while (rt->waiting) {
    pop_waiting(L);
    struct cs_handle *h = cs_unbox(L, -1);
    CS_CHECK(h && h->waiting);
    h->waiting = 0;
    rt->waiting--;
    if (cs_teardown(L, -1)) cs_warn(L);
    lua_pop(L, 1);
  }
  rt->tearing = 0;
}

void cs_leave(struct cs_frame *f) {
  struct cs_runtime *rt = f->handle->rt;
  cs_frame_pop(f);
  if (!f->up && rt->waiting && !rt->tearing) teardown_waiting(f->L, rt);
}

/* ---- the end of one ---------------------------------------------------------------- */

/* What ends a copy of descriptors is their end alone: the parent does not notice. */
static int abandon(struct cs_handle *h) {
  h->rt->ops[h->kind]->abandon(h);
  while (!cs_link_empty(&h->pool->sockets))
    cs_socket_close(cs_item(h->pool->sockets.next, struct cs_socket, in_pool));
  return 1;
}

static int free_library(struct cs_frame *f, struct cs_handle *h) {
  return cs_is_copy(h) ? abandon(h) : h->rt->ops[h->kind]->free(f, h);
}

/* Clears what the handle kept alive. One that waits stays in the list of those. */
static void bury(struct cs_frame *f, struct cs_handle *h) {
  h->rt->ops[h->kind]->clear(f->L, f->self, h);
  if (!cs_link_empty(&h->pool->sockets)) cs_link_append(&h->rt->pools, &h->pool->gone);
  cs_pool_unref(h->pool);
  h->pool = NULL;
  h->phase = CS_DEAD;
  h->rt->live[h->kind]--;
}

static int end(lua_State *L, int index, struct cs_handle *h) {
  struct cs_frame f;
  CS_CHECK(h->pool && (h->phase == CS_SHUT || h->phase == CS_DYING));
  for (struct cs_frame *up = h->rt->frame; up; up = up->up) CS_CHECK(up->handle != h);
  cs_enter(&f, L, h, index);
  if (h->rt->ops[h->kind]->may_write(h)) cs_quiet(&f);
  f.ending = 1;
  if (free_library(&f, h))
    bury(&f, h);
  else
    h->phase = CS_DYING;
  cs_leave(&f);
  if (!f.failed) lua_pop(L, 1);
  return f.failed;
}

static void free_block(struct cs_handle *h) {
  CS_CHECK(h->phase == CS_DEAD && h->orphan && !h->waiting && !h->pool);
  CS_CHECK(cs_link_empty(&h->walk));
  cs_link_drop(&h->all);
  free(h);
}

int cs_teardown_of(lua_State *L, int index, struct cs_handle *h) {
  index = lua_absindex(L, index);
  if (h->phase < CS_SHUT) h->phase = CS_SHUT;
  int failed = h->phase == CS_DEAD ? 0 : end(L, index, h);
  if (h->orphan && h->phase == CS_DEAD && !h->waiting) free_block(h);
  return failed;
}

/* An orphan that goes on to wait (a share in use) is reached by C links alone. */
int cs_teardown(lua_State *L, int index) {
  struct cs_handle *h = cs_unbox(L, index), **box = lua_touserdata(L, index);
  int orphan = h->orphan, failed = cs_teardown_of(L, index, h);
  if (orphan) *box = NULL;
  return failed;
}
