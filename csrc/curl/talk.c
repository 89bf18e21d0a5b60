/* SPDX-License-Identifier: MIT
 *
 * talk.c - what a script says by itself on the connection of an easy (connect_only).
 *
 * libcurl finds it by a number that is unique in its pool only, and gives it to the easy
 * for good with the first byte: it is the easy's own last one, or this is refused.
 */
#include <limits.h>
#include <strings.h>

#include "kept.h"
#include "talk.h"

/* Whether the socket is that of the easy's last transfer, as far as can be told. */
static int is_own(const struct cs_easy *e, const struct cs_socket *s) {
  if (e->talks) return e->talks == s;
  const struct cs_socket *last = cs_connection_of(e);
  return !last || last == s;
}

/* libcurl crashes where it would receive for a stream of HTTP/2 that there is not. Which
 * version TLS has agreed upon it does not tell; it cannot be 2 unless the script asked
 * for that, or connect_only was set too late. */
static int may_be_http2(const struct cs_easy *e) {
  const char *scheme = NULL;
  long v = e->spoken;
  if (v == CURL_HTTP_VERSION_1_0 || v == CURL_HTTP_VERSION_1_1) return 0;
  if (curl_easy_getinfo(e->curl, CURLINFO_SCHEME, &scheme) || !scheme) return 0;
  if (!strcasecmp(scheme, "https")) return 1;
  return !strcasecmp(scheme, "http") && v != CURL_HTTP_VERSION_NONE &&
         v != CURL_HTTP_VERSION_2TLS;
}

static void check_version(lua_State *L, const struct cs_easy *e, const char *call) {
  if (may_be_http2(e))
    luaL_error(L,
               "%s: this may be HTTP/2: set connect_only, and no other http_version than "
               "1.1, before the transfer",
               call);
}

struct cs_easy *cs_talk_easy(lua_State *L, const char *call) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  cs_refuse_inside(L, &e->h, call);
  return e;
}

void cs_talk_check(lua_State *L, const struct cs_easy *e, const char *call) {
  if (!e->set.connect_only) luaL_error(L, "%s: connect_only is not set", call);
}

int cs_talk_begin(lua_State *L, struct cs_easy *e, const char *call) {
  struct cs_socket *s = cs_connection_active(L, e, call);
  if (s && !is_own(e, s)) luaL_error(L, "%s: libcurl names another connection", call);
  if (!s) return 0;
  if (!e->talks) {
    s->refs++;
    e->talks = s;
  }
  return 1;
}

int cs_talk_fail(lua_State *L, CURLcode code) {
  if (code) return cs_fail_easy(L, code);
  lua_pushnil(L);
  lua_pushliteral(L, "no transfer has left a connection, or it is closed");
  lua_pushstring(L, cs_easy_name(CURLE_BAD_FUNCTION_ARGUMENT));
  return 3;
}

void cs_talk_refuse(lua_State *L, const struct cs_easy *e, const char *call) {
  if (e->talks) luaL_error(L, "%s: the script has the easy's connection", call);
}

void cs_talk_end(struct cs_easy *e) {
  if (e->talks) cs_socket_unref(e->talks);
  e->talks = NULL;
}

/* easy:send(bytes): sends on the connection that a transfer with connect_only has made,
 * through TLS where there is. How many bytes were taken; or nil, message, name ("AGAIN":
 * none now; easy:socket() can be waited for). From the first on the connection is the
 * script's: the easy cannot perform any more, nor change its share. With connect_only
 * HTTP/2 is not agreed upon, which libcurl does not survive here; where it may have been
 * (http_version asks for it, or connect_only was set after the transfer), this raises an
 * error.
 * -> sent: integer | nil, message, name */
int cs_easy_send(lua_State *L) {
  struct cs_easy *e = cs_talk_easy(L, "easy:send");
  cs_talk_check(L, e, "easy:send");
  size_t length, sent = 0;
  const char *bytes = luaL_checklstring(L, 2, &length);
  struct cs_frame f;
  check_version(L, e, "easy:send");
  if (!cs_talk_begin(L, e, "easy:send")) return cs_talk_fail(L, CURLE_OK);
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  CURLcode code = length ? curl_easy_send(e->curl, bytes, length, &sent) : CURLE_OK;
  cs_leave(&f);
  cs_rethrow(&f);
  if (code) return cs_talk_fail(L, code);
  lua_pushinteger(L, (lua_Integer)sent);
  return 1;
}

/* easy:recv([n]): what has come, at most n bytes (16384), "" at the end; or nil, message,
 * name, as easy:send.
 * -> string | nil, message, name */
int cs_easy_recv(lua_State *L) {
  struct cs_easy *e = cs_talk_easy(L, "easy:recv");
  cs_talk_check(L, e, "easy:recv");
  lua_Integer size = luaL_optinteger(L, 2, CURL_MAX_WRITE_SIZE);
  size_t got = 0;
  struct cs_frame f;
  luaL_argcheck(L, size >= 1 && size <= INT_MAX, 2, "size out of range");
  void *bytes = lua_newuserdatauv(L, (size_t)size, 0);
  check_version(L, e, "easy:recv");
  if (!cs_talk_begin(L, e, "easy:recv")) return cs_talk_fail(L, CURLE_OK);
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  CURLcode code = curl_easy_recv(e->curl, bytes, (size_t)size, &got);
  cs_leave(&f);
  cs_rethrow(&f);
  if (code) return cs_talk_fail(L, code);
  lua_pushlstring(L, bytes, got);
  return 1;
}

/* easy:upkeep(): has libcurl look after the connections of the pool (HTTP/2: pings, see
 * upkeep_interval_ms). Returns the easy, or nil, message, name.
 * -> Easy | nil, message, name */
int cs_easy_upkeep(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  struct cs_frame f;
  lua_settop(L, 1);
  cs_refuse_inside(L, &e->h, "easy:upkeep");
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  CURLcode code = curl_easy_upkeep(e->curl);
  cs_leave(&f);
  cs_rethrow(&f);
  if (code) return cs_fail_easy(L, code);
  lua_settop(L, 1);
  return 1;
}
