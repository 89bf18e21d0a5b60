/* SPDX-License-Identifier: MIT
 *
 * thing.c - objects that are neither handle nor socket, and have a block on the C heap.
 * Lua drops a finalizer that it has no memory to call: then the end of the state frees
 * the block.
 */
#include "core.h"

void cs_thing_push(lua_State *L, const char *class) {
  cs_runtime(L); /* raises an error if the state is being closed */
  struct cs_thing **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  cs_class_set(L, class);
}

void cs_thing_box(lua_State *L, struct cs_thing *t, void (*free)(struct cs_thing *t)) {
  struct cs_thing **box = lua_touserdata(L, -1);
  t->free = free;
  cs_link_init(&t->all);
  *box = t;
  cs_link_append(&cs_runtime(L)->things, &t->all);
  cs_note_box_late(L, -1);
}

static void end(struct cs_thing *t) {
  cs_link_drop(&t->all);
  t->free(t);
}

static int thing__gc(lua_State *L) {
  struct cs_thing **box = cs_class_check(L, 1, lua_touserdata(L, lua_upvalueindex(1)));
  struct cs_thing *t = cs_unbox(L, 1);
  *box = NULL;
  if (t) end(t);
  return 0;
}

void cs_thing_class(lua_State *L, const char *class, const luaL_Reg *meta,
                    const luaL_Reg *methods) {
  cs_class_new(L, class, meta, methods);
  cs_class_hide(L, class);
  lua_pushlightuserdata(L, (void *)class);
  lua_pushcclosure(L, thing__gc, 1);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

void cs_things_end(lua_State *L, struct cs_runtime *rt) {
  while (!cs_link_empty(&rt->things)) {
    struct cs_thing *t = cs_item(rt->things.next, struct cs_thing, all);
    cs_last_box_of(L, t);
    *(void **)lua_touserdata(L, -1) = NULL;
    lua_pop(L, 1);
    end(t);
  }
}
