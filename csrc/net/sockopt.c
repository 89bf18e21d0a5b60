/* SPDX-License-Identifier: MIT
 *
 * sockopt.c - socket options by name.
 */
#include <errno.h>
#include <limits.h>
#ifdef __linux__
#include <linux/tcp.h> /* has more than netinet/tcp.h, and cannot be used with it */
#else
#include <netinet/tcp.h>
#endif
#include <netinet/udp.h>
#include <string.h>

#include "net.h"

/* ---- the options ------------------------------------------------------------------ */

#define ABSENT (-1)

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

static const struct cs_option of_socket[] = {
    {"reuseaddr", SO_REUSEADDR, &cs_opt_bool},
    {"reuseport", SO_REUSEPORT, &cs_opt_bool},
    {"keepalive", SO_KEEPALIVE, &cs_opt_bool},
    {"broadcast", SO_BROADCAST, &cs_opt_bool},
    {"dontroute", SO_DONTROUTE, &cs_opt_bool},
    {"oobinline", SO_OOBINLINE, &cs_opt_bool},
    {"linger", SO_LINGER, &cs_opt_linger},
    {"sndbuf", SO_SNDBUF, &cs_opt_int},
    {"rcvbuf", SO_RCVBUF, &cs_opt_int},
    {"sndbufforce", SO_SNDBUFFORCE, &cs_opt_int},
    {"rcvbufforce", SO_RCVBUFFORCE, &cs_opt_int},
    {"sndlowat", SO_SNDLOWAT, &cs_opt_int},
    {"rcvlowat", SO_RCVLOWAT, &cs_opt_int},
    {"sndtimeo", SO_SNDTIMEO, &cs_opt_time},
    {"rcvtimeo", SO_RCVTIMEO, &cs_opt_time},
    {"mark", SO_MARK, &cs_opt_mark},
    {"priority", SO_PRIORITY, &cs_opt_int},
    {"bindtodevice", SO_BINDTODEVICE, &cs_opt_text},
    {"busy_poll", SO_BUSY_POLL, &cs_opt_usec},
    {"incoming_cpu", SO_INCOMING_CPU, &cs_opt_int},
    {"max_pacing_rate", SO_MAX_PACING_RATE, &cs_opt_rate},
    {"type", SO_TYPE, &cs_opt_type},
    {"domain", SO_DOMAIN, &cs_opt_family},
    {"protocol", SO_PROTOCOL, &cs_opt_number},
    {"acceptconn", SO_ACCEPTCONN, &cs_opt_flag},
    {"error", SO_ERROR, &cs_opt_error},
    {"cookie", SO_COOKIE, &cs_opt_cookie},
    {"peercred", SO_PEERCRED, &cs_opt_cred},
    {NULL, 0, NULL},
};

static const struct cs_option of_tcp[] = {
    {"nodelay", TCP_NODELAY, &cs_opt_bool},
    {"cork", TCP_CORK, &cs_opt_bool},
    {"maxseg", TCP_MAXSEG, &cs_opt_int},
    {"keepidle", TCP_KEEPIDLE, &cs_opt_int},
    {"keepintvl", TCP_KEEPINTVL, &cs_opt_int},
    {"keepcnt", TCP_KEEPCNT, &cs_opt_int},
    {"syncnt", TCP_SYNCNT, &cs_opt_int},
    {"linger2", TCP_LINGER2, &cs_opt_int},
    {"defer_accept", TCP_DEFER_ACCEPT, &cs_opt_int},
    {"window_clamp", TCP_WINDOW_CLAMP, &cs_opt_int},
    {"quickack", TCP_QUICKACK, &cs_opt_bool},
    {"congestion", TCP_CONGESTION, &cs_opt_text},
    {"user_timeout", TCP_USER_TIMEOUT, &cs_opt_msec},
    {"fastopen", TCP_FASTOPEN, &cs_opt_int},
    {"fastopen_connect", TCP_FASTOPEN_CONNECT, &cs_opt_bool},
    {"notsent_lowat", TCP_NOTSENT_LOWAT, &cs_opt_int},
    {NULL, 0, NULL},
};

static const struct cs_option of_ip[] = {
    {"tos", IP_TOS, &cs_opt_int},
    {"ttl", IP_TTL, &cs_opt_int},
    {"minttl", IP_MINTTL, &cs_opt_int},
    {"mtu", IP_MTU, &cs_opt_number},
    {"mtu_discover", IP_MTU_DISCOVER, &cs_opt_int},
    {"transparent", IP_TRANSPARENT, &cs_opt_bool},
    {"freebind", IP_FREEBIND, &cs_opt_bool},
    {"bind_address_no_port", IP_BIND_ADDRESS_NO_PORT, &cs_opt_bool},
    {NULL, 0, NULL},
};

static const struct cs_option of_ipv6[] = {
    {"v6only", IPV6_V6ONLY, &cs_opt_bool},
    {"tclass", IPV6_TCLASS, &cs_opt_int},
    {"unicast_hops", IPV6_UNICAST_HOPS, &cs_opt_int},
    {"minhopcount", IPV6_MINHOPCOUNT, &cs_opt_int},
    {"mtu", IPV6_MTU, &cs_opt_int},
    {"mtu_discover", IPV6_MTU_DISCOVER, &cs_opt_int},
    {"dontfrag", IPV6_DONTFRAG, &cs_opt_bool},
    {"transparent", IPV6_TRANSPARENT, &cs_opt_bool},
    {"freebind", IPV6_FREEBIND, &cs_opt_bool},
    {NULL, 0, NULL},
};

static const struct cs_option of_udp[] = {
    {"cork", UDP_CORK, &cs_opt_bool},
    {"segment", UDP_SEGMENT, &cs_opt_int},
    {"gro", UDP_GRO, &cs_opt_bool},
    {NULL, 0, NULL},
};

static const struct cs_option of_others[] = {{NULL, 0, NULL}};

struct level {
  const char *name;
  int number;
  const struct cs_option *options;
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
  const struct cs_option *option; /* NULL for a number */
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
    cs_arg_error(L, 2, "%s or an integer expected, got %s",
                 "\"socket\", \"tcp\", \"udp\", \"ip\", \"ipv6\"", cs_shown(L, 2));
  if (!by_number) *number = l->number;
  return l;
}

static const struct cs_option *option_arg(lua_State *L, const struct level *l) {
  const struct cs_option *o = l->options;
  const char *name = cs_word(L, 3);
  while (o->name && strcmp(o->name, name)) o++;
  const char *level = cs_shown(L, 2), *text = cs_shown(L, 3);
  if (o->name) return o;
  struct cs_names names = cs_names_of(l->options, (size_t)-1);
  const char *hint = cs_did_you_mean(L, name, &names);
  cs_arg_error(L, 3, "unknown option %s of level %s%s", text, level, hint);
  return NULL;
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
static const void *read_value(lua_State *L, const struct cs_option *o, union cs_optval *v,
                              socklen_t *len) {
  size_t n = 0;
  if (o && !o->kind->read) cs_arg_error(L, 3, "option '%s' can only be read", o->name);
  if (o) {
    *len = o->kind->read(L, o, v);
    return v;
  }
  if (lua_type(L, 4) == LUA_TSTRING) {
    const char *bytes = lua_tolstring(L, 4, &n);
    luaL_argcheck(L, n <= INT_MAX, 4, "string too long");
    *len = (socklen_t)n;
    return bytes;
  }
  v->i = (int)cs_optval_within(L, o, INT_MIN, INT_MAX, "integer of 32 bits, or string,");
  *len = sizeof v->i;
  return v;
}

/* socket:setsockopt(level, option, value): sets an option of level "socket", "tcp",
 * "udp", "ip" or "ipv6" by its name in lower case: an integer, a boolean, seconds
 * (sndtimeo, rcvtimeo, user_timeout, busy_poll: fractions too), a string (bindtodevice,
 * congestion), or for linger whole seconds, nil and false meaning off. Level and option
 * may be integers of the system: then value is an integer, or a string of raw bytes.
 * Returns the socket; on failure nil, message, name ("ENOPROTOOPT" for an option that
 * this system does not have). An unknown option and a wrong value raise an error.
 * -> Socket | nil, message, name */
int cs_sockopt_set(lua_State *L) {
  lua_settop(L, 4);
  struct target t = target_arg(L);
  union cs_optval v;
  socklen_t len;
  const void *value = read_value(L, t.option, &v, &len);
  struct cs_socket *s = cs_socket_check(L, "setsockopt", CS_IF_OPEN);
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
  struct cs_socket *s = cs_socket_check(L, "getsockopt", CS_IF_OPEN);
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
 * name.
 * -> value: any | nil, message, name */
int cs_sockopt_get(lua_State *L) {
  lua_settop(L, 4);
  struct target t = target_arg(L);
#ifdef SO_GET_FILTER /* its size counts no bytes: the kernel would write 8 times that */
  if (t.level == SOL_SOCKET && t.number == SO_GET_FILTER)
    return cs_arg_error(L, 3, "option %d cannot be read from Lua", t.number);
#endif
  if (!t.option && !lua_isnil(L, 4)) return get_raw(L, &t);
  const struct cs_optkind *kind = t.option ? t.option->kind : &cs_opt_int;
  struct cs_socket *s = cs_socket_check(L, "getsockopt", CS_IF_OPEN);
  union cs_optval v;
  socklen_t len = kind->size;
  memset(&v, 0, sizeof v);
  errno = ENOPROTOOPT;
  if (t.number == ABSENT || getsockopt(s->fd, t.level, t.number, &v, &len))
    return fail(L, errno, "getsockopt", &t);
  kind->push(L, &v);
  return 1;
}
