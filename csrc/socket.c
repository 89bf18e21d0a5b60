/* SPDX-License-Identifier: MIT
 *
 * socket.c - Socket objects: what a script may do with a descriptor, by who owns it.
 *
 * A method that reaches the descriptor first reads its arguments and makes the objects
 * that it returns, because that can run finalizers, which may close the Socket; then it
 * asks check(), and from there to the system call nothing runs but C.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "curlsock.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE is set instead */
#endif

static const char class_name[] = "curlsock.socket";
static const char retired_class[] = "curlsock.socket"; /* the same without __gc */

/* ---- waiting ---------------------------------------------------------------------- */

/* How long a method may take: one plain system call, or until a point in time. */
struct wait {
  int timed;
  double until;
};

/* The optional seconds at index. */
static struct wait wait_arg(lua_State *L, int index) {
  struct wait w = {0, 0};
  if (lua_isnoneornil(L, index)) return w;
  double seconds = luaL_checknumber(L, index);
  luaL_argcheck(L, isfinite(seconds) && seconds >= 0, index,
                "seconds expected: a finite number that is not negative");
  w.timed = 1;
  w.until = cs_now() + seconds;
  return w;
}

/* Waits for the events. 1, or 0 and an errno: EAGAIN when the time has passed. */
static int ready(int fd, short events, double until) {
  struct pollfd p = {fd, events, 0};
  for (;;) {
    double left = (until - cs_now()) * 1000;
    if (left <= 0) return errno = EAGAIN, 0;
    int n = poll(&p, 1, left < INT_MAX ? (int)left + 1 : INT_MAX);
    if (n > 0) return 1;
    if (n < 0 && errno != EINTR) return 0;
  }
}

/* Whether a call that just failed is to be made again. Keeps errno. */
static int again(int fd, short events, const struct wait *w) {
  if (errno == EINTR) return 1;
  return w->timed && errno == EAGAIN && ready(fd, events, w->until);
}

/* Makes the descriptor non-blocking for a call that has no flag for it; the old flags,
 * or -1 and errno. */
static int set_nonblock(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -1 : flags;
}

static void set_flags(int fd, int flags) {
  int code = errno;
  if (flags >= 0) fcntl(fd, F_SETFL, flags);
  errno = code;
}

/* ---- descriptors ------------------------------------------------------------------ */

/* Gives a new descriptor what the call that made it could not. Keeps errno. */
static int finish(int fd) {
  int code = errno;
#ifndef SOCK_CLOEXEC
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
#ifdef SO_NOSIGPIPE
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
  errno = code;
  return fd;
}

int cs_socket_create(int family, int socktype, int protocol) {
#ifdef SOCK_CLOEXEC
  socktype |= SOCK_CLOEXEC;
#endif
  return finish(socket(family, socktype, protocol));
}

static int accept_one(int fd, struct sockaddr *sa, socklen_t *len) {
#ifdef SOCK_CLOEXEC
  return finish(accept4(fd, sa, len, SOCK_CLOEXEC));
#else
  int new = finish(accept(fd, sa, len));
  /* It may have inherited O_NONBLOCK; with accept4 it never does. */
  if (new >= 0) fcntl(new, F_SETFL, 0);
  return new;
#endif
}

static void set_length(struct cs_address *a, socklen_t len) {
  a->len = len < sizeof a->u ? len : sizeof a->u;
}

static int accept_within(int fd, struct cs_address *a, const struct wait *w) {
  int flags = w->timed ? set_nonblock(fd) : -1, new;
  socklen_t len;
  if (w->timed && flags < 0) return -1; /* it would wait for ever */
  do {
    len = sizeof a->u;
    new = accept_one(fd, &a->u.sa, &len);
  } while (new < 0 && again(fd, POLLIN, w));
  set_flags(fd, flags);
  set_length(a, len);
  return new;
}

/* Waits for a connection that is being made: 0 or an errno. */
static int connecting(int fd, const struct wait *w) {
  int code = 0;
  socklen_t len = sizeof code;
  if (!ready(fd, POLLOUT, w->timed ? w->until : (double)INFINITY))
    return errno == EAGAIN ? ETIMEDOUT : errno;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) ? errno : code;
}

/* Connects: 0 or an errno. A connect that a signal interrupts goes on by itself. A UNIX
 * socket whose listener is busy cannot be waited for (EAGAIN): it is asked again. */
static int dial(int fd, const struct cs_address *a, const struct wait *w) {
  while (connect(fd, &a->u.sa, a->len)) {
    if (errno == EINTR) return connecting(fd, w);
    if (w->timed && (errno == EINPROGRESS || errno == EALREADY)) return connecting(fd, w);
    if (!w->timed || errno != EAGAIN) return errno;
    if (cs_now() >= w->until) return ETIMEDOUT;
    poll(NULL, 0, 5);
  }
  return 0;
}

static int dial_within(int fd, const struct cs_address *a, const struct wait *w) {
  int flags = w->timed ? set_nonblock(fd) : -1;
  if (w->timed && flags < 0) return errno;
  int code = dial(fd, a, w);
  set_flags(fd, flags);
  return code;
}

static int type_of(int fd) {
  int type = -1;
  socklen_t len = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ? -1 : type;
}

int cs_is_connected(int fd) {
  struct sockaddr_storage peer;
  socklen_t len = sizeof peer;
  return type_of(fd) == SOCK_STREAM && !getpeername(fd, (struct sockaddr *)&peer, &len);
}

/* Tells the address what kind of socket it is of. */
static void describe(struct cs_address *a, int fd) {
  a->socktype = type_of(fd);
#ifdef SO_PROTOCOL
  socklen_t len = sizeof a->protocol;
  getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &a->protocol, &len);
#endif
}

/* ---- the object and its states ---------------------------------------------------- */

struct cs_socket *cs_socket_push(lua_State *L, struct cs_runtime *rt) {
  struct cs_socket **box = lua_newuserdatauv(L, sizeof *box, CS_SOCKET_UVS);
  *box = NULL;
  cs_class_set(L, class_name);
  *box = cs_socket_new(rt);
  if (!*box) luaL_error(L, "not enough memory");
  cs_remember_late(L, -1);
  return *box;
}

/* What a box without a socket of its own points to; never written to. */
static struct cs_socket closed = {.fd = -1, .state = CS_CLOSED};
static struct cs_socket detached = {.fd = -1, .state = CS_DETACHED};

static int is_socket(lua_State *L, int index) {
  return cs_class_test(L, index, class_name) || cs_class_test(L, index, retired_class);
}

/* The box may be empty: half made, or finalized. */
struct cs_socket *cs_socket_test(lua_State *L, int index) {
  if (!is_socket(L, index)) return NULL;
  struct cs_socket *s = cs_unbox(L, index);
  return s ? s : &closed;
}

static struct cs_socket *self(lua_State *L) {
  struct cs_socket *s = cs_socket_test(L, 1);
  if (!s) luaL_typeerror(L, 1, class_name);
  return s;
}

void cs_socket_retire(lua_State *L) {
  struct cs_socket **box = lua_touserdata(L, -1), *s = *box;
  *box = s->state == CS_DETACHED ? &detached : &closed;
  cs_socket_unref(s);
  cs_class_set(L, retired_class);
}

/* In which states a method works. */
enum {
  OWNED = 1 << CS_OWNED,
  LAST_WORDS = OWNED | 1 << CS_CLOSING, /* the close callback may speak, and take it */
  OPEN = LAST_WORDS | 1 << CS_LENT | 1 << CS_BORROWED
};

static int refuse(lua_State *L, const char *method, const char *why) {
  return luaL_error(L, "socket:%s: the socket is %s", method, why);
}

/* Another part of the program closed the descriptor, and its number may be in use
 * again. */
static void lost(lua_State *L, struct cs_socket *s, const char *method) {
  int fd = s->fd;
  if (s->state == CS_OWNED) cs_socket_end(s, CS_CLOSED);
  if (fd < 0) refuse(L, method, "closed");
  luaL_error(L, "socket:%s: descriptor %d was closed by something else", method, fd);
}

/* The Socket at index 1, for a method that works in those states. */
static struct cs_socket *check(lua_State *L, const char *method, int states) {
  static const char *const why[] = {
      [CS_OWNED] = "the script's",   [CS_LENT] = "lent to libcurl",
      [CS_CLOSING] = "being closed", [CS_BORROWED] = "borrowed from libcurl",
      [CS_CLOSED] = "closed",        [CS_DETACHED] = "detached",
  };
  struct cs_socket *s = self(L);
  if (!(states & 1 << s->state)) refuse(L, method, why[s->state]);
  if (!cs_same(s)) lost(L, s, method);
  return s;
}

struct cs_socket *cs_socket_open_arg(lua_State *L, const char *method) {
  return check(L, method, OPEN);
}

/* Owns the new descriptor, or closes it: 0 or an errno. */
static int take(struct cs_socket *s, int fd) {
  int code = cs_socket_take(s, fd, CS_OWNED);
  if (code) close(fd);
  return code;
}

/* Returns self, or the failure of a call with an address. */
static int result(lua_State *L, int code, const char *call, const struct cs_address *a) {
  char text[CS_ADDRESS_TEXT];
  lua_settop(L, 1);
  if (!code) return 1;
  return cs_fail_errno(L, code,
                       lua_pushfstring(L, "%s %s", call, cs_address_text(a, text)));
}

/* ---- making one ------------------------------------------------------------------- */

/* The integer at index, within min..max. */
static int int_arg(lua_State *L, int index, int min, int max) {
  int ok = 0, is_number = lua_type(L, index) == LUA_TNUMBER;
  lua_Integer value = is_number ? lua_tointegerx(L, index, &ok) : 0;
  if (ok && value >= min && value <= max) return (int)value;
  const char *got = is_number ? luaL_tolstring(L, index, NULL) : luaL_typename(L, index);
  return luaL_argerror(
      L, index,
      lua_pushfstring(L, "integer from %d to %d expected, got %s", min, max, got));
}

/* curl.socket([family [, socktype [, protocol]]]): a new Socket, owned, close-on-exec.
 * family "inet" (default), "inet6", "unix"; socktype "stream" (default), "dgram",
 * "seqpacket", "raw"; or the integers of the system. On failure nil, message, name. */
int cs_socket_open(lua_State *L) {
  int family = cs_family_arg(L, 1, AF_INET);
  int type = cs_socktype_arg(L, 2, SOCK_STREAM);
  int protocol = lua_isnoneornil(L, 3) ? 0 : int_arg(L, 3, 0, INT_MAX);
  struct cs_socket *s = cs_socket_push(L, cs_runtime(L));
  int fd = cs_socket_create(family, type, protocol);
  int code = fd < 0 ? errno : take(s, fd);
  return code ? cs_fail_errno(L, code, "socket") : 1;
}

static int create_pair(int socktype, int fds[2]) {
#ifdef SOCK_CLOEXEC
  socktype |= SOCK_CLOEXEC;
#endif
  if (socketpair(AF_UNIX, socktype, 0, fds)) return errno;
  finish(fds[0]);
  finish(fds[1]);
  return 0;
}

/* curl.socketpair([socktype]): two Sockets, connected with each other, of family "unix"
 * and of type "stream", "dgram" or "seqpacket". On failure nil, message, name. */
int cs_socket_pair(lua_State *L) {
  int type = cs_socktype_arg(L, 1, SOCK_STREAM), fds[2];
  struct cs_socket *left = cs_socket_push(L, cs_runtime(L));
  struct cs_socket *right = cs_socket_push(L, cs_runtime(L));
  int code = create_pair(type, fds);
  if (code) return cs_fail_errno(L, code, "socketpair");
  code = take(left, fds[0]);
  if (code) {
    close(fds[1]);
    return cs_fail_errno(L, code, "socketpair");
  }
  code = take(right, fds[1]);
  if (code) {
    cs_socket_close(left);
    return cs_fail_errno(L, code, "socketpair");
  }
  left->connected = right->connected = 1;
  return 2;
}

/* Raises an error if the descriptor is no socket, or one that a Socket or libcurl has. */
static void check_adoptable(lua_State *L, const struct cs_runtime *rt, int fd) {
  const struct cs_socket *held = cs_ledger_find(rt, fd);
  const char *why = "is not an open socket";
  if (type_of(fd) >= 0) {
    if (!held || !cs_same(held)) return;
    why = held->state == CS_OWNED ? "belongs to another Socket" : "is lent to libcurl";
  }
  luaL_argerror(L, 1, lua_pushfstring(L, "descriptor %d %s", fd, why));
}

/* curl.adopt(fd): a Socket that owns the descriptor of an open socket. Raises an error,
 * and leaves the descriptor alone, if it is anything else or has an owner already. */
int cs_socket_adopt(lua_State *L) {
  int fd = int_arg(L, 1, 0, INT_MAX);
  struct cs_runtime *rt = cs_runtime(L);
  struct cs_socket *s = cs_socket_push(L, rt);
  check_adoptable(L, rt, fd);
  int code = cs_socket_take(s, fd, CS_OWNED);
  if (code) return cs_fail_errno(L, code, "adopt");
  s->connected = cs_is_connected(fd);
  return 1;
}

/* ---- methods that work for any owner ---------------------------------------------- */

/* socket:fd(): the descriptor, for an event loop; nil if there is none any more. Also
 * called getfd, pollfd and fileno. */
static int socket_fd(lua_State *L) {
  struct cs_socket *s = self(L);
  if (s->state == CS_OWNED && !cs_same(s)) cs_socket_end(s, CS_CLOSED);
  if (cs_same(s))
    lua_pushinteger(L, s->fd);
  else
    lua_pushnil(L);
  return 1;
}

static const char *const states[] = {"owned",    "lent",   "closing",
                                     "borrowed", "closed", "detached"};

/* socket:state(): "owned", "lent", "closing", "borrowed", "closed" or "detached". */
static int socket_state(lua_State *L) {
  lua_pushstring(L, states[self(L)->state]);
  return 1;
}

/* socket:bind(address): binds it to the local Address, or its text. Returns the socket;
 * on failure nil, message, name. */
static int socket_bind(lua_State *L) {
  const struct cs_address *a = cs_address_arg(L, 2);
  struct cs_socket *s = check(L, "bind", OPEN);
  return result(L, bind(s->fd, &a->u.sa, a->len) ? errno : 0, "bind", a);
}

static int push_address(lua_State *L, int peer) {
  static const char *const methods[] = {"localaddress", "peeraddress"};
  struct cs_address *a = cs_address_new(L);
  struct cs_socket *s = check(L, methods[peer], OPEN);
  socklen_t len = sizeof a->u;
  int failed =
      peer ? getpeername(s->fd, &a->u.sa, &len) : getsockname(s->fd, &a->u.sa, &len);
  if (failed) return cs_fail_errno(L, errno, methods[peer]);
  set_length(a, len);
  describe(a, s->fd);
  return 1;
}

/* socket:localaddress(): the Address it is bound to. On failure nil, message, name. */
static int socket_localaddress(lua_State *L) { return push_address(L, 0); }

/* socket:peeraddress(): the Address it is connected with. On failure nil, message,
 * name. */
static int socket_peeraddress(lua_State *L) { return push_address(L, 1); }

/* ---- methods of the owner --------------------------------------------------------- */

/* socket:listen([backlog]): waits for connections, of which backlog (128) may queue up.
 * Returns the socket; on failure nil, message, name. */
static int socket_listen(lua_State *L) {
  int backlog = lua_isnoneornil(L, 2) ? 128 : int_arg(L, 2, 0, INT_MAX);
  struct cs_socket *s = check(L, "listen", OWNED);
  if (listen(s->fd, backlog)) return cs_fail_errno(L, errno, "listen");
  lua_settop(L, 1);
  return 1;
}

/* socket:accept([seconds]): the next connection: a Socket, owned and blocking, and the
 * Address of its peer. With seconds it waits so long at most: nil, message, "EAGAIN".
 * Without, as the descriptor's blocking mode says. On failure nil, message, name. */
static int socket_accept(lua_State *L) {
  struct wait w = wait_arg(L, 2);
  struct cs_socket *new = cs_socket_push(L, cs_runtime(L));
  struct cs_address *a = cs_address_new(L);
  struct cs_socket *s = check(L, "accept", OWNED);
  int fd = accept_within(s->fd, a, &w);
  int code = fd < 0 ? errno : take(new, fd);
  if (code) return cs_fail_errno(L, code, "accept");
  describe(a, fd);
  new->connected = 1;
  return 2;
}

/* socket:connect(address [, seconds]): connects to the Address, or its text. With seconds
 * it takes so long at most: nil, message, "ETIMEDOUT". Without, as the descriptor's
 * blocking mode says. Returns the socket; on failure nil, message, name. */
static int socket_connect(lua_State *L) {
  const struct cs_address *a = cs_address_arg(L, 2);
  struct wait w = wait_arg(L, 3);
  struct cs_socket *s = check(L, "connect", OWNED);
  int code = dial_within(s->fd, a, &w);
  if (!code) s->connected = type_of(s->fd) == SOCK_STREAM;
  return result(L, code, "connect", a);
}

/* socket:send(data [, seconds]): how many bytes of the string were sent, which may be
 * fewer than all. With seconds it waits so long at most until some can be: nil, message,
 * "EAGAIN". Without, as the descriptor's blocking mode says. On failure nil, message,
 * name; never raises SIGPIPE. */
static int socket_send(lua_State *L) {
  size_t size;
  const char *data = luaL_checklstring(L, 2, &size);
  struct wait w = wait_arg(L, 3);
  struct cs_socket *s = check(L, "send", LAST_WORDS);
  int flags = w.timed ? MSG_NOSIGNAL | MSG_DONTWAIT : MSG_NOSIGNAL;
  ssize_t n;
  do n = send(s->fd, data, size, flags);
  while (n < 0 && again(s->fd, POLLOUT, &w));
  if (n < 0) return cs_fail_errno(L, errno, "send");
  lua_pushinteger(L, n);
  return 1;
}

/* socket:recv(size [, seconds]): a string of at most size bytes (1 or more), "" at the
 * end of a stream. With seconds it waits so long at most until there is one: nil,
 * message, "EAGAIN". Without, as the descriptor's blocking mode says. On failure nil,
 * message, name. */
static int socket_recv(lua_State *L) {
  luaL_Buffer b;
  size_t size = (size_t)int_arg(L, 2, 1, INT_MAX);
  struct wait w = wait_arg(L, 3);
  char *data = luaL_buffinitsize(L, &b, size);
  struct cs_socket *s = check(L, "recv", LAST_WORDS);
  ssize_t n;
  do n = recv(s->fd, data, size, w.timed ? MSG_DONTWAIT : 0);
  while (n < 0 && again(s->fd, POLLIN, &w));
  if (n < 0) return cs_fail_errno(L, errno, "recv");
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

/* socket:detach(): the open descriptor, which is now the script's to close. */
static int socket_detach(lua_State *L) {
  struct cs_socket *s = check(L, "detach", LAST_WORDS);
  lua_pushinteger(L, cs_socket_end(s, CS_DETACHED));
  return 1;
}

/* socket:close(): closes the descriptor: true; on failure nil, message, name (it is
 * closed all the same). Does nothing if the Socket has none. */
static int socket_close(lua_State *L) {
  enum cs_state state = self(L)->state;
  int open = state != CS_CLOSED && state != CS_DETACHED;
  int code = open ? cs_socket_close(check(L, "close", LAST_WORDS)) : 0;
  if (code) return cs_fail_errno(L, code, "close");
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- metamethods ------------------------------------------------------------------ */

static int is_data(lua_State *L, int key) { return !strcmp(cs_word(L, key), "data"); }

/* socket.data: any value of the script's, nil at first. Other keys: a method or nil. */
static int socket__index(lua_State *L) {
  self(L);
  if (is_data(L, 2)) return lua_getiuservalue(L, 1, CS_UV_DATA), 1;
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

/* socket.data = value, in any state. Raises an error for any other key. */
static int socket__newindex(lua_State *L) {
  self(L);
  lua_settop(L, 3);
  if (!is_data(L, 2))
    return luaL_error(L, "Socket has no field %s to be set: your values go into data",
                      cs_shown(L, 2));
  lua_setiuservalue(L, 1, CS_UV_DATA);
  return 0;
}

/* tostring(socket): "socket (7, lent)". */
static int socket__tostring(lua_State *L) {
  const struct cs_socket *s = self(L);
  if (s->fd >= 0)
    lua_pushfstring(L, "socket (%d, %s)", s->fd, states[s->state]);
  else
    lua_pushfstring(L, "socket (%s)", states[s->state]);
  return 1;
}

/* __close: what the script owns is closed; the rest is libcurl's, or the script's
 * number. */
static int socket__close(lua_State *L) {
  struct cs_socket *s = self(L);
  if (s->state == CS_OWNED) cs_socket_close(s);
  return 0;
}

/* __gc: as __close. A close callback may still get the Socket of a lent descriptor, so
 * that one is finalized again later; if the state ends first, the runtime frees it. */
static int socket__gc(lua_State *L) {
  struct cs_socket **box = cs_class_check(L, 1, class_name), *s = *box;
  if (!s) return 0;
  if (s->state == CS_LENT || s->state == CS_CLOSING) {
    lua_getmetatable(L, 1);
    lua_setmetatable(L, 1);
    return 0;
  }
  if (s->state == CS_OWNED) cs_socket_close(s);
  *box = NULL;
  cs_socket_unref(s);
  return 0;
}

/* Makes the retired class from the metatable on top of the stack. */
static void retired_class_new(lua_State *L) {
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, -3)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_pushnil(L);
  lua_setfield(L, -2, "__gc");
  lua_rawsetp(L, LUA_REGISTRYINDEX, retired_class);
}

void cs_socket_class(lua_State *L) {
  static const luaL_Reg meta[] = {
      {"__newindex", socket__newindex},
      {"__tostring", socket__tostring},
      {"__close", socket__close},
      {"__gc", socket__gc},
      {NULL, NULL},
  };
  static const luaL_Reg methods[] = {
      {"accept", socket_accept},
      {"bind", socket_bind},
      {"close", socket_close},
      {"connect", socket_connect},
      {"detach", socket_detach},
      {"fd", socket_fd},
      {"fileno", socket_fd},
      {"getfd", socket_fd},
      {"getsockopt", cs_sockopt_get},
      {"info", cs_socket_info},
      {"listen", socket_listen},
      {"localaddress", socket_localaddress},
      {"peeraddress", socket_peeraddress},
      {"pollfd", socket_fd},
      {"recv", socket_recv},
      {"send", socket_send},
      {"setsockopt", cs_sockopt_set},
      {"state", socket_state},
      {NULL, NULL},
  };
  cs_class_new(L, class_name, meta, methods);
  cs_class_hide(L, class_name);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, socket__index, 1);
  lua_setfield(L, -2, "__index");
  retired_class_new(L);
  lua_pop(L, 1);
}
