/* SPDX-License-Identifier: MIT
 *
 * fd.c - descriptors of sockets, and calls on them that wait. Nothing here touches Lua.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

/* Waits for the events. 1, or 0 and an errno: EAGAIN when the time has passed. */
static int ready(int fd, short events, double until) {
  struct pollfd p = {fd, events, 0};
  for (;;) {
    double left = (until - cs_now()) * 1000;
    if (left <= 0) return errno = EAGAIN, 0;
    int n = poll(&p, 1, left < INT_MAX ? (int)left + 1 : INT_MAX);
    if (n > 0) return 1;
    if (n < 0 && errno != EINTR) return 0;
  }
}

/* Whether a call that just failed is to be made again. Keeps errno. */
int cs_fd_again(int fd, short events, const struct cs_wait *w) {
  if (errno == EINTR) return 1;
  return w->timed && errno == EAGAIN && ready(fd, events, w->until);
}

/* Makes the descriptor non-blocking for a call that has no flag for it; the old flags,
 * or -1 and errno. */
static int set_nonblock(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -1 : flags;
}

static void set_flags(int fd, int flags) {
  int code = errno;
  if (flags >= 0) fcntl(fd, F_SETFL, flags);
  errno = code;
}

/* ---- descriptors ------------------------------------------------------------------ */

void cs_fd_cloexec(int fd) {
  int flags = fcntl(fd, F_GETFD);
  if (flags >= 0 && !(flags & FD_CLOEXEC)) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

/* Gives a new descriptor what the call that made it could not. Keeps errno. */
static int complete(int fd) {
  int code = errno;
#ifndef SOCK_CLOEXEC
  if (fd >= 0) cs_fd_cloexec(fd);
#endif
#ifdef SO_NOSIGPIPE
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
  errno = code;
  return fd;
}

int cs_fd_open(int family, int socktype, int protocol) {
#ifdef SOCK_CLOEXEC
  socktype |= SOCK_CLOEXEC;
#endif
  return complete(socket(family, socktype, protocol));
}

static int accept_one(int fd, struct sockaddr *sa, socklen_t *len) {
#ifdef SOCK_CLOEXEC
  return complete(accept4(fd, sa, len, SOCK_CLOEXEC));
#else
  int new = complete(accept(fd, sa, len));
  /* It may have inherited O_NONBLOCK; with accept4 it never does. */
  if (new >= 0) fcntl(new, F_SETFL, 0);
  return new;
#endif
}

int cs_fd_accept(int fd, struct cs_address *a, const struct cs_wait *w) {
  int flags = w->timed ? set_nonblock(fd) : -1, new;
  socklen_t len;
  if (w->timed && flags < 0) return -1; /* it would wait for ever */
  do {
    len = sizeof a->u;
    new = accept_one(fd, &a->u.sa, &len);
  } while (new < 0 && cs_fd_again(fd, POLLIN, w));
  set_flags(fd, flags);
  cs_address_set_length(a, len);
  return new;
}

/* Waits for a connection that is being made: 0 or an errno. */
static int connecting(int fd, const struct cs_wait *w) {
  int code = 0;
  socklen_t len = sizeof code;
  if (!ready(fd, POLLOUT, w->timed ? w->until : (double)INFINITY))
    return errno == EAGAIN ? ETIMEDOUT : errno;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) ? errno : code;
}

/* Connects: 0 or an errno. A connect that a signal interrupts goes on by itself. A UNIX
 * socket whose listener is busy cannot be waited for (EAGAIN): it is asked again. */
static int dial(int fd, const struct cs_address *a, const struct cs_wait *w) {
  while (connect(fd, &a->u.sa, a->len)) {
    if (errno == EINTR) return connecting(fd, w);
    if (w->timed && (errno == EINPROGRESS || errno == EALREADY)) return connecting(fd, w);
    if (!w->timed || errno != EAGAIN) return errno;
    if (cs_now() >= w->until) return ETIMEDOUT;
    poll(NULL, 0, 5);
  }
  return 0;
}

int cs_fd_dial(int fd, const struct cs_address *a, const struct cs_wait *w) {
  int flags = w->timed ? set_nonblock(fd) : -1;
  if (w->timed && flags < 0) return errno;
  int code = dial(fd, a, w);
  set_flags(fd, flags);
  return code;
}

int cs_fd_type(int fd) {
  int type = -1;
  socklen_t len = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ? -1 : type;
}

int cs_fd_is_connected(int fd) {
  struct sockaddr_storage peer;
  socklen_t len = sizeof peer;
  int type = cs_fd_type(fd);
  return (type == SOCK_STREAM || type == SOCK_DGRAM) &&
         !getpeername(fd, (struct sockaddr *)&peer, &len);
}

/* Tells the address what kind of socket it is of. */
void cs_fd_describe(struct cs_address *a, int fd) {
  a->socktype = cs_fd_type(fd);
#ifdef SO_PROTOCOL
  socklen_t len = sizeof a->protocol;
  getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &a->protocol, &len);
#endif
}

/* Reads what is compared of an address, and returns its port; 0 for one without. */
static int read_end(struct cs_end *end, struct cs_address *a) {
  const in_port_t *port = cs_address_port(a);
  size_t size;
  const unsigned char *bytes = cs_address_bytes(a, &size);
  *end = (struct cs_end){0};
  if (!bytes || !port) return 0;
  end->family = cs_address_family(a);
  memcpy(end->bytes, bytes, size);
  return ntohs(*port);
}

int cs_fd_port(int fd) {
  struct cs_address local = {0};
  local.len = sizeof local.u;
  if (getsockname(fd, &local.u.sa, &local.len)) return 0;
  const in_port_t *port = cs_address_port(&local);
  return port ? ntohs(*port) : -1;
}

int cs_fd_ends(int fd, struct cs_ends *ends) {
  struct cs_address local = {0}, peer = {0};
  local.len = peer.len = sizeof local.u;
  if (getpeername(fd, &peer.u.sa, &peer.len)) return 0;
  if (getsockname(fd, &local.u.sa, &local.len)) return 0;
  read_end(&ends->peer, &peer);
  ends->port = read_end(&ends->local, &local);
  return 1;
}

int cs_fd_pair(int socktype, int fds[2]) {
#ifdef SOCK_CLOEXEC
  socktype |= SOCK_CLOEXEC;
#endif
  if (socketpair(AF_UNIX, socktype, 0, fds)) return errno;
  complete(fds[0]);
  complete(fds[1]);
  return 0;
}
