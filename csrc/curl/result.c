/* SPDX-License-Identifier: MIT
 *
 * result.c - how a transfer ends, and what is said of it.
 */
#include "policy.h"
#include "trace.h"

static const char *name_of(const struct cs_easy *e, CURLcode code) {
  if (e->unsupported) return cs_easy_name(CURLE_NOT_BUILT_IN);
  return cs_judge_has_refused(e, code) ? "REFUSED" : cs_easy_name(code);
}

static const char *result_of(const struct cs_easy *e, CURLcode code) {
  if (e->failed) return "CALLBACK";
  if (e->refused) code = e->refused;
  return code == CURLE_OK ? "OK" : name_of(e, code);
}

/* libcurl's message, and after it why a callback refused. */
static void push_message(lua_State *L, const struct cs_easy *e, int self, CURLcode code) {
  const char *text = e->errbuf[0] ? e->errbuf : curl_easy_strerror(code);
  if (lua_getiuservalue(L, self, CS_UV_REASON) == LUA_TSTRING)
    lua_pushfstring(L, "%s: %s", text, lua_tostring(L, -1));
  else
    lua_pushstring(L, text);
  lua_replace(L, -2);
}

int cs_easy_result(lua_State *L, struct cs_easy *e, int self, CURLcode code) {
  self = lua_absindex(L, self);
  if (!e->failed && code == CURLE_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  if (e->failed) {
    lua_getiuservalue(L, self, CS_UV_ERROR);
    lua_pushliteral(L, "CALLBACK");
    return 3;
  }
  push_message(L, e, self, code);
  lua_pushstring(L, name_of(e, code));
  return 3;
}

void cs_easy_ended(struct cs_frame *f, struct cs_easy *e) {
  cs_datagram_trust(e);
  cs_transfer_ended(f, &e->opened);
  cs_lists_free_outdated(e);
}

CURLcode cs_easy_finish(struct cs_frame *f, struct cs_easy *e, CURLcode code) {
  cs_easy_set_last(e, cs_easy_pool(e));
  if (e->last->lines.used >= 0) e->last->lines.used = cs_now();
  cs_judge_ended(e, code);
  if (cs_is_traced(f)) cs_trace_attempts(e, code);
  cs_easy_ended(f, e);
  if (cs_is_traced(f)) cs_trace_done(f, e, result_of(e, code));
  cs_trace_release(e);
  e->running = 0;
  return e->refused ? e->refused : code;
}
