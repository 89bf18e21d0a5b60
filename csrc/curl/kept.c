/* SPDX-License-Identifier: MIT
 *
 * kept.c - the connections of a pool: which there are, which of them nobody uses, and the
 * end of those.
 *
 * A request costs nothing for it: who uses what is asked when somebody wants to know, of
 * libcurl, for each transfer of the pool; since when a connection is idle, of the kernel.
 */
#include <math.h>
#include <sys/socket.h>

#include "kept.h"

/* ---- which are in use -------------------------------------------------------------- */

/* One with connect_only keeps its connection for the script after the transfer. */
static int uses(const struct cs_easy *e, const struct cs_pool *pool) {
  if (cs_easy_pool(e) != pool) return 0;
  return e->running || (e->set.connect_only && e->asked && e->last == pool);
}

static void mark(const struct cs_easy *e, const struct cs_pool *pool) {
  if (uses(e, pool)) cs_connection_mark(e);
}

/* Has busy say of each socket of the pool whether a transfer uses it. */
static void mark_all(const struct cs_pool *pool) {
  const struct cs_handle *owner = pool->owner; /* analyzer: an open handle has a pool */
  const struct cs_multi *m = (const struct cs_multi *)owner;
  const struct cs_share *s = (const struct cs_share *)owner;
  for (const struct cs_link *l = pool->sockets.next; l != &pool->sockets; l = l->next)
    cs_item(l, struct cs_socket, in_pool)->line.busy = 0;
  if (owner->kind == CS_EASY) mark((const struct cs_easy *)owner, pool);
  for (const struct cs_link *l = owner->kind == CS_MULTI ? m->easies.next : &m->easies;
       l != &m->easies; l = l->next)
    mark(cs_item(l, struct cs_easy, in_multi), pool);
  for (const struct cs_link *l = owner->kind == CS_SHARE ? s->easies.next : &s->easies;
       l != &s->easies; l = l->next)
    mark(cs_item(l, struct cs_easy, in_share), pool);
}

/* ---- one connection ---------------------------------------------------------------- */

/* Seconds for which nobody has used it. Where the kernel does not tell that, it is since
 * the pool's last transfer ended, which is noted from the first question on. */
static double idle_of(const struct cs_socket *s, double now) {
  struct cs_tcp tcp;
  if (cs_fd_tcp(s->fd, &tcp)) return tcp.idle;
  if (s->pool->lines.used < 0) s->pool->lines.used = now;
  return now - fmax(s->pool->lines.used, s->line.since);
}

/* A lent socket of the pool that is a connection, and has its descriptor still. */
static int is_connection(const struct cs_socket *s, const struct cs_pool *pool) {
  struct cs_ends ends;
  if (!s || s->state != CS_LENT || s->pool != pool || s->line.shut) return 0;
  return cs_same(s) && cs_fd_ends(s->fd, &ends);
}

/* s is not read after anything that needs memory: that may run a finalizer which closes
 * it. */
static void push_connection(lua_State *L, const struct cs_socket *s) {
  double now = cs_now(), age = now - s->line.since, idle = idle_of(s, now);
  int busy = s->line.busy;
  if (!cs_pool_find(L, 1, s)) lua_pushnil(L);
  lua_createtable(L, 0, 4);
  lua_insert(L, -2);
  lua_setfield(L, -2, "socket");
  lua_pushnumber(L, age);
  lua_setfield(L, -2, "age");
  if (busy) return;
  lua_pushnumber(L, fmin(idle, age)); /* the kernel's clock is a coarse one */
  lua_setfield(L, -2, "idle");
}

/* Sets the address of the connection that is on top of the stack. */
static void set_address(lua_State *L) {
  lua_getfield(L, -1, "socket");
  if (lua_isnil(L, -1)) return lua_pop(L, 1);
  lua_getfield(L, -1, "peeraddress");
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0)) { /* a finalizer has closed it */
    lua_pop(L, 1);
    lua_pushnil(L);
  }
  lua_setfield(L, -2, "address");
}

lua_Integer cs_kept_shut(struct cs_pool *pool, double seconds) {
  lua_Integer n = 0;
  mark_all(pool);
  for (struct cs_link *l = pool->sockets.next; l != &pool->sockets; l = l->next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, in_pool);
    if (s->line.busy || !is_connection(s, pool) || idle_of(s, cs_now()) < seconds)
      continue;
    s->line.shut = !shutdown(s->fd, SHUT_RDWR);
    n += s->line.shut;
  }
  return n;
}

/* ---- the methods ------------------------------------------------------------------- */

/* The pool that the handle at index 1 is, or uses; NULL when it was closed. */
static struct cs_pool *pool_at(lua_State *L, enum cs_kind kind) {
  struct cs_handle *h = cs_unbox(L, 1);
  if (!h || h->phase != CS_OPEN) return NULL;
  return kind == CS_EASY ? cs_easy_pool((struct cs_easy *)h) : h->pool;
}

/* easy:connections(), multi:connections(), share:connections(): the open connections of
 * the pool (of an easy: the one that it uses), in the order of their descriptors.
 * Attempts to connect are not in it. Each is a table:
 *   socket    the Socket
 *   address   the Address that it is connected with
 *   age       seconds since it was opened
 *   idle      seconds since a byte went over it; nil while a transfer uses it. (Of a UNIX
 *             socket, and on systems other than Linux: since the last transfer of the
 *             pool ended, noted from the first call on.)
 * -> Connection[] */
static int connections(lua_State *L, enum cs_kind kind) {
  const struct cs_handle *h = cs_handle_check(L, 1, kind);
  const struct cs_runtime *rt = h->rt;
  lua_Integer n = 0;
  lua_settop(L, 1);
  lua_newtable(L);
  if (pool_at(L, kind)) mark_all(pool_at(L, kind));
  for (size_t fd = 0; fd < rt->size; fd++) {
    const struct cs_pool *pool = pool_at(L, kind);
    if (!pool || !is_connection(rt->table[fd], pool)) continue;
    push_connection(L, rt->table[fd]);
    set_address(L);
    lua_rawseti(L, 2, ++n);
  }
  return 1;
}

/* easy:close_idle([seconds]), multi:close_idle([seconds]), share:close_idle([seconds]):
 * ends the connections of the pool that no transfer uses, and over which no byte went for
 * that long (0). Their peers see the end at once; libcurl notices it, and closes them, at
 * the latest before the pool's next transfer would use one. (From 8.22 on it looks once
 * a second: by HTTP/3 a request that comes before that may fail, with SEND_ERROR. Over
 * TCP it is sent again.) Returns how many. Refused inside a callback of the pool.
 * -> ended: integer */
static int close_idle(lua_State *L, enum cs_kind kind, const char *call) {
  struct cs_handle *h = cs_handle_check(L, 1, kind);
  double seconds = 0;
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TNUMBER);
    seconds = lua_tonumber(L, 2);
  }
  luaL_argcheck(L, seconds >= 0 && isfinite(seconds), 2, "seconds out of range");
  cs_refuse_inside(L, h, call);
  lua_pushinteger(L, cs_kept_shut(pool_at(L, kind), seconds));
  return 1;
}

int cs_easy_connections(lua_State *L) { return connections(L, CS_EASY); }
int cs_multi_connections(lua_State *L) { return connections(L, CS_MULTI); }
int cs_share_connections(lua_State *L) { return connections(L, CS_SHARE); }

int cs_easy_close_idle(lua_State *L) { return close_idle(L, CS_EASY, "easy:close_idle"); }

int cs_multi_close_idle(lua_State *L) {
  return close_idle(L, CS_MULTI, "multi:close_idle");
}

int cs_share_close_idle(lua_State *L) {
  return close_idle(L, CS_SHARE, "share:close_idle");
}
