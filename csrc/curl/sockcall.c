/* SPDX-License-Identifier: MIT
 *
 * sockcall.c - libcurl asks for a socket, shows it, and gives it back: the three socket
 * trampolines.
 *
 * They are on every easy from its creation, whether or not the script set a callback: a
 * connection made without them could later be closed behind the ledger's back.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "binding.h"

/* closesocketfunction(socket): the Socket that was opened, "closing" now. It is told,
 * once for each Socket, and on its return the descriptor is closed, unless it has called
 * socket:detach(). False is handed on to libcurl as a failure to close. */
static int on_close(void *clientp, curl_socket_t fd) {
  return cs_close_event(clientp, fd);
}

/* ---- open -------------------------------------------------------------------------- */

static const char *const purpose_names[] = {"ipcxn", "accept"};

struct open_call {
  struct cs_easy *easy;
  curlsocktype purpose;
  struct curl_sockaddr *address;
  int fd; /* the answer */
};

/* libcurl keeps room for a sockaddr_storage behind its struct curl_sockaddr. */
static void copy_address(struct cs_address *to, const struct curl_sockaddr *from) {
  size_t len = from->addrlen < sizeof to->u ? from->addrlen : sizeof to->u;
  int type = from->socktype;
#ifdef SOCK_CLOEXEC
  type &= ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
#endif
  to->socktype = type;
  to->protocol = from->protocol;
  to->len = (socklen_t)len;
  memcpy(&to->u, &from->addr, len);
}

static void write_back(struct curl_sockaddr *to, const struct cs_address *from) {
  to->family = from->u.sa.sa_family;
  to->addrlen = from->len;
  memcpy(&to->addr, &from->u, from->len);
}

/* Keeps why libcurl's address was refused for the message: the reason is on top.
 * [-1, +0] */
static void keep_reason(lua_State *L, struct open_call *c, int easy) {
  struct cs_address offered;
  char text[CS_ADDRESS_TEXT];
  copy_address(&offered, c->address);
  cs_address_text(&offered, text);
  if (lua_isnil(L, -1))
    lua_pushfstring(L, "%s refused by opensocketfunction", text);
  else
    lua_pushfstring(L, "%s refused: %s", text, luaL_tolstring(L, -1, NULL));
  lua_setiuservalue(L, easy, CS_UV_REASON);
}

/* 7.88.0 and 7.88.1 connect again what is connected. */
static int can_take_connected(void) {
  unsigned version = curl_version_info(CURLVERSION_NOW)->version_num;
  return version != 0x075800 && version != 0x075801;
}

static const char *const cannot_connected =
    "this libcurl (7.88.0, 7.88.1) cannot take a connected socket";

/* An unsupported answer is no error of the script: the transfer fails with
 * NOT_SUPPORTED. */
static int unsupported(lua_State *L, struct cs_easy *e, int easy) {
  e->unsupported = 1;
  lua_pushstring(L, cannot_connected);
  lua_setiuservalue(L, easy, CS_UV_REASON);
  return 0;
}

/* The stack of open_body and sockopt_body: the frame's handle and the call come first. */
enum { EASY = 3, ADDRESS, ANSWER, REASON };

/* Anchors the value on top of the stack as the Socket of s; nil when that got no
 * descriptor after all. [-1, +0, m] */
static void anchor(lua_State *L, const struct cs_easy *e, const struct cs_socket *s) {
  const struct cs_pool *pool = cs_easy_pool(e);
  cs_pool_anchor(L, e->multi && pool == e->multi->h.pool ? 1 : EASY, s, pool);
}

/* Lends s, which has its descriptor, to libcurl; cannot raise. */
static void lend(struct open_call *c, struct cs_socket *s, const struct cs_address *a) {
  if (a) write_back(c->address, a);
  cs_lend(s, cs_easy_pool(c->easy), &c->easy->opened);
  cs_connection_opened(c->easy, s);
  c->fd = s->fd;
}

/* Prepares the Socket on top of the stack to be lent: whatever can raise happens here,
 * while the descriptor is still the script's, or not there at all. [-1, +0, m] */
static void prepare(lua_State *L, const struct cs_easy *e, const struct cs_socket *s) {
  lua_getiuservalue(L, EASY, CS_UV_OWN + CS_CLOSESOCKET);
  lua_setiuservalue(L, -2, CS_UV_CLOSE);
  anchor(L, e, s);
}

/* The default socket, for the address as the callback left it. */
static int open_default(lua_State *L, struct open_call *c, const struct cs_address *a) {
  struct cs_socket *s = cs_socket_push(L, c->easy->h.rt);
  prepare(L, c->easy, s);
  int family = a ? a->u.sa.sa_family : c->address->family;
  /* The protocol is one of the family that was offered. */
  int protocol = family == c->address->family ? c->address->protocol : 0;
  int fd = cs_fd_open(family, c->address->socktype, protocol);
  int code = fd < 0 ? errno : cs_socket_take(s, fd, CS_OWNED);
  if (!code) return lend(c, s, a), 0;
  if (fd >= 0) close(fd);
  lua_pushnil(L);
  anchor(L, c->easy, s);
  lua_pushfstring(L, "socket: %s", strerror(code));
  keep_reason(L, c, EASY);
  return 0;
}

static int not_ours(lua_State *L) {
  return luaL_error(L, "opensocketfunction: returned a Socket that is not the script's");
}

static int lend_socket(lua_State *L, struct open_call *c, struct cs_socket *s,
                       const struct cs_address *a) {
  if (s->state != CS_OWNED || !cs_same(s)) return not_ours(L);
  int connected = cs_fd_is_connected(s->fd);
  if (connected && !can_take_connected()) return unsupported(L, c->easy, EASY);
  lua_pushvalue(L, ANSWER);
  prepare(L, c->easy, s);
  if (s->state != CS_OWNED) { /* a finalizer has closed it, or lent it to another */
    lua_pushnil(L);
    anchor(L, c->easy, s);
    return not_ours(L);
  }
  s->connected = connected;
  lend(c, s, a);
  return 0;
}

/* The socket that has the descriptor already, or NULL. */
static const struct cs_socket *holder(const struct open_call *c, int fd) {
  const struct cs_socket *held = cs_ledger_find(c->easy->h.rt, fd);
  return held && cs_same(held) ? held : NULL;
}

/* Lends descriptor fd; one that was duplicated for libcurl is closed if that fails. */
static int lend_fd(lua_State *L, struct open_call *c, int fd, int duplicate,
                   const struct cs_address *a) {
  struct cs_socket *s = cs_socket_push(L, c->easy->h.rt);
  int connected = cs_fd_is_connected(fd), given = fd;
  if (connected && !can_take_connected()) return unsupported(L, c->easy, EASY);
  prepare(L, c->easy, s);
  if (duplicate) fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
  int code = fd < 0 ? errno : EBUSY; /* a finalizer may have given it to a Socket */
  if (fd >= 0 && !holder(c, fd)) code = cs_socket_take(s, fd, CS_OWNED);
  if (!code) {
    s->connected = connected;
    return lend(c, s, a), 0;
  }
  if (duplicate && fd >= 0) close(fd);
  lua_pushnil(L);
  anchor(L, c->easy, s);
  if (duplicate && code != EBADF && code != ENOTSOCK) {
    lua_pushfstring(L, "dup: %s", strerror(code));
    return keep_reason(L, c, EASY), 0;
  }
  return luaL_error(L, "opensocketfunction: descriptor %d is no open socket (%s)", given,
                    strerror(code));
}

/* An integer becomes libcurl's, so nobody else may hold it. */
static int lend_integer(lua_State *L, struct open_call *c, const struct cs_address *a) {
  int ok;
  lua_Integer fd = lua_tointegerx(L, ANSWER, &ok);
  if (!ok || fd < 0 || fd > INT_MAX)
    return luaL_error(L, "opensocketfunction: %s is no descriptor", cs_shown(L, ANSWER));
  const struct cs_socket *held = holder(c, (int)fd);
  if (held)
    return luaL_error(L, "opensocketfunction: descriptor %d %s", (int)fd,
                      held->state == CS_OWNED ? "belongs to a Socket: return that"
                                              : "is lent to libcurl already");
  return lend_fd(L, c, (int)fd, 0, a);
}

/* The descriptor of an object of another library: a method or a field so named. */
static int foreign_fd(lua_State *L) {
  static const char *const names[] = {"getfd", "pollfd", "fileno"};
  int type = lua_type(L, ANSWER);
  for (int i = 0; i < 3 && (type == LUA_TTABLE || type == LUA_TUSERDATA); i++) {
    if (type == LUA_TUSERDATA && !luaL_getmetafield(L, ANSWER, "__index")) break;
    if (lua_getfield(L, ANSWER, names[i]) == LUA_TFUNCTION) {
      lua_pushvalue(L, ANSWER);
      lua_call(L, 1, 1);
    }
    int ok;
    lua_Integer fd = lua_tointegerx(L, -1, &ok);
    if (ok && fd >= 0 && fd <= INT_MAX) return (int)fd;
  }
  return luaL_error(L,
                    "opensocketfunction: true, a Socket, a descriptor, an object with "
                    "one, or nil/false and a reason expected, got %s",
                    luaL_typename(L, ANSWER));
}

/* Acts on what opensocketfunction returned. */
static int answer(lua_State *L, struct open_call *c, const struct cs_address *a) {
  struct cs_socket *s = cs_socket_test(L, ANSWER);
  if (s) return lend_socket(L, c, s, a);
  if (lua_type(L, ANSWER) == LUA_TNUMBER) return lend_integer(L, c, a);
  if (!lua_toboolean(L, ANSWER)) {
    lua_settop(L, REASON);
    keep_reason(L, c, EASY);
    return 0;
  }
  if (lua_isboolean(L, ANSWER)) return open_default(L, c, a);
  return lend_fd(L, c, foreign_fd(L), 1, a);
}

/* opensocketfunction(purpose, address, easy): libcurl wants a socket for the address,
 * which may be changed; purpose is "ipcxn", also for one that is to listen (FTP). It
 * exists to allow: true opens the usual socket; a Socket, a descriptor or an object with
 * one is lent to libcurl; false, nil and a reason, or nothing refuses, and libcurl tries
 * the next address, or fails with COULDNT_CONNECT. */
static int open_body(lua_State *L) {
  struct open_call *c = lua_touserdata(L, 2);
  struct cs_easy *e = c->easy;
  cs_push_easy(L, 1, e->h.rt->frame, e);
  if (!(e->set.callbacks & 1u << CS_OPENSOCKET)) return open_default(L, c, NULL);
  struct cs_address *a = cs_address_new(L);
  copy_address(a, c->address);
  lua_getiuservalue(L, EASY, CS_UV_OWN + CS_OPENSOCKET);
  lua_pushstring(L, purpose_names[c->purpose == CURLSOCKTYPE_ACCEPT]);
  lua_pushvalue(L, ADDRESS);
  lua_pushvalue(L, EASY);
  lua_call(L, 3, 2);
  return answer(L, c, a);
}

static curl_socket_t on_open(void *clientp, curlsocktype purpose,
                             struct curl_sockaddr *address) {
  struct cs_easy *e = clientp;
  struct cs_frame *f = e->h.rt->frame;
  struct open_call c = {e, purpose, address, CURL_SOCKET_BAD};
  if (!f || e->failed) return CURL_SOCKET_BAD;
  if (cs_call(f, open_body, &c)) cs_easy_error(f, e);
  cs_tell_lost(f, cs_easy_pool(e));
  if (e->multi) cs_event_opened(f, e, c.fd);
  return c.fd;
}

/* ---- sockopt ----------------------------------------------------------------------- */

struct sockopt_call {
  struct cs_easy *easy;
  curlsocktype purpose;
  int fd;
  struct cs_socket *socket; /* lent through us, or */
  struct cs_socket *shown;  /* borrowed: it dies when the callback returns */
  int answer;
};

static void push_socket(lua_State *L, struct sockopt_call *c) {
  if (c->socket) {
    if (!cs_pool_find(L, 1, c->socket)) lua_pushnil(L);
    return;
  }
  struct cs_socket *s = cs_socket_push(L, c->easy->h.rt);
  int code = cs_socket_take(s, c->fd, CS_BORROWED);
  if (code) luaL_error(L, "sockoptfunction: %s", strerror(code));
  c->shown = s;
}

static int refuse_sockopt(lua_State *L) {
  if (lua_isnil(L, REASON))
    lua_pushliteral(L, "refused by sockoptfunction");
  else
    lua_pushfstring(L, "refused by sockoptfunction: %s", luaL_tolstring(L, REASON, NULL));
  lua_setiuservalue(L, EASY, CS_UV_REASON);
  return CURL_SOCKOPT_ERROR;
}

static int already_connected(lua_State *L, struct sockopt_call *c) {
  if (c->purpose == CURLSOCKTYPE_ACCEPT)
    return luaL_error(L, "sockoptfunction: \"connected\" has no meaning for \"accept\"");
  if (can_take_connected()) return CURL_SOCKOPT_ALREADY_CONNECTED;
  unsupported(L, c->easy, EASY);
  return CURL_SOCKOPT_ERROR;
}

/* sockoptfunction(socket, purpose, easy): the socket is going to be connected ("ipcxn"),
 * or FTP has accepted it ("accept"): then it is "borrowed" until this returns. Nothing,
 * true or a file goes on; "connected" keeps libcurl from connecting it; false, or nil and
 * a reason, refuses: the transfer fails. */
static int sockopt_answer(lua_State *L, struct sockopt_call *c) {
  enum cs_answer a = cs_answer_at(L, ANSWER);
  if (a == CS_YES || a == CS_NOTHING) return CURL_SOCKOPT_OK;
  if (a == CS_NO) return refuse_sockopt(L);
  if (!strcmp(cs_word(L, ANSWER), "connected")) return already_connected(L, c);
  return cs_wrong_answer(L, "sockoptfunction",
                         "nothing, true, \"connected\", or false and a reason", ANSWER);
}

static int sockopt_body(lua_State *L) {
  struct sockopt_call *c = lua_touserdata(L, 2);
  cs_push_easy(L, 1, c->easy->h.rt->frame, c->easy);
  lua_pushnil(L); /* open_body has the address here */
  lua_getiuservalue(L, EASY, CS_UV_OWN + CS_SOCKOPT);
  push_socket(L, c);
  lua_pushstring(L, purpose_names[c->purpose == CURLSOCKTYPE_ACCEPT]);
  lua_pushvalue(L, EASY);
  lua_call(L, 3, 2);
  c->answer = sockopt_answer(L, c);
  return 0;
}

static int on_sockopt(void *clientp, curl_socket_t fd, curlsocktype purpose) {
  struct cs_easy *e = clientp;
  struct cs_frame *f = e->h.rt->frame;
  struct sockopt_call c = {e, purpose, fd, cs_ledger_find(e->h.rt, fd), NULL, 0};
  if (!f || e->failed) return CURL_SOCKOPT_ERROR;
  /* Closed behind libcurl's back already, and the number is that of a Socket of the
   * script. */
  if (c.socket && c.socket->state == CS_OWNED && cs_same(c.socket))
    return CURL_SOCKOPT_ERROR;
  if (c.socket && (c.socket->state != CS_LENT || !cs_same(c.socket))) c.socket = NULL;
  if (!c.socket) cs_fd_cloexec(fd);
  if (e->set.callbacks & 1u << CS_SOCKOPT && cs_call(f, sockopt_body, &c)) {
    cs_easy_error(f, e);
    c.answer = CURL_SOCKOPT_ERROR;
  }
  if (c.shown) cs_socket_end(c.shown, CS_CLOSED);
  if (c.answer == CURL_SOCKOPT_OK && c.socket && c.socket->connected)
    return CURL_SOCKOPT_ALREADY_CONNECTED;
  return c.answer;
}

CURLcode cs_sockcall_install(struct cs_easy *e) {
  CURLcode code = curl_easy_setopt(e->curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_OPENSOCKETDATA, e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_SOCKOPTFUNCTION, on_sockopt);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_SOCKOPTDATA, e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_CLOSESOCKETDATA, e->h.rt);
  return code;
}
