/* SPDX-License-Identifier: MIT
 *
 * rare.c - the trampolines of trailerfunction, resolver_start_function and
 * interleavefunction.
 */
#include <string.h>

#include "calling.h"
#include "newer.h"
#include "policy.h"
#include "rare.h"

/* What such a callback answers: whether it goes on. */
static int goes_on(lua_State *L, const struct cs_calling *c) {
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, "nothing, true, or false and a reason");
  return a != CS_NO;
}

/* ---- trailers ---------------------------------------------------------------------- */

static void check_line(lua_State *L, const struct cs_calling *c, lua_Integer i) {
  size_t length;
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "%s: string expected at [%I], got %s", c->name, i,
               luaL_typename(L, -1));
  const char *text = lua_tolstring(L, -1, &length);
  if (strcspn(text, "\r\n") != length)
    luaL_error(L, "%s: string at [%I] contains CR, LF or NUL", c->name, i);
}

/* All are checked before libcurl's list is begun: nothing can raise an error then. */
static void fill_list(lua_State *L, struct cs_calling *c) {
  struct curl_slist **end = c->more;
  size_t count = lua_rawlen(L, ANSWER);
  luaL_checkstack(L, (int)count, "too many trailers");
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, ANSWER, (lua_Integer)i);
    check_line(L, c, (lua_Integer)i);
  }
  for (int i = REASON + 1; i <= lua_gettop(L); i++)
    if (!cs_list_append(&end, lua_tostring(L, i))) c->answer = CURL_TRAILERFUNC_ABORT;
}

/* trailerfunction(easy): a chunked upload has ended: a list of "Name: value" lines to be
 * sent after it; or nothing. False, or nil and a reason, ends the transfer with
 * ABORTED_BY_CALLBACK. A libcurl before 8.7.0 refuses the option: NOT_SUPPORTED.
 * -> lines: string[] | nothing | false, reason */
static int trailer_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  if (lua_istable(L, ANSWER) && cs_is_sequence(L, ANSWER)) return fill_list(L, c), 0;
  enum cs_answer a = cs_calling_answer(L);
  if (a != CS_NO && a != CS_NOTHING)
    return cs_calling_wrong(L, c, "a list of lines, nothing, or false and a reason");
  if (a == CS_NO) c->answer = CURL_TRAILERFUNC_ABORT;
  return 0;
}

int cs_on_trailer(struct curl_slist **list, void *easy) {
  struct cs_calling c = {.easy = easy,
                         .which = CS_TRAILER,
                         .name = "trailerfunction",
                         .more = list,
                         .answer = CURL_TRAILERFUNC_OK};
  *list = NULL;
  if (!cs_calling_run(&c, trailer_body) && c.answer == CURL_TRAILERFUNC_OK)
    return CURL_TRAILERFUNC_OK;
  curl_slist_free_all(*list);
  *list = NULL;
  return CURL_TRAILERFUNC_ABORT;
}

/* ---- before a name is resolved ----------------------------------------------------- */

/* resolver_start_function(easy): a name is about to be resolved (libcurl does not say
 * which; it is one that no cache has; in some releases an address, too). False, or nil
 * and a reason, refuses: COULDNT_RESOLVE_HOST.
 * -> nothing | true | false, reason */
static int resolver_start_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  c->answer = (size_t)goes_on(L, c);
  return 0;
}

/* What libcurl makes of it depends on its version. */
int cs_on_resolver_start(void *resolver, void *reserved, void *easy) {
  struct cs_easy *e = easy;
  struct cs_calling c = {
      .easy = e, .which = CS_RESOLVER_START, .name = "resolver_start_function"};
  (void)resolver;
  (void)reserved;
  int own = (e->set.callbacks & 1u << CS_RESOLVER_START) != 0;
  if (e->under && !cs_judge_hop(e)) return 1;
  if (!own || (!cs_calling_run(&c, resolver_start_body) && c.answer)) return 0;
  e->refused = CURLE_COULDNT_RESOLVE_HOST;
  return 1;
}

/* ---- RTP --------------------------------------------------------------------------- */

/* interleavefunction(data, easy): a packet of RTP that came by RTSP, with its four bytes
 * of header; without this callback they go to writefunction. False, or nil and a reason,
 * ends the transfer with WRITE_ERROR. It cannot pause.
 * -> nothing | true | false, reason */
static int interleave_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  lua_pushlstring(L, c->data, c->size);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  c->answer = (size_t)goes_on(L, c);
  return 0;
}

size_t cs_on_interleave(char *data, size_t one, size_t size, void *easy) {
  struct cs_calling c = {.easy = easy,
                         .which = CS_INTERLEAVE,
                         .name = "interleavefunction",
                         .data = data,
                         .size = one * size};
  if (cs_calling_run(&c, interleave_body) || !c.answer) return CURL_WRITEFUNC_ERROR;
  return one * size;
}
