/* SPDX-License-Identifier: MIT
 *
 * socket.c - Socket objects: who owns the descriptor, and which methods work for that.
 *
 * A method that reaches the descriptor first reads its arguments and makes the objects
 * that it returns, because that can run finalizers, which may close the Socket; then it
 * asks cs_socket_check, and from there to the system call nothing runs but C.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

struct cs_socket *cs_socket_self(lua_State *L) {
  struct cs_socket *s = cs_socket_test(L, 1);
  if (!s) luaL_typeerror(L, 1, cs_socket_class);
  return s;
}

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
struct cs_socket *cs_socket_check(lua_State *L, const char *method, int states) {
  static const char *const why[] = {
      [CS_OWNED] = "the script's", [CS_LENT] = "lent to libcurl",
      [CS_LOST] = "closed",        [CS_CLOSING] = "being closed",
      [CS_CLOSED] = "closed",      [CS_BORROWED] = "borrowed from libcurl",
      [CS_DETACHED] = "detached",
  };
  struct cs_socket *s = cs_socket_self(L);
  if (!(states & 1 << s->state)) refuse(L, method, why[s->state]);
  if (!cs_same(s)) lost(L, s, method);
  return s;
}

/* Owns the new descriptor, or closes it: 0 or an errno. */
int cs_socket_own(struct cs_socket *s, int fd) {
  int code = cs_socket_take(s, fd, CS_OWNED);
  if (code) close(fd);
  return code;
}

/* ---- making one ------------------------------------------------------------------- */

/* The integer at index, within min..max. */
int cs_int_arg(lua_State *L, int index, int min, int max) {
  int ok = 0, is_number = lua_type(L, index) == LUA_TNUMBER;
  lua_Integer value = is_number ? lua_tointegerx(L, index, &ok) : 0;
  if (ok && value >= min && value <= max) return (int)value;
  const char *got = is_number ? luaL_tolstring(L, index, NULL) : luaL_typename(L, index);
  return luaL_argerror(
      L, index,
      lua_pushfstring(L, "integer from %d to %d expected, got %s", min, max, got));
}

/* The optional seconds at index. */
struct cs_wait cs_wait_arg(lua_State *L, int index) {
  struct cs_wait w = {0, 0};
  if (lua_isnoneornil(L, index)) return w;
  double seconds = luaL_checknumber(L, index);
  luaL_argcheck(L, isfinite(seconds) && seconds >= 0, index,
                "seconds expected: a finite number that is not negative");
  w.timed = 1;
  w.until = cs_now() + seconds;
  return w;
}

/* Takes the option whose name and value are on top of the stack; the value stays. */
static const char *netns_option(lua_State *L) {
  static const char *const known[] = {"netns"};
  struct cs_names names = cs_names_of(known, 1);
  const char *name = cs_word(L, -2);
  if (strcmp(name, *known)) {
    const char *shown = cs_shown(L, -2), *hint = cs_did_you_mean(L, name, &names);
    luaL_error(L, "curl.socket: unknown option %s%s", shown, hint);
  }
  if (!*cs_word(L, -1)) cs_option_error(L, *known, "path", lua_gettop(L));
  return cs_word(L, -1);
}

/* The network namespace that the options at index 4 name, or NULL. It stays on the
 * stack. */
static const char *netns_arg(lua_State *L) {
  const char *path = NULL;
  lua_settop(L, 4);
  if (lua_isnil(L, 4)) return NULL;
  luaL_argexpected(L, lua_type(L, 4) == LUA_TTABLE, 4, "table of options");
  lua_pushnil(L);
  for (lua_pushnil(L); lua_next(L, 4); lua_pop(L, 1)) {
    path = netns_option(L);
    lua_copy(L, -1, 5);
  }
  return path;
}

/* curl.socket([family [, socktype [, protocol [, options]]]]): a new Socket, owned,
 * close-on-exec. family "inet" (default), "inet6", "unix"; socktype "stream" (default),
 * "dgram", "seqpacket", "raw"; or the integers of the system. options.netns is the path
 * of a network namespace ("/run/netns/x", "/proc/1234/ns/net"; Linux, and for those that
 * may enter it): there the socket is, and the caller stays where it is. On failure nil,
 * message, name ("ENOSYS" for a namespace on other systems).
 * -> Socket | nil, message, name */
int cs_socket_open(lua_State *L) {
  int family = cs_family_arg(L, 1, AF_INET);
  int type = cs_socktype_arg(L, 2, SOCK_STREAM);
  int protocol = lua_isnoneornil(L, 3) ? 0 : cs_int_arg(L, 3, 0, INT_MAX);
  const char *netns = netns_arg(L);
  struct cs_socket *s = cs_socket_push(L, cs_runtime(L));
  int fd = netns ? cs_netns_open(netns, family, type, protocol)
                 : cs_fd_open(family, type, protocol);
  int code = fd < 0 ? errno : cs_socket_own(s, fd);
  if (!code) return 1;
  return cs_fail_errno(L, code,
                       netns ? lua_pushfstring(L, "socket in %s", netns) : "socket");
}

/* curl.socketpair([socktype]): two Sockets, connected with each other, of family "unix"
 * and of type "stream", "dgram" or "seqpacket". On failure nil, message, name.
 * -> Socket, Socket | nil, message, name */
int cs_socket_pair(lua_State *L) {
  int type = cs_socktype_arg(L, 1, SOCK_STREAM), fds[2];
  struct cs_socket *left = cs_socket_push(L, cs_runtime(L));
  struct cs_socket *right = cs_socket_push(L, cs_runtime(L));
  int code = cs_fd_pair(type, fds);
  if (code) return cs_fail_errno(L, code, "socketpair");
  code = cs_socket_own(left, fds[0]);
  if (code) {
    close(fds[1]);
    return cs_fail_errno(L, code, "socketpair");
  }
  code = cs_socket_own(right, fds[1]);
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
  if (cs_fd_type(fd) >= 0) {
    if (!held || !cs_same(held)) return;
    why = held->state == CS_OWNED ? "belongs to another Socket" : "is lent to libcurl";
  }
  luaL_argerror(L, 1, lua_pushfstring(L, "descriptor %d %s", fd, why));
}

/* curl.adopt(fd): a Socket that owns the descriptor of an open socket. Raises an error,
 * and leaves the descriptor alone, if it is anything else or has an owner already.
 * -> Socket */
int cs_socket_adopt(lua_State *L) {
  int fd = cs_int_arg(L, 1, 0, INT_MAX);
  struct cs_runtime *rt = cs_runtime(L);
  struct cs_socket *s = cs_socket_push(L, rt);
  check_adoptable(L, rt, fd);
  int code = cs_socket_take(s, fd, CS_OWNED);
  if (code) return cs_fail_errno(L, code, "adopt");
  s->connected = cs_fd_is_connected(fd);
  return 1;
}
