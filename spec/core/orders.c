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

void orders_run(void) {
  long n = 0;
  numbers_come_back();
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
