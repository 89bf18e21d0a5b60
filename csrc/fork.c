/* SPDX-License-Identifier: MIT
 *
 * fork.c - handles that a fork has copied. libcurl promises nothing for them: to free one
 * would speak on connections that the parent still has (TLS and FTP say goodbye), take its
 * descriptors out of the epoll that both have, write its cookies, and join threads that the
 * child has not got. So in the child libcurl never hears of them again (its memory stays), and
 * their end is the end of copies of descriptors, which the parent does not notice.
 */
#include <pthread.h>

#include "curlsock.h"

unsigned cs_forks;

static void count_fork(void) { cs_forks++; }

static void watch(void) { pthread_atfork(NULL, NULL, count_fork); }

void cs_fork_watch(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch);
}

static void drop_sockets(const struct cs_pool *p) {
  while (!cs_link_empty(&p->sockets))
    cs_socket_close(cs_item(p->sockets.next, struct cs_socket, in_pool));
}

static void abandon_easy(struct cs_easy *e) {
  cs_link_drop(&e->in_multi);
  cs_link_drop(&e->in_share);
  cs_link_drop(&e->in_done);
  while (!cs_link_empty(&e->opened)) cs_link_drop(e->opened.next);
  e->multi = NULL;
  e->share = NULL;
  e->curl = NULL;
  cs_lists_free(e);
}

static void abandon_multi(struct cs_multi *m) {
  while (!cs_link_empty(&m->easies))
    abandon_easy(cs_item(m->easies.next, struct cs_easy, in_multi));
  cs_event_free(m);
  m->curl = NULL;
}

static void abandon_share(struct cs_share *s) {
  while (!cs_link_empty(&s->easies))
    abandon_easy(cs_item(s->easies.next, struct cs_easy, in_share));
  s->curl = NULL;
}

void cs_abandon(struct cs_handle *h) {
  if (h->kind == CS_EASY) abandon_easy((struct cs_easy *)h);
  if (h->kind == CS_MULTI) abandon_multi((struct cs_multi *)h);
  if (h->kind == CS_SHARE) abandon_share((struct cs_share *)h);
  drop_sockets(h->pool);
}
