/* SPDX-License-Identifier: MIT
 *
 * handle.c - what easies, multis and shares have in common: creation, the gate that every
 * method passes, the guard against calls from inside callbacks, and teardown.
 */
#include <stdlib.h>
#include <string.h>

#include "curlsock.h"

static const char *const names[] = {"easy", "multi", "share"};
static const char classes[][16] = {"curlsock.easy", "curlsock.multi", "curlsock.share"};

void *cs_handle_new(lua_State *L, enum cs_kind kind, size_t size, int uservalues) {
  struct cs_runtime *rt = cs_runtime(L);
  struct cs_handle **box = lua_newuserdatauv(L, sizeof *box, uservalues), *h;
  *box = NULL;
  cs_class_set(L, classes[kind]);
  *box = h = calloc(1, size);
  if (!h) luaL_error(L, "not enough memory");
  h->kind = kind;
  h->closed = 1;
  h->rt = rt;
  h->forks = cs_forks;
  cs_link_init(&h->walk);
  cs_link_append(&rt->handles[kind], &h->all);
  cs_remember_late(L, -1);
  return h;
}

void cs_handle_ready(struct cs_handle *h) {
  h->rt->live[h->kind]++;
  h->ready = 1;
  h->closed = 0;
}

void *cs_handle_test(lua_State *L, int index, enum cs_kind kind) {
  return cs_class_test(L, index, classes[kind]) ? cs_unbox(L, index) : NULL;
}

void *cs_handle_check(lua_State *L, int index, enum cs_kind kind) {
  cs_class_check(L, index, classes[kind]);
  struct cs_handle *h = cs_unbox(L, index);
  if (!h || h->closed)
    luaL_argerror(L, index, lua_pushfstring(L, "%s is closed", names[kind]));
  if (cs_is_copy(h))
    luaL_argerror(L, index,
                  lua_pushfstring(L,
                                  "%s was made before a fork, by a process of which "
                                  "this one is a child",
                                  names[kind]));
  return h;
}

static void reach(struct cs_link *list, struct cs_handle *h) {
  if (cs_link_empty(&h->walk)) cs_link_append(list, &h->walk);
}

/* Appends what h is connected with: an easy with its multi and share, and they with it. */
static void reach_neighbours(struct cs_link *list, struct cs_handle *h) {
  if (h->kind == CS_EASY) {
    struct cs_easy *e = (struct cs_easy *)h;
    if (e->multi) reach(list, &e->multi->h);
    if (e->share) reach(list, &e->share->h);
  } else if (h->kind == CS_MULTI) {
    struct cs_multi *m = (struct cs_multi *)h;
    for (struct cs_link *l = m->easies.next; l != &m->easies; l = l->next)
      reach(list, &cs_item(l, struct cs_easy, in_multi)->h);
  } else {
    struct cs_share *s = (struct cs_share *)h;
    for (struct cs_link *l = s->easies.next; l != &s->easies; l = l->next)
      reach(list, &cs_item(l, struct cs_easy, in_share)->h);
  }
}

/* libcurl is inside a call on some handle that shares a pool with h. */
static int is_running(struct cs_handle *h) {
  struct cs_link *list = &h->rt->walk;
  reach(list, h);
  for (struct cs_link *l = list->next; l != list; l = l->next)
    reach_neighbours(list, cs_item(l, struct cs_handle, walk));
  int running = 0;
  for (struct cs_frame *f = h->rt->frame; f; f = f->up)
    running |= !cs_link_empty(&f->handle->walk);
  while (!cs_link_empty(list)) cs_link_drop(list->next);
  return running;
}

void cs_refuse_inside(lua_State *L, struct cs_handle *h, const char *call) {
  if (h->rt->frame && is_running(h))
    luaL_error(L, "%s is not allowed inside a callback of this %s or of its pool", call,
               names[h->kind]);
}

/* The user value is for a callback that was not set. */
static int is_unset(const struct cs_handle *h, int uv) {
  int which = uv - CS_UV_OWN;
  if (h->kind != CS_EASY || which < 0 || which >= CS_NCALLBACKS) return 0;
  return !(((const struct cs_easy *)h)->callbacks & 1u << which);
}

/* Clears what the handle kept alive. A share keeps its anchors: those who touched it have
 * them too, as long as there are any. A deferred handle stays in the list of those. */
static void clear_uservalues(lua_State *L, int index, const struct cs_handle *h) {
  static const int ends[] = {CS_UV_ERROR, CS_MULTI_UVS + 1, CS_UV_OWN};
  if (h->kind == CS_SHARE) cs_pool_end(L, index, h->pool);
  for (int uv = h->kind == CS_SHARE ? CS_UV_OWN : CS_UV_POOLS; uv < ends[h->kind]; uv++) {
    if (uv == CS_UV_DEFER || is_unset(h, uv)) continue;
    lua_pushnil(L);
    lua_setiuservalue(L, index, uv);
  }
}

static void free_handle(struct cs_frame *f, struct cs_handle *h) {
  cs_settle_pool(f, h->pool);
  clear_uservalues(f->L, f->self, h);
  cs_pool_unref(h->pool);
  h->pool = NULL;
  if (h->ready) h->rt->live[h->kind]--;
}

/* Whether libcurl let the handle go. */
static int free_curl(struct cs_frame *f, struct cs_handle *h) {
  if (cs_is_copy(h)) return cs_abandon(h), 1;
  if (h->kind == CS_EASY) return cs_easy_free(f, (struct cs_easy *)h);
  if (h->kind == CS_MULTI) return cs_multi_free(f, (struct cs_multi *)h);
  return cs_share_free((struct cs_share *)h);
}

/* To close a connection may mean to say so. */
static int may_write(const struct cs_handle *h) {
  if (h->kind != CS_EASY || !cs_link_empty(&h->pool->sockets)) return 1;
  return ((const struct cs_easy *)h)->multi || ((const struct cs_easy *)h)->share;
}

static int end(lua_State *L, int index, struct cs_handle *h) {
  struct cs_frame f;
  cs_enter(&f, L, h, index);
  if (may_write(h)) cs_quiet(&f);
  f.ending = 1;
  if (free_curl(&f, h)) free_handle(&f, h);
  cs_leave(&f);
  if (!f.failed) lua_pop(L, 1);
  return f.failed;
}

static void release(struct cs_handle *h) {
  cs_link_drop(&h->all);
  free(h);
}

int cs_teardown_of(lua_State *L, int index, struct cs_handle *h) {
  index = lua_absindex(L, index);
  h->closed = 1;
  int failed = h->pool ? end(L, index, h) : 0;
  if (h->orphan && !h->pool && !h->deferred) release(h);
  return failed;
}

/* An orphan that goes on to wait (a share that easies use) is reached by C links alone. */
int cs_teardown(lua_State *L, int index) {
  struct cs_handle *h = cs_unbox(L, index), **box = lua_touserdata(L, index);
  int orphan = h->orphan, failed = cs_teardown_of(L, index, h);
  if (orphan) *box = NULL;
  return failed;
}

/* The handle at index 1, of the class that is the method's upvalue; NULL or closed maybe. */
static struct cs_handle *check_class(lua_State *L) {
  cs_class_check(L, 1, lua_touserdata(L, lua_upvalueindex(1)));
  return cs_unbox(L, 1);
}

/* handle:close(): frees the handle; a second call does nothing. Raises what a close
 * callback threw, after all is closed. Refused inside a callback of its pool. */
static int handle_close(lua_State *L) {
  struct cs_handle *h = check_class(L);
  if (!h || h->closed) return 0;
  cs_refuse_inside(L, h, "close");
  return cs_teardown(L, 1) ? lua_error(L) : 0;
}

/* __close: as close, but inside any callback it waits for the outermost call to end. An
 * error that is under way is not replaced. (Lua 5.5 gives no second argument without one.) */
static int handle__close(lua_State *L) {
  struct cs_handle *h = check_class(L);
  lua_settop(L, 2);
  if (!h || h->closed) return 0;
  if (h->rt->frame) return cs_defer(L, 1), 0;
  if (!cs_teardown(L, 1)) return 0;
  if (lua_isnil(L, 2)) return lua_error(L);
  cs_warn(L);
  return 0;
}

static int handle__gc(lua_State *L) {
  struct cs_handle *h = check_class(L);
  if (!h) return 0;
  h->orphan = 1;
  if (h->pool && h->rt->frame)
    cs_defer(L, 1);
  else if (cs_teardown(L, 1))
    cs_warn(L);
  return 0;
}

static int handle__tostring(lua_State *L) {
  const struct cs_handle *h = check_class(L);
  const char *class = lua_touserdata(L, lua_upvalueindex(1));
  const char *state = !h || h->closed ? " (closed)" : "";
  lua_pushfstring(L, "%s%s: %p", strchr(class, '.') + 1, state, lua_topointer(L, 1));
  return 1;
}

void cs_handle_class(lua_State *L, enum cs_kind kind, const luaL_Reg *methods) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg close[] = {{"close", handle_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", handle__close},
                                  {"__gc", handle__gc},
                                  {"__tostring", handle__tostring},
                                  {NULL, NULL}};
  void *class = (void *)classes[kind];
  cs_class_new(L, class, none, methods);
  cs_class_hide(L, class);
  lua_pushlightuserdata(L, class);
  luaL_setfuncs(L, meta, 1);
  lua_getfield(L, -1, "__index");
  lua_pushlightuserdata(L, class);
  luaL_setfuncs(L, close, 1);
  lua_pop(L, 2);
}
