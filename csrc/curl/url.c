/* SPDX-License-Identifier: MIT
 *
 * url.c - Url objects: a URL taken apart and put together as libcurl does it.
 */
#include <stdlib.h>
#include <string.h>

#include "url.h"

static const char class_name[] = "curlsock.url";

struct url {
  struct cs_thing t;
  CURLU *curl;
};

static void url_free(struct cs_thing *t) {
  struct url *u = (struct url *)t;
  curl_url_cleanup(u->curl);
  free(u);
}

static int out_of_memory(lua_State *L) { return luaL_error(L, "not enough memory"); }

/* Gives the box on top of the stack what libcurl made, or raises an error. */
static CURLU *fill(lua_State *L, CURLU *made) {
  struct url *u = made ? calloc(1, sizeof *u) : NULL;
  if (!u) return curl_url_cleanup(made), out_of_memory(L), NULL;
  u->curl = made;
  cs_thing_box(L, &u->t, url_free);
  return made;
}

int cs_url_is(lua_State *L, int index) {
  return cs_class_test(L, index, class_name) != NULL;
}

CURLU *cs_url_test(lua_State *L, int index) {
  const struct url *u = cs_url_is(L, index) ? cs_unbox(L, index) : NULL;
  return u ? u->curl : NULL;
}

static CURLU *check(lua_State *L, int index) {
  cs_class_check(L, index, class_name);
  CURLU *u = cs_url_test(L, index);
  if (!u) luaL_argerror(L, index, "url is closed");
  return u;
}

/* ---- text -------------------------------------------------------------------------- */

static void check_text(lua_State *L, int index, const char *expected) {
  if (lua_type(L, index) == LUA_TSTRING) return;
  const char *got = cs_shown(L, index);
  luaL_argerror(L, index, lua_pushfstring(L, "%s expected, got %s", expected, got));
}

/* What libcurl says of control bytes in a whole URL; of parts not every release does. And
 * 7.88 crashes when it encodes nothing. */
static CURLUcode set_text(lua_State *L, CURLU *u, CURLUPart part, int index,
                          unsigned flags) {
  size_t length;
  const char *text = lua_tolstring(L, index, &length);
  size_t good = flags & CURLU_URLENCODE ? strlen(text) : strcspn(text, "\r\n");
  if (good != length) return CURLUE_MALFORMED_INPUT;
  if (!length) flags &= ~(unsigned)CURLU_URLENCODE;
  return curl_url_set(u, part, text, flags);
}

/* What the text means: an empty part is as good as none, and a path begins with "/". */
static const char *meant(const char *text, CURLUPart part) {
  if (!text) return "";
  return part == CURLUPART_PATH && *text == '/' ? text + 1 : text;
}

/* Whether the part is the same in both; negative without memory. */
static int same_part(CURLU *a, CURLU *b, CURLUPart part) {
  char *left = NULL, *right = NULL;
  CURLUcode one = curl_url_get(a, part, &left, 0);
  CURLUcode other = curl_url_get(b, part, &right, 0);
  int same = !strcmp(meant(left, part), meant(right, part));
  curl_free(left);
  curl_free(right);
  return one == CURLUE_OUT_OF_MEMORY || other == CURLUE_OUT_OF_MEMORY ? -1 : same;
}

static int same(CURLU *a, CURLU *b) {
  int result = 1;
  for (const struct cs_urlpart *p = cs_urlparts + 1; p->name && result > 0; p++)
    result = same_part(a, b, p->id);
  return result;
}

/* The text reads as u, to libcurl at the start of a transfer. */
static CURLcode reads_as(const char *text, CURLU *u) {
  CURLU *read = curl_url();
  if (!read) return CURLE_OUT_OF_MEMORY;
  CURLUcode code =
      curl_url_set(read, CURLUPART_URL, text,
                   CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
  int is_same = code == CURLUE_OUT_OF_MEMORY ? -1 : !code && same(read, u);
  curl_url_cleanup(read);
  if (is_same < 0) return CURLE_OUT_OF_MEMORY;
  return is_same ? CURLE_OK : CURLE_URL_MALFORMAT;
}

CURLcode cs_url_to_text(lua_State *L, int index) {
  CURLU *u = check(L, index);
  char *text = NULL;
  CURLUcode failed = curl_url_get(u, CURLUPART_URL, &text, 0);
  if (failed)
    return failed == CURLUE_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_URL_MALFORMAT;
  CURLcode code = reads_as(text, u);
  cs_push_text(L, text, strlen(text));
  if (code)
    lua_pop(L, 1);
  else
    lua_replace(L, index);
  return code;
}

/* ---- the object -------------------------------------------------------------------- */

/* libcurl before 8.3 does not copy the zone. */
static CURLUcode copy_zone(CURLU *to, CURLU *from) {
  char *zone = NULL;
  CURLUcode code = curl_url_get(from, CURLUPART_ZONEID, &zone, 0);
  if (!code) code = curl_url_set(to, CURLUPART_ZONEID, zone, 0);
  curl_free(zone);
  return code == CURLUE_NO_ZONEID ? CURLUE_OK : code;
}

static int copy(lua_State *L, int index) {
  CURLU *u = check(L, index);
  cs_thing_push(L, class_name);
  CURLUcode code = copy_zone(fill(L, curl_url_dup(u)), u);
  return code ? cs_fail_url(L, code) : 1;
}

/* curl.url([text [, flag...]]): a Url, which is empty, or has what libcurl reads in the
 * text; or a copy, if a Url stands in its place. Flags are libcurl's, in lower case
 * without CURLU_: "guess_scheme" takes "example.com", "non_support_scheme" any scheme
 * (a transfer reads its url with both), "disallow_user" no user; "urlencode",
 * "default_scheme", "path_as_is", "no_authority", "allow_space". On failure nil, message
 * and the name of libcurl's CURLUE_ code: "MALFORMED_INPUT" also for NUL, CR and LF. A
 * flag that is newer than this libcurl is "NOT_SUPPORTED". Raises an error for an
 * unknown flag.
 * -> Url | nil, message, name */
int cs_url_new(lua_State *L) {
  unsigned flags = 0;
  int is_url = cs_url_test(L, 1) != NULL;
  if (!is_url && !lua_isnone(L, 1)) check_text(L, 1, "text, or Url,");
  if (is_url && lua_gettop(L) > 1) luaL_argerror(L, 2, "a Url takes no flags");
  if (is_url) return copy(L, 1);
  int failed = cs_urlflags_arg(L, 2, &flags);
  if (failed) return failed;
  cs_thing_push(L, class_name);
  CURLU *u = fill(L, curl_url());
  if (lua_gettop(L) == 1) return 1;
  CURLUcode code = set_text(L, u, CURLUPART_URL, 1, flags);
  return code ? cs_fail_url(L, code) : 1;
}

/* url:get(part [, flag...]): part is "url" (the whole), "scheme", "user", "password",
 * "options", "host", "port", "path", "query", "fragment" or "zoneid": its text, as it
 * stands in the URL; nil if there is none. Flags: "urldecode", "default_port" (that of
 * the scheme, if there is none), "no_default_port", "punycode", "puny2idn", "get_empty"
 * (an empty query or fragment is ""), "no_guess_scheme"... On failure nil, message, name:
 * "URLDECODE" for what decodes to a control byte; "NO_HOST" for "url" without one. Raises
 * an error for an unknown part or flag.
 * -> string | nil | nil, message, name */
static int url_get(lua_State *L) {
  CURLU *u = check(L, 1);
  const struct cs_urlpart *p = cs_urlpart_arg(L, 2);
  char *text = NULL;
  unsigned flags;
  int failed = cs_urlflags_arg(L, 3, &flags);
  if (failed) return failed;
  CURLUcode code = curl_url_get(u, p->id, &text, flags);
  if (code && code == p->none) return luaL_pushfail(L), 1;
  if (code) return cs_fail_url(L, code);
  cs_push_text(L, text, strlen(text));
  return 1;
}

/* url:set(part, text [, flag...]): changes a part to the text (for "port" also an
 * integer), or with nil takes it away; "url" may be relative to what it is now. Flags:
 * "urlencode"; "appendquery" adds the text, NAME=VALUE, to the query, after "&" (then the
 * first "=" is not encoded); those of curl.url. Returns the url, or nil, message, name,
 * and then the part is as it was. Without "urlencode" a part is taken as it is, and may
 * mean something else in the whole text.
 * -> Url | nil, message, name */
static int url_set(lua_State *L) {
  CURLU *u = check(L, 1);
  const struct cs_urlpart *p = cs_urlpart_arg(L, 2);
  unsigned flags;
  int is_port = p->id == CURLUPART_PORT && lua_isinteger(L, 3);
  if (lua_gettop(L) < 3 || !(lua_isnil(L, 3) || is_port))
    check_text(L, 3, p->id == CURLUPART_PORT ? "text, integer or nil" : "text or nil");
  int failed = cs_urlflags_arg(L, 4, &flags);
  if (failed) return failed;
  CURLUcode code = lua_isnil(L, 3) ? curl_url_set(u, p->id, NULL, flags)
                                   : set_text(L, u, p->id, 3, flags);
  if (code) return cs_fail_url(L, code);
  lua_settop(L, 1);
  return 1;
}

/* url:dup(): another Url with the same parts. Raises an error without memory.
 * -> Url */
static int url_dup(lua_State *L) { return copy(L, 1); }

/* tostring(url): its text, with the password that is in it; without a host only what it
 * is. Raises an error without memory. */
static int url__tostring(lua_State *L) {
  CURLU *u = check(L, 1);
  char *text = NULL;
  CURLUcode code = curl_url_get(u, CURLUPART_URL, &text, 0);
  if (code == CURLUE_OUT_OF_MEMORY) return out_of_memory(L);
  if (code)
    lua_pushfstring(L, "url: %p (%s)", lua_topointer(L, 1), curl_url_strerror(code));
  else
    cs_push_text(L, text, strlen(text));
  return 1;
}

/* url == other: all parts are the same. Raises an error without memory. */
static int url__eq(lua_State *L) {
  CURLU *a = cs_url_test(L, 1), *b = cs_url_test(L, 2);
  int is_same = a && b ? same(a, b) : 0;
  if (is_same < 0) return out_of_memory(L);
  lua_pushboolean(L, is_same);
  return 1;
}

void cs_url_class_new(lua_State *L) {
  static const luaL_Reg meta[] = {
      {"__eq", url__eq}, {"__tostring", url__tostring}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"dup", url_dup}, {"get", url_get}, {"set", url_set}, {NULL, NULL}};
  cs_thing_class(L, class_name, meta, methods);
}
