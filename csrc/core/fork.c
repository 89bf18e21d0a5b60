/* SPDX-License-Identifier: MIT
 *
 * fork.c - handles that a fork has copied. libcurl promises nothing for them: to free
 * one would speak on connections that the parent still has (TLS and FTP say goodbye),
 * take its descriptors out of the epoll that both have, write its cookies, and join
 * threads that the child has not got. So in the child libcurl never hears of them again
 * (its memory stays), and their end is the end of copies of descriptors, which the
 * parent does not notice.
 */
#include <pthread.h>

#include "core.h"

unsigned cs_forks;

static void count_fork(void) { cs_forks++; }

static void watch(void) { pthread_atfork(NULL, NULL, count_fork); }

void cs_fork_watch(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch);
}
