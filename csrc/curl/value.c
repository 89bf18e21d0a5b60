/* SPDX-License-Identifier: MIT
 *
 * value.c - what a Lua value means as the number of an option, and the way back. libcurl
 * describes neither which numbers are flags nor their ranges: those are here.
 */
#define CURL_DISABLE_DEPRECATION /* some are deprecated, and still there */
#include <limits.h>
#include <string.h>

#include "options.h"

/* ---- numbers that are no flags ----------------------------------------------------- */

#define ANY LLONG_MIN, LLONG_MAX
#define ALL(least) (least), LLONG_MAX /* libcurl cuts what is too large for it */
#define SECONDS 0, INT_MAX / 1000
#define PORT 0, 65535
#define MODE 0, 0777

/* What is here, or is more than a long, or has names, is no flag: true and false are no
 * value of it. What is not here, an option newer than this too, may be one. */
static const struct cs_range ranges[] = {
    {CURLOPT_ACCEPTTIMEOUT_MS, ALL(0)},
    {CURLOPT_ADDRESS_SCOPE, 0, UINT_MAX},
    {CURLOPT_BUFFERSIZE, ALL(0)},
#if LIBCURL_VERSION_NUM >= 0x075700
    {CURLOPT_CA_CACHE_TIMEOUT, ALL(-1)},
#endif
    {CURLOPT_CONNECTTIMEOUT, SECONDS},
    {CURLOPT_CONNECTTIMEOUT_MS, ALL(0)},
    {CURLOPT_DNS_CACHE_TIMEOUT, ALL(-1)},
    {CURLOPT_EXPECT_100_TIMEOUT_MS, ALL(0)},
    {CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, ALL(0)},
    {CURLOPT_INFILESIZE, ALL(-1)},
    {CURLOPT_INFILESIZE_LARGE, ALL(-1)},
    {CURLOPT_LOCALPORT, PORT},
    {CURLOPT_LOCALPORTRANGE, PORT},
    {CURLOPT_LOW_SPEED_LIMIT, ALL(0)},
    {CURLOPT_LOW_SPEED_TIME, ALL(0)},
    {CURLOPT_MAXAGE_CONN, ALL(0)},
    {CURLOPT_MAXCONNECTS, ALL(0)},
    {CURLOPT_MAXFILESIZE, ALL(0)},
    {CURLOPT_MAXFILESIZE_LARGE, ALL(0)},
    {CURLOPT_MAXLIFETIME_CONN, ALL(0)},
    {CURLOPT_MAXREDIRS, ALL(-1)},
    {CURLOPT_MAX_RECV_SPEED_LARGE, ALL(0)},
    {CURLOPT_MAX_SEND_SPEED_LARGE, ALL(0)},
    {CURLOPT_NEW_DIRECTORY_PERMS, MODE},
    {CURLOPT_NEW_FILE_PERMS, MODE},
    {CURLOPT_PORT, PORT},
    {CURLOPT_POSTFIELDSIZE, ALL(-1)},
    {CURLOPT_POSTFIELDSIZE_LARGE, ALL(-1)},
    {CURLOPT_POSTREDIR, 0, CURL_REDIR_POST_ALL}, /* it is not the 301 of a response */
    {CURLOPT_PROTOCOLS, ANY},
    {CURLOPT_PROXYPORT, PORT},
    {CURLOPT_REDIR_PROTOCOLS, ANY},
    {CURLOPT_RESUME_FROM, ALL(-1)},
    {CURLOPT_RESUME_FROM_LARGE, ALL(-1)},
    {CURLOPT_RTSP_CLIENT_CSEQ, ALL(0)},
    {CURLOPT_RTSP_SERVER_CSEQ, ALL(0)},
    {CURLOPT_SERVER_RESPONSE_TIMEOUT, SECONDS},
#if LIBCURL_VERSION_NUM >= 0x080600
    {CURLOPT_SERVER_RESPONSE_TIMEOUT_MS, ALL(0)},
#endif
    {CURLOPT_STREAM_WEIGHT, 1, 256},
#if LIBCURL_VERSION_NUM >= 0x080900
    {CURLOPT_TCP_KEEPCNT, ALL(0)},
#endif
    {CURLOPT_TCP_KEEPIDLE, ALL(0)},
    {CURLOPT_TCP_KEEPINTVL, ALL(0)},
    {CURLOPT_TFTP_BLKSIZE, ALL(0)},
    {CURLOPT_TIMEOUT, SECONDS},
    {CURLOPT_TIMEOUT_MS, ALL(0)},
    {CURLOPT_TIMEVALUE, ANY},
    {CURLOPT_UPKEEP_INTERVAL_MS, ALL(0)},
    {CURLOPT_UPLOAD_BUFFERSIZE, ALL(0)},
};

const struct cs_range *cs_range_of(CURLoption id) {
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (ranges[i].id == id) return &ranges[i];
  return NULL;
}

/* Two have names, and were flags before. */
static int is_flag(const struct cs_known *k) {
  if (k->option->type != CURLOT_LONG || k->range) return 0;
  return !k->naming || k->option->id == CURLOPT_FOLLOWLOCATION ||
         k->option->id == CURLOPT_FTP_CREATE_MISSING_DIRS;
}

/* ---- what is said ------------------------------------------------------------------ */

/* Pushes "integer from 0 to 65535". */
static const char *push_range(lua_State *L, const struct cs_range *r) {
  if (!r || r->least == LLONG_MIN) return lua_pushliteral(L, "integer");
  if (r->most == LLONG_MAX)
    return lua_pushfstring(L, "integer from %I", (lua_Integer)r->least);
  return lua_pushfstring(L, "integer from %I to %I", (lua_Integer)r->least,
                         (lua_Integer)r->most);
}

/* Pushes what the option takes. */
static const char *push_expected(lua_State *L, const struct cs_known *k) {
  int flags = k->naming ? k->naming->flags : 0;
  const char *first = flags & CS_VERSION ? "version" : push_range(L, k->range);
  const char *names = !k->naming ? "" : flags & CS_FLAGS ? ", name" : " or name";
  if (is_flag(k)) names = k->naming ? ", boolean or name" : " or boolean";
  return lua_pushfstring(L, "%s%s%s", first, names,
                         flags & CS_FLAGS ? " or list of names" : "");
}

static int unknown_name(lua_State *L, const struct cs_known *k, const char *option,
                        const char *name) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const struct cs_name *n = k->naming->names; n->name; n++) {
    if (n != k->naming->names) luaL_addstring(&b, ", ");
    luaL_addstring(&b, n->name);
  }
  luaL_pushresult(&b);
  return luaL_error(L, "option '%s': no value is named '%s' (choices: %s)", option, name,
                    lua_tostring(L, -1));
}

/* ---- from Lua ---------------------------------------------------------------------- */

static long named(lua_State *L, const struct cs_known *k, const char *option, int index) {
  size_t length;
  const char *name = lua_tolstring(L, index, &length);
  for (const struct cs_name *n = k->naming->names; n->name; n++)
    if (length == strlen(n->name) && !memcmp(name, n->name, length)) return n->value;
  return unknown_name(L, k, option, name);
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* The version at the end of a name, in tenths: "tlsv1.2" is 12; -1 if there is none. */
static int tenths(const char *name) {
  int version = 0;
  while (*name && !is_digit(*name)) name++;
  if (!*name) return -1;
  while (is_digit(*name)) version = version * 10 + (*name++ - '0');
  version *= 10;
  if (name[0] == '.' && is_digit(name[1])) {
    version += name[1] - '0';
    name += 2;
  }
  return *name ? -1 : version;
}

/* The number 1.1 means the same as the name "1.1": what libcurl counts them by, where 2
 * is HTTP/1.1 and 3 is HTTP/2, is nobody's version. */
static long versioned(lua_State *L, const struct cs_known *k, const char *option,
                      int index) {
  lua_Number number = lua_tonumber(L, index);
  for (const struct cs_name *n = k->naming->names; n->name; n++)
    if (number >= 0 && number == tenths(n->name) / 10.0) return n->value;
  return unknown_name(L, k, option, cs_shown(L, index));
}

static lua_Integer integer(lua_State *L, const struct cs_known *k, const char *option,
                           int index) {
  int exact;
  const struct cs_range *r = k->range;
  lua_Integer value = lua_tointegerx(L, index, &exact);
  if (!exact || (r && (value < r->least || value > r->most)))
    luaL_error(L, "option '%s': %s expected, got %s", option, push_range(L, r),
               cs_shown(L, index));
  return value;
}

/* A number or a name: what may also stand in a list. */
static curl_off_t single(lua_State *L, const struct cs_known *k, const char *option,
                         int index) {
  int type = lua_type(L, index);
  if (type == LUA_TNUMBER && k->naming && k->naming->flags & CS_VERSION)
    return versioned(L, k, option, index);
  if (type == LUA_TNUMBER) return integer(L, k, option, index);
  if (type == LUA_TSTRING && k->naming) return named(L, k, option, index);
  return cs_option_error(L, option, push_expected(L, k), index);
}

curl_off_t cs_value(lua_State *L, const struct cs_known *k, const char *option,
                    int index) {
  curl_off_t value = 0;
  index = lua_absindex(L, index);
  if (lua_isboolean(L, index) && is_flag(k)) return lua_toboolean(L, index);
  if (!lua_istable(L, index) || !k->naming || !(k->naming->flags & CS_FLAGS))
    return single(L, k, option, index);
  size_t length = cs_sequence(L, option, index);
  for (size_t i = 1; i <= length; i++) {
    lua_rawgeti(L, index, (lua_Integer)i);
    value |= single(L, k, option, lua_gettop(L));
    lua_pop(L, 1);
  }
  return value;
}

/* ---- to Lua ------------------------------------------------------------------------ */

void cs_push_named(lua_State *L, CURLoption id, unsigned long value) {
  const struct cs_name *n = cs_naming_of(id)->names;
  while (n->name && (unsigned long)n->value != value) n++;
  if (n->name)
    lua_pushstring(L, n->name);
  else
    lua_pushinteger(L, (lua_Integer)value);
}

void cs_push_flags(lua_State *L, CURLoption id, unsigned long value) {
  lua_Integer count = 0;
  lua_newtable(L);
  while (value) {
    unsigned long rest = value & (value - 1);
    cs_push_named(L, id, value - rest); /* the lowest bit */
    lua_rawseti(L, -2, ++count);
    value = rest;
  }
}
