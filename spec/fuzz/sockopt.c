/* SPDX-License-Identifier: MIT
 *
 * sockopt.c - fuzzes socket:setsockopt and getsockopt with any value for any option. What
 * reaches the kernel, and what is made of its answer, is compared with tables of its own.
 */
#include "kernel.h"

#include <limits.h>
#include <linux/tcp.h>
#include <math.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sys/time.h>

enum shape {
  INT,
  BOOL,
  MARK,
  RATE,
  TIME,
  MSEC,
  USEC,
  LINGER,
  TEXT,
  READ_ONLY, /* from here on */
  FLAG = READ_ONLY,
  NUMBER,
  COOKIE,
  FAMILY,
  TYPE,
  ERROR,
  CRED,
};

union value {
  int i;
  unsigned u;
  long rate;
  int64_t cookie;
  struct timeval time;
  struct linger linger;
  char text[IFNAMSIZ];
  struct ucred cred;
};

static const socklen_t size_of[] = {
    [INT] = sizeof(int),
    [BOOL] = sizeof(int),
    [MARK] = sizeof(unsigned),
    [RATE] = sizeof(long),
    [TIME] = sizeof(struct timeval),
    [MSEC] = sizeof(int),
    [USEC] = sizeof(int),
    [LINGER] = sizeof(struct linger),
    [TEXT] = IFNAMSIZ,
    [FLAG] = sizeof(int),
    [NUMBER] = sizeof(int),
    [COOKIE] = sizeof(int64_t),
    [FAMILY] = sizeof(int),
    [TYPE] = sizeof(int),
    [ERROR] = sizeof(int),
    [CRED] = sizeof(struct ucred),
};

struct option {
  const char *level, *name;
  int level_number, number;
  enum shape shape;
};

static const struct option options[] = {
    {"socket", "reuseaddr", SOL_SOCKET, SO_REUSEADDR, BOOL},
    {"socket", "reuseport", SOL_SOCKET, SO_REUSEPORT, BOOL},
    {"socket", "keepalive", SOL_SOCKET, SO_KEEPALIVE, BOOL},
    {"socket", "broadcast", SOL_SOCKET, SO_BROADCAST, BOOL},
    {"socket", "dontroute", SOL_SOCKET, SO_DONTROUTE, BOOL},
    {"socket", "oobinline", SOL_SOCKET, SO_OOBINLINE, BOOL},
    {"socket", "linger", SOL_SOCKET, SO_LINGER, LINGER},
    {"socket", "sndbuf", SOL_SOCKET, SO_SNDBUF, INT},
    {"socket", "rcvbuf", SOL_SOCKET, SO_RCVBUF, INT},
    {"socket", "sndbufforce", SOL_SOCKET, SO_SNDBUFFORCE, INT},
    {"socket", "rcvbufforce", SOL_SOCKET, SO_RCVBUFFORCE, INT},
    {"socket", "sndlowat", SOL_SOCKET, SO_SNDLOWAT, INT},
    {"socket", "rcvlowat", SOL_SOCKET, SO_RCVLOWAT, INT},
    {"socket", "sndtimeo", SOL_SOCKET, SO_SNDTIMEO, TIME},
    {"socket", "rcvtimeo", SOL_SOCKET, SO_RCVTIMEO, TIME},
    {"socket", "mark", SOL_SOCKET, SO_MARK, MARK},
    {"socket", "priority", SOL_SOCKET, SO_PRIORITY, INT},
    {"socket", "bindtodevice", SOL_SOCKET, SO_BINDTODEVICE, TEXT},
    {"socket", "busy_poll", SOL_SOCKET, SO_BUSY_POLL, USEC},
    {"socket", "incoming_cpu", SOL_SOCKET, SO_INCOMING_CPU, INT},
    {"socket", "max_pacing_rate", SOL_SOCKET, SO_MAX_PACING_RATE, RATE},
    {"socket", "type", SOL_SOCKET, SO_TYPE, TYPE},
    {"socket", "domain", SOL_SOCKET, SO_DOMAIN, FAMILY},
    {"socket", "protocol", SOL_SOCKET, SO_PROTOCOL, NUMBER},
    {"socket", "acceptconn", SOL_SOCKET, SO_ACCEPTCONN, FLAG},
    {"socket", "error", SOL_SOCKET, SO_ERROR, ERROR},
    {"socket", "cookie", SOL_SOCKET, SO_COOKIE, COOKIE},
    {"socket", "peercred", SOL_SOCKET, SO_PEERCRED, CRED},
    {"tcp", "nodelay", IPPROTO_TCP, TCP_NODELAY, BOOL},
    {"tcp", "cork", IPPROTO_TCP, TCP_CORK, BOOL},
    {"tcp", "maxseg", IPPROTO_TCP, TCP_MAXSEG, INT},
    {"tcp", "keepidle", IPPROTO_TCP, TCP_KEEPIDLE, INT},
    {"tcp", "keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, INT},
    {"tcp", "keepcnt", IPPROTO_TCP, TCP_KEEPCNT, INT},
    {"tcp", "syncnt", IPPROTO_TCP, TCP_SYNCNT, INT},
    {"tcp", "linger2", IPPROTO_TCP, TCP_LINGER2, INT},
    {"tcp", "defer_accept", IPPROTO_TCP, TCP_DEFER_ACCEPT, INT},
    {"tcp", "window_clamp", IPPROTO_TCP, TCP_WINDOW_CLAMP, INT},
    {"tcp", "quickack", IPPROTO_TCP, TCP_QUICKACK, BOOL},
    {"tcp", "congestion", IPPROTO_TCP, TCP_CONGESTION, TEXT},
    {"tcp", "user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, MSEC},
    {"tcp", "fastopen", IPPROTO_TCP, TCP_FASTOPEN, INT},
    {"tcp", "fastopen_connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT, BOOL},
    {"tcp", "notsent_lowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT, INT},
    {"ip", "tos", IPPROTO_IP, IP_TOS, INT},
    {"ip", "ttl", IPPROTO_IP, IP_TTL, INT},
    {"ip", "minttl", IPPROTO_IP, IP_MINTTL, INT},
    {"ip", "mtu", IPPROTO_IP, IP_MTU, NUMBER},
    {"ip", "mtu_discover", IPPROTO_IP, IP_MTU_DISCOVER, INT},
    {"ip", "transparent", IPPROTO_IP, IP_TRANSPARENT, BOOL},
    {"ip", "freebind", IPPROTO_IP, IP_FREEBIND, BOOL},
    {"ip", "bind_address_no_port", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, BOOL},
    {"ipv6", "v6only", IPPROTO_IPV6, IPV6_V6ONLY, BOOL},
    {"ipv6", "tclass", IPPROTO_IPV6, IPV6_TCLASS, INT},
    {"ipv6", "unicast_hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS, INT},
    {"ipv6", "minhopcount", IPPROTO_IPV6, IPV6_MINHOPCOUNT, INT},
    {"ipv6", "mtu", IPPROTO_IPV6, IPV6_MTU, INT},
    {"ipv6", "mtu_discover", IPPROTO_IPV6, IPV6_MTU_DISCOVER, INT},
    {"ipv6", "dontfrag", IPPROTO_IPV6, IPV6_DONTFRAG, BOOL},
    {"ipv6", "transparent", IPPROTO_IPV6, IPV6_TRANSPARENT, BOOL},
    {"ipv6", "freebind", IPPROTO_IPV6, IPV6_FREEBIND, BOOL},
    {"udp", "cork", IPPROTO_UDP, UDP_CORK, BOOL},
    {"udp", "segment", IPPROTO_UDP, UDP_SEGMENT, INT},
    {"udp", "gro", IPPROTO_UDP, UDP_GRO, BOOL},
};
enum { COUNT = sizeof options / sizeof *options };

/* Where the arguments are; below them is the Socket. */
enum { LEVEL = 2, NAME, VALUE };

/* ---- what is meant -------------------------------------------------------------------- */

/* The integer within min..max at index: 1 and its value, or 0. */
static int is_within(int index, int64_t min, int64_t max, int64_t *value) {
  int ok = 0;
  if (lua_type(L, index) == LUA_TNUMBER) *value = lua_tointegerx(L, index, &ok);
  return ok && *value >= min && *value <= max;
}

static int is_text(int index, const char *text) {
  return lua_type(L, index) == LUA_TSTRING && lua_rawlen(L, index) == strlen(text) &&
         !strcmp(lua_tostring(L, index), text);
}

/* The level and number that the arguments mean, and the option if it is told by its name; 0 if
 * they mean none. */
static int read_target(int *level, int *number, const struct option **option) {
  int64_t l = 0, n = 0;
  int numeric = is_within(LEVEL, INT_MIN, INT_MAX, &l), known = numeric;
  int numbered = is_within(NAME, INT_MIN, INT_MAX, &n);
  *option = NULL;
  for (const struct option *o = options; o < options + COUNT; o++) {
    if (numeric ? l != o->level_number : !is_text(LEVEL, o->level)) continue;
    known = 1;
    l = o->level_number;
    if (!numbered && is_text(NAME, o->name)) *option = o, n = o->number;
  }
  *level = (int)l;
  *number = (int)n;
  return known && (numbered || *option);
}

/* ---- setsockopt ------------------------------------------------------------------------ */

/* The value in units a second, not less than it is; 0 if it is no time. */
static int read_units(double units, int64_t max, int64_t *count) {
  double seconds = lua_type(L, VALUE) == LUA_TNUMBER ? lua_tonumber(L, VALUE) : -1;
  if (!(seconds >= 0 && seconds <= INT_MAX)) return 0;
  *count = (int64_t)ceil(seconds * units);
  return *count <= max;
}

static int read_linger(union value *v) {
  int64_t seconds = 0;
  int on = lua_toboolean(L, VALUE);
  int ok = !on || is_within(VALUE, 0, INT_MAX, &seconds);
  v->linger = (struct linger){on, (int)seconds};
  return ok;
}

/* The bytes of what must reach the kernel; 0 if the value is wrong. */
static socklen_t read_text(union value *v) {
  size_t n = 0;
  if (lua_type(L, VALUE) != LUA_TSTRING) return 0;
  const char *text = lua_tolstring(L, VALUE, &n);
  if (n > 15 || strlen(text) != n) return 0;
  memcpy(v->text, text, n + 1);
  return (socklen_t)n + 1;
}

static int read_number(enum shape shape, union value *v) {
  int64_t n = 0;
  int ok = 0;
  if (shape == INT) ok = is_within(VALUE, INT_MIN, INT_MAX, &n), v->i = (int)n;
  if (shape == BOOL) ok = lua_isboolean(L, VALUE), v->i = lua_toboolean(L, VALUE);
  if (shape == MARK) ok = is_within(VALUE, 0, UINT_MAX, &n), v->u = (unsigned)n;
  if (shape == RATE) ok = is_within(VALUE, -1, LONG_MAX, &n), v->rate = n;
  if (shape == MSEC) ok = read_units(1e3, INT_MAX, &n), v->i = (int)n;
  if (shape == USEC) ok = read_units(1e6, INT_MAX, &n), v->i = (int)n;
  if (shape == TIME) {
    ok = read_units(1e6, INT64_MAX, &n);
    v->time = (struct timeval){n / 1000000, n % 1000000};
  }
  return ok;
}

static socklen_t read_value(const struct option *o, union value *v) {
  if (o->shape == TEXT) return read_text(v);
  int ok = o->shape == LINGER ? read_linger(v) : read_number(o->shape, v);
  return ok ? size_of[o->shape] : 0;
}

static void check_given(const void *bytes, socklen_t size) {
  MUST(kernel.size == size && !memcmp(kernel.given, bytes, size));
}

/* What setsockopt must give to the kernel; 0 if it must refuse the value. */
static int check_set(const struct option *o, int ok) {
  union value v = {0};
  int64_t n = 0;
  if (o) {
    socklen_t size = o->shape < READ_ONLY ? read_value(o, &v) : 0;
    if (ok) check_given(&v, size);
    return size > 0;
  }
  if (lua_type(L, VALUE) == LUA_TSTRING) {
    if (ok) check_given(lua_tostring(L, VALUE), (socklen_t)lua_rawlen(L, VALUE));
    return 1;
  }
  if (!is_within(VALUE, INT_MIN, INT_MAX, &n)) return 0;
  v.i = (int)n;
  if (ok) check_given(&v, sizeof v.i);
  return 1;
}

/* ---- getsockopt: what is made of the answer is on top of the stack ---------------------- */

static void must_be_integer(lua_Integer value) {
  MUST(lua_isinteger(L, -1) && lua_tointeger(L, -1) == value);
}

static void must_be_seconds(double value) {
  MUST(lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) == value);
}

static void must_be_boolean(int value) {
  MUST(lua_isboolean(L, -1) && lua_toboolean(L, -1) == value);
}

static void must_be_text(const char *text, size_t n) {
  MUST(lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) == n);
  MUST(!memcmp(lua_tostring(L, -1), text, n));
}

static void must_be_cred(const struct ucred *cred) {
  fuzz_function("local t, pid, uid, gid = ... for k in pairs(t) do "
                "assert(k == 'pid' or k == 'uid' or k == 'gid') end "
                "return t.pid == pid and t.uid == uid and t.gid == gid");
  lua_pushvalue(L, -2);
  lua_pushinteger(L, cred->pid);
  lua_pushinteger(L, cred->uid);
  lua_pushinteger(L, cred->gid);
  MUST(fuzz_call(4, 1, "", ""));
  MUST(lua_toboolean(L, -1));
  lua_pop(L, 1);
}

static void must_be_name(int value, const int *values, const char *const *names) {
  for (; *names; values++, names++)
    if (*values == value) return must_be_text(*names, strlen(*names));
  must_be_integer(value);
}

static void must_be_error(int code) {
  const char *name = code ? strerrorname_np(code) : NULL;
  if (code == 0) return must_be_boolean(0);
  if (!name || !is_text(-1, name)) must_be_text("UNKNOWN", 7);
}

static void check_answer(enum shape shape) {
  static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
  static const char *const family_names[] = {"inet", "inet6", "unix", NULL};
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW};
  static const char *const type_names[] = {"stream", "dgram", "seqpacket", "raw", NULL};
  union value v = {0};
  MUST(kernel.size == size_of[shape]);
  kernel_over(&v, sizeof v);
  if (shape == INT || shape == NUMBER) must_be_integer(v.i);
  if (shape == BOOL || shape == FLAG) must_be_boolean(v.i != 0);
  if (shape == MARK) must_be_integer(v.u);
  if (shape == RATE) must_be_integer(v.rate);
  if (shape == TIME) must_be_seconds((double)v.time.tv_sec + v.time.tv_usec / 1e6);
  if (shape == MSEC) must_be_seconds(v.i / 1e3);
  if (shape == USEC) must_be_seconds(v.i / 1e6);
  if (shape == TEXT) must_be_text(v.text, strnlen(v.text, sizeof v.text));
  if (shape == COOKIE) must_be_integer(v.cookie);
  if (shape == FAMILY) must_be_name(v.i, families, family_names);
  if (shape == TYPE) must_be_name(v.i, types, type_names);
  if (shape == ERROR) must_be_error(v.i);
  if (shape == CRED) must_be_cred(&v.cred);
  if (shape == LINGER && !v.linger.l_onoff) must_be_boolean(0);
  if (shape == LINGER && v.linger.l_onoff) must_be_integer(v.linger.l_linger);
}

/* Raw bytes are asked for by a size, unless the option has a name. 0 if it must refuse it. */
static int check_get(const struct option *o, int ok) {
  int is_integer;
  int64_t size = lua_tointegerx(L, VALUE, &is_integer);
  int raw = !o && !lua_isnil(L, VALUE);
  if (raw && !(is_integer && size > 0 && size <= 65536)) return 0;
  if (!ok || kernel.code) return 1;
  if (!raw) return check_answer(o ? o->shape : INT), 1;
  MUST(kernel.size == size);
  must_be_text((const char *)kernel.bytes, size < kernel.len ? (size_t)size : kernel.len);
  return 1;
}

/* ---- the calls ------------------------------------------------------------------------- */

/* Level and name of an option, or any value for one of the two, or for both. */
static void push_target(struct input *in) {
  const struct option *o = &options[take_byte(in) % COUNT];
  unsigned odd = take_byte(in) % 16;
  if (odd & 1 && odd & 2)
    push_value(in);
  else
    lua_pushstring(L, o->level);
  if (odd & 4 && odd & 8)
    push_value(in);
  else
    lua_pushstring(L, o->name);
}

/* Calls the method with the four values of the stack: 1, and its three results are there too. */
static int call(int set) {
  fuzz_function(
      set ? "local s, level, name, value = ... return s:setsockopt(level, name, value)"
          : "local s, level, name, size = ... return s:getsockopt(level, name, size)");
  for (int i = 1; i <= VALUE; i++) lua_pushvalue(L, i);
  return fuzz_call(VALUE, 3, "bad argument", "bad argument");
}

static void check_results(int set) {
  MUST(kernel.calls == 1);
  if (kernel.code) {
    MUST(lua_isnil(L, VALUE + 1));
    kernel_check_failure(VALUE + 2);
  } else {
    MUST(lua_isnil(L, VALUE + 2) && lua_isnil(L, VALUE + 3));
    MUST(!set || lua_rawequal(L, 1, VALUE + 1));
  }
  lua_settop(L, VALUE + 1);
}

/* The option's level and number, if it is one that was named. */
static void one_call(int set, const struct option *option, int level, int number) {
  kernel.calls = 0;
  int ok = call(set);
  if (ok) check_results(set);
  if (ok) MUST(kernel.level == level && kernel.number == number);
  if (!ok) MUST(kernel.calls == 0);
  MUST(ok == (set ? check_set(option, ok) : check_get(option, ok)));
  lua_settop(L, VALUE);
}

/* The value and the kernel's answer meet an option of each shape. */
static void each_shape(int set) {
  unsigned seen = 0;
  for (const struct option *o = options; o < options + COUNT; o++) {
    if (seen & 1u << o->shape) continue;
    seen |= 1u << o->shape;
    lua_pushstring(L, o->level);
    lua_replace(L, LEVEL);
    lua_pushstring(L, o->name);
    lua_replace(L, NAME);
    one_call(set, o, o->level_number, o->number);
  }
}

/* SO_GET_FILTER does not count in bytes, and -1 is an option that a system lacks. */
static void any_option(int set) {
  int level, number;
  const struct option *option;
  int meant = read_target(&level, &number, &option);
  if (number == -1)
    (void)call(set);
  else if (meant && (set || level != SOL_SOCKET || number != SO_GET_FILTER))
    one_call(set, option, level, number);
  else
    MUST(!call(set));
}

static void calls(struct input *in) {
  unsigned how = take_byte(in);
  kernel_begin(in, 64);
  push_target(in);
  if (how & 1)
    push_value(in);
  else
    push_edge(in);
  if (how & 2)
    each_shape(how & 4);
  else
    any_option(how & 4);
  lua_settop(L, 1);
}

void fuzz_one(const uint8_t *data, size_t size) { fuzz_with_socket(data, size, calls); }
