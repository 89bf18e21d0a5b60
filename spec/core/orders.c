/* SPDX-License-Identifier: MIT
 *
 * orders.c - an easy, a multi and a share that hold each other's connections end in every order
 * and in every way; and what a walk is unlikely to meet.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static int untold, throws, takes; /* what the library and the callbacks do */

static void push_handle(lua_State *L, const char *name, lua_CFunction new, int callback) {
  lua_pushcfunction(L, new);
  lua_call(L, 0, 1);
  if (callback) {
    lua_pushcfunction(L, fake_callback);
    lua_pushvalue(L, -2);
    lua_pushinteger(L, callback);
    lua_call(L, 2, 0);
  }
  lua_setglobal(L, name);
}

/* Calls f(first, second), of globals. */
static void call(lua_State *L, lua_CFunction f, const char *first, const char *second) {
  lua_pushcfunction(L, f);
  lua_getglobal(L, first);
  if (second) lua_getglobal(L, second);
  lua_call(L, second ? 2 : 1, 0);
}

/* ---- what happens in a transfer ----------------------------------------------------------- */

static void connect_twice(struct cs_frame *f, struct fake *e) {
  fake_connect(f, e);
  fake_connect(f, e);
  struct cs_link *cache = &fake_pool(e)->connections;
  if (e->share && e->multi)
    fake_move(cs_item(cache->next, struct connection, link), e->multi);
}

static void offer(lua_State *L) { lua_pushnil(L); }

/* The Socket at index 1: some are taken, and some callbacks throw. */
static int closing(lua_State *L) {
  int id = fake_socket_id(L, 1);
  if (takes && id % 2 && model_owner_of(id) == LIBRARY) {
    lua_getfield(L, 1, "detach");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
    model_give(id, NUMBER);
  }
  return throws ? test_throw(L) : 0;
}

static int tells(void) { return !untold; }

/* The easy is in the multi and uses the share, and all have connections; so has other, which
 * is in the multi, and alone. */
static int populate(lua_State *L) {
  fake_plan = (struct fake_plan){connect_twice, offer, closing, tells};
  push_handle(L, "easy", fake_easy, 1);
  push_handle(L, "other", fake_easy, 2);
  push_handle(L, "alone", fake_easy, 3);
  push_handle(L, "multi", fake_multi, 0);
  push_handle(L, "share", fake_share, 0);
  call(L, fake_perform, "easy", NULL);
  call(L, fake_perform, "alone", NULL);
  call(L, fake_use, "easy", "share");
  call(L, fake_perform, "easy", NULL);
  call(L, fake_add, "multi", "easy");
  call(L, fake_add, "multi", "other");
  call(L, fake_perform_all, "multi", NULL);
  return 0;
}

/* Runs the function with the value; what it raises must be thrown by the test. */
static void run(lua_State *L, lua_CFunction f, const char *name) {
  lua_pushcfunction(L, f);
  lua_pushstring(L, name);
  if (!lua_pcall(L, 1, 0, 0)) return;
  if (!test_is_thrown(lua_tostring(L, -1))) model_fail("%s", lua_tostring(L, -1));
  model.told++;
  lua_pop(L, 1);
}

/* ---- ways to end a handle, which is the global that argument 1 names ------------------------ */

static int by_close(lua_State *L) {
  lua_getglobal(L, lua_tostring(L, 1));
  lua_getfield(L, -1, "close");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
  return 0;
}

static int by_scope(lua_State *L) {
  lua_getglobal(L, lua_tostring(L, 1));
  lua_toclose(L, -1);
  return 0;
}

static int by_collector(lua_State *L) {
  lua_pushnil(L);
  lua_setglobal(L, lua_tostring(L, 1));
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

static const char *named;
static lua_CFunction inner;

static int named_body(lua_State *L) {
  lua_settop(L, 0);
  run(L, inner, named);
  return 0;
}

static void within(struct cs_frame *f, struct fake *e) {
  (void)e;
  if (cs_call(f, named_body, NULL)) cs_frame_error(f);
}

/* The same inside a frame of a handle that has nothing to do with it. */
static int inside(lua_State *L, lua_CFunction way) {
  named = lua_tostring(L, 1);
  inner = way;
  fake_plan.step = within;
  push_handle(L, "host", fake_easy, 0);
  call(L, fake_perform, "host", NULL);
  return 0;
}

static int by_collector_inside(lua_State *L) { return inside(L, by_collector); }

static int by_scope_inside(lua_State *L) { return inside(L, by_scope); }

static const lua_CFunction ways[] = {by_close, by_scope, by_collector,
                                     by_collector_inside, by_scope_inside};

enum { WAYS = sizeof ways / sizeof *ways };

/* ---- all orders ------------------------------------------------------------------------------ */

static const char *const orders[][3] = {
    {"easy", "multi", "share"}, {"easy", "share", "multi"}, {"multi", "easy", "share"},
    {"multi", "share", "easy"}, {"share", "easy", "multi"}, {"share", "multi", "easy"}};

enum { ORDERS = sizeof orders / sizeof *orders };

/* The first of the order end, each in its way; then the state. */
static void end_in_order(const char *const order[3], int way, int first) {
  model_begin();
  lua_State *L = test_open();
  run(L, populate, NULL);
  for (int i = 0; i < first; i++, way /= WAYS) run(L, ways[way % WAYS], order[i]);
  model_compare(cs_runtime(L));
  lua_close(L);
  model_end();
}

static int power(int base, int n) { return n ? base * power(base, n - 1) : 1; }

static long all_orders(void) {
  long n = 0;
  for (int order = 0; order < ORDERS; order++)
    for (int first = 0; first <= 3; first++)
      for (int way = 0; way < power(WAYS, first); way++, n++)
        end_in_order(orders[order], way, first);
  return n;
}

/* ---- forks ------------------------------------------------------------------------------------- */

static void wait_for(pid_t child) {
  int status = -1;
  if (waitpid(child, &status, 0) != child || status)
    model_fail("the child ended with %d", status);
}

/* Ends the copies: no callback runs, and only the child's descriptors are closed. */
static void end_copies(lua_State *L) {
  long events = model.events;
  model_forked();
  lua_close(L);
  model_end();
  if (model.events != events) model_fail("a child has had events");
  _exit(0);
}

static void forks(void) {
  model_begin();
  lua_State *L = test_open();
  run(L, populate, NULL);
  run(L, by_close, "share");
  fflush(stdout);
  pid_t child = fork();
  if (!child) end_copies(L);
  wait_for(child);
  model_compare(cs_runtime(L));
  lua_close(L);
  model_end();
}

/* os.exit(0, true) inside a callback: the state closes while the library is below. */
static int exit_body(lua_State *L) {
  pid_t child = fork();
  if (!child) {
    lua_close(L);
    _exit(0);
  }
  wait_for(child);
  return 0;
}

static void exit_within(struct cs_frame *f, struct fake *e) {
  fake_connect(f, e);
  if (cs_call(f, exit_body, NULL)) model_fail("exit");
}

static int exit_inside(lua_State *L) {
  fake_plan.step = exit_within;
  call(L, fake_perform, "alone", NULL);
  return 0;
}

static void exits(void) {
  model_begin();
  lua_State *L = test_open();
  run(L, populate, NULL);
  run(L, exit_inside, NULL);
  lua_close(L);
  model_end();
}

/* ---- a number that comes back while a pool ends ------------------------------------------------ */

static int opens_again(lua_State *L) {
  lua_pushcfunction(L, cs_socket_pair);
  lua_call(L, 0, 2);
  for (int i = 1; i <= 2; i++)
    fake_set_socket_id(L, -i, model_opened(cs_socket_test(L, -i)->fd, SCRIPT));
  return 0;
}

/* The library closes all without telling; the first callback gets the number of the second. */
static void numbers_come_back(void) {
  model_begin();
  lua_State *L = test_open();
  run(L, populate, NULL);
  untold = 1;
  fake_plan.closing = opens_again;
  run(L, by_close, "alone");
  untold = 0;
  lua_close(L);
  model_end();
}

/* Closes it behind all backs, and has its number handed out again, to the script. */
static void lose(lua_State *L, const struct connection *c) {
  model_close(c->fd);
  while (!model_id(c->fd)) opens_again(L);
}

static int lose_moved(lua_State *L) {
  lua_getglobal(L, "multi");
  struct fake *m = cs_unbox(L, -1);
  lose(L, cs_item(m->leaving.next, struct connection, link));
  return 0;
}

/* The library closes, outside any frame, a number that is the script's by now. */
static int close_lost(lua_State *L) {
  lua_getglobal(L, "alone");
  struct fake *e = cs_unbox(L, -1);
  struct connection *c = cs_item(e->connections.next, struct connection, link);
  lose(L, c);
  fake_disconnect(e->h.rt, c, 1);
  return 0;
}

/* A connection that left a share, which is gone, is lost: the multi ends it. */
static void lost_at_the_end(void) {
  model_begin();
  lua_State *L = test_open();
  run(L, populate, NULL);
  run(L, by_close, "easy");
  run(L, by_close, "share");
  run(L, lose_moved, NULL);
  run(L, close_lost, NULL);
  lua_close(L);
  model_end();
}

/* ---- anchors that were lost --------------------------------------------------------------------- */

static int performs_alone(lua_State *L) {
  call(L, fake_perform, "alone", NULL);
  return 0;
}

/* Garbage whose finalizer performs, and a collector that runs with the next table. */
static void push_garbage(lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushcfunction(L, performs_alone);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

/* A whole cycle at each step, from now on. */
static void step_far(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
#ifdef LUA_GCPARAM /* Lua 5.5 */
  lua_gc(L, LUA_GCINC);
  lua_gc(L, LUA_GCPARAM, LUA_GCPSTEPMUL, 0);
#else
  lua_gc(L, LUA_GCINC, 0, 0, 30);
#endif
}

static int use_with_garbage(lua_State *L) {
  push_handle(L, "alone", fake_easy, 1);
  push_handle(L, "share", fake_share, 0);
  step_far(L);
  lua_gc(L, LUA_GCSTOP);
  push_garbage(L);
  lua_pushcfunction(L, fake_use);
  lua_getglobal(L, "alone");
  lua_getglobal(L, "share");
  lua_gc(L, LUA_GCRESTART);
  lua_call(L, 2, 0);
  if (!model.lent) model_fail("the finalizer did not run in time");
  return 0;
}

/* A finalizer opens while the easy gets its table of pools for the share. */
static void finalizer_in_touch(void) {
  model_begin();
  lua_State *L = test_open();
  fake_plan = (struct fake_plan){connect_twice, offer, closing, tells};
  run(L, use_with_garbage, NULL);
  run(L, by_close, "alone");
  lua_close(L);
  model_end();
}

/* A multi whose pool has the address, if there is one among a few. */
static void push_multi_at(lua_State *L, const struct cs_pool *address) {
  for (int i = 0; i < 20; i++) {
    char name[] = "multi?";
    name[5] = (char)('a' + i);
    push_handle(L, name, fake_multi, 0);
    lua_getglobal(L, name);
    if (((struct fake *)cs_unbox(L, -1))->h.pool == address || i == 19) break;
    lua_pop(L, 1);
  }
  lua_setglobal(L, "multi");
}

static int add_with_stale(lua_State *L) {
  push_handle(L, "easy", fake_easy, 1);
  push_handle(L, "other", fake_easy, 2);
  push_handle(L, "share", fake_share, 0);
  call(L, fake_use, "easy", "share");
  lua_getglobal(L, "share");
  const struct cs_pool *address = ((struct fake *)cs_unbox(L, -1))->h.pool;
  lua_pushcfunction(L, fake_use);
  lua_getglobal(L, "easy");
  lua_pushnil(L);
  lua_call(L, 2, 0);
  lua_getfield(L, -1, "close");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
  push_multi_at(L, address);
  call(L, fake_add, "multi", "other");
  call(L, fake_perform_all, "multi", NULL);
  call(L, fake_add, "multi", "easy");
  return 0;
}

/* The easy remembers the pool of a share that is gone; the multi's has the same address. */
static void stale_address(void) {
  model_begin();
  lua_State *L = test_open();
  fake_plan = (struct fake_plan){connect_twice, offer, closing, tells};
  run(L, add_with_stale, NULL);
  run(L, by_close, "multi");
  lua_close(L);
  model_end();
}

void orders_run(void) {
  long n = 0;
  numbers_come_back();
  lost_at_the_end();
  finalizer_in_touch();
  stale_address();
  for (int what = 0; what < 4; what++) {
    untold = what == 1;
    throws = what == 2;
    takes = what == 3;
    n += all_orders();
    forks();
  }
  untold = throws = takes = 0;
  exits();
  printf("%ld orders\n", n);
}
