/* SPDX-License-Identifier: MIT
 *
 * ledger.c - who owns which descriptor: the table by number, and the identity of a
 * socket. Nothing here touches Lua.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"

struct cs_socket *cs_socket_new(struct cs_runtime *rt) {
  struct cs_socket *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->refs = 1;
  s->fd = -1;
  s->state = CS_CLOSED;
  s->rt = rt;
  s->id = ++rt->ids;
  cs_link_init(&s->in_pool);
  cs_link_init(&s->in_opener);
  cs_link_init(&s->line.in_key);
  cs_link_init(&s->all);
  cs_link_append(&rt->sockets, &s->all);
  return s;
}

void cs_socket_unref(struct cs_socket *s) {
  CS_CHECK(s->refs > 0);
  if (--s->refs) return;
  CS_CHECK(s->fd < 0 && s->state >= CS_CLOSED);
  CS_CHECK(cs_link_empty(&s->in_pool) && cs_link_empty(&s->in_opener));
  cs_link_drop(&s->all);
  free(s->line.ends);
  free(s);
}

int cs_same(const struct cs_socket *s) {
  struct stat st;
  if (s->fd < 0) return 0;
  /* Only EBADF says that it was closed: the kernel may be out of memory. */
  if (fstat(s->fd, &st)) return errno != EBADF;
  return st.st_dev == s->dev && st.st_ino == s->ino;
}

/* Writes the identity of descriptor fd to s. 0, or EBADF or ENOTSOCK. */
static int identify(struct cs_socket *s, int fd) {
  struct stat st;
  if (fstat(fd, &st)) return errno;
  if (!S_ISSOCK(st.st_mode)) return ENOTSOCK;
  s->dev = st.st_dev;
  s->ino = st.st_ino;
  return 0;
}

struct cs_socket *cs_ledger_find(const struct cs_runtime *rt, int fd) {
  return fd >= 0 && (size_t)fd < rt->size ? rt->table[fd] : NULL;
}

/* Room for descriptor fd in the table; 0 without memory. */
static int reserve(struct cs_runtime *rt, int fd) {
  if ((size_t)fd < rt->size) return 1;
  size_t size = rt->size ? rt->size : 32;
  while (size <= (size_t)fd) size *= 2;
  struct cs_socket **table = realloc(rt->table, size * sizeof(struct cs_socket *));
  if (!table) return 0;
  for (size_t i = rt->size; i < size; i++) table[i] = NULL;
  rt->table = table;
  rt->size = size; /* analyzer: the runtime has it, and frees it */
  return 1;
}

/* The number came back, so what stood there was closed behind our back. A lent socket
 * waits, lost and as the first of its pool, for its close event. */
static void lose(struct cs_socket *old) {
  CS_CHECK(old->fd >= 0 && old->rt->table[old->fd] == old);
  if (old->state == CS_OWNED) {
    cs_socket_end(old, CS_CLOSED);
    return;
  }
  old->rt->table[old->fd] = NULL;
  old->fd = -1;
  old->watcher = NULL;
  if (old->state != CS_LENT) return;
  old->state = CS_LOST;
  cs_unkey(old);
  cs_link_drop(&old->in_pool);
  cs_link_append(old->pool->sockets.next, &old->in_pool);
}

int cs_socket_take(struct cs_socket *s, int fd, enum cs_state state) {
  CS_CHECK(s->state >= CS_CLOSED && s->fd < 0 && !s->pool);
  CS_CHECK(state == CS_OWNED || state == CS_BORROWED);
  int code = identify(s, fd);
  if (code) return code;
  if (!reserve(s->rt, fd)) return ENOMEM; /* analyzer: the table is the runtime's */
  struct cs_socket *old = s->rt->table[fd];
  CS_CHECK(!old || old->dev != s->dev || old->ino != s->ino);
  if (old) lose(old);
  s->rt->table[fd] = s;
  s->rt->open++;
  s->refs++;
  s->fd = fd;
  s->state = state;
  return 0;
}

static void leave(struct cs_socket *s) {
  cs_pool_give_back(s->pool, s);
  cs_pool_unref(s->pool);
  s->pool = NULL;
}

int cs_socket_end(struct cs_socket *s, enum cs_state state) {
  int fd = s->fd, entered = s->state < CS_CLOSED;
  CS_CHECK(state >= CS_CLOSED);
  CS_CHECK(s->rt); /* what empty boxes share has none, and is never written to */
  cs_link_drop(&s->in_pool);
  cs_link_drop(&s->in_opener);
  cs_unkey(s);
  if (s->pool) leave(s);
  if (cs_ledger_find(s->rt, fd) == s) s->rt->table[fd] = NULL;
  s->fd = -1;
  s->state = state;
  if (!entered) return fd;
  s->rt->open--;
  cs_socket_unref(s);
  return fd;
}

int cs_socket_close(struct cs_socket *s) {
  int same = cs_same(s), fd = cs_socket_end(s, CS_CLOSED);
  /* After EINTR the descriptor is gone too, wherever we run. */
  return same && close(fd) && errno != EINTR ? errno : 0;
}

void cs_lend(struct cs_socket *s, struct cs_pool *pool, struct cs_link *opened) {
  CS_CHECK(s->state == CS_OWNED && !s->pool);
  CS_CHECK(s->slot > 0);
  CS_CHECK(cs_ledger_find(s->rt, s->fd) == s);
  s->state = CS_LENT;
  s->pool = pool;
  s->line.since = cs_now();
  pool->refs++;
  cs_link_append(&pool->sockets, &s->in_pool);
  cs_link_append(opened, &s->in_opener);
  cs_link_append(&pool->lines.unkeyed, &s->line.in_key);
}
