/* SPDX-License-Identifier: MIT
 *
 * opening.c - libcurl asks for a socket: opensocketfunction, what it may answer, and the
 * policy of the pool, which has the last word.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "sockcall.h"
#include "trace.h"

const char *cs_purpose_name(curlsocktype purpose) {
  return purpose == CURLSOCKTYPE_ACCEPT ? "accept" : "ipcxn";
}

struct open_call {
  struct cs_easy *easy;
  curlsocktype purpose;
  struct curl_sockaddr *address;
  const struct cs_socket *dials; /* was judged by what it is going to dial */
  int fd;                        /* the answer */
};

static int socktype_of(const struct curl_sockaddr *a) {
#ifdef SOCK_CLOEXEC
  return a->socktype & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
  return a->socktype;
#endif
}

/* libcurl keeps room for a sockaddr_storage behind its struct curl_sockaddr. */
static void copy_address(struct cs_address *to, const struct curl_sockaddr *from) {
  size_t len = from->addrlen < sizeof to->u ? from->addrlen : sizeof to->u;
  to->socktype = socktype_of(from);
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
  cs_easy_keep(L, easy, CS_UV_REASON);
}

/* Why libcurl cannot take that socket as connected, or NULL: 7.88.0 and 7.88.1 connect
 * again what is connected, and each release does with UDP, which would lead it elsewhere.
 */
static const char *why_not_connected(int fd) {
  unsigned version = cs_version();
  if (cs_fd_type(fd) == SOCK_DGRAM)
    return "libcurl cannot take a connected datagram socket";
  if (version == 0x075800 || version == 0x075801)
    return "this libcurl (7.88.0, 7.88.1) cannot take a connected socket";
  return NULL;
}

/* An unsupported answer is no error of the script. */
int cs_can_take_connected(lua_State *L, struct cs_easy *e, int easy, int fd) {
  const char *why = why_not_connected(fd);
  if (!why) return 1;
  e->unsupported = 1;
  lua_pushstring(L, why);
  cs_easy_keep(L, easy, CS_UV_REASON);
  return 0;
}

/* The stack of open_body: the frame's handle and the call come first. */
enum { EASY = 3, ADDRESS, ANSWER, REASON };

/* Where the handle is that has the anchors of the pool of e. */
static int holder_of(const struct cs_easy *e) {
  return e->multi && cs_easy_pool(e) == e->multi->h.pool ? 1 : EASY;
}

static void withdraw(lua_State *L, const struct cs_easy *e, struct cs_socket *s) {
  cs_pool_withdraw(L, holder_of(e), s, cs_easy_pool(e));
}

/* From now on each easy hears of headers: they say that the connection lives. */
static void note_datagram(struct cs_easy *e, struct cs_socket *s) {
  s->datagram = 1;
  e->h.rt->traits |= CS_DATAGRAMS;
  cs_header_install(e);
}

/* Lends s, which has its descriptor, to libcurl; cannot raise. */
static void lend(struct open_call *c, struct cs_socket *s, const struct cs_address *a) {
  struct cs_policy *p = cs_policy_of(c->easy);
  if (p) p->opened++;
  if (a) write_back(c->address, a);
  cs_lend(s, cs_easy_pool(c->easy), &c->easy->opened);
  cs_connection_opened(c->easy, s);
  if (socktype_of(c->address) == SOCK_DGRAM) note_datagram(c->easy, s);
  c->fd = s->fd;
}

/* Prepares the Socket on top of the stack to be lent: whatever can raise happens here,
 * while the descriptor is still the script's, or not there at all. [-1, +0, m] */
static void prepare(lua_State *L, const struct cs_easy *e, struct cs_socket *s) {
  const struct cs_policy *p = cs_policy_of(e);
  lua_getiuservalue(L, EASY, CS_UV_OWN + CS_CLOSESOCKET);
  lua_setiuservalue(L, -2, CS_UV_CLOSE);
  if (p && p->hooks & 1u << CS_TELL_CLOSE) {
    cs_push_policy(L, e, EASY, 0);
    lua_getiuservalue(L, -1, CS_UV_HOOKS + CS_TELL_CLOSE);
    lua_setiuservalue(L, -3, CS_UV_TOLD);
    lua_pop(L, 1);
  }
  cs_pool_anchor(L, holder_of(e), s, cs_easy_pool(e));
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
  withdraw(L, c->easy, s);
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
  if (connected && s == c->dials)
    return luaL_error(L,
                      "opensocketfunction: its Socket was connected while it was judged");
  if (connected && !cs_can_take_connected(L, c->easy, EASY, s->fd)) return 0;
  lua_pushvalue(L, ANSWER);
  prepare(L, c->easy, s);
  if (s->state != CS_OWNED) { /* a finalizer has closed it, or lent it to another */
    withdraw(L, c->easy, s);
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

/* Makes the descriptor a Socket, in place of the answer: libcurl's or nobody's from now
 * on. The Socket, or NULL when the address is refused. */
static struct cs_socket *own_fd(lua_State *L, struct open_call *c, int fd,
                                int duplicate) {
  if (cs_fd_is_connected(fd) && !cs_can_take_connected(L, c->easy, EASY, fd)) return NULL;
  struct cs_socket *s = cs_socket_push(L, c->easy->h.rt);
  int given = fd;
  if (duplicate) fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
  int code = fd < 0 ? errno : EBUSY; /* a finalizer may have given it to a Socket */
  if (fd >= 0 && !holder(c, fd)) code = cs_socket_take(s, fd, CS_OWNED);
  if (!code) return lua_replace(L, ANSWER), s;
  if (duplicate && fd >= 0) close(fd);
  if (duplicate && code != EBADF && code != ENOTSOCK) {
    lua_pushfstring(L, "dup: %s", strerror(code));
    return keep_reason(L, c, EASY), NULL;
  }
  luaL_error(L, "opensocketfunction: descriptor %d is no open socket (%s)", given,
             strerror(code));
  return NULL;
}

/* An integer becomes libcurl's, so nobody else may hold it. */
static struct cs_socket *own_integer(lua_State *L, struct open_call *c) {
  int ok;
  lua_Integer fd = lua_tointegerx(L, ANSWER, &ok);
  if (!ok || fd < 0 || fd > INT_MAX)
    luaL_error(L, "opensocketfunction: %s is no descriptor", cs_shown(L, ANSWER));
  const struct cs_socket *held = holder(c, (int)fd);
  if (held)
    luaL_error(L, "opensocketfunction: descriptor %d %s", (int)fd,
               held->state == CS_OWNED ? "belongs to a Socket: return that"
                                       : "is lent to libcurl already");
  return own_fd(L, c, (int)fd, 0);
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

/* What opensocketfunction returned: true or a Socket is left in its place. Sets *given to
 * a Socket that is nobody's but libcurl's. 0: the address is refused. */
static int read_answer(lua_State *L, struct open_call *c, struct cs_socket **given) {
  if (cs_socket_test(L, ANSWER)) return 1;
  if (lua_type(L, ANSWER) == LUA_TNUMBER) return (*given = own_integer(L, c)) != NULL;
  if (lua_isboolean(L, ANSWER) && lua_toboolean(L, ANSWER)) return 1;
  if (!lua_toboolean(L, ANSWER)) {
    lua_settop(L, REASON);
    keep_reason(L, c, EASY);
    return 0;
  }
  return (*given = own_fd(L, c, foreign_fd(L), 1)) != NULL;
}

/* FTP is to listen where there is no port: nothing can be dialled there. */
static const char *purpose_of(const struct open_call *c, struct cs_address *a) {
  const in_port_t *port = cs_address_port(a);
  if (c->purpose == CURLSOCKTYPE_IPCXN && port && !*port) return "listen";
  return cs_purpose_name(c->purpose);
}

/* Pushes whom the connected socket, at ANSWER, is connected with. */
struct cs_address *cs_push_peer(lua_State *L, const struct cs_socket *s) {
  struct cs_address *a = cs_address_new(L);
  cs_fd_describe(a, s->fd);
  a->len = sizeof a->u;
  if (getpeername(s->fd, &a->u.sa, &a->len)) a->len = 0;
  cs_address_set_length(a, a->len);
  return a;
}

/* Has the policy of the pool say whether what the answer means may be: the address, of
 * the type that the Socket has, or for a connected one its peer. Its own Socket takes the
 * place of the answer. */
static int is_let_in(lua_State *L, struct open_call *c, struct cs_address *a) {
  const struct cs_socket *s = cs_socket_test(L, ANSWER);
  int place = ADDRESS;
  lua_settop(L, REASON);
  if (!s) lua_pushnil(L);
  if (s) lua_pushvalue(L, ANSWER);
  if (s && s->state == CS_OWNED && cs_same(s) && cs_fd_is_connected(s->fd)) {
    a = cs_push_peer(L, s);
    place = lua_gettop(L);
  } else {
    c->dials = s;
    if (s && s->state == CS_OWNED && cs_same(s)) cs_fd_describe(a, s->fd);
    cs_judge_zone(L, c->easy, EASY, a);
  }
  if (cs_judge_open(L, c->easy, EASY, purpose_of(c, a), place, REASON + 1)) {
    if (cs_socket_test(L, -1)) lua_replace(L, ANSWER);
    return 1;
  }
  cs_judge_refuse(L, c->easy, EASY, a);
  return 0;
}

/* Lends what the answer means. */
static int lend_answer(lua_State *L, struct open_call *c, const struct cs_address *a) {
  struct cs_socket *s = cs_socket_test(L, ANSWER);
  return s ? lend_socket(L, c, s, a) : open_default(L, c, a);
}

/* Acts on what opensocketfunction returned. What it gave away is closed, when the policy
 * refuses it or has another. */
static int answer(lua_State *L, struct open_call *c, struct cs_address *a, int judged) {
  struct cs_socket *given = NULL;
  if (!read_answer(L, c, &given)) return 0;
  if (!judged) return lend_answer(L, c, a);
  int yes = is_let_in(L, c, a);
  if (given && given->state == CS_OWNED && (!yes || cs_socket_test(L, ANSWER) != given))
    cs_socket_close(given);
  const struct cs_address passed = *a; /* whatever is done to the Address by now */
  return yes ? lend_answer(L, c, &passed) : 0;
}

/* What no policy lets pass. */
static int is_barred(lua_State *L, struct open_call *c) {
  struct cs_address a;
  copy_address(&a, c->address);
  cs_judge_attempt(c->easy);
  const char *why = cs_judge_kind(c->easy, a.socktype);
  if (!why) return 0;
  lua_pushstring(L, why);
  cs_judge_refuse(L, c->easy, EASY, &a);
  return 1;
}

/* opensocketfunction(purpose, address, easy): libcurl wants a socket for the address,
 * which may be changed; purpose is "ipcxn", also for one that is to listen (FTP). It
 * exists to allow: true opens the usual socket; a Socket, a descriptor or an object with
 * one is lent to libcurl; false, nil and a reason, or nothing refuses, and libcurl tries
 * the next address, or fails with COULDNT_CONNECT.
 * -> true | Socket | fd: integer | userdata | false, reason */
static void ask_own(lua_State *L, const struct open_call *c) {
  lua_getiuservalue(L, EASY, CS_UV_OWN + CS_OPENSOCKET);
  lua_pushstring(L, cs_purpose_name(c->purpose));
  lua_pushvalue(L, ADDRESS);
  lua_pushvalue(L, EASY);
  lua_call(L, 3, 2);
}

static int open_body(lua_State *L) {
  struct open_call *c = lua_touserdata(L, 2);
  struct cs_easy *e = c->easy;
  const struct cs_policy *p = cs_policy_of(e);
  int own = (e->set.callbacks & 1u << CS_OPENSOCKET) != 0;
  int judged = p && p->hooks & 1u << CS_ASK_OPEN;
  cs_push_easy(L, 1, e->h.rt->frame, e);
  if (p && is_barred(L, c)) return 0;
  if (!own && !judged) return open_default(L, c, NULL);
  struct cs_address *a = cs_address_new(L);
  copy_address(a, c->address);
  if (own)
    ask_own(L, c);
  else
    lua_pushboolean(L, 1), lua_pushnil(L);
  return answer(L, c, a, judged);
}

static void trace(struct cs_frame *f, const struct open_call *c) {
  struct cs_address a;
  copy_address(&a, c->address);
  cs_trace_open(f, c->easy, c->fd, &a);
}

curl_socket_t cs_on_open(void *clientp, curlsocktype purpose,
                         struct curl_sockaddr *address) {
  struct cs_easy *e = clientp;
  struct cs_frame *f = e->h.rt->frame;
  struct open_call c = {e, purpose, address, NULL, CURL_SOCKET_BAD};
  if (!f || e->failed || (e->under && !cs_judge_hop(e))) return CURL_SOCKET_BAD;
  if (cs_call(f, open_body, &c)) cs_easy_error(f, e);
  if (cs_is_traced(f)) trace(f, &c);
  cs_tell_lost(f, cs_easy_pool(e));
  if (e->multi) cs_event_opened(f, e, c.fd);
  return c.fd;
}
