/* SPDX-License-Identifier: MIT
 *
 * passing.c - descriptors that go over UNIX sockets (SCM_RIGHTS). What is received has an
 * owner, or is closed, before anything that can fail.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0 /* cs_fd_cloexec does it */
#endif

/* Room for what the kernel may put beside a descriptor: credentials, a label. */
union control {
  struct cmsghdr header;
  char bytes[256];
};

/* Other sockets carry the data and drop the descriptor. */
static int is_unix(int fd) {
  struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
  socklen_t len = sizeof own;
  return !getsockname(fd, (struct sockaddr *)&own, &len) && own.ss_family == AF_UNIX;
}

/* ---- sending ----------------------------------------------------------------------- */

/* Raises an error if there is no descriptor to be sent at index 2. */
static void check_passed(lua_State *L) {
  if (cs_socket_test(L, 2)) return;
  if (lua_type(L, 2) != LUA_TNUMBER) luaL_typeerror(L, 2, "Socket or descriptor");
  cs_int_arg(L, 2, 0, INT_MAX);
}

/* The descriptor at index 2, an integer or that of a Socket that is the script's. */
static int passed_fd(lua_State *L) {
  const struct cs_socket *s = cs_socket_test(L, 2);
  if (!s) return (int)lua_tointeger(L, 2);
  if (!(CS_IF_CLOSING & 1 << s->state) || !cs_same(s))
    luaL_argerror(L, 2, s->fd < 0 ? "the socket is closed" : "the socket is not yours");
  return s->fd;
}

static void put_fd(struct msghdr *m, union control *c, int fd) {
  memset(c, 0, sizeof *c);
  m->msg_control = c->bytes;
  m->msg_controllen = CMSG_SPACE(sizeof fd);
  struct cmsghdr *h = CMSG_FIRSTHDR(m);
  h->cmsg_level = SOL_SOCKET;
  h->cmsg_type = SCM_RIGHTS;
  h->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(h), &fd, sizeof fd);
}

/* socket:sendfd(descriptor [, data [, seconds]]): sends a copy of the descriptor of a
 * Socket, which stays the script's, or of an integer, over a UNIX socket, and with it the
 * string data: at least a byte; one NUL if there is none. Returns how many bytes were
 * sent, which may be fewer than all: the descriptor went with the first. seconds, and
 * failure, as send's; "EOPNOTSUPP" if the socket is no UNIX socket.
 * -> sent: integer | nil, message, name */
int cs_socket_sendfd(lua_State *L) {
  size_t size = 1;
  const char *data = lua_isnoneornil(L, 3) ? "" : luaL_checklstring(L, 3, &size);
  luaL_argcheck(L, size > 0, 3, "data expected, got \"\"");
  struct cs_wait w = cs_wait_arg(L, 4);
  check_passed(L);
  struct cs_socket *s = cs_socket_check(L, "sendfd", CS_IF_CLOSING);
  union control control;
  struct iovec part = {(char *)data, size};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
  put_fd(&m, &control, passed_fd(L));
  if (!is_unix(s->fd)) return cs_fail_errno(L, EOPNOTSUPP, "sendfd");
  ssize_t n;
  do n = sendmsg(s->fd, &m, w.timed ? MSG_NOSIGNAL | MSG_DONTWAIT : MSG_NOSIGNAL);
  while (n < 0 && cs_fd_again(s->fd, POLLOUT, &w));
  if (n < 0) return cs_fail_errno(L, errno, "sendfd");
  lua_pushinteger(L, n);
  return 1;
}

/* ---- receiving --------------------------------------------------------------------- */

/* Takes a descriptor out of a control message; what was taken before is closed. */
static void take_fd(int *taken, const unsigned char *data) {
  if (*taken >= 0) close(*taken);
  memcpy(taken, data, sizeof *taken);
  if (!MSG_CMSG_CLOEXEC) cs_fd_cloexec(*taken);
}

/* The descriptor that came with the message: 0, or an errno, and then all are closed. fd
 * is -1 if none came. */
static int take_only_fd(struct msghdr *m, int *fd) {
  size_t count = 0;
  *fd = -1;
  for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    const unsigned char *data = CMSG_DATA(h), *end = (unsigned char *)h + h->cmsg_len;
    for (; data < end; data += sizeof *fd, count++) take_fd(fd, data);
  }
  int truncated = m->msg_flags & MSG_CTRUNC;
  if (count == 0) return truncated ? EMFILE : 0;
  if (count == 1 && !truncated) return 0;
  close(*fd);
  return EBADMSG;
}

/* Owns the descriptor that came with the message: 1; 0 if none came, or -1 and errno. */
static int own_fd(struct cs_socket *s, struct msghdr *m) {
  int fd, code = take_only_fd(m, &fd);
  if (!code && fd >= 0) code = cs_socket_own(s, fd);
  errno = code;
  if (code) return -1;
  s->connected = fd >= 0 && cs_fd_is_connected(fd);
  return fd >= 0;
}

/* socket:recvfd([size [, seconds]]): receives a descriptor that was sent over a UNIX
 * socket, and the data it came with: a Socket, owned and close-on-exec, and a string of
 * at most size (4096) bytes. If data comes without one: nil and the data, "" at the end
 * of a stream. seconds, and failure, as recv's; more than one descriptor is "EBADMSG",
 * one of something else "ENOTSOCK", one for which this process has no room "EMFILE":
 * these are closed, and the data is lost.
 * -> Socket, data: string | nil, data: string | nil, message, name */
int cs_socket_recvfd(lua_State *L) {
  luaL_Buffer b;
  size_t size = lua_isnoneornil(L, 2) ? 4096 : (size_t)cs_int_arg(L, 2, 1, INT_MAX);
  struct cs_wait w = cs_wait_arg(L, 3);
  struct cs_socket *new = cs_socket_push(L, cs_runtime(L));
  struct iovec part = {luaL_buffinitsize(L, &b, size), size};
  struct cs_socket *s = cs_socket_check(L, "recvfd", CS_IF_CLOSING);
  union control control;
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
  ssize_t n;
  do {
    m.msg_controllen = sizeof control;
    n = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC | (w.timed ? MSG_DONTWAIT : 0));
  } while (n < 0 && cs_fd_again(s->fd, POLLIN, &w));
  int got = n < 0 ? -1 : own_fd(new, &m);
  if (got < 0) return cs_fail_errno(L, errno, "recvfd");
  luaL_pushresultsize(&b, (size_t)n);
  if (got) return 2;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}
