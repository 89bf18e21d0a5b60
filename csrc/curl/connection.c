/* SPDX-License-Identifier: MIT
 *
 * connection.c - which Socket a transfer is on.
 *
 * From 8.2 on libcurl numbers the connections of a pool, and tells the number while it
 * opens a socket, in the pre-request step and from then on: that is the key of a socket.
 * Older ones tell the addresses of both ends alone, and after a transfer the descriptor:
 * there the key is the local port, known once the socket begins to connect; a UNIX socket
 * has none.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"

/* CURLINFO_CONN_ID, which older headers do not have. */
#define CONN_ID ((CURLINFO)(CURLINFO_OFF_T + 64))

static int is_numbered(const struct cs_easy *e) { return e->h.rt->traits & CS_NUMBERED; }

/* The number of the connection that e has, or had last; 0 if there is none. */
static int number_of(const struct cs_easy *e, unsigned long long *number) {
  curl_off_t id = -1;
  if (curl_easy_getinfo(e->curl, CONN_ID, &id) || id < 0) return 0;
  *number = (unsigned long long)id;
  return 1;
}

void cs_connection_opened(const struct cs_easy *e, struct cs_socket *s) {
  unsigned long long number;
  if (is_numbered(e) && number_of(e, &number)) cs_key(s, number);
}

/* ---- by number --------------------------------------------------------------------- */

/* Of several sockets of a connection (FTP's for data, the attempts of happy eyeballs that
 * lost) the one that was opened first is where requests go. */
static struct cs_socket *find_numbered(const struct cs_easy *e) {
  unsigned long long number;
  if (!number_of(e, &number)) return NULL;
  return cs_keyed(e->h.rt, cs_easy_pool(e), number, NULL);
}

/* ---- by addresses ------------------------------------------------------------------ */

/* Keys those of the pool that have got a port of their own since, as they do when they
 * begin to connect: few are left without one. */
static void key_new(struct cs_pool *pool) {
  for (struct cs_link *l = pool->lines.unkeyed.next, *next; l != &pool->lines.unkeyed;
       l = next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, line.in_key);
    int port = cs_fd_port(s->fd);
    next = l->next;
    if (port < 0 || (port > 0 && !cs_key(s, (unsigned long long)port))) cs_unkey(s);
  }
}

/* The ends of the socket, read once; NULL while it is not connected. */
static const struct cs_ends *own_ends(struct cs_socket *s) {
  struct cs_ends ends;
  if (s->line.ends || !cs_fd_ends(s->fd, &ends) || !ends.port) return s->line.ends;
  s->line.ends = malloc(sizeof ends);
  /* analyzer: the socket has them, and frees them */
  if (s->line.ends) memcpy(s->line.ends, &ends, sizeof ends);
  return s->line.ends;
}

/* Reads the address that libcurl says; 0 if it says none. */
static int read_end(struct cs_end *end, const struct cs_easy *e, CURLINFO id) {
  const char *text = NULL;
  *end = (struct cs_end){0};
  if (curl_easy_getinfo(e->curl, id, &text) || !text) return 0;
  end->family = strchr(text, ':') ? AF_INET6 : AF_INET;
  return inet_pton(end->family, text, end->bytes) == 1;
}

/* The ends of e's connection as libcurl has them; 0 if it has none. */
static int ends_of(const struct cs_easy *e, struct cs_ends *ends) {
  long port = 0;
  if (curl_easy_getinfo(e->curl, CURLINFO_LOCAL_PORT, &port) || port <= 0 ||
      !read_end(&ends->local, e, CURLINFO_LOCAL_IP) ||
      !read_end(&ends->peer, e, CURLINFO_PRIMARY_IP))
    return 0;
  ends->port = (int)port;
  return 1;
}

static int is_same(const struct cs_end *a, const struct cs_end *b) {
  return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static int is_equal(const struct cs_ends *a, const struct cs_ends *b) {
  return a->port == b->port && is_same(&a->local, &b->local) &&
         is_same(&a->peer, &b->peer);
}

/* None also when there are two: to different ports of a host, or in two namespaces. */
static struct cs_socket *find_by_ends(const struct cs_easy *e) {
  struct cs_pool *pool = cs_easy_pool(e);
  struct cs_socket *found = NULL, *s = NULL;
  struct cs_ends ends;
  if (!ends_of(e, &ends)) return NULL;
  key_new(pool);
  while ((s = cs_keyed(e->h.rt, pool, (unsigned long long)ends.port, s))) {
    const struct cs_ends *own = own_ends(s);
    if (!own || !is_equal(own, &ends)) continue;
    if (found) return NULL;
    found = s;
  }
  return found;
}

/* ---- what others ask --------------------------------------------------------------- */

struct cs_socket *cs_connection_of(const struct cs_easy *e) {
  return is_numbered(e) ? find_numbered(e) : find_by_ends(e);
}

/* Without a number: what has such addresses; what has none if that is all that is known;
 * and what the transfer has opened, which may not be connected. */
static void mark_by_ends(const struct cs_easy *e) {
  struct cs_pool *pool = cs_easy_pool(e);
  struct cs_ends ends;
  int told = ends_of(e, &ends);
  for (struct cs_link *l = pool->sockets.next; l != &pool->sockets; l = l->next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, in_pool);
    const struct cs_ends *own = own_ends(s);
    if (told ? own && is_equal(own, &ends) : e->asked && !own) s->line.busy = 1;
  }
  for (struct cs_link *l = e->opened.next; l != &e->opened; l = l->next)
    cs_item(l, struct cs_socket, in_opener)->line.busy = 1;
}

void cs_connection_mark(const struct cs_easy *e) {
  struct cs_socket *s = NULL;
  unsigned long long number;
  if (!is_numbered(e)) {
    mark_by_ends(e);
  } else if (number_of(e, &number)) {
    while ((s = cs_keyed(e->h.rt, cs_easy_pool(e), number, s))) s->line.busy = 1;
  }
}

/* What another transfer has opened is kept; so is where nothing is known of it. */
void cs_connection_note(struct cs_easy *e) {
  struct cs_socket *s = cs_connection_of(e);
  e->kept = 1;
  if (!s || s->line.requests++) return;
  for (const struct cs_link *l = e->opened.next; l != &e->opened; l = l->next)
    if (cs_item(l, struct cs_socket, in_opener) == s) e->kept = 0;
}

/* Raises an error when the last transfer of e was in another pool than it would use now:
 * libcurl's number means a stranger's connection there. */
static void check_pool(lua_State *L, const struct cs_easy *e, const char *call) {
  if (e->last != cs_easy_pool(e))
    luaL_error(L, "%s: the last transfer was in another pool", call);
}

static int stranger(lua_State *L, const char *call) {
  return luaL_error(L, "%s: libcurl names a socket of somebody else", call);
}

struct cs_socket *cs_connection_active(lua_State *L, struct cs_easy *e,
                                       const char *call) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  /* libcurl takes the lock of the pool for it, which a running call may hold. */
  cs_refuse_inside(L, &e->h, call);
  if (!e->last) return NULL;
  check_pool(L, e, call);
  CURLcode code = curl_easy_getinfo(e->curl, CURLINFO_ACTIVESOCKET, &fd);
  if (code || fd == CURL_SOCKET_BAD) return NULL;
  struct cs_socket *s = cs_ledger_find(e->h.rt, fd);
  if (!s || s->state != CS_LENT || s->pool != e->last || !cs_same(s)) stranger(L, call);
  return s;
}

/* Several transfers may be on its connection at once. */
static int is_multiplexed(const struct cs_easy *e) {
  long version = 0;
  curl_easy_getinfo(e->curl, CURLINFO_HTTP_VERSION, &version);
  return version >= CURL_HTTP_VERSION_2_0;
}

/* libcurl (not the newest) names the connection of an earlier transfer when the last one
 * ended while others used its connection: that has other addresses. (Of one that was
 * given to it connected it knows its own end alone.) */
static int is_told(const struct cs_easy *e, const struct cs_socket *s) {
  struct cs_ends told, own;
  if (!cs_fd_ends(s->fd, &own)) return 0;
  if (!ends_of(e, &told)) return is_numbered(e) && !own.port && !is_multiplexed(e);
  if (is_numbered(e)) return told.port == own.port && is_same(&told.local, &own.local);
  return is_equal(&told, &own);
}

/* The socket of the last transfer of e. */
static struct cs_socket *find_last(lua_State *L, struct cs_easy *e, const char *call) {
  struct cs_socket *s;
  if (!e->last) return NULL;
  if (is_numbered(e)) {
    check_pool(L, e, call);
    s = find_numbered(e);
  } else {
    s = cs_connection_active(L, e, call);
  }
  return s && is_told(e, s) ? s : NULL;
}

/* The socket of the transfer that e runs, or of its last one. */
static struct cs_socket *find(lua_State *L, struct cs_easy *e) {
  static const char call[] = "easy:socket";
  struct cs_socket *s = NULL;
  if (e->asked) s = e->running ? cs_connection_of(e) : find_last(L, e, call);
  if (s && !cs_same(s)) stranger(L, call);
  return s;
}

/* easy:socket(): the Socket of the connection that the easy's transfer uses, from the
 * pre-request step on, also inside callbacks; or that its last transfer has used, while
 * that is open. nil if there is none, or where it cannot be told: with libcurl before
 * 8.2 that of a UNIX socket, and where libcurl forgets it, after a transfer that ended
 * while others used its connection. Raises an error if the easy uses another pool by now,
 * and, before libcurl 8.2 and after the transfer, inside a callback of its pool.
 * -> Socket | nil */
int cs_easy_socket(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  struct cs_ends ends;
  lua_settop(L, 1);
  const struct cs_socket *s = find(L, e); /* while a redirect connects: no peer yet */
  if (!s || !cs_fd_ends(s->fd, &ends) || !cs_pool_find(L, 1, s)) lua_pushnil(L);
  return 1;
}
