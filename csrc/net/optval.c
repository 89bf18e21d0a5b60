/* SPDX-License-Identifier: MIT
 *
 * optval.c - what the values of socket options look like in Lua.
 */
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "net.h"

/* ---- what values look like -------------------------------------------------------- */

/* Raises an error about the argument at index. */
int cs_arg_error(lua_State *L, int index, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = lua_pushvfstring(L, format, args);
  va_end(args);
  return luaL_argerror(L, index, text);
}

static int bad_value(lua_State *L, const struct cs_option *o, const char *expected) {
  const char *got =
      lua_type(L, 4) == LUA_TNUMBER ? luaL_tolstring(L, 4, NULL) : luaL_typename(L, 4);
  const char *name = o ? o->name : "(number)";
  return cs_arg_error(L, 4, "option '%s': %s expected, got %s", name, expected, got);
}

/* The integer at index 4; raises an error if it is none, or not within min..max. */
lua_Integer cs_optval_within(lua_State *L, const struct cs_option *o, lua_Integer min,
                             lua_Integer max, const char *expected) {
  int ok = 0;
  lua_Integer value = lua_type(L, 4) == LUA_TNUMBER ? lua_tointegerx(L, 4, &ok) : 0;
  if (!ok || value < min || value > max) bad_value(L, o, expected);
  return value;
}

static socklen_t read_integer(lua_State *L, const struct cs_option *o,
                              union cs_optval *v) {
  v->i = (int)cs_optval_within(L, o, INT_MIN, INT_MAX, "integer of 32 bits");
  return sizeof v->i;
}

static void push_integer(lua_State *L, const union cs_optval *v) {
  lua_pushinteger(L, v->i);
}

static socklen_t read_boolean(lua_State *L, const struct cs_option *o,
                              union cs_optval *v) {
  if (!lua_isboolean(L, 4)) bad_value(L, o, "boolean");
  v->i = lua_toboolean(L, 4);
  return sizeof v->i;
}

static void push_boolean(lua_State *L, const union cs_optval *v) {
  lua_pushboolean(L, v->i);
}

static socklen_t read_mark(lua_State *L, const struct cs_option *o, union cs_optval *v) {
  v->u =
      (unsigned)cs_optval_within(L, o, 0, UINT_MAX, "integer of 32 bits, not negative,");
  return sizeof v->u;
}

static void push_mark(lua_State *L, const union cs_optval *v) {
  lua_pushinteger(L, v->u);
}

/* Bytes per second; -1 means no limit. */
static socklen_t read_rate(lua_State *L, const struct cs_option *o, union cs_optval *v) {
  v->rate = (unsigned long)cs_optval_within(L, o, -1, LONG_MAX, "integer, -1 or more,");
  return sizeof v->rate;
}

static void push_rate(lua_State *L, const union cs_optval *v) {
  lua_pushinteger(L, (lua_Integer)(long)v->rate);
}

/* The seconds at index 4, in smaller units: more than nothing never becomes 0, which
 * means something else. */
static int64_t read_seconds(lua_State *L, const struct cs_option *o, double units) {
  double seconds = lua_type(L, 4) == LUA_TNUMBER ? lua_tonumber(L, 4) : -1;
  if (!(seconds >= 0 && seconds <= INT_MAX)) bad_value(L, o, "seconds, not negative,");
  int64_t count = (int64_t)(seconds * units);
  return (double)count < seconds * units ? count + 1 : count;
}

static socklen_t read_time(lua_State *L, const struct cs_option *o, union cs_optval *v) {
  int64_t count = read_seconds(L, o, 1e6);
  v->time.tv_sec = (time_t)(count / 1000000);
  v->time.tv_usec = (suseconds_t)(count % 1000000);
  return sizeof v->time;
}

static void push_time(lua_State *L, const union cs_optval *v) {
  lua_pushnumber(L, (double)v->time.tv_sec + (double)v->time.tv_usec / 1e6);
}

static socklen_t read_units(lua_State *L, const struct cs_option *o, union cs_optval *v,
                            double units) {
  int64_t count = read_seconds(L, o, units);
  if (count > INT_MAX) bad_value(L, o, "fewer seconds");
  v->i = (int)count;
  return sizeof v->i;
}

static socklen_t read_milliseconds(lua_State *L, const struct cs_option *o,
                                   union cs_optval *v) {
  return read_units(L, o, v, 1e3);
}

static void push_milliseconds(lua_State *L, const union cs_optval *v) {
  lua_pushnumber(L, v->i / 1e3);
}

static socklen_t read_microseconds(lua_State *L, const struct cs_option *o,
                                   union cs_optval *v) {
  return read_units(L, o, v, 1e6);
}

static void push_microseconds(lua_State *L, const union cs_optval *v) {
  lua_pushnumber(L, v->i / 1e6);
}

static socklen_t read_linger(lua_State *L, const struct cs_option *o,
                             union cs_optval *v) {
  static const char expected[] = "whole seconds, or nil or false for off,";
  v->linger.l_onoff = lua_toboolean(L, 4);
  v->linger.l_linger = 0;
  if (v->linger.l_onoff)
    v->linger.l_linger = (int)cs_optval_within(L, o, 0, INT_MAX, expected);
  return sizeof v->linger;
}

static void push_linger(lua_State *L, const union cs_optval *v) {
  if (v->linger.l_onoff)
    lua_pushinteger(L, v->linger.l_linger);
  else
    lua_pushboolean(L, 0);
}

/* The kernel would cut a longer text, and mean another device. */
static socklen_t read_text(lua_State *L, const struct cs_option *o, union cs_optval *v) {
  size_t n = 0;
  const char *text = lua_type(L, 4) == LUA_TSTRING ? lua_tolstring(L, 4, &n) : NULL;
  if (!text || n >= sizeof v->text || memchr(text, 0, n))
    bad_value(L, o, "string of at most 15 bytes without NUL");
  memcpy(v->text, text, n + 1);
  return (socklen_t)n + 1;
}

static void push_text(lua_State *L, const union cs_optval *v) {
  lua_pushlstring(L, v->text, strnlen(v->text, sizeof v->text));
}

static void push_cookie(lua_State *L, const union cs_optval *v) {
  lua_pushinteger(L, (lua_Integer)v->cookie);
}

static void push_family(lua_State *L, const union cs_optval *v) {
  cs_push_family(L, v->i);
}

static void push_socktype(lua_State *L, const union cs_optval *v) {
  cs_push_socktype(L, v->i);
}

/* The errno's name, false for none. */
static void push_error(lua_State *L, const union cs_optval *v) {
  if (v->i)
    lua_pushstring(L, cs_errno_name(v->i));
  else
    lua_pushboolean(L, 0);
}

#ifdef __linux__
/* Who is at the other end of a UNIX socket; pid 0 if nobody is. */
static void push_cred(lua_State *L, const union cs_optval *v) {
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, v->cred.pid);
  lua_setfield(L, -2, "pid");
  lua_pushinteger(L, v->cred.uid);
  lua_setfield(L, -2, "uid");
  lua_pushinteger(L, v->cred.gid);
  lua_setfield(L, -2, "gid");
}
const struct cs_optkind cs_opt_cred = {sizeof(struct ucred), NULL, push_cred};
#else
const struct cs_optkind cs_opt_cred = {0, NULL, NULL};
#endif

const struct cs_optkind cs_opt_int = {sizeof(int), read_integer, push_integer};
const struct cs_optkind cs_opt_bool = {sizeof(int), read_boolean, push_boolean};
const struct cs_optkind cs_opt_mark = {sizeof(unsigned), read_mark, push_mark};
const struct cs_optkind cs_opt_rate = {sizeof(unsigned long), read_rate, push_rate};
const struct cs_optkind cs_opt_time = {sizeof(struct timeval), read_time, push_time};
const struct cs_optkind cs_opt_msec = {sizeof(int), read_milliseconds, push_milliseconds};
const struct cs_optkind cs_opt_usec = {sizeof(int), read_microseconds, push_microseconds};
const struct cs_optkind cs_opt_linger = {sizeof(struct linger), read_linger, push_linger};
const struct cs_optkind cs_opt_text = {IFNAMSIZ, read_text, push_text};
const struct cs_optkind cs_opt_cookie = {sizeof(uint64_t), NULL, push_cookie};
const struct cs_optkind cs_opt_family = {sizeof(int), NULL, push_family};
const struct cs_optkind cs_opt_type = {sizeof(int), NULL, push_socktype};
const struct cs_optkind cs_opt_error = {sizeof(int), NULL, push_error};
const struct cs_optkind cs_opt_flag = {sizeof(int), NULL, push_boolean};
const struct cs_optkind cs_opt_number = {sizeof(int), NULL, push_integer};
