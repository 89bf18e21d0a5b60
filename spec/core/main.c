/* SPDX-License-Identifier: MIT
 *
 * main.c - the core without libcurl: main [STEPS [SEED]]. First the orders of ending, then
 * random walks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/personality.h>
#endif

#include "state.h"
#include "test.h"

/* ---- what state.c wants of libcurl ---------------------------------------------------- */

CURLcode curl_global_init(long flags) {
  return flags == CURL_GLOBAL_DEFAULT ? CURLE_OK : CURLE_FAILED_INIT;
}

void curl_global_cleanup(void) {}

curl_version_info_data *curl_version_info(CURLversion age) {
  static curl_version_info_data info;
  info.age = age;
  return &info;
}

/* ---- states ---------------------------------------------------------------------------- */

static const char thrown[] = "thrown by the test";

int test_throw(lua_State *L) {
  model.thrown++;
  lua_pushstring(L, thrown);
  return lua_error(L);
}

int test_is_thrown(const char *message) { return message && !strcmp(message, thrown); }

static void warn(void *unused, const char *message, int goes_on) {
  (void)unused;
  if (goes_on) return;
  if (!test_is_thrown(message)) model_fail("warning: %s", message);
  model.told++;
}

static void free_thing(struct cs_thing *t) { free(t); }

/* As when Lua has no memory to call its finalizer: the end of the state frees it. */
static void leave_thing(lua_State *L) {
  static const char class[] = "test.thing";
  static const luaL_Reg none[] = {{NULL, NULL}};
  struct cs_thing *t = malloc(sizeof *t);
  if (!t) model_fail("no memory");
  cs_thing_class(L, class, none, none);
  lua_rawgetp(L, LUA_REGISTRYINDEX, class);
  lua_pushnil(L);
  lua_setfield(L, -2, "__gc");
  cs_thing_push(L, class);
  cs_thing_box(L, t, free_thing);
  lua_pop(L, 2);
}

static int install(lua_State *L) {
  cs_state_open(L);
  leave_thing(L);
  fake_install(L);
  return 0;
}

lua_State *test_open(void) {
  lua_State *L = luaL_newstate();
  if (!L) model_fail("no memory");
  lua_setwarnf(L, warn, NULL);
  lua_pushcfunction(L, install);
  if (lua_pcall(L, 0, 0, 0)) model_fail("%s", lua_tostring(L, -1));
  return L;
}

/* ---- main ------------------------------------------------------------------------------ */

/* Tables are walked in an order that depends on addresses: the same ones in each run. */
static void fix_addresses(char **argv) {
#ifdef __linux__
  int before = personality(0xffffffff);
  if (before & ADDR_NO_RANDOMIZE ||
      personality((unsigned long)before | ADDR_NO_RANDOMIZE) < 0)
    return;
  execv("/proc/self/exe", argv);
#else
  (void)argv;
#endif
}

static unsigned long seed;

static void on_abort(int number) {
  (void)number;
  fprintf(stderr, "seed %lu, %s\n", seed, model_doing);
}

int main(int argc, char **argv) {
  long steps = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
  seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
  fix_addresses(argv);
  signal(SIGABRT, on_abort);
  orders_run();
  double before = cs_now();
  long made = walk_run(seed, steps);
  printf("%ld steps, seed %lu, %.1f seconds\n", made, seed, cs_now() - before);
  return 0;
}
