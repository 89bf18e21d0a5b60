/* SPDX-License-Identifier: MIT
 *
 * ledger.c - who owns which descriptor: the table by number, and the identity of a
 * socket. Nothing here touches Lua.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "curlsock.h"

struct cs_socket *cs_socket_new(struct cs_runtime *rt) {
  struct cs_socket *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->refs = 1;
  s->fd = -1;
  s->state = CS_CLOSED;
  s->rt = rt;
  cs_link_init(&s->in_pool);
  cs_link_init(&s->in_opener);
  cs_link_init(&s->all);
  cs_link_append(&rt->sockets, &s->all);
  return s;
}

void cs_socket_unref(struct cs_socket *s) {
  if (--s->refs) return;
  cs_link_drop(&s->all);
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
  rt->size = size;
  return 1;
}

/* The number came back, so what stood there was closed behind our back. A lent socket
 * waits, with no descriptor and as the first of its pool, for its close event. */
static void put_aside(struct cs_socket *old) {
  old->rt->table[old->fd] = NULL;
  old->fd = -1;
  old->watcher = NULL;
  if (old->state == CS_OWNED) cs_socket_end(old, CS_CLOSED);
  if (old->state != CS_LENT) return;
  cs_link_drop(&old->in_pool);
  cs_link_append(old->pool->sockets.next, &old->in_pool);
}

int cs_socket_take(struct cs_socket *s, int fd, enum cs_state state) {
  int code = identify(s, fd);
  if (code) return code;
  if (!reserve(s->rt, fd)) return ENOMEM;
  if (s->rt->table[fd]) put_aside(s->rt->table[fd]);
  s->rt->table[fd] = s;
  s->rt->live[3]++;
  s->refs++;
  s->fd = fd;
  s->state = state;
  return 0;
}

int cs_socket_end(struct cs_socket *s, enum cs_state state) {
  int fd = s->fd, entered = s->state < CS_CLOSED;
  cs_link_drop(&s->in_pool);
  cs_link_drop(&s->in_opener);
  if (s->pool) cs_pool_unref(s->pool);
  if (cs_ledger_find(s->rt, fd) == s) s->rt->table[fd] = NULL;
  s->pool = NULL;
  s->fd = -1;
  s->state = state;
  if (!entered) return fd;
  s->rt->live[3]--;
  cs_socket_unref(s);
  return fd;
}

int cs_socket_close(struct cs_socket *s) {
  int same = cs_same(s), fd = cs_socket_end(s, CS_CLOSED);
  /* After EINTR the descriptor is gone too, wherever we run. */
  return same && close(fd) && errno != EINTR ? errno : 0;
}

void cs_lend(struct cs_socket *s, struct cs_pool *pool, struct cs_easy *e) {
  s->state = CS_LENT;
  s->pool = pool;
  pool->refs++;
  cs_link_append(&pool->sockets, &s->in_pool);
  cs_link_append(&e->opened, &s->in_opener);
}
