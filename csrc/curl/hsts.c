/* SPDX-License-Identifier: MIT
 *
 * hsts.c - the trampolines of hstsreadfunction and hstswritefunction: libcurl's memory of
 * hosts that want TLS, kept by the script.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "calling.h"
#include "rare.h"

struct hsts_call {
  struct cs_calling c;
  struct curl_hstsentry *entry;
  const struct curl_index *index;
};

/* ---- read -------------------------------------------------------------------------- */

static void read_host(lua_State *L, const struct hsts_call *h) {
  size_t length;
  int type = lua_getfield(L, ANSWER, "host");
  if (type != LUA_TSTRING)
    luaL_error(L, "%s: host: string expected, got %s", h->c.name, cs_shown(L, -1));
  const char *host = lua_tolstring(L, -1, &length);
  if (!length || length > h->entry->namelen || strlen(host) != length)
    luaL_error(L, "%s: host: no name: %s", h->c.name, cs_shown(L, -1));
  memcpy(h->entry->name, host, length + 1);
}

/* libcurl reads the time as a text, of GMT. */
static void read_expire(lua_State *L, const struct hsts_call *h) {
  struct tm date;
  int exact, type = lua_getfield(L, ANSWER, "expire");
  time_t when = (time_t)lua_tointegerx(L, -1, &exact);
  if (type == LUA_TNIL) return;
  if (!exact || when < 0 || !gmtime_r(&when, &date) || date.tm_year > 9999 - 1900)
    luaL_error(L, "%s: expire: seconds since 1970 expected, got %s", h->c.name,
               cs_shown(L, -1));
  strftime(h->entry->expire, sizeof h->entry->expire, "%Y%m%d %H:%M:%S", &date);
}

/* hstsreadfunction(easy): asked when a transfer begins, until it answers nothing: a table
 * of one host that wants TLS: host, include_subdomains, and expire, in seconds since 1970
 * (without: never). False, or nil and a reason, ends the transfer with
 * ABORTED_BY_CALLBACK. It needs hsts_ctrl; easy:dup asks it, too.
 * -> table | nothing | false, reason */
static int read_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  const struct hsts_call *h = (struct hsts_call *)c;
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  if (!lua_istable(L, ANSWER)) {
    enum cs_answer a = cs_calling_answer(L);
    if (a != CS_NO && a != CS_NOTHING)
      return cs_calling_wrong(L, c, "a table, nothing, or false and a reason");
    c->answer = a == CS_NO ? CURLSTS_FAIL : CURLSTS_DONE;
    return 0;
  }
  read_host(L, h);
  read_expire(L, h);
  lua_getfield(L, ANSWER, "include_subdomains");
  h->entry->includeSubDomains = (unsigned)lua_toboolean(L, -1);
  c->answer = CURLSTS_OK;
  return 0;
}

CURLSTScode cs_on_hstsread(CURL *curl, struct curl_hstsentry *entry, void *easy) {
  struct hsts_call h = {
      .c = {.easy = easy, .which = CS_HSTSREAD, .name = "hstsreadfunction"},
      .entry = entry};
  (void)curl;
  return cs_calling_run(&h.c, read_body) ? CURLSTS_FAIL : (CURLSTScode)h.c.answer;
}

/* ---- write ------------------------------------------------------------------------- */

/* Days since 1970 of that day. */
static long long days(int year, int month, int day) {
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  long long y = month > 2 ? year : year - 1; /* the last whose 29th of February is past */
  long long leaps = y / 4 - y / 100 + y / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
  return (year - 1970) * 365LL + leaps + before[month - 1] + day - 1;
}

/* Sets the field expire, unless there is no end. */
static void write_expire(lua_State *L, const char *text) {
  int year, month, day, hour, minute, second;
  int found =
      sscanf(text, "%4d%2d%2d %2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second);
  if (found != 6 || month < 1 || month > 12) return;
  lua_pushinteger(L, ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second);
  lua_setfield(L, -2, "expire");
}

/* hstswritefunction(entry, index, total, easy): told each host that wants TLS, as
 * hstsreadfunction tells them, when the easy is closed; index counts from 1. False ends
 * that. Not while its cache is that of a share.
 * -> nothing | false */
static int write_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  const struct hsts_call *h = (struct hsts_call *)c;
  lua_createtable(L, 0, 3);
  lua_pushstring(L, h->entry->name);
  lua_setfield(L, -2, "host");
  lua_pushboolean(L, h->entry->includeSubDomains);
  lua_setfield(L, -2, "include_subdomains");
  write_expire(L, h->entry->expire);
  lua_pushinteger(L, (lua_Integer)h->index->index + 1);
  lua_pushinteger(L, (lua_Integer)h->index->total);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  c->answer = cs_answer_at(L, ANSWER) == CS_NO ? CURLSTS_DONE : CURLSTS_OK;
  return 0;
}

CURLSTScode cs_on_hstswrite(CURL *curl, struct curl_hstsentry *entry,
                            struct curl_index *index, void *easy) {
  struct hsts_call h = {
      .c = {.easy = easy, .which = CS_HSTSWRITE, .name = "hstswritefunction"},
      .entry = entry,
      .index = index};
  (void)curl;
  return cs_calling_run(&h.c, write_body) ? CURLSTS_DONE : (CURLSTScode)h.c.answer;
}
