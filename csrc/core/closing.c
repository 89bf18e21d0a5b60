/* SPDX-License-Identifier: MIT
 *
 * closing.c - the close event of a lent socket, once for each: the one that the library
 * tells, and those that it forgets.
 *
 * Nothing in here needs memory, so that all but the callback itself can do without
 * protection: a socket can always be closed.
 */
#include "core.h"

/* Calls that close callback of the Socket on top of the stack; whether that returned
 * false. */
static int call_one(struct cs_frame *f, int uservalue) {
  lua_State *L = f->L;
  int refused = 0;
  if (lua_getiuservalue(L, -1, uservalue) == LUA_TNIL) return lua_pop(L, 1), 0;
  lua_pushnil(L);
  lua_setiuservalue(L, -3, uservalue);
  lua_pushvalue(L, -2);
  if (cs_pcall(f, 1, 1)) {
    cs_frame_error(f);
  } else {
    refused = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    lua_pop(L, 1);
  }
  return refused;
}

static int call_back(struct cs_frame *f) {
  int refused = call_one(f, CS_UV_CLOSE);
  call_one(f, CS_UV_TOLD);
  return refused;
}

/* Nobody may wait for a descriptor that is about to be closed. */
static void unwatch(struct cs_frame *f, struct cs_socket *s) {
  struct cs_handle *watcher = s->watcher;
  if (watcher) s->rt->ops[watcher->kind]->unwatch(f, watcher, s);
  s->watcher = NULL;
}

/* Ends the life of a lent socket. If its Socket is reached, and on top of the stack,
 * its callback is called, once; whatever that does the descriptor is closed, unless it
 * was taken (detach) or is a stranger's by now. */
static int end_lent(struct cs_frame *f, struct cs_socket *s, int reached) {
  int refused = 0;
  CS_CHECK(s->state == CS_LENT || s->state == CS_LOST);
  CS_CHECK(f || !reached);
  s->refs++;
  cs_link_drop(&s->in_pool);
  cs_link_drop(&s->in_opener);
  unwatch(f, s);
  if (cs_same(s))
    s->state = CS_CLOSING;
  else
    cs_socket_end(s, CS_CLOSED);
  if (reached) refused = call_back(f);
  if (f && s->rt->trace) s->rt->trace(f, s);
  if (s->state == CS_CLOSING && cs_socket_close(s)) refused = 1;
  if (reached) {
    cs_socket_retire(f->L);
    lua_pop(f->L, 1);
  }
  cs_socket_unref(s);
  return refused;
}

/* The library closed the socket without telling, or lost it. */
static void end_lost(struct cs_frame *f, struct cs_socket *s) {
  end_lent(f, s, cs_pool_unanchor(f->L, f->self, s));
}

/* Each socket that the library closes was opened by us. So what it means by a number
 * that is not lent, or not reached from here, has been closed before, and is nobody's
 * or a stranger's by now. */
int cs_close_event(struct cs_runtime *rt, int fd) {
  struct cs_frame *f = rt->frame;
  struct cs_socket *s = cs_ledger_find(rt, fd);
  if (!s || s->state != CS_LENT) return 0;
  if (!f) return end_lent(f, s, 0);
  return cs_pool_unanchor(f->L, f->self, s) ? end_lent(f, s, 1) : 0;
}

/* A socket of the pool that was closed without a word, if the frame leads to it. */
static struct cs_socket *find_moved(struct cs_frame *f, const struct cs_pool *p) {
  for (struct cs_link *l = p->sockets.next; l != &p->sockets; l = l->next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, in_pool);
    if (cs_same(s) || !cs_pool_find(f->L, f->self, s)) continue;
    lua_pop(f->L, 1);
    return s;
  }
  return NULL;
}

/* A connection that a share has left to the shutdown list of a multi may be closed there
 * without a word, when the share is gone. */
static void end_moved(struct cs_frame *f) {
  const struct cs_link *pools = &f->handle->rt->pools;
  for (struct cs_link *l = pools->next, *next; l != pools; l = next) {
    struct cs_pool *p = cs_item(l, struct cs_pool, gone);
    struct cs_socket *s;
    p->refs++;
    while ((s = find_moved(f, p))) end_lost(f, s);
    next = l->next; /* a callback may have ended others */
    cs_pool_unref(p);
  }
}

void cs_tell_lost(struct cs_frame *f, struct cs_pool *p) {
  end_moved(f);
  while (!cs_link_empty(&p->sockets)) {
    struct cs_socket *s = cs_item(p->sockets.next, struct cs_socket, in_pool);
    if (s->state != CS_LOST) return;
    end_lost(f, s);
  }
}

void cs_transfer_ended(struct cs_frame *f, struct cs_link *opened) {
  while (!cs_link_empty(opened)) {
    struct cs_socket *s = cs_item(opened->next, struct cs_socket, in_opener);
    cs_link_drop(&s->in_opener);
    if (!cs_same(s)) end_lost(f, s);
  }
}

void cs_pool_ended(struct cs_frame *f, struct cs_pool *p, int elsewhere) {
  struct cs_link lost;
  cs_link_init(&lost);
  for (struct cs_link *l = p->sockets.next, *next; l != &p->sockets; l = next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, in_pool);
    next = l->next;
    if (elsewhere && cs_same(s)) continue;
    cs_link_drop(l);
    cs_link_append(&lost, l);
  }
  while (!cs_link_empty(&lost))
    end_lost(f, cs_item(lost.next, struct cs_socket, in_pool));
  cs_tell_lost(f, p); /* a callback has opened a descriptor that got the number of one */
}
