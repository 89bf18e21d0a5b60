/* SPDX-License-Identifier: MIT
 *
 * netns.c - sockets in another network namespace. A thread of its own goes there and
 * makes the socket: whatever fails, the caller never leaves the namespace that it is in.
 */
#include <errno.h>

#include "net.h"

#ifdef __linux__

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

struct job {
  int netns, family, socktype, protocol;
  int fd, code;
};

static void *make_there(void *arg) {
  struct job *j = arg;
  j->fd = setns(j->netns, CLONE_NEWNET) ? -1
                                        : cs_fd_open(j->family, j->socktype, j->protocol);
  j->code = j->fd < 0 ? errno : 0;
  return NULL;
}

/* Runs the job in a thread that handles no signal: 0 or an errno. */
static int run(struct job *j) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&thread, NULL, make_there, j);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code) return code;
  pthread_join(thread, NULL);
  return j->code;
}

int cs_netns_open(const char *path, int family, int socktype, int protocol) {
  /* What is no namespace, a FIFO for one, must not wait for its other end. */
  struct job j = {
      open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), family, socktype, protocol, -1, 0};
  if (j.netns < 0) return -1;
  int code = run(&j);
  close(j.netns);
  errno = code;
  return j.fd;
}

#else

int cs_netns_open(const char *path, int family, int socktype, int protocol) {
  (void)path, (void)family, (void)socktype, (void)protocol;
  errno = ENOSYS;
  return -1;
}

#endif
