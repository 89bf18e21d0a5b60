/* SPDX-License-Identifier: MIT
 *
 * methods.c - the methods of a Socket that are calls of the system.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "net.h"

/* Returns self, or the failure of a call with an address. */
static int result(lua_State *L, int code, const char *call, const struct cs_address *a) {
  char text[CS_ADDRESS_TEXT];
  lua_settop(L, 1);
  if (!code) return 1;
  return cs_fail_errno(L, code,
                       lua_pushfstring(L, "%s %s", call, cs_address_text(a, text)));
}

/* socket:bind(address): binds it to the local Address, or its text. Returns the socket;
 * on failure nil, message, name.
 * -> Socket | nil, message, name */
static int socket_bind(lua_State *L) {
  const struct cs_address *a = cs_address_arg(L, 2);
  struct cs_socket *s = cs_socket_check(L, "bind", CS_IF_OPEN);
  return result(L, bind(s->fd, &a->u.sa, a->len) ? errno : 0, "bind", a);
}

static int push_address(lua_State *L, int peer) {
  static const char *const methods[] = {"localaddress", "peeraddress"};
  struct cs_address *a = cs_address_new(L);
  struct cs_socket *s = cs_socket_check(L, methods[peer], CS_IF_OPEN);
  socklen_t len = sizeof a->u;
  int failed =
      peer ? getpeername(s->fd, &a->u.sa, &len) : getsockname(s->fd, &a->u.sa, &len);
  if (failed) return cs_fail_errno(L, errno, methods[peer]);
  cs_address_set_length(a, len);
  cs_fd_describe(a, s->fd);
  return 1;
}

/* socket:localaddress(): the Address it is bound to. On failure nil, message, name.
 * -> Address | nil, message, name */
static int socket_localaddress(lua_State *L) { return push_address(L, 0); }

/* socket:peeraddress(): the Address it is connected with. On failure nil, message,
 * name.
 * -> Address | nil, message, name */
static int socket_peeraddress(lua_State *L) { return push_address(L, 1); }

/* ---- methods of the owner --------------------------------------------------------- */

/* socket:listen([backlog]): waits for connections, of which backlog (128) may queue up.
 * Returns the socket; on failure nil, message, name.
 * -> Socket | nil, message, name */
static int socket_listen(lua_State *L) {
  int backlog = lua_isnoneornil(L, 2) ? 128 : cs_int_arg(L, 2, 0, INT_MAX);
  struct cs_socket *s = cs_socket_check(L, "listen", CS_IF_OWNED);
  if (listen(s->fd, backlog)) return cs_fail_errno(L, errno, "listen");
  lua_settop(L, 1);
  return 1;
}

/* socket:accept([seconds]): the next connection: a Socket, owned and blocking, and the
 * Address of its peer. With seconds it waits so long at most: nil, message, "EAGAIN".
 * Without, as the descriptor's blocking mode says. On failure nil, message, name.
 * -> Socket, peer: Address | nil, message, name */
static int socket_accept(lua_State *L) {
  struct cs_wait w = cs_wait_arg(L, 2);
  struct cs_socket *new = cs_socket_push(L, cs_runtime(L));
  struct cs_address *a = cs_address_new(L);
  struct cs_socket *s = cs_socket_check(L, "accept", CS_IF_OWNED);
  int fd = cs_fd_accept(s->fd, a, &w);
  int code = fd < 0 ? errno : cs_socket_own(new, fd);
  if (code) return cs_fail_errno(L, code, "accept");
  cs_fd_describe(a, fd);
  new->connected = 1;
  return 2;
}

/* socket:connect(address [, seconds]): connects to the Address, or its text. With seconds
 * it takes so long at most: nil, message, "ETIMEDOUT". Without, as the descriptor's
 * blocking mode says. Returns the socket; on failure nil, message, name.
 * -> Socket | nil, message, name */
static int socket_connect(lua_State *L) {
  const struct cs_address *a = cs_address_arg(L, 2);
  struct cs_wait w = cs_wait_arg(L, 3);
  struct cs_socket *s = cs_socket_check(L, "connect", CS_IF_OWNED);
  int code = cs_fd_dial(s->fd, a, &w);
  if (!code) s->connected = cs_fd_type(s->fd) == SOCK_STREAM;
  return result(L, code, "connect", a);
}

/* socket:send(data [, seconds]): how many bytes of the string were sent, which may be
 * fewer than all. With seconds it waits so long at most until some can be: nil, message,
 * "EAGAIN". Without, as the descriptor's blocking mode says. On failure nil, message,
 * name; never raises SIGPIPE.
 * -> sent: integer | nil, message, name */
static int socket_send(lua_State *L) {
  size_t size;
  const char *data = luaL_checklstring(L, 2, &size);
  struct cs_wait w = cs_wait_arg(L, 3);
  struct cs_socket *s = cs_socket_check(L, "send", CS_IF_CLOSING);
  int flags = w.timed ? MSG_NOSIGNAL | MSG_DONTWAIT : MSG_NOSIGNAL;
  ssize_t n;
  do n = send(s->fd, data, size, flags);
  while (n < 0 && cs_fd_again(s->fd, POLLOUT, &w));
  if (n < 0) return cs_fail_errno(L, errno, "send");
  lua_pushinteger(L, n);
  return 1;
}

/* socket:recv(size [, seconds]): a string of at most size bytes (1 or more), "" at the
 * end of a stream. With seconds it waits so long at most until there is one: nil,
 * message, "EAGAIN". Without, as the descriptor's blocking mode says. On failure nil,
 * message, name.
 * -> string | nil, message, name */
static int socket_recv(lua_State *L) {
  luaL_Buffer b;
  size_t size = (size_t)cs_int_arg(L, 2, 1, INT_MAX);
  struct cs_wait w = cs_wait_arg(L, 3);
  char *data = luaL_buffinitsize(L, &b, size);
  struct cs_socket *s = cs_socket_check(L, "recv", CS_IF_CLOSING);
  ssize_t n;
  do n = recv(s->fd, data, size, w.timed ? MSG_DONTWAIT : 0);
  while (n < 0 && cs_fd_again(s->fd, POLLIN, &w));
  if (n < 0) return cs_fail_errno(L, errno, "recv");
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

/* ---- methods about the owner ------------------------------------------------------- */

/* socket:fd(): the descriptor, for an event loop; nil if there is none any more. Also
 * called getfd, pollfd and fileno.
 * -> integer | nil */
static int socket_fd(lua_State *L) {
  struct cs_socket *s = cs_socket_self(L);
  if (s->state == CS_OWNED && !cs_same(s)) cs_socket_end(s, CS_CLOSED);
  if (cs_same(s))
    lua_pushinteger(L, s->fd);
  else
    lua_pushnil(L);
  return 1;
}

static const char *const states[] = {"owned",    "lent",   "closed",  "closing",
                                     "borrowed", "closed", "detached"};

/* socket:state(): "owned", "lent", "closing", "borrowed", "closed" or "detached".
 * -> string */
static int socket_state(lua_State *L) {
  lua_pushstring(L, states[cs_socket_self(L)->state]);
  return 1;
}

/* socket:detach(): the open descriptor, which is now the script's to close.
 * -> fd: integer */
static int socket_detach(lua_State *L) {
  struct cs_socket *s = cs_socket_check(L, "detach", CS_IF_CLOSING);
  lua_pushinteger(L, cs_socket_end(s, CS_DETACHED));
  return 1;
}

/* socket:close(): closes the descriptor: true; on failure nil, message, name (it is
 * closed all the same). Does nothing if the Socket has none.
 * -> true | nil, message, name */
static int socket_close(lua_State *L) {
  enum cs_state state = cs_socket_self(L)->state;
  int open = state != CS_CLOSED && state != CS_DETACHED;
  int code = open ? cs_socket_close(cs_socket_check(L, "close", CS_IF_CLOSING)) : 0;
  if (code) return cs_fail_errno(L, code, "close");
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- metamethods ------------------------------------------------------------------ */

static int is_data(lua_State *L, int key) { return !strcmp(cs_word(L, key), "data"); }

/* socket.data: any value of the script's, nil at first; it can be set in any state, and
 * the close callback gets the same Socket. Another field cannot be set.
 * -> any */
static int socket__index(lua_State *L) {
  cs_socket_self(L);
  if (is_data(L, 2)) return lua_getiuservalue(L, 1, CS_UV_DATA), 1;
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(2));
  return 1;
}

static int socket__newindex(lua_State *L) {
  cs_socket_self(L);
  lua_settop(L, 3);
  if (!is_data(L, 2))
    return luaL_error(L, "Socket has no field %s to be set: your values go into data",
                      cs_shown(L, 2));
  lua_setiuservalue(L, 1, CS_UV_DATA);
  return 0;
}

/* tostring(socket): "socket (7, lent)". */
static int socket__tostring(lua_State *L) {
  const struct cs_socket *s = cs_socket_self(L);
  if (s->fd >= 0)
    lua_pushfstring(L, "socket (%d, %s)", s->fd, states[s->state]);
  else
    lua_pushfstring(L, "socket (%s)", states[s->state]);
  return 1;
}

/* __close: what the script owns is closed; the rest is libcurl's, or the script's
 * number. */
static int socket__close(lua_State *L) {
  struct cs_socket *s = cs_socket_self(L);
  if (s->state == CS_OWNED) cs_socket_close(s);
  return 0;
}

/* __gc: as __close. A close callback may still get the Socket of a lent descriptor, so
 * that one is finalized again later; if the state ends first, the runtime frees it. */
static int socket__gc(lua_State *L) {
  struct cs_socket **box = cs_class_check(L, 1, cs_socket_class), *s = *box;
  if (!s) return 0;
  if (s->state > CS_OWNED && s->state <= CS_CLOSING) {
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
  lua_rawsetp(L, LUA_REGISTRYINDEX, cs_retired_class);
}

void cs_socket_class_new(lua_State *L) {
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
      {"recvfd", cs_socket_recvfd},
      {"send", socket_send},
      {"sendfd", cs_socket_sendfd},
      {"setsockopt", cs_sockopt_set},
      {"state", socket_state},
      {NULL, NULL},
  };
  cs_class_new(L, cs_socket_class, meta, methods);
  cs_class_hide(L, cs_socket_class);
  lua_pushvalue(L, -1);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, socket__index, 2);
  lua_setfield(L, -2, "__index");
  retired_class_new(L);
  lua_pop(L, 1);
}
