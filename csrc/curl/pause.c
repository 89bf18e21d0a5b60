/* SPDX-License-Identifier: MIT
 *
 * pause.c - a transfer that waits until the script lets it go on.
 */
#include "binding.h"

/* libcurl calls writefunction inside when it lets a transfer go on. If that fails it says
 * so here and nowhere else: the transfer would go on without what it has dropped. */
static void end_transfer(struct cs_easy *e, CURLcode code) {
  if (!e->failed) {
    e->refused = code;
    cs_easy_abort(e);
  }
  e->paused = 0;
  curl_easy_pause(e->curl, CURLPAUSE_ALL);
  curl_easy_pause(e->curl, CURLPAUSE_CONT); /* it is driven at once */
}

/* Pauses what bits say, and nothing else. */
static CURLcode set_paused(struct cs_easy *e, int bits) {
  int before = e->paused, ends = e->failed || e->refused;
  e->paused = bits;
  CURLcode code = curl_easy_pause(e->curl, bits);
  if (code == CURLE_BAD_FUNCTION_ARGUMENT) {
    e->paused = before;
    return code;
  }
  if (!ends && (code || e->failed)) end_transfer(e, code);
  return CURLE_OK;
}

/* The easy, and what the option at index 2 says: with a name for what is in the way. */
static struct cs_easy *check(lua_State *L, const char *call, int *what) {
  static const char *const names[] = {"all", "recv", "send", NULL};
  static const int bits[] = {CURLPAUSE_ALL, CURLPAUSE_RECV, CURLPAUSE_SEND};
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  *what = bits[lua_isnoneornil(L, 2)
                   ? 0
                   : cs_choice_arg(L, 2, names, "\"all\", \"recv\" or \"send\"")];
  if (e->multi && e->multi->telling)
    luaL_error(L, "%s is not allowed inside socketfunction or timerfunction", call);
  lua_settop(L, 1);
  return e;
}

static int run(lua_State *L, struct cs_easy *e, int bits) {
  struct cs_frame f;
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  CURLcode code = set_paused(e, bits);
  cs_leave(&f);
  cs_rethrow(&f);
  if (code) {
    lua_pushnil(L);
    lua_pushliteral(L, "no transfer runs, or it has no connection yet");
    lua_pushstring(L, cs_easy_name(code));
    return 3;
  }
  lua_settop(L, 1);
  return 1;
}

/* easy:pause([what]): nothing is received ("recv"), sent ("send") or either ("all", the
 * default), until unpause; time limits count on, low_speed_time does not. Also inside
 * callbacks, but of socketfunction and timerfunction. Returns the easy; or nil, message,
 * "BAD_FUNCTION_ARGUMENT" when no transfer runs, or it has no connection yet.
 * -> Easy | nil, message, name */
int cs_easy_pause(lua_State *L) {
  int what;
  struct cs_easy *e = check(L, "easy:pause", &what);
  return run(L, e, e->paused | what);
}

/* easy:unpause([what]): what was paused, by easy:pause or by a callback that returned
 * curl.PAUSE, goes on, by default all. What has come meanwhile may be handed to
 * writefunction before this returns: where that refuses or throws, the transfer ends with
 * it, and unpause returns. Otherwise as easy:pause.
 * -> Easy | nil, message, name */
int cs_easy_unpause(lua_State *L) {
  int what;
  struct cs_easy *e = check(L, "easy:unpause", &what);
  return run(L, e, e->paused & ~what);
}
