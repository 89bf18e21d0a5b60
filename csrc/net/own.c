/* SPDX-License-Identifier: MIT
 *
 * own.c - which addresses are this host's own. The kernel is asked each time, so that the
 * answer holds when addresses come and go, and in the namespace where the caller is.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

/* ---- what the routes say ----------------------------------------------------------- */

#ifdef __linux__

#include <linux/rtnetlink.h>

struct question {
  struct nlmsghdr head;
  struct rtmsg route;
  struct rtattr to;
  unsigned char bytes[16];
};

struct answer {
  struct nlmsghdr head;
  struct rtmsg route;
};

static int ask(int fd, const unsigned char *bytes, size_t size, struct answer *a) {
  struct question q = {{0}, {0}, {0}, {0}};
  q.head.nlmsg_len = (uint32_t)(offsetof(struct question, bytes) + size);
  q.head.nlmsg_type = RTM_GETROUTE;
  q.head.nlmsg_flags = NLM_F_REQUEST;
  q.route.rtm_family = size == 4 ? AF_INET : AF_INET6;
  q.route.rtm_dst_len = (unsigned char)(8 * size);
  q.to.rta_type = RTA_DST;
  q.to.rta_len = (unsigned short)RTA_LENGTH(size);
  memcpy(q.bytes, bytes, size);
  return send(fd, &q, q.head.nlmsg_len, 0) == (ssize_t)q.head.nlmsg_len &&
         recv(fd, a, sizeof *a, MSG_DONTWAIT) == (ssize_t)sizeof *a &&
         a->head.nlmsg_type == RTM_NEWROUTE;
}

/* Whether a route leads to this host: whole networks may, as 127.0.0.0/8 does. -1 if the
 * kernel does not say. */
static int is_routed_here(const unsigned char *bytes, size_t size) {
  struct answer a;
  int fd = cs_fd_open(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0) return -1;
  int answered = ask(fd, bytes, size, &a);
  close(fd);
  if (!answered) return -1;
  return a.route.rtm_type == RTN_LOCAL || a.route.rtm_type == RTN_ANYCAST;
}

#else

static int is_routed_here(const unsigned char *bytes, size_t size) {
  (void)bytes, (void)size;
  return -1;
}

#endif

/* ---- what a datagram would have as its source -------------------------------------- */

/* Whether a socket that is connected with the address has it for its own. -1 and errno if
 * it cannot be connected; what no route leads to is elsewhere. */
static int is_source(const struct cs_address *a) {
  struct cs_address own = {0}, to = *a;
  socklen_t len = sizeof own.u;
  int fd = cs_fd_open(cs_address_family(a), SOCK_DGRAM, 0);
  if (fd < 0) return -1;
  *cs_address_port(&to) = htons(9); /* some systems refuse 0 */
  int failed = connect(fd, &to.u.sa, to.len) || getsockname(fd, &own.u.sa, &len);
  int code = failed ? errno : 0;
  close(fd);
  errno = code;
  if (failed) return code == ENETUNREACH || code == EHOSTUNREACH ? 0 : -1;
  cs_address_set_length(&own, len);
  size_t size, own_size;
  const unsigned char *bytes = cs_address_bytes(a, &size);
  const unsigned char *own_bytes = cs_address_bytes(&own, &own_size);
  return own_bytes && size == own_size && !memcmp(bytes, own_bytes, size);
}

/* ---- the question ------------------------------------------------------------------ */

/* The kernel connects an IPv4 address that is mapped into IPv6 by IPv4. */
static struct cs_address unmapped(const struct cs_address *a) {
  struct cs_address b = *a;
  if (cs_address_family(a) != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
    return b;
  cs_address_set_family(&b, AF_INET);
  memcpy(&b.u.in.sin_addr, a->u.in6.sin6_addr.s6_addr + 12, 4);
  return b;
}

int cs_address_is_own(const struct cs_address *address) {
  static const unsigned char any[16];
  struct cs_address a = unmapped(address);
  size_t size;
  const unsigned char *bytes = cs_address_bytes(&a, &size);
  if (!bytes || !memcmp(bytes, any, size)) return 1;
  int own = is_routed_here(bytes, size);
  return own < 0 ? is_source(&a) : own;
}
