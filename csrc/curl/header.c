/* SPDX-License-Identifier: MIT
 *
 * header.c - easy:header and easy:headers: what libcurl kept of the headers that came.
 */
#include <limits.h>
#include <string.h>

#include "describe.h"

/* Which headers are asked for. */
struct query {
  CURL *curl;
  const char *name; /* or NULL: all */
  unsigned origin;
  int request; /* from 0; -1: the last */
  CURLHcode code;
};

enum { ANY = CURLH_HEADER | CURLH_TRAILER | CURLH_CONNECT | CURLH_1XX | CURLH_PSEUDO };

static const struct origin {
  const char *name;
  unsigned bits;
} origins[] = {
    {"header", CURLH_HEADER}, {"trailer", CURLH_TRAILER}, {"connect", CURLH_CONNECT},
    {"1xx", CURLH_1XX},       {"pseudo", CURLH_PSEUDO},   {"any", ANY},
};

#define COUNT (sizeof origins / sizeof *origins)

static unsigned origin_arg(lua_State *L, int index) {
  const char *word = cs_word(L, index);
  if (lua_isnoneornil(L, index)) return CURLH_HEADER;
  for (size_t i = 0; i < COUNT; i++)
    if (!strcmp(origins[i].name, word)) return origins[i].bits;
  const char *got = cs_shown(L, index);
  luaL_argerror(L, index,
                lua_pushfstring(L,
                                "\"header\", \"trailer\", \"connect\", \"1xx\", "
                                "\"pseudo\" or \"any\" expected, got %s",
                                got));
  return 0;
}

static int request_arg(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return -1;
  return cs_int_arg(L, index, 1, INT_MAX) - 1;
}

/* The value; libcurl 7.88 leaves a CR in one that is empty. */
static const char *value_of(const struct curl_header *h) {
  return strcmp(h->value, "\r") ? h->value : "";
}

static int values_body(lua_State *L) {
  struct query *q = lua_touserdata(L, 1);
  struct curl_header *h;
  for (size_t i = 0;; i++) {
    q->code = curl_easy_header(q->curl, q->name, i, q->origin, q->request, &h);
    if (q->code) return (int)i;
    luaL_checkstack(L, 1, "too many headers");
    lua_pushstring(L, value_of(h));
  }
}

/* Adds { name, value } to the table on top of the stack. */
static void add_pair(lua_State *L, const struct curl_header *h, lua_Integer i) {
  lua_createtable(L, 2, 0);
  lua_pushstring(L, h->name);
  lua_rawseti(L, -2, 1);
  lua_pushstring(L, value_of(h));
  lua_rawseti(L, -2, 2);
  lua_rawseti(L, -2, i);
}

/* What libcurl returns is overwritten when a finalizer asks for headers. */
static int pairs_body(lua_State *L) {
  struct query *q = lua_touserdata(L, 1);
  struct curl_header at, *h = NULL;
  lua_Integer count = 0;
  q->code = curl_easy_header(q->curl, "", 0, q->origin, q->request, &h);
  lua_newtable(L);
  while ((h = curl_easy_nextheader(q->curl, q->origin, q->request, count ? &at : NULL))) {
    at = *h;
    add_pair(L, &at, ++count);
  }
  return 1;
}

/* What to say when there are none. [-0, +n] */
static int none(lua_State *L, CURLHcode code) {
  if (code == CURLHE_OUT_OF_MEMORY) return cs_fail_easy(L, CURLE_OUT_OF_MEMORY);
  if (code == CURLHE_NOT_BUILT_IN) return cs_fail_easy(L, CURLE_NOT_BUILT_IN);
  luaL_pushfail(L);
  return 1;
}

/* Pushes what body makes of the headers, and returns how many values that is. The texts
 * stay libcurl's: the frame has a finalizer that closes the easy, or starts a transfer,
 * wait until they were read. */
static int answer(lua_State *L, struct cs_easy *e, lua_CFunction body, struct query *q) {
  struct cs_frame f;
  cs_enter(&f, L, &e->h, 1);
  int top = lua_gettop(L);
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, q);
  int failed = cs_pcall(&f, 1, LUA_MULTRET);
  cs_leave(&f);
  if (failed) return lua_error(L);
  return lua_gettop(L) - top;
}

/* easy:header(name [, origin [, request]]): the values of the headers of that name, one
 * after the other, in whatever case; nil if there are none. origin is where they came
 * from: "header" (the default), "trailer", "connect" (a proxy's), "1xx", "pseudo"
 * (":status") or "any"; request is 1 for the first, counting redirects and those with
 * another login; the last one by default. Works in callbacks, on what has come; and until
 * the next transfer. nil, message, "NOT_SUPPORTED" if libcurl was built without it.
 * -> value: string, ... | nil, message, name */
int cs_easy_header(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  size_t length;
  luaL_checktype(L, 2, LUA_TSTRING);
  struct query q = {.curl = e->curl, .name = lua_tolstring(L, 2, &length)};
  if (strlen(q.name) != length) luaL_argerror(L, 2, "string contains NUL");
  q.origin = origin_arg(L, 3);
  q.request = request_arg(L, 4);
  int count = answer(L, e, values_body, &q);
  return count ? count : none(L, q.code);
}

/* easy:headers([origin [, request]]): all of them, as a list of { name, value } in the
 * order in which they came, which is empty if there are none. Else as easy:header.
 * -> string[][] | nil, message, name */
int cs_easy_headers(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  struct query q = {.curl = e->curl};
  q.origin = origin_arg(L, 2);
  q.request = request_arg(L, 3);
  int count = answer(L, e, pairs_body, &q);
  return q.code == CURLHE_NOT_BUILT_IN ? none(L, q.code) : count;
}
