/* SPDX-License-Identifier: MIT
 *
 * escape.c - texts that libcurl makes of others, and what they need until Lua has them.
 */
#include <limits.h>
#include <string.h>

#include "url.h"

struct text {
  const char *bytes;
  size_t length;
};

static int push_body(lua_State *L) {
  const struct text *t = lua_touserdata(L, 1);
  lua_pushlstring(L, t->bytes, t->length);
  return 1;
}

void cs_push_text(lua_State *L, char *bytes, size_t length) {
  struct text t = {bytes, length};
  lua_pushcfunction(L, push_body);
  lua_pushlightuserdata(L, &t);
  int failed = lua_pcall(L, 1, 1, 0);
  curl_free(bytes);
  if (failed) lua_error(L);
}

static const char *check_text(lua_State *L, size_t *length) {
  luaL_checktype(L, 1, LUA_TSTRING);
  const char *text = lua_tolstring(L, 1, length);
  if (*length > INT_MAX) luaL_argerror(L, 1, "string is too long");
  return text;
}

/* libcurl makes nothing of a text: it has no memory, or thinks that too long. */
static int result(lua_State *L, char *bytes, size_t length) {
  if (!bytes) return cs_fail_easy(L, CURLE_OUT_OF_MEMORY);
  cs_push_text(L, bytes, length);
  return 1;
}

/* curl.escape(text): the text as a part of a URL: all bytes but letters, digits and
 * "-._~" become %XX. nil, message, "OUT_OF_MEMORY" for what libcurl finds too long, which
 * is some megabytes.
 * -> string | nil, message, name */
int cs_escape(lua_State *L) {
  size_t length;
  const char *text = check_text(L, &length);
  char *bytes = curl_easy_escape(NULL, text, (int)length);
  return result(L, bytes, bytes ? strlen(bytes) : 0);
}

/* curl.unescape(text): the reverse: each %XX becomes that byte, NUL too; what is no %XX
 * stays as it is, "+" too. Fails as curl.escape does.
 * -> string | nil, message, name */
int cs_unescape(lua_State *L) {
  size_t length;
  int made = 0;
  const char *text = check_text(L, &length);
  char *bytes = curl_easy_unescape(NULL, text, (int)length, &made);
  return result(L, bytes, (size_t)made);
}

/* curl.getdate(text): the seconds since 1970 (UTC) that a date means, as HTTP, mail and
 * cookies write it ("Sun, 06 Nov 1994 08:49:37 GMT"); nil if libcurl sees none in it.
 * -> seconds: integer | nil */
int cs_getdate(lua_State *L) {
  size_t length;
  const char *text = check_text(L, &length);
  time_t seconds = strlen(text) == length ? curl_getdate(text, NULL) : -1;
  if (seconds == -1)
    luaL_pushfail(L);
  else
    lua_pushinteger(L, (lua_Integer)seconds);
  return 1;
}
