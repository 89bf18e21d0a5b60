/* SPDX-License-Identifier: MIT
 *
 * walk.c - random steps of a script and of the library below it, inside each other: callbacks
 * and finalizers make steps, too. All objects are in one Lua table, by place.
 */
#include <string.h>
#include <unistd.h>

#include "test.h"

enum { EASIES = 1, MULTIS = 13, SHARES = 17, SOCKETS = 21, PLACES = 33, DEPTH = 4 };

static uint64_t state;
static int depth, callbacks;
static long steps;
static const char places;

static unsigned below(unsigned n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned)(state >> 33) % n;
}

static int one_in(unsigned n) { return !below(n); }

/* ---- places --------------------------------------------------------------------------- */

static void get(lua_State *L, int place) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &places);
  lua_rawgeti(L, -1, place);
  lua_replace(L, -2);
}

/* [-1, +0] */
static void set(lua_State *L, int place) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &places);
  lua_insert(L, -2);
  lua_rawseti(L, -2, place);
  lua_pop(L, 1);
}

static int easy_place(void) { return EASIES + (int)below(MULTIS - EASIES); }
static int multi_place(void) { return MULTIS + (int)below(SHARES - MULTIS); }
static int share_place(void) { return SHARES + (int)below(SOCKETS - SHARES); }
static int socket_place(void) { return SOCKETS + (int)below(PLACES - SOCKETS); }
static int handle_place(void) { return EASIES + (int)below(SOCKETS - EASIES); }

/* Calls the function with what is at those places; with nothing there it is no step. */
static void call(lua_State *L, lua_CFunction f, int first, int second) {
  lua_pushcfunction(L, f);
  get(L, first);
  if (second) get(L, second);
  if (!lua_isnil(L, 2) && (!second || !lua_isnil(L, 3))) lua_call(L, second ? 2 : 1, 0);
}

static void method(lua_State *L, int place, const char *name) {
  get(L, place);
  if (lua_isnil(L, -1) || (place < SOCKETS && !cs_unbox(L, -1))) return;
  lua_getfield(L, -1, name);
  lua_pushvalue(L, -2);
  lua_call(L, 1, 1);
}

/* ---- what a script does ----------------------------------------------------------------- */

static void step_new(lua_State *L) {
  int place = handle_place();
  lua_pushcfunction(L, place < MULTIS   ? fake_easy
                       : place < SHARES ? fake_multi
                                        : fake_share);
  lua_call(L, 0, 1);
  set(L, place);
  if (place < MULTIS && one_in(2)) {
    lua_pushcfunction(L, fake_callback);
    get(L, place);
    lua_pushinteger(L, ++callbacks);
    lua_call(L, 2, 0);
  }
}

static void step_drop(lua_State *L) {
  lua_pushnil(L);
  set(L, 1 + (int)below(PLACES - 1));
}

static void step_close(lua_State *L) { method(L, handle_place(), "close"); }

/* local x <close> = the handle or Socket */
static void step_scope(lua_State *L) {
  get(L, 1 + (int)below(PLACES - 1));
  lua_toclose(L, -1);
  lua_settop(L, 0);
}

static void step_collect(lua_State *L) {
  if (one_in(4))
    lua_gc(L, LUA_GCCOLLECT);
  else
    lua_gc(L, LUA_GCSTEP, 1);
}

static void step_add(lua_State *L) { call(L, fake_add, multi_place(), easy_place()); }

static void step_remove(lua_State *L) {
  call(L, fake_remove, multi_place(), easy_place());
}

static void step_use(lua_State *L) { call(L, fake_use, easy_place(), share_place()); }

static void step_leave(lua_State *L) {
  lua_pushcfunction(L, fake_use);
  get(L, easy_place());
  lua_pushnil(L);
  if (!lua_isnil(L, 2)) lua_call(L, 2, 0);
}

static void step_callback(lua_State *L) {
  lua_pushcfunction(L, fake_callback);
  get(L, easy_place());
  lua_pushinteger(L, one_in(4) ? 0 : ++callbacks);
  if (!lua_isnil(L, 2)) lua_call(L, 2, 0);
}

static void step_perform(lua_State *L) {
  if (one_in(3))
    call(L, fake_perform_all, multi_place(), 0);
  else
    call(L, fake_perform, easy_place(), 0);
}

static void keep_socket(lua_State *L) {
  const struct cs_socket *s = cs_socket_test(L, -1);
  fake_set_socket_id(L, -1, model_opened(s->fd, SCRIPT));
  set(L, socket_place());
}

static void step_pair(lua_State *L) {
  lua_pushcfunction(L, cs_socket_pair);
  lua_call(L, 0, 2);
  keep_socket(L);
  keep_socket(L);
}

static void step_socket_close(lua_State *L) { method(L, socket_place(), "close"); }

static void detach(lua_State *L) {
  if (model_owner_of(fake_socket_id(L, -1)) == NOBODY) return;
  int id = fake_socket_id(L, -1);
  lua_getfield(L, -1, "detach");
  lua_pushvalue(L, -2);
  lua_call(L, 1, 0);
  model_give(id, NUMBER);
}

static void step_detach(lua_State *L) {
  get(L, socket_place());
  if (!lua_isnil(L, -1)) detach(L);
}

static void step_adopt(lua_State *L) {
  int fd = model_find(NUMBER, (int)below(64));
  if (fd < 0) return;
  lua_pushcfunction(L, cs_socket_adopt);
  lua_pushinteger(L, fd);
  lua_call(L, 1, 1);
  fake_set_socket_id(L, -1, model_again(fd, SCRIPT));
  set(L, socket_place());
}

/* ---- what others do to it ----------------------------------------------------------------- */

static void step_steal(lua_State *L) {
  (void)L;
  int fd = model_find((enum model_owner)(SCRIPT + below(4)), (int)below(64));
  if (fd >= 0) model_close(fd);
}

static void step_stranger(lua_State *L) {
  (void)L;
  model_opened(cs_fd_open(AF_UNIX, SOCK_DGRAM, 0), STRANGER);
  int fd = model_find(STRANGER, (int)below(64));
  if (one_in(2)) model_close(fd);
}

/* The library closes where no frame is. */
static void step_outside(lua_State *L) {
  get(L, handle_place());
  struct fake *k = cs_unbox(L, -1);
  if (!k || k->h.rt->frame || cs_link_empty(&k->connections)) return;
  struct connection *c = cs_item(k->connections.next, struct connection, link);
  int now = model_id(c->fd);
  if (now == c->id || (now && model_owner_of(now) == SCRIPT))
    fake_disconnect(k->h.rt, c, 1);
}

static void make_step(lua_State *L);

static int step_in_finalizer(lua_State *L) {
  make_step(L);
  return 0;
}

static void step_garbage(lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushcfunction(L, step_in_finalizer);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
}

/* ---- one step ------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  void (*make)(lua_State *L);
  unsigned weight;
} kinds[] = {{"new", step_new, 10},
             {"drop", step_drop, 8},
             {"close", step_close, 4},
             {"scope", step_scope, 3},
             {"collect", step_collect, 5},
             {"add", step_add, 10},
             {"remove", step_remove, 4},
             {"use", step_use, 8},
             {"leave", step_leave, 3},
             {"callback", step_callback, 3},
             {"perform", step_perform, 30},
             {"pair", step_pair, 4},
             {"socket", step_socket_close, 3},
             {"detach", step_detach, 2},
             {"adopt", step_adopt, 2},
             {"steal", step_steal, 2},
             {"stranger", step_stranger, 2},
             {"outside", step_outside, 1},
             {"garbage", step_garbage, 2}};

enum { NKINDS = sizeof kinds / sizeof *kinds };

static int pick(void) {
  unsigned sum = 0;
  for (int i = 0; i < NKINDS; i++) sum += kinds[i].weight;
  unsigned at = below(sum);
  int kind = 0;
  for (; at >= kinds[kind].weight; kind++) at -= kinds[kind].weight;
  return kind;
}

static int step_body(lua_State *L) {
  int kind = pick();
  const char *before = model_doing;
  model_doing = kinds[kind].name;
  luaL_checkstack(L, 20, NULL);
  kinds[kind].make(L);
  model_doing = before;
  return 0;
}

/* What a step may be refused for. */
static void check_refusal(const char *message) {
  static const char *const expected[] = {"is closed",
                                         "not allowed inside",
                                         "in a multi already",
                                         "not in this",
                                         "is lent",
                                         "is being closed",
                                         "being closed",
                                         "is detached",
                                         "closed by something",
                                         "belongs to another",
                                         "is not an open socket"};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    if (strstr(message, expected[i])) return;
  model_fail("unexpected: %s", message);
}

static void make_step(lua_State *L) {
  if (depth >= DEPTH) return;
  const char *before = model_doing;
  lua_State *runs = one_in(8) ? lua_newthread(L) : L;
  depth++;
  steps++;
  lua_pushcfunction(runs, step_body);
  if (lua_pcall(runs, 0, 0, 0)) {
    const char *message = lua_tostring(runs, -1);
    if (test_is_thrown(message))
      model.told++;
    else
      check_refusal(message ? message : "(no message)");
    lua_pop(runs, 1);
  }
  if (runs != L) lua_pop(L, 1);
  depth--;
  model_doing = before;
}

/* ---- what the library does ------------------------------------------------------------------ */

static int tells(void) { return !one_in(5); }

static struct connection *some(struct cs_link *list) {
  if (cs_link_empty(list)) return NULL;
  return cs_item(one_in(2) ? list->next : list->prev, struct connection, link);
}

static void end_one(struct cs_frame *f, struct cs_link *list, int tell) {
  struct connection *c = some(list);
  if (c) fake_disconnect(f->handle->rt, c, tell);
}

static void move_one(struct fake *e) {
  struct connection *c = some(&fake_pool(e)->connections);
  if (c && e->share && e->multi) fake_move(c, e->multi);
}

static int nested(lua_State *L) {
  make_step(L);
  return one_in(8) ? test_throw(L) : 0;
}

static void library_step(struct cs_frame *f, struct fake *e) {
  unsigned what = below(10);
  if (what < 4)
    fake_connect(f, e);
  else if (what < 6)
    end_one(f, &fake_pool(e)->connections, tells());
  else if (what == 6 && f->handle->kind == CS_MULTI)
    end_one(f, &((struct fake *)f->handle)->leaving, 1);
  else if (what == 7)
    move_one(e);
  else if (cs_call(f, nested, NULL))
    cs_frame_error(f);
}

static void transfer(struct cs_frame *f, struct fake *e) {
  for (unsigned n = below(5); n; n--) library_step(f, e);
}

static void offer(lua_State *L) {
  if (one_in(3)) make_step(L);
  if (one_in(20)) test_throw(L);
  if (one_in(3))
    get(L, socket_place());
  else
    lua_pushnil(L);
}

/* The Socket at index 1. */
static int closing(lua_State *L) {
  unsigned what = below(10);
  lua_settop(L, 1);
  if (what < 4) make_step(L);
  lua_settop(L, 1);
  if (what == 5 || what == 6) detach(L);
  if (what == 7) lua_pushvalue(L, 1), set(L, socket_place());
  if (what == 2 || what == 8) return test_throw(L);
  lua_settop(L, 1);
  lua_pushboolean(L, 0);
  return 1;
}

/* ---- a walk ---------------------------------------------------------------------------------- */

static lua_State *begin(void) {
  model_begin();
  lua_State *L = test_open();
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &places);
  return L;
}

static int close_all(lua_State *L) {
  for (int place = 1; place < PLACES; place++) {
    lua_pushnil(L);
    set(L, place);
  }
  for (int i = 0; i < 4; i++) lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

/* All is dropped and collected: nothing is left in the state that goes on. */
static void end_in_state(lua_State *L) {
  struct cs_runtime *rt = cs_runtime(L);
  depth = DEPTH; /* finalizers make no more */
  lua_pushcfunction(L, close_all);
  lua_call(L, 0, 0);
  depth = 0;
  if (rt->live[CS_EASY] + rt->live[CS_MULTI] + rt->live[CS_SHARE])
    model_fail("not all handles were collected");
  if (!cs_link_empty(&rt->sockets)) model_fail("a socket is left when all are dropped");
}

static void walk_state(long upto) {
  lua_State *L = begin();
  struct cs_runtime *rt = cs_runtime(L);
  while (steps < upto) {
    make_step(L);
    if (rt->frame || rt->waiting) model_fail("a frame is left over");
    if (one_in(8)) model_compare(rt);
  }
  if (one_in(2)) end_in_state(L);
  lua_close(L);
  model_end();
}

long walk_run(unsigned long seed, long limit) {
  fake_plan = (struct fake_plan){transfer, offer, closing, tells};
  state = seed * 0x9E3779B97F4A7C15u | 1;
  steps = depth = 0;
  while (steps < limit) walk_state(steps + 200 + (long)below(3000));
  return steps;
}
