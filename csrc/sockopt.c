/* SPDX-License-Identifier: MIT
 *
 * sockopt.c - socket options by name.
 */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#ifdef __linux__
#include <linux/tcp.h> /* has more than netinet/tcp.h, and cannot be used with it */
#else
#include <netinet/tcp.h>
#endif
#include <netinet/udp.h>
#include <string.h>
#include <sys/time.h>

#include "curlsock.h"

/* ---- what values look like -------------------------------------------------------- */

union value {
  int i;
  unsigned u;
  unsigned long rate;
  uint64_t cookie;
  struct timeval time;
  struct linger linger;
  char text[IFNAMSIZ]; /* room for the name of a congestion control too (16) */
#ifdef __linux__
  struct ucred cred;
#endif
};

struct option;

/* How the values of an option are made and shown. */
struct kind {
  socklen_t size;
  /* Makes the value at index 4 what setsockopt takes and returns its size; NULL if the
   * option can only be read. */
  socklen_t (*take)(lua_State *L, const struct option *o, union value *v);
  void (*push)(lua_State *L, const union value *v);
};

struct option {
  const char *name;
  int number; /* ABSENT if this system has none */
  const struct kind *kind;
};

#define ABSENT (-1)

/* Raises an error about the argument at index. */
static int arg_error(lua_State *L, int index, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = lua_pushvfstring(L, format, args);
  va_end(args);
  return luaL_argerror(L, index, text);
}

static int bad_value(lua_State *L, const struct option *o, const char *expected) {
  const char *got =
      lua_type(L, 4) == LUA_TNUMBER ? luaL_tolstring(L, 4, NULL) : luaL_typename(L, 4);
  const char *name = o ? o->name : "(number)";
  return arg_error(L, 4, "option '%s': %s expected, got %s", name, expected, got);
}

/* The integer at index 4; raises an error if it is none, or not within min..max. */
static lua_Integer take_within(lua_State *L, const struct option *o, lua_Integer min,
                               lua_Integer max, const char *expected) {
  int ok = 0;
  lua_Integer value = lua_type(L, 4) == LUA_TNUMBER ? lua_tointegerx(L, 4, &ok) : 0;
  if (!ok || value < min || value > max) bad_value(L, o, expected);
  return value;
}

static socklen_t take_integer(lua_State *L, const struct option *o, union value *v) {
  v->i = (int)take_within(L, o, INT_MIN, INT_MAX, "integer of 32 bits");
  return sizeof v->i;
}

static void push_integer(lua_State *L, const union value *v) { lua_pushinteger(L, v->i); }

static socklen_t take_boolean(lua_State *L, const struct option *o, union value *v) {
  if (!lua_isboolean(L, 4)) bad_value(L, o, "boolean");
  v->i = lua_toboolean(L, 4);
  return sizeof v->i;
}

static void push_boolean(lua_State *L, const union value *v) { lua_pushboolean(L, v->i); }

static socklen_t take_mark(lua_State *L, const struct option *o, union value *v) {
  v->u = (unsigned)take_within(L, o, 0, UINT_MAX, "integer of 32 bits, not negative,");
  return sizeof v->u;
}

static void push_mark(lua_State *L, const union value *v) { lua_pushinteger(L, v->u); }

/* Bytes per second; -1 means no limit. */
static socklen_t take_rate(lua_State *L, const struct option *o, union value *v) {
  v->rate = (unsigned long)take_within(L, o, -1, LONG_MAX, "integer, -1 or more,");
  return sizeof v->rate;
}

static void push_rate(lua_State *L, const union value *v) {
  lua_pushinteger(L, (lua_Integer)(long)v->rate);
}

/* The seconds at index 4, in smaller units: more than nothing never becomes 0, which
 * means something else. */
static int64_t take_seconds(lua_State *L, const struct option *o, double units) {
  double seconds = lua_type(L, 4) == LUA_TNUMBER ? lua_tonumber(L, 4) : -1;
  if (!(seconds >= 0 && seconds <= INT_MAX)) bad_value(L, o, "seconds, not negative,");
  int64_t count = (int64_t)(seconds * units);
  return (double)count < seconds * units ? count + 1 : count;
}

static socklen_t take_time(lua_State *L, const struct option *o, union value *v) {
  int64_t count = take_seconds(L, o, 1e6);
  v->time.tv_sec = (time_t)(count / 1000000);
  v->time.tv_usec = (suseconds_t)(count % 1000000);
  return sizeof v->time;
}

static void push_time(lua_State *L, const union value *v) {
  lua_pushnumber(L, (double)v->time.tv_sec + (double)v->time.tv_usec / 1e6);
}

static socklen_t take_units(lua_State *L, const struct option *o, union value *v,
                            double units) {
  int64_t count = take_seconds(L, o, units);
  if (count > INT_MAX) bad_value(L, o, "fewer seconds");
  v->i = (int)count;
  return sizeof v->i;
}

static socklen_t take_milliseconds(lua_State *L, const struct option *o, union value *v) {
  return take_units(L, o, v, 1e3);
}

static void push_milliseconds(lua_State *L, const union value *v) {
  lua_pushnumber(L, v->i / 1e3);
}

static socklen_t take_microseconds(lua_State *L, const struct option *o, union value *v) {
  return take_units(L, o, v, 1e6);
}

static void push_microseconds(lua_State *L, const union value *v) {
  lua_pushnumber(L, v->i / 1e6);
}

static socklen_t take_linger(lua_State *L, const struct option *o, union value *v) {
  static const char expected[] = "whole seconds, or nil or false for off,";
  v->linger.l_onoff = lua_toboolean(L, 4);
  v->linger.l_linger = 0;
  if (v->linger.l_onoff)
    v->linger.l_linger = (int)take_within(L, o, 0, INT_MAX, expected);
  return sizeof v->linger;
}

static void push_linger(lua_State *L, const union value *v) {
  if (v->linger.l_onoff)
    lua_pushinteger(L, v->linger.l_linger);
  else
    lua_pushboolean(L, 0);
}

/* The kernel would cut a longer text, and mean another device. */
static socklen_t take_text(lua_State *L, const struct option *o, union value *v) {
  size_t n = 0;
  const char *text = lua_type(L, 4) == LUA_TSTRING ? lua_tolstring(L, 4, &n) : NULL;
  if (!text || n >= sizeof v->text || memchr(text, 0, n))
    bad_value(L, o, "string of at most 15 bytes without NUL");
  memcpy(v->text, text, n + 1);
  return (socklen_t)n + 1;
}

static void push_text(lua_State *L, const union value *v) {
  lua_pushlstring(L, v->text, strnlen(v->text, sizeof v->text));
}

static void push_cookie(lua_State *L, const union value *v) {
  lua_pushinteger(L, (lua_Integer)v->cookie);
}

static void push_family(lua_State *L, const union value *v) { cs_push_family(L, v->i); }

static void push_socktype(lua_State *L, const union value *v) {
  cs_push_socktype(L, v->i);
}

/* The errno's name, false for none. */
static void push_error(lua_State *L, const union value *v) {
  if (v->i)
    lua_pushstring(L, cs_errno_name(v->i));
  else
    lua_pushboolean(L, 0);
}

#ifdef __linux__
/* Who is at the other end of a UNIX socket; pid 0 if nobody is. */
static void push_cred(lua_State *L, const union value *v) {
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, v->cred.pid);
  lua_setfield(L, -2, "pid");
  lua_pushinteger(L, v->cred.uid);
  lua_setfield(L, -2, "uid");
  lua_pushinteger(L, v->cred.gid);
  lua_setfield(L, -2, "gid");
}
static const struct kind Cred = {sizeof(struct ucred), NULL, push_cred};
#else
static const struct kind Cred = {0, NULL, NULL};
#endif

static const struct kind Int = {sizeof(int), take_integer, push_integer};
static const struct kind Bool = {sizeof(int), take_boolean, push_boolean};
static const struct kind Mark = {sizeof(unsigned), take_mark, push_mark};
static const struct kind Rate = {sizeof(unsigned long), take_rate, push_rate};
static const struct kind Time = {sizeof(struct timeval), take_time, push_time};
static const struct kind Msec = {sizeof(int), take_milliseconds, push_milliseconds};
static const struct kind Usec = {sizeof(int), take_microseconds, push_microseconds};
static const struct kind Linger = {sizeof(struct linger), take_linger, push_linger};
static const struct kind Text = {IFNAMSIZ, take_text, push_text};
static const struct kind Cookie = {sizeof(uint64_t), NULL, push_cookie};
static const struct kind Family = {sizeof(int), NULL, push_family};
static const struct kind Type = {sizeof(int), NULL, push_socktype};
static const struct kind Error = {sizeof(int), NULL, push_error};
static const struct kind Flag = {sizeof(int), NULL, push_boolean};
static const struct kind Number = {sizeof(int), NULL, push_integer};

/* ---- the options ------------------------------------------------------------------ */

/* What not every system has. */
#ifndef __linux__
#undef SO_PEERCRED /* if there is one, it is another struct */
#define SO_PEERCRED ABSENT
#endif
#ifndef SO_REUSEPORT
#define SO_REUSEPORT ABSENT
#endif
#ifndef SO_SNDBUFFORCE
#define SO_SNDBUFFORCE ABSENT
#endif
#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE ABSENT
#endif
#ifndef SO_MARK
#define SO_MARK ABSENT
#endif
#ifndef SO_PRIORITY
#define SO_PRIORITY ABSENT
#endif
#ifndef SO_BINDTODEVICE
#define SO_BINDTODEVICE ABSENT
#endif
#ifndef SO_BUSY_POLL
#define SO_BUSY_POLL ABSENT
#endif
#ifndef SO_INCOMING_CPU
#define SO_INCOMING_CPU ABSENT
#endif
#ifndef SO_MAX_PACING_RATE
#define SO_MAX_PACING_RATE ABSENT
#endif
#ifndef SO_DOMAIN
#define SO_DOMAIN ABSENT
#endif
#ifndef SO_PROTOCOL
#define SO_PROTOCOL ABSENT
#endif
#ifndef SO_COOKIE
#define SO_COOKIE ABSENT
#endif
#ifndef TCP_CORK
#define TCP_CORK ABSENT
#endif
#ifndef TCP_KEEPIDLE
#define TCP_KEEPIDLE ABSENT
#endif
#ifndef TCP_KEEPINTVL
#define TCP_KEEPINTVL ABSENT
#endif
#ifndef TCP_KEEPCNT
#define TCP_KEEPCNT ABSENT
#endif
#ifndef TCP_SYNCNT
#define TCP_SYNCNT ABSENT
#endif
#ifndef TCP_LINGER2
#define TCP_LINGER2 ABSENT
#endif
#ifndef TCP_DEFER_ACCEPT
#define TCP_DEFER_ACCEPT ABSENT
#endif
#ifndef TCP_WINDOW_CLAMP
#define TCP_WINDOW_CLAMP ABSENT
#endif
#ifndef TCP_QUICKACK
#define TCP_QUICKACK ABSENT
#endif
#ifndef TCP_CONGESTION
#define TCP_CONGESTION ABSENT
#endif
#ifndef TCP_USER_TIMEOUT
#define TCP_USER_TIMEOUT ABSENT
#endif
#ifndef TCP_FASTOPEN
#define TCP_FASTOPEN ABSENT
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT ABSENT
#endif
#ifndef TCP_NOTSENT_LOWAT
#define TCP_NOTSENT_LOWAT ABSENT
#endif
#ifndef IP_MINTTL
#define IP_MINTTL ABSENT
#endif
#ifndef IP_MTU
#define IP_MTU ABSENT
#endif
#ifndef IP_MTU_DISCOVER
#define IP_MTU_DISCOVER ABSENT
#endif
#ifndef IP_TRANSPARENT
#define IP_TRANSPARENT ABSENT
#endif
#ifndef IP_FREEBIND
#define IP_FREEBIND ABSENT
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT ABSENT
#endif
#ifndef IPV6_TCLASS
#define IPV6_TCLASS ABSENT
#endif
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT ABSENT
#endif
#ifndef IPV6_MTU
#define IPV6_MTU ABSENT
#endif
#ifndef IPV6_MTU_DISCOVER
#define IPV6_MTU_DISCOVER ABSENT
#endif
#ifndef IPV6_DONTFRAG
#define IPV6_DONTFRAG ABSENT
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT ABSENT
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND ABSENT
#endif
#ifndef UDP_CORK
#define UDP_CORK ABSENT
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT ABSENT
#endif
#ifndef UDP_GRO
#define UDP_GRO ABSENT
#endif

static const struct option of_socket[] = {
    {"reuseaddr", SO_REUSEADDR, &Bool},
    {"reuseport", SO_REUSEPORT, &Bool},
    {"keepalive", SO_KEEPALIVE, &Bool},
    {"broadcast", SO_BROADCAST, &Bool},
    {"dontroute", SO_DONTROUTE, &Bool},
    {"oobinline", SO_OOBINLINE, &Bool},
    {"linger", SO_LINGER, &Linger},
    {"sndbuf", SO_SNDBUF, &Int},
    {"rcvbuf", SO_RCVBUF, &Int},
    {"sndbufforce", SO_SNDBUFFORCE, &Int},
    {"rcvbufforce", SO_RCVBUFFORCE, &Int},
    {"sndlowat", SO_SNDLOWAT, &Int},
    {"rcvlowat", SO_RCVLOWAT, &Int},
    {"sndtimeo", SO_SNDTIMEO, &Time},
    {"rcvtimeo", SO_RCVTIMEO, &Time},
    {"mark", SO_MARK, &Mark},
    {"priority", SO_PRIORITY, &Int},
    {"bindtodevice", SO_BINDTODEVICE, &Text},
    {"busy_poll", SO_BUSY_POLL, &Usec},
    {"incoming_cpu", SO_INCOMING_CPU, &Int},
    {"max_pacing_rate", SO_MAX_PACING_RATE, &Rate},
    {"type", SO_TYPE, &Type},
    {"domain", SO_DOMAIN, &Family},
    {"protocol", SO_PROTOCOL, &Number},
    {"acceptconn", SO_ACCEPTCONN, &Flag},
    {"error", SO_ERROR, &Error},
    {"cookie", SO_COOKIE, &Cookie},
    {"peercred", SO_PEERCRED, &Cred},
    {NULL, 0, NULL},
};

static const struct option of_tcp[] = {
    {"nodelay", TCP_NODELAY, &Bool},
    {"cork", TCP_CORK, &Bool},
    {"maxseg", TCP_MAXSEG, &Int},
    {"keepidle", TCP_KEEPIDLE, &Int},
    {"keepintvl", TCP_KEEPINTVL, &Int},
    {"keepcnt", TCP_KEEPCNT, &Int},
    {"syncnt", TCP_SYNCNT, &Int},
    {"linger2", TCP_LINGER2, &Int},
    {"defer_accept", TCP_DEFER_ACCEPT, &Int},
    {"window_clamp", TCP_WINDOW_CLAMP, &Int},
    {"quickack", TCP_QUICKACK, &Bool},
    {"congestion", TCP_CONGESTION, &Text},
    {"user_timeout", TCP_USER_TIMEOUT, &Msec},
    {"fastopen", TCP_FASTOPEN, &Int},
    {"fastopen_connect", TCP_FASTOPEN_CONNECT, &Bool},
    {"notsent_lowat", TCP_NOTSENT_LOWAT, &Int},
    {NULL, 0, NULL},
};

static const struct option of_ip[] = {
    {"tos", IP_TOS, &Int},
    {"ttl", IP_TTL, &Int},
    {"minttl", IP_MINTTL, &Int},
    {"mtu", IP_MTU, &Number},
    {"mtu_discover", IP_MTU_DISCOVER, &Int},
    {"transparent", IP_TRANSPARENT, &Bool},
    {"freebind", IP_FREEBIND, &Bool},
    {"bind_address_no_port", IP_BIND_ADDRESS_NO_PORT, &Bool},
    {NULL, 0, NULL},
};

static const struct option of_ipv6[] = {
    {"v6only", IPV6_V6ONLY, &Bool},
    {"tclass", IPV6_TCLASS, &Int},
    {"unicast_hops", IPV6_UNICAST_HOPS, &Int},
    {"minhopcount", IPV6_MINHOPCOUNT, &Int},
    {"mtu", IPV6_MTU, &Int},
    {"mtu_discover", IPV6_MTU_DISCOVER, &Int},
    {"dontfrag", IPV6_DONTFRAG, &Bool},
    {"transparent", IPV6_TRANSPARENT, &Bool},
    {"freebind", IPV6_FREEBIND, &Bool},
    {NULL, 0, NULL},
};

static const struct option of_udp[] = {
    {"cork", UDP_CORK, &Bool},
    {"segment", UDP_SEGMENT, &Int},
    {"gro", UDP_GRO, &Bool},
    {NULL, 0, NULL},
};

static const struct option of_others[] = {{NULL, 0, NULL}};

struct level {
  const char *name;
  int number;
  const struct option *options;
};

static const struct level levels[] = {
    {"socket", SOL_SOCKET, of_socket}, {"tcp", IPPROTO_TCP, of_tcp},
    {"ip", IPPROTO_IP, of_ip},         {"ipv6", IPPROTO_IPV6, of_ipv6},
    {"udp", IPPROTO_UDP, of_udp},      {NULL, 0, of_others},
};

/* ---- reading the arguments -------------------------------------------------------- */

/* Which option is meant: that of a name, or a level and a number. */
struct target {
  int level, number;
  const struct option *option; /* NULL for a number */
};

/* Whether the value at index is a number that an int can hold. */
static int is_int(lua_State *L, int index) {
  int ok;
  lua_Integer value = lua_tointegerx(L, index, &ok);
  return ok && lua_type(L, index) == LUA_TNUMBER && value >= INT_MIN && value <= INT_MAX;
}

static const struct level *level_arg(lua_State *L, int *number) {
  const struct level *l = levels;
  int by_number = is_int(L, 2);
  const char *name = cs_word(L, 2);
  *number = by_number ? (int)lua_tointeger(L, 2) : 0;
  while (l->name && (by_number ? l->number != *number : strcmp(l->name, name) != 0)) l++;
  if (!l->name && !by_number)
    arg_error(L, 2, "%s or an integer expected, got %s",
              "\"socket\", \"tcp\", \"udp\", \"ip\", \"ipv6\"", cs_shown(L, 2));
  if (!by_number) *number = l->number;
  return l;
}

static const struct option *option_arg(lua_State *L, const struct level *l) {
  const struct option *o = l->options;
  const char *name = cs_word(L, 3);
  while (o->name && strcmp(o->name, name)) o++;
  const char *level = cs_shown(L, 2), *text = cs_shown(L, 3);
  if (!o->name) arg_error(L, 3, "unknown option %s of level %s", text, level);
  return o;
}

/* Level and option, at indices 2 and 3. */
static struct target target_arg(lua_State *L) {
  struct target t = {0, 0, NULL};
  const struct level *l = level_arg(L, &t.level);
  if (is_int(L, 3)) {
    t.number = (int)lua_tointeger(L, 3);
  } else {
    t.option = option_arg(L, l);
    t.number = t.option->number;
  }
  return t;
}

/* ---- the methods ------------------------------------------------------------------ */

static int fail(lua_State *L, int code, const char *call, const struct target *t) {
  if (t->option) call = lua_pushfstring(L, "%s %s", call, t->option->name);
  return cs_fail_errno(L, code, call);
}

/* Makes the value at index 4 what setsockopt takes: where it is, and how long. */
static const void *take_value(lua_State *L, const struct option *o, union value *v,
                              socklen_t *len) {
  size_t n = 0;
  if (o && !o->kind->take) arg_error(L, 3, "option '%s' can only be read", o->name);
  if (o) {
    *len = o->kind->take(L, o, v);
    return v;
  }
  if (lua_type(L, 4) == LUA_TSTRING) {
    const char *bytes = lua_tolstring(L, 4, &n);
    luaL_argcheck(L, n <= INT_MAX, 4, "string too long");
    *len = (socklen_t)n;
    return bytes;
  }
  v->i = (int)take_within(L, o, INT_MIN, INT_MAX, "integer of 32 bits, or string,");
  *len = sizeof v->i;
  return v;
}

/* socket:setsockopt(level, option, value): sets an option of level "socket", "tcp",
 * "udp", "ip" or "ipv6" by its name in lower case: an integer, a boolean, seconds
 * (sndtimeo, rcvtimeo, user_timeout, busy_poll: fractions too), a string (bindtodevice,
 * congestion), or for linger whole seconds, nil and false meaning off. Level and option
 * may be integers of the system: then value is an integer, or a string of raw bytes.
 * Returns the socket; on failure nil, message, name ("ENOPROTOOPT" for an option that this
 * system does not have). An unknown option and a wrong value raise an error. */
int cs_sockopt_set(lua_State *L) {
  lua_settop(L, 4);
  struct target t = target_arg(L);
  union value v;
  socklen_t len;
  const void *value = take_value(L, t.option, &v, &len);
  struct cs_socket *s = cs_socket_open_arg(L, "setsockopt");
  errno = ENOPROTOOPT;
  if (t.number == ABSENT || setsockopt(s->fd, t.level, t.number, value, len))
    return fail(L, errno, "setsockopt", &t);
  lua_settop(L, 1);
  return 1;
}

static int get_raw(lua_State *L, const struct target *t) {
  luaL_Buffer b;
  lua_Integer size = luaL_checkinteger(L, 4);
  luaL_argcheck(L, size > 0 && size <= 65536, 4, "size from 1 to 65536 expected");
  char *bytes = memset(luaL_buffinitsize(L, &b, (size_t)size), 0, (size_t)size);
  struct cs_socket *s = cs_socket_open_arg(L, "getsockopt");
  socklen_t len = (socklen_t)size;
  if (getsockopt(s->fd, t->level, t->number, bytes, &len))
    return fail(L, errno, "getsockopt", t);
  luaL_pushresultsize(&b, len < (socklen_t)size ? len : (size_t)size);
  return 1;
}

/* socket:getsockopt(level, option [, size]): the value of an option, as setsockopt
 * takes it; type and domain are names as in curl.socket, error is an errno's name or
 * false, peercred a table with pid, uid and gid. An option given as an integer is an
 * integer; with size, a string of at most so many raw bytes. On failure nil, message,
 * name. */
int cs_sockopt_get(lua_State *L) {
  lua_settop(L, 4);
  struct target t = target_arg(L);
#ifdef SO_GET_FILTER /* its size is no number of bytes: the kernel would write 8 times that */
  if (t.level == SOL_SOCKET && t.number == SO_GET_FILTER)
    return arg_error(L, 3, "option %d cannot be read from Lua", t.number);
#endif
  if (!t.option && !lua_isnil(L, 4)) return get_raw(L, &t);
  const struct kind *kind = t.option ? t.option->kind : &Int;
  struct cs_socket *s = cs_socket_open_arg(L, "getsockopt");
  union value v;
  socklen_t len = kind->size;
  memset(&v, 0, sizeof v);
  errno = ENOPROTOOPT;
  if (t.number == ABSENT || getsockopt(s->fd, t.level, t.number, &v, &len))
    return fail(L, errno, "getsockopt", &t);
  kind->push(L, &v);
  return 1;
}
