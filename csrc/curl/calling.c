/* SPDX-License-Identifier: MIT
 *
 * calling.c - how a trampoline calls a callback of an easy.
 */
#include "calling.h"

/* What is closed with the easy is told although its last transfer failed. */
static int is_over(const struct cs_calling *c) {
  return c->which != CS_HSTSWRITE && (c->easy->failed || c->easy->refused);
}

int cs_calling_run(struct cs_calling *c, lua_CFunction body) {
  struct cs_frame *f = c->easy->h.rt->frame;
  if (!f || is_over(c)) return -1;
  if (!cs_call(f, body, c)) return 0;
  cs_easy_error(f, c->easy);
  return -1;
}

static void push_callback(lua_State *L, enum cs_callback which) {
  if (which < CS_NCALLBACKS)
    lua_getiuservalue(L, EASY, CS_UV_OWN + (int)which);
  else
    cs_rare_push(L, EASY, which);
}

struct cs_calling *cs_calling_begin(lua_State *L) {
  struct cs_calling *c = lua_touserdata(L, 2);
  cs_push_easy(L, 1, c->easy->h.rt->frame, c->easy);
  push_callback(L, c->which);
  lua_pushvalue(L, CALLBACK);
  return c;
}

void cs_calling_ask(lua_State *L) { lua_call(L, lua_gettop(L) - ANSWER, 2); }

enum cs_answer cs_calling_answer(lua_State *L) {
  enum cs_answer a = cs_answer_at(L, ANSWER);
  if (a == CS_NO) cs_keep_reason(L, EASY, REASON);
  return a;
}

int cs_calling_wrong(lua_State *L, const struct cs_calling *c, const char *expected) {
  return cs_wrong_answer(L, c->name, expected, ANSWER);
}
