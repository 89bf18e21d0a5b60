/* SPDX-License-Identifier: MIT
 *
 * handle.c - what easies, multis and shares have in common: creation, the gate that every
 * method passes, and the guard against calls from inside callbacks.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"

const char *const cs_kind_names[] = {"easy", "multi", "share"};
static const char classes[][16] = {"curlsock.easy", "curlsock.multi", "curlsock.share"};

static struct cs_handle *make(struct cs_runtime *rt, enum cs_kind kind) {
  struct cs_handle *h = calloc(1, rt->ops[kind]->size);
  if (!h || !(h->pool = cs_pool_new(h))) return free(h), NULL;
  h->kind = kind;
  h->rt = rt;
  h->id = h->pool->id = ++rt->ids;
  h->forks = cs_forks;
  cs_link_init(&h->walk);
  cs_link_init(&h->all);
  cs_link_append(&rt->handles[kind], &h->all);
  rt->ops[kind]->init(h);
  rt->live[kind]++;
  return h;
}

void *cs_handle_new(lua_State *L, enum cs_kind kind) {
  struct cs_runtime *rt = cs_runtime(L);
  struct cs_handle **box = lua_newuserdatauv(L, sizeof *box, rt->ops[kind]->uservalues);
  *box = NULL;
  cs_class_set(L, classes[kind]);
  *box = make(rt, kind);
  if (!*box) luaL_error(L, "not enough memory");
  cs_note_box_late(L, -1);
  return *box;
}

int cs_handle_is(lua_State *L, int index, enum cs_kind kind) {
  return cs_class_test(L, index, classes[kind]) != NULL;
}

void *cs_handle_test(lua_State *L, int index, enum cs_kind kind) {
  return cs_handle_is(L, index, kind) ? cs_unbox(L, index) : NULL;
}

void *cs_handle_check(lua_State *L, int index, enum cs_kind kind) {
  struct cs_handle *h = cs_content(L, cs_class_check(L, index, classes[kind]));
  if (!h || h->phase != CS_OPEN)
    luaL_argerror(L, index, lua_pushfstring(L, "%s is closed", cs_kind_names[kind]));
  if (cs_is_copy(h))
    luaL_argerror(L, index,
                  lua_pushfstring(L,
                                  "%s was made before a fork, by a process of which "
                                  "this one is a child",
                                  cs_kind_names[kind]));
  return h;
}

void cs_reach(struct cs_link *list, struct cs_handle *h) {
  if (!cs_is_reached(h)) cs_link_append(list, &h->walk);
}

static int is_near(const struct cs_handle *h) {
  const struct cs_ops *ops = h->rt->ops[h->kind];
  return cs_is_reached(h) || (ops->is_near && ops->is_near(h));
}

/* libcurl is inside a call on some handle that shares a pool with h. */
__attribute__((cold)) static int is_running(struct cs_handle *h) {
  struct cs_link *list = &h->rt->walk;
  CS_CHECK(cs_link_empty(list));
  cs_reach(list, h);
  for (struct cs_link *l = list->next; l != list; l = l->next) {
    const struct cs_handle *reached = cs_item(l, struct cs_handle, walk);
    h->rt->ops[reached->kind]->neighbours(list, reached);
  }
  int running = 0;
  for (struct cs_frame *f = h->rt->frame; f; f = f->up) running |= is_near(f->handle);
  while (!cs_link_empty(list)) cs_link_drop(list->next);
  return running;
}

int cs_is_inside(struct cs_handle *h) { return h->rt->frame && is_running(h); }

void cs_refuse_inside(lua_State *L, struct cs_handle *h, const char *call) {
  if (cs_is_inside(h))
    luaL_error(L, "%s is not allowed inside a callback of this %s or of its pool", call,
               cs_kind_names[h->kind]);
}

/* The handle at index 1, of the class that is the method's upvalue; NULL or closed
 * maybe. */
static struct cs_handle *check_class(lua_State *L) {
  return cs_content(L, cs_class_check(L, 1, lua_touserdata(L, lua_upvalueindex(1))));
}

/* easy:close(), multi:close(), share:close(): frees the handle; a second call does
 * nothing. Raises what a close callback threw, after all is closed. Refused inside a
 * callback of its pool.
 * -> nothing */
static int handle_close(lua_State *L) {
  struct cs_handle *h = check_class(L);
  if (!h || h->phase != CS_OPEN) return 0;
  cs_refuse_inside(L, h, "close");
  return cs_teardown(L, 1) ? lua_error(L) : 0;
}

/* __close: as close, but inside any callback it waits for the outermost call to end. An
 * error that is under way is not replaced. (Lua 5.5 gives no second argument without
 * one.) */
static int handle__close(lua_State *L) {
  struct cs_handle *h = check_class(L);
  lua_settop(L, 2);
  if (!h || h->phase != CS_OPEN) return 0;
  if (h->rt->frame) return cs_teardown_later(L, 1), 0;
  if (!cs_teardown(L, 1)) return 0;
  if (lua_isnil(L, 2)) return lua_error(L);
  cs_warn(L);
  return 0;
}

static int handle__gc(lua_State *L) {
  struct cs_handle *h = check_class(L);
  if (!h) return 0;
  h->orphan = 1;
  if (h->phase != CS_DEAD && h->rt->frame)
    cs_teardown_later(L, 1);
  else if (cs_teardown(L, 1))
    cs_warn(L);
  return 0;
}

static int handle__tostring(lua_State *L) {
  const struct cs_handle *h = check_class(L);
  const char *class = lua_touserdata(L, lua_upvalueindex(1));
  const char *state = !h || h->phase != CS_OPEN ? " (closed)" : "";
  lua_pushfstring(L, "%s%s: %p", strchr(class, '.') + 1, state, lua_topointer(L, 1));
  return 1;
}

void cs_handle_class(lua_State *L, enum cs_kind kind, const struct cs_ops *ops,
                     const luaL_Reg *methods) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg close[] = {{"close", handle_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", handle__close},
                                  {"__gc", handle__gc},
                                  {"__tostring", handle__tostring},
                                  {NULL, NULL}};
  void *class = (void *)classes[kind];
  cs_runtime(L)->ops[kind] = ops;
  cs_class_new(L, class, none, methods);
  cs_class_hide(L, class);
  lua_pushlightuserdata(L, class);
  luaL_setfuncs(L, meta, 1);
  lua_getfield(L, -1, "__index");
  lua_pushlightuserdata(L, class);
  luaL_setfuncs(L, close, 1);
  lua_pop(L, 2);
}
