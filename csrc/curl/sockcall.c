/* SPDX-License-Identifier: MIT
 *
 * sockcall.c - libcurl shows a socket, and gives it back; with opening.c these are the
 * three socket trampolines.
 *
 * They are on every easy from its creation, whether or not the script set a callback: a
 * connection made without them could later be closed behind the ledger's back.
 */
#include <string.h>

#include "sockcall.h"

/* closesocketfunction(socket): the Socket that was opened, "closing" now. It is told,
 * once for each Socket, and on its return the descriptor is closed, unless it has called
 * socket:detach(). False is handed on to libcurl as a failure to close.
 * -> nothing | false */
static int on_close(void *clientp, curl_socket_t fd) {
  return cs_close_event(clientp, fd);
}

/* ---- sockopt ----------------------------------------------------------------------- */

/* The stack of sockopt_body: the frame's handle and the call come first. */
enum { EASY = 3, ANSWER, REASON, SOCKET };

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
  cs_easy_keep(L, EASY, CS_UV_REASON);
  return CURL_SOCKOPT_ERROR;
}

static int already_connected(lua_State *L, struct sockopt_call *c) {
  if (c->purpose == CURLSOCKTYPE_ACCEPT)
    return luaL_error(L, "sockoptfunction: \"connected\" has no meaning for \"accept\"");
  return cs_can_take_connected(L, c->easy, EASY, c->fd) ? CURL_SOCKOPT_ALREADY_CONNECTED
                                                        : CURL_SOCKOPT_ERROR;
}

/* sockoptfunction(socket, purpose, easy): the socket is going to be connected ("ipcxn"),
 * or FTP has accepted it ("accept"): then it is "borrowed" until this returns. Nothing,
 * true or a file goes on; "connected" keeps libcurl from connecting it; false, or nil and
 * a reason, refuses: the transfer fails.
 * -> nothing | true | "connected" | false, reason */
static int sockopt_answer(lua_State *L, struct sockopt_call *c) {
  enum cs_answer a = cs_answer_at(L, ANSWER);
  if (a == CS_YES || a == CS_NOTHING) return CURL_SOCKOPT_OK;
  if (a == CS_NO) return refuse_sockopt(L);
  if (!strcmp(cs_word(L, ANSWER), "connected")) return already_connected(L, c);
  return cs_wrong_answer(L, "sockoptfunction",
                         "nothing, true, \"connected\", or false and a reason", ANSWER);
}

static int ask_own_sockopt(lua_State *L, struct sockopt_call *c) {
  lua_getiuservalue(L, EASY, CS_UV_OWN + CS_SOCKOPT);
  lua_pushvalue(L, SOCKET);
  lua_pushstring(L, cs_purpose_name(c->purpose));
  lua_pushvalue(L, EASY);
  lua_call(L, 3, 2);
  lua_replace(L, REASON);
  lua_replace(L, ANSWER);
  return sockopt_answer(L, c);
}

/* The easy's own callbacks had it, and it is connected since it was judged: by another
 * descriptor of the same socket. libcurl would take it so. */
static int is_connected_meanwhile(const struct sockopt_call *c) {
  unsigned own = 1u << CS_OPENSOCKET | 1u << CS_SOCKOPT;
  return c->easy->set.callbacks & own && c->socket && !c->socket->connected &&
         cs_fd_is_connected(c->fd);
}

/* The policy has the last word; what is connected, or the easy's own callback says it is,
 * it is asked about by the peer of now. */
static int policy_allows(lua_State *L, struct sockopt_call *c,
                         const struct cs_policy *p) {
  const char *purpose = cs_purpose_name(c->purpose);
  int connected =
      c->answer == CURL_SOCKOPT_ALREADY_CONNECTED || is_connected_meanwhile(c);
  if (connected && p->hooks & 1u << CS_ASK_OPEN) {
    const struct cs_address *a = cs_push_peer(L, c->socket ? c->socket : c->shown);
    int yes = cs_judge_open(L, c->easy, EASY, purpose, lua_gettop(L), SOCKET) &&
              lua_isboolean(L, -1);
    if (!yes) return cs_judge_refuse(L, c->easy, EASY, a), 0;
  }
  if (!(p->hooks & 1u << CS_ASK_SOCKOPT)) return 1;
  return cs_judge_sockopt(L, c->easy, EASY, purpose, SOCKET);
}

static int sockopt_body(lua_State *L) {
  struct sockopt_call *c = lua_touserdata(L, 2);
  const struct cs_policy *p = cs_policy_of(c->easy);
  cs_push_easy(L, 1, c->easy->h.rt->frame, c->easy);
  lua_settop(L, REASON);
  push_socket(L, c);
  if (c->easy->set.callbacks & 1u << CS_SOCKOPT) c->answer = ask_own_sockopt(L, c);
  if (!p || c->answer == CURL_SOCKOPT_ERROR || policy_allows(L, c, p)) return 0;
  c->answer = CURL_SOCKOPT_ERROR;
  return 0;
}

/* Somebody is to be asked. */
static int has_sockopt(const struct sockopt_call *c) {
  const struct cs_policy *p = cs_policy_of(c->easy);
  if (c->easy->set.callbacks & 1u << CS_SOCKOPT) return 1;
  if (!p) return 0;
  return p->hooks & 1u << CS_ASK_SOCKOPT ||
         (p->hooks & 1u << CS_ASK_OPEN && is_connected_meanwhile(c));
}

/* cs_on_open has just given it to libcurl, and nobody is asked: there is nothing to look
 * at. */
static int is_plain(const struct sockopt_call *c) {
  return c->socket && c->socket->state == CS_LENT && !c->socket->connected &&
         !has_sockopt(c);
}

static int on_sockopt(void *clientp, curl_socket_t fd, curlsocktype purpose) {
  struct cs_easy *e = clientp;
  struct cs_frame *f = e->h.rt->frame;
  struct sockopt_call c = {e, purpose, fd, cs_ledger_find(e->h.rt, fd), NULL, 0};
  if (!f || e->failed) return CURL_SOCKOPT_ERROR;
  if (purpose == CURLSOCKTYPE_IPCXN && is_plain(&c)) return CURL_SOCKOPT_OK;
  /* Closed behind libcurl's back already, and the number is that of a Socket of the
   * script. */
  if (c.socket && c.socket->state == CS_OWNED && cs_same(c.socket))
    return CURL_SOCKOPT_ERROR;
  if (c.socket && (c.socket->state != CS_LENT || !cs_same(c.socket))) c.socket = NULL;
  if (!c.socket) cs_fd_cloexec(fd);
  if (has_sockopt(&c) && cs_call(f, sockopt_body, &c)) {
    cs_easy_error(f, e);
    c.answer = CURL_SOCKOPT_ERROR;
  }
  if (c.shown) cs_socket_end(c.shown, CS_CLOSED);
  if (c.answer == CURL_SOCKOPT_OK && c.socket && c.socket->connected)
    return CURL_SOCKOPT_ALREADY_CONNECTED;
  return c.answer;
}

CURLcode cs_sockcall_install(struct cs_easy *e) {
  CURLcode code = curl_easy_setopt(e->curl, CURLOPT_OPENSOCKETFUNCTION, cs_on_open);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_OPENSOCKETDATA, e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_SOCKOPTFUNCTION, on_sockopt);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_SOCKOPTDATA, e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_CLOSESOCKETDATA, e->h.rt);
  return code;
}
