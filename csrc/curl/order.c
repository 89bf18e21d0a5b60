/* SPDX-License-Identifier: MIT
 *
 * order.c - in which order the options of one table are set, whatever order the table has
 * them in, and which of them exclude each other.
 */
#define CURL_DISABLE_DEPRECATION /* some are deprecated, and still there */
#include <stdio.h>
#include <string.h>

#include "options.h"

/* Within a place it goes by libcurl's number. */
enum place { FIRST, OFF, ON, BY_NUMBER, LAST };

static const struct {
  CURLoption id;
  enum place place;
} places[] = {
    {CURLOPT_SHARE, FIRST}, /* has cookies of its own */
    /* All that changes the method in libcurl's setopt: */
    {CURLOPT_NOBODY, ON},
    {CURLOPT_UPLOAD, ON},
    {CURLOPT_PUT, ON},
    {CURLOPT_POST, ON},
    {CURLOPT_HTTPGET, ON},
    {CURLOPT_POSTFIELDS, ON},
    {CURLOPT_COPYPOSTFIELDS, ON},
    {CURLOPT_HTTPPOST, ON},
    {CURLOPT_MIMEPOST, ON},
    {CURLOPT_POSTFIELDSIZE, LAST}, /* postfields sets it */
    {CURLOPT_POSTFIELDSIZE_LARGE, LAST},
    {CURLOPT_COOKIELIST, LAST}, /* "RELOAD" and "FLUSH" need the files */
    {CURLOPT_NOPROGRESS, LAST}, /* xferinfofunction sets it */
};

int cs_place_of(CURLoption id) {
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (places[i].id == id) return places[i].place;
  return BY_NUMBER;
}

int cs_changes_method(CURLoption id) { return cs_place_of(id) == ON; }

/* ---- what is stored in one place --------------------------------------------------- */

/* An option whose name is that of another with this at its end sets the same. */
static const struct curl_easyoption *without(const char *name, const char *end) {
  char rest[64];
  size_t length = strlen(name), cut = strlen(end);
  if (length <= cut || length >= sizeof rest || strcmp(name + length - cut, end))
    return NULL;
  snprintf(rest, sizeof rest, "%.*s", (int)(length - cut), name);
  return curl_easy_option_by_name(rest);
}

/* There is one body. */
static CURLoption other_name(CURLoption id) {
  switch ((int)id) {
  case CURLOPT_PUT:
    return CURLOPT_UPLOAD;
  case CURLOPT_ABSTRACT_UNIX_SOCKET:
    return CURLOPT_UNIX_SOCKET_PATH;
  case CURLOPT_SOCKS5_GSSAPI_SERVICE:
    return CURLOPT_PROXY_SERVICE_NAME;
  case CURLOPT_COPYPOSTFIELDS:
  case CURLOPT_HTTPPOST:
  case CURLOPT_MIMEPOST:
    return CURLOPT_POSTFIELDS;
  default:
    return id;
  }
}

CURLoption cs_stored_as(CURLoption id) {
  static const char *const ends[] = {"_MS", "_LARGE", "_STR"};
  const char *name = curl_easy_option_by_id(id)->name; /* not that of an alias */
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    const struct curl_easyoption *twin = without(name, ends[i]);
    if (twin) return twin->id;
  }
  return other_name(id);
}

/* ---- the items of a table ---------------------------------------------------------- */

/* Names and values of so many, and what setting one of them needs. */
static void reserve(lua_State *L, int count) {
  luaL_checkstack(L, 2 * count + LUA_MINSTACK, "too many options");
}

void cs_items_begin(lua_State *L, struct cs_items *t) {
  reserve(L, CS_FEW + 1);
  lua_pushnil(L);
  t->buffer = lua_gettop(L);
  t->at = t->few;
  t->count = 0;
  t->size = CS_FEW;
}

static void grow(lua_State *L, struct cs_items *t) {
  reserve(L, t->size + 1);
  struct cs_item *at = lua_newuserdatauv(L, 2 * (size_t)t->size * sizeof *at, 0);
  memcpy(at, t->at, (size_t)t->size * sizeof *at);
  lua_replace(L, t->buffer);
  t->at = at;
  t->size *= 2;
}

/* The message does not depend on the order, either. */
static int two_of_one(lua_State *L, int key, int other) {
  const char *a = lua_tostring(L, key), *b = lua_tostring(L, other);
  int swap = strcmp(a, b) > 0;
  return luaL_error(L, "options '%s' and '%s' set the same: one table has both",
                    swap ? b : a, swap ? a : b);
}

/* A number that is 0 is false to libcurl. */
static int is_on(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TNUMBER) return lua_tonumber(L, index) != 0;
  return lua_toboolean(L, index);
}

static int rank(lua_State *L, const struct cs_known *k, int value) {
  int place = k->place == ON && !is_on(L, value) ? OFF : k->place;
  return place * 100000 + (int)k->option->id;
}

void cs_items_add(lua_State *L, struct cs_items *t, const struct cs_known *k, int key) {
  struct cs_item new = {k, rank(L, k, key + 1), key};
  for (int i = 0; i < t->count; i++)
    if (t->at[i].known->stored == k->stored) two_of_one(L, key, t->at[i].key);
  if (t->count == t->size) grow(L, t);
  int i = t->count++;
  for (; i > 0 && t->at[i - 1].rank > new.rank; i--) t->at[i] = t->at[i - 1];
  t->at[i] = new;
}
